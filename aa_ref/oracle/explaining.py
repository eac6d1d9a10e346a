"""From wrong values to findings: what a diagnosis tells, and what the failures have in common."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dtypes import FLOATING
from .calls import Question
from .coarser import coarser_precision, is_right_by
from .comparison import Comparison
from .diagnosis import diagnose
from .diagnosis.words import counted
from .faults import Fault
from .localities import Locality, are_dense, locality_of
from .probes import Probe
from .terms import Terms
from .traits import trait_of

__all__ = ["Explained", "Explanation", "Failure", "explained"]

Function = Callable[[NDArray[Any]], NDArray[Any]]

_ENOUGH = 32
"""Outputs, of which a median tells something."""

_OF_CALLS = ("timeout", "error", "dtype", "mutates", "unstable", "adjoint")
"""What every single answer shows by itself, with an example of its own."""


_OF_OTHERS = ("size", "unstable")
"""What outputs at some places do not mislead."""
_MOST_IMPULSES = 1 << 27
"""Samples of all impulses along an axis of a shape; more would take too long to be asked."""


class Failure(NamedTuple):
    """A probe whose values are wrong. ``y`` is the answer in the expected shape and type."""

    probe: Probe
    question: Question
    fault: Fault
    y: NDArray[Any]
    comparison: Comparison


class Explanation(NamedTuple):
    """A finding's code and words, and the failure that is its example, if it is one of values."""

    code: str
    message: str
    failure: Failure | None


class Explained(NamedTuple):
    """All explanations, whose convention the function follows, and what was measured of it."""

    found: list[Explanation]
    convention: str | None
    recovered: dict[str, Any]


def explained(
    failures: Sequence[Failure],
    compared: Sequence[tuple[Probe, Comparison]],
    terms: Terms,
    function: Function,
    channels: int | None,
) -> Explained:
    """Say what is wrong with a function whose values or sizes are.

    Parameters
    ----------
    failures : sequence of Failure
        Smallest first; none where sizes alone are wrong.
    compared : sequence of (Probe, Comparison)
        All whose values were compared, right and wrong.
    terms : Terms
    function : function
        The one that is judged, guarded: it raises where it gives no array.
    channels : int, optional
        As for `aa_ref.oracle.check`.
    """
    numbers = [f for f in failures if f.probe.kind != "special"]
    special = [f for f in failures if f.probe.kind == "special"]
    if numbers and {f.probe.kind for f in numbers} == {"memory"}:
        return Explained([_of_memory(numbers)], None, {})
    smallest = terms.accepts.shapes[:1]
    if smallest and math.prod(smallest[0]) * max(smallest[0]) > _MOST_IMPULSES:
        return Explained([_of_large_shapes(f) for f in (numbers or special)[:1]], None, {})
    diagnosis = diagnose(
        function, scale=terms.scale, layout=terms.layout.name, dtype=terms.dtype,
        precision=terms.precision, sigma=terms.sigma, boundary=terms.boundary,
        sampling=terms.sampling, taps=terms.taps, form=terms.form, channels=channels,
        shapes=terms.accepts.shapes or None, multiple_of=terms.accepts.multiple,
        counts=_counts(numbers, terms),
    )  # fmt: skip
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
    convention, recovered = diagnosis.convention, diagnosis.recovered
    local = locality_of(compared, terms)
    if local is not None and not _is_rule_for_centres(found, convention):
        if local.misleads:
            found, convention = [e for e in found if e.code in _OF_OTHERS], None
            recovered = {}
        found.append(_of_places(numbers, local))
    codes = {e.code for e in found}
    if numbers and not codes - {"size", "nan"}:
        rounding = recovered.get("rounding", "to nearest")
        if rounding != "to nearest":
            found.append(_of_rounding(numbers, rounding))
        else:
            coarse = _of_coarse_taps(numbers, recovered)
            if coarse is None and _are_coarse(compared, terms):
                coarse = _of_coarse(numbers, terms)
            found.append(coarse or _of_values(numbers, compared, terms))
    if special and not numbers and "nan" not in codes:
        found.append(_of_specials(special[0]))
    return Explained(found, convention, recovered)


def _is_rule_for_centres(found: Sequence[Explanation], convention: str | None) -> bool:
    """Whether a known rule puts some outputs in other places, and leaves others where they are."""
    codes = {e.code for e in found}
    return convention is not None and bool(codes) and codes <= {"phase", "stride", "size"}


def _example(code: str, numbers: list[Failure], special: list[Failure]) -> Failure | None:
    """The smallest failure that shows it."""
    if code == "channels":
        numbers = [f for f in numbers if f.probe.kind in ("batch", "memory")] or numbers
    chosen = numbers or special
    return chosen[0] if chosen else None


def _of_large_shapes(failure: Failure) -> Explanation:
    return Explanation(
        "nan" if failure.probe.kind == "special" else "values",
        f"gives values that are wrong; {_worst([failure])}; why, answers to smaller shapes alone "
        "can tell",
        failure,
    )  # fmt: skip


def _of_memory(failures: list[Failure]) -> Explanation:
    return Explanation(
        "values",
        "is right for contiguous arrays and wrong for others: read by the array's strides, or copy "
        f"it first; {_worst(failures)}",
        failures[0],
    )


def _of_astray(
    message: str, numbers: list[Failure], special: list[Failure], recovered: dict[str, Any]
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


def _is_lost(failure: Failure) -> bool:
    """Whether the element that is told as an example should not be finite, and is another."""
    return not np.isfinite(failure.comparison.expected)


def _of_specials(failure: Failure) -> Explanation:
    which = " or ".join(_held_by(failure.probe))
    verb = "belong" if " or " in which else "belongs"
    return Explanation(
        "nan",
        f"{'loses' if _is_lost(failure) else 'spreads'} {which}, which {verb} where the filter, "
        "of 2 radius + 1 taps along each axis, reads it, and nowhere else",
        failure,
    )


def _of_reach(
    found: Explanation, reach: str, numbers: list[Failure], special: list[Failure], terms: Terms
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


def _of_coarse_taps(failures: list[Failure], recovered: dict[str, Any]) -> Explanation | None:
    """Taps that were rounded too finely for a diagnosis to call that a fault of its own."""
    axes = [v for v in recovered.values() if isinstance(v, dict)]
    coarse = dict.fromkeys(v["coarse_taps"] for v in axes if v.get("coarse_taps"))
    if not coarse:
        return None
    return Explanation("precision", f"{'; '.join(coarse)}; {_worst(failures)}", failures[0])


def _of_coarse(failures: list[Failure], terms: Terms) -> Explanation | None:
    """Another form or a coarser precision by which all is right."""
    answers = [(f.question, f.y) for f in failures]
    if terms.dtype not in FLOATING and is_right_by(replace(terms, form="fft"), answers):
        return Explanation(
            "precision",
            f"{_worst(failures)}, and every error is within that of transforms; if these are "
            "meant, judge it with form='fft'",
            failures[0],
        )
    coarser = coarser_precision(terms, answers)
    return _of_precision(failures, terms, coarser) if coarser else None


def _of_precision(failures: list[Failure], terms: Terms, coarser: str) -> Explanation:
    return Explanation(
        "precision",
        f"rounds more coarsely than {terms.precision}: {_worst(failures)}, and every error is "
        f"within that of {coarser}; if that is meant, judge it with precision={coarser!r}",
        failures[0],
    )


def _of_rounding(failures: list[Failure], rounding: str) -> Explanation:
    return Explanation(
        "precision",
        f"results are rounded {rounding}, not to nearest, as far as sums tell that may be off by "
        f"more; {_worst(failures)}",
        failures[0],
    )


def _of_places(failures: list[Failure], local: Locality) -> Explanation:
    example = next((f for f in failures if are_dense(f.probe)), failures[0])
    return Explanation(
        "values",
        f"wrong by their place, whatever the samples are: {local.words}. All others clear of the "
        f"ends are right; {_worst(failures)}",
        example,
    )


def _of_values(
    failures: list[Failure], compared: Sequence[tuple[Probe, Comparison]], terms: Terms
) -> Explanation:
    wrong = [f.probe for f in failures]
    kinds = dict.fromkeys(probe.kind for probe in wrong)
    right = [p for p, c in compared if c.grade != "fails" and are_dense(p)]
    trait = trait_of(wrong, right, terms.layout)
    which = f"inputs {trait}, and no others" if trait else ", ".join(kinds)
    return Explanation(
        "values",
        f"gives values that are wrong, on {counted(len(failures), 'probe')} ({which}); "
        f"{_worst(failures)}; answers to impulses show nothing wrong that would explain it",
        failures[0],
    )


def _counts(failures: Sequence[Failure], terms: Terms) -> list[tuple[int, int]]:
    """Numbers of batch entries and channels of the wrong answers, the smallest first."""
    name = terms.layout.name
    shapes = [dict(zip(name, f.probe.x.shape, strict=True)) for f in failures]
    return sorted({(s.get("N", 1), s.get("C", 1)) for s in shapes}, key=lambda c: c[0] * c[1])


def _are_coarse(compared: Sequence[tuple[Probe, Comparison]], terms: Terms) -> bool:
    """Whether errors show that all is held more coarsely: most are too large, in most answers.

    Half of independent roundings make errors below two thirds of their standard deviation. Of
    integers, few errors show; nor do they where only sums that nearly cancel are wrong.
    """
    kinds = {probe.kind for probe, c in compared if c.grade == "fails"}
    if kinds <= {"wide", "special"}:
        return True
    seen = []
    for probe, c in compared:
        deviations = np.abs(c.deviations[np.isfinite(c.deviations)])
        if are_dense(probe) and deviations.size >= _ENOUGH:
            floating = terms.dtype in FLOATING
            seen.append(bool(np.median(deviations) > 1) if floating else c.grade == "fails")
    return 2 * sum(seen) >= len(seen)


def _worst(failures: list[Failure]) -> str:
    worst = max(f.comparison.worst for f in failures)
    if worst == np.inf:
        return "some errors are where none is allowed"
    return f"the worst error is {worst:.3g} times the bound"
