"""From a plan and the strides of two arrays to what kernels are told: where each element lies."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...boundary import BOUNDARIES
from ...plans import AxisPlan
from .positions import Axis, Free

__all__ = ["Layout", "make_axis", "make_layout"]


class Layout(NamedTuple):
    """The dimensions that are not filtered: ``inner`` varies faster than the last filtered one.

    What does not fit into three stands in ``more``, slowest first: a launch for each element.
    """

    outer: Free
    middle: Free
    inner: Free
    more: tuple[Free, ...]


_ONE = Free(1, 0, 0)


def make_layout(
    lengths: Sequence[int],
    x_strides: Sequence[int],
    y_strides: Sequence[int],
    filtered: Sequence[int],
) -> Layout:
    """Merge and sort the dimensions that are not ``filtered``, whose strides are in bytes."""
    free = [
        Free(n, x, y)
        for d, (n, x, y) in enumerate(zip(lengths, x_strides, y_strides, strict=True))
        if d not in filtered and n != 1
    ]
    free.sort(key=lambda f: (-abs(f.y), -abs(f.x)))
    merged: list[Free] = []
    for f in free:
        if merged and merged[-1].x == f.x * f.length and merged[-1].y == f.y * f.length:
            merged[-1] = Free(merged[-1].length * f.length, f.x, f.y)
        else:
            merged.append(f)
    inner = _ONE
    within = abs(y_strides[filtered[-1]]) if filtered else math.inf
    if merged and abs(merged[-1].y) < within:
        inner = merged.pop()
    merged = [_ONE, _ONE, *merged]
    return Layout(merged[-2], merged[-1], inner, tuple(merged[2:-2]))


def make_axis(a: AxisPlan | None, taps: int, x: int, y: int) -> Axis:
    """A plan's axis as numbers; without a plan, a dimension of one element."""
    if a is None:
        return Axis(1, 1, 0, 1, np.float32(0), 0, 0, 0, 0)
    spacing = a.spacing if a.out_length > 1 else 1  # a lone output's may exceed 64 bits
    boundary = BOUNDARIES.index(a.boundary)
    return Axis(
        a.length, a.out_length, a.radius, spacing or 0, np.float32(a.step), boundary, taps, x, y
    )
