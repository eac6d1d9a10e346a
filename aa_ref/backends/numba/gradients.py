"""The compiled adjoint for even strides: lines of the gradient spread once, rows summed in groups.

Each line of the gradient is spread along its columns into a ring, where it stays as long as rows
need it. Rows near the ends, onto which the boundary folds others, are summed one by one.
"""

from typing import Any

import numpy as np
from numba import types

from .axes import fold
from .compiling import address, bare, bind, helper, larger, named, outlined, smaller
from .convert import FLOAT64, ITEMS
from .geometry import ZEROS
from .levels import Fused
from .lines import load, samples_like, store, views, write, zero
from .spreads import make_spread_columns, make_sum_rows, plan_rows
from .vectors import (
    BYTES,
    bare_aligned,
    fence,
    joined,
    load_vector,
    stream_vector,
    until_aligned,
)

__all__ = ["CHUNK", "make_gradients"]

CHUNK = 4096
"""Samples of a group's rows that wait to be written: half of a usual first-level cache."""


@outlined
def _emit(
    x: Any, g: Any, scratch: Any, stage: int, to: int, rows: int, begin: int, end: int, size: int
) -> None:
    """Samples ``begin..end`` of rows, which are at ``stage`` from sample 0 on, to their place.

    Of rows that go past the caches, only whole 64 bytes, as long as there are more samples.
    """
    direct = samples_like(x, scratch)
    for k in range(rows):
        at, low, high = to + k * g.x_pitch, begin, end
        if g.stream:
            low -= _past_whole(direct, at + begin) if begin > 0 else 0
            high -= _past_whole(direct, at + end) if end < size else 0
        if g.direct:
            write(scratch, stage + k * g.apart + low, direct, at + low, high - low, g.stream != 0)
        else:
            store(scratch, stage + k * g.apart + low, x, g.x_kind, at + low, high - low, 1, 1, 1)


@helper
def _join_rows(
    x: Any, g: Any, scratch: Any, to: int, rows: int, head: int, stop: int, size: int
) -> None:
    """The ends of rows and the beginnings of those that follow in memory, in the same 64 bytes.

    Beginnings are on the stage, up to a vector's last lane; ends a vector later.
    """
    lane = BYTES // x.itemsize
    write(scratch, g.stage + lane - head, x, to, head, True)
    for k in range(rows - 1):
        at = g.stage + k * g.apart
        end = load_vector(scratch, np.uintp(at + lane))
        begin = load_vector(scratch, np.uintp(at + g.apart))
        stream_vector(
            x, np.uintp(to + k * g.x_pitch + stop), joined(end, begin, np.uintp(size - stop))
        )
    at = (rows - 1) * g.apart
    write(scratch, g.stage + at + lane, x, to + (rows - 1) * g.x_pitch + stop, size - stop, True)


@helper
def _past_whole(x: Any, at: int) -> int:
    """How many samples before ``x[at]`` the last one at a multiple of 64 bytes is."""
    return np.int64(address(x) + np.uintp(at * x.itemsize)) % BYTES // x.itemsize


def _sum_rows(
    lines: Any, to: int, pitch: int, begin: int, end: int, taps: Any, soon: int, soon_pitch: int,
    past: bool,
) -> None:  # fmt: skip
    """See `make_sum_rows`."""
    raise NotImplementedError("bound for each function")


def _keep(
    y: Any, g: Any, own: Any, folds: Any, taps: int, i: int, start: int, left: int, right: int,
    scratch: Any, kept: Any,
) -> int:  # fmt: skip
    """Where line ``i`` of the gradient is, spread over ``left..right`` and what folds onto them."""
    raise NotImplementedError("bound for each function")


def _sum_row(
    y: Any, g: Any, own: Any, folds: Any, row_taps: Any, taps: int, e: int, start: int, left: int,
    right: int, origin: int, size: int, scratch: Any, kept: Any, into: int,
) -> None:  # fmt: skip
    """The sum at row ``e``, which may lie beyond the ends."""
    raise NotImplementedError("bound for each function")


def make_gradients(fingerprint: int, fused: Fused) -> Any:
    """The Python function to compile; ``fingerprint`` as in `make_forward`."""
    (level,) = fused.levels
    group = plan_rows(level)
    number = types.float64 if fused.kind == FLOAT64 else types.float32
    sample, item, fixed_width = number.bitwidth // 8, ITEMS[fused.kind], fused.width
    lane, rows, before, strides = BYTES // sample, group.rows, group.before, group.strides
    row_stride, row_taps_, stride, taps_ = level[:4]
    radius, radius_, reach = row_taps_ // 2, taps_ // 2, (taps_ - 1) // stride
    chunk = CHUNK // rows // lane * lane
    spread = make_spread_columns(stride, taps_, fixed_width, number)

    def keep(
        y: Any, g: Any, own: Any, folds: Any, taps: int, i: int, start: int, left: int, right: int,
        scratch: Any, kept: Any,
    ) -> int:  # fmt: skip
        slot = i % g.slots
        at = g.sums + slot * g.span
        if kept[slot] == i:
            return at
        kept[slot] = i
        width = fixed_width if fixed_width > 0 else g.width
        # The spread line begins at position left - radius, with the outputs from u on.
        u = left // stride
        positions = (right - left + 2 * radius_) // stride + 1
        base, line = np.int64(address(scratch)), start + i * own.y_pitch
        if own.direct:
            line = np.int64(address(samples_like(y, scratch))) + line * sample
        else:
            first = larger(u - reach, 0)
            count = larger(smaller(u + positions, own.columns) - first, 0)
            line += first * own.y_column
            load(y, own.y_kind, line, count, own.y_column, width, own.y_inner, scratch, g.line)
            line = base + (g.line - first * width) * sample
        spread(line, own.columns, base + at * sample, u, positions, width, taps)
        zero_at = at + (radius_ - left) * width
        for k in range(radius_ if left == 0 else 0):
            _fold(scratch, zero_at, k - radius_, folds[k], width)
        for k in range(radius_ if right == g.columns else 0):
            _fold(scratch, zero_at, g.columns + k, folds[radius_ + k], width)
        return at

    def sum_row(
        y: Any, g: Any, own: Any, folds: Any, row_taps: Any, taps: int, e: int, start: int,
        left: int, right: int, origin: int, size: int, scratch: Any, kept: Any, into: int,
    ) -> None:  # fmt: skip
        zero(scratch, into, size)
        m = (e + radius) // row_stride
        phase = e + radius - m * row_stride
        for k in range(before + 1):
            d = before - k
            tap, i = phase + d * row_stride, m - d
            if tap < row_taps_ and 0 <= i < own.rows:
                line = kept_line(y, g, own, folds, taps, i, start, left, right, scratch, kept)
                a, b = np.uintp(into), np.uintp(line + origin)
                for j in range(np.uintp(size)):
                    scratch[a + j] += row_taps[tap] * scratch[b + j]

    kept_line = outlined(named(f"keep_{fused.symbol}", keep))

    def adjoint(
        x_memory: Any, y_memories: Any, taps_: Any, geometry: Any, each: Any, outer: Any,
        folds: Any, lines: Any, indices: Any, begin: int, end: int,
    ) -> int:  # fmt: skip
        """Units of work ``begin..end``, each the rows of a group."""
        x, y, scratch = views(x_memory), views(y_memories[0]), bare_aligned(lines)
        g, own = geometry[0], each[0]
        kept, places = bare(indices[: g.slots]), bare(indices[g.slots :])
        width = fixed_width if fixed_width > 0 else g.width
        row_taps = bare(taps_)
        taps, base = np.int64(address(taps_)), np.int64(address(scratch))
        column_taps = taps + row_taps_ * sample
        memory, asked = np.int64(address(x_memory)), np.int64(address(y_memories[0]))
        zero(scratch, g.nothing, g.longest)
        previous = -1
        head: Any = 0
        left, right, origin, size, stop = 0, 0, 0, 0, 0
        x_start, y_start = g.x_start, own.y_start
        for unit in range(begin, end):
            which = unit // g.groups
            m = g.first_row + (unit - which * g.groups) * strides
            if which != previous:
                previous = which
                block, rest = which % g.blocks, which // g.blocks
                left = g.cells * block // g.blocks * g.cell
                right = smaller(g.cells * (block + 1) // g.blocks * g.cell, g.columns)
                x_start, y_start = g.x_start, own.y_start
                for d in range(outer.shape[0] - 1, -1, -1):
                    x_start += rest % outer[d, 0] * outer[d, 1]
                    y_start += rest % outer[d, 0] * outer[d, 2]
                    rest //= outer[d, 0]
                # The block has the samples low..high of rows, from column `left` on; of these
                # head..stop go right to their place.
                low, high, head = left * width, right * width, 0
                whole = g.direct and (g.x_pitch % lane == 0 or not g.stream)
                if whole and g.stream:
                    head = np.int64(until_aligned(samples_like(x, scratch), x_start))
                    low += (head - low) % lane if left > 0 else 0
                    high += (head - high) % lane if right < g.columns else 0
                    high = smaller(high, g.columns * width)
                    right = (high + width - 1) // width
                x_start, size, origin = x_start + low, high - low, low + (radius_ - left) * width
                head = smaller(larger(head - low, 0), size)
                stop = head + (size - head) // lane * lane if whole else 0
                for slot in range(g.slots):
                    kept[slot] = -1
            row = m * row_stride - radius
            near = g.boundary != ZEROS and (row <= radius or row + rows > g.length - 1 - radius)
            if near or row < 0 or row + rows > g.length:
                for r in range(larger(row, 0), smaller(row + rows, g.length)):
                    _sum_row(
                        y, g, own, folds, row_taps, column_taps, r, y_start, left, right, origin,
                        size, scratch, kept, g.total,
                    )  # fmt: skip
                    for k in range(2 * radius if near else 0):
                        e = k - radius if k < radius else k - radius + g.length
                        if fold(g, e) == r:
                            _sum_row(
                                y, g, own, folds, row_taps, column_taps, e, y_start, left, right,
                                origin, size, scratch, kept, g.folded,
                            )  # fmt: skip
                            for j in range(size):
                                scratch[g.total + j] += scratch[g.folded + j]
                    _emit(x, g, scratch, g.total, x_start + r * g.x_pitch, 1, 0, size, size)
                continue
            for k in range(before + strides):
                i, at = m - before + k, g.nothing
                if 0 <= i < own.rows:
                    at = _keep(
                        y, g, own, folds, column_taps, i, y_start, left, right, scratch, kept
                    )
                places[k] = base + (at + origin) * sample
            to = x_start + row * g.x_pitch
            soon = (y_start + (m + g.ahead) * own.y_pitch + left // stride * own.y_column) * item
            soon, soon_pitch = asked + soon, own.y_pitch * item
            if stop > head:
                _sum_rows(
                    places, memory + to * sample, g.x_pitch * sample, head, stop, taps, soon,
                    soon_pitch, g.stream != 0,
                )  # fmt: skip
            # What is left goes by way of the stage: the ends of rows, or all of them.
            stage, apart = base + g.stage * sample, g.apart * sample
            if stop > head and g.stream and g.x_pitch == size:
                if head > 0:
                    _sum_rows(
                        places, stage - (head - lane) * sample, apart, head - lane, head, taps,
                        soon, soon_pitch, False,
                    )  # fmt: skip
                    _sum_rows(
                        places, stage - (stop - lane) * sample, apart, stop, stop + lane, taps,
                        soon, soon_pitch, False,
                    )  # fmt: skip
                    _join_rows(samples_like(x, scratch), g, scratch, to, rows, head, stop, size)
                continue
            for part in range(2):
                low, high = (0, head) if part == 0 else (larger(stop, head), size)
                for c in range(low, high, chunk):
                    # What came before up to 64 bytes goes with this.
                    end, again = smaller(c + chunk, high), lane if c > low else 0
                    whole = (end - c + lane - 1) // lane * lane
                    _sum_rows(
                        places, stage + (lane - c) * sample, apart, c - again, c + whole, taps,
                        soon, soon_pitch, False,
                    )  # fmt: skip
                    _emit(
                        x, g, scratch, g.stage + lane - c, to, rows, c, end, high
                    )  # fmt: skip
        if g.stream:
            fence()
        return fingerprint

    sum_group = make_sum_rows(level, group, number, item)

    def sum_rows(
        lines: Any, to: int, pitch: int, begin: int, end: int, taps: int, soon: int,
        soon_pitch: int, past: bool,
    ) -> None:  # fmt: skip
        sum_group(lines, to, pitch, begin, end, taps, soon, soon_pitch, past)

    bound = bind(
        adjoint, _sum_rows=outlined(named(f"sum_rows_{fused.symbol}", sum_rows)),
        _keep=kept_line, _sum_row=outlined(named(f"sum_row_{fused.symbol}", sum_row)),
    )  # fmt: skip
    return named(f"adjoint_{fused.symbol}", bound)


@helper
def _fold(scratch: Any, origin: int, e: int, onto: int, width: int) -> None:
    """Add what a spread line has at a position beyond the ends to the one that stands in for it."""
    if onto >= 0:
        for c in range(width):
            scratch[origin + onto * width + c] += scratch[origin + e * width + c]
