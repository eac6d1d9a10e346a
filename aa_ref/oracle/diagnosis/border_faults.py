"""What is wrong with the rule beyond the ends of one axis, of axes shorter than the filter, too."""

from collections.abc import Sequence

import numpy as np

from ..edges import OTHER_RULES, bordered_row
from .accuracy import Accuracy
from .axes import AxisStudy
from .borders import Border, read_borders
from .further import Further
from .readings import Reading, read_axis
from .unread_ends import Unread, read_unread

__all__ = ["judge_borders", "judge_short_axes", "note_no_padding"]

_ENDS = ("first", "last")


def judge_borders(study: AxisStudy, further: Further | None, accuracy: Accuracy) -> None:
    """Compare outputs whose footprint reaches beyond an end with the rules that there are."""
    reading, a = study.telling, study.telling.plan
    if not reading.steady:
        return
    ends = _ends(reading, accuracy)
    unread = read_unread(reading, accuracy)
    if unread is not None and study.has_filter:
        _judge_unread(study, ends, unread)
        return
    if further is not None and ends[1].rules:
        ends = _at_other_lengths(study, further, accuracy, ends)
    crossing = (a.centres < a.radius) | (a.centres > a.length - 1 - a.radius)
    if study.has_filter and crossing.any() and not any(e.reaching for e in ends):
        _judge_none(study)
        return
    both = [r for r in ends[0].rules if r in ends[1].rules]
    study.recovered["boundary"] = (
        a.boundary if a.boundary in both else both[0] if both else [e.rules[:1] for e in ends]
    )
    _judge_moved(study, ends)
    if a.boundary in both:
        other = study.other
        unread = None if other is None or not other.is_even else read_unread(other, accuracy)
        if unread is not None and study.has_filter:
            told = " and ".join(filter(None, map(unread.words, _ENDS)))
            study.fault("boundary", f"with {unread.length} samples, {told}")
        return
    if both:
        study.fault("boundary", f"the boundary is {_rules(both)}, not {a.boundary!r}")
        return
    words = "; ".join(_end(e, w, a.boundary) for e, w in zip(ends, _ENDS, strict=True))
    if study.blames("sigma") and not study.width.is_gaussian and not all(e.rules for e in ends):
        study.extend("sigma", f". Whether the boundary is wrong as well cannot be told: {words}")
        return
    study.fault("boundary", words)


def _judge_unread(study: AxisStudy, ends: tuple[Border, Border], unread: Unread) -> None:
    """Samples that are not read, and what else is wrong at either end."""
    expected, words = study.telling.plan.boundary, []
    for where, seen, kept in zip(_ENDS, ends, unread.ends, strict=True):
        missed = unread.words(where)
        end = kept if missed else seen
        if missed:
            words.append(missed)
        if expected not in end.rules:
            words.append(_end(end, where, expected))
    study.recovered["boundary"] = [e.rules[:1] for e in unread.ends]
    study.fault("boundary", "; ".join(words))


def _ends(reading: Reading, accuracy: Accuracy) -> tuple[Border, Border]:
    return read_borders(reading.rows, reading.places.centres, reading.plan.boundary, accuracy)


def _at_other_lengths(
    study: AxisStudy, further: Further, accuracy: Accuracy, ends: tuple[Border, Border]
) -> tuple[Border, Border]:
    """With what other lengths tell, where one leaves several rules open at the last end.

    An axis that is longer by the distance of outputs has one output more, as far from its end: so
    as many lengths in a row as that show all there is to see. Those of the widest overhang come
    first.
    """
    for n in _lengths(study, further):
        if len(ends[1].rules) <= 1:
            break
        more = study.other if n == further.start else _asked(study, further, accuracy, n)
        if more is None or not more.is_even:
            continue
        found = _ends(more, accuracy)
        ends = ends[0].joined(found[0]), ends[1].joined(found[1])
        moved = [(i, c) for e in found for i, c in e.moved if i < more.plan.out_length]
        if moved and not study.blames("phase") and not study.by_length:
            i, c = moved[0]
            study.fault("phase", f"with {n} samples, output {i}, at an end, is centred on {c}")
    return ends


def _lengths(study: AxisStudy, further: Further) -> list[int]:
    reading, start = study.telling, further.start
    if reading is study.other:
        return []
    if study.by_length or not reading.is_even:
        return [start]
    step = round(reading.places.spacing or further.reach[further.axis].step)
    over = []
    for n in range(start + 1, start + step):
        outputs = further.outputs(n)
        if outputs:
            over.append((reading.overhang(further.plan_for(n), outputs), n))
    return [start, *(n for most, n in sorted(over, reverse=True) if most > 0)]


def _asked(study: AxisStudy, further: Further, accuracy: Accuracy, n: int) -> Reading | None:
    matrix = further.matrix(n)
    if matrix is None:
        return None
    return read_axis(matrix, further.plan_for(n), accuracy, study.telling.backwards)


def _judge_none(study: AxisStudy) -> None:
    """No output has a footprint that reaches beyond an end, at any length."""
    reading = study.telling
    if reading.places.centres[0] + reading.rows.first == 0:
        study.drop("phase")  # it begins with the first sample: that is what such a filter does
    note_no_padding(study)


def note_no_padding(study: AxisStudy) -> None:
    """Note that no output reaches beyond an end, in the place of any other rule."""
    study.recovered["boundary"] = "valid"
    study.drop("boundary")
    study.fault(
        "boundary",
        "there are no outputs whose footprint reaches beyond the ends (no padding, 'valid'); "
        f"the boundary is {study.plan.boundary!r}",
    )


def _judge_moved(study: AxisStudy, ends: tuple[Border, Border]) -> None:
    reading = study.telling
    # Where centres follow no rule, those at the ends were guessed: one that is right is no fault.
    guessed, right = not reading.is_even, reading.plan.centres
    moved = [
        (i, c) for e in ends for i, c in e.moved
        if i < len(right) and not (guessed and c == right[i])
    ]  # fmt: skip
    if moved:
        shown = ", ".join(f"output {i} on {c}" for i, c in moved[:3])
        study.fault("phase", f"at the ends, centres are others: {shown}")


def _end(end: Border, where: str, expected: str) -> str:
    if expected in end.rules:
        return f"at the {where} end it is {expected!r} as it should be"
    if end.rules:
        return f"at the {where} end the boundary is {_rules(end.rules)}, not {expected!r}"
    return f"at the {where} end outputs follow no known rule, where {expected!r} is expected"


def _rules(rules: Sequence[str]) -> str:
    """Their names; several, if no length tells them apart."""
    if len(rules) > 1:
        return f"{' or '.join(map(repr, rules))}, which are the same for these taps"
    return f"{rules[0]!r} ({OTHER_RULES[rules[0]]})" if rules[0] in OTHER_RULES else repr(rules[0])


def judge_short_axes(study: AxisStudy, further: Further, accuracy: Accuracy) -> None:
    """Whether an axis that is right where it is long is right where it is short, too.

    A footprint of radius R folds over an end once, at the most, while there are more than R
    samples; so these are R at the most.
    """
    reading, radius = study.telling, study.plan.radius
    least = further.reach[further.axis].least
    for n in sorted({1, 2, radius // 2, radius} - {0}):
        matrix = further.matrix(n) if least <= n <= radius else None
        if matrix is None:
            continue
        a = further.plan_for(n)
        rows = np.array(
            [bordered_row(c, reading.rows.places, reading.rows.taps, n, a.boundary)
             for c in a.centres[: len(matrix)].tolist()]
        )  # fmt: skip
        matrix = matrix[: len(rows)]
        # What the other axes do is a common factor: a mean of ratios, each with its own error.
        factor = float((matrix * rows).sum() / (rows * rows).sum())
        spread = float(np.log(reading.rows.taps.max() / reading.rows.taps.min()))
        limit = 2 * accuracy.ratio(spread) * rows + accuracy.noise(matrix.size) * rows.max()
        if np.any(np.abs(matrix - factor * rows) > limit * abs(factor)):
            study.fault(
                "boundary",
                f"an axis of {n} sample{'s' * (n > 1)}, shorter than the filter, is not extended "
                f"by {a.boundary!r}, though longer ones are",
            )
            return
