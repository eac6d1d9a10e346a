"""A group of rows added to all the lines of sums that it is part of, each sample loaded once.

Rows come in groups of as many as the strides of all levels divide, and all that is summed is loaded
and stored once a group. In::

    rows      0 1 2 3 4 5 6 7 | 8 9 …       stride 4, radius 2
    output 0  * * *
    output 1      * * * * *
    output 2              * * | *

the first group completes outputs 0 and 1, and begins output 2, which is *carried* to the next.
Numbers of rows and taps are known when compiling, so a column's sums stay in registers.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .convert import FLOAT64, ITEMS, widen
from .vectors import BYTES, ask_for, splat, vector_at

__all__ = ["Group", "Level", "make_add_group", "plan_group"]

_INDEX = ir.IntType(64)
_FEWEST = 8
"""Rows in a group: with fewer, sums are loaded and stored too often."""


class Level(NamedTuple):
    """What is known of a level when compiling: along rows, then along columns.

    Of centres that are not even, but come again, some lie in each stride: the ``i``-th is
    ``i * stride // centres``.
    """

    row_stride: int
    row_taps: int
    column_stride: int
    column_taps: int
    row_centres: int = 1
    column_centres: int = 1

    def __str__(self) -> str:
        rows = f"{_stride_text(self.row_stride, self.row_centres)} ({self.row_taps} taps)"
        columns = _stride_text(self.column_stride, self.column_centres)
        other = f"{rows} × {columns} ({self.column_taps})"
        return rows if f"{columns} ({self.column_taps} taps)" == rows else other


def _stride_text(stride: int, centres: int) -> str:
    return str(stride) if centres == 1 else f"{stride}/{centres}"


class Group(NamedTuple):
    """How rows are grouped for some levels. Lines of sums have numbers: first those carried."""

    levels: tuple[Level, ...]
    rows: int
    starts: tuple[tuple[int, ...], ...]
    """For each level the rows, counted from the group's first, that its outputs begin with."""

    @property
    def carried(self) -> int:
        """How many lines of sums go on with the next group."""
        return sum(not self.ends_within(level, q) for level, q in self.outputs())

    @property
    def lines(self) -> int:
        """How many lines of sums there are: those carried, and those that a group completes."""
        return self.carried + sum(self.ends_within(level, q) for level, q in self.outputs())

    def outputs(self) -> list[tuple[Level, int]]:
        """All outputs that a group is part of, each by its level and its first row."""
        pairs = zip(self.levels, self.starts, strict=True)
        return [(level, q) for level, starts in pairs for q in starts]

    def ends_within(self, level: Level, start: int) -> bool:
        """Whether a group completes the output that begins with a row."""
        return start + level.row_taps <= self.rows

    def completed(self, number: int) -> tuple[int, int, int]:
        """Of one level: the number of its first complete line, how many, and where it began."""
        line = self.carried
        for n, (level, starts) in enumerate(zip(self.levels, self.starts, strict=True)):
            own = [q for q in starts if self.ends_within(level, q)]
            if n == number:
                return line, len(own), own[0]
            line += len(own)
        raise IndexError(number)

    @property
    def first_row(self) -> int:
        """A row that a group may begin with; the others do a multiple of `rows` away."""
        return -(self.levels[0].row_taps // 2)


def plan_group(levels: Sequence[Level]) -> Group:
    """Choose the rows of a group: a multiple of all strides, begun with outputs of the first."""
    together = math.lcm(*(level.row_stride for level in levels))
    rows = -(-_FEWEST // together) * together
    first = levels[0].row_taps // 2
    starts = []
    for level in levels:
        stride, radius = level.row_stride, level.row_taps // 2
        centres = [n * stride // level.row_centres for n in range(level.row_centres)]
        begin = range(1 - level.row_taps, rows)
        starts.append(tuple(q for q in begin if (q - first + radius) % stride in centres))
    return Group(tuple(levels), rows, tuple(starts))


def make_add_group(group: Group, kind: int, size: int) -> Callable[..., Any]:
    """Make the function that adds one group of rows.

    Its arguments are addresses in bytes and counts of samples: the array of the rows' addresses;
    the first line of sums, and how far one is from the next; which samples, a multiple of a
    vector; the taps along rows of all levels; and how many bytes ahead rows are asked for.
    """
    number = ir.DoubleType() if kind == FLOAT64 else ir.FloatType()
    item = 8 if kind == FLOAT64 else 4
    lane = size // item

    @intrinsic
    def add_group(
        typing_context: Any, rows: Any, sums: Any, span: Any, begin: Any, end: Any, taps: Any,
        ahead: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            rows_, sums_, span_, begin_, end_, taps_, ahead_ = arguments
            addresses = [
                builder.load(
                    cgutils.gep_inbounds(
                        builder, context.make_array(rows)(context, builder, rows_).data, k
                    )
                )
                for k in range(group.rows)
            ]
            step = ir.Constant(_INDEX, lane)
            with cgutils.for_range_slice(builder, begin_, end_, step, _INDEX) as (at, _):
                column = _Column(builder, group, kind, number, lane, at, addresses)
                column.sums, column.span, column.taps = sums_, span_, taps_
                column.ask(ahead_)
                column.add()
            return context.get_dummy_value()

        return types.none(rows, *[types.int64] * 6), generate

    return add_group


class _Column:
    """A vector of each row, added to all sums: what is generated for it."""

    sums: Any
    span: Any
    taps: Any

    def __init__(
        self, builder: Any, group: Group, kind: int, number: Any, lane: int, at: Any,
        addresses: list[Any],
    ) -> None:  # fmt: skip
        self.builder, self.group, self.kind, self.number = builder, group, kind, number
        self.lane, self.at, self.addresses = lane, at, addresses
        self.item = 8 if kind == FLOAT64 else 4

    def ask(self, ahead: Any) -> None:
        """Ask for the same columns of a later group, once for each line of a cache."""
        b, item = self.builder, ITEMS[self.kind]
        each = BYTES // item  # samples in a line of the cache
        place = b.add(b.mul(self.at, ir.Constant(_INDEX, item)), ahead)

        def ask_all() -> None:
            for address in self.addresses:
                ask_for(b, b.add(address, place))

        if each <= self.lane:
            ask_all()
            return
        within = b.and_(self.at, ir.Constant(_INDEX, each - 1))
        with b.if_then(b.icmp_unsigned("==", within, ir.Constant(_INDEX, 0))):
            ask_all()

    def add(self) -> None:
        """Load what is carried, add the rows' products in order, and store all."""
        b, group = self.builder, self.group
        zero = ir.Constant(ir.VectorType(self.number, self.lane), None)
        outputs = [
            (n, level, q)
            for n, (level, starts) in enumerate(zip(group.levels, group.starts, strict=True))
            for q in starts
        ]
        old = [o for o in outputs if o[2] < 0]
        carried = [o for o in outputs if not group.ends_within(*o[1:])]
        complete = [o for o in outputs if group.ends_within(*o[1:])]
        live = {o: self._load(line) for line, o in enumerate(old)} | {
            o: zero for o in outputs if o[2] >= 0
        }
        for k in range(group.rows):
            x = self._sample(k)
            for n, level in enumerate(group.levels):
                products: dict[int, Any] = {}
                for o in outputs:
                    tap = k - o[2]
                    if o[0] != n or not 0 <= tap < level.row_taps:
                        continue
                    # Taps are symmetric: two rows as far from the middle share a product.
                    tap = min(tap, level.row_taps - 1 - tap)
                    if tap not in products:
                        products[tap] = b.fmul(self._tap(n, tap), x)
                    # A sum that begins with its first product may be -0.0 where it had been +0.0;
                    # the sum along the line, which begins with +0.0, takes that away.
                    live[o] = products[tap] if k == o[2] else b.fadd(live[o], products[tap])
                    if k == o[2] + level.row_taps - 1:
                        self._store(live[o], group.carried + complete.index(o))
        for line, o in enumerate(carried):
            self._store(live[o], line)

    def _sample(self, row: int) -> Any:
        b = self.builder
        offset = b.mul(self.at, ir.Constant(_INDEX, ITEMS[self.kind]))
        return widen(b, self.kind, b.add(self.addresses[row], offset), self.lane)

    def _line(self, line: int) -> Any:
        b = self.builder
        samples = b.add(self.at, b.mul(self.span, ir.Constant(_INDEX, line)))
        return b.add(self.sums, b.mul(samples, ir.Constant(_INDEX, self.item)))

    def _load(self, line: int) -> Any:
        at = vector_at(self.builder, self._line(line), self.number, self.lane)
        return self.builder.load(at, align=self.item)

    def _store(self, vector: Any, line: int) -> None:
        at = vector_at(self.builder, self._line(line), self.number, self.lane)
        self.builder.store(vector, at, align=self.item)

    def _tap(self, number: int, tap: int) -> Any:
        b = self.builder
        before = sum(level.row_taps + level.column_taps for level in self.group.levels[:number])
        at = b.add(self.taps, ir.Constant(_INDEX, (before + tap) * self.item))
        return splat(b, b.load(b.inttoptr(at, self.number.as_pointer())), self.lane)
