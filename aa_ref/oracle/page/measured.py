"""The filter along each axis, as the answers show it, beside the true one."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...filters import taps_of
from ...plans import AxisPlan, plan
from ..evidence import Case, Evidence
from ..truth import truth

__all__ = ["AxisTaps", "taps_along"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class AxisTaps:
    """One axis.

    Attributes
    ----------
    letter : str
    plan : AxisPlan
        For some length.
    true : dict
        From places, counted from the centre, to the real taps rounded to binary64.
    seen : dict
        From places to what the answers show; places lie between samples where outputs do. Empty
        if they show nothing.
    diagnosed : bool
        Whether `seen` was recovered by a diagnosis: then it sums to 1, and is counted from the
        centre that it has itself. Otherwise it is counted from where the centre should be.
    """

    letter: str
    plan: AxisPlan
    true: Mapping[float, float]
    seen: Mapping[float, float]
    diagnosed: bool


def taps_along(evidence: Evidence, recovered: Mapping[str, Any]) -> Iterator[AxisTaps]:
    """For each axis that is filtered."""
    terms = evidence.terms
    some = terms.plan((1 << 16,) * len(terms.layout.name))
    for k, a in enumerate(some.axes):
        if not a.has_pass:
            continue
        letter = terms.layout.name[a.axis]
        taps = taps_of(a.sigma, np.dtype(np.float64)).tolist()
        true = dict(zip(map(float, range(-a.radius, a.radius + 1)), taps, strict=True))
        diagnosed = recovered.get(letter) or {}
        if diagnosed.get("taps"):
            first = diagnosed["first_tap_at"]
            seen = {first + i: float(t) for i, t in enumerate(diagnosed["taps"])}
        else:
            seen = _seen_by_impulses(evidence, k, true)
        yield AxisTaps(letter, a, true, seen, bool(diagnosed.get("taps")))


def _seen_by_impulses(
    evidence: Evidence, k: int, true: Mapping[float, float]
) -> dict[float, float]:
    """Of every place the value furthest from the truth, if several probes tell."""
    seen: dict[float, float] = {}
    for case in evidence.impulses:
        for place, value in _answers_along(evidence, case, k):
            wanted = true.get(place, 0.0)
            if abs(value - wanted) >= abs(seen.get(place, wanted) - wanted):
                seen[place] = value
    held = [abs(place) for place, value in seen.items() if value != 0]
    reach = max([*true, *held], default=0.0)
    return {place: seen[place] for place in sorted(seen) if abs(place) <= reach}


def _answers_along(evidence: Evidence, case: Case, k: int) -> Iterator[tuple[float, float]]:
    """Places and taps, from one impulse at the start of all other axes and amid this one.

    What the other axes do to it is divided away; neither end of this axis has a part in it.
    """
    x, y = case.probe.x.astype(np.float64), case.answer.astype(np.float64)
    p = evidence.terms.plan(x.shape)
    axes = [a.axis for a in p.axes]
    lead = tuple(slice(None) if d in axes else 0 for d in range(x.ndim))
    where = [int(w) for w in np.argwhere(x[lead])[0]]
    amid, a = where.pop(k), p.axes[k]
    if any(where) or not a.radius < amid < a.length - 1 - a.radius or y.shape != p.out_shape:
        return
    line = y[tuple(slice(None) if d == axes[k] else 0 for d in range(x.ndim))]
    others = math.prod(_first_to_first(b) for b in p.axes if b is not a)
    for centre, value in zip(a.centres.tolist(), line.tolist(), strict=True):
        yield float(amid - centre), value / (x.max() * others)


def _first_to_first(a: AxisPlan) -> float:
    """What the first output along an axis reads of the first sample."""
    if not a.has_pass:
        return 1.0
    x = np.zeros(a.length)
    x[0] = 1.0
    p = plan(
        x.shape, a.scale, input_dtype="float64", axes=-1, sigma=a.sigma, boundary=a.boundary,
        sampling=a.sampling,
    )  # fmt: skip
    return float(truth(x, p)[0])
