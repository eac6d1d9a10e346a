"""The compiled forward operation for even strides: one level, or several in one pass over x.

Lines of x come in groups of rows, each added to all sums that it is part of; lines of sums that a
group completes are extended at their ends, summed along themselves, rounded and stored. Nothing of
the input's size is ever held.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import types

from .axes import fold
from .columns import make_sum_columns, make_sum_wide_columns
from .compiling import address, array_at, bare, bind, helper, inlined, larger, named, smaller
from .convert import FLOAT32, FLOAT64, ITEMS, TYPES
from .groups import Group, Level, make_add_group, plan_group
from .lines import samples_like, store, views, write, zero
from .vectors import BYTES, bare_aligned, fence

__all__ = ["OCTAVES", "PAGE", "Fused", "make_levels"]

PAGE = 1 << 12
"""Bytes; processors tell loads from stores, and places of the first-level cache, within these."""


class Fused(NamedTuple):
    """A compiled function's constants."""

    levels: tuple[Level, ...]
    width: int  # neighbours: 1 for C×H×W, the channels for H×W×C; 0 for any number
    kind: int  # of the input's samples

    @property
    def symbol(self) -> str:
        """For the names of functions."""
        numbers = (n for level in self.levels for n in level)
        return "_".join(map(str, (*numbers, "width", self.width, "kind", self.kind)))

    def __str__(self) -> str:
        levels = " and ".join(map(str, self.levels))
        channels = f"H×W×C, C = {self.width}" if self.width else "H×W×C, any C"
        layout = "C×H×W" if self.width == 1 else channels
        return f"stride {levels}, {layout}, from {TYPES[self.kind]}"


def _octave(stride: int, width: int) -> Fused:
    taps = 4 * (stride - 1) + 1  # those that an integer stride has by default
    return Fused((Level(stride, taps, stride, taps),), width, FLOAT32)


OCTAVES = tuple(_octave(stride, width) for width in (1, 3) for stride in (2, 4, 8))
"""Those that are asked for most."""


def _add_group(
    rows: Any, sums: int, span: int, begin: int, end: int, taps: Any, ahead: int
) -> None:
    """See `make_add_group`."""
    raise NotImplementedError("bound for each function")


def _finish(
    y_memories: Any, g: Any, each: Any, outer: Any, folds: Any, scratch: Any, taps: Any,
    number: int, row: int, left: int, right: int, low: int, high: int,
) -> None:  # fmt: skip
    """Sum the lines along themselves that a group has completed, of each level, and store them."""
    raise NotImplementedError("bound for each function")


def make_levels(fingerprint: int, fused: Fused) -> Any:
    """The Python function to compile; ``fingerprint`` as in `make_forward`."""
    group = plan_group(fused.levels)
    number = types.float64 if fused.kind == FLOAT64 else types.float32
    item, sample = ITEMS[fused.kind], 8 if fused.kind == FLOAT64 else 4
    rows, carried, fixed_width = group.rows, group.carried, fused.width
    lane = BYTES // sample

    def levels(
        x_memory: Any, y_memories: Any, taps_: Any, geometry: Any, each: Any, outer: Any,
        folds: Any, lines: Any, indices: Any, begin: int, end: int,
    ) -> int:  # fmt: skip
        """Units of work ``begin..end``, each the lines that a group of rows completes."""
        x, places, g = bare(x_memory), bare(indices), geometry[0]
        # A load waits for a store whose address has the same last 12 bits, and rows often lie so
        # many bytes apart that all have the same: keep sums away from there.
        first_sum = np.int64(address(x)) + g.x_start + PAGE // 4
        gap = (first_sum - g.sums * sample - np.int64(address(lines))) % PAGE // BYTES * BYTES
        scratch = bare_aligned(lines[gap // sample :])
        width = fixed_width if fixed_width > 0 else g.width
        taps, memory, x_end = address(taps_), address(x), address(x) + x.size
        base = np.int64(address(scratch))
        sums, nothing, tails = (
            base + g.sums * sample,
            base + g.nothing * sample,
            base + g.tails * sample,
        )
        zero(scratch, g.nothing, g.longest)
        unit = begin
        while unit < end:
            which = unit // g.groups
            first, last = (
                unit - which * g.groups,
                smaller(g.groups, unit - which * g.groups + end - unit),
            )
            unit += last - first
            # What the block covers: the columns low…high, those of outputs from `left` to `right`.
            block, number_ = which % g.blocks, which // g.blocks
            left = g.cells * block // g.blocks * g.cell
            right = g.cells * (block + 1) // g.blocks * g.cell
            low, high = larger(left - g.reach, 0), smaller(right + g.reach, g.columns)
            start = np.int64(memory) + g.x_start + low * width * item
            rest = number_
            for d in range(outer.shape[0] - 1, -1, -1):
                start += rest % outer[d, 0] * outer[d, 1]
                rest //= outer[d, 0]
            size = (high - low) * width
            whole = (size + lane - 1) // lane * lane
            for line in range(carried):
                zero(scratch, g.sums + line * g.span, whole)
            for now in range(larger(first - g.before, g.lowest), last):
                row, over = g.first_row + now * rows, False
                for k in range(rows):
                    e = fold(g, row + k)
                    places[k] = start + e * g.x_pitch if e >= 0 else nothing
                    over = over or places[k] + whole * item > np.int64(x_end)
                stop = whole - lane if over else whole
                # Ask for what follows in these rows, and then for what a later group begins with.
                turn = larger(stop - g.within // item, 0)
                ahead = g.ahead - turn * item
                _add_group(places, sums, g.span, 0, turn, np.int64(taps), g.within)
                _add_group(places, sums, g.span, turn, stop, np.int64(taps), ahead)
                if over:
                    # Beyond x there may be no memory: the rows' last samples from a copy.
                    for k in range(rows):
                        to = tails + k * BYTES
                        _copy_bytes(places[k] + stop * item, to, (size - stop) * item)
                        places[k] = to - stop * item
                    _add_group(places, sums, g.span, stop, whole, np.int64(taps), g.ahead)
                if now >= first:
                    _finish(
                        y_memories, g, each, outer, folds, scratch, np.int64(taps), number_, row,
                        left, right, low, high,
                    )  # fmt: skip
        if g.stream:
            fence()
        return fingerprint

    bound = bind(
        levels,
        _add_group=make_add_group(group, fused.kind, BYTES),
        _finish=_chain([_make_finish(group, n, fused, number) for n in range(len(fused.levels))]),
    )
    return named(f"levels_{fused.symbol}", bound)


@helper
def _copy_bytes(source: int, target: int, size: int) -> None:
    """Copy memory from one address to another."""
    a, b = array_at(np.uintp(source), size, np.uint8), array_at(np.uintp(target), size, np.uint8)
    for k in range(size):
        b[k] = a[k]


@inlined
def _extend(
    scratch: Any, line: int, folds: Any, reach: int, begin: int, low: int, high: int, end: int,
    width: int,
) -> None:  # fmt: skip
    """What a line of sums of columns ``low..high`` has from ``begin`` and to ``end``.

    ``folds`` says which column stands in for each beyond the ends; -1 where a zero does.
    """
    for e in range(begin, low):
        _extend_at(scratch, line + (e - low) * width, line, folds[reach + e], low, width)
    for e in range(high, end):
        _extend_at(scratch, line + (e - low) * width, line, folds[reach + e - high], low, width)


@helper
def _extend_at(scratch: Any, at: int, line: int, source: int, low: int, width: int) -> None:
    """One position beyond a line's ends."""
    for c in range(width):
        scratch[at + c] = scratch[line + (source - low) * width + c] if source >= 0 else 0


def _make_finish(group: Group, n: int, fused: Fused, number: Any) -> Callable[..., Any]:
    """Make the function that finishes what a group completes of one level."""
    level, fixed_width = group.levels[n], fused.width
    stride, radius, centres = level.column_stride, level.column_taps // 2, level.column_centres
    row_stride, row_radius, row_centres = level.row_stride, level.row_taps // 2, level.row_centres
    line_number, count, began = group.completed(n)
    before = sum(other.row_taps + other.column_taps for other in group.levels[:n]) + level.row_taps
    sample = number.bitwidth // 8
    if fixed_width > 0:
        sum_columns = make_sum_columns(stride, centres, level.column_taps, fixed_width, number)
    else:
        sum_columns = make_sum_wide_columns(stride, centres, level.column_taps, number)

    def finish(
        y_memories: Any, g: Any, each: Any, outer: Any, folds: Any, scratch: Any, taps: int,
        number_: int, row: int, left: int, right: int, low: int, high: int,
    ) -> None:  # fmt: skip
        own = each[n]
        width = fixed_width if fixed_width > 0 else g.width
        y = views(bare(y_memories[n]))
        direct = samples_like(y, scratch)
        j0 = left // stride * centres
        j1 = smaller((right + stride - 1) // stride * centres, own.columns)
        y_start, rest = own.y_start + j0 * own.y_column, number_
        for d in range(outer.shape[0] - 1, -1, -1):
            y_start += rest % outer[d, 0] * outer[d, 2 + n]
            rest //= outer[d, 0]
        # The number of the first output whose centre is not before the one that is complete.
        i = ((row + began + row_radius) * row_centres + row_stride - 1) // row_stride
        base = np.int64(address(scratch))
        for k in range(count):
            if 0 <= i + k < own.rows:
                line = g.sums + (line_number + k) * g.span
                _extend(
                    scratch, line, folds, g.reach, smaller(low, left - radius), low, high,
                    larger(high, (j1 - 1) * stride // centres + radius + 1), width,
                )  # fmt: skip
                at = base + (line + (left - low) * width) * sample
                to = y_start + (i + k) * own.y_pitch
                if fixed_width > 0 and own.direct:
                    sum_columns(
                        at, width, direct, to, j1 - j0, taps + before * sample, scratch, g.spare,
                        own.stream != 0,
                    )  # fmt: skip
                else:
                    sum_columns(
                        at, width, scratch, g.total, j1 - j0, taps + before * sample, scratch,
                        g.spare, False,
                    )  # fmt: skip
                    if own.stream:
                        write(scratch, g.total, direct, to, (j1 - j0) * width, True)
                    else:
                        store(
                            scratch, g.total, y, own.y_kind, to, j1 - j0, own.y_column, width,
                            own.y_inner,
                        )  # fmt: skip

    return inlined(named(f"finish_{n}_{fused.symbol}", finish))


def _chain(functions: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    """One function that calls all, which have the same arguments."""
    first, *rest = functions
    if not rest:
        return first
    others = _chain(rest)

    @inlined
    def chain(
        y_memories: Any, g: Any, each: Any, outer: Any, folds: Any, scratch: Any, taps: int,
        number_: int, row: int, left: int, right: int, low: int, high: int,
    ) -> None:  # fmt: skip
        first(
            y_memories, g, each, outer, folds, scratch, taps, number_, row, left, right, low, high
        )  # fmt: skip
        others(
            y_memories, g, each, outer, folds, scratch, taps, number_, row, left, right, low, high
        )  # fmt: skip

    return chain
