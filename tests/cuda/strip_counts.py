"""How long a kernel for strips takes on an H100, by counting: blocks, instructions, bytes.

Nothing is run. A plan's launch says what each block does, machine code how many instructions that
takes a warp, and the times of three things that a GPU does at once bound it from below: moving
bytes, starting instructions, and waiting for what one step of a block needs before its next one. As
a command it prints the table of `CASES`, and renews its rows in pages that are named.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import kernel_code as kc

import aa_ref
from aa_ref.backends.cuda import steps, strip_cutting
from aa_ref.backends.cuda.calls import Call
from aa_ref.backends.cuda.kernels import Kernel
from aa_ref.backends.cuda.strips import filter_of, run_of
from aa_ref.device_arrays import c_strides
from aa_ref.dtypes import STORAGE

__all__ = [
    "CASES",
    "H100",
    "Case",
    "Count",
    "Gpu",
    "Instructions",
    "count_of",
    "instructions_of",
    "row_of",
    "rows_of",
]


class Gpu(NamedTuple):
    """What is assumed of a GPU.

    Attributes
    ----------
    processors, schedulers : int
        Multiprocessors, and how many warps each starts an instruction of in a cycle.
    clock : float
        Cycles a second.
    copied : float
        Bytes a second that a copy moves, read and written.
    latency : float
        Seconds until a load from memory is there, while others are under way.
    between : int
        Cycles from one instruction of a warp to its next one, if no other warp is ready.
    cache : int
        Bytes that are surely still in the second-level cache when they are read again.
    """

    processors: int
    schedulers: int
    clock: float
    copied: float
    latency: float
    between: int
    cache: int


H100 = Gpu(132, 4, 1.7e9, 3.0e12, 600e-9, 2, 25 * 2**20)
"""An H100 SXM: 132 multiprocessors and 50 MB of cache in two halves, as NVIDIA's paper on its
architecture says, with 3.0 of its 3.35 TB/s for a copy; the rest are round numbers about what is
measured of it, to be replaced by figures of one."""


class Case(NamedTuple):
    """What is filtered: float32, planes, zeros beyond the boundary."""

    shape: tuple[int, ...]
    scale: float
    direction: str

    def __str__(self) -> str:
        batch, channels, rows, columns = self.shape
        return f"{batch}×{channels}×{rows}×{columns}, {self.scale}, {self.direction}"


CASES = [
    Case((batch, 3, side, side), scale, direction)
    for batch, side in ((8, 1024), (64, 256), (32, 1024), (1, 256))
    for scale in (0.5, 0.25, 0.125)
    for direction in ("forward", "adjoint")
]


class Instructions(NamedTuple):
    """What a warp starts, by parts of its work.

    Attributes
    ----------
    step : int
        Between two barriers, with one line of y, away from all edges.
    line : float
        For each more line of y: samples that lie side by side, one for each thread.
    begin : int
        In a step that only begins sums.
    edge : int
        More in a step of a warp some of whose lanes are beyond an edge, and are zeros.
    end : int
        More in a step some of whose rows are beyond the first or the last one.
    """

    step: int
    line: float
    begin: int
    edge: int
    end: int


class Count(NamedTuple):
    """What a launch does, and the share of a copy's speed that it can have.

    Attributes
    ----------
    blocks, warps : int
        Of the launch; of a block.
    waves : float
        How often the blocks fill the GPU.
    lanes : float
        Share of the lanes of all blocks that lie within the array.
    again : float
        Rows of x (of y in the adjoint) that are read, over those that there are.
    instructions : float
        Of a thread for each sample of x, all that is idle or done again among them.
    moved : int
        Bytes from and to memory.
    memory, issue, waiting : float
        Seconds for moving those, for starting instructions, for blocks' steps one after another.
    share : float
        Time of a copy of as many bytes as x and y have together, over that of the launch.
    """

    blocks: int
    warps: int
    waves: float
    lanes: float
    again: float
    instructions: float
    moved: int
    memory: float
    issue: float
    waiting: float
    share: float


@contextmanager
def _no_device(gpu: Gpu) -> Iterator[None]:
    """Let launches be planned for a GPU that is not there."""
    with (
        mock.patch.object(steps, "resident", return_value=(0, None)),
        mock.patch.object(strip_cutting, "multiprocessors", return_value=gpu.processors),
    ):
        yield


def plan_of(case: Case) -> aa_ref.Plan:
    return aa_ref.plan(case.shape, case.scale, input_dtype="float32")


def call_of(case: Case, gpu: Gpu = H100) -> Call:
    """The launch of a case, of arrays without gaps at multiples of 16 bytes."""
    p, forward = plan_of(case), case.direction == "forward"
    ends = [c_strides(shape, 4) for shape in (p.shape, p.out_shape)]
    with _no_device(gpu):
        # Past the cache, which would keep what was planned for another GPU.
        (step,) = steps.steps_of.__wrapped__(p, forward, *(ends if forward else ends[::-1]), 0)
    call = step.call_at(0)
    assert call.kernel.stride
    assert call.kernel.aligned
    assert call.kernel.planar
    return call


@cache
def code_of(kernel: Kernel) -> kc.Code:
    return kc.code_of(kernel, (90,), disassemble=True)[90]


@cache
def instructions_of(kernel: Kernel) -> Instructions:
    """Count in machine code, along the shortest ways that do what is asked for."""
    listing, size = kc.Listing(code_of(kernel).sass), STORAGE[kernel.kind].itemsize
    (barrier,) = barriers = listing.find("BAR")
    whole, line = len(kc.step_in(kernel, listing)), kc.line_in(kernel, listing)
    if kernel.direction == "adjoint":
        begin = listing.shortest(barrier, 1, 0, size)
        assert begin is not None
        return Instructions(whole, line, begin, 0, 0)
    samples, loads = run_of(kernel.kind) * kernel.stride, listing.find("LDG")
    ways = [listing.shortest(n, samples, 0, size, barriers) for n in loads]
    begin = min(way for way in ways if way is not None)
    return Instructions(whole, line, begin, samples + 2, _AT_ENDS * samples)


_AT_ENDS = 7
"""Instructions for each sample where rows are beyond an end, at strides 4 and 8."""


class _Block(NamedTuple):
    """What a block does: instructions of its warps in all and of the longest, steps, bytes."""

    total: float
    longest: float
    steps: int
    first: int  # bytes from and to memory
    again: int  # bytes read again, after others have read them


def _blocks_of(call: Call) -> list[_Block]:
    """The blocks of one plane."""
    g, kernel = call.geometry, call.kernel
    make = _forward_block if kernel.direction == "forward" else _adjoint_block
    return [make(call, chunk, strip) for chunk in range(g.chunks) for strip in range(g.strips)]


def _lines(outputs: int, warp: int, threads: int) -> int:
    """How many lines of so many outputs fall to a warp."""
    return -(-max(outputs - 32 * warp, 0) // threads)


def _between(low: int, high: int, length: int) -> int:
    return max(min(high, length) - max(low, 0), 0)


def _forward_block(call: Call, chunk: int, strip: int) -> _Block:
    g, kernel, per_warp = call.geometry, call.kernel, instructions_of(call.kernel)
    stride, run = kernel.stride, run_of(kernel.kind)
    filter_ = filter_of(stride, kernel.compute)
    size, threads = STORAGE[kernel.kind].itemsize, call.threads
    first = chunk * g.chunk
    rows = min(g.chunk, g.rows.outputs - first)
    columns = min(g.block_columns, g.columns.outputs - strip * g.block_columns)
    began = filter_.slots - 1
    top = first * stride - filter_.radius
    beyond = sum(
        r < 0 or r + stride > g.rows.length
        for r in range(top, top + (rows + began) * stride, stride)
    )
    left = strip * g.block_columns * stride - filter_.radius - g.before
    warps = []
    for warp in range(threads // 32):
        lane = left + warp * 32 * run
        edge = lane < 0 or lane + 32 * run > g.columns.length
        ends = beyond * per_warp.end + (rows + began if edge else 0) * per_warp.edge
        lines = _lines(columns, warp, threads)
        warps.append(
            began * per_warp.begin + rows * (per_warp.step + (lines - 1) * per_warp.line) + ends
        )  # fmt: skip
    own = _between(top + began * stride * (chunk > 0), top + (rows + began) * stride, g.rows.length)
    read = _between(top, top + (rows + began) * stride, g.rows.length)
    width = _between(0, (strip + 1) * g.block_columns * stride, g.columns.length)
    width -= _between(0, strip * g.block_columns * stride, g.columns.length)
    written = rows * columns * STORAGE[kernel.result].itemsize
    return _Block(
        sum(warps), max(warps), rows + began,
        own * width * size + written, (read - own) * width * size,
    )  # fmt: skip


def _adjoint_block(call: Call, chunk: int, strip: int) -> _Block:
    g, kernel, per_warp = call.geometry, call.kernel, instructions_of(call.kernel)
    stride, run = kernel.stride, run_of(kernel.result)
    filter_, threads = filter_of(stride, kernel.compute), call.threads
    lanes = run * threads
    down = (g.rows.length - 1 + filter_.radius) // stride + 1
    first = chunk * g.chunk
    rows, began = min(g.chunk, down - first), filter_.slots - 1
    line = lanes // stride + filter_.slots - 1
    warps = [
        began * per_warp.begin + rows * per_warp.step
        + (rows + began) * (_lines(line, warp, threads) - 1) * per_warp.line
        for warp in range(threads // 32)
    ]  # fmt: skip
    width = _between(strip * lanes, (strip + 1) * lanes, g.columns.length)
    top = first * stride - filter_.radius
    written = _between(top, top + rows * stride, g.rows.length)
    own = _between(first - began * (chunk == 0), first + rows, g.rows.outputs)
    read = _between(first - began, first + rows, g.rows.outputs)
    size, columns = STORAGE[kernel.kind].itemsize, width // stride
    moved = written * width * STORAGE[kernel.result].itemsize + own * columns * size
    return _Block(sum(warps), max(warps), rows + began, moved, (read - own) * columns * size)


def count_of(case: Case, gpu: Gpu = H100) -> Count:
    """Count what a case's launch does.

    Blocks go in waves, as many at a time as fit, and each wave ends with its last block. Columns
    that strips share come from memory once: strips side by side march together. Rows that chunks
    share come twice, unless x and y fit into the cache. Of a launch and of a copy alike, the first
    bytes are late by the latency.
    """
    call = call_of(case, gpu)
    g, kernel, threads = call.geometry, call.kernel, call.threads
    warps = threads // 32
    fit = kc.blocks_that_fit(kernel, code_of(kernel), threads) * gpu.processors
    blocks = _blocks_of(call) * (g.outer.length * g.middle.length)
    assert len(blocks) == call.blocks
    p = plan_of(case)
    samples, results = (_product(shape) for shape in (p.shape, p.out_shape))
    least = 4 * (samples + results)
    cached = least <= gpu.cache
    total, bounds = 0.0, [0.0, 0.0, 0.0]
    for start in range(0, len(blocks), fit):
        wave = blocks[start : start + fit]
        bytes_ = sum(b.first + (0 if cached else b.again) for b in wave)
        at_most = -(-len(wave) // gpu.processors) * warps  # warps of one multiprocessor
        mean = sum(b.total for b in wave) / (len(wave) * warps)
        times = (
            bytes_ / gpu.copied + (0 if start else gpu.latency),
            -(-at_most // gpu.schedulers) * mean / gpu.clock,
            max(b.steps * gpu.latency + b.longest * gpu.between / gpu.clock for b in wave),
        )
        bounds = [sum(pair) for pair in zip(bounds, times, strict=True)]
        total += max(times)
    lanes = run_of(kernel.kind) * threads * g.strips
    source = samples if case.direction == "forward" else results
    again = 1 + sum(b.again for b in blocks) / (4 * source)
    return Count(
        call.blocks, warps, len(blocks) / fit, g.columns.length / lanes, again,
        sum(b.total for b in blocks) * 32 / samples,
        sum(b.first + (0 if cached else b.again) for b in blocks), *bounds,
        (least / gpu.copied + gpu.latency) / total,
    )  # fmt: skip


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for n in shape:
        product *= n
    return product


HEADINGS = (
    "case", "blocks", "warps", "waves", "lanes used", "rows read", "instructions a sample",
    "bytes / least", "memory, µs", "instructions, µs", "steps, µs", "share of a copy",
)  # fmt: skip


def row_of(case: Case) -> str:
    """The case's line in the table."""
    c, p = count_of(case), plan_of(case)
    least = 4 * (_product(p.shape) + _product(p.out_shape))
    cells = [
        case, c.blocks, c.warps, f"{c.waves:.2f}", f"{c.lanes:.0%}", f"{c.again:.2f}",
        f"{c.instructions:.1f}", f"{c.moved / least:.2f}",
        *(f"{seconds * 1e6:.1f}" for seconds in (c.memory, c.issue, c.waiting)), f"{c.share:.0%}",
    ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def table() -> str:
    """The table of all cases."""
    head = [f"| {' | '.join(HEADINGS)} |", "|---" + "|---:" * (len(HEADINGS) - 1) + "|"]
    return "\n".join([*head, *map(row_of, CASES)]) + "\n"


def rows_of(page: str) -> list[str]:
    """The rows of `CASES` that a page has, in their order."""
    return [line for case in CASES for line in page.splitlines() if line.startswith(f"| {case} |")]


def main(*pages: Path) -> None:
    """Print the table, and renew the rows that pages have of it."""
    text = table()
    print(text, end="")
    for page in pages:
        known = page.read_text("utf-8")
        for old, new in zip(rows_of(known), rows_of(text), strict=True):
            known = known.replace(old, new)
        page.write_text(known, "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
