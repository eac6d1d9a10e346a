"""Large arrays that repeat a small one, and their results folded back to its size.

A plane that has period P, a whole number of strides, gives a result of period P / stride, but for
the ends, which are those of a shorter plane with the same remainder. So each output of the large
plane has one of the small to which it must be equal, whatever the rounding is that it allows, and
the least and the largest of those that belong to one are held against its truth and bound::

    large    | a b c d e f d e f d e f d e f g h |     period 3
    small    | a b c d e f g h |
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plans import AxisPlan, Plan
from . import patterns

__all__ = ["Tiling", "tiling_of"]

_PERIODS = 29
"""Strides in a period: a prime, so that no block of a round size lies a period off."""


@dataclass(frozen=True)
class _AxisTiling:
    """How one axis repeats.

    Attributes
    ----------
    axis, length, small : int
        The dimension, and its samples in the large and in the small array.
    period : int
        In samples.
    head, different, times : int
        Outputs before those that repeat, outputs in a period, and how many periods there are.
    """

    axis: int
    length: int
    period: int
    small: int
    head: int
    different: int
    times: int

    def places(self, output: int) -> range:
        """Which outputs of the large array have to be equal to one of the small."""
        last = (self.times - 1) * self.different
        if output < self.head:
            return range(output, output + 1)
        if output < self.head + self.different:
            return range(output, output + last + 1, self.different)
        return range(output + last, output + last + 1)


@dataclass(frozen=True)
class Tiling:
    """How a large array is made of a small one. Shapes are those of the small array.

    Attributes
    ----------
    shape : tuple of int
        Of the large array.
    small : tuple of int
        Of the small array.
    dtype : str
    seed : int
    """

    shape: tuple[int, ...]
    small: tuple[int, ...]
    dtype: str
    seed: int
    axes: tuple[_AxisTiling, ...]

    @property
    def repeats(self) -> tuple[tuple[int, int, int], ...]:
        """The dimensions that repeat, their periods and their lengths in the large array."""
        return tuple((a.axis, a.period, a.length) for a in self.axes)

    def made(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """The array of one of the two shapes: noise by the recipe, repeated."""
        periods = {a.axis: a.period for a in self.axes}
        tile = tuple(periods.get(k, n) for k, n in enumerate(shape))
        x = patterns.cast(patterns.recipe(tile, self.dtype, self.seed), self.dtype)
        for axis, period in periods.items():
            x = x.take(np.arange(shape[axis]) % period, axis=axis)
        return x

    def folded(self, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The least and the largest of the results that have to be equal, as the small array's."""
        return self._fold(y, np.minimum), self._fold(y, np.maximum)

    def _fold(self, y: NDArray[Any], least: np.ufunc) -> NDArray[Any]:
        for a in self.axes:
            moved = np.moveaxis(y, a.axis, 0)
            end = a.head + a.times * a.different
            inner = moved[a.head : end].reshape(a.times, a.different, *moved.shape[1:])
            parts = [moved[: a.head], least.reduce(inner, axis=0), moved[end:]]
            y = np.moveaxis(np.concatenate(parts), 0, a.axis)
        return y

    def place(self, where: tuple[int, ...], value: Any, y: NDArray[Any]) -> tuple[int, ...]:
        """The first of the results that have to be equal to that at ``where`` and has the value."""
        ranges: list[Any] = [range(i, i + 1) for i in where]
        for a in self.axes:
            ranges[a.axis] = a.places(where[a.axis])
        found = y[np.ix_(*ranges)]
        same = (found == value) | (np.isnan(value) & np.isnan(found))
        first = np.argwhere(same)[0]
        return tuple(int(r[k]) for r, k in zip(ranges, first, strict=True))


def tiling_of(plan: Plan, seed: int) -> Tiling | None:
    """How an array for the plan can repeat a small one; None where results would not repeat."""
    axes, small = [], list(plan.shape)
    for a in plan.axes:
        if a.spacing is None:
            return None
        tiled = _of_axis(a, a.spacing)
        if tiled is not None:
            axes.append(tiled)
            small[a.axis] = tiled.small
    out = plan.replace_array(tuple(small), plan.input_dtype).out_shape
    if any(out[t.axis] + (t.times - 1) * t.different != plan.out_shape[t.axis] for t in axes):
        return None  # a scale that is not quite one over the stride
    return Tiling(plan.shape, tuple(small), plan.input_dtype, seed, tuple(axes))


def _of_axis(a: AxisPlan, stride: int) -> _AxisTiling | None:
    """None for an axis that is too short to repeat anything."""
    period = _PERIODS * stride
    head = -(-a.radius // stride)  # before the first output whose footprint is whole
    least = (head + 2 * _PERIODS) * stride + a.radius
    if a.length < least + period:
        return None
    small = least + (a.length - least) % period
    times = (a.length - small) // period + 1
    return _AxisTiling(a.axis, a.length, period, small, head, _PERIODS, times)
