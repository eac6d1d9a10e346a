"""From wrong values to findings: what a diagnosis tells, and what the failures have in common."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .calls import Question
from .coarser import coarser_precision
from .comparison import Comparison
from .diagnosis import diagnose
from .faults import Fault
from .probes import Probe
from .terms import Terms

__all__ = ["Explained", "Explanation", "Failure", "explained"]

Function = Callable[[NDArray[Any]], NDArray[Any]]

_OF_CALLS = ("timeout", "error", "dtype", "mutates", "unstable", "adjoint")
"""What every single answer shows by itself, with an example of its own."""


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
    tried: Sequence[Probe],
    terms: Terms,
    function: Function,
    channels: int | None,
) -> Explained:
    """What is wrong with a function whose values or sizes are.

    Parameters
    ----------
    failures : sequence of Failure
        Smallest first; none where sizes alone are wrong.
    tried : sequence of Probe
        All whose values were compared.
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
    )  # fmt: skip
    found = [
        Explanation(f.code, f.message, _example(f.code, numbers, special))
        for f in diagnosis.findings if f.code not in _OF_CALLS
    ]  # fmt: skip
    unstable = [f.message for f in diagnosis.findings if f.code == "unstable"]
    if unstable:  # and nothing else can be told
        found.append(Explanation("unstable", unstable[0], _example("unstable", numbers, special)))
    codes = {e.code for e in found}
    if numbers and not codes - {"size", "nan"}:
        rounding = diagnosis.recovered.get("rounding", "to nearest")
        if rounding != "to nearest":
            found.append(_of_rounding(numbers, rounding))
        else:
            coarser = coarser_precision(terms, [(f.question, f.y) for f in numbers])
            found.append(_of_precision(numbers, terms, coarser) if coarser else _of_values(numbers))
    if special and not numbers and "nan" not in codes:
        found.append(_of_specials(special[0]))
    return Explained(found, diagnosis.convention, diagnosis.recovered)


def _example(code: str, numbers: list[Failure], special: list[Failure]) -> Failure | None:
    """The smallest failure that shows it."""
    if code == "channels":
        numbers = [f for f in numbers if f.probe.kind in ("batch", "memory")] or numbers
    chosen = special or numbers if code == "nan" else numbers or special
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


def _of_specials(failure: Failure) -> Explanation:
    lost = not np.isfinite(failure.comparison.expected)
    return Explanation(
        "nan",
        ("loses" if lost else "spreads") + " NaN or infinity: they belong where the filter, of "
        "2 radius + 1 taps along each axis, reads them, and nowhere else",
        failure,
    )  # fmt: skip


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


def _of_values(failures: list[Failure]) -> Explanation:
    kinds = dict.fromkeys(f.probe.kind for f in failures)
    return Explanation(
        "values",
        f"gives values that are wrong, on {len(failures)} probes ({', '.join(kinds)}); "
        f"{_worst(failures)}; answers to impulses show nothing wrong that would explain it",
        failures[0],
    )  # fmt: skip


def _worst(failures: list[Failure]) -> str:
    worst = max(f.comparison.worst for f in failures)
    if worst == np.inf:
        return "some errors are where none is allowed"
    return f"the worst error is {worst:.3g} times the bound"
