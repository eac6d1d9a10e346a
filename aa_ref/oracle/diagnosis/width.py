"""Whether taps are a Gaussian, and of which sigma: an interval that rounding leaves open."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .accuracy import Accuracy

__all__ = ["Width", "gaussian_but_for", "read_width"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Width:
    """The sigmas whose Gaussian has these taps to within rounding: from ``low`` to ``high``.

    Empty, with ``low`` above ``high``, if there is none: the taps are no Gaussian. Nor are they if
    ``high`` is infinite: they are all equal, or there is but one.
    """

    low: float
    high: float

    @property
    def is_gaussian(self) -> bool:
        """Whether there is any."""
        return self.low <= self.high < math.inf

    @property
    def sigma(self) -> float:
        """The middle of them."""
        return (self.low + self.high) / 2

    def holds(self, sigma: float) -> bool:
        """Whether a sigma is among them."""
        return self.low <= sigma <= self.high


def read_width(taps: Values, places: Values, accuracy: Accuracy) -> Width:
    """The sigmas for which ``ln(t[0]/t[i]) = i²/(2 sigma²)`` holds at every tap."""
    low, high = 0.0, math.inf
    if not np.all(taps > 0) or 0 not in places:
        return Width(1.0, 0.0)
    middle = float(taps[places == 0][0])
    for tap, place in zip(taps.tolist(), places.tolist(), strict=True):
        if place == 0:
            continue
        exponent = math.log(middle / tap)
        error = accuracy.ratio(abs(exponent))
        if exponent + error <= 0:
            return Width(1.0, 0.0)
        low = max(low, abs(place) / math.sqrt(2 * (exponent + error)))
        if exponent > error:
            high = min(high, abs(place) / math.sqrt(2 * (exponent - error)))
    return Width(low, high)


def gaussian_but_for(
    taps: Values, places: Values, sigma: float, accuracy: Accuracy
) -> Sequence[int]:
    """The places whose taps do not fit the Gaussian of this sigma, if most do; else all places."""
    exponents = places**2 / (2 * sigma * sigma)
    with np.errstate(all="ignore"):
        ratios = taps * np.exp(exponents)
        common = float(np.median(ratios))
        off = ~(np.abs(ratios / common - 1) <= 2 * np.array([*map(accuracy.ratio, exponents)]))
    return [int(p) for p in places[off]]
