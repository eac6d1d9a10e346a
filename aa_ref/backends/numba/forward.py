"""The compiled forward operation: each line of the result from the lines under its footprint.

A line is summed over the rows of the footprint, extended at its ends, summed along itself, rounded
and stored. Nothing of the input's size is ever held.
"""

from typing import Any

from .axes import centre, fold
from .compiling import inner
from .convert import FLOAT32, FLOAT64
from .geometry import ZEROS
from .lines import (
    add_1,
    add_4,
    load,
    packed,
    samples_like,
    split_phases,
    store,
)

__all__ = ["make_forward"]

_CHUNK = 2048  # samples that a sweep works on at a time: they stay in the first-level cache


@inner
def _sum_rows(
    x: Any, g: Any, taps: Any, i: int, start: int, count: int, width: int, loads: Any, total: Any
) -> None:
    """The sum over a footprint's rows, ascending, of ``count`` columns from ``start`` on."""
    rows, stride, inner = g.rows, g.columns.x_stride, g.neighbours.x_stride
    first = centre(rows, i) - rows.radius
    begin, end = 0, taps.size
    if rows.boundary == ZEROS:
        begin, end = max(0, -first), min(end, rows.length - first)
    total[:] = 0
    compute_kind = FLOAT32 if total.itemsize == 4 else FLOAT64
    if g.x_kind == compute_kind and packed(count, stride, width, inner):
        samples = samples_like(x, total)
        for at in range(0, total.size, _CHUNK):
            part = total[at : at + _CHUNK]
            size = part.size
            k = begin
            while k + 4 <= end:
                a = start + at + fold(rows, first + k) * rows.x_stride
                b = start + at + fold(rows, first + k + 1) * rows.x_stride
                c = start + at + fold(rows, first + k + 2) * rows.x_stride
                d = start + at + fold(rows, first + k + 3) * rows.x_stride
                add_4(
                    part, taps[k], taps[k + 1], taps[k + 2], taps[k + 3],
                    samples[a : a + size], samples[b : b + size],
                    samples[c : c + size], samples[d : d + size],
                )  # fmt: skip
                k += 4
            while k < end:
                a = start + at + fold(rows, first + k) * rows.x_stride
                add_1(part, taps[k], samples[a : a + size])
                k += 1
        return
    size = total.size
    k = begin
    while k < end:
        some = min(4, end - k)
        for q in range(some):
            row = start + fold(rows, first + k + q) * rows.x_stride
            line = loads[q * size : (q + 1) * size]
            load(x, g.x_kind, row, count, stride, width, inner, line)
        if some == 4:
            add_4(
                total, taps[k], taps[k + 1], taps[k + 2], taps[k + 3],
                loads[:size], loads[size : 2 * size],
                loads[2 * size : 3 * size], loads[3 * size : 4 * size],
            )  # fmt: skip
        else:
            for q in range(some):
                add_1(total, taps[k + q], loads[q * size : (q + 1) * size])
        k += some


@inner
def _fetch(
    x: Any, g: Any, taps: Any, i: int, start: int, count: int, width: int, loads: Any, line: Any
) -> None:
    """A line's columns, summed over rows where those are filtered."""
    if g.rows.filtered:
        _sum_rows(x, g, taps, i, start, count, width, loads, line)
    else:
        load(x, g.x_kind, start, count, g.columns.x_stride, width, g.neighbours.x_stride, line)


@inner
def _sum_columns(
    columns: Any, taps: Any, line: Any, first: int, j0: int, width: int, split: Any, total: Any
) -> None:
    """The sum along a line that begins at position ``first``, for outputs from ``j0`` on."""
    total[:] = 0
    size, spacing = total.size, columns.spacing
    if spacing == 0:
        for j in range(size // width):
            at = (centre(columns, j0 + j) - columns.radius - first) * width
            for k in range(taps.size):
                for c in range(width):
                    total[j * width + c] += taps[k] * line[at + k * width + c]
        return
    room = ((line.size // width + spacing - 1) // spacing) * width
    if spacing > 1:
        split_phases(line, width, spacing, min(spacing, taps.size), room, split)
        source = split
    else:
        source = line
    k = 0
    while k + 4 <= taps.size:
        a = (k % spacing) * room + (k // spacing) * width
        b = ((k + 1) % spacing) * room + ((k + 1) // spacing) * width
        c = ((k + 2) % spacing) * room + ((k + 2) // spacing) * width
        d = ((k + 3) % spacing) * room + ((k + 3) // spacing) * width
        add_4(
            total, taps[k], taps[k + 1], taps[k + 2], taps[k + 3],
            source[a : a + size], source[b : b + size],
            source[c : c + size], source[d : d + size],
        )  # fmt: skip
        k += 4
    while k < taps.size:
        a = (k % spacing) * room + (k // spacing) * width
        add_1(total, taps[k], source[a : a + size])
        k += 1


def make_forward(fingerprint: int) -> Any:
    """The Python function to compile, for either compute type.

    ``fingerprint`` stands for the sources; it takes part in the key of Numba's cache on disk.
    """

    def forward(
        x: Any,
        y: Any,
        row_taps: Any,
        column_taps: Any,
        geometry: Any,
        outer: Any,
        scratch: Any,
        begin: int,
        end: int,
    ) -> int:
        """Lines ``begin..end`` of the result; x and y are memory, as bytes."""
        g = geometry[0]
        rows, columns, neighbours = g.rows, g.columns, g.neighbours
        loads = scratch[: 4 * g.span]
        lines = scratch[4 * g.span : 5 * g.span]
        totals = scratch[5 * g.span : 5 * g.span + columns.block * neighbours.block]
        split = scratch[5 * g.span + columns.block * neighbours.block :]
        for unit in range(begin, end):
            i, rest = unit % rows.outputs, unit // rows.outputs
            c0 = (rest % neighbours.blocks) * neighbours.block
            width = min(neighbours.block, neighbours.length - c0)
            rest //= neighbours.blocks
            j0 = (rest % columns.blocks) * columns.block
            count = min(columns.block, columns.outputs - j0)
            rest //= columns.blocks
            x_start = g.x_start + c0 * neighbours.x_stride
            y_start = g.y_start + c0 * neighbours.y_stride + j0 * columns.y_stride
            y_start += i * rows.y_stride
            for d in range(outer.shape[0] - 1, -1, -1):
                x_start += (rest % outer[d, 0]) * outer[d, 1]
                y_start += (rest % outer[d, 0]) * outer[d, 2]
                rest //= outer[d, 0]

            # The line from position `first` to `last`, of which `low` to `high` are in the signal.
            first = centre(columns, j0) - columns.radius
            last = centre(columns, j0 + count - 1) + columns.radius + 1
            low, high = max(first, 0), min(last, columns.length)
            line = lines[: (last - first) * width]
            body = line[(low - first) * width : (high - first) * width]
            start = x_start + low * columns.x_stride
            _fetch(x, g, row_taps, i, start, high - low, width, loads, body)
            for outside in range(low - first + last - high):
                e = first + outside
                if e >= low:
                    e += high - low
                beyond = line[(e - first) * width : (e - first + 1) * width]
                source = fold(columns, e)
                if source < 0:
                    beyond[:] = 0
                elif low <= source < high:
                    beyond[:] = body[(source - low) * width : (source - low + 1) * width]
                else:
                    start = x_start + source * columns.x_stride
                    _fetch(x, g, row_taps, i, start, 1, width, loads, beyond)

            if columns.filtered:
                total = totals[: count * width]
                _sum_columns(columns, column_taps, line, first, j0, width, split, total)
                line = total
            store(line, y, g.y_kind, y_start, count, columns.y_stride, width, neighbours.y_stride)
        return fingerprint

    return forward
