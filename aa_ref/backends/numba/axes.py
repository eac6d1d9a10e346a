"""Positions along one axis, in compiled code: centres, the boundary, who reaches what."""

from typing import Any

import numpy as np

from .compiling import helper
from .geometry import REFLECT, REPLICATE, ZEROS

__all__ = ["centre", "first_output", "fold"]


@helper
def centre(axis: Any, i: int) -> int:
    """The input position under the middle tap of output ``i``."""
    if axis.spacing > 0:
        return i * axis.spacing
    return min(np.int64(np.floor(np.float32(np.float32(i) * axis.step))), axis.length - 1)


@helper
def first_output(axis: Any, position: int) -> int:
    """The first output whose centre is at or beyond a position; how many there are, if none."""
    if axis.spacing > 0:
        return min(max((position + axis.spacing - 1) // axis.spacing, 0), axis.outputs)
    low, high = 0, axis.outputs
    while low < high:
        middle = (low + high) // 2
        if centre(axis, middle) < position:
            low = middle + 1
        else:
            high = middle
    return low


@helper
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
        return min(k, 2 * (n - 1) - k)
    return e % n
