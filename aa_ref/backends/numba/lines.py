"""Lines of samples: out of memory, widened, and back into it, rounded.

A line is ``count`` positions of ``width`` neighbouring samples each, in the compute type, without
gaps. ``width`` is the number of channels where those are innermost (H×W×C), else 1. Lines lie in
scratch memory and are named by the offset of their first sample.

Offsets are unsigned in the inner loops, because compiled code corrects a signed index that might be
negative; and they are offsets, not slices, because each slice would count references.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from .compiling import HELPED, address, array_at, helper, inlined, named, outlined
from .convert import (
    FLOAT16,
    FLOAT32,
    FLOAT64,
    UINT8,
    UINT16,
    as_is,
    decode_bfloat16,
    decode_float16,
    encode_bfloat16,
    encode_float16,
    encode_uint8,
    encode_uint16,
    store_integers,
)
from .vectors import lanes, load_vector, store_vector, widen_vector

__all__ = ["load", "samples_like", "store", "views", "zero"]


@helper
def zero(scratch: Any, at: int, size: int) -> None:
    """Set a line to +0.0."""
    start = np.uintp(at)
    for j in range(np.uintp(size)):
        scratch[start + j] = 0


@helper
def _packed(count: int, stride: int, width: int, inner: int) -> bool:
    """Whether the line's samples lie in memory without gaps, in the line's own order."""
    return (width == 1 or inner == 1) and (count == 1 or stride == width)


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


def _make_gather(name: str, decode: Any) -> Any:
    # A closure each, since a compiled function passed as an argument would bar the disk cache.
    def gather(
        source: Any, start: int, count: int, stride: int, width: int, inner: int, line: Any, at: int
    ) -> None:
        a, to = np.uintp(start), np.uintp(at)
        if _packed(count, stride, width, inner):
            for j in range(np.uintp(count * width)):
                line[to + j] = decode(source[a + j])
        else:
            step, next_, wide = np.uintp(stride), np.uintp(inner), np.uintp(width)
            for m in range(np.uintp(count)):
                for c in range(wide):
                    line[to + m * wide + c] = decode(source[a + m * step + c * next_])

    return helper(named(name, gather))


def _make_scatter(name: str, encode: Any) -> Any:
    def scatter(
        line: Any, at: int, target: Any, start: int, count: int, stride: int, width: int, inner: int
    ) -> None:
        a, to = np.uintp(at), np.uintp(start)
        if _packed(count, stride, width, inner):
            for j in range(np.uintp(count * width)):
                target[to + j] = encode(line[a + j])
        else:
            step, next_, wide = np.uintp(stride), np.uintp(inner), np.uintp(width)
            for m in range(np.uintp(count)):
                for c in range(wide):
                    target[to + m * step + c * next_] = encode(line[a + m * wide + c])

    return helper(named(name, scatter))


@helper
def _gather_integers(
    source: Any, start: int, count: int, stride: int, width: int, inner: int, line: Any, at: int
) -> None:
    done: Any = 0
    if _packed(count, stride, width, inner):
        some = np.int64(lanes(line))
        while done + some <= count * width:
            vector = widen_vector(source, np.uintp(start + done), line)
            store_vector(line, np.uintp(at + done), vector)
            done += some
        count, stride, width = count * width - done, 1, 1
    _gather(source, start + done, count, stride, width, inner, line, at + done)


def _make_integer_scatter(name: str, scatter_rest: Any) -> Any:
    def scatter_integers(
        line: Any, at: int, target: Any, start: int, count: int, stride: int, width: int, inner: int
    ) -> None:
        done: Any = 0
        if _packed(count, stride, width, inner):
            some = np.int64(lanes(line))
            while done + some <= count * width:
                vector = load_vector(line, np.uintp(at + done))
                store_integers(target, np.uintp(start + done), vector)
                done += some
            count, stride, width = count * width - done, 1, 1
        scatter_rest(line, at + done, target, start + done, count, stride, width, inner)

    return helper(named(name, scatter_integers))


_gather = _make_gather("gather", as_is)
_gather_float16 = _make_gather("gather_float16", decode_float16)
_gather_bfloat16 = _make_gather("gather_bfloat16", decode_bfloat16)
_scatter = _make_scatter("scatter", as_is)
_scatter_uint8 = _make_integer_scatter(
    "scatter_uint8", _make_scatter("scatter_uint8_rest", encode_uint8)
)
_scatter_uint16 = _make_integer_scatter(
    "scatter_uint16", _make_scatter("scatter_uint16_rest", encode_uint16)
)
_scatter_float16 = _make_scatter("scatter_float16", encode_float16)
_scatter_bfloat16 = _make_scatter("scatter_bfloat16", encode_bfloat16)


def _load(
    memory: Any, kind: int, start: int, count: int, stride: int, width: int, inner: int,
    line: Any, at: int,
) -> None:  # fmt: skip
    raise NotImplementedError("compiled only")


@outlined
def load(
    memory: Any, kind: int, start: int, count: int, stride: int, width: int, inner: int,
    line: Any, at: int,
) -> None:  # fmt: skip
    """Read a line out of memory (its `views`) that holds samples of some kind, widened exactly.

    Start, stride (between positions) and inner (between neighbours) count samples.
    """
    _load(memory, kind, start, count, stride, width, inner, line, at)


@overload(_load, jit_options=HELPED)
def _overload_load(
    memory: Any, kind: int, start: int, count: int, stride: int, width: int, inner: int,
    line: Any, at: int,
) -> Any:  # fmt: skip
    def load_float64(
        memory: Any, kind: int, start: int, count: int, stride: int, width: int, inner: int,
        line: Any, at: int,
    ) -> None:  # fmt: skip
        _gather(memory[3], start, count, stride, width, inner, line, at)

    def load_others(
        memory: Any, kind: int, start: int, count: int, stride: int, width: int, inner: int,
        line: Any, at: int,
    ) -> None:  # fmt: skip
        if kind == FLOAT32:
            _gather(memory[2], start, count, stride, width, inner, line, at)
        elif kind == UINT8:
            _gather_integers(memory[0], start, count, stride, width, inner, line, at)
        elif kind == UINT16:
            _gather_integers(memory[1], start, count, stride, width, inner, line, at)
        elif kind == FLOAT16:
            _gather_float16(memory[1], start, count, stride, width, inner, line, at)
        else:
            _gather_bfloat16(memory[1], start, count, stride, width, inner, line, at)

    return load_float64 if line.dtype == types.float64 else load_others


@outlined
def store(
    line: Any, at: int, memory: Any, kind: int, start: int, count: int, stride: int, width: int,
    inner: int,
) -> None:  # fmt: skip
    """Round a line into memory (its `views`) that holds samples of some kind, once."""
    if kind == FLOAT32:
        _scatter(line, at, memory[2], start, count, stride, width, inner)
    elif kind == FLOAT64:
        _scatter(line, at, memory[3], start, count, stride, width, inner)
    elif kind == UINT8:
        _scatter_uint8(line, at, memory[0], start, count, stride, width, inner)
    elif kind == UINT16:
        _scatter_uint16(line, at, memory[1], start, count, stride, width, inner)
    elif kind == FLOAT16:
        _scatter_float16(line, at, memory[1], start, count, stride, width, inner)
    else:
        _scatter_bfloat16(line, at, memory[1], start, count, stride, width, inner)
