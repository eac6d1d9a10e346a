"""What conventions are made of, by name: sizes, filters, ways to pick outputs, for one axis.

Every way of downsampling in the table of `conventions` is a matrix of (outputs, inputs): a filter
at full resolution, then a choice of outputs out of it, or a window that does both at once.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..filters import radius_of, sigma_of, stride_of
from .edges import index_of

__all__ = ["FILTERS", "ONLY", "PICKS", "SIZES", "Taps", "blur_matrix"]

Values = NDArray[Any]


class Taps(NamedTuple):
    """A filter: its taps, and the place of the first one, counted from the centre."""

    taps: Values
    first: int


Filter = Callable[[int, int, float], Taps]
Pick = Callable[[int, int, float], Values]


# 1 Sizes: outputs for n inputs at a scale.

SIZES: Mapping[str, Callable[[int, float], int]] = MappingProxyType(
    {
        "n": lambda n, s: n,
        "ceil(n/stride)": lambda n, s: -(-n // stride_of(s)),
        "floor(n/stride)": lambda n, s: n // stride_of(s),
        "floor(n*s)": lambda n, s: math.floor(n * s),
        "round(n*s)": lambda n, s: round(n * s),
        "max(floor(n*s), 1)": lambda n, s: max(math.floor(n * s), 1),
        "max(round(n*s), 1)": lambda n, s: max(round(n * s), 1),
        "ceil(n*s)": lambda n, s: math.ceil(n * s),
    }
)

ONLY: Mapping[str, Callable[[float], bool]] = MappingProxyType(
    {
        "any scale": lambda s: True,
        "scale 1": lambda s: s == 1,
        "scale 1/2": lambda s: s == 0.5,
        "a power of 1/2": lambda s: s < 1 and math.log2(s) == round(math.log2(s)),
        "an integer 1/s": lambda s: 1 / s == round(1 / s),
        "a radius of 0": lambda s: s < 1 and radius_of(sigma_of(s)) == 0,
    }
)
"""The scales that a convention knows."""


# 2 Filters at full resolution: (n, m, s) to taps.


def _gaussian(sigma: float, radius: int, extra: float = 0.0) -> Taps:
    if sigma == 0:
        return Taps(np.ones(1), 0)
    i = np.arange(-radius, radius + 1)
    taps = np.exp(-(i * i) / (2 * sigma * sigma + extra))
    return Taps(taps / taps.sum(), -radius)


def _own(s: float, extra: float = 0.0) -> Taps:
    sigma = float(sigma_of(s))
    return _gaussian(sigma, radius_of(sigma), extra)


def _half_up(sigma: float) -> Taps:
    return _gaussian(sigma, int(4 * sigma + 0.5))


def _kornia(n: int, m: int) -> Taps:
    sigma = max((n / m - 1) / 2, 0.001)
    size = int(max(4 * sigma, 3))
    return _gaussian(sigma, size // 2)


def _binomial(size: int) -> Taps:
    taps = np.array([math.comb(size - 1, k) for k in range(size)], np.float64)
    return Taps(taps / taps.sum(), -((size - 1) // 2))


FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "none": lambda n, m, s: Taps(np.ones(1), 0),
        "0/0": lambda n, m, s: Taps(np.full(1, np.nan), 0),
        "Gaussian": lambda n, m, s: _own(s),
        "Gaussian, 1e-9 in the exponent": lambda n, m, s: _own(s, 1e-9),
        "Gaussian, radius half up": lambda n, m, s: _half_up(float(sigma_of(s))),
        "Gaussian of sigma 1.5": lambda n, m, s: _gaussian(1.5, 6),
        "Gaussian of sigma 0.25": lambda n, m, s: _gaussian(0.25, 1),
        "Gaussian of (n/m - 1)/2": lambda n, m, s: _half_up(max(n / m - 1, 0) / 2),
        "Gaussian of (n/m - 1)/2, twice sigma wide": lambda n, m, s: _kornia(n, m),
        "Gaussian of 1/(3 s)": lambda n, m, s: _half_up(2 / s / 6),
    }
    | {f"binomial {k}": lambda n, m, s, k=k: _binomial(k) for k in range(2, 8)}
)


def blur_matrix(
    taps: Taps, n: int, boundary: str, centres: NDArray[np.int64] | None = None
) -> Values:
    """The filter at every input, or at some, as a matrix."""
    at = np.arange(n) if centres is None else centres
    matrix = np.zeros((len(at), n))
    for k, tap in enumerate(taps.taps):
        index = index_of(at + taps.first + k, n, boundary)
        rows = np.flatnonzero(index >= 0)
        np.add.at(matrix, (rows, index[rows]), tap)
    return matrix


# 3 Picks: (n, m, s) to a matrix of (m, n).


def _at(index: NDArray[np.int64], n: int) -> Values:
    matrix = np.zeros((len(index), n))
    matrix[np.arange(len(index)), np.clip(index, 0, n - 1)] = 1.0
    return matrix


def _slice(n: int, m: int, s: float) -> Values:
    return _at(np.arange(m) * stride_of(s), n)


def _every(n: int, m: int, s: float) -> Values:
    return _at(np.arange(m), n)


def _nearest(n: int, m: int, s: float) -> Values:
    step = np.float32(1 / s)
    return _at(np.floor(np.arange(m, dtype=np.float32) * step).astype(np.int64), n)


def _nearest_by_lengths(n: int, m: int, s: float) -> Values:
    step = np.float32(n) / np.float32(m)
    return _at(np.floor(np.arange(m, dtype=np.float32) * step).astype(np.int64), n)


def _truncated(n: int, m: int, s: float) -> Values:
    return _at(np.array([int(i / s) for i in range(m)], np.int64), n)


def _linear(places: Values, n: int) -> Values:
    places = np.clip(places, 0, n - 1)
    low = np.minimum(np.floor(places).astype(np.int64), max(n - 2, 0))
    matrix = np.zeros((len(places), n))
    rows = np.arange(len(places))
    matrix[rows, low] = 1 - (places - low)
    if n > 1:
        matrix[rows, low + 1] = places - low
    return matrix


def _corners(n: int, m: int, s: float) -> Values:
    return _linear(np.arange(m) * ((n - 1) / max(m - 1, 1)), n)


def _half_pixel(n: int, m: int, s: float) -> Values:
    return _linear((np.arange(m) + 0.5) * (n / m) - 0.5, n)


def _half_pixel_by_scale(n: int, m: int, s: float) -> Values:
    return _linear((np.arange(m) + 0.5) / s - 0.5, n)


def _four_samples(n: int, m: int, s: float) -> Values:
    """Keys' cubic with a = -0.75 through the four nearest samples; those beyond are the last."""
    places = (np.arange(m) + 0.5) * (n / m) - 0.5
    low = np.floor(places).astype(np.int64)
    matrix, rows = np.zeros((m, n)), np.arange(m)
    for k in range(-1, 3):
        x = np.abs(places - low - k)
        near, far = (1.25 * x - 2.25) * x * x + 1, ((-0.75 * x + 3.75) * x - 6) * x + 3
        np.add.at(matrix, (rows, np.clip(low + k, 0, n - 1)), np.where(x < 1, near, far))
    return matrix


def _triangle(x: Values) -> Values:
    triangle: Values = np.maximum(1 - np.abs(x), 0)
    return triangle


def _cubic(x: Values) -> Values:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: Values) -> Values:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def _box(x: Values) -> Values:
    return np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0)


def _window(kind: Callable[[Values], Values], support: float, by_scale: bool) -> Pick:
    """A continuous filter about the middle of each output, cut at the ends and renormalised."""

    def pick(n: int, m: int, s: float) -> Values:
        step = 1 / s if by_scale else n / m
        wide = max(step, 1.0)
        matrix = np.zeros((m, n))
        for i in range(m):
            centre = (i + 0.5) * step
            lo = max(int(centre - support * wide + 0.5), 0)
            hi = min(int(centre + support * wide + 0.5), n)
            weights = kind((np.arange(lo, hi) - centre + 0.5) / wide)
            matrix[i, lo:hi] = weights / weights.sum()
        return matrix

    return pick


def _area(n: int, m: int, s: float) -> Values:
    """The mean over the part of the input that an output covers, fractions of samples included."""
    return _covered(n, m, 1 / s)


def _area_by_lengths(n: int, m: int, s: float) -> Values:
    return _covered(n, m, n / m)


def _covered(n: int, m: int, step: float) -> Values:
    left = np.arange(m)[:, None] * step
    j = np.arange(n)[None, :]
    matrix = np.clip(np.minimum(left + step, j + 1) - np.maximum(left, j), 0, 1)
    covered: Values = matrix / matrix.sum(1, keepdims=True)
    return covered


def _blocks(n: int, m: int, s: float) -> Values:
    stride = stride_of(s)
    matrix = np.zeros((m, n))
    for i in range(m):
        block = slice(i * stride, min((i + 1) * stride, n))
        matrix[i, block] = 1 / (block.stop - block.start)
    return matrix


def _halved(size: Callable[[int], int], half: Callable[[int, int], Values]) -> Pick:
    """As many halvings, one after the other, as the scale needs."""

    def pick(n: int, m: int, s: float) -> Values:
        matrix = np.eye(n)
        for _ in range(round(-math.log2(s))):
            length = len(matrix)
            matrix = half(length, size(length)) @ matrix
        return matrix

    return pick


def _pyr_down(n: int, m: int) -> Values:
    return _slice(n, m, 0.5) @ blur_matrix(_binomial(5), n, "reflect")


PICKS: Mapping[str, Pick] = MappingProxyType(
    {
        "all": _every,
        "every stride-th": _slice,
        "nearest by the scale": _nearest,
        "nearest by the lengths": _nearest_by_lengths,
        "int(i/s)": _truncated,
        "linear, corners aligned": _corners,
        "linear, half-pixel centres": _half_pixel,
        "linear, half-pixel centres by the scale": _half_pixel_by_scale,
        "triangle": _window(_triangle, 1.0, False),
        "triangle by the scale": _window(_triangle, 1.0, True),
        "cubic": _window(_cubic, 2.0, False),
        "cubic by the scale": _window(_cubic, 2.0, True),
        "Lanczos": _window(_lanczos, 3.0, False),
        "box": _window(_box, 0.5, False),
        "area": _area,
        "area by the lengths": _area_by_lengths,
        "cubic of four samples": _four_samples,
        "means of blocks": _blocks,
        "halvings": _halved(lambda n: -(-n // 2), _pyr_down),
    }
)
