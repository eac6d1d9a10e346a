"""Positions in kernels: centres, the boundary, which outputs reach an input."""

from typing import Any, NamedTuple

import numpy as np

from ...boundary import BOUNDARIES
from .toolkit import device_function

__all__ = ["Axis", "Free", "centre", "first_output", "fold"]

ZEROS, REPLICATE, REFLECT, CIRCULAR = range(len(BOUNDARIES))


class Free(NamedTuple):
    """A dimension that is not filtered: how long, and how far apart in x and in y, in bytes."""

    length: int
    x: int
    y: int


class Axis(NamedTuple):
    """A filtered dimension: `AxisPlan` as numbers, and its strides in x and in y, in bytes.

    x is the side with all samples, y the subsampled one, in either direction.
    """

    length: int
    outputs: int
    radius: int
    spacing: int  # 0 where the centres are not evenly spaced
    step: np.float32  # which then says where they are
    boundary: int  # its place in `aa_ref.boundary.BOUNDARIES`
    taps: int  # their address, in the compute type
    x: int
    y: int


@device_function
def centre(axis: Any, i: int) -> int:
    """The input position under the middle tap of output ``i``."""
    if axis.spacing > 0:
        return i * axis.spacing
    return min(int(np.float32(i) * axis.step), axis.length - 1)


@device_function
def fold(axis: Any, e: int) -> int:
    """The position that stands in for ``e``; -1 for a zero."""
    n = axis.length
    if e >= 0 and e < n:
        return e
    if axis.boundary == ZEROS:
        return -1
    if axis.boundary == REPLICATE:
        return 0 if e < 0 else n - 1
    if axis.boundary == CIRCULAR:
        return e % n
    if n == 1:
        return 0
    k = e % (2 * (n - 1))
    return min(k, 2 * (n - 1) - k)


@device_function
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
