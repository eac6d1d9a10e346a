"""From wrong values to findings: what a diagnosis tells, and what the failures have in common.

Or which coarser arithmetic, or which form, explains values that the stated one does not.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dtypes import FLOATING
from .answers import Case
from .calling import Question
from .conventions import Match
from .correlates import are_dense, locality_of, overflow_of, trait_of
from .diagnosis import examine
from .findings import counted
from .numerics.formats import PRECISIONS, as_precision
from .probes import Probe
from .terms import Terms

__all__ = ["Explained", "Explanation", "coarser_precision", "explained", "is_right_by"]

Function = Callable[[NDArray[Any]], NDArray[Any]]

_ENOUGH = 32
"""Outputs, of which a median tells something."""

_OF_CALLS = ("timeout", "error", "dtype", "mutates", "unstable", "adjoint")
"""What every single answer shows by itself, with an example of its own."""

_OF_OTHERS = ("size", "unstable")
"""What outputs at some places do not mislead."""

_MOST_IMPULSES = 1 << 27
"""Samples of all impulses along an axis of a shape; more would take too long to be asked."""


class Explanation(NamedTuple):
    """A finding's code and words, and the failure that is its example, if it is one of values."""

    code: str
    message: str
    failure: Case | None


class Explained(NamedTuple):
    """All explanations, whose convention the function follows, and what was measured of it."""

    found: list[Explanation]
    match: Match | None
    recovered: dict[str, Any]


def explained(
    failures: Sequence[Case],
    compared: Sequence[Case],
    terms: Terms,
    function: Function,
    channels: int | None,
) -> Explained:
    """Say what is wrong with a function whose values or sizes are.

    Of all whose values were ``compared``, right and wrong, the failures come smallest first; there
    are none where sizes alone are wrong. The function raises where it gives no array.
    """
    numbers = [f for f in failures if f.probe.kind != "special"]
    special = [f for f in failures if f.probe.kind == "special"]
    if numbers and {f.probe.kind for f in numbers} == {"memory"}:
        words = "is right for contiguous arrays and wrong for others: read by the array's strides"
        return Explained([_told("values", f"{words}, or copy it first", numbers)], None, {})
    smallest = terms.accepts.shapes[:1]
    if smallest and math.prod(smallest[0]) * max(smallest[0]) > _MOST_IMPULSES:
        found = [
            Explanation(
                "values" if numbers else "nan",
                f"gives values that are wrong; {_worst([f])}; why, answers to smaller shapes alone "
                "can tell", f,
            )
            for f in (numbers or special)[:1]
        ]  # fmt: skip
        return Explained(found, None, {})
    diagnosis = examine(function, terms, channels, _counts(numbers, terms))
    found = [
        Explanation(f.code, f.message, _example(f.code, numbers, special))
        if f.code != "nan" else _of_astray(f.message, numbers, special, diagnosis.recovered)
        for f in diagnosis.findings if f.code not in _OF_CALLS
    ]  # fmt: skip
    reach = diagnosis.recovered.get("rounding_reaches")
    if reach and [e.code for e in found] == ["precision"]:
        found = _of_reach(found[0], reach, numbers, special, terms)
    unstable = [f.message for f in diagnosis.findings if f.code == "unstable"]
    if unstable:  # and nothing else can be told
        found.append(Explanation("unstable", unstable[0], _example("unstable", numbers, special)))
    match, recovered = diagnosis.match, diagnosis.recovered
    local = locality_of(compared, terms)
    if local is not None and not _is_rule_for_centres(found, match):
        if local.misleads:
            found, match = [e for e in found if e.code in _OF_OTHERS], None
            recovered = {}
        seams = recovered.get("seams")  # which these are
        found = [e for e in found if e.message != seams]
        words = (
            f"wrong by their place, whatever the samples are: {local.words}. All others clear of "
            "the ends are right"
        )
        example = next((f for f in numbers if are_dense(f.probe)), numbers[0])
        found.append(_told("values", words, numbers)._replace(failure=example))
    codes = {e.code for e in found}
    if numbers and not codes - {"size", "nan"}:
        rounded = _of_rounding(numbers, compared, terms, recovered)
        found.append(rounded or _of_values(numbers, compared, terms))
    if special and not numbers and "nan" not in codes:
        found.append(_of_specials(special[0]))
    return Explained(found, match, recovered)


def _is_rule_for_centres(found: Sequence[Explanation], match: Match | None) -> bool:
    """Whether a known rule puts some outputs in other places, and leaves others where they are."""
    codes = {e.code for e in found}
    return match is not None and bool(codes) and codes <= {"phase", "stride", "size"}


def _example(code: str, numbers: list[Case], special: list[Case]) -> Case | None:
    """The smallest failure that shows it."""
    if code == "channels":
        numbers = [f for f in numbers if f.probe.kind in ("batch", "memory")] or numbers
    chosen = numbers or special
    return chosen[0] if chosen else None


def _told(code: str, words: str, failures: list[Case]) -> Explanation:
    """Words, how wrong all failures are, and the smallest of these as the example."""
    return Explanation(code, f"{words}; {_worst(failures)}", failures[0])


def _of_astray(
    message: str, numbers: list[Case], special: list[Case], recovered: dict[str, Any]
) -> Explanation:
    """What a diagnosis has found of NaN or infinity, with an example of just that.

    If no probe shows it, then what one does show is told.
    """
    astray = recovered.get("astray")
    if astray is None:  # nothing but NaN comes back
        return Explanation("nan", message, _example("nan", numbers, special))
    for failure in special:
        if astray["what"] in _held_by(failure.probe) and astray["lost"] == _is_lost(failure):
            return Explanation("nan", message, failure)
    return _of_specials(special[0]) if special else Explanation("nan", message, None)


def _held_by(probe: Probe) -> list[str]:
    """The numbers that are not finite in a probe, by name."""
    x = probe.x.astype(np.float64)
    held = {"NaN": np.isnan(x), "infinity": x == np.inf, "minus infinity": x == -np.inf}
    return [name for name, where in held.items() if where.any()]


def _is_lost(failure: Case) -> bool:
    """Whether the element that is told as an example should not be finite, and is another."""
    return not np.isfinite(failure.comparison.expected)


def _of_specials(failure: Case) -> Explanation:
    which = " or ".join(_held_by(failure.probe))
    verb = "belong" if " or " in which else "belongs"
    return Explanation(
        "nan",
        f"{'loses' if _is_lost(failure) else 'spreads'} {which}, which {verb} where the filter, "
        "of 2 radius + 1 taps along each axis, reads it, and nowhere else",
        failure,
    )


def _of_reach(
    found: Explanation, reach: str, numbers: list[Case], special: list[Case], terms: Terms
) -> list[Explanation]:
    """Rounding errors that go with samples which are not read, as do NaN and infinity.

    A bound for transforms holds for no sums that run on from sample to sample.
    """
    answers = [  # but for numbers whose transforms overflow, which are not asked of those
        (f.question, f.y) for f in (*numbers, *special) if f.probe.kind != "huge"
    ]
    message = found.message
    if special and not numbers:
        found = _of_specials(special[0])
        message = f"{found.message}; {message}"
    tried = terms.form != "fft" and reach != "onward"
    if tried and is_right_by(replace(terms, form="fft"), answers):
        message += "; right as form='fft': if transforms are meant, judge it with form='fft'"
    elif special:
        message += "; so do NaN and infinity"
    if found.code == "nan":
        return [found._replace(message=message)]
    lost = [
        f for f in special
        if np.isfinite(f.comparison.got) and not np.isfinite(f.comparison.expected)
    ]  # fmt: skip
    return [found._replace(message=message), *map(_of_specials, lost[:1])]


def _of_rounding(
    failures: list[Case], compared: Sequence[Case], terms: Terms, recovered: dict[str, Any]
) -> Explanation | None:
    """Values that are right but for their rounding, or that of the taps."""
    rounding = recovered.get("rounding", "to nearest")
    if rounding != "to nearest":
        words = f"results are rounded {rounding}, not to nearest, as far as sums tell that may be"
        return _told("precision", f"{words} off by more", failures)
    # Taps that were rounded too finely for a diagnosis to call that a fault of its own.
    axes = [v for v in recovered.values() if isinstance(v, dict)]
    coarse_taps = dict.fromkeys(v["coarse_taps"] for v in axes if v.get("coarse_taps"))
    if coarse_taps:
        return _told("precision", "; ".join(coarse_taps), failures)
    if not _are_coarse(compared, terms):
        return None
    answers, worst = [(f.question, f.y) for f in failures], _worst(failures)
    coarser = coarser_precision(terms, answers)
    if coarser is None:
        return None
    return Explanation(
        "precision",
        f"rounds more coarsely than {terms.precision}: {worst}, and every error is within that of "
        f"{coarser}; if that is meant, judge it with precision={coarser!r}",
        failures[0],
    )


def _of_values(failures: list[Case], compared: Sequence[Case], terms: Terms) -> Explanation:
    overflow = overflow_of([f.comparison.errors for f in failures])
    if overflow:
        return Explanation("values", f"{overflow}; {_worst(failures)}", failures[0])
    wrong = [f.probe for f in failures]
    kinds = dict.fromkeys(probe.kind for probe in wrong)
    right = [c.probe for c in compared if c.fault is None and are_dense(c.probe)]
    trait = trait_of(wrong, right, terms.layout)
    which = f"inputs {trait}, and no others" if trait else ", ".join(kinds)
    return Explanation(
        "values",
        f"gives values that are wrong, on {counted(len(failures), 'probe')} ({which}); "
        f"{_worst(failures)}; answers to impulses show nothing wrong that would explain it",
        failures[0],
    )


def _counts(failures: Sequence[Case], terms: Terms) -> list[tuple[int, int]]:
    """Numbers of batch entries and channels of the wrong answers, the smallest first."""
    name = terms.layout.name
    shapes = [dict(zip(name, f.probe.x.shape, strict=True)) for f in failures]
    return sorted({(s.get("N", 1), s.get("C", 1)) for s in shapes}, key=lambda c: c[0] * c[1])


def _are_coarse(compared: Sequence[Case], terms: Terms) -> bool:
    """Whether errors show that all is held more coarsely: most are too large, in most answers.

    Half of independent roundings make errors below two thirds of their standard deviation. Of
    integers, few errors show; nor do they where only sums that nearly cancel are wrong.
    """
    kinds = {c.probe.kind for c in compared if c.fault is not None}
    if kinds <= {"wide", "special"}:
        return True
    seen = []
    for probe, c in ((case.probe, case.comparison) for case in compared):
        deviations = np.abs(c.deviations[np.isfinite(c.deviations)])
        if are_dense(probe) and deviations.size >= _ENOUGH:
            floating = terms.dtype in FLOATING
            seen.append(bool(np.median(deviations) > 1) if floating else c.grade == "fails")
    return 2 * sum(seen) >= len(seen)


def _worst(failures: list[Case]) -> str:
    worst = max(f.comparison.worst for f in failures)
    if worst == np.inf:
        return "some errors are where none is allowed"
    return f"the worst error is {worst:.3g} times the bound"


def coarser_precision(terms: Terms, answers: Sequence[tuple[Question, NDArray[Any]]]) -> str | None:
    """Find the first coarser preset by whose bound every element of all answers is right.

    None if there is no such preset, or if its bound says nothing of some elements. Presets that
    store what the type holds come first. Answers have the expected shape and type.
    """
    stated, presets = as_precision(terms.precision), dict.fromkeys(PRECISIONS.values())
    for preset in sorted(presets, key=lambda p: p.storage.name != terms.dtype):
        parts = ("operands", "accumulation", "storage")
        finer = any(getattr(preset, p).digits > getattr(stated, p).digits for p in parts)
        other = replace(terms, precision=preset.name)
        if preset != stated and not finer and is_right_by(other, answers):
            return preset.name
    return None


def is_right_by(terms: Terms, answers: Iterable[tuple[Question, NDArray[Any]]]) -> bool:
    """Whether every element of all answers is right by other terms, whose bound says something."""
    return all(
        terms.compare(y, q.x, terms.plan(q.x.shape), q.direction).grade
        in ("bit-identical", "within-bound")
        for q, y in answers
    )
