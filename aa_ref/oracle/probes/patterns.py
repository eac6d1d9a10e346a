"""What probes hold: plain patterns and noise, for each of the six types.

Noise comes from a hash of the sample's number, in integers and in single additions of binary64
numbers: the same on every platform and with every version of NumPy.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dtypes import FLOATING
from ..errors import OracleError

__all__ = [
    "RECIPE_BITS", "array_type", "cast", "checkerboard", "constant", "huge", "impulse", "levels",
    "noise", "ramp", "random", "recipe", "scene", "subnormal", "wide",
]  # fmt: skip

Shape = tuple[int, ...]
_SUBNORMAL = {
    "float64": (-1074, 52), "float32": (-149, 23), "float16": (-24, 10), "bfloat16": (-133, 7)
}  # fmt: skip
"""The exponent of the smallest subnormal number, and the bits of the largest."""
_WIDE = {"float64": 60, "float32": 40, "float16": 8, "bfloat16": 40}
"""The exponents of `wide` lie between this and its negative."""

_LARGEST = {"float64": 1024, "float32": 128, "float16": 16, "bfloat16": 128}
"""The exponent of the first power of two beyond the largest number."""
RECIPE_BITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8, "uint8": 8, "uint16": 16}
"""How many of a hash's bits make a sample of `recipe`: those of the type's significand."""


def array_type(dtype: str) -> np.dtype[Any]:
    """Return the NumPy type of one of the six; that of bfloat16 comes from ``ml_dtypes``."""
    if dtype != "bfloat16":
        return np.dtype(dtype)
    try:
        import ml_dtypes
    except ImportError:
        raise OracleError(
            "dtype is 'bfloat16', which NumPy lacks; install ml_dtypes, whose arrays of it the "
            "function then gets, or judge another type"
        ) from None
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found


def cast(values: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    """The values in a type, rounded; integers are cut off, and lie in the type's range."""
    with np.errstate(all="ignore"):
        return values.astype(array_type(dtype))


def constant(shape: Shape, dtype: str) -> NDArray[np.float64]:
    """1 everywhere; for integers their largest, which a sum that is too large would wrap."""
    return np.full(shape, _full(dtype))


def impulse(shape: Shape, where: Shape, dtype: str) -> NDArray[np.float64]:
    """Zeros, with 1 (for integers their largest) at one place."""
    x = np.zeros(shape)
    x[where] = _full(dtype)
    return x


def ramp(shape: Shape, axis: int, dtype: str) -> NDArray[np.float64]:
    """0, 1, 2, … along an axis; for integers from 0 to their largest."""
    n = shape[axis]
    line = np.arange(n, dtype=np.float64)
    if dtype not in FLOATING:
        line = np.floor(line * _full(dtype) / max(n - 1, 1))
    return np.broadcast_to(line.reshape([-1 if a == axis else 1 for a in range(len(shape))]), shape)


def checkerboard(shape: Shape, dtype: str) -> NDArray[np.float64]:
    """1 and -1 in turn along every axis, the highest frequency; for integers their ends."""
    odd = np.indices(shape).sum(0) % 2
    return np.where(odd, 0.0 if dtype not in FLOATING else -1.0, _full(dtype))


def scene(shape: Shape, dtype: str) -> NDArray[np.float64]:
    """A picture in the last two dimensions: sky, sun, a fence whose pales get narrower.

    Nothing about it is symmetric. From 0 to 1, for integers to their largest.
    """
    height, width = shape[-2:]
    i, j = np.indices((height, width))
    sky = 0.75 - i / (2 * height)
    sun = (12 * i - 3 * height) ** 2 + (12 * j - 4 * width) ** 2 < (2 * width) ** 2
    fence = 2 * i + np.abs(4 * (j % 16) - 32) // 8 > height
    pales = np.where(j * j // (2 * width) % 2, 0.0, 0.875)  # half a wave a sample at the end
    picture = np.select([fence, sun], [pales, 1.0], sky)
    if dtype not in FLOATING:
        picture = np.floor(picture * _full(dtype))
    return np.broadcast_to(picture, shape)


def random(shape: Shape, dtype: str, seed: int) -> NDArray[np.float64]:
    """Nearly normal, of variance 1; for integers uniform over their range."""
    if dtype in FLOATING:
        return noise(shape, seed)
    return np.floor(_uniform(shape, seed) * (_full(dtype) + 1))


def levels(shape: Shape, most: int, seed: int) -> NDArray[np.float64]:
    """Whole numbers from 0 to ``most``, uniform: at ``65535`` what `random` makes of uint16."""
    return np.floor(random(shape, "uint16", seed) / 65536 * (most + 1))


def wide(shape: Shape, dtype: str, seed: int) -> NDArray[np.float64]:
    """A wide range of magnitudes, most of which cancels; for integers ends and 1.

    Large numbers of alternating sign along the last axis, each nearly that of its neighbour, and
    small ones between: sums are far smaller than their terms. No sum and no product leaves the
    range of normal numbers.
    """
    level = _uniform(shape, seed)
    if dtype not in FLOATING:
        return np.select([level < 0.4, level < 0.8], [0.0, _full(dtype)], 1.0)
    most = _WIDE[dtype]
    exponents = np.floor((2 * level - 1) * most)
    small = np.ldexp(noise(shape, seed + 1), exponents.astype(np.int64))
    sign = np.where(np.indices(shape).sum(0) % 2, -1.0, 1.0)
    large = sign * math.ldexp(1.0, most) * (1 + _uniform(shape, seed + 2) / 64)
    return np.where(_uniform(shape, seed + 3) < 0.25, small, large)


def subnormal(shape: Shape, dtype: str, seed: int) -> NDArray[np.float64]:
    """Noise below the smallest normal number."""
    least, bits = _SUBNORMAL[dtype]
    return np.ldexp(np.rint(noise(shape, seed) * 2.0 ** (bits - 2)), least)  # noise is below 4


def huge(shape: Shape, dtype: str, seed: int) -> NDArray[np.float64]:
    """Numbers from 0.4 to 0.49 of the type's largest, beyond which no sum with right taps goes."""
    return np.ldexp(0.4 + 0.09 * _uniform(shape, seed), _LARGEST[dtype])


def recipe(shape: Shape, dtype: str, seed: int) -> NDArray[np.float64]:
    """Uniform from -1 to 1 (for integers over their range), by the recipe of ``docs/vectors.md``.

    All of them are numbers of the type, so that no rounding is part of the recipe.
    """
    bits = RECIPE_BITS[dtype]
    highest = (_hashed(shape, seed) >> np.uint64(64 - bits)).astype(np.float64)
    return highest if dtype not in FLOATING else highest * 2.0 ** (1 - bits) - 1.0


def noise(shape: Shape, seed: int) -> NDArray[np.float64]:
    """Sums of four uniform numbers: nearly normal, of mean 0 and variance 1."""
    total = _uniform(shape, 4 * seed)
    for k in (1, 2, 3):
        total = total + _uniform(shape, 4 * seed + k)
    return (total - 2.0) * math.sqrt(3.0)


def _uniform(shape: Shape, seed: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) of 53 bits."""
    return (_hashed(shape, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _hashed(shape: Shape, seed: int) -> NDArray[np.uint64]:
    """64 bits each: splitmix64 of each sample's number (Steele et al. 2014)."""
    count = math.prod(shape)
    z = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed << 32)
    z = z * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))).reshape(shape)


def _full(dtype: str) -> float:
    return 1.0 if dtype in FLOATING else float(np.iinfo(dtype).max)
