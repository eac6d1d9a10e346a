"""From wrong values to findings: what the failures have in common, and what the responses tell.

This is where a diagnosis belongs: `explained` gets the function to ask, and gives findings.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .calls import Question
from .comparison import Comparison
from .faults import Fault
from .precisions import PRECISIONS
from .probes import Probe
from .terms import Terms

__all__ = ["Explanation", "Failure", "explained"]

Function = Callable[[NDArray[Any]], NDArray[Any]]


class Failure(NamedTuple):
    """A probe whose values are wrong. ``y`` is the answer in the expected shape and type."""

    probe: Probe
    question: Question
    fault: Fault
    y: NDArray[Any]
    comparison: Comparison


class Explanation(NamedTuple):
    """A finding's code and words, and the failure that is its example."""

    code: str
    message: str
    failure: Failure


def explained(
    failures: Sequence[Failure], tried: Sequence[Probe], terms: Terms, function: Function
) -> tuple[list[Explanation], str | None]:
    """What is wrong, and the known implementation that the function behaves as, if there is one.

    Parameters
    ----------
    failures : sequence of Failure
        Not empty, smallest first.
    tried : sequence of Probe
        All whose values were compared.
    terms : Terms
    function : function
        The one that is judged, guarded: it raises where it gives no array.
    """
    special = [f for f in failures if f.probe.kind == "special"]
    numbers = [f for f in failures if f.probe.kind != "special"]
    found = [_of_values(numbers, tried, terms)] if numbers else []
    if numbers:  # wrong values go with wrong places of NaN, but not with NaN that is gone
        special = [f for f in special if np.isfinite(f.y.astype(np.float64)).all()]
    if special:
        found.append(_of_specials(special[0]))
    return found, None


def _of_specials(failure: Failure) -> Explanation:
    spread = not np.isfinite(failure.comparison.expected)
    return Explanation(
        "nan",
        ("loses" if spread else "spreads") + " NaN or infinity: they belong where the filter, of "
        "2 radius + 1 taps along each axis, reads them, and nowhere else",
        failure,
    )  # fmt: skip


def _of_values(failures: Sequence[Failure], tried: Sequence[Probe], terms: Terms) -> Explanation:
    kinds = {f.probe.kind for f in failures}
    right = {p.kind for p in tried} - {"special"} - kinds
    worst = max(f.comparison.worst for f in failures)
    first, times = failures[0], f"the worst error is {worst:.3g} times the bound"
    if worst == np.inf:
        times = "some errors are where none is allowed"
    coarser = _precision_of(failures, terms)
    if kinds == {"memory"} and right:
        return Explanation(
            "values",
            "is right for contiguous arrays and wrong for others: read by the array's strides, or "
            f"copy it first; {times}", first,
        )  # fmt: skip
    if kinds <= {"batch", "memory"} and right:
        return Explanation(
            "channels",
            "is right for one channel of one entry and wrong for several: they are mixed or "
            f"swapped; {times}", first,
        )  # fmt: skip
    if coarser is not None:
        return Explanation(
            "precision",
            f"rounds more than {terms.precision} does: within the bound of {coarser}; {times}",
            first,
        )
    return Explanation(
        "values", f"gives values that are wrong, on {len(failures)} probes; {times}", first
    )


def _precision_of(failures: Sequence[Failure], terms: Terms) -> str | None:
    """The finest precision coarser than asked for whose bound holds all the failures."""
    names = list(dict.fromkeys(p.name for p in PRECISIONS.values()))
    for name in names[names.index(terms.precision) + 1 :]:
        coarser, held = replace(terms, precision=name), False
        for f in failures:
            plan = terms.plan(f.probe.x.shape)
            grade = coarser.compare(f.y, f.probe.x, plan, "forward").grade
            held |= grade == "within-bound"
            if grade == "fails":
                break
        else:
            if held:  # and not only where the coarser one says nothing
                return name
    return None
