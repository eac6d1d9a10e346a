"""The kernel for a pyramid of strides 2, 4 and 8: its levels' forward kernels in one march.

Rows are read in pairs. Each row is added to the outputs under way of all three levels, and of each
level, the outputs that a pair completes go through shared memory as in `forward_strips`.
"""

from typing import Any, NamedTuple

import numpy as np

from ...dtypes import STORAGE
from .columns import make_columns
from .instructions import make_store
from .positions import Axis, Free
from .rows import make_accumulate, make_rows
from .strips import filter_of, make_own_lane, run_of
from .toolkit import cuda, device_function, types

__all__ = ["PYRAMID", "Level", "PyramidStrips", "make_pyramid_strips"]

PYRAMID = (2, 4, 8)
"""The strides of the levels."""


class Level(NamedTuple):
    """One level's array: its rows, columns and planes."""

    outer: int  # strides in bytes
    middle: int
    rows: Axis
    columns: Axis


class PyramidStrips(NamedTuple):
    """How x is cut into strips of ``block_columns`` outputs of the coarsest level; the levels."""

    outer: Free
    middle: Free
    channels: int
    before: int
    strips: int
    block_columns: int
    chunks: int
    chunk: int
    fine: Level
    medium: Level
    coarse: Level


def make_pyramid_strips(
    kind: str, result: str, compute: str, threads: int, planar: bool, aligned: bool
) -> Any:
    """The kernel for two types, for blocks of ``threads``; see `make_forward_strips`."""
    filters, per_thread = [filter_of(s, compute) for s in PYRAMID], run_of(kind)
    own_lane, pair_of_rows = make_own_lane(kind, aligned), 2 * per_thread
    radius = filters[-1].radius
    leads = [radius - f.radius for f in filters]  # blocks begin where the coarsest level's do
    fine_held, medium_held, coarse_held = (f.slots * per_thread for f in filters)
    fine_taps, medium_taps, coarse_taps = (f.taps for f in filters)
    # The first of a pair of rows is row 2 pair - radius. Output 0 begins, and is complete, at:
    fine_begin, medium_begin, coarse_begin = (lead // 2 for lead in leads)
    fine_wait, medium_wait, coarse_wait = (f.slots - 1 for f in filters)

    number, zero = getattr(types, compute), np.dtype(compute).type(0)
    find_lanes, read_rows = make_rows(kind, compute, 2, aligned)
    to_fine, to_medium, to_coarse = (make_accumulate(s, kind, compute) for s in PYRAMID)
    columns = [
        make_columns(s, kind, compute, threads, planar, aligned, lead)
        for s, lead in zip(PYRAMID, leads, strict=True)
    ]
    side = max(c.side for c in columns)
    both_sides = 2 * side
    finish_fine, finish_medium, finish_coarse = (
        _make_finish(c, s, f.slots * per_thread, kind, result, compute, planar)
        for c, s, f in zip(columns, PYRAMID, filters, strict=True)
    )

    @device_function
    def next_output(sums: Any, held: int) -> None:
        """Make room for the next output of a level, as its newest."""
        for n in range(held - 1, per_thread - 1, -1):
            sums[n] = sums[n - per_thread]
        for n in range(per_thread):
            sums[n] = zero

    def pyramid_strips(x: int, fine_y: int, medium_y: int, coarse_y: int, g: Any) -> None:
        taps_2 = cuda.const.array_like(fine_taps)
        taps_4 = cuda.const.array_like(medium_taps)
        taps_8 = cuda.const.array_like(coarse_taps)
        line = cuda.shared.array(both_sides, number)
        fine = cuda.local.array(fine_held, number)
        medium = cuda.local.array(medium_held, number)
        coarse = cuda.local.array(coarse_held, number)
        samples = cuda.local.array(pair_of_rows, number)
        stands_in = cuda.local.array(per_thread, types.int64)

        thread, block = np.int64(cuda.threadIdx.x), np.int64(cuda.blockIdx.x)
        rest, strip = block // g.strips, block % g.strips
        plane, chunk = rest // g.chunks, rest % g.chunks
        source = x + plane // g.middle.length * g.outer.x + plane % g.middle.length * g.middle.x

        channels = 1 if planar else g.channels
        rows = g.coarse.rows
        lane = own_lane(thread)
        first_lane = (strip * g.block_columns * 8 - radius) * channels - g.before + lane
        where = find_lanes(stands_in, first_lane, g.coarse.columns, channels)
        for n in range(fine_held):
            fine[n] = zero
        for n in range(medium_held):
            medium[n] = zero
        for n in range(coarse_held):
            coarse[n] = zero

        front = 0
        first = chunk * g.chunk
        last = min(first + g.chunk, rows.outputs)
        for pair in range(4 * first, 4 * (last - 1) + radius + 1):
            read_rows(samples, source, 2 * pair - radius, rows, first_lane, where, stands_in)
            after_4, after_8 = pair - medium_begin, pair - coarse_begin
            phase_4, phase_8 = 2 * (after_4 % 2), 2 * (after_8 % 4)
            for q in range(2):
                to_fine(fine, samples, q * per_thread, q, taps_2)
                to_medium(medium, samples, q * per_thread, phase_4 + q, taps_4)
                to_coarse(coarse, samples, q * per_thread, phase_8 + q, taps_8)
            i = pair - fine_begin - fine_wait
            if i >= 4 * first and i < min(4 * last, g.fine.rows.outputs):
                finish_fine(
                    line, front, fine, thread, lane, g, fine_y, g.fine, plane, strip, i, taps_2,
                )  # fmt: skip
                front = side - front
            next_output(fine, fine_held)
            i = after_4 // 2 - medium_wait
            if phase_4 == 0 and i >= 2 * first and i < min(2 * last, g.medium.rows.outputs):
                finish_medium(
                    line, front, medium, thread, lane, g, medium_y, g.medium, plane, strip,
                    i, taps_4,
                )  # fmt: skip
                front = side - front
            if phase_4 == 2:
                next_output(medium, medium_held)
            i = after_8 // 4 - coarse_wait
            if phase_8 == 4 and i >= first and i < last:
                finish_coarse(
                    line, front, coarse, thread, lane, g, coarse_y, g.coarse, plane, strip,
                    i, taps_8,
                )  # fmt: skip
                front = side - front
            if phase_8 == 6:
                next_output(coarse, coarse_held)

    return pyramid_strips


def _make_finish(
    columns: Any,
    stride: int,
    held: int,
    kind: str,
    result: str,
    compute: str,
    planar: bool,
) -> Any:
    """What turns a level's oldest row of sums into its row ``i`` of outputs."""
    oldest, result_size = held - run_of(kind), STORAGE[result].itemsize
    finer = PYRAMID[-1] // stride
    put, total_of, store = columns.put, columns.total, make_store(result, compute)

    @device_function
    def finish(
        line: Any,
        front: int,
        sums: Any,
        thread: int,
        lane: int,
        g: Any,
        y: int,
        level: Any,
        plane: int,
        strip: int,
        i: int,
        taps: Any,
    ) -> None:
        put(line, front, sums, oldest, lane)
        # As in forward_strips, one barrier is enough: rows of sums, whosoever, take turns between
        # two sides. All threads of a block come here together, since ``i`` is the block's.
        cuda.syncthreads()
        channels = 1 if planar else g.channels
        target = y + i * level.rows.y
        target += plane // g.middle.length * level.outer + plane % g.middle.length * level.middle
        block_outputs = g.block_columns * finer * channels
        before = strip * block_outputs
        target += before * result_size
        own_outputs = np.int32(min(block_outputs, level.columns.outputs * channels - before))
        own: Any = np.int32(thread)
        while own < own_outputs:
            value = total_of(line, front, own, channels, g.before, taps)
            store(target + own * result_size, value)
            own = np.int32(own + cuda.blockDim.x)

    return finish
