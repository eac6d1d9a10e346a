"""The answers of all inner outputs together, each beside the samples about its centre."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .guess import Guess
from .lines import Lines, offsets

__all__ = ["Windows", "is_expected", "nice_offsets", "windows_of"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """What inner outputs would read of any filter that is the same for all of them.

    Attributes
    ----------
    x : ndarray of shape (answers, places)
    y : ndarray of shape (answers,)
    places : ndarray
        Counted from the centres, halves where these are.
    full, relative, half
        As of `Lines`.
    base : float
        What zeros become.
    """

    x: Values
    y: Values
    places: Values
    full: int
    relative: float
    half: float
    base: float

    @cached_property
    def uncut(self) -> NDArray[np.bool_]:
        """The answers that cannot have been cut off."""
        return (self.y > 0) & (self.y < self.full)

    def limit(self, sizes: Values) -> Values:
        """How far answers may be from sums, whose absolute terms sum to ``sizes``.

        A hair less, as the sizes of the sums that are found will be others by about as much.
        """
        return np.asarray(self.half + 0.999 * self.relative * sizes, np.float64)

    @property
    def nice(self) -> tuple[float, ...]:
        """As of `nice_offsets`."""
        return nice_offsets(self.base, self.half)

    def select(self, places: Values) -> Values:
        """The samples at some of the places."""
        return self.x[:, np.searchsorted(self.places, places)]

    def offsets(self, places: Values, weights: Values) -> tuple[float, float]:
        """As of `Lines`, for all answers."""
        used = self.select(places)
        return offsets(
            used @ weights, used @ np.abs(weights) * self.relative, self.y, self.full, self.half
        )

    def named(self, interval: tuple[float, float]) -> float:
        """The first of `nice` in an interval, or its middle; NaN if it is empty."""
        low, high = interval
        if not low <= high:
            return float("nan")
        return next((b for b in self.nice if low <= b <= high), (low + high) / 2)


def nice_offsets(base: float, half: float) -> tuple[float, ...]:
    """Return what is added to sums by rounding them to nearest, down or up, the likeliest first.

    ``base`` is what zeros become; ``half`` is as of `Lines`. Where it is more than 1/2, sums have
    been rounded before, and multiplied by a gain since.
    """
    ways = (0.0, -0.5, 0.5)
    if half <= 0.5:
        return tuple(base + last for last in ways)
    gain = 2 * half - 1
    twice = [gain * first + last for first in ways for last in ways]
    return tuple(base + b for b in dict.fromkeys([-half, *sorted(twice, key=abs)]))


def is_expected(offset: float, nice: Sequence[float], base: float) -> bool:
    """Return True if rounding adds so much to sums, or what makes ``base`` of zeros, rounded."""
    return offset in nice or (base != 0 and abs(offset - base) <= 0.5)


def windows_of(lines: Lines, guess: Guess, base: float) -> Windows | None:
    """None if inner outputs are too few, or lie now on samples and now between them."""
    centres = guess.centres[guess.inner]
    if len(centres) < 2 or len(set(centres % 1)) > 1:
        return None
    n = lines.x.shape[1]
    reach = int(min(centres.min(), n - 1 - centres.max()))
    places = np.arange(-reach, reach + 1) + float(centres[0] % 1)
    if places[-1] > reach:
        places = places[:-1]
    index = (centres[:, None] + places).astype(np.int64)
    x = lines.x[:, index].reshape(-1, len(places))
    y = lines.y[:, guess.inner].reshape(-1)
    return Windows(
        x, y, np.asarray(places, np.float64), lines.full, lines.relative, lines.half, base
    )
