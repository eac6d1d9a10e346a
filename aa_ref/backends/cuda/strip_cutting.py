"""Cuts arrays into strips and chunks, so that a launch takes the shortest time.

Long chunks read few rows again, short ones give all multiprocessors work. Blocks of as many warps
as a picture's width needs leave no lanes idle. `tests/cuda/strip_counts.py` counts more closely
what comes of it.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from ...dtypes import STORAGE
from .cutting import MOST_BLOCKS
from .kernels import Kernel, threads_of
from .positions import Axis
from .pyramid_strips import PYRAMID
from .strips import WARP, Filter, filter_of, run_of
from .toolkit import multiprocessors

__all__ = ["WARPS", "StripCut", "cut_into_strips"]

WARPS = {
    "forward": {2: 28, 3: 24, 4: 20, 8: 16},
    "adjoint": {2: 48, 3: 36, 4: 32, 8: 36},
    "pyramid": {8: 12},
}
"""Warps of float32 kernels that a multiprocessor has registers for, by stride."""

# What is assumed of a multiprocessor. Only what is larger than what counts.
_SCHEDULERS = 4  # each starts an instruction in a cycle
_MOST_FIT = 32  # blocks, however small
_BYTES = 13.4  # from and to memory, in a cycle: 3 TB/s for 132 of them at 1.7 GHz
_LATENCY = 1000  # cycles till a load is there, when memory is busy
_BETWEEN = 2  # cycles between instructions of a warp, where no other is ready
_SEAMS = 1 / 4  # of what strips side by side both read, once of it from the cache
_SHOWN = 1 / 8  # of what goes on behind the longest: nothing overlaps perfectly


class StripCut(NamedTuple):
    """How x and y are cut; see `Strips`. ``block_columns`` is 0 for an adjoint."""

    threads: int
    block_columns: int
    strips: int
    chunk: int
    chunks: int


def cut_into_strips(
    kernel: Kernel, rows: Axis, columns: Axis, channels: int, planes: int
) -> StripCut | None:
    """Choose the strips for a kernel; None where the widest have few columns of their own."""
    filter_, forward = filter_of(kernel.stride, kernel.compute), kernel.direction != "adjoint"
    most = threads_of(kernel)
    down = rows.outputs if forward else (rows.length - 1 + filter_.radius) // kernel.stride + 1
    if forward:
        own = _columns_of(kernel, filter_, channels, most) * kernel.stride * channels
        if 2 * own < _lanes(kernel, most):
            return None
    best: StripCut | None = None
    least = math.inf
    for threads in range(WARP, most + 1, WARP):
        if forward:
            block_columns = _columns_of(kernel, filter_, channels, threads)
            if block_columns < 1:
                continue
            strips = -(-columns.outputs // block_columns)
        else:
            block_columns, strips = 0, -(-columns.length * channels // _lanes(kernel, threads))
        for chunk in _chunks(down):
            chunks = -(-down // chunk)
            if strips * chunks * planes > MOST_BLOCKS:
                continue
            cut = StripCut(threads, block_columns, strips, chunk, chunks)
            time = _time(kernel, filter_, rows, columns, channels, planes, cut)
            if time < least:
                best, least = cut, time
    if best is None or not forward:
        return best
    # No strip is wider than the others need to be.
    even = _even(kernel, channels)
    own = math.ceil(columns.outputs / best.strips)
    return best._replace(block_columns=math.ceil(own / even) * even)


def _lanes(kernel: Kernel, threads: int) -> int:
    kind = kernel.result if kernel.direction == "adjoint" else kernel.kind
    return run_of(kind) * threads


def _even(kernel: Kernel, channels: int) -> int:
    """Return what a strip's columns are a multiple of, for strips to lie apart by whole runs."""
    run = run_of(kernel.kind)
    return run // math.gcd(run, kernel.stride * channels)


def _columns_of(kernel: Kernel, filter_: Filter, channels: int, threads: int) -> int:
    """Count the outputs along a row whose footprints so many threads have."""
    run, stride = run_of(kernel.kind), kernel.stride
    own = run * threads - (-filter_.radius * channels % run) - len(filter_.taps) * channels
    even = _even(kernel, channels)
    return (own // (stride * channels) + 1) // even * even


def _chunks(down: int) -> Iterator[int]:
    """Yield lengths of chunks, each the shortest of those that give as few."""
    chunks = 1
    while True:
        chunk = math.ceil(down / chunks)
        yield chunk
        if chunk == 1:
            return
        chunks = math.ceil(down / (chunk - 1))


def _time(
    kernel: Kernel,
    filter_: Filter,
    rows: Axis,
    columns: Axis,
    channels: int,
    planes: int,
    cut: StripCut,
) -> float:
    """Estimate a launch's cycles: wave by wave, the longest of what goes on at once."""
    stride, forward = kernel.stride, kernel.direction != "adjoint"
    began = filter_.slots - 1
    steps, warps = cut.chunk + began, cut.threads // WARP
    x, y = (kernel.kind, kernel.result) if forward else (kernel.result, kernel.kind)
    again = began * (cut.chunks - 1)
    x_rows, y_rows = rows.length, rows.outputs
    x_columns, y_columns = float(columns.length), float(columns.outputs)
    seams = (cut.strips - 1) * _SEAMS
    if forward:
        x_rows += again * stride
        x_columns += seams * (len(filter_.taps) - stride)
    else:
        y_rows += again
        y_columns += seams * began
    waits, levels, of_step = 1, 1, _instructions(kernel, kernel.stride)
    if kernel.direction == "pyramid":  # rows are read in pairs
        waits, levels = stride // 2, sum((stride // s) ** 2 for s in PYRAMID)
        of_step = sum(stride // s * _instructions(kernel, s) for s in PYRAMID)
    x_bytes = x_rows * x_columns * STORAGE[x].itemsize
    moved = planes * channels * (x_bytes + levels * y_rows * y_columns * STORAGE[y].itemsize)
    instructions = steps * of_step
    blocks = cut.strips * cut.chunks * planes
    processors = multiprocessors()
    fit = processors * max(min(WARPS[kernel.direction][stride] // warps, _MOST_FIT), 1)
    waiting = steps * waits * _LATENCY + instructions * _BETWEEN

    def wave(count: int) -> float:
        of_one = -(-count // processors) * warps
        issue = max(of_one / _SCHEDULERS, 1) * instructions
        times = moved * count / blocks / (processors * _BYTES), issue, waiting
        return max(times) + _SHOWN * sum(times)

    full, rest = divmod(blocks, fit)
    return full * wave(fit) + (wave(rest) if rest else 0)


def _instructions(kernel: Kernel, stride: int) -> int:
    """Estimate a warp's instructions in a step of a stride, from counts in machine code."""
    terms = _lanes(kernel, 1) * len(filter_of(stride, kernel.compute).taps)
    return 190 + 4 * terms if kernel.direction == "adjoint" else 140 + 8 * stride + 2 * terms
