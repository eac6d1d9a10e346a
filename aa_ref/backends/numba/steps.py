"""Steps: the compiled calls that carry out a plan, for arrays of given strides."""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dtypes import STORAGE
from ...plans import AxisPlan, Plan
from .cuts import Cut, cut, cut_adjoint
from .geometry import Geometry, Operand, make_geometry

__all__ = ["Step", "c_strides", "make_steps", "operand", "packed"]

_NO_TAPS: dict[type, NDArray[Any]] = {t: np.ones(1, t) for t in (np.float32, np.float64)}


class Step(NamedTuple):
    """One compiled call of a plan: at most two axes, from an array to the next."""

    function: str
    forward: bool
    geometry: Geometry
    cut: Cut | None  # where a function for just this can do it
    taps: tuple[NDArray[Any], NDArray[Any]]
    shape: tuple[int, ...]  # of the result
    order: tuple[int, ...]  # of its dimensions in memory, the outermost first, if it is no end
    multiplications: int

    @property
    def special_name(self) -> str:
        """The name of functions for just this."""
        return "levels" if self.forward else "adjoint"


@lru_cache(maxsize=512)
def make_steps(
    plan: Plan, forward: bool, source: tuple[int, ...], result: tuple[int, ...]
) -> tuple[Step, ...]:
    """A plan's compiled calls for arrays of these strides (in bytes).

    The last two axes are fused, unless memory has them in the other order: then each by itself is
    faster. Axes before them go one at a time. What is between two steps is reduced along the axes
    already done, and its dimensions are in memory in the order of the source's; for the adjoint all
    goes in the opposite order.
    """
    compute = plan.compute_dtype
    groups = [*((a,) for a in plan.passes[:-2]), plan.passes[-2:]]
    pending = deque(groups if forward else reversed(groups))
    shape = plan.shape if forward else plan.out_shape
    order = sorted(range(len(shape)), key=lambda d: -abs(source[d]))
    steps: list[Step] = []
    kind, strides = plan.input_dtype, source
    while pending:
        group = pending.popleft()
        before, shape = shape, _shape_after(group, shape, forward)
        x, between = operand(kind, before, strides), packed(shape, order, compute.itemsize)
        ends = (compute.name, between) if pending else (plan.dtype, result)
        y = operand(ends[0], shape, ends[1])
        fast = cut([group], before, x, [y]) if forward else cut_adjoint(group, shape, y, x)
        if forward and fast is None and len(group) == 2:
            first, second = group
            middle = _shape_after([first], before, forward)
            halfway = operand(compute.name, middle, packed(middle, order, compute.itemsize))
            if cut([(first,)], before, x, [halfway]) and cut([(second,)], middle, halfway, [y]):
                pending.extendleft([(second,), (first,)])
                shape = before
                continue
        steps.append(_make_step(group, shape, order, forward, fast, compute, (before, x, y)))
        kind, strides = compute.name, between
    return tuple(steps)


def _make_step(
    group: tuple[AxisPlan, ...],
    shape: tuple[int, ...],
    order: list[int],
    forward: bool,
    fast: Cut | None,
    compute: np.dtype[Any],
    ends: tuple[tuple[int, ...], Operand, Operand],
) -> Step:
    before, x, y = ends
    large, (small, other) = (before, (x, y)) if forward else (shape, (y, x))
    geometry = make_geometry(group, large, small, other, forward=forward)
    rows, columns = geometry.rows, geometry.columns
    none = _NO_TAPS[compute.type]
    taps = rows.taps if rows else none, columns.taps if columns else none
    work = np.prod(shape if forward else before) * sum(len(a.taps) for a in group)
    name = "forward" if forward else "adjoint"
    return Step(name, forward, geometry, fast, taps, shape, tuple(order), int(work))


def _shape_after(
    group: Iterable[AxisPlan], shape: tuple[int, ...], forward: bool
) -> tuple[int, ...]:
    after = list(shape)
    for a in group:
        after[a.axis] = a.out_length if forward else a.length
    return tuple(after)


def operand(kind: str, shape: tuple[int, ...], strides: tuple[int, ...]) -> Operand:
    """An array as its memory, from strides in bytes."""
    itemsize = STORAGE[kind].itemsize
    below = sum(s * (n - 1) for s, n in zip(strides, shape, strict=True) if s < 0)
    return Operand(kind, tuple(s // itemsize for s in strides), -below // itemsize)


def c_strides(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Strides of an array in C order, in bytes."""
    return packed(shape, range(len(shape)), itemsize)


def packed(shape: Sequence[int], order: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Strides without gaps, in bytes; ``order`` names the dimensions, the outermost first."""
    strides = [itemsize] * len(shape)
    for d in reversed(order):
        strides[d], itemsize = itemsize, itemsize * shape[d]
    return tuple(strides)
