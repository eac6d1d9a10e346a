"""The compiled adjoint: each line of the result from the lines of ``g`` that reach it.

A line of ``g`` is spread along its columns once and kept in a ring while rows need it; a row is the
sum of the kept lines whose footprint it lies in, then of what the boundary folds onto it.
"""

from typing import Any

from .axes import centre, first_output, fold
from .compiling import inner
from .geometry import ZEROS
from .lines import add_1, add_4, join_phases, load, store

__all__ = ["make_adjoint"]


@inner
def _load_outputs(
    y: Any, g: Any, start: int, u0: int, u1: int, width: int, first: int, line: Any
) -> None:
    """Outputs ``u0..u1`` of a line of ``g``; ``line`` begins at output ``first``."""
    if u1 > u0:
        part = line[(u0 - first) * width : (u1 - first) * width]
        at = start + u0 * g.columns.y_stride
        stride, inner = g.columns.y_stride, g.neighbours.y_stride
        load(y, g.y_kind, at, u1 - u0, stride, width, inner, part)


@inner
def _spread_evenly(
    y: Any, g: Any, taps: Any, start: int, p0: int, width: int, work: Any, line: Any
) -> None:
    """``G`` at the positions of ``line``, the first being ``p0``, by phases of the spacing.

    With E = e + radius = m spacing + q, output i reaches position e with tap q + d spacing,
    where d = m - i; ascending i is descending d.
    """
    columns = g.columns
    spacing, size = columns.spacing, line.size // width
    e0, e1 = p0 + columns.radius, p0 + columns.radius + size - 1
    deepest = (taps.size - 1) // spacing
    first = e0 // spacing - deepest
    beyond = e1 // spacing + 1
    sources = work[: (beyond - first) * width]
    phase = work[sources.size :]
    sources[:] = 0
    u0, u1 = max(first, 0), min(beyond, columns.outputs)
    _load_outputs(y, g, start, u0, u1, width, first, sources)
    for e in range(e0, e0 + min(spacing, size)):  # the first position of each phase
        m = e // spacing
        residue = e % spacing
        total = phase[: ((e1 - e) // spacing + 1) * width]
        total[:] = 0
        for d in range((taps.size - 1 - residue) // spacing, -1, -1):
            at = (m - d - first) * width
            add_1(total, taps[residue + d * spacing], sources[at : at + total.size])
        join_phases(total, width, spacing, e - e0, line)


@inner
def _spread_unevenly(
    y: Any, g: Any, taps: Any, start: int, p0: int, width: int, work: Any, line: Any
) -> None:
    """The same, output by output."""
    columns = g.columns
    p1 = p0 + line.size // width
    u0, u1 = first_output(columns, p0 - columns.radius), first_output(columns, p1 + columns.radius)
    line[:] = 0
    source = work[:width]
    for u in range(u0, u1):
        _load_outputs(y, g, start, u, u + 1, width, u, source)
        at = centre(columns, u) - columns.radius - p0
        for k in range(max(0, -at), min(taps.size, p1 - p0 - at)):
            for c in range(width):
                line[(at + k) * width + c] += taps[k] * source[c]


@inner
def _spread(
    y: Any, g: Any, taps: Any, i: int, start: int, p0: int, width: int, work: Any, line: Any
) -> None:
    """Row ``i`` of ``g`` along its columns, with what the boundary folds onto them."""
    columns = g.columns
    start += i * g.rows.y_stride
    if not columns.filtered:
        _load_outputs(y, g, start, 0, 1, width, 0, line)
        return
    if columns.spacing > 0:
        _spread_evenly(y, g, taps, start, p0, width, work, line)
    else:
        _spread_unevenly(y, g, taps, start, p0, width, work, line)
    if columns.boundary == ZEROS:
        return
    p1 = p0 + line.size // width
    for beyond in range(2 * columns.radius):
        e = beyond - columns.radius
        if e >= 0:
            e += columns.length
        j = fold(columns, e)
        if p0 <= j < p1:
            total, source = work[:width], work[width : 2 * width]
            total[:] = 0
            u1 = first_output(columns, e + columns.radius + 1)
            for u in range(first_output(columns, e - columns.radius), u1):
                _load_outputs(y, g, start, u, u + 1, width, u, source)
                add_1(total, taps[e - centre(columns, u) + columns.radius], source)
            part = line[(j - p0) * width : (j - p0 + 1) * width]
            for c in range(width):
                part[c] += total[c]


@inner
def _sum_reaching(
    y: Any, g: Any, row_taps: Any, column_taps: Any, e: int, start: int, p0: int, width: int,
    ring: Any, kept: Any, work: Any, total: Any,
) -> None:  # fmt: skip
    """``G`` at row ``e``: the sum of the spread lines that reach it, ascending."""
    rows = g.rows
    size = total.size
    total[:] = 0
    i, end = first_output(rows, e - rows.radius), first_output(rows, e + rows.radius + 1)
    while i < end:
        some = min(4, end - i)
        for q in range(i, i + some):
            slot = q % g.ring
            if kept[slot] != q:
                line = ring[slot * g.span : slot * g.span + size]
                _spread(y, g, column_taps, q, start, p0, width, work, line)
                kept[slot] = q
        a = (i % g.ring) * g.span
        t = e + rows.radius
        if some == 4:
            b = ((i + 1) % g.ring) * g.span
            c = ((i + 2) % g.ring) * g.span
            d = ((i + 3) % g.ring) * g.span
            add_4(
                total, row_taps[t - centre(rows, i)], row_taps[t - centre(rows, i + 1)],
                row_taps[t - centre(rows, i + 2)], row_taps[t - centre(rows, i + 3)],
                ring[a : a + size], ring[b : b + size],
                ring[c : c + size], ring[d : d + size],
            )  # fmt: skip
            i += 4
        else:
            add_1(total, row_taps[t - centre(rows, i)], ring[a : a + size])
            i += 1


def make_adjoint(fingerprint: int) -> Any:
    """The Python function to compile, for either compute type; see `make_forward`."""

    def adjoint(
        x: Any,
        y: Any,
        row_taps: Any,
        column_taps: Any,
        geometry: Any,
        outer: Any,
        scratch: Any,
        kept: Any,
        begin: int,
        end: int,
    ) -> int:
        """Lines ``begin..end`` of x from y; both are memory, as bytes."""
        g = geometry[0]
        rows, columns, neighbours = g.rows, g.columns, g.neighbours
        ring = scratch[: g.ring * g.span]
        totals = scratch[g.ring * g.span : (g.ring + 1) * g.span]
        folds = scratch[(g.ring + 1) * g.span : (g.ring + 2) * g.span]
        work = scratch[(g.ring + 2) * g.span :]
        previous = -1
        for unit in range(begin, end):
            r, rest = unit % rows.length, unit // rows.length
            if rest != previous:
                kept[:] = -1
                previous = rest
            c0 = (rest % neighbours.blocks) * neighbours.block
            width = min(neighbours.block, neighbours.length - c0)
            rest //= neighbours.blocks
            p0 = (rest % columns.blocks) * columns.block
            count = min(columns.block, columns.length - p0)
            rest //= columns.blocks
            x_start = g.x_start + c0 * neighbours.x_stride + p0 * columns.x_stride
            x_start += r * rows.x_stride
            y_start = g.y_start + c0 * neighbours.y_stride
            for d in range(outer.shape[0] - 1, -1, -1):
                x_start += (rest % outer[d, 0]) * outer[d, 1]
                y_start += (rest % outer[d, 0]) * outer[d, 2]
                rest //= outer[d, 0]

            total = totals[: count * width]
            if rows.filtered:
                _sum_reaching(
                    y, g, row_taps, column_taps, r, y_start, p0, width, ring, kept, work, total
                )
                near = r <= rows.radius or r >= rows.length - 1 - rows.radius
                if near and rows.boundary != ZEROS:
                    folded = folds[: total.size]
                    for beyond in range(2 * rows.radius):
                        e = beyond - rows.radius
                        if e >= 0:
                            e += rows.length
                        if fold(rows, e) == r:
                            _sum_reaching(
                                y, g, row_taps, column_taps, e, y_start, p0, width, ring, kept,
                                work, folded,
                            )  # fmt: skip
                            for j in range(total.size):
                                total[j] += folded[j]
            else:
                _spread(y, g, column_taps, 0, y_start, p0, width, work, total)
            store(total, x, g.x_kind, x_start, count, columns.x_stride, width, neighbours.x_stride)
        return fingerprint

    return adjoint
