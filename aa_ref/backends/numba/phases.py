"""Lines sorted by phase, so that every stride-th position becomes a neighbour; and put back.

::

    line    a b c d e f g h i j     stride 4
    phases  a e i | b f j | c g | d h
"""

from typing import Any

import numpy as np

from .compiling import outlined
from .vectors import permute

__all__ = ["interleave", "join_phases", "separate", "split_phases"]


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
def join_phases(
    a: Any, at: int, count: int, width: int, stride: int, phases: int, room: int, to: int
) -> None:
    """Put them back."""
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


def interleave(builder: Any, vectors: list[Any], stride: int, width: int) -> list[Any]:
    """The opposite."""
    parts = 2 if stride % 2 == 0 else stride
    rest = stride // parts
    if rest > 1:
        own = len(vectors) // stride
        phases = [vectors[p * own :][:own] for p in range(stride)]
        vectors = [
            v
            for q in range(parts)
            for v in interleave(
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
