"""How large tiles are: as there is room for, and so that a launch takes the shortest time."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ...plans import AxisPlan
from .layout import Layout
from .positions import Axis
from .tiles import Tiles, room_of
from .toolkit import multiprocessors

__all__ = ["MOST_BLOCKS", "Cut", "cut_into_tiles", "terms_of_axes", "terms_of_elements"]

MOST_BLOCKS = 2**31 - 1
"""Of a launch."""

_AT_ONCE = 4  # blocks that a multiprocessor works on, about
_MOST_LANES, _MOST_ROWS = 128, 32  # of a tile
_EXACT = 1 << 24  # below it, positions in binary32 are off by less than one


class Cut(NamedTuple):
    """Tiles, how many, and how many terms a thread adds up: of a launch's blocks one by one."""

    tiles: Tiles
    blocks: int
    terms: int


class _Passes(NamedTuple):
    """How many terms a value of each pass has, and how many of the first's a tile needs."""

    first: int
    second: int
    needed: Callable[[int, int], int | None]


def cut_into_tiles(
    forward: bool,
    compute: str,
    threads: int,
    group: Sequence[AxisPlan],
    layout: Layout,
    axes: Sequence[Axis],
) -> Cut | None:
    """The best tiles for two axes; None where not even the smallest has room."""
    room, passes = room_of(compute), (_forward if forward else _adjoint)(group)
    rows_long, columns_long = (a.out_length if forward else a.length for a in group)
    planes = layout.outer.length * layout.middle.length
    best: Cut | None = None
    for inners in _halves(min(layout.inner.length, _MOST_LANES)):
        for columns in _halves(min(columns_long, max(_MOST_LANES // inners, 1))):
            for rows in _halves(min(rows_long, _MOST_ROWS)):
                needed = passes.needed(rows, columns)
                if needed is None or needed * inners > room:
                    continue
                row_tiles, column_tiles = -(-rows_long // rows), -(-columns_long // columns)
                inner_tiles = -(-layout.inner.length // inners)
                blocks = planes * row_tiles * column_tiles * inner_tiles
                terms = -(-needed * inners // threads) * passes.first
                terms += -(-rows * columns * inners // threads) * passes.second
                terms *= _waves(blocks)
                if blocks <= MOST_BLOCKS and (best is None or terms < best.terms):
                    tiles = Tiles(
                        layout.outer, layout.middle, axes[0], axes[1], layout.inner,
                        row_tiles, column_tiles, inner_tiles, rows, columns, inners,
                    )  # fmt: skip
                    best = Cut(tiles, blocks, terms)
    return best


def terms_of_elements(forward: bool, threads: int, group: Sequence[AxisPlan], elements: int) -> int:
    """How many terms each thread adds up where there is one for each element of the result."""
    passes = (_forward if forward else _adjoint)(group)
    return _waves(-(-elements // threads)) * passes.first * passes.second


def terms_of_axes(forward: bool, threads: int, group: Sequence[AxisPlan], elements: int) -> int:
    """How many terms each thread adds up where one axis after the other is filtered."""
    passes = (_forward if forward else _adjoint)(group)
    if forward:
        between = elements // group[1].out_length * group[1].length
    else:
        between = elements // group[0].length * group[0].out_length
    first, second = _waves(-(-between // threads)), _waves(-(-elements // threads))
    return first * passes.first + second * passes.second


def _waves(blocks: int) -> int:
    """How often all multiprocessors are filled."""
    return -(-blocks // (_AT_ONCE * multiprocessors()))


def _halves(n: int) -> Iterator[int]:
    while n > 1:
        yield n
        n = -(-n // 2)
    yield 1


def _forward(group: Sequence[AxisPlan]) -> _Passes:
    rows, columns = group

    def needed(tile_rows: int, tile_columns: int) -> int | None:
        between = _positions_between(columns, tile_columns)
        return None if between is None else tile_rows * (between + 2 * columns.radius)

    return _Passes(len(rows.taps), len(columns.taps), needed)


def _adjoint(group: Sequence[AxisPlan]) -> _Passes:
    rows, columns = group

    def needed(tile_rows: int, tile_columns: int) -> int | None:
        within = _outputs_between(rows, tile_rows + 2 * rows.radius)
        beyond = 0 if rows.boundary == "zeros" else _outputs_between(rows, rows.radius)
        return None if within is None or beyond is None else (within + 2 * beyond) * tile_columns

    first, second = (-(-len(a.taps) // (a.spacing or a.stride)) for a in (columns, rows))
    return _Passes(first, second, needed)


def _positions_between(a: AxisPlan, outputs: int) -> int | None:
    """How many positions there are from one centre to that ``outputs - 1`` further, at most.

    None where the rounding of positions leaves that open.
    """
    if a.spacing is not None:
        return (outputs - 1) * a.spacing + 1
    return math.ceil((outputs - 1) * a.step) + 3 if a.length <= _EXACT else None


def _outputs_between(a: AxisPlan, positions: int) -> int | None:
    """How many outputs have their centres among so many positions in a row, at most."""
    if a.spacing is not None:
        found = (positions - 1) // a.spacing + 1
    elif a.length <= _EXACT:
        found = int((positions + 2) / a.step) + 3
    else:
        return None
    return min(found, a.out_length)
