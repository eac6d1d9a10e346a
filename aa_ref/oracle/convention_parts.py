"""What conventions are made of, by name: rules beyond the ends, sizes, filters, choices of outputs.

Every way of downsampling in the table of `conventions` is, for one axis, a matrix of (outputs,
inputs): a filter at full resolution, then a choice of outputs out of it, or a window that does both
at once. The rules beyond the ends are the four of `aa_ref.boundary`, and two that others follow.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..boundary import BOUNDARIES, fold
from ..filters import radius_of, sigma_of, stride_of

__all__ = [
    "FILTERS", "ONLY", "OTHER_RULES", "PICKS", "RULES", "SIZES", "Taps", "blur_matrix",
    "bordered_row", "index_of",
]  # fmt: skip

Values = NDArray[Any]


OTHER_RULES = MappingProxyType(
    {
        "symmetric": "reflected with the edge repeated: b a | a b",
        "renormalised": "taps beyond the ends are left out and the others divided by their sum",
    }
)
"""Rules that are none of the four, and what they do."""

RULES = (*BOUNDARIES, *OTHER_RULES)


def index_of(positions: NDArray[np.int64], n: int, rule: str) -> NDArray[np.int64]:
    """The sample that stands in for each position, -1 where there is none."""
    if rule == "symmetric":
        index = positions % (2 * n)
        return np.minimum(index, 2 * n - 1 - index)
    return fold(positions, n, "zeros" if rule == "renormalised" else rule)


def bordered_row(centre: float, places: Values, taps: Values, n: int, rule: str) -> Values:
    """What an output reads of ``n`` inputs if it follows a rule."""
    index = index_of(np.round(centre + places).astype(np.int64), n, rule)
    row = np.zeros(n)
    np.add.at(row, index[index >= 0], taps[index >= 0])
    if rule == "renormalised" and row.any():
        row /= row.sum()
    return row


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


def _half_up(sigma: float) -> Taps:
    return _gaussian(sigma, int(4 * sigma + 0.5))


def _own(s: float, extra: float = 0.0) -> Taps:
    sigma = float(sigma_of(s))
    return _gaussian(sigma, radius_of(sigma), extra)


def _kornia(n: int, m: int) -> Taps:
    sigma = max((n / m - 1) / 2, 0.001)
    return _gaussian(sigma, int(max(4 * sigma, 3)) // 2)


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


def _nearest(n: int, m: int, step: np.float32) -> Values:
    return _at(np.floor(np.arange(m, dtype=np.float32) * step).astype(np.int64), n)


def _linear(places: Values, n: int) -> Values:
    places = np.clip(places, 0, n - 1)
    low = np.minimum(np.floor(places).astype(np.int64), max(n - 2, 0))
    matrix = np.zeros((len(places), n))
    rows = np.arange(len(places))
    matrix[rows, low] = 1 - (places - low)
    if n > 1:
        matrix[rows, low + 1] = places - low
    return matrix


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


def _cubic(x: Values) -> Values:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _window(kind: Callable[[Values], Any], support: float, by_scale: bool = False) -> Pick:
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


def _area(n: int, m: int, step: float) -> Values:
    """The mean over the part of the input that an output covers, fractions of samples included."""
    left = np.arange(m)[:, None] * step
    j = np.arange(n)[None, :]
    matrix = np.clip(np.minimum(left + step, j + 1) - np.maximum(left, j), 0, 1)
    return np.asarray(matrix / matrix.sum(1, keepdims=True))


def _blocks(n: int, m: int, s: float) -> Values:
    stride = stride_of(s)
    matrix = np.zeros((m, n))
    for i in range(m):
        block = slice(i * stride, min((i + 1) * stride, n))
        matrix[i, block] = 1 / (block.stop - block.start)
    return matrix


def _halvings(n: int, m: int, s: float) -> Values:
    """As many of OpenCV's pyrDown, one after the other, as the scale needs."""
    matrix = np.eye(n)
    for _ in range(round(-math.log2(s))):
        length = len(matrix)
        blurred = blur_matrix(_binomial(5), length, "reflect")
        matrix = _slice(length, -(-length // 2), 0.5) @ blurred @ matrix
    return matrix


PICKS: Mapping[str, Pick] = MappingProxyType(
    {
        "all": lambda n, m, s: _at(np.arange(m), n),
        "every stride-th": _slice,
        "nearest by the scale": lambda n, m, s: _nearest(n, m, np.float32(1 / s)),
        "nearest by the lengths": lambda n, m, s: _nearest(n, m, np.float32(n) / np.float32(m)),
        "int(i/s)": lambda n, m, s: _at(np.array([int(i / s) for i in range(m)], np.int64), n),
        "linear, corners aligned": lambda n, m, s: _linear(
            np.arange(m) * ((n - 1) / max(m - 1, 1)), n
        ),
        "linear, half-pixel centres": lambda n, m, s: _linear(
            (np.arange(m) + 0.5) * (n / m) - 0.5, n
        ),
        "linear, half-pixel centres by the scale": lambda n, m, s: _linear(
            (np.arange(m) + 0.5) / s - 0.5, n
        ),
        "triangle": _window(lambda x: np.maximum(1 - np.abs(x), 0), 1.0),
        "triangle by the scale": _window(lambda x: np.maximum(1 - np.abs(x), 0), 1.0, True),
        "cubic": _window(_cubic, 2.0),
        "cubic by the scale": _window(_cubic, 2.0, True),
        "Lanczos": _window(
            lambda x: np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0), 3.0
        ),
        "box": _window(lambda x: np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0), 0.5),
        "area": lambda n, m, s: _area(n, m, 1 / s),
        "area by the lengths": lambda n, m, s: _area(n, m, n / m),
        "cubic of four samples": _four_samples,
        "means of blocks": _blocks,
        "halvings": _halvings,
    }
)
