"""Kernels for any filters along two axes, at once: between the passes values are in shared memory.

A block makes a tile of the result. Its first pass makes what the second needs, each value once: the
columns that the tile's outputs reach or, for the adjoint, the rows that reach the tile. Taps,
strides, samplings and boundaries are known at run time alone.
"""

from typing import Any, NamedTuple

import numpy as np

from .elements import make_folded_sum, make_gathered_sum, make_sample, make_weighted_sum
from .instructions import ADD, MULTIPLY, make_load, make_store
from .positions import ZEROS, Axis, Free, centre, first_output, fold
from .toolkit import SIMULATOR, cuda, device_function, types

__all__ = ["Tiles", "make_adjoint_tiles", "make_forward_tiles", "room_of"]


class Tiles(NamedTuple):
    """How the result is cut into tiles of ``tile_`` rows, columns and, along the last, inners."""

    outer: Free
    middle: Free
    rows: Axis
    columns: Axis
    inner: Free
    row_tiles: int
    column_tiles: int
    inner_tiles: int
    tile_rows: int
    tile_columns: int
    tile_inners: int


def room_of(compute: str) -> int:
    """How many values a block has room for: 24 KiB, so that several blocks fit."""
    return 512 if SIMULATOR else 24 * 1024 // np.dtype(compute).itemsize


class _Part(NamedTuple):
    """A block's part of the result, and where x and y begin for it."""

    x: int
    y: int
    first_row: int
    first_column: int
    inners: int


@device_function
def _part_of(x: int, y: int, g: Any, block: int) -> _Part:
    """Which part a block makes. All that blocks are counted by has 31 bits, as their number has."""
    inner_tiles, column_tiles = np.uint32(g.inner_tiles), np.uint32(g.column_tiles)
    row_tiles, middles = np.uint32(g.row_tiles), np.uint32(g.middle.length)
    strip = np.uint32(block // inner_tiles)
    row = np.uint32(strip // column_tiles)
    plane = np.uint32(row // row_tiles)
    outer, middle = np.int64(plane // middles), np.int64(plane % middles)
    row_tile, column_tile = np.int64(row % row_tiles), np.int64(strip % column_tiles)
    inner = np.int64(block % inner_tiles) * g.tile_inners
    return _Part(
        x + outer * g.outer.x + middle * g.middle.x + inner * g.inner.x,
        y + outer * g.outer.y + middle * g.middle.y + inner * g.inner.y,
        row_tile * g.tile_rows,
        column_tile * g.tile_columns,
        min(g.tile_inners, g.inner.length - inner),
    )


def make_forward_tiles(kind: str, result: str, compute: str, threads: int) -> Any:
    """The kernel from a type to a type, for blocks of ``threads``: rows first, then columns."""
    add, multiply, store = ADD[compute], MULTIPLY[compute], make_store(result, compute)
    load_tap, size = make_load(compute), np.dtype(compute).itemsize
    along_rows = make_weighted_sum(make_sample(kind), compute)
    room, number, zero = room_of(compute), getattr(types, compute), np.dtype(compute).type(0)

    def forward_tiles(x: int, y: int, g: Any) -> None:
        values = cuda.shared.array(room, number)
        thread = np.uint32(cuda.threadIdx.x)
        part = _part_of(x, y, g, np.uint32(cuda.blockIdx.x))
        rows = min(g.tile_rows, g.rows.outputs - part.first_row)
        columns = min(g.tile_columns, g.columns.outputs - part.first_column)
        inners, first_column = np.uint32(part.inners), part.first_column
        radius = g.columns.radius
        begin = centre(g.columns, part.first_column) - radius
        end = centre(g.columns, part.first_column + columns - 1) + radius + 1

        lanes = np.uint32((end - begin) * part.inners)
        count = np.uint32(rows * (end - begin) * part.inners)
        place = thread
        while place < count:
            row, lane = place // lanes, place % lanes
            column = fold(g.columns, begin + np.int64(lane // inners))
            value = zero
            if column >= 0:
                source = part.x + column * g.columns.x + np.int64(lane % inners) * g.inner.x
                value = along_rows(source, g.rows, part.first_row + np.int64(row), 0, 0)
            values[place] = value
            place = np.uint32(place + threads)
        # Below, threads read what others wrote above. All threads of a block come here, once.
        cuda.syncthreads()
        outputs = np.uint32(columns * part.inners)
        count = np.uint32(rows * columns * part.inners)
        place = thread
        while place < count:
            row, output = place // outputs, place % outputs
            column, inner = first_column + np.int64(output // inners), output % inners
            reach = np.uint32(centre(g.columns, column) - radius - begin)
            at = np.uint32(row * lanes + reach * inners + inner)
            total = zero
            for k in range(2 * radius + 1):
                tap = load_tap(g.columns.taps + k * size)
                total = add(total, multiply(tap, values[at]))
                at = np.uint32(at + inners)
            target = part.y + (part.first_row + np.int64(row)) * g.rows.y
            store(target + column * g.columns.y + np.int64(inner) * g.inner.y, total)
            place = np.uint32(place + threads)

    return forward_tiles


def make_adjoint_tiles(kind: str, result: str, compute: str, threads: int) -> Any:
    """The transpose of `make_forward_tiles`'s, from y to x: columns first, then rows."""
    store = make_store(result, compute)
    along_columns = make_gathered_sum(make_sample(kind), compute)
    room, number = room_of(compute), getattr(types, compute)

    @device_function
    def made(at: int, values: Any, j: int, then: Any, i: int) -> Any:
        return values[np.uint32(at)]

    along_rows = make_folded_sum(made, compute)

    def adjoint_tiles(x: int, y: int, g: Any) -> None:
        values = cuda.shared.array(room, number)
        thread = np.uint32(cuda.threadIdx.x)
        part = _part_of(x, y, g, np.uint32(cuda.blockIdx.x))
        rows = min(g.tile_rows, g.rows.length - part.first_row)
        columns = min(g.tile_columns, g.columns.length - part.first_column)
        inners, first_column = np.uint32(part.inners), part.first_column
        radius, length = g.rows.radius, g.rows.length
        first, last = part.first_row, part.first_row + rows - 1
        # The rows of y that reach the tile, then, where the boundary may fold others onto it, those
        # that reach beyond the first row and beyond the last one.
        begin = first_output(g.rows, first - radius)
        within = first_output(g.rows, last + radius + 1) - begin
        before, tail = np.int64(0), g.rows.outputs
        if g.rows.boundary != ZEROS and (first <= radius or last >= length - 1 - radius):
            before = first_output(g.rows, radius)
            tail = first_output(g.rows, length - radius)
        made_rows = within + before + g.rows.outputs - tail

        lanes = np.uint32(columns * part.inners)
        count = np.uint32(made_rows * columns * part.inners)
        place = thread
        while place < count:
            i, lane = np.int64(place // lanes), place % lanes
            if i < within:
                i += begin
            elif i < within + before:
                i -= within
            else:
                i += tail - within - before
            source = part.y + i * g.rows.y + np.int64(lane % inners) * g.inner.y
            column = first_column + np.int64(lane // inners)
            values[place] = along_columns(source, g.columns, column, 0, 0)
            place = np.uint32(place + threads)
        # Below, threads read what others wrote above. All threads of a block come here, once.
        cuda.syncthreads()
        pitch = columns * part.inners
        axis = Axis(
            length, g.rows.outputs, radius, g.rows.spacing, g.rows.step, g.rows.boundary,
            g.rows.taps, 0, pitch,
        )  # fmt: skip
        count = np.uint32(rows * columns * part.inners)
        place = thread
        while place < count:
            row, lane = part.first_row + np.int64(place // lanes), place % lanes
            at = np.int64(lane)
            value = along_rows(
                at - begin * pitch,
                at + within * pitch,
                at + (within + before - tail) * pitch,
                axis, row, values, 0,
            )  # fmt: skip
            target = part.x + row * g.rows.x + np.int64(lane % inners) * g.inner.x
            store(target + (first_column + np.int64(lane // inners)) * g.columns.x, value)
            place = np.uint32(place + threads)

    return adjoint_tiles
