"""For each kernel shipped, calls that are to launch it: shapes crafted for where kernels go wrong.

That is at the ends of arrays, strips, chunks and tiles: several of each, the last a short one, or
all in one; fewer rows or columns than the filter has taps; rows that begin anywhere, or at
multiples of 16 bytes.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from support import values

import aa_ref
from aa_ref.backends.cuda.kernels import Kernel, shipped
from aa_ref.backends.cuda.pyramid_strips import PYRAMID

__all__ = ["NUMBERS", "SHIPPED", "Call", "calls_of", "numbers_of"]

SHIPPED = list(shipped())
NUMBERS = ("normal", "wide", "subnormal", "special")
"""Of floating types: `support.values` tells what they are."""

MIXED = ("reflect", "circular")
OCTAVES = tuple(Fraction(1, stride) for stride in PYRAMID)


class Call(NamedTuple):
    """A shape, a scale and options; of a pyramid the scales."""

    shape: tuple[int, ...]
    scale: Any
    options: dict[str, Any]

    def input_of(self, kernel: Kernel, numbers: str) -> NDArray[Any]:
        """Samples, or for an adjoint its gradient, drawn anew but the same each time."""
        shape = self.plan_for(kernel).out_shape if kernel.direction == "adjoint" else self.shape
        rng = np.random.default_rng(len(NUMBERS))
        return values(kernel.kind, int(np.prod(shape)), numbers, rng).reshape(shape)

    def plan_for(self, kernel: Kernel) -> aa_ref.Plan:
        scale = self.scale[-1] if kernel.direction == "pyramid" else self.scale
        return aa_ref.plan(self.shape, scale, input_dtype=kernel.kind, **self.options)

    def results_of(self, kernel: Kernel, x: NDArray[Any], backend: str) -> list[Any]:
        """What a backend makes of it: one array, or a pyramid's levels."""
        if kernel.direction == "pyramid":
            return list(aa_ref.pyramid(x, self.scale, **self.options, backend=backend))
        p = self.plan_for(kernel)
        return [(p.adjoint if kernel.direction == "adjoint" else p)(x, backend=backend)]


def numbers_of(kernel: Kernel) -> tuple[str, ...]:
    """What is drawn for it: all kinds of numbers, or integers of the whole range."""
    return ("normal",) if kernel.kind.startswith("uint") else NUMBERS


def calls_of(kernel: Kernel, large: bool) -> Iterator[Call]:
    """Its calls; ``large`` ones, too, which have many strips, chunks or tiles."""
    if kernel.stride:
        yield from _strips(kernel, large)
    elif kernel.tiled:
        yield from _tiles(large)
    elif kernel.axes == 2:  # where tiles would have more to add up: one tap, planes of few samples
        yield Call((2, 23, 35), (0.3, 0.9), {"boundary": MIXED})
        yield Call((23, 35, 3), (0.9, 0.3), {"axes": (0, 1), "boundary": ("circular", "replicate")})
        yield Call((20_000, 1, 7), 0.3, {})
    elif kernel.axes == 1:
        yield Call((3, 41, 29), 0.5, {"axes": 1})
        yield Call((3, 41, 29), 0.3, {"axes": 2, "sampling": "nearest", "boundary": "reflect"})
        yield Call((7, 1, 5), 0.125, {"axes": 0, "boundary": "circular"})
        if large:
            yield Call((11, 40_009), 0.4, {"axes": 1, "boundary": "replicate"})
    else:
        yield Call((3, 41, 29), 1, {})
        yield Call((1,), 1, {"axes": 0})


def _strips(kernel: Kernel, large: bool) -> Iterator[Call]:
    scale: Any = OCTAVES if kernel.direction == "pyramid" else Fraction(1, kernel.stride)
    off = 0 if kernel.aligned else 3  # of rows that are a multiple of 16 bytes
    few, more = kernel.stride + 1, 4 * kernel.stride + 3  # two rows of results; several chunks
    sizes = [(few, 16), (more, 16), (more, 1040), *([(301, 2064)] if large else [])]
    for rows, width in sizes:
        columns = width + off
        shape, axes = (2, rows, columns), (1, 2)
        if not kernel.planar:
            shape, axes = (rows, columns, 3 if off else 4), (0, 1)
        yield Call(shape, scale, {"axes": axes})
        if kernel.direction != "adjoint":  # whose strips know zeros alone
            yield Call(shape, scale, {"axes": axes, "boundary": MIXED})


def _tiles(large: bool) -> Iterator[Call]:
    yield Call((2, 23, 61), 0.2, {})
    yield Call((2, 23, 37), (0.2, 0.3), {"sampling": "nearest", "boundary": MIXED})
    yield Call((23, 35, 3), 0.2, {"axes": (0, 1), "boundary": ("circular", "replicate")})
    yield Call((3, 6, 130), 0.2, {"axes": (0, 1), "boundary": "replicate"})
    yield Call((2, 7, 9), 0.2, {"boundary": MIXED[::-1]})  # smaller than the filter
    yield Call((23, 3, 31), 0.2, {"axes": (2, 0), "boundary": MIXED})
    if large:
        yield Call((3, 301, 1021), 0.2, {"boundary": MIXED})
        yield Call((160, 259, 3), (0.2, 0.3), {"axes": (0, 1)})
