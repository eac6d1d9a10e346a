"""The sum along a line of sums: every so many columns, with phases and shifts in registers.

For the outputs of one vector the line's samples are sorted by phase::

    line      a b c d e f g h i j k l …     stride 4
    phase 0   a e i …
    phase 1   b f j …

so that what tap k is multiplied with is a phase, shifted by whole outputs: the last lanes of one
vector and the first of the next. Where several centres lie in a stride, the outputs of each are
summed so, and then interleaved.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiling import address, helper, named, outlined, smaller
from .phases import interleave, separate
from .vectors import (
    BYTES,
    Vector,
    past_the_caches,
    permute,
    splat,
    stream_sample,
    until_aligned,
    vector_at,
)

__all__ = ["make_sum_columns", "make_sum_wide_columns", "most_taps", "side_by_side"]

_TOGETHER = 4
"""Outputs of many channels that are summed side by side."""


def most_taps(stride: int) -> int:
    """The longest filter, which reaches no farther than a vector to either side."""
    return 2 * stride * (BYTES // 8) + 1


def make_sum_columns(
    stride: int, centres: int, taps: int, width: int, number: Any
) -> Callable[..., Any]:
    """Make the function for a stride, the centres in it, taps, channels and a compute type."""
    lane = BYTES * 8 // number.bitwidth
    item = number.bitwidth // 8
    radius = taps // 2
    of = ir.FloatType() if item == 4 else ir.DoubleType()
    every, own = (
        types.UniTuple(Vector(number), stride * width),
        types.UniTuple(Vector(number), width * centres),
    )

    @intrinsic
    def load_phases(typing_context: Any, address: Any) -> Any:
        """As many outputs' samples as a vector has lanes, by phase."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vectors = []
            for v in range(stride * width):
                at = builder.add(arguments[0], ir.Constant(ir.IntType(64), BYTES * v))
                vectors.append(builder.load(vector_at(builder, at, of, lane), align=item))
            return context.make_tuple(builder, every, separate(builder, vectors, stride, width))

        return every(types.int64), generate

    @intrinsic
    def total(typing_context: Any, before: Any, here: Any, after: Any, taps_at: Any) -> Any:
        """The sums of these outputs; of the phases before and after, what the taps reach."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            parts = [cgutils.unpack_tuple(builder, a, stride * width) for a in arguments[:3]]
            results = []
            for n in range(centres):
                sums = [ir.Constant(ir.VectorType(of, lane), None)] * width
                for k in range(taps):
                    shift, phase = divmod(n * stride // centres + k - radius, stride)
                    line = [v for part in parts for v in part[phase * width :][:width]]
                    first = (lane + shift) * width
                    shifted = permute(builder, line, range(first, first + width * lane))
                    at = builder.add(arguments[3], ir.Constant(ir.IntType(64), k * item))
                    tap = splat(builder, builder.load(builder.inttoptr(at, of.as_pointer())), lane)
                    sums = [
                        builder.fadd(s, builder.fmul(tap, x))
                        for s, x in zip(sums, shifted, strict=True)
                    ]
                results += sums
            if centres > 1:
                results = interleave(builder, results, centres, width)
            return context.make_tuple(builder, own, results)

        return own(every, every, every, types.int64), generate

    @intrinsic
    def store(typing_context: Any, sums: Any, y: Any, at: Any, stream: Any) -> Any:
        """All of the sums at ``y[at]``; past the caches only where that is at 64 bytes."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, array, index, past = arguments
            data = context.make_array(y)(context, builder, array).data
            first = builder.ptrtoint(builder.gep(data, [index]), ir.IntType(64))
            vectors = cgutils.unpack_tuple(builder, arguments[0], width * centres)
            with builder.if_else(past) as (then, otherwise):
                for branch, align in ((then, BYTES), (otherwise, item)):
                    with branch:
                        for v, vector in enumerate(vectors):
                            to = builder.add(first, ir.Constant(ir.IntType(64), BYTES * v))
                            done = builder.store(
                                vector, vector_at(builder, to, of, lane), align=align
                            )
                            if align == BYTES:
                                past_the_caches(builder, done)
            return context.get_dummy_value()

        return types.none(own, y, types.int64, types.boolean), generate

    def sum_columns(
        line: int, _: int, y: Any, y_at: int, count: int, taps_at: int, spare: Any, spare_at: int,
        stream: bool,
    ) -> None:  # fmt: skip
        step, lanes = BYTES * stride * width, lane * centres
        to, left = y_at, count
        if stream:
            cells = _first_aligned(y, y_at, width * centres)
            stream = cells >= 0
            head = smaller(cells * centres, left)
            if head > 0:
                here = load_phases(line)
                sums = total(load_phases(line - step), here, load_phases(line + step), taps_at)
                store(sums, spare, spare_at, False)
                for k in range(head * width):
                    stream_sample(y, to + k, spare[spare_at + k])
                line += cells * stride * width * item
                to += head * width
                left -= head
        before, here = load_phases(line - step), load_phases(line)
        while left > 0:
            line += step
            after = load_phases(line)
            sums = total(before, here, after, taps_at)
            if left >= lanes:
                store(sums, y, to, stream)
            else:
                store(sums, spare, spare_at, False)
                if stream:
                    for k in range(left * width):
                        stream_sample(y, to + k, spare[spare_at + k])
                else:
                    for k in range(left * width):
                        y[to + k] = spare[spare_at + k]
            before, here = here, after
            to += lanes * width
            left -= lanes

    return helper(named(f"sum_columns_{stride}_{centres}_{taps}_{width}", sum_columns))


@helper
def _first_aligned(y: Any, at: int, width: int) -> int:
    """How many positions from ``y[at]`` to one at a multiple of 64 bytes; -1 if there is none."""
    samples = np.int64(until_aligned(y, at))
    lanes = BYTES // y.itemsize
    for positions in range(lanes):
        if (positions * width - samples) % lanes == 0:
            return positions
    return -1


def side_by_side(centres: int) -> int:
    """Of many channels, how many outputs are summed at a time: all of some strides."""
    return math.ceil(_TOGETHER / centres) * centres


def make_sum_wide_columns(stride: int, centres: int, taps: int, number: Any) -> Callable[..., Any]:
    """The same for any number of channels: those of an output are vectors of their own.

    Some outputs are summed side by side, and each sample is loaded once for all of them. So what is
    read and written goes on for as many outputs as fill up the last of these.
    """
    lane = BYTES * 8 // number.bitwidth
    item = number.bitwidth // 8
    of = ir.FloatType() if item == 4 else ir.DoubleType()
    together = side_by_side(centres)
    begins = [n * stride // centres for n in range(together)]

    def constant(n: int) -> Any:
        return ir.Constant(ir.IntType(64), n)

    @intrinsic
    def sum_all(
        typing_context: Any, line: Any, width: Any, to: Any, count: Any, taps_at: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            b = builder
            line_, width_, to_, count_, taps_at_ = arguments
            loaded = [
                b.load(b.inttoptr(b.add(taps_at_, constant(k * item)), of.as_pointer()))
                for k in range(taps // 2 + 1)
            ]
            apart = b.mul(width_, constant(item))
            first = b.sub(line_, b.mul(apart, constant(taps // 2)))
            whole = b.and_(width_, constant(-lane))

            def add(j: Any, c: Any, lanes: int) -> None:
                """So many channels from the c-th on of the j-th output and the next."""
                offset = b.mul(c, constant(item))
                to_first = b.sdiv(b.mul(j, constant(stride)), constant(centres))
                at = b.add(b.add(first, b.mul(to_first, apart)), offset)
                target = b.add(b.add(to_, b.mul(j, apart)), offset)
                every = [splat(b, tap, lanes) for tap in loaded]
                sums = [ir.Constant(ir.VectorType(of, lanes), None)] * together
                for position in range(begins[-1] + taps):
                    x, products = b.load(vector_at(b, at, of, lanes), align=item), {}
                    at = b.add(at, apart)
                    for n, begin in enumerate(begins):
                        tap = position - begin
                        if not 0 <= tap < taps:
                            continue
                        # Taps are symmetric: two outputs as far from a sample share a product.
                        half = min(tap, taps - 1 - tap)
                        if half not in products:
                            products[half] = b.fmul(every[half], x)
                        sums[n] = b.fadd(sums[n], products[half])
                        if tap == taps - 1:
                            b.store(sums[n], vector_at(b, target, of, lanes), align=item)
                            target = b.add(target, apart)

            with cgutils.for_range_slice(
                b, constant(0), count_, constant(together), ir.IntType(64)
            ) as (j, _):
                # What the last vector has too much, the first of the next output writes anew.
                rest = b.sub(width_, whole)
                with b.if_then(b.icmp_signed(">", rest, constant(0))):
                    few = b.icmp_signed("<=", rest, constant(lane // 2))
                    with b.if_else(few) as branches:
                        for branch, lanes in zip(branches, (lane // 2, lane), strict=True):
                            with branch:
                                add(j, whole, lanes)
                with cgutils.for_range_slice(
                    b, constant(0), whole, constant(lane), ir.IntType(64)
                ) as (c, _):
                    add(j, c, lane)
            return context.get_dummy_value()

        return types.none(*[types.int64] * 5), generate

    def sum_columns(
        line: int, width: int, y: Any, y_at: int, count: int, taps_at: int, spare: Any,
        spare_at: int, _: bool,
    ) -> None:  # fmt: skip
        sum_all(line, width, np.int64(address(y)) + y_at * item, count, taps_at)

    return outlined(named(f"sum_wide_columns_{stride}_{centres}_{taps}_{number}", sum_columns))
