"""The forward kernel for the usual strides: each sample is read once and goes into all its outputs.

Threads hold sums, not samples. At each step a thread reads the ``stride`` next rows of its lanes
and adds them to the ``slots`` outputs under way there. Rows come in ascending order, and so do each
sum's terms. The row of sums that is complete then goes through shared memory, where each output
finds the columns of its footprint.
"""

from typing import Any

import numpy as np

from ...dtypes import STORAGE
from .columns import make_columns
from .instructions import make_store
from .rows import make_accumulate, make_rows
from .strips import filter_of, make_own_lane, run_of
from .toolkit import cuda, types

__all__ = ["make_forward_strips"]


def make_forward_strips(
    stride: int, kind: str, result: str, compute: str, threads: int, planar: bool, aligned: bool
) -> Any:
    """The kernel for a stride and two types, for blocks of ``threads`` at most, in whole warps.

    ``planar``: there is one channel, as `columns` has it; ``aligned``: runs, as `rows` has it.
    """
    filter_, per_thread = filter_of(stride, compute), run_of(kind)
    radius, slots, all_taps = filter_.radius, filter_.slots, filter_.taps
    held, fresh = slots * per_thread, stride * per_thread
    oldest, result_size = held - per_thread, STORAGE[result].itemsize
    find_lanes, read_rows = make_rows(kind, compute, stride, aligned)
    accumulate, store = make_accumulate(stride, kind, compute), make_store(result, compute)
    side, put, total_of = make_columns(stride, kind, compute, threads, planar, aligned)
    both_sides = 2 * side
    number, zero = getattr(types, compute), np.dtype(compute).type(0)
    own_lane = make_own_lane(kind, aligned)

    def forward_strips(x: int, y: int, g: Any) -> None:
        taps = cuda.const.array_like(all_taps)
        line = cuda.shared.array(both_sides, number)
        sums = cuda.local.array(held, number)
        samples = cuda.local.array(fresh, number)
        stands_in = cuda.local.array(per_thread, types.int64)

        thread, block = np.int64(cuda.threadIdx.x), np.int64(cuda.blockIdx.x)
        rest, strip = block // g.strips, block % g.strips
        plane, chunk = rest // g.chunks, rest % g.chunks
        outer, middle = plane // g.middle.length, plane % g.middle.length
        source = x + outer * g.outer.x + middle * g.middle.x
        target = y + outer * g.outer.y + middle * g.middle.y

        channels = 1 if planar else g.channels
        outputs = g.columns.outputs * channels
        block_outputs = g.block_columns * channels
        own_outputs = np.int32(min(block_outputs, outputs - strip * block_outputs))
        target += strip * block_outputs * result_size
        first_lane = (strip * g.block_columns * stride - radius) * channels - g.before
        lane = own_lane(thread)
        first_lane += lane
        where = find_lanes(stands_in, first_lane, g.columns, channels)

        for n in range(held):
            sums[n] = zero
        front = 0
        first = chunk * g.chunk
        last = min(first + g.chunk, g.rows.outputs)
        for step in range(first, last + slots - 1):
            first_row = step * stride - radius
            read_rows(samples, source, first_row, g.rows, first_lane, where, stands_in)
            q = 0
            while q < stride:  # as in `make_accumulate`
                accumulate(sums, samples, q * per_thread, q, taps)
                q += 1
            i = step - (slots - 1)
            if i >= first:
                put(line, front, sums, oldest, lane)
                # Outputs below read what other threads wrote above. That one barrier a row is
                # enough, as rows take turns between two sides: who writes to a side again has
                # passed the next row's barrier, which all reach after they have read this row.
                cuda.syncthreads()
                own: Any = np.int32(thread)
                while own < own_outputs:
                    value = total_of(line, front, own, channels, g.before, taps)
                    store(target + i * g.rows.y + own * result_size, value)
                    own = np.int32(own + cuda.blockDim.x)
                front = side - front
            for n in range(held - 1, per_thread - 1, -1):
                sums[n] = sums[n - per_thread]
            for n in range(per_thread):
                sums[n] = zero

    return forward_strips
