"""The second half of a forward kernel: sums down the rows meet in shared memory, become outputs.

A block has two sides of shared memory, which rows of sums take in turn. Where there is one channel,
a side is sorted by ``column % stride``, so that neighbouring threads read neighbouring words.
Places are unsigned: to a signed one Numba would add the length where it is below zero, at each
access.
"""

from typing import Any, NamedTuple

import numpy as np

from .instructions import ADD, MULTIPLY
from .strips import WARP, filter_of, run_of
from .toolkit import device_function

__all__ = ["Columns", "make_columns"]


class Columns(NamedTuple):
    """How long a side is, what fills it, and what makes an output of it."""

    side: int
    put: Any
    total: Any


def make_columns(
    stride: int, kind: str, compute: str, threads: int, planar: bool, aligned: bool, lead: int = 0
) -> Columns:
    """For a stride, in blocks that begin ``lead`` columns before the first footprint.

    Before those come the lanes that let runs begin at multiples of their length: a constant where
    there is one channel, else `Strips.before`.
    """
    filter_ = filter_of(stride, compute)
    length, per_thread = len(filter_.taps), run_of(kind)
    run = per_thread if aligned else 1
    runs, lanes = per_thread // run, per_thread * threads
    pitch = -(-lanes // stride) + 32 // stride
    skipped = -(filter_.radius + lead) % per_thread + lead if planar else 0
    reach = -(-(length + skipped) // stride)
    zero, add, multiply = np.dtype(compute).type(0), ADD[compute], MULTIPLY[compute]

    @device_function
    def put(line: Any, front: int, sums: Any, at: int, lane: int) -> None:
        """Put a thread's sums from ``at`` on into the side that begins at ``front``.

        ``lane``: the block's that is the thread's first.
        """
        for m in range(runs):
            for n in range(run):
                place = lane + m * WARP + n
                if planar:
                    place = place % stride * pitch + place // stride
                line[np.uint32(front + place)] = sums[at + m * run + n]

    @device_function
    def total(line: Any, front: int, output: int, channels: int, before: int, taps: Any) -> Any:
        """The block's ``output``, counted over columns and channels."""
        if planar:
            base, next_column, next_stride = front + output, pitch, 1
        else:
            first = lead + output // channels * stride
            base = front + before + first * channels + output % channels
            next_column, next_stride = channels, stride * channels
        total = zero
        for u in range(reach):
            for q in range(stride):
                k = u * stride + q - skipped
                if k >= 0 and k < length:
                    place = base + u * next_stride + q * next_column
                    total = add(total, multiply(taps[k], line[np.uint32(place)]))
        return total

    return Columns(pitch * stride if planar else lanes, put, total)
