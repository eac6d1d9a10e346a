"""A filter along one axis, as integers tell it: its taps, and which numbers they leave open."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Filter", "gaussian", "gaussian_slope"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Filter:
    """Taps that explain answers.

    Attributes
    ----------
    places, taps : ndarray
        Taps sum to 1.
    gain : float
        By which they are multiplied.
    offset : float
        What is added to every sum before it is rounded to nearest.
    sigma : float or None
        Of a Gaussian.
    interval : tuple of float or None
        The sigmas that explain all answers, where it was sought.
    coarse : str
        To what the expected taps have been rounded, if they have.
    total : float
        What such coarse taps sum to, before that is made 1.
    free : bool
        Whether the taps are no known filter's, but those that explain the answers.
    instead : tuple of str
        Other filters with no more faults that explain all answers.
    """

    places: Values
    taps: Values
    gain: float
    offset: float
    sigma: float | None = None
    interval: tuple[float, float] | None = None
    coarse: str = ""
    total: float = 1.0
    free: bool = False
    instead: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """A filter as an alternative to another."""
        kind = f"sigma {self.sigma:.6g}" if self.sigma else f"taps rounded to {self.coarse}"
        low, high = self.places[[0, -1]]
        reach = f"radius {high:g}" if low == -high else f"taps from {low:g} to {high:g}"
        gain = f", gain {self.gain:.6g}" if self.gain != 1 and not self.coarse else ""
        return f"{kind} with {reach}{gain}"

    @property
    def digits(self) -> int:
        """Those of sigma, where it was sought: numbers that somebody chose have few."""
        return len(repr(self.sigma)) if self.interval else 0

    @property
    def parameters(self) -> Values:
        """What was sought among numbers: sigma, or all taps but the first; none if it is known.

        The gain is none of them: all axes share it.
        """
        if self.sigma is not None and self.interval is not None:
            return np.array([self.sigma])
        return self.taps[1:] if self.free else np.zeros(0)

    def having(self, parameters: Values) -> "Filter":
        """The same with other `parameters`."""
        if self.interval is not None:
            sigma = float(parameters[0])
            return replace(self, sigma=sigma, taps=gaussian(self.places, sigma))
        if self.free:
            return replace(self, taps=np.concatenate([[1.0 - parameters.sum()], parameters]))
        return self

    def resembles(self, other: "Filter") -> bool:
        """Whether the two are the same but for their parameters and what all axes share."""
        if not np.array_equal(self.places, other.places):
            return False
        kinds = [(f.interval is not None, f.free, f.coarse) for f in (self, other)]
        known = not len(self.parameters)
        return kinds[0] == kinds[1] and (not known or np.array_equal(self.taps, other.taps))


def gaussian(places: Values, sigma: float) -> Values:
    """Taps of sum 1 at some places."""
    if sigma == 0:
        return np.asarray(places == 0, np.float64)
    taps = np.exp(-(places**2) / (2 * sigma * sigma))
    return np.asarray(taps / taps.sum(), np.float64)


def gaussian_slope(places: Values, sigma: float) -> Values:
    """The derivative of the taps with respect to sigma."""
    step = sigma * 2.0**-13
    return (gaussian(places, sigma + step) - gaussian(places, sigma - step)) / (2 * step)
