"""What the cases hold beside the patterns of probes: several planes at once, and special values.

Each function gives binary64 values from a shape, whose last two dimensions are planes, a type's
name, and a seed.
"""

import math

import numpy as np
from numpy.typing import NDArray

from .. import patterns

__all__ = [
    "beyond",
    "checkerboard",
    "constant",
    "impulses",
    "planes",
    "ramps",
    "small",
    "special",
]

Shape = tuple[int, ...]
Values = NDArray[np.float64]


def constant(shape: Shape, dtype: str, seed: int) -> Values:
    """`patterns.constant`, which needs no seed."""
    return patterns.constant(shape, dtype)


def checkerboard(shape: Shape, dtype: str, seed: int) -> Values:
    """`patterns.checkerboard`, which needs no seed."""
    return patterns.checkerboard(shape, dtype)


def impulses(shape: Shape, dtype: str, seed: int) -> Values:
    """An impulse in each plane, from three places at once: the first sample, the last, the middle.

    Plane by plane, these move one step along every axis. So enough planes reach every phase of the
    stride, and both borders.
    """
    lengths = shape[1:]
    ways = (
        lambda n, step: step,
        lambda n, step: n - 1 - step,
        lambda n, step: n // 2 + step,
    )
    places = (tuple(ways[p % 3](n, p // 3) % n for n in lengths) for p in range(shape[0]))
    return np.stack([patterns.impulse(lengths, place, dtype) for place in places])


def ramps(shape: Shape, dtype: str, seed: int) -> Values:
    """Plane a rises along axis a."""
    return np.stack([patterns.ramp(shape[1:], a, dtype) for a in range(shape[0])])


def planes(shape: Shape, dtype: str, seed: int) -> Values:
    """A constant in each plane: 1, 2, 4 and so on."""
    of_each = np.ldexp(1.0, np.arange(math.prod(shape[:-2])))
    x: Values = np.repeat(of_each, shape[-2] * shape[-1]).reshape(shape)
    return x


def beyond(shape: Shape, dtype: str, seed: int) -> Values:
    """Random samples far below 0, above 255, and between."""
    return 128 + 400 * patterns.noise(shape, seed)


def small(shape: Shape, dtype: str, seed: int) -> Values:
    """Random samples not far above the smallest normal binary32, a quarter of them far below.

    Products with the outer taps are subnormal. They may be flushed to zero, and still there is
    enough of every sum for a verdict.
    """
    x: Values = np.ldexp(patterns.noise(shape, seed), -112)
    x[..., ::2, ::2] = np.ldexp(x[..., ::2, ::2], -20)
    return x


def special(shape: Shape, dtype: str, seed: int) -> Values:
    """Random samples, and far from one another a NaN, both infinities and a minus zero."""
    x = patterns.noise(shape, seed)
    rows, columns = shape[-2:]
    for value, row, column in (
        (np.nan, 1, 2), (np.inf, rows - 2, 1), (-np.inf, 1, columns - 2),
        (-0.0, rows - 1, columns - 1),
    ):  # fmt: skip
        x[..., row, column] = value
    return x
