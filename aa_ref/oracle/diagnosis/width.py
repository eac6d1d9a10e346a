"""Whether taps are a Gaussian, and of which sigma: an interval that rounding leaves open."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .accuracy import Accuracy

__all__ = ["Width", "centre_of", "gaussian_but_for", "read_width"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Width:
    """The sigmas whose Gaussian has these taps to within rounding: from ``low`` to ``high``.

    Empty, with ``low`` above ``high``, if there is none: the taps are no Gaussian. Nor are they if
    ``high`` is infinite: they are all equal, or there is but one. ``centre`` is that of the
    Gaussian, counted as places are.
    """

    low: float
    high: float
    centre: float = 0.0

    @property
    def is_gaussian(self) -> bool:
        """Whether there is any."""
        return self.low <= self.high < math.inf

    @property
    def sigma(self) -> float:
        """The middle of them."""
        return (self.low + self.high) / 2

    @property
    def shortest(self) -> str:
        """One of them, with as few digits as can be, six at most."""
        shown = (f"{self.sigma:.{digits}g}" for digits in range(1, 6))
        return next((s for s in shown if self.holds(float(s))), f"{self.sigma:.6g}")

    def holds(self, sigma: float) -> bool:
        """Whether a sigma is among them."""
        return self.low <= sigma <= self.high


NO_WIDTH = Width(1.0, 0.0)


def read_width(taps: Values, places: Values, accuracy: Accuracy) -> Width:
    """The sigmas of a Gaussian about 0; or, if there is none, of one about any other centre."""
    about = _width_about(taps, places, accuracy)
    return about if about.is_gaussian or about.high == math.inf else _free(taps, places, accuracy)


def centre_of(taps: Values, places: Values, accuracy: Accuracy) -> float:
    """What a Gaussian is centred on, as places are counted; 0 if it may be, or if there is none.

    A whole or half number if that fits, and else the nearest of the places.
    """
    width = read_width(taps, places, accuracy)
    if not width.is_gaussian or not width.centre:
        return 0.0
    near = round(2 * width.centre) / 2
    if _width_about(taps, places - near, accuracy).is_gaussian:
        return near
    return float(places[np.abs(places - width.centre).argmin()])


def _width_about(taps: Values, places: Values, accuracy: Accuracy) -> Width:
    """The sigmas for which ``ln(t[m]/t[i]) = (i² - m²)/(2 sigma²)`` holds at every tap.

    ``m`` is the place nearest to the centre, 0 or a half. The exponents of both taps, whose sum the
    error grows with, are ``i² + m²`` where their difference is ``i² - m²``.
    """
    low, high = 0.0, math.inf
    middle = int(np.abs(places).argmin())
    if not np.all(taps > 0) or abs(places[middle]) > 0.5:
        return NO_WIDTH
    squares = places**2 - places[middle] ** 2
    exponents = np.log(taps[middle] / taps)
    for square, exponent in zip(squares.tolist(), exponents.tolist(), strict=True):
        if square == 0:  # the middle itself, or its like on the other side
            continue
        both = abs(exponent) * (1 + 2 * float(places[middle]) ** 2 / square)
        error = accuracy.ratio(both)
        if exponent + error <= 0:
            return NO_WIDTH
        low = max(low, math.sqrt(square / (2 * (exponent + error))))
        if exponent > error:
            high = min(high, math.sqrt(square / (2 * (exponent - error))))
    # Two taps of equal exponents, m²/(2 sigma²), may be off from each other by what both are.
    alike = np.abs(exponents[squares == 0]).max()
    both = float(places[middle]) ** 2 / low**2 if low else 0.0
    return Width(low, high) if alike <= accuracy.ratio(both) else NO_WIDTH


def _free(taps: Values, places: Values, accuracy: Accuracy) -> Width:
    """The sigmas of a Gaussian about any centre near the largest tap, which is not the last.

    With ``w = 1/(2 sigma²)``, ``v = w`` times the centre, and ``d`` counted from the largest tap's
    place ``m``, every tap leaves a strip of ``v`` for each ``w``:

        ln(t[m]/t[i]) = (i² - m²) w - 2 d v,   so   v = (i + m)/2 w - ln(t[m]/t[i])/(2 d)

    The strips of any two taps must meet, which bounds ``w``; that all of them then have a ``v`` in
    common is Helly's theorem on a line.
    """
    peak = int(taps.argmax())
    if not np.all(taps > 0) or not 0 < peak < len(taps) - 1:
        return NO_WIDTH
    others = np.arange(len(taps)) != peak
    exponents = np.log(taps[peak] / taps)
    # The centre is at most half a place from the largest tap, whose exponent is then at most w/4;
    # and 2 w is what the exponents of its neighbours sum to.
    most = float(exponents[peak - 1] + exponents[peak + 1]) / 8
    errors = np.array([accuracy.ratio(e + 2 * most) for e in exponents[others].tolist()])
    d = (places - places[peak])[others]
    slope = (places[others] + places[peak]) / 2
    offset, half = -exponents[others] / (2 * d), errors / (2 * np.abs(d))
    rise = slope[:, None] - slope[None, :]
    room = (offset + half)[None, :] - (offset - half)[:, None]
    low = float(np.max(room[rise < 0] / rise[rise < 0], initial=-math.inf))
    high = float(np.min(room[rise > 0] / rise[rise > 0], initial=math.inf))
    if high <= 0 or low > high or math.isinf(low):
        return NO_WIDTH
    w = (max(low, 0.0) + high) / 2
    v = (np.max(slope * w + offset - half) + np.min(slope * w + offset + half)) / 2
    widest = 1 / math.sqrt(2 * low) if low > 0 else math.inf
    return Width(1 / math.sqrt(2 * high), widest, float(v) / w)


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
