"""A line of the gradient spread along its columns, and rows summed from spread lines in groups.

With E = e + radius = m stride + p, output i reaches position e with tap p + d stride, where
d = m - i. So the positions of one phase p are an ordinary short sum of the gradient, shifted::

    gradient   a b c d …           stride 2, 5 taps
    phase 0    A B C D …           t4 g[m-2] + t2 g[m-1] + t0 g[m]
    phase 1    α β γ δ …           t3 g[m-1] + t1 g[m]
    spread     A α B β C γ D δ …

Terms come in ascending order of outputs, that is with descending d. Down the rows the same holds,
with spread lines in the place of samples: a group of rows loads each of the few lines that reach it
once.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .groups import Level
from .phases import interleave
from .vectors import BYTES, ask_for, past_the_caches, splat, vector_at

__all__ = ["RowGroup", "make_spread_columns", "make_sum_rows", "plan_rows", "together"]

_INDEX = ir.IntType(64)
_FEWEST = 2
"""Rows in a group: with fewer, lines are loaded too often."""


class RowGroup(NamedTuple):
    """Rows of the result that are summed side by side."""

    strides: int
    rows: int
    before: int
    """How many lines before its own reach a group; it has a line of its own for each stride."""

    @property
    def lines(self) -> int:
        """How many lines reach a group's rows."""
        return self.before + self.strides


def plan_rows(level: Level) -> RowGroup:
    """Choose the rows of a group: a multiple of the stride."""
    strides = math.ceil(_FEWEST / level.row_stride)
    before = (level.row_taps - 1) // level.row_stride
    return RowGroup(strides, strides * level.row_stride, before)


def _constant(n: int) -> Any:
    return ir.Constant(_INDEX, n)


def _numbers(number: Any) -> tuple[Any, int, int]:
    """LLVM's type of a number, its bytes, and how many a vector has."""
    item = number.bitwidth // 8
    return (ir.DoubleType() if item == 8 else ir.FloatType()), item, BYTES // item


def _load_taps(builder: Any, number: Any, address: Any, taps: int) -> list[Any]:
    """All taps, each in every lane of a vector; two as far from the middle are one."""
    of, item, lane = _numbers(number)
    half = []
    for k in range(taps // 2 + 1):
        at = builder.add(address, _constant(k * item))
        half.append(splat(builder, builder.load(builder.inttoptr(at, of.as_pointer())), lane))
    return [*half, *half[: taps // 2][::-1]]


def together(width: int, lane: int) -> tuple[int, int]:
    """How many positions of so many neighbours fill whole vectors, and how many of these.

    Examples
    --------
    >>> together(3, 16), together(4, 16), together(24, 16)
    ((16, 3), (4, 1), (2, 3))
    """
    positions = lane // math.gcd(width, lane)
    return positions, positions * width // lane


def make_spread_columns(stride: int, taps: int, width: int, number: Any) -> Callable[..., Any]:
    """Make the function that spreads a line.

    Its arguments are addresses in bytes and counts: where the line begins, and how many positions
    it has; where the spread line begins, with which of these positions, and with how many; the
    number of neighbours; the taps. Where ``width`` is 0, a part of a vector more is written than
    there are samples, otherwise positions are filled up to a vector.
    """
    of, item, lane = _numbers(number)
    reach = (taps - 1) // stride
    vector = ir.VectorType(of, lane)
    at_a_time, vectors = together(width, lane) if width > 0 else (1, 0)

    def total(b: Any, every: list[Any], loads: list[Any], phase: int) -> Any:
        sums = None
        # A sum that begins with its first product may be -0.0 where it had been +0.0; the sum over
        # rows, which begins with +0.0, takes that away.
        for d in range((taps - 1 - phase) // stride, -1, -1):
            product = b.fmul(every[phase + d * stride], loads[d])
            sums = product if sums is None else b.fadd(sums, product)
        return ir.Constant(vector, None) if sums is None else sums

    def load(b: Any, line: Any, at: Any, apart: Any, limits: tuple[Any, Any] | None) -> list[Any]:
        """Vectors from sample ``at`` on and before; zeros for what is not within the limits."""
        loads = []
        for _ in range(reach + 1):
            place = vector_at(b, b.add(line, b.mul(at, _constant(item))), of, lane)
            loads.append(
                b.load(place, align=item) if limits is None else load_within(b, place, at, *limits)
            )
            at = b.sub(at, apart)
        return loads

    def store(b: Any, vector: Any, address: Any) -> None:
        b.store(vector, vector_at(b, address, of, lane), align=item)

    @intrinsic
    def spread(
        typing_context: Any, line: Any, length: Any, to: Any, first: Any, positions: Any,
        neighbours: Any, taps_at: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            b = builder
            line_, length_, to_, first_, positions_, neighbours_, taps_at_ = arguments
            every = _load_taps(b, number, taps_at_, taps)
            apart = _constant(width) if width > 0 else neighbours_
            end = b.mul(length_, apart)

            def several(m: Any, within: bool) -> None:
                at = b.mul(b.add(first_, m), apart)
                limits = (_constant(0), end) if within else None
                own = [
                    load(b, line_, b.add(at, _constant(lane * v)), apart, limits)
                    for v in range(vectors)
                ]
                phases = [total(b, every, x, p) for p in range(stride) for x in own]
                target = b.add(to_, b.mul(m, _constant(item * width * stride)))
                for n, sums in enumerate(interleave(b, phases, stride, width)):
                    store(b, sums, b.add(target, _constant(BYTES * n)))

            def one(m: Any, within: bool) -> None:
                at = b.mul(b.add(first_, m), apart)
                pitch = b.mul(apart, _constant(item))
                target = b.add(to_, b.mul(m, b.mul(pitch, _constant(stride))))
                count = b.udiv(b.add(apart, _constant(lane - 1)), _constant(lane))
                # From the last vector to the first: what one has too much, the next writes anew.
                with cgutils.for_range_slice(b, _constant(0), count, _constant(1), _INDEX) as (
                    back,
                    _,
                ):
                    c = b.mul(b.sub(count, b.add(back, _constant(1))), _constant(lane))
                    limits = (_constant(0), end) if within else None
                    loads = load(b, line_, b.add(at, c), apart, limits)
                    place = b.add(target, b.mul(c, _constant(item)))
                    for p in range(stride):
                        store(b, total(b, every, loads, p), place)
                        place = b.add(place, pitch)

            with cgutils.for_range_slice(
                b, _constant(0), positions_, _constant(at_a_time), _INDEX
            ) as (m, _):
                low = b.add(first_, m)
                # Of few neighbours, a vector reaches into as many further positions.
                beyond = b.add(low, _constant(at_a_time if width > 0 else lane))
                inside = b.and_(
                    b.icmp_signed(">=", low, _constant(reach)),
                    b.icmp_signed("<=", beyond, length_),
                )
                with b.if_else(inside) as (then, otherwise):
                    for branch, within in ((then, False), (otherwise, True)):
                        with branch:
                            (several if width > 0 else one)(m, within)
            return context.get_dummy_value()

        return types.none(*[types.int64] * 7), generate

    def load_within(b: Any, place: Any, at: Any, low: Any, high: Any) -> Any:
        numbers = ir.Constant(ir.VectorType(_INDEX, lane), list(range(lane)))
        own = b.add(numbers, splat(b, at, lane))
        mask = b.and_(
            b.icmp_signed(">=", own, splat(b, low, lane)),
            b.icmp_signed("<", own, splat(b, high, lane)),
        )
        short = ir.IntType(32)
        kind = ir.FunctionType(vector, [place.type, short, mask.type, vector])
        name = f"llvm.masked.load.v{lane}f{8 * item}.p0"
        function = cgutils.get_or_insert_function(b.module, kind, name)
        return b.call(function, [place, ir.Constant(short, item), mask, ir.Constant(vector, None)])

    return spread


def make_sum_rows(level: Level, group: RowGroup, number: Any, loaded: int) -> Callable[..., Any]:
    """Make the function that sums the rows of one group.

    Its arguments are addresses in bytes and counts of samples: the array of the lines' addresses,
    from the first that reaches the group; where the first row begins, and how far, in bytes, one is
    from the next; which samples, whole vectors; the taps; lines of the gradient to be asked for,
    whose samples have ``loaded`` bytes, and how far one is from the next; whether rows go past the
    caches, as they may at 64 bytes.
    """
    of, item, lane = _numbers(number)
    stride, taps = level.row_stride, level.row_taps

    @intrinsic
    def sum_rows(
        typing_context: Any, lines: Any, to: Any, pitch: Any, begin: Any, end: Any, taps_at: Any,
        soon: Any, soon_pitch: Any, past: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            b = builder
            lines_, to_, pitch_, begin_, end_, taps_at_, soon_, soon_pitch_, past_ = arguments
            data = context.make_array(lines)(context, b, lines_).data
            places = [b.load(b.gep(data, [_constant(n)])) for n in range(group.lines)]
            every = _load_taps(b, number, taps_at_, taps)

            def add(at: Any, align: int) -> None:
                offset = b.mul(at, _constant(item))
                asked = b.sdiv(b.mul(at, _constant(loaded)), _constant(level.column_stride))
                ask = b.add(soon_, asked)
                for _ in range(group.strides):
                    ask_for(b, ask)
                    ask = b.add(ask, soon_pitch_)
                loads = [
                    b.load(vector_at(b, b.add(place, offset), of, lane), align=item)
                    for place in places
                ]
                target, products = b.add(to_, offset), {}
                for row in range(group.rows):
                    m, phase = divmod(row, stride)
                    sums = ir.Constant(ir.VectorType(of, lane), None)
                    for d in range((taps - 1 - phase) // stride, -1, -1):
                        line, tap = group.before + m - d, phase + d * stride
                        # Taps are symmetric: two rows as far from a line's middle share a product.
                        key = line, min(tap, taps - 1 - tap)
                        if key not in products:
                            products[key] = b.fmul(every[tap], loads[line])
                        sums = b.fadd(sums, products[key])
                    done = b.store(sums, vector_at(b, target, of, lane), align=align)
                    if align == BYTES:
                        past_the_caches(b, done)
                    target = b.add(target, pitch_)

            with b.if_else(past_) as branches:
                for branch, align in zip(branches, (BYTES, item), strict=True):
                    with (
                        branch,
                        cgutils.for_range_slice(b, begin_, end_, _constant(lane), _INDEX) as (
                            at,
                            _,
                        ),
                    ):
                        add(at, align)
            return context.get_dummy_value()

        return types.none(lines, *[types.int64] * 7, types.boolean), generate

    return sum_rows
