"""Answers that are rounded: to constants, to random levels along one axis, to planes of noise.

Along the others every output clear of the ends gives a line's level back, whatever is rounded
between the passes, if taps sum to 1 there. So the answers to lines are those of one axis.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...probes import patterns
from ..blackbox import BlackBox

__all__ = ["Levels", "Lines", "Planes", "ask_lines", "ask_planes", "offsets", "read_levels"]

Values = NDArray[np.float64]

_MANY = 256
_FEW = 32
_MOST_LEVELS = 1 << 24
"""Levels, more of them as long as all planes together have no more samples than that."""


@dataclass(frozen=True)
class Levels:
    """The answers to constants, amid a plane."""

    full: int  # the largest number of the type
    usable: int  # the largest level that no answer up to it is cut off or wraps around
    gain: tuple[float, float]  # what the weights of an output sum to, if it is a sum: from, to
    words: str  # what happens to the levels above, in a clause, if anything does that should not
    spread: int  # the difference between the largest and the smallest answer to usable levels


def read_levels(subject: BlackBox, lengths: tuple[int, ...]) -> Levels | None:
    """Ask; None if nothing comes back."""
    full = int(np.iinfo(subject.dtype).max)
    count = min(max(_MOST_LEVELS // math.prod(lengths), _FEW), _MANY)
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


_MOST_SAMPLES = 1 << 26
"""Samples asked for one axis, all random lines together."""

_FEWEST = 128
"""Random lines that tell filters apart, though not each weight of each output."""


@dataclass(frozen=True)
class Lines:
    """Levels, and what the outputs on the middle line answer."""

    x: Values  # (lines, inputs)
    y: Values  # (lines, outputs)
    full: int  # the largest number of the type; an answer of that, or of 0, may have been cut off
    # what sums of products may be off by before they are rounded, relative to their absolute terms
    relative: float
    # how far an answer may be from a sum: half a unit, or more if it is rounded again
    half: float = 0.5
    # where the last lines rise from a low level to a high one: the first sample that is high.
    # Without any, there are enough random lines to tell every weight.
    edges: tuple[int, ...] = ()

    def offsets(self, row: Values, output: int, gain: float = 1.0) -> tuple[float, float]:
        """What has to be added to the weighted sums so that rounding to nearest gives all answers.

        From, to: no number does if the first is the larger. 0 is right; -1/2 is truncation.
        """
        return offsets(
            gain * (self.x @ row), abs(gain) * (self.x @ np.abs(row)) * self.relative,
            self.y[:, output], self.full, self.half,
        )  # fmt: skip


def offsets(
    sums: Values, slack: Values, answers: Values, full: int, half: float = 0.5
) -> tuple[float, float]:
    """The numbers that explain answers as roundings to nearest of sums known to within a slack."""
    errors = answers - sums
    above, below = answers > 0, answers < full  # others may have been cut off
    low = np.max((errors - slack)[above], initial=-math.inf) - half
    high = np.min((errors + slack)[below], initial=math.inf) + half
    return float(low), float(high)


def ask_lines(
    subject: BlackBox,
    lengths: tuple[int, ...],
    others: tuple[int, ...],
    axis: int,
    usable: int,
    step: int,
    relative: float,
) -> Lines | None:
    """Ask; None if nothing comes back, or if that would take more lines than can be asked.

    Where there are not enough random lines to tell every weight, more lines have an edge each,
    eight in ``step``, the expected distance of two outputs. Along the axis planes are as long as
    ``lengths`` say, along the others as ``others`` do.
    """
    n = lengths[axis]
    shape = (*others[:axis], n, *others[axis + 1 :])
    count, edges = min(max(4 * n, 256), _MOST_SAMPLES // math.prod(shape)), range(0)
    if count < 3 * n // 2:
        edges = range(0, n + 1, max(step // 8, 1))
        if count < max(_FEWEST, len(edges)):
            return None
    levels = patterns.levels((count, n), usable, 11 + axis)
    if edges:
        low, high = usable // 8, usable - usable // 8
        rises = np.where(np.arange(n) < np.array(edges)[:, None], low, high)
        levels = np.concatenate([levels, rises])
    wide = [-1 if a == axis else 1 for a in range(len(shape))]
    answers = list(subject.planes(np.broadcast_to(line.reshape(wide), shape) for line in levels))
    if any(y is None for y in answers) or len({y.shape for y in answers if y is not None}) > 1:
        return None
    y = np.moveaxis(np.stack([y for y in answers if y is not None]), axis + 1, 1)
    middle = y[(slice(None), slice(None), *(m // 2 for m in y.shape[2:]))]
    full = int(np.iinfo(subject.dtype).max)
    return Lines(levels, middle, full, relative, edges=tuple(edges))


class Planes(NamedTuple):
    """Noise in all directions at once, and the answers: both of shape (planes, *lengths)."""

    x: Values
    y: Values


_PLANES = 16


_MOST_IN_PLANES = 1 << 20
"""Samples in all planes, if there is more than one."""


def ask_planes(subject: BlackBox, lengths: tuple[int, ...], usable: int) -> Planes | None:
    """Ask noise of levels up to the one that is usable; return None if nothing comes back."""
    count = max(1, min(_PLANES, _MOST_IN_PLANES // math.prod(lengths)))
    x = patterns.levels((count, *lengths), usable, 31)
    answers = [y for y in subject.planes(x) if y is not None]
    if len(answers) < count or len({y.shape for y in answers}) > 1:
        return None
    return Planes(x, np.stack(answers))
