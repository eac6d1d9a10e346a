"""Faults at the ends of an axis: the rule beyond them, samples that are not read, short axes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..convention_parts import OTHER_RULES, bordered_row
from .blackbox import AxisFault
from .estimate import AxisReading, AxisStudy, EndRule, UnreadEnds, read_axis, read_ends, read_unread
from .impulse_response import OtherLengths
from .tap_models import Accuracy

__all__ = ["judge_ends", "judge_short_axes", "no_padding", "read_at"]

Values = NDArray[np.float64]

_ENDS = ("first", "last")


def judge_ends(
    study: AxisStudy, others: OtherLengths | None, accuracy: Accuracy
) -> list[AxisFault]:
    """Compare outputs whose footprint reaches beyond an end with the rules that there are."""
    reading, a = study.reading, study.reading.plan
    if not reading.steady:
        return []
    ends = read_ends(reading, accuracy)
    faults: list[AxisFault] = []
    unread = read_unread(reading, accuracy)
    if unread is not None and study.has_filter:
        study.recovered["boundary"] = [e.rules[:1] for e in unread.ends]
        return [_unread_fault(a.boundary, ends, unread)]
    if others is not None and ends[1].rules:
        ends, faults = _at_other_lengths(study, others, accuracy, ends)
    crossing = (a.centres < a.radius) | (a.centres > a.length - 1 - a.radius)
    if study.has_filter and crossing.any() and not any(e.reaching for e in ends):
        study.recovered["boundary"] = "valid"
        # It may begin with the first sample: that is what such a filter does.
        begins = reading.grid.centres[0] + reading.rows.first == 0
        return [no_padding(a.boundary, study.shift_codes if begins else ())]
    both = [r for r in ends[0].rules if r in ends[1].rules]
    study.recovered["boundary"] = (
        a.boundary if a.boundary in both else both[0] if both else [e.rules[:1] for e in ends]
    )
    faults += _judge_moved(reading, ends)
    if a.boundary in both:
        other = study.other
        unread = None if other is None or not other.is_even else read_unread(other, accuracy)
        if unread is not None and study.has_filter:
            told = " and ".join(filter(None, map(unread.words, _ENDS)))
            faults.append(AxisFault("boundary", f"with {unread.length} samples, {told}"))
        return faults
    words = "; ".join(_end(e, w, a.boundary) for e, w in zip(ends, _ENDS, strict=True))
    if both:
        words = f"the boundary is {_rules(both)}, not {a.boundary!r}"
    elif study.blames("sigma") and not study.width.is_gaussian and not all(e.rules for e in ends):
        words = f"Whether the boundary is wrong as well cannot be told: {words}"
        return [*faults, AxisFault("sigma", words)]
    return [*faults, AxisFault("boundary", words)]


def _unread_fault(expected: str, ends: tuple[EndRule, EndRule], unread: UnreadEnds) -> AxisFault:
    """Name samples that are not read, and what else is wrong at either end."""
    words = []
    for where, seen, kept in zip(_ENDS, ends, unread.ends, strict=True):
        missed = unread.words(where)
        end = kept if missed else seen
        words += [missed] if missed else []
        words += [] if expected in end.rules else [_end(end, where, expected)]
    return AxisFault("boundary", "; ".join(words))


def _at_other_lengths(
    study: AxisStudy, others: OtherLengths, accuracy: Accuracy, ends: tuple[EndRule, EndRule]
) -> tuple[tuple[EndRule, EndRule], list[AxisFault]]:
    """Add what other lengths tell, where one leaves several rules open at the last end.

    An axis that is longer by the distance of outputs has one output more, as far from its end: so
    as many lengths in a row as that show all there is to see. Those of the widest overhang come
    first.
    """
    moved: list[AxisFault] = []
    for n in _lengths(study, others):
        if len(ends[1].rules) <= 1:
            break
        more = study.other if n == others.start else read_at(others, n, accuracy, study.first)
        if more is None or not more.is_even:
            continue
        found = read_ends(more, accuracy)
        ends = ends[0].joined(found[0]), ends[1].joined(found[1])
        for end in found:
            words = f"with {n} samples, output {{}}, at an end, is centred on {{}}"
            moved += [
                AxisFault("phase", words.format(i, c))
                for i, c in end.moved if i < more.plan.out_length
            ]  # fmt: skip
    return ends, [] if study.blames("phase") or study.by_length else moved[:1]


def _lengths(study: AxisStudy, others: OtherLengths) -> list[int]:
    """List the lengths to be asked, those of the widest overhang first."""
    reading, start = study.reading, others.start
    if reading is study.other:
        return []
    if study.by_length or not reading.is_even:
        return [start]
    step = round(reading.grid.spacing or others.reach[others.axis].step)
    over = []
    for n in range(start + 1, start + step):
        outputs = others.outputs(n)
        if outputs:
            over.append((reading.overhang(others.plan_for(n), outputs), n))
    return [start, *(n for most, n in sorted(over, reverse=True) if most > 0)]


def no_padding(expected: str, explains: tuple[str, ...]) -> AxisFault:
    """Say that no output reaches beyond an end, in the place of any other rule."""
    return AxisFault(
        "boundary",
        "there are no outputs whose footprint reaches beyond the ends (no padding, 'valid'); "
        f"the boundary is {expected!r}",
        ("boundary", *explains),
    )


def _judge_moved(reading: AxisReading, ends: tuple[EndRule, EndRule]) -> list[AxisFault]:
    # Where centres follow no rule, those at the ends were guessed: one that is right is no fault.
    guessed, right = not reading.is_even, reading.plan.centres
    moved = [
        (i, c) for e in ends for i, c in e.moved
        if i < len(right) and not (guessed and c == right[i])
    ]  # fmt: skip
    shown = ", ".join(f"output {i} on {c}" for i, c in moved[:3])
    return [AxisFault("phase", f"at the ends, centres are others: {shown}")] if moved else []


def _end(end: EndRule, where: str, expected: str) -> str:
    if expected in end.rules:
        return f"at the {where} end it is {expected!r} as it should be"
    if end.rules:
        return f"at the {where} end the boundary is {_rules(end.rules)}, not {expected!r}"
    return f"at the {where} end outputs follow no known rule, where {expected!r} is expected"


def _rules(rules: Sequence[str]) -> str:
    """Name rules; several, if no length tells them apart."""
    if len(rules) > 1:
        return f"{' or '.join(map(repr, rules))}, which are the same for these taps"
    return f"{rules[0]!r} ({OTHER_RULES[rules[0]]})" if rules[0] in OTHER_RULES else repr(rules[0])


def judge_short_axes(study: AxisStudy, others: OtherLengths, accuracy: Accuracy) -> list[AxisFault]:
    """Judge whether an axis that is right where it is long is right where it is short, too.

    A footprint of radius R folds over an end once, at the most, while there are more than R
    samples; so these are R at the most.
    """
    reading, radius = study.reading, study.plan.radius
    least, taps = others.reach[others.axis].least, reading.rows.taps
    spread = float(np.log(taps.max() / taps.min()))
    for n in sorted({1, 2, radius // 2, radius} - {0}):
        matrix = others.matrix(n) if least <= n <= radius else None
        if matrix is None:
            continue
        a = others.plan_for(n)
        centres = a.centres[: len(matrix)].tolist()
        rows = np.array(
            [bordered_row(c, reading.rows.offsets, taps, n, a.boundary) for c in centres]
        )
        matrix = matrix[: len(rows)]
        # What the other axes do is a common factor: a mean of ratios, each with its own error.
        factor = float((matrix * rows).sum() / (rows * rows).sum())
        limit = 2 * accuracy.ratio(spread) * rows + accuracy.noise(matrix.size) * rows.max()
        if np.any(np.abs(matrix - factor * rows) > limit * abs(factor)):
            samples = f"{n} sample{'s' * (n > 1)}"
            words = f"an axis of {samples}, shorter than the filter, is not extended by"
            return [AxisFault("boundary", f"{words} {a.boundary!r}, though longer ones are")]
    return []


def read_at(
    others: OtherLengths, length: int, accuracy: Accuracy, first: AxisReading
) -> AxisReading | None:
    """Read the axis at another length, turned as it is at the first."""
    matrix = others.matrix(length)
    if matrix is None:
        return None
    return read_axis(matrix, others.plan_for(length), accuracy, first.backwards)
