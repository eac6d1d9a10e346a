"""Lines sorted by phase, so that every stride-th position becomes a neighbour; and put back.

::

    line    a b c d e f g h i j     stride 4
    phases  a e i | b f j | c g | d h
"""

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from .compiling import HELPED, helper, named, outlined
from .vectors import BYTES, lanes, permute, pointer

__all__ = ["join_phases", "overhang", "separate", "split_phases"]


def join_phases(
    a: Any, at: int, count: int, width: int, stride: int, phases: int, room: int, to: int,
    fixed_stride: Any, fixed_width: Any,
) -> None:  # fmt: skip
    """Put them back.

    Two constants say stride and width again, or 0; where they do, whole vectors are moved: up to
    `overhang` samples more are read and written.
    """
    raise NotImplementedError("compiled only")


def overhang(stride: int, width: int) -> int:
    """How many samples are moved at a time where stride and width are constants; 0 where not."""
    return stride * width * BYTES // 4


@outlined
def split_phases(
    a: Any, at: int, count: int, width: int, stride: int, phases: int, room: int, to: int
) -> None:
    """Sort ``count`` positions of ``width`` samples by their remainder, for ``phases`` remainders.

    Each phase gets ``room`` samples.
    """
    step, wide = np.uintp(width * stride), np.uintp(width)
    for q in range(phases):
        source, target = np.uintp(at + q * width), np.uintp(to + q * room)
        positions = np.uintp((count - q + stride - 1) // stride)
        if width == 1:
            for m in range(positions):
                a[target + m] = a[source + m * step]
        else:
            for m in range(positions):
                for c in range(wide):
                    a[target + m * wide + c] = a[source + m * step + c]


@outlined
def _join_any(
    a: Any, at: int, count: int, width: int, stride: int, phases: int, room: int, to: int
) -> None:
    step, wide = np.uintp(width * stride), np.uintp(width)
    for q in range(phases):
        source, target = np.uintp(at + q * room), np.uintp(to + q * width)
        positions = np.uintp((count - q + stride - 1) // stride)
        if width == 1:
            for m in range(positions):
                a[target + m * step] = a[source + m]
        else:
            for m in range(positions):
                for c in range(wide):
                    a[target + m * step + c] = a[source + m * wide + c]


def separate(builder: Any, vectors: list[Any], stride: int, width: int) -> list[Any]:
    """A line's vectors as those of phase 0, of phase 1, …: by halves where that is possible."""
    parts = 2 if stride % 2 == 0 else stride
    positions = len(vectors) * vectors[0].type.count // (parts * width)
    order = [
        (m * parts + q) * width + c
        for q in range(parts)
        for m in range(positions)
        for c in range(width)
    ]
    sorted_ = permute(builder, vectors, order)
    if parts == stride:
        return sorted_
    size, rest = len(vectors) // parts, stride // parts
    deeper = [separate(builder, sorted_[q * size :][:size], rest, width) for q in range(parts)]
    return [v for p in range(rest) for q in range(parts) for v in deeper[q][p * width :][:width]]


def _interleave(builder: Any, vectors: list[Any], stride: int, width: int) -> list[Any]:
    """The opposite."""
    parts = 2 if stride % 2 == 0 else stride
    rest = stride // parts
    if rest > 1:
        phases = [vectors[p * width :][:width] for p in range(stride)]
        vectors = [
            v
            for q in range(parts)
            for v in _interleave(
                builder, [v for phase in phases[q::parts] for v in phase], rest, width
            )
        ]
    positions = len(vectors) * vectors[0].type.count // (parts * width)
    order = [
        (q * positions + m) * width + c
        for m in range(positions)
        for q in range(parts)
        for c in range(width)
    ]
    return permute(builder, vectors, order)


@cache
def _make_join(stride: int, width: int) -> Any:
    @intrinsic
    def join_some(typing_context: Any, a: Any, source: Any, room: Any, target: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array, source, room, target = arguments
            vectors = []
            for _ in range(stride):
                vectors += _Run(context, builder, a, array, source).load(width)
                source = builder.add(source, room)
            line = _interleave(builder, vectors, stride, width)
            _Run(context, builder, a, array, target).store(line)
            return context.get_dummy_value()

        return types.none(a, types.uintp, types.uintp, types.uintp), generate

    def join(
        a: Any, at: int, count: int, width_: int, stride_: int, phases: int, room: int, to: int
    ) -> None:
        positions = np.uintp((count + stride - 1) // stride)
        for m in range(np.uintp(0), positions, lanes(a)):
            target = np.uintp(to) + m * np.uintp(stride * width)
            join_some(a, np.uintp(at) + m * np.uintp(width), np.uintp(room), target)

    return helper(named(f"join_{stride}_{width}", join))


class _Run:
    """Neighbouring vectors in an array, as LLVM sees them."""

    def __init__(self, context: Any, builder: Any, a: Any, array: Any, at: Any) -> None:
        self.builder, self.bytes = builder, a.dtype.bitwidth // 8
        self.first = pointer(context, builder, a, array, at, BYTES // self.bytes)

    def _at(self, v: int) -> Any:
        return self.builder.gep(self.first, [ir.Constant(ir.IntType(64), v)])

    def load(self, count: int) -> list[Any]:
        return [self.builder.load(self._at(v), align=self.bytes) for v in range(count)]

    def store(self, vectors: list[Any]) -> None:
        for v, vector in enumerate(vectors):
            self.builder.store(vector, self._at(v), align=self.bytes)


@overload(join_phases, prefer_literal=True, jit_options=HELPED)
def _overload_join(
    a: Any, at: int, count: int, width: int, stride: int, phases: int, room: int, to: int,
    fixed_stride: Any, fixed_width: Any,
) -> Any:  # fmt: skip
    constants = [getattr(c, "literal_value", 0) for c in (fixed_stride, fixed_width)]
    move = _make_join(*constants) if all(constants) else _join_any

    def apply(
        a: Any, at: int, count: int, width: int, stride: int, phases: int, room: int, to: int,
        fixed_stride: Any, fixed_width: Any,
    ) -> None:  # fmt: skip
        move(a, at, count, width, stride, phases, room, to)

    return apply
