"""A model of what rounds between its passes, which predicts answers to planes as intervals."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import patterns
from ..subject import Subject
from .ends import Rows
from .evidence import Planes, along

__all__ = ["PassModel", "ask_planes", "explain_between"]

Values = NDArray[np.float64]

_ADDED = {"to nearest": 0.0, "down": -0.5, "up": 0.5}
"""What is added before rounding to nearest, for each way of rounding."""

_AS_NEAR = 0.05
"""Units of distance that tell nothing: ways of rounding differ by a quarter of one and more."""

_PLANES = 16
_MOST = 1 << 20
"""Samples in all planes, if there is more than one."""


class PassModel(NamedTuple):
    """An implementation that filters one axis after the other, and rounds after each.

    Attributes
    ----------
    rows : sequence of Rows
        What outputs read, along each axis.
    base : float
        What is added before the last rounding.
    between, last : {"to nearest", "down", "up"}
        How sums are rounded after the first passes, and after the last.
    gain_first : bool
        Whether the gain comes before the first rounding, else before the last.
    backwards : bool
        Whether the last axis is filtered first.
    """

    rows: Sequence[Rows]
    base: float
    between: str
    last: str
    gain_first: bool
    backwards: bool

    def predict(self, x: Values) -> tuple[Values, Values]:
        """Return the least and the largest answers to planes, of shape (planes, *outputs).

        Sums are known to within a bound, and so are the taps: what either leaves open may be
        rounded to one number or the next.
        """
        first, gain = self.rows[0].lines, self.rows[0].found.gain
        order = range(len(self.rows))[:: -1 if self.backwards else 1]
        low, high = x, x
        for k in order:
            low, high = _filtered(self.rows[k], low, high, k + 1)
            if k == order[0] and self.gain_first:
                low, high = gain * low, gain * high
            if k != order[-1]:
                low, high = _rounded(low, high, _ADDED[self.between], first.full)
        if not self.gain_first:
            low, high = gain * low, gain * high
        return _rounded(low, high, self.base + _ADDED[self.last], first.full)

    def explains(self, planes: Planes) -> bool:
        """Return True if all answers are among those predicted."""
        low, high = self.predict(planes.x)
        return bool(np.all((low <= planes.y) & (planes.y <= high)))

    def distance(self, planes: Planes) -> float:
        """Return how far the middles of what is predicted are from the answers, on average."""
        low, high = self.predict(planes.x)
        return float(np.abs((low + high) / 2 - planes.y).mean())

    @property
    def words(self) -> str:
        """The finding, in a clause."""
        where = "what lies between the passes is rounded to integers"
        if self.gain_first:
            where += " after a gain"
        if self.between == self.last:
            return f"{where}, too, all {self.last}"
        return f"{where}, {self.between}, results {self.last}"


def ask_planes(subject: Subject, lengths: tuple[int, ...], usable: int) -> Planes | None:
    """Ask noise of levels up to the one that is usable; return None if nothing comes back."""
    count = max(1, min(_PLANES, _MOST // math.prod(lengths)))
    levels = patterns.random((count, *lengths), "uint16", 31) / 65536
    x = np.floor(levels * (usable + 1))
    answers = [y for y in subject.planes(x) if y is not None]
    if len(answers) < count or len({y.shape for y in answers}) > 1:
        return None
    return Planes(x, np.stack(answers))


def explain_between(planes: Planes, rows: Sequence[Rows], base: float) -> str:
    """Say how results and what lies between the passes are rounded, if that gives all answers.

    Of models that do, the likeliest of those whose middles are nearest to the answers: where sums
    may be off by more than a unit, the others differ from them by as much on average.
    """
    models = [model for model in _variants(rows, base) if model.explains(planes)]
    far = [model.distance(planes) for model in models]
    least = min(far, default=0.0)
    return next((m.words for m, d in zip(models, far, strict=True) if d <= least + _AS_NEAR), "")


def _variants(rows: Sequence[Rows], base: float) -> Iterator[PassModel]:
    """Yield models, the likeliest first: rounded alike, a gain at the end, the last axis last."""
    gains = (False, True) if rows[0].found.gain != 1 else (False,)
    for unlike, gain_first, backwards in itertools.product((False, True), gains, (False, True)):
        for between, last in itertools.product(_ADDED, repeat=2):
            if (between != last) == unlike:
                yield PassModel(rows, base, between, last, gain_first, backwards)


def _filtered(r: Rows, low: Values, high: Values, axis: int) -> tuple[Values, Values]:
    """Return the least and the largest sums along an axis of numbers from ``low`` to ``high``."""
    positive, negative = np.maximum(r.matrix, 0), np.minimum(r.matrix, 0)
    most = np.maximum(np.abs(low), np.abs(high))
    size = along(r.lines.relative * np.abs(r.matrix) + _doubt(r), most, axis)
    return (
        along(positive, low, axis) + along(negative, high, axis) - size,
        along(positive, high, axis) + along(negative, low, axis) + size,
    )


def _rounded(low: Values, high: Values, added: float, full: int) -> tuple[Values, Values]:
    """Return the least and the largest integers that sums are rounded to, and cut off at."""
    return (
        np.clip(np.ceil(low + added - 0.5), 0, full),
        np.clip(np.floor(high + added + 0.5), 0, full),
    )


def _doubt(r: Rows) -> Values:
    """Return by how much weights may be others: those of a sigma at either end of what is open."""
    matrix = r.laid.matrix(r.found)
    if r.found.interval is None:
        return np.zeros(matrix.shape)
    ends = [r.laid.matrix(r.found.having(np.array([sigma]))) for sigma in r.found.interval]
    return np.asarray(np.max([np.abs(end - matrix) for end in ends], axis=0), np.float64)
