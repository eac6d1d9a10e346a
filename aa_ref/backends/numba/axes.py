"""Positions in compiled code: centres, the boundary, who reaches what, where blocks begin."""

from typing import Any

import numpy as np

from .compiling import inlined, larger, smaller
from .geometry import REFLECT, REPLICATE, ZEROS

__all__ = ["centre", "first_output", "fold", "locate"]


@inlined
def centre(axis: Any, i: int) -> int:
    """The input position under the middle tap of output ``i``."""
    if axis.spacing > 0:
        return i * axis.spacing
    return smaller(np.int64(np.floor(np.float32(np.float32(i) * axis.step))), axis.length - 1)


@inlined
def first_output(axis: Any, position: int) -> int:
    """The first output whose centre is at or beyond a position; how many there are, if none."""
    if axis.spacing > 0:
        return smaller(larger((position + axis.spacing - 1) // axis.spacing, 0), axis.outputs)
    low, high = 0, axis.outputs
    while low < high:
        middle = (low + high) // 2
        if centre(axis, middle) < position:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def fold(axis: Any, e: int) -> int:
    """The position that stands in for ``e``; -1 for a zero."""
    n = axis.length
    if 0 <= e < n:
        return e
    if axis.boundary == ZEROS:
        return -1
    if axis.boundary == REPLICATE:
        return 0 if e < 0 else n - 1
    if axis.boundary == REFLECT:
        if n == 1:
            return 0
        k = e % (2 * (n - 1))
        return smaller(k, 2 * (n - 1) - k)
    return e % n


@inlined
def locate(g: Any, outer: Any, block: int, length: int) -> Any:
    """What a block covers, counted over neighbours, then columns, then outer dimensions.

    Its first column, how many of the ``length`` columns and how many neighbours it has, and where
    in x's and in y's memory column 0, row 0 of its first neighbour is.
    """
    columns, neighbours = g.columns, g.neighbours
    skipped, rest = (block % neighbours.blocks) * neighbours.block, block // neighbours.blocks
    first, rest = (rest % columns.blocks) * columns.block, rest // columns.blocks
    x_start = g.x_start + skipped * neighbours.x_stride
    y_start = g.y_start + skipped * neighbours.y_stride
    for d in range(outer.shape[0] - 1, -1, -1):
        x_start += (rest % outer[d, 0]) * outer[d, 1]
        y_start += (rest % outer[d, 0]) * outer[d, 2]
        rest //= outer[d, 0]
    count = smaller(columns.block, length - first)
    return first, count, smaller(neighbours.block, neighbours.length - skipped), x_start, y_start
