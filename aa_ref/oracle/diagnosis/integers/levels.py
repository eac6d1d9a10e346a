"""Constants of every level: how far the answers follow them, and what becomes of the rest."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..subject import Subject

__all__ = ["Levels", "read_levels"]

_MANY = 256
_FEW = 32
_MOST = 1 << 24
"""Levels, more of them as long as all planes together have no more samples than that."""


@dataclass(frozen=True)
class Levels:
    """The answers to constants, amid a plane.

    Attributes
    ----------
    full : int
        The largest number of the type.
    usable : int
        The largest level that no answer up to it is cut off or wraps around.
    gain : tuple of float
        What the weights of an output sum to, if it is a sum: from, to.
    words : str
        What happens to the levels above, in a clause, if anything does that should not.
    spread : int
        The difference between the largest and the smallest answer to usable levels.
    """

    full: int
    usable: int
    gain: tuple[float, float]
    words: str
    spread: int


def read_levels(subject: Subject, lengths: tuple[int, ...]) -> Levels | None:
    """Ask; None if nothing comes back."""
    full = int(np.iinfo(subject.dtype).max)
    count = min(max(_MOST // math.prod(lengths), _FEW), _MANY)
    levels = np.unique(np.linspace(0, full, count + 1).astype(np.int64))
    planes = subject.planes(np.full(lengths, float(c)) for c in levels)
    answers = [math.nan if y is None else float(y[tuple(m // 2 for m in y.shape)]) for y in planes]
    a = np.array(answers)
    if np.isnan(a).any():
        return None
    way = np.sign(np.diff(a))
    up = next((s for s in way if s), 1.0)
    (back,) = np.nonzero(way == -up)
    last = len(a) - 1
    if back.size:
        last = int(back[0])
        words = (
            f"results wrap around: a constant of {levels[last]} gives {a[last]:.0f}, one of "
            f"{levels[last + 1]} gives {a[last + 1]:.0f}"
        )
    else:
        words = _cut(levels, a, full)
    end = a[last]
    while last and a[last] == end and (words or end in (0, full)):
        last -= 1  # the least of those that are cut off may lie beyond the limit by a part
    usable = int(levels[last]) if words or end in (0, full) else int(levels[-1])
    return Levels(full, usable, _gain(levels, a, last), words, int(np.ptp(a[: last + 1])))


def _cut(levels: NDArray[np.int64], a: NDArray[np.float64], full: int) -> str:
    """Whether the largest levels give all the same where a sum of products would have gone on."""
    first = int(np.argmax(a == a[-1]))
    if a[-1] in (0, full) or not first:
        return ""
    slope = (abs(a[first] - a[0]) - 1) / float(levels[first])  # at least that, by two roundings
    if slope * float(levels[-1] - levels[first]) <= 1:
        return ""
    return f"results are cut off {'above' if a[-1] > a[0] else 'below'} {a[-1]:.0f}"


def _gain(levels: NDArray[np.int64], a: NDArray[np.float64], last: int) -> tuple[float, float]:
    """From the differences to the answer to zeros, each off by less than one."""
    c, d = levels[1 : last + 1].astype(np.float64), a[1 : last + 1] - a[0]
    if not len(c):
        return -math.inf, math.inf
    return float(np.max((d - 1) / c)), float(np.min((d + 1) / c))
