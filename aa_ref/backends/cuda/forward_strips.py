"""The forward kernel for the usual strides: each sample is read once and goes into all its outputs.

Threads hold sums, not samples. At each step a thread reads the ``stride`` next rows of its lanes
and adds them to the ``slots`` outputs under way there. Rows come in ascending order, and so do each
sum's terms. The row of sums that is complete then goes through shared memory, where each output
finds the columns of its footprint.
"""

from typing import Any

import numpy as np

from ...dtypes import STORAGE
from .instructions import ADD, MULTIPLY, make_load, make_load_run, make_store
from .positions import fold
from .strips import filter_of, run_of
from .toolkit import cuda, types

__all__ = ["make_forward_strips"]


def make_forward_strips(
    stride: int, kind: str, result: str, compute: str, threads: int, planar: bool, aligned: bool
) -> Any:
    """The kernel for a stride and two types, for blocks of ``threads``.

    ``planar``: there is one channel, and the row of sums is sorted by ``column % stride``, so that
    neighbouring threads read neighbouring words. ``aligned``: a thread's lanes are adjacent and are
    read at once; otherwise they lie ``threads`` apart.
    """
    filter_ = filter_of(stride, compute)
    radius, slots, all_taps = filter_.radius, filter_.slots, filter_.taps
    length, per_thread = len(all_taps), run_of(kind)
    run = per_thread if aligned else 1
    runs, lanes = per_thread // run, per_thread * threads
    held, fresh = slots * per_thread, stride * per_thread
    before = (
        -radius % per_thread if planar else 0
    )  # lanes of the first run before the first footprint
    reach = -(-(length + before) // stride)
    pitch = -(-lanes // stride) + 32 // stride
    side = pitch * stride if planar else lanes
    both_sides = 2 * side
    size, result_size = STORAGE[kind].itemsize, STORAGE[result].itemsize

    number, zero = getattr(types, compute), np.dtype(compute).type(0)
    add, multiply = ADD[compute], MULTIPLY[compute]
    load, load_run, store = make_load(kind), make_load_run(kind, run), make_store(result, compute)

    def forward_strips(x: int, y: int, g: Any) -> None:
        taps = cuda.const.array_like(all_taps)
        line = cuda.shared.array(both_sides, number)
        sums = cuda.local.array(held, number)
        samples = cuda.local.array(fresh, number)
        stands_in = cuda.local.array(per_thread, types.int64)  # for a lane; -1 where a zero does

        thread, block = np.int64(cuda.threadIdx.x), np.int64(cuda.blockIdx.x)
        rest, strip = block // g.strips, block % g.strips
        plane, chunk = rest // g.chunks, rest % g.chunks
        outer, middle = plane // g.middle.length, plane % g.middle.length
        source = x + outer * g.outer.x + middle * g.middle.x
        target = y + outer * g.outer.y + middle * g.middle.y

        channels = 1 if planar else g.channels
        all_lanes = g.columns.length * channels
        outputs = g.columns.outputs * channels
        block_outputs = g.block_columns * channels
        first_lane = (strip * g.block_columns * stride - radius) * channels - g.before
        first_lane += thread * run
        last_lane = first_lane + (runs - 1) * threads * run + run - 1
        within = first_lane >= 0 and last_lane < all_lanes
        for m in range(runs):
            for n in range(run):
                lane = first_lane + m * threads * run + n
                column = fold(g.columns, lane // channels)
                stands_in[m * run + n] = column * channels + lane % channels if column >= 0 else -1

        for n in range(held):
            sums[n] = zero
        front = 0
        first = chunk * g.chunk
        last = min(first + g.chunk, g.rows.outputs)
        for step in range(first, last + slots - 1):
            first_row = step * stride - radius
            if within and first_row >= 0 and first_row + stride <= g.rows.length:
                for q in range(stride):
                    address = source + (first_row + q) * g.rows.x + first_lane * size
                    for m in range(runs):
                        at = q * per_thread + m * run
                        load_run(address + m * threads * run * size, samples, at)
            else:
                for q in range(stride):
                    row = fold(g.rows, first_row + q)
                    for n in range(per_thread):
                        samples[q * per_thread + n] = zero
                        if row >= 0 and stands_in[n] >= 0:
                            address = source + row * g.rows.x + stands_in[n] * size
                            samples[q * per_thread + n] = load(address)
            for q in range(stride):
                for slot in range(slots):
                    if slot * stride + q < length:
                        for n in range(per_thread):
                            at = slot * per_thread + n
                            term = multiply(taps[slot * stride + q], samples[q * per_thread + n])
                            sums[at] = add(sums[at], term)
            i = step - (slots - 1)
            if i >= first:
                for m in range(runs):
                    for n in range(run):
                        place = (m * threads + thread) * run + n
                        if planar:
                            place = place % stride * pitch + place // stride
                        line[front + place] = sums[(slots - 1) * per_thread + m * run + n]
                # Outputs below read what other threads wrote above. That one barrier a row is
                # enough, as rows take turns between two sides: who writes to a side again has
                # passed the next row's barrier, which all reach after they have read this row.
                cuda.syncthreads()
                for own in range(thread, block_outputs, threads):
                    output = strip * block_outputs + own
                    if output < outputs:
                        if planar:
                            base, next_column, next_stride = front + own, pitch, 1
                        else:
                            column = own // channels
                            base = front + g.before + column * stride * channels + own % channels
                            next_column = channels
                            next_stride = stride * channels
                        total = zero
                        for u in range(reach):
                            for q in range(stride):
                                k = u * stride + q - before
                                if k >= 0 and k < length:
                                    sample = line[base + u * next_stride + q * next_column]
                                    total = add(total, multiply(taps[k], sample))
                        store(target + i * g.rows.y + output * result_size, total)
                front = side - front
            for slot in range(slots - 1, 0, -1):
                for n in range(per_thread):
                    sums[slot * per_thread + n] = sums[(slot - 1) * per_thread + n]
            for n in range(per_thread):
                sums[n] = zero

    return forward_strips
