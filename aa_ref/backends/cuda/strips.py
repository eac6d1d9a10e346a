"""What the kernels for the usual strides share: the filter as constants, and how work is cut.

A *lane* is a sample's place along a row, counted over columns and, where pictures are interleaved,
their channels. A block of threads takes a strip of lanes and marches down it.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...filters import radius_of, sigma_of, taps_of
from .positions import Axis, Free
from .toolkit import device_function

__all__ = [
    "MOST_CHANNELS",
    "STRIDES",
    "WARP",
    "Filter",
    "Strips",
    "filter_of",
    "make_own_lane",
    "run_of",
]

STRIDES = (2, 3, 4, 8)
"""The strides with kernels of their own."""

MOST_CHANNELS = 32
"""More take a strip to few columns, most of which its neighbours read again."""


WARP = 32
"""Threads that go in step. A launch may have fewer warps than the kernel has room for."""


class Filter(NamedTuple):
    """The filter that a scale of ``1/stride`` has, and how many outputs a sample is part of."""

    stride: int
    radius: int
    taps: NDArray[Any]
    slots: int


class Strips(NamedTuple):
    """How x and y are cut into strips of ``block_columns`` outputs and ``chunk`` steps down.

    ``before`` lanes are read before a strip's first footprint, for runs to begin where they should.
    """

    outer: Free
    middle: Free
    rows: Axis
    columns: Axis
    channels: int
    before: int
    strips: int
    block_columns: int
    chunks: int
    chunk: int


@lru_cache
def filter_of(stride: int, compute: str) -> Filter:
    """The filter of the layer at ``1/stride``."""
    sigma = sigma_of(1 / stride)
    taps = taps_of(sigma, np.dtype(compute))
    return Filter(stride, radius_of(sigma), taps, -(-len(taps) // stride))


def run_of(kind: str) -> int:
    """How many lanes a thread has. More would not leave their sums in registers."""
    return 2 if kind == "float64" else 4


def make_own_lane(kind: str, aligned: bool) -> Any:
    """Make a function of a thread that returns the first of its lanes in the block.

    A warp's lanes are adjacent. ``aligned``: so are a thread's; otherwise those lie `WARP` apart.
    """
    per_thread = run_of(kind)

    @device_function
    def own_lane(thread: int) -> int:
        if aligned:
            return thread * per_thread
        return thread // WARP * (WARP * per_thread) + thread % WARP

    return own_lane
