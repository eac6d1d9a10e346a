"""The compiled forward operation: each line of the result from the lines under its footprint.

A line is summed over the rows of the footprint, extended at its ends, summed along itself, rounded
and stored. Nothing of the input's size is ever held.
"""

from typing import Any

import numpy as np

from .axes import centre, fold, locate
from .compiling import bare, helper
from .geometry import ZEROS
from .lines import (
    load,
    needs_no_conversion,
    packed,
    samples_like,
    split_phases,
    store,
    sum_terms,
    views,
    zero,
)

__all__ = ["make_forward"]

_CHUNK = 2048  # samples summed at a time: they stay in the first-level cache
_AT_ONCE = 4  # lines loaded before they are summed


@helper
def _sum_rows(
    x: Any, g: Any, taps: Any, i: int, start: int, count: int, width: int, loads: int,
    scratch: Any, offsets: Any, at: int,
) -> None:  # fmt: skip
    """The sum over a footprint's rows, ascending, of ``count`` columns from ``start`` on."""
    rows, stride, inner = g.rows, g.columns.x_stride, g.neighbours.x_stride
    first = centre(rows, i) - rows.radius
    begin, end = 0, taps.size
    if rows.boundary == ZEROS:
        begin, end = max(0, -first), min(end, rows.length - first)
    terms, size = end - begin, count * width
    for k in range(terms):
        offsets[k] = start + fold(rows, first + begin + k) * rows.x_stride
    if needs_no_conversion(g.x_kind, scratch) and packed(count, stride, width, inner):
        source = samples_like(x, scratch)
        for done in range(0, size, _CHUNK):
            some = min(_CHUNK, size - done)
            sum_terms(scratch, at + done, some, terms, taps, begin, source, offsets, 0, False)
            for k in range(terms):
                offsets[k] += _CHUNK
        return
    for k in range(0, terms, _AT_ONCE):
        some = min(_AT_ONCE, terms - k)
        for q in range(some):
            load(
                x, g.x_kind, offsets[k + q], count, stride, width, inner, scratch, loads + q * size
            )
            offsets[k + q] = loads + q * size
        sum_terms(scratch, at, size, some, taps, begin + k, scratch, offsets, k, k > 0)


@helper
def _sum_columns(
    columns: Any, taps: Any, line: int, first: int, last: int, j0: int, count: int, width: int,
    split: int, scratch: Any, offsets: Any, into: Any, at: int,
) -> None:  # fmt: skip
    """The sum along a line of positions ``first..last``, for ``count`` outputs from ``j0`` on."""
    spacing = columns.spacing
    if spacing > 0:
        room = ((last - first + spacing - 1) // spacing) * width
        source = line
        if spacing > 1:
            phases = min(spacing, taps.size)
            split_phases(scratch, line, last - first, width, spacing, phases, room, split)
            source = split
        for k in range(taps.size):
            offsets[k] = source + (k % spacing) * room + (k // spacing) * width
        sum_terms(into, at, count * width, taps.size, taps, 0, scratch, offsets, 0, False)
    else:
        for j in range(count):
            reads = centre(columns, j0 + j) - columns.radius - first
            offsets[j] = line + reads * width
        zero(into, at, count * width)
        to, wide = np.uintp(at), np.uintp(width)
        for k in range(taps.size):
            shift = np.uintp(k * width)
            for j in range(np.uintp(count)):
                reads = np.uintp(offsets[j]) + shift
                for c in range(wide):
                    into[to + j * wide + c] += taps[k] * scratch[reads + c]


@helper
def _fetch(
    x: Any, g: Any, taps: Any, i: int, start: int, count: int, width: int, loads: int,
    scratch: Any, offsets: Any, at: int,
) -> None:  # fmt: skip
    """A line's columns, summed over rows where those are filtered."""
    if g.rows.filtered:
        _sum_rows(x, g, taps, i, start, count, width, loads, scratch, offsets, at)
    else:
        stride, inner = g.columns.x_stride, g.neighbours.x_stride
        load(x, g.x_kind, start, count, stride, width, inner, scratch, at)


def make_forward(fingerprint: int) -> Any:
    """The Python function to compile, for either compute type.

    ``fingerprint`` stands for the sources; it takes part in the key of Numba's cache on disk.
    """

    def forward(
        x_memory: Any, y_memory: Any, rows_taps: Any, columns_taps: Any, geometry: Any, outer: Any,
        lines: Any, indices: Any, begin: int, end: int,
    ) -> int:  # fmt: skip
        """Lines ``begin..end`` of the result; x and y are memory, as bytes."""
        x, y = views(x_memory), views(y_memory)
        row_taps, column_taps = bare(rows_taps), bare(columns_taps)
        scratch, offsets = bare(lines), bare(indices)
        g = geometry[0]
        rows, columns, neighbours = g.rows, g.columns, g.neighbours
        loads, line = 0, _AT_ONCE * g.span
        total = line + g.span
        split = total + columns.block * neighbours.block
        for unit in range(begin, end):
            i, block = unit % rows.outputs, unit // rows.outputs
            j0, count, width, x_start, y_start = locate(g, outer, block, columns.outputs)
            y_start += i * rows.y_stride + j0 * columns.y_stride

            # The line reaches from position `first` to `last`; `low` to `high` are in the signal.
            first = centre(columns, j0) - columns.radius
            last = centre(columns, j0 + count - 1) + columns.radius + 1
            low, high = max(first, 0), min(last, columns.length)
            start = x_start + low * columns.x_stride
            body = line + (low - first) * width
            _fetch(x, g, row_taps, i, start, high - low, width, loads, scratch, offsets, body)
            for outside in range(low - first + last - high):
                e = first + outside
                if e >= low:
                    e += high - low
                at = line + (e - first) * width
                source = fold(columns, e)
                if source < 0:
                    zero(scratch, at, width)
                elif low <= source < high:
                    for c in range(width):
                        scratch[at + c] = scratch[line + (source - first) * width + c]
                else:
                    start = x_start + source * columns.x_stride
                    _fetch(x, g, row_taps, i, start, 1, width, loads, scratch, offsets, at)

            stride, inner = columns.y_stride, neighbours.y_stride
            if columns.filtered:
                direct = needs_no_conversion(g.y_kind, scratch)
                direct = direct and packed(count, stride, width, inner)
                into, at = (samples_like(y, scratch), y_start) if direct else (scratch, total)
                _sum_columns(
                    columns, column_taps, line, first, last, j0, count, width, split, scratch,
                    offsets, into, at,
                )  # fmt: skip
                if not direct:
                    store(scratch, total, y, g.y_kind, y_start, count, stride, width, inner)
            else:
                store(scratch, line, y, g.y_kind, y_start, count, stride, width, inner)
        return fingerprint

    return forward
