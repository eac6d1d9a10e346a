"""The sum along a line of sums: every so many columns, with phases and shifts in registers.

For the outputs of one vector the line's samples are sorted by phase::

    line      a b c d e f g h i j k l …     stride 4
    phase 0   a e i …
    phase 1   b f j …

so that what tap k is multiplied with is a phase, shifted by whole outputs: the last lanes of one
vector and the first of the next.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiling import helper, named, smaller
from .phases import separate
from .vectors import (
    BYTES,
    Vector,
    past_the_caches,
    permute,
    splat,
    store_vector,
    stream_sample,
    until_aligned,
    vector_at,
)

__all__ = ["make_sum_columns", "make_sum_wide_columns", "most_taps"]


def most_taps(stride: int) -> int:
    """The longest filter, which reaches no farther than a vector to either side."""
    return 2 * stride * (BYTES // 8) + 1


def make_sum_columns(stride: int, taps: int, width: int, number: Any) -> Callable[..., Any]:
    """Make the function for a stride, a number of taps, so many channels and a compute type."""
    lane = BYTES * 8 // number.bitwidth
    item = number.bitwidth // 8
    radius = taps // 2
    of = ir.FloatType() if item == 4 else ir.DoubleType()
    every, own = (
        types.UniTuple(Vector(number), stride * width),
        types.UniTuple(Vector(number), width),
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
            sums = [ir.Constant(ir.VectorType(of, lane), None)] * width
            for k in range(taps):
                phase, shift = (k - radius) % stride, (k - radius) // stride * width
                line = [v for part in parts for v in part[phase * width :][:width]]
                first = width * lane + shift
                shifted = permute(builder, line, range(first, first + width * lane))
                at = builder.add(arguments[3], ir.Constant(ir.IntType(64), k * item))
                tap = splat(builder, builder.load(builder.inttoptr(at, of.as_pointer())), lane)
                sums = [
                    builder.fadd(s, builder.fmul(tap, x))
                    for s, x in zip(sums, shifted, strict=True)
                ]
            return context.make_tuple(builder, own, sums)

        return own(every, every, every, types.int64), generate

    @intrinsic
    def store(typing_context: Any, sums: Any, y: Any, at: Any, stream: Any) -> Any:
        """All of the sums at ``y[at]``; past the caches only where that is at 64 bytes."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, array, index, past = arguments
            data = context.make_array(y)(context, builder, array).data
            first = builder.ptrtoint(builder.gep(data, [index]), ir.IntType(64))
            vectors = cgutils.unpack_tuple(builder, arguments[0], width)
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
        step, lanes = BYTES * stride * width, lane
        to, left = y_at, count
        if stream:
            head = _first_aligned(y, y_at, width)
            stream = head >= 0
            head = smaller(head, left)
            if head > 0:
                here = load_phases(line)
                sums = total(load_phases(line - step), here, load_phases(line + step), taps_at)
                store(sums, spare, spare_at, False)
                for k in range(head * width):
                    stream_sample(y, to + k, spare[spare_at + k])
                line += head * stride * width * item
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

    return helper(named(f"sum_columns_{stride}_{taps}_{width}", sum_columns))


@helper
def _first_aligned(y: Any, at: int, width: int) -> int:
    """How many positions from ``y[at]`` to one at a multiple of 64 bytes; -1 if there is none."""
    samples = np.int64(until_aligned(y, at))
    lanes = BYTES // y.itemsize
    for positions in range(lanes):
        if (positions * width - samples) % lanes == 0:
            return positions
    return -1


def make_sum_wide_columns(stride: int, taps: int, number: Any) -> Callable[..., Any]:
    """The same for any number of channels: those of an output are vectors of their own."""
    lane = BYTES * 8 // number.bitwidth
    item = number.bitwidth // 8
    of = ir.FloatType() if item == 4 else ir.DoubleType()

    @intrinsic
    def total(typing_context: Any, first: Any, apart: Any, taps_at: Any) -> Any:
        """The sums of one vector, whose samples are so many bytes apart from tap to tap."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            at, apart, taps_at = arguments
            sums = ir.Constant(ir.VectorType(of, lane), None)
            for k in range(taps):
                x = builder.load(vector_at(builder, at, of, lane), align=item)
                to = builder.add(taps_at, ir.Constant(ir.IntType(64), k * item))
                tap = splat(builder, builder.load(builder.inttoptr(to, of.as_pointer())), lane)
                sums = builder.fadd(sums, builder.fmul(tap, x))
                at = builder.add(at, apart)
            return sums

        return Vector(number)(types.int64, types.int64, types.int64), generate

    def sum_columns(
        line: int, width: int, y: Any, y_at: int, count: int, taps_at: int, spare: Any,
        spare_at: int, _: bool,
    ) -> None:  # fmt: skip
        apart, end = width * item, y_at + count * width
        for j in range(count):
            for c in range(0, width, lane):
                first = line + (j * stride - taps // 2) * apart + c * item
                sums, to = total(first, apart, taps_at), y_at + j * width + c
                if to + lane <= end:  # what is beyond the output is written again by the next
                    store_vector(y, np.uintp(to), sums)
                else:
                    store_vector(spare, np.uintp(spare_at), sums)
                    for k in range(smaller(lane, width - c)):
                        y[to + k] = spare[spare_at + k]

    return helper(named(f"sum_wide_columns_{stride}_{taps}_{number}", sum_columns))
