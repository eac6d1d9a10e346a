"""Large arrays that repeat a small one, and results of theirs, folded back to its size.

A plane that has period P, a whole number of strides, gives a result of period P / stride, but for
the ends, which are those of a shorter plane with the same remainder. So each output of the large
plane has one of the small to which it must be equal, whatever the rounding is that it allows, and
the least and the largest of those that belong to one are held against its truth and bound::

    large    | a b c d e f d e f d e f d e f g h |     period 3
    small    | a b c d e f g h |

Gradients that have a period of so many outputs give one of so many strides in the same way.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plans import AxisPlan, Direction, Plan
from .answers import Fault, fault_of_values, faults_besides_values
from .calling import Answer, Question, standard_arithmetic
from .probes import patterns
from .terms import Terms

__all__ = ["Tiling", "judge_tiled", "tiling_of"]

_PERIODS = 29
"""Strides in a period: a prime, so that no block of a round size lies a period off."""


@dataclass(frozen=True)
class _AxisTiling:
    """How one axis repeats."""

    # the dimension; samples in the large array that is handed over, and in a period of it
    axis: int
    length: int
    period: int
    small: int  # samples of the small plan's input
    # results before those that repeat, results in a period, and how many periods there are
    head: int
    different: int
    times: int

    def places(self, result: int) -> range:
        """Which results of the large array have to be equal to one of the small."""
        last = (self.times - 1) * self.different
        if result < self.head:
            return range(result, result + 1)
        if result < self.head + self.different:
            return range(result, result + last + 1, self.different)
        return range(result + last, result + last + 1)


@dataclass(frozen=True)
class Tiling:
    """How a large array is made of a small one."""

    direction: Direction
    # of the large and of the small array that are handed over: inputs, or gradients
    shape: tuple[int, ...]
    small: tuple[int, ...]
    planned: tuple[int, ...]  # the small plan's, which for gradients is the shape of the result
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


def tiling_of(plan: Plan, seed: int, direction: Direction = "forward") -> Tiling | None:
    """How an array for the plan can repeat a small one; None where results would not repeat."""
    forward = direction == "forward"
    axes, planned = [], list(plan.shape)
    for a in plan.axes:
        if a.spacing is None:
            return None
        tiled = _of_axis(a, a.spacing, forward)
        if tiled is not None:
            axes.append(tiled)
            planned[a.axis] = tiled.small
    out = plan.replace_array(tuple(planned), plan.input_dtype).out_shape
    for t in axes:
        more = (t.times - 1) * (t.different if forward else t.period)
        if out[t.axis] + more != plan.out_shape[t.axis]:
            return None  # a scale that is not quite one over the stride
    shape, small = (plan.shape, tuple(planned)) if forward else (plan.out_shape, out)
    return Tiling(direction, shape, small, tuple(planned), plan.input_dtype, seed, tuple(axes))


def _of_axis(a: AxisPlan, stride: int, forward: bool) -> _AxisTiling | None:
    """None for an axis that is too short to repeat anything."""
    period = _PERIODS * stride
    head = -(-a.radius // stride)  # before the first output whose footprint is whole
    least = (head + 2 * _PERIODS) * stride + a.radius
    if a.length < least + period:
        return None
    small = least + (a.length - least) % period
    times = (a.length - small) // period + 1
    if forward:
        return _AxisTiling(a.axis, a.length, period, small, head, _PERIODS, times)
    reached = a.radius + 1  # samples that the rule beyond the end reaches
    return _AxisTiling(a.axis, a.out_length, _PERIODS, small, reached, period, times)


@standard_arithmetic()
def judge_tiled(
    answer: Answer, question: Question, plan: Plan, terms: Terms, tiling: Tiling
) -> list[Fault]:
    """Look at the answer to a large array that repeats a small one."""
    faults = faults_besides_values(answer, question, plan, terms)
    y = answer.y
    if y is None or any(f.code in ("dtype", "size") for f in faults):
        return faults
    small = tiling.made(tiling.small)
    plan = terms.plan(tiling.planned, tiling.direction)
    for folded in tiling.folded(y):
        c = terms.compare(folded, small, plan, tiling.direction)
        if c.grade == "fails":
            c = replace(c, where=tiling.place(c.where or (), c.got, y))
            return [*faults, fault_of_values(c, y.dtype, "")]
    return faults
