"""What both directions do to a line of samples: load, sweep, split by phase, store.

A line is ``count`` positions of ``width`` neighbouring samples each, in the compute type, without
gaps. ``width`` is the number of channels where those are innermost (H×W×C), else 1.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from .compiling import inner
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
)

__all__ = [
    "add_1",
    "add_4",
    "join_phases",
    "load",
    "packed",
    "samples_like",
    "split_phases",
    "store",
]


@inner
def add_1(total: Any, t0: Any, a: Any) -> None:
    """``total += t0 a``, product and sum rounded separately (as everywhere here)."""
    for j in range(total.size):
        total[j] += t0 * a[j]


@inner
def add_4(total: Any, t0: Any, t1: Any, t2: Any, t3: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """Four `add_1` in a row, in one sweep."""
    for j in range(total.size):
        total[j] = (((total[j] + t0 * a[j]) + t1 * b[j]) + t2 * c[j]) + t3 * d[j]


@inner
def split_phases(line: Any, width: int, stride: int, phases: int, room: int, split: Any) -> None:
    """Sort positions by their remainder, so that every stride-th one becomes a neighbour.

    ::

        line    a b c d e f g h i j     stride 4
        split   a e i | b f j | c g | d h        each part `room` samples apart
    """
    count = line.size // width
    for q in range(phases):
        part = split[q * room : (q + 1) * room]
        if width == 1:
            for m in range((count - q + stride - 1) // stride):
                part[m] = line[m * stride + q]
        else:
            for m in range((count - q + stride - 1) // stride):
                for c in range(width):
                    part[m * width + c] = line[(m * stride + q) * width + c]


@inner
def join_phases(part: Any, width: int, stride: int, first: int, line: Any) -> None:
    """Put one phase's positions back: ``part`` goes to ``first``, ``first + stride``, ..."""
    if width == 1:
        for m in range(part.size):
            line[first + m * stride] = part[m]
    else:
        for m in range(part.size // width):
            for c in range(width):
                line[(first + m * stride) * width + c] = part[m * width + c]


@inner
def packed(count: int, stride: int, width: int, inner: int) -> bool:
    """Whether the line's samples lie in memory without gaps, in the line's own order."""
    return (width == 1 or inner == 1) and (count == 1 or stride == width)


@inner
def samples_like(memory: Any, line: Any) -> Any:
    """Bytes as samples of a line's type; left-over bytes at the end belong to none."""
    return memory[: memory.size // line.itemsize * line.itemsize].view(line.dtype)


@inner
def _as_uint16(memory: Any) -> Any:
    return memory[: memory.size // 2 * 2].view(np.uint16)


@inner
def _as_float32(memory: Any) -> Any:
    return memory[: memory.size // 4 * 4].view(np.float32)


@inner
def _as_float64(memory: Any) -> Any:
    return memory[: memory.size // 8 * 8].view(np.float64)


def _make_gather(decode: Any) -> Any:
    # A closure each, since a compiled function passed as an argument would bar the disk cache.
    @inner
    def gather(
        source: Any, start: int, count: int, stride: int, width: int, inner: int, line: Any
    ) -> None:
        if packed(count, stride, width, inner):
            samples = source[start : start + count * width]
            for j in range(samples.size):
                line[j] = decode(samples[j])
        elif width == 1:
            for m in range(count):
                line[m] = decode(source[start + m * stride])
        else:
            for m in range(count):
                for c in range(width):
                    line[m * width + c] = decode(source[start + m * stride + c * inner])

    return gather


def _make_scatter(encode: Any) -> Any:
    @inner
    def scatter(
        line: Any, target: Any, start: int, count: int, stride: int, width: int, inner: int
    ) -> None:
        if packed(count, stride, width, inner):
            samples = target[start : start + count * width]
            for j in range(samples.size):
                samples[j] = encode(line[j])
        elif width == 1:
            for m in range(count):
                target[start + m * stride] = encode(line[m])
        else:
            for m in range(count):
                for c in range(width):
                    target[start + m * stride + c * inner] = encode(line[m * width + c])

    return scatter


_gather = _make_gather(as_is)
_gather_float16, _gather_bfloat16 = _make_gather(decode_float16), _make_gather(decode_bfloat16)
_scatter = _make_scatter(as_is)
_scatter_uint8, _scatter_uint16 = _make_scatter(encode_uint8), _make_scatter(encode_uint16)
_scatter_float16, _scatter_bfloat16 = _make_scatter(encode_float16), _make_scatter(encode_bfloat16)


def load(
    memory: Any, kind: int, start: int, count: int, stride: int, width: int, inner: int, line: Any
) -> None:
    """Read a line out of memory (bytes) that holds samples of some kind, widened exactly.

    Start, stride (between positions) and inner (between neighbours) count samples.
    """
    raise NotImplementedError("compiled only")


@overload(load)
def _load(
    memory: Any, kind: int, start: int, count: int, stride: int, width: int, inner: int, line: Any
) -> Any:
    def load_float64(
        memory: Any,
        kind: int,
        start: int,
        count: int,
        stride: int,
        width: int,
        inner: int,
        line: Any,
    ) -> None:
        _gather(_as_float64(memory), start, count, stride, width, inner, line)

    def load_others(
        memory: Any,
        kind: int,
        start: int,
        count: int,
        stride: int,
        width: int,
        inner: int,
        line: Any,
    ) -> None:
        if kind == FLOAT32:
            _gather(_as_float32(memory), start, count, stride, width, inner, line)
        elif kind == UINT8:
            _gather(memory, start, count, stride, width, inner, line)
        elif kind == UINT16:
            _gather(_as_uint16(memory), start, count, stride, width, inner, line)
        elif kind == FLOAT16:
            _gather_float16(_as_uint16(memory), start, count, stride, width, inner, line)
        else:
            _gather_bfloat16(_as_uint16(memory), start, count, stride, width, inner, line)

    return load_float64 if line.dtype == types.float64 else load_others


@inner
def store(
    line: Any, memory: Any, kind: int, start: int, count: int, stride: int, width: int, inner: int
) -> None:
    """Round a line into memory (bytes) that holds samples of some kind, once."""
    if kind == FLOAT32:
        _scatter(line, _as_float32(memory), start, count, stride, width, inner)
    elif kind == FLOAT64:
        _scatter(line, _as_float64(memory), start, count, stride, width, inner)
    elif kind == UINT8:
        _scatter_uint8(line, memory, start, count, stride, width, inner)
    elif kind == UINT16:
        _scatter_uint16(line, _as_uint16(memory), start, count, stride, width, inner)
    elif kind == FLOAT16:
        _scatter_float16(line, _as_uint16(memory), start, count, stride, width, inner)
    else:
        _scatter_bfloat16(line, _as_uint16(memory), start, count, stride, width, inner)
