"""The first half of a forward kernel: rows are read, and added to the outputs they are part of."""

from typing import Any, NamedTuple

import numpy as np

from ...dtypes import STORAGE
from .instructions import ADD, MULTIPLY, make_load, make_load_run
from .positions import fold
from .strips import WARP, filter_of, run_of
from .toolkit import device_function

__all__ = ["Rows", "make_accumulate", "make_rows"]

_WITHIN, _BEYOND = 1, -1
"""Where a thread's lanes are: in the array; where nothing but zeros are."""


class Rows(NamedTuple):
    """What finds a thread's lanes, and what reads some rows of them."""

    find: Any
    read: Any


def make_rows(kind: str, compute: str, count: int, aligned: bool) -> Rows:
    """For reading ``count`` rows at once, so that many loads are under way.

    ``aligned``: a thread's lanes are adjacent and are read at once; otherwise they lie a warp's
    threads apart.
    """
    per_thread, size = run_of(kind), STORAGE[kind].itemsize
    run = per_thread if aligned else 1
    runs = per_thread // run
    zero = np.dtype(compute).type(0)
    load, load_run = make_load(kind), make_load_run(kind, run)

    @device_function
    def find(stands_in: Any, first_lane: int, columns: Any, channels: int) -> int:
        """Note what stands in for each lane of a thread, -1 for a zero.

        Return `_WITHIN` if all lanes are in the array, `_BEYOND` if all are zeros, else 0.
        """
        all_lanes, beyond = columns.length * channels, True
        for m in range(runs):
            for n in range(run):
                lane = first_lane + m * WARP + n
                column = fold(columns, lane // channels)
                beyond = beyond and column < 0
                stands_in[m * run + n] = column * channels + lane % channels if column >= 0 else -1
        last_lane = first_lane + (runs - 1) * WARP + run - 1
        if first_lane >= 0 and last_lane < all_lanes:
            return _WITHIN
        return _BEYOND if beyond else 0

    @device_function
    def read(
        samples: Any,
        source: int,
        first_row: int,
        rows: Any,
        first_lane: int,
        where: int,
        stands_in: Any,
    ) -> None:
        """Read a thread's lanes of the rows from ``first_row`` on, the boundary applied."""
        if where == _WITHIN and first_row >= 0 and first_row + count <= rows.length:
            for q in range(count):
                address = source + (first_row + q) * rows.x + first_lane * size
                for m in range(runs):
                    at = q * per_thread + m * run
                    load_run(address + m * WARP * size, samples, at)
        elif where == _BEYOND:
            for n in range(count * per_thread):
                samples[n] = zero
        else:
            for q in range(count):
                row = fold(rows, first_row + q)
                for n in range(per_thread):
                    samples[q * per_thread + n] = zero
                    if row >= 0 and stands_in[n] >= 0:
                        address = source + row * rows.x + stands_in[n] * size
                        samples[q * per_thread + n] = load(address)

    return Rows(find, read)


def make_accumulate(stride: int, kind: str, compute: str) -> Any:
    """A function that adds one row to all outputs under way at a stride.

    ``phase`` says which row of the newest output's first ``stride`` it is.
    """
    filter_, per_thread = filter_of(stride, compute), run_of(kind)
    length, slots = len(filter_.taps), filter_.slots
    add, multiply = ADD[compute], MULTIPLY[compute]

    @device_function
    def accumulate(sums: Any, samples: Any, at: int, phase: int, taps: Any) -> None:
        slot = 0
        while slot < slots:  # NVVM unrolls it for all architectures; not so a range
            k = slot * stride + phase
            if k < length:
                for n in range(per_thread):
                    term = multiply(taps[k], samples[at + n])
                    sums[slot * per_thread + n] = add(sums[slot * per_thread + n], term)
            slot += 1

    return accumulate
