"""The adjoint kernel for the usual strides, with zeros outside: each gradient is read once.

A block takes the rows of y one by one. Each thread works out what the row gives its lanes of x,
from shared memory, and holds what the last ``slots`` rows gave. Those make ``stride`` rows of x.
"""

from typing import Any

import numpy as np

from ...dtypes import STORAGE
from .instructions import ADD, MULTIPLY, make_load, make_store_run
from .strips import MOST_CHANNELS, WARP, filter_of, make_own_lane, run_of
from .toolkit import cuda, types

__all__ = ["make_adjoint_strips"]


def make_adjoint_strips(
    stride: int, kind: str, result: str, compute: str, threads: int, planar: bool, aligned: bool
) -> Any:
    """The kernel for a stride and two types, for blocks of ``threads``; see `forward_strips`.

    ``aligned``: a thread's lanes are adjacent and are written at once.
    """
    filter_ = filter_of(stride, compute)
    radius, slots, all_taps = filter_.radius, filter_.slots, filter_.taps
    length, per_thread = len(all_taps), run_of(result)
    run = per_thread if aligned else 1
    runs, own_lane = per_thread // run, make_own_lane(result, aligned)
    held = slots * per_thread
    side = -(-per_thread * threads // stride) + (slots + 1) * (1 if planar else MOST_CHANNELS)
    both_sides = 2 * side
    tap_size, size = np.dtype(compute).itemsize, STORAGE[kind].itemsize
    result_size = STORAGE[result].itemsize

    number, zero = getattr(types, compute), np.dtype(compute).type(0)
    add, multiply = ADD[compute], MULTIPLY[compute]
    load, load_tap = make_load(kind), make_load(compute)
    store_run, store_one = (make_store_run(result, compute, n) for n in (run, 1))

    def adjoint_strips(x: int, y: int, g: Any) -> None:
        taps = cuda.const.array_like(all_taps)
        line = cuda.shared.array(both_sides, number)
        own_taps = cuda.local.array(held, number)  # of a lane, by slot
        own_place = cuda.local.array(per_thread, types.int32)  # of a lane's newest output in line
        own_slots = cuda.local.array(per_thread, types.int32)  # all, or one less
        given = cuda.local.array(held, number)
        values = cuda.local.array(per_thread, number)

        thread, block = np.int64(cuda.threadIdx.x), np.int64(cuda.blockIdx.x)
        rest, strip = block // g.strips, block % g.strips
        plane, chunk = rest // g.chunks, rest % g.chunks
        outer, middle = plane // g.middle.length, plane % g.middle.length
        source = y + outer * g.outer.y + middle * g.middle.y
        target = x + outer * g.outer.x + middle * g.middle.x

        channels = 1 if planar else g.channels
        all_lanes = g.columns.length * channels
        outputs = g.columns.outputs * channels
        lanes = np.int64(cuda.blockDim.x) * per_thread
        first_lane = strip * lanes
        own_first = first_lane + own_lane(thread)
        oldest = (first_lane // channels + radius) // stride - (slots - 1)
        newest = ((first_lane + lanes - 1) // channels + radius) // stride
        count = np.int32((newest - oldest + 1) * channels)
        for m in range(runs):
            for n in range(run):
                lane = own_first + m * WARP + n
                at = m * run + n
                reached = lane // channels + radius
                output, phase = reached // stride, reached % stride
                own_place[at] = (output - oldest) * channels + lane % channels
                own_slots[at] = slots if phase + (slots - 1) * stride < length else slots - 1
                for slot in range(slots):
                    own_taps[slot * per_thread + at] = zero
                    if slot < own_slots[at]:
                        tap = g.columns.taps + (phase + slot * stride) * tap_size
                        own_taps[slot * per_thread + at] = load_tap(tap)

        for n in range(held):
            given[n] = zero
        front = 0
        first = chunk * g.chunk
        last = min(first + g.chunk, (g.rows.length - 1 + radius) // stride + 1)
        for i in range(first - (slots - 1), last):
            own: Any = np.int32(thread)
            while own < count:
                output = oldest * channels + own
                value = zero
                if i >= 0 and i < g.rows.outputs and output >= 0 and output < outputs:
                    value = load(source + i * g.rows.y + output * size)
                line[np.uint32(front + own)] = value
                own = np.int32(own + cuda.blockDim.x)
            # Lanes below read what other threads wrote above. One barrier a row is enough: see
            # forward_strips, whose two sides these are.
            cuda.syncthreads()
            for n in range(per_thread):
                total = zero
                for slot in range(slots - 1, -1, -1):
                    if slot < slots - 1 or own_slots[n] == slots:
                        place = front + own_place[n] - slot * channels
                        term = multiply(own_taps[slot * per_thread + n], line[np.uint32(place)])
                        total = add(total, term)
                for slot in range(slots - 1, 0, -1):
                    given[slot * per_thread + n] = given[(slot - 1) * per_thread + n]
                given[n] = total
            front = side - front
            if i >= first:
                q = 0
                while q < stride:  # unrolled by NVVM for all architectures; not so a range
                    row = i * stride - radius + q
                    if row >= 0 and row < g.rows.length:
                        for n in range(per_thread):
                            values[n] = zero
                        slot = slots
                        while slot > 0:
                            slot -= 1
                            if slot * stride + q < length:
                                for n in range(per_thread):
                                    term = given[slot * per_thread + n]
                                    term = multiply(taps[slot * stride + q], term)
                                    values[n] = add(values[n], term)
                        for m in range(runs):
                            lane = own_first + m * WARP
                            address = target + row * g.rows.x + lane * result_size
                            if lane + run <= all_lanes:
                                store_run(address, values, m * run)
                            else:
                                for n in range(run):
                                    if lane + n < all_lanes:
                                        store_one(address + n * result_size, values, m * run + n)
                    q += 1

    return adjoint_strips
