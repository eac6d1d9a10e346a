"""Lines of samples: out of memory, widened, and back into it, rounded.

A line is ``count`` positions of ``width`` neighbouring samples each, in the compute type, without
gaps. ``width`` is the number of channels where those are innermost (H×W×C), else 1. Lines lie in
scratch memory and are named by the offset of their first sample.

They are offsets, not slices, because each slice would count references. What converts is written
in LLVM's words, for all types: Numba would take a second to read it as functions in Python.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .compiling import HELPED, address, array_at, helper, inlined, outlined, smaller
from .convert import FLOAT32, FLOAT64, ITEMS, narrow, widen
from .vectors import BYTES, load_vector, stream_sample, stream_vector, until_aligned

__all__ = ["load", "samples_like", "store", "views", "write", "zero"]

_INDEX = ir.IntType(64)


@helper
def zero(scratch: Any, at: int, size: int) -> None:
    """Set a line to +0.0."""
    start = np.uintp(at)
    for j in range(np.uintp(size)):
        scratch[start + j] = 0


@inlined
def views(memory: Any) -> Any:
    """Bytes as samples of 1, 2, 4 and 8 bytes; left-over bytes at the end belong to none."""
    at, n = address(memory), memory.size
    return (
        array_at(at, n, np.uint8),
        array_at(at, n // 2, np.uint16),
        array_at(at, n // 4, np.float32),
        array_at(at, n // 8, np.float64),
    )


def samples_like(memory: Any, line: Any) -> Any:
    """Memory (its `views`) as samples of a line's type."""
    raise NotImplementedError("compiled only")


@overload(samples_like, jit_options=HELPED)
def _samples_like(memory: Any, line: Any) -> Any:
    def float64_samples(memory: Any, line: Any) -> Any:
        return memory[3]

    def float32_samples(memory: Any, line: Any) -> Any:
        return memory[2]

    return float64_samples if line.dtype == types.float64 else float32_samples


def _each_sample(
    b: Any, count: Any, stride: Any, width: Any, inner: Any, lane: int, do: Callable[..., None]
) -> None:
    """Generate ``do(place in memory, place in the line, lanes)`` for all samples of a line.

    Without gaps in memory it is done for whole vectors; 0 lanes are one sample.
    """
    one, zero_ = _constant(1), _constant(0)

    def is_one(n: Any) -> Any:
        return b.icmp_signed("==", n, one)

    packed = b.and_(
        b.or_(is_one(width), is_one(inner)),
        b.or_(is_one(count), b.icmp_signed("==", stride, width)),
    )
    with b.if_else(packed) as (then, otherwise):
        with then:
            size = b.mul(count, width)
            whole = b.and_(size, _constant(-lane))
            with cgutils.for_range_slice(b, zero_, whole, _constant(lane), _INDEX) as (j, _):
                do(j, j, lane)
            with cgutils.for_range_slice(b, whole, size, one, _INDEX) as (j, _):
                do(j, j, 0)
        with (
            otherwise,
            cgutils.for_range_slice(b, zero_, count, one, _INDEX) as (m, _),
            cgutils.for_range_slice(b, zero_, width, one, _INDEX) as (c, _),
        ):
            do(b.add(b.mul(m, stride), b.mul(c, inner)), b.add(b.mul(m, width), c), 0)


def _constant(n: int) -> Any:
    return ir.Constant(_INDEX, n)


def _make_convert(load_: bool) -> Any:
    """Make what converts a line between memory (its `views`) and an array, one way or the other."""

    @intrinsic
    def convert(
        typing_context: Any, memory: Any, kind: Any, start: Any, count: Any, stride: Any,
        width: Any, inner: Any, line: Any, at: Any,
    ) -> Any:  # fmt: skip
        item = line.dtype.bitwidth // 8
        own_kind = FLOAT64 if item == 8 else FLOAT32
        kinds = [k for k in range(len(ITEMS)) if not load_ or (k == FLOAT64) == (item == 8)]

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            b = builder
            memory_, kind_, start_, count_, stride_, width_, inner_, line_, at_ = arguments
            bytes_ = context.make_array(memory[0])(context, b, b.extract_value(memory_, 0)).data
            base, samples = b.ptrtoint(bytes_, _INDEX), context.make_array(line)(context, b, line_)
            own = b.ptrtoint(b.gep(samples.data, [at_]), _INDEX)

            def one_kind(k: int) -> None:
                first = b.add(base, b.mul(start_, _constant(ITEMS[k])))

                def do(place: Any, of_line: Any, lanes_: int) -> None:
                    address_ = b.add(first, b.mul(place, _constant(ITEMS[k])))
                    target = b.add(own, b.mul(of_line, _constant(item)))
                    if load_:
                        value = widen(b, k, address_, lanes_)
                        target = b.inttoptr(target, value.type.as_pointer())
                        b.store(value, target, align=item)
                    else:
                        narrow(b, k, widen(b, own_kind, target, lanes_), address_)

                _each_sample(b, count_, stride_, width_, inner_, BYTES // item, do)

            for k in kinds:
                with b.if_then(b.icmp_signed("==", kind_, _constant(k))):
                    one_kind(k)
            return context.get_dummy_value()

        return types.none(memory, *[types.int64] * 6, line, types.int64), generate

    return convert


_load, _store = _make_convert(True), _make_convert(False)


@outlined
def load(
    memory: Any, kind: int, start: int, count: int, stride: int, width: int, inner: int,
    line: Any, at: int,
) -> None:  # fmt: skip
    """Read a line out of memory (its `views`) that holds samples of some kind, widened exactly.

    Start, stride (between positions) and inner (between neighbours) count samples.
    """
    _load(memory, kind, start, count, stride, width, inner, line, at)


@outlined
def store(
    line: Any, at: int, memory: Any, kind: int, start: int, count: int, stride: int, width: int,
    inner: int,
) -> None:  # fmt: skip
    """Round a line into memory (its `views`) that holds samples of some kind, once."""
    _store(memory, kind, start, count, stride, width, inner, line, at)


@helper
def write(scratch: Any, at: int, x: Any, to: int, count: int, stream: bool) -> None:
    """Copy samples out of scratch to ``x[to]``; past the caches, if so, from and to any place."""
    done = 0
    if stream:
        lane = BYTES // x.itemsize
        done = smaller(np.int64(until_aligned(x, to)), count)
        for k in range(done):
            stream_sample(x, np.uintp(to + k), scratch[np.uintp(at + k)])
        while done + lane <= count:
            stream_vector(x, np.uintp(to + done), load_vector(scratch, np.uintp(at + done)))
            done += lane
        for k in range(done, count):
            stream_sample(x, np.uintp(to + k), scratch[np.uintp(at + k)])
    else:
        for k in range(count):
            x[np.uintp(to + k)] = scratch[np.uintp(at + k)]
