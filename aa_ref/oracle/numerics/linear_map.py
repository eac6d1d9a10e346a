"""One pass as a sum of products, in any arithmetic: big integers, binary64, counts.

Here is the linear map and nothing of its rounding: which sample, by which tap, goes to which
result. The truth, the bound and the spread of NaN all read it from here.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...boundary import fold
from ...filters import taps_of
from ...plans import AxisPlan, Direction, Plan

__all__ = [
    "along", "close_taps", "counted", "gain", "longest", "magnitudes", "off_by", "raised",
    "reached", "slabs", "weighted",
]  # fmt: skip

_SMALLEST = 2.0**-1074


def along(matrix: NDArray[np.float64], x: NDArray[Any], axis: int) -> NDArray[np.float64]:
    """Return the matrix times all lines along an axis."""
    return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)


def weighted(
    a: AxisPlan, values: NDArray[Any], weights: Sequence[Any] | NDArray[Any], direction: Direction
) -> NDArray[Any]:
    """One pass with any weights, 2 R + 1 of them, in place of the taps.

    The products and sums are those of the array's type: exact for Python's integers.
    """
    moved = np.moveaxis(values, a.axis, 0)
    lines = moved.reshape(len(moved), -1)
    filled = (lines != 0).any(0)
    is_sparse = 2 * np.count_nonzero(filled) < len(filled) and _are_finite(weights)
    # Sums of zeros are zeros, if no weight is infinite.
    sums = _summed(a, lines[:, filled] if is_sparse else lines, weights, direction)
    if is_sparse:
        total = np.zeros((len(sums), len(filled)), values.dtype)
        total[:, filled] = sums
        sums = total
    return np.moveaxis(sums.reshape(len(sums), *moved.shape[1:]), 0, a.axis)


def _are_finite(weights: Sequence[Any] | NDArray[Any]) -> bool:
    return not isinstance(weights, np.ndarray) or bool(np.isfinite(weights).all())


def _summed(
    a: AxisPlan, lines: NDArray[Any], weights: Sequence[Any] | NDArray[Any], direction: Direction
) -> NDArray[Any]:
    """Apply the weights along the first of two axes, in the order of the taps."""
    count, forward = lines.shape[1], direction == "forward"
    if forward and _FEW < a.out_length * count <= _MANY and _are_finite(weights):
        reads, line = _table(a), np.zeros((1, count), lines.dtype)
        factors = np.asarray(weights, lines.dtype)[:, None, None]
        products: NDArray[Any] = factors * np.concatenate([lines, line])[reads]
        total = np.zeros((a.out_length, count), lines.dtype)
        total += np.add.reduce(products, axis=0)  # rows, one added after the other
        return total
    total = np.zeros((a.out_length if forward else a.length, count), lines.dtype)
    if count == 0:
        return total
    for weight, (inputs, outputs, several) in zip(weights, _reads(a), strict=True):
        if forward:
            total[outputs] += weight * lines[inputs]
        elif not several:
            total[inputs] += weight * lines[outputs]
        else:
            np.add.at(total, inputs, weight * lines[outputs])
    return total


_FEW, _MANY = 1, 128
"""Results, beyond which sums of their products are faster tap by tap; of one, NumPy sums pairs."""


@lru_cache(maxsize=64)
def _table(a: AxisPlan) -> NDArray[np.int64]:
    """For each tap and output the input that is read; one behind the last where none is."""
    offsets = np.arange(-a.radius, a.radius + 1)
    inputs = fold(a.centres + offsets[:, None], a.length, a.boundary)
    return np.where(inputs < 0, a.length, inputs)


@lru_cache(maxsize=64)
def _reads(a: AxisPlan) -> list[tuple[Any, Any, bool]]:
    """For each tap: inputs, the outputs that read them by it, and if several read one input."""
    found = []
    for offset in range(-a.radius, a.radius + 1):
        inputs = fold(a.centres + offset, a.length, a.boundary)
        outputs = np.flatnonzero(inputs >= 0)  # the others read a zero beyond the ends
        inputs = inputs[outputs]
        several = not (np.diff(inputs) > 0).all()
        found.append((inputs if several else _evenly(inputs), _evenly(outputs), several))
    return found


def _evenly(places: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """The places as a slice, with which arrays need not be copied, if they rise in even steps."""
    if places.size == 0:
        return slice(0, 0)
    step = int(places[1] - places[0]) if places.size > 1 else 1
    if step < 1 or (np.diff(places) != step).any():
        return places
    return slice(int(places[0]), int(places[-1]) + 1, step)


def _ones(a: AxisPlan) -> NDArray[np.float64]:
    return np.ones(2 * a.radius + 1)


def counted(plan: Plan, mask: NDArray[np.bool_], direction: Direction) -> NDArray[np.float64]:
    """How many products, of all axes at once, each result has with samples of the mask."""
    if mask.all():
        every = np.ones(plan.out_shape if direction == "forward" else plan.shape)
        for a in plan.passes:
            every *= _upright(_products(a, direction), a, mask.ndim)
        return every
    count = mask.astype(np.float64)
    for a in plan.passes:
        count = weighted(a, count, _ones(a), direction)
    return count


def reached(plan: Plan, mask: NDArray[np.bool_], direction: Direction) -> NDArray[np.bool_]:
    """Which results have a product with any sample of the mask."""
    if not mask.any():
        forward = direction == "forward"
        return np.zeros(plan.out_shape if forward else plan.shape, bool)
    if direction == "forward" and mask.all():  # where each result has one with its centre
        return np.ones(plan.out_shape, bool)
    return counted(plan, mask, direction) > 0


@lru_cache(maxsize=64)
def longest(a: AxisPlan, direction: Direction) -> int:
    """The products in the longest sum of a pass."""
    return int(_products(a, direction).max())


@lru_cache(maxsize=64)
def _products(a: AxisPlan, direction: Direction) -> NDArray[np.float64]:
    """How many products each sum of a pass has."""
    line = np.ones(a.length if direction == "forward" else a.out_length)
    return weighted(replace(a, axis=0), line, _ones(a), direction)


def _upright(line: NDArray[Any], a: AxisPlan, dimensions: int) -> NDArray[Any]:
    return line.reshape([-1 if k == a.axis else 1 for k in range(dimensions)])


def magnitudes(
    plan: Plan, absolutes: NDArray[np.float64], direction: Direction
) -> NDArray[np.float64]:
    """``sum of |t| |x|`` over each footprint with the real taps, from above.

    Exactly zero where only zeros are summed.
    """
    total = absolutes
    with np.errstate(all="ignore"):
        for a in plan.passes:
            total = weighted(a, total, close_taps(a), direction)
    return raised(total, reached(plan, absolutes > 0, direction), plan, direction)


def close_taps(a: AxisPlan) -> NDArray[np.float64]:
    """The taps to within 2**-53 of themselves, whatever the compute type."""
    return taps_of(a.sigma, np.dtype(np.float64))


def gain(a: AxisPlan, weights: NDArray[np.float64], direction: Direction) -> float:
    """The most that one pass with these weights makes of a bound on all samples; at least 1."""
    line = np.ones(a.length if direction == "forward" else a.out_length)
    sums = weighted(replace(a, axis=0), line, weights, direction)
    return max(1.0, float(sums.max()) * (1 + 2.0**-30))


def slabs(
    a: AxisPlan, plan: Plan, mask: NDArray[np.bool_], direction: Direction
) -> NDArray[np.float64]:
    """How many products of one pass, whenever it is made, can involve samples of the mask.

    That is along the axis, what the other axes reach taken together: no order of the passes has
    more.
    """
    if mask.all():
        every = np.ones(plan.out_shape if direction == "forward" else plan.shape)
        for b in plan.passes:
            line = _products(b, direction)
            every *= _upright(line if b is a else line > 0, b, mask.ndim)
        return every
    count = mask
    for b in plan.passes:
        if b is not a:
            count = weighted(b, count.astype(np.float64), _ones(b), direction) > 0
    return weighted(a, count.astype(np.float64), _ones(a), direction)


def raised(
    sums: NDArray[np.float64],
    support: NDArray[np.bool_],
    plan: Plan,
    direction: Direction,
    more: int = 0,
) -> NDArray[np.float64]:
    """Sums of non-negative terms computed in binary64, raised above the real sums.

    Nothing cancels, so a term that passes through m roundings of 2**-53 is low by less than
    m 2**-53 of itself, and by half the smallest subnormal for each product that underflows, which
    later passes multiply by at most the number of their products. In each pass there are a
    rounded weight, a product and the sums with the terms beside; ``more`` counts the roundings
    besides. Where nothing but zeros was summed (outside of ``support``) the sum is exactly zero.
    """
    relative, tiny = _lost(plan, direction, more)
    with np.errstate(all="ignore"):
        high = sums * (1 + relative) + tiny
    return np.where(support, high, 0.0)


def off_by(magnitude: NDArray[np.float64], plan: Plan, direction: Direction) -> NDArray[np.float64]:
    """How far sums of products, computed in binary64, are from the real ones; as for `raised`.

    ``magnitude`` is the sum of the magnitudes, or above it.
    """
    relative, tiny = _lost(plan, direction)
    return magnitude * relative + tiny


def _lost(plan: Plan, direction: Direction, more: int = 0) -> tuple[float, float]:
    lengths = [longest(a, direction) for a in plan.passes]
    roundings = more + sum(n + 2 for n in lengths) + 4
    return roundings * 2.0**-52, math.prod(lengths) * (len(lengths) + 1) * _SMALLEST
