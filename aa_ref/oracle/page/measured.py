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

_HUGE = 1e100
"""Answers from here on, and those that are no numbers, are no taps that could be drawn."""


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

    @property
    def complete(self) -> bool:
        """Whether all taps are known that are not 0: a diagnosis tells all."""
        return bool(self.seen) and (self.diagnosed or self.true.keys() <= self.seen.keys())

    def difference(self, place: float) -> float | None:
        """What is seen minus what is true; None where there is nothing to compare."""
        if place not in self.seen and not (self.seen and self.diagnosed):
            return None
        return self.seen.get(place, 0.0) - self.true.get(place, 0.0)


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
    """Places and taps, from one impulse at the start of all other axes.

    What the other axes do to it is divided away; neither end of this axis has a part in it.
    """
    x, y = case.probe.x.astype(np.float64), case.answer.astype(np.float64)
    p = evidence.terms.plan(x.shape)
    axes = [a.axis for a in p.axes]
    lead = tuple(slice(None) if d in axes else 0 for d in range(x.ndim))
    where = [int(w) for w in np.argwhere(x[lead])[0]]
    amid, a = where.pop(k), p.axes[k]
    if any(where) or y.shape != p.out_shape:
        return
    line = y[tuple(slice(None) if d == axes[k] else 0 for d in range(x.ndim))]
    others = math.prod(_first_to_first(b) for b in p.axes if b is not a)
    inside = range(a.radius, a.length - a.radius)
    for centre, value in zip(a.centres.tolist(), line.tolist(), strict=True):
        # A footprint across an end may read a sample near it twice.
        clear = centre in inside or a.radius < amid < a.length - 1 - a.radius
        if clear and abs(value) < _HUGE:
            yield float(amid - centre), value / (float(x.max()) * others)


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
