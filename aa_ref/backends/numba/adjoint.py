"""The compiled adjoint: each line of the result from the lines of ``g`` that reach it.

A line of ``g`` is spread along its columns once and kept in a ring while rows need it; a row is the
sum of the kept lines whose footprint it lies in, then of what the boundary folds onto it.
"""

from typing import Any

import numpy as np

from .axes import centre, first_output, fold, locate
from .compiling import bare, helper, inlined, larger, outlined, smaller
from .geometry import ZEROS
from .lines import load, samples_like, store, views, zero
from .phases import join_phases
from .sums import sum_terms
from .vectors import bare_aligned, fence, until_aligned

__all__ = ["make_adjoint"]


@helper
def _load_outputs(
    y: Any, g: Any, start: int, u0: int, u1: int, width: int, scratch: Any, at: int
) -> None:
    """Outputs ``u0..u1`` of the line of ``g`` that begins at ``start``."""
    if u1 > u0:
        stride, inner = g.columns.y_stride, g.neighbours.y_stride
        load(y, g.y_kind, start + u0 * stride, u1 - u0, stride, width, inner, scratch, at)


@inlined
def _spread_evenly(
    y: Any, g: Any, taps: Any, start: int, p0: int, count: int, width: int, scratch: Any,
    offsets: Any, at: int,
) -> None:  # fmt: skip
    """``G`` at ``count`` positions from ``p0`` on, by phases of the spacing.

    With E = e + radius = m spacing + q, output i reaches position e with tap q + d spacing, where
    d = m - i. So the positions of one phase are sums of shifted lines of ``g``, and ascending i is
    descending d.
    """
    columns, work = g.columns, g.line
    spacing = columns.spacing
    e0 = p0 + columns.radius
    first = e0 // spacing - (taps.size - 1) // spacing
    beyond = (e0 + count - 1) // spacing + 1
    u0, u1 = larger(first, 0), larger(smaller(beyond, columns.outputs), 0)
    zero(scratch, work, (smaller(u0, beyond) - first) * width)
    _load_outputs(y, g, start, u0, u1, width, scratch, work + (u0 - first) * width)
    after = smaller(larger(u0, u1), beyond)
    zero(scratch, work + (after - first) * width, (beyond - after) * width)
    phases = smaller(spacing, count)
    for phase in range(phases):
        e = e0 + phase
        m, q = e // spacing, e % spacing
        terms = larger(0, (taps.size - 1 - q) // spacing + 1)
        for k in range(terms):
            d = terms - 1 - k
            scratch[g.weights + k] = taps[q + d * spacing]
            offsets[k] = work + (m - d - first) * width
        positions = (count - 1 - phase) // spacing + 1
        sum_terms(
            scratch, g.split + phase * g.room, positions * width, terms, scratch, g.weights,
            scratch, offsets, False, np.uintp(0), False,
        )  # fmt: skip
    join_phases(scratch, g.split, count, width, spacing, phases, g.room, at)


@outlined
def _spread_unevenly(
    y: Any, g: Any, taps: Any, start: int, p0: int, count: int, width: int, work: int,
    scratch: Any, at: int,
) -> None:  # fmt: skip
    """The same where centres are uneven, output by output."""
    columns = g.columns
    zero(scratch, at, count * width)
    end = first_output(columns, p0 + count + columns.radius)
    for u in range(first_output(columns, p0 - columns.radius), end):
        _load_outputs(y, g, start, u, u + 1, width, scratch, work)
        reach = centre(columns, u) - columns.radius - p0
        for k in range(larger(0, -reach), smaller(taps.size, count - reach)):
            for c in range(width):
                scratch[at + (reach + k) * width + c] += taps[k] * scratch[work + c]


@outlined
def _spread(
    y: Any, g: Any, taps: Any, i: int, start: int, p0: int, count: int, width: int, scratch: Any,
    offsets: Any, at: int,
) -> None:  # fmt: skip
    """Row ``i`` of ``g`` along its columns, with what the boundary folds onto them."""
    columns, work = g.columns, g.line
    start += i * g.rows.y_stride
    if not columns.filtered:
        _load_outputs(y, g, start, 0, 1, width, scratch, at)
        return
    if columns.spacing > 0:
        _spread_evenly(y, g, taps, start, p0, count, width, scratch, offsets, at)
    else:
        _spread_unevenly(y, g, taps, start, p0, count, width, work, scratch, at)
    if columns.boundary == ZEROS:
        return
    source = work + width
    for beyond in range(2 * columns.radius):
        e = beyond - columns.radius
        if e >= 0:
            e += columns.length
        j = fold(columns, e)
        if p0 <= j < p0 + count:
            zero(scratch, work, width)
            end = first_output(columns, e + columns.radius + 1)
            for u in range(first_output(columns, e - columns.radius), end):
                _load_outputs(y, g, start, u, u + 1, width, scratch, source)
                tap = taps[e - centre(columns, u) + columns.radius]
                for c in range(width):
                    scratch[work + c] += tap * scratch[source + c]
            for c in range(width):
                scratch[at + (j - p0) * width + c] += scratch[work + c]


@outlined
def _sum_reaching(
    y: Any, g: Any, row_taps: Any, column_taps: Any, e: int, start: int, p0: int, count: int,
    width: int, scratch: Any, kept: Any, offsets: Any, into: Any, at: int, stream: bool,
) -> None:  # fmt: skip
    """``G`` at row ``e``: the sum of the spread lines that reach it, ascending."""
    rows = g.rows
    i, end = first_output(rows, e - rows.radius), first_output(rows, e + rows.radius + 1)
    go_on = False
    while i < end or not go_on:
        terms = smaller(g.slots, end - i)  # lines that the ring holds at the same time
        for k in range(terms):
            slot = (i + k) % g.slots
            if kept[slot] != i + k:
                _spread(
                    y, g, column_taps, i + k, start, p0, count, width, scratch, offsets,
                    slot * g.span,
                )  # fmt: skip
                kept[slot] = i + k
        for k in range(terms):
            scratch[g.weights + k] = row_taps[e + rows.radius - centre(rows, i + k)]
            offsets[k] = ((i + k) % g.slots) * g.span
        sum_terms(
            into, at, count * width, terms, scratch, g.weights, scratch, offsets, go_on,
            until_aligned(into, at), stream,
        )  # fmt: skip
        go_on = True
        i += terms


def make_adjoint(fingerprint: int) -> Any:
    """The Python function to compile, for either type; ``fingerprint`` as in `make_forward`."""

    def adjoint(
        x_memory: Any, y_memory: Any, rows_taps: Any, columns_taps: Any, geometry: Any, outer: Any,
        lines: Any, indices: Any, begin: int, end: int,
    ) -> int:  # fmt: skip
        """Units of work ``begin..end`` of x from y; both are memory, as bytes."""
        x, y = views(x_memory), views(y_memory)
        row_taps, column_taps = bare(rows_taps), bare(columns_taps)
        scratch = bare_aligned(lines)
        g = geometry[0]
        rows, columns, neighbours = g.rows, g.columns, g.neighbours
        kept, offsets = bare(indices[: g.slots]), bare(indices[g.slots :])
        previous = -1
        p0, count, width, x0, y_start = 0, 0, 0, 0, 0
        for unit in range(begin, end):
            which = unit // rows.length
            r = unit - which * rows.length
            if which != previous:
                p0, count, width, x0, y_start = locate(g, outer, which, columns.length)
                for slot in range(g.slots):
                    kept[slot] = -1
                previous = which
            x_start = x0 + r * rows.x_stride + p0 * columns.x_stride

            stride, inner = columns.x_stride, neighbours.x_stride
            if rows.filtered:
                into, at = (samples_like(x, scratch), x_start) if g.x_direct else (scratch, g.total)
                # Rows beyond the ends fold onto those near them.
                near = r <= rows.radius or r >= rows.length - 1 - rows.radius
                near = near and rows.boundary != ZEROS
                stream = g.stream != 0 and g.x_direct != 0 and not near
                _sum_reaching(
                    y, g, row_taps, column_taps, r, y_start, p0, count, width, scratch, kept,
                    offsets, into, at, stream,
                )  # fmt: skip
                for beyond in range(2 * rows.radius if near else 0):
                    e = beyond - rows.radius
                    if e >= 0:
                        e += rows.length
                    if fold(rows, e) == r:
                        _sum_reaching(
                            y, g, row_taps, column_taps, e, y_start, p0, count, width, scratch,
                            kept, offsets, scratch, g.folded, False,
                        )  # fmt: skip
                        for j in range(count * width):
                            into[at + j] += scratch[g.folded + j]
                if not g.x_direct:
                    store(scratch, g.total, x, g.x_kind, x_start, count, stride, width, inner)
            else:
                _spread(
                    y, g, column_taps, 0, y_start, p0, count, width, scratch, offsets, g.total,
                )  # fmt: skip
                store(scratch, g.total, x, g.x_kind, x_start, count, stride, width, inner)
        if g.stream:
            fence()
        return fingerprint

    return adjoint
