"""The compiled forward operation: each line of the result from the lines under its footprint.

A line is summed over the rows of the footprint, extended at its ends, summed along itself, rounded
and stored. Nothing of the input's size is ever held.
"""

from typing import Any

import numpy as np

from .axes import centre, fold, locate
from .compiling import bare, inlined, larger, outlined, smaller
from .footprints import gather, gather_kept
from .geometry import ZEROS
from .lines import load, samples_like, store, views, zero
from .phases import split_phases
from .sums import sum_terms
from .vectors import bare_aligned, fence, until_aligned

__all__ = ["make_forward"]

_CLOSE = 12  # input samples from output to output, on average


@outlined
def _sum_rows_at(
    x: Any, g: Any, taps: Any, i: int, start: int, width: int, scratch: Any, work: int, at: int
) -> None:
    """The sum over a footprint's rows of one column."""
    rows = g.rows
    zero(scratch, at, width)
    for k in range(taps.size):
        row = fold(rows, centre(rows, i) - rows.radius + k)
        if row >= 0:
            load_from, inner = start + row * rows.x_stride, g.neighbours.x_stride
            load(x, g.x_kind, load_from, 1, 0, width, inner, scratch, work)
            for c in range(width):
                scratch[at + c] += taps[k] * scratch[work + c]


@inlined
def _extend(
    x: Any, g: Any, taps: Any, i: int, start: int, first: int, last: int, width: int, scratch: Any,
    work: int, line: int,
) -> None:  # fmt: skip
    """What a line of positions ``first..last`` has beyond the signal's ends."""
    columns = g.columns
    low, high = larger(first, 0), smaller(last, columns.length)
    if columns.boundary == ZEROS:
        zero(scratch, line, (low - first) * width)
        zero(scratch, line + (high - first) * width, (last - high) * width)
        return
    for outside in range(low - first + last - high):
        e = first + outside
        if e >= low:
            e += high - low
        at = line + (e - first) * width
        source = fold(columns, e)
        if low <= source < high:
            for c in range(width):
                scratch[at + c] = scratch[line + (source - first) * width + c]
        elif g.rows.filtered:
            column = start + source * columns.x_stride
            _sum_rows_at(x, g, taps, i, column, width, scratch, work, at)
        else:
            column, inner = start + source * columns.x_stride, g.neighbours.x_stride
            load(x, g.x_kind, column, 1, 0, width, inner, scratch, at)


@outlined
def _sum_columns_unevenly(
    columns: Any, taps: Any, line: int, reads: Any, count: int, width: int, scratch: Any,
    offsets: Any, every: int, at: int,
) -> None:  # fmt: skip
    """The sum along a line for ``count`` outputs, each from the sample that ``reads`` says on.

    Where centres are close, sums for all positions, side by side in vectors, take less time than
    those that are wanted, one after the other.
    """
    close = columns.step <= _CLOSE and columns.step <= taps.size
    if close:
        for k in range(taps.size):
            offsets[k] = line + k * width
        sum_terms(
            scratch, every, reads[count - 1] + width, taps.size, taps, 0, scratch, offsets, False,
            np.uintp(0), False,
        )  # fmt: skip
    if close and width == 1:  # in half of the time that any width takes
        for j in range(np.uintp(count)):
            scratch[np.uintp(at) + j] = scratch[np.uintp(every) + np.uintp(reads[j])]
        return
    for j in range(np.uintp(count)):
        for c in range(np.uintp(width)):
            read, to = np.uintp(reads[j]) + c, np.uintp(at) + j * np.uintp(width) + c
            if close:
                scratch[to] = scratch[np.uintp(every) + read]
            else:
                scratch[to] = 0
                for k in range(np.uintp(taps.size)):
                    scratch[to] += taps[k] * scratch[np.uintp(line) + read + k * np.uintp(width)]


def make_forward(fingerprint: int) -> Any:
    """The Python function to compile, for either compute type.

    The fingerprint stands for the sources; it takes part in the key of Numba's cache on disk.
    """

    def forward(
        x_memory: Any, y_memory: Any, rows_taps: Any, columns_taps: Any, geometry: Any, outer: Any,
        lines: Any, indices: Any, begin: int, end: int,
    ) -> int:  # fmt: skip
        """Units of work ``begin..end``; x and y are memory, as bytes."""
        x, y = views(x_memory), views(y_memory)
        row_taps, column_taps = bare(rows_taps), bare(columns_taps)
        scratch = bare_aligned(lines)
        g = geometry[0]
        rows, columns, neighbours = g.rows, g.columns, g.neighbours
        reads, offsets = bare(indices[: columns.block]), bare(indices[columns.block :])
        spacing, taps = columns.spacing, column_taps.size
        direct_y = samples_like(y, scratch)
        previous, kept_to = -1, 0
        j0, count, width, x_start, y0 = 0, 0, 0, 0, 0
        for unit in range(begin, end):
            which = unit // rows.outputs
            i = unit - which * rows.outputs
            fresh = which != previous
            if fresh:
                j0, count, width, x_start, y0 = locate(g, outer, which, columns.outputs)
                previous = which
                for j in range(count):
                    reads[j] = (centre(columns, j0 + j) - centre(columns, j0)) * width
            y_start = y0 + i * rows.y_stride + j0 * columns.y_stride

            # The line reaches from position `first` to `last`; `low` to `high` are in the signal.
            first = centre(columns, j0) - columns.radius
            last = centre(columns, j0 + count - 1) + columns.radius + 1
            low, high = larger(first, 0), smaller(last, columns.length)
            start, line = x_start + low * columns.x_stride, g.line
            before = (low - first) * width
            line += -before % 16
            if not rows.filtered:
                stride, inner = columns.x_stride, neighbours.x_stride
                load(x, g.x_kind, start, high - low, stride, width, inner, scratch, line + before)
            elif g.slots > 0:
                top = centre(rows, i) - rows.radius
                gather_kept(
                    x, g, row_taps, top, top if fresh else kept_to, start, high - low, width,
                    scratch, offsets, line + before,
                )  # fmt: skip
                kept_to = top + row_taps.size
            else:
                gather(x, g, row_taps, i, start, high - low, width, scratch, offsets, line + before)
            _extend(x, g, row_taps, i, x_start, first, last, width, scratch, g.total, line)

            done = line
            if columns.filtered and spacing == 0:
                done = g.total
                _sum_columns_unevenly(
                    columns, column_taps, line, reads, count, width, scratch, offsets, g.split, done
                )
            elif columns.filtered:
                source, room = line, (last - first) * width
                if spacing > 1:
                    source, phases = g.split, smaller(spacing, taps)
                    room = g.room
                    split_phases(scratch, line, last - first, width, spacing, phases, room, source)
                at, phase = source, 0
                for k in range(taps):
                    offsets[k] = at + phase * room
                    phase += 1
                    if phase == spacing:
                        at, phase = at + width, 0
                done = g.total
                into, at, aligned = scratch, done, np.uintp(0)
                if g.y_direct:
                    into, at = direct_y, y_start
                    if g.stream:
                        aligned = until_aligned(into, at)
                sum_terms(
                    into, at, count * width, taps, column_taps, 0, scratch, offsets, False,
                    aligned, g.stream != 0,
                )  # fmt: skip
                if g.y_direct:
                    continue
            stride, inner = columns.y_stride, neighbours.y_stride
            store(scratch, done, y, g.y_kind, y_start, count, stride, width, inner)
        if g.stream:
            fence()
        return fingerprint

    return forward
