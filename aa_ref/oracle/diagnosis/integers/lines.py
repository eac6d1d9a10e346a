"""Asking with lines: random levels along one axis, the same along the others.

Along the others every output clear of the ends gives the level back, whatever is rounded between
the passes, if taps sum to 1 there. So the answers are those of one axis.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import patterns
from ..subject import Subject

__all__ = ["Lines", "ask_lines", "offsets"]

Values = NDArray[np.float64]

_MOST = 1 << 26
"""Samples asked for one axis, all random lines together."""

_FEWEST = 128
"""Random lines that tell filters apart, though not each weight of each output."""


@dataclass(frozen=True)
class Lines:
    """Levels, and what the outputs on the middle line answer.

    Attributes
    ----------
    x : ndarray of shape (lines, inputs)
    y : ndarray of shape (lines, outputs)
    full : int
        The largest number of the type; an answer of that, or of 0, may have been cut off.
    relative : float
        What sums of products may be off by before they are rounded, relative to their absolute
        terms.
    half : float
        How far an answer may be from a sum: half a unit, or more if it is rounded again.
    edges : tuple of int
        Where the last lines rise from a low level to a high one: the first sample that is high.
        Without any, there are enough random lines to tell every weight.
    """

    x: Values
    y: Values
    full: int
    relative: float
    half: float = 0.5
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
    subject: Subject,
    lengths: tuple[int, ...],
    others: tuple[int, ...],
    axis: int,
    usable: int,
    step: int,
    relative: float,
) -> Lines | None:
    """Ask; None if nothing comes back, or if that would take more lines than can be asked.

    Where there are not enough random lines to tell every weight, more lines have an edge each,
    eight in the expected distance of two outputs.

    Parameters
    ----------
    subject : Subject
    lengths : tuple of int
        Of which this axis' one is taken.
    others : tuple of int
        Of which the other axes' are.
    axis : int
    usable : int
        The largest level.
    step : int
        The expected distance of two outputs.
    relative : float
        As of `Lines`.
    """
    n = lengths[axis]
    shape = (*others[:axis], n, *others[axis + 1 :])
    count, edges = min(max(4 * n, 256), _MOST // math.prod(shape)), range(0)
    if count < 3 * n // 2:
        edges = range(0, n + 1, max(step // 8, 1))
        if count < max(_FEWEST, len(edges)):
            return None
    levels = np.floor(patterns.random((count, n), "uint16", 11 + axis) / 65536 * (usable + 1))
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
