"""A table of filters that may explain the answers of inner outputs, and the search through it.

Estimates propose; a filter is taken only if it explains every single answer, as a rounding of a
sum that is known to within a bound.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....filters import radius_of
from ....plans import AxisPlan
from ..tap_models import coarse_taps
from .answer_model import Filter, gaussian
from .parameter_fits import fit_filters
from .weight_estimates import LeastSquares, Windows, is_expected

__all__ = ["HYPOTHESES", "Hypothesis", "find_filters"]

Values = NDArray[np.float64]
Reach = tuple[int, int]
"""The first and the last place of a filter."""


class Hypothesis(NamedTuple):
    """Filters that depart from the expected one in so many ways.

    ``propose`` makes them of a `_Proposer`: those that explain the answers, None for the others.
    """

    departures: int
    words: str
    propose: Callable[["_Proposer"], Iterable[Filter | None]]


HYPOTHESES = (
    Hypothesis(0, "as expected", lambda p: p.gaussians([p.own], p.sigma, 1.0)),
    Hypothesis(1, "another shape", lambda p: p.shapes(1.0)),
    Hypothesis(1, "a gain", lambda p: p.gaussians([p.own], p.sigma, None)),
    Hypothesis(1, "another reach", lambda p: p.gaussians(p.others, p.sigma, 1.0)),
    Hypothesis(1, "another sigma, whose reach follows", lambda p: p.gaussians(p.ruled, None, 1.0)),
    Hypothesis(1, "coarse taps", lambda p: p.coarse()),
    Hypothesis(2, "another shape and a gain", lambda p: p.shapes(None)),
    Hypothesis(2, "another reach and a gain", lambda p: p.gaussians(p.others, p.sigma, None)),
    Hypothesis(2, "another sigma and a gain", lambda p: p.gaussians(p.ruled, None, None)),
    Hypothesis(2, "another sigma and reach", lambda p: p.gaussians(p.rest, None, 1.0)),
    Hypothesis(3, "all three", lambda p: p.gaussians(p.rest, None, None)),
    Hypothesis(4, "any taps", lambda p: [p.free()]),
)
"""By departures; of as many, the likelier first."""

_ENOUGH = 64
"""Answers that tell whether to try all."""

_MOST_LOOSELY = 2
"""Departures: where sums are rounded twice so loose a limit tells no more."""


def find_filters(w: Windows, a: AxisPlan) -> Iterator[list[Filter]]:
    """Yield the filters that explain the answers, with no departure, with one and so on.

    In the end, if nothing else does, one that adds something odd to its sums.
    """
    proposer, odd, any_usual = _Proposer(w, a), [], False
    for departures, rows in itertools.groupby(HYPOTHESES, lambda h: h.departures):
        if w.half > 0.5 and departures > _MOST_LOOSELY:
            break
        found = [f for h in rows for f in h.propose(proposer) if f is not None]
        usual = [f for f in found if is_expected(f.offset, w.nice, w.base)]
        any_usual |= bool(usual)
        yield sorted(usual, key=lambda f: ([*w.nice, f.offset].index(f.offset), f.digits))
        odd += found
    if odd and not any_usual:
        yield odd[:1]


class _Proposer:
    """Filters that explain the answers of windows, made from what least squares guess.

    `own` and `sigma` are the expected reach and width; `taps` those guessed, at all places of the
    windows, with their standard `error`; `sure` the places that surely have taps, `gain` what these
    sum to, and `width` the sigma of a Gaussian like them.
    """

    own: Reach
    sigma: float

    def __init__(self, w: Windows, a: AxisPlan) -> None:
        self._w = w
        self.own, self.sigma = (-a.radius, a.radius), float(a.sigma)
        fit = LeastSquares(w.x[w.uncut])
        self.taps, self._offset, _ = fit.fit(w.y[w.uncut])
        self.error = np.sqrt(fit.variances / 12)
        (sure,) = np.nonzero(np.abs(self.taps) > 6 * self.error)
        self.sure = slice(int(sure.min()), int(sure.max()) + 1) if len(sure) else slice(0, 0)
        self._places, kept = w.places[self.sure], self.taps[self.sure]
        self.gain = float(kept.sum()) if len(sure) else math.nan
        with np.errstate(all="ignore"):
            variance = float(kept @ self._places**2) / self.gain
        self.width = math.sqrt(variance) if variance > 0 else 0.25

    @property
    def _is_bare(self) -> bool:
        """Whether there seems to be one tap where there should be more: others may be tiny."""
        return len(self._places) == 1 and self.own[1] > 0

    @cached_property
    def others(self) -> list[Reach]:
        """Other radii, the nearest first; and one tap too few at one end."""
        radius, most = self.own[1], int(self._w.places[-1])
        if not radius or self._is_bare:
            return []
        radii = (r for r in range(1, most + 1) if r != radius)
        near = sorted(radii, key=lambda r: abs(r - radius))
        uneven = [(-radius, radius - 1), (-radius + 1, radius)] if radius <= most else []
        return [(-r, r) for r in near] + uneven

    @cached_property
    def ruled(self) -> list[Reach]:
        """The expected reach, and those that the rule gives for about the guessed sigma."""
        if self._is_bare:
            return []
        radii = (radius_of(self.width * (1 + e)) for e in (0.0, -0.02, 0.02))
        near = [(-r, r) for r in radii if 1 <= r <= self._w.places[-1]]
        return [*dict.fromkeys([self.own, *near] if self.own[1] else near)]

    @property
    def rest(self) -> list[Reach]:
        """The others that no rule gives."""
        return [reach for reach in self.others if reach not in self.ruled]

    def gaussians(
        self, reaches: Iterable[Reach], sigma: float | None, gain: float | None
    ) -> Iterator[Filter | None]:
        """Yield Gaussians about samples; sigma or gain are sought where they are None."""
        if self._w.places[0] % 1:
            return
        for low, high in reaches:
            if low < self._w.places[0] or high > self._w.places[-1]:
                continue
            places, start = np.arange(low, high + 1.0), self.width if sigma is None else sigma
            sought = (start, start) if sigma is None else None
            f = Filter(places, gaussian(places, start), 1.0, self._offset, start, sought)
            yield self._explaining(f, gain)

    def shapes(self, gain: float | None) -> Iterator[Filter | None]:
        """Yield a box (or one tap), a triangle, a binomial over the places that have taps."""
        places, count = self._places, len(self._places)
        if count:
            away = np.abs(places - places.mean())
            binomial = np.array([float(math.comb(count - 1, k)) for k in range(count)])
            for taps in (np.ones(count), away.max() + 1 - away, binomial):
                yield self._explaining(Filter(places, taps / taps.sum(), 1.0, self._offset), gain)

    def coarse(self) -> Iterator[Filter | None]:
        """Yield the expected taps, rounded to coarse numbers, where these are near the guess."""
        w, radius = self._w, self.own[1]
        if w.half > 0.5 or w.places[0] % 1 or radius > w.places[-1]:
            return
        places = np.arange(-radius, radius + 1, dtype=np.float64)
        index = np.searchsorted(w.places, places)
        error = 8 * self.error[index] + w.relative * abs(self.gain)
        for words, weights in coarse_taps(gaussian(places, self.sigma), 0.1 / w.full):
            total = float(weights.sum())  # which along other axes may be another gain
            taps = weights / total
            if not np.any(np.abs(self.taps[index] - self.gain * taps) > error):
                f = Filter(places, taps, 1.0, self._offset, coarse=words, total=total)
                yield self._explaining(f, 1.0) or self._explaining(f, None)

    def free(self) -> Filter | None:
        """Return any taps: where they surely are not zero, or everywhere; if they can, of sum 1."""
        ends = [(self.sure.start, self.sure.stop), (0, len(self._w.places))]
        for first, last in (end for end in dict.fromkeys(ends) if end[1]):
            taps = self.taps[first:last]
            f = Filter(self._w.places[first:last], taps / taps.sum(), 1.0, self._offset, free=True)
            found = self._explaining(f, 1.0) or self._explaining(f, None)
            if found is not None:
                return found
        return None

    def _explaining(self, f: Filter, gain: float | None) -> Filter | None:
        """Return the filter with the numbers that explain all answers, a gain too if it is None."""
        if gain is None or len(f.parameters):
            start = replace(f, gain=self.gain if gain is None else gain)
            few, found = self._w.few, [start]
            if not f.free and few.uncut.sum() > _ENOUGH:
                found = fit_filters(few, [start], self._w.nice)
            found = found and fit_filters(self._w, [start], self._w.nice)
            if not found:
                return None
            f = found[0]
        low, high = self._w.few.offsets([f])
        if low <= high:
            low, high = self._w.offsets([f])
        if not low <= high:
            return None
        usual = (f.offset, *self._w.nice) if f.offset in self._w.nice else self._w.nice
        offset = next((b for b in usual if low <= b <= high), (low + high) / 2)
        return replace(f, offset=offset)
