"""Whole planes of noise: whether the axes' filters explain them, and what is rounded between."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .lines import offsets

__all__ = ["between_passes", "explains_planes"]

Values = NDArray[np.float64]
Rounding = tuple[str, float]
"""In words, and what is added before rounding to nearest."""

_ROUNDINGS: tuple[Rounding, ...] = (("to nearest", 0.0), ("down", -0.5), ("up", 0.5))


def explains_planes(
    x: Values, y: Values, matrices: Sequence[Values], gain: float, offset: float, slack: float,
    full: int,
) -> bool:  # fmt: skip
    """Whether one rounding of a filter along each axis gives all answers.

    ``x`` and ``y`` have the shape (planes, *lengths); ``slack`` is relative.
    """
    sums, sizes = x, x
    for k, matrix in enumerate(matrices, 1):
        sums, sizes = _along(matrix, sums, k), _along(np.abs(matrix), sizes, k)
    low, high = offsets(gain * sums, abs(gain) * sizes * slack, y, full)
    return low <= offset <= high


def between_passes(
    x: Values, y: Values, matrices: Sequence[Values], gain: float, slack: float, full: int
) -> str:
    """How results and what lies between the passes are rounded, if that gives all answers.

    Everything is an interval: what is rounded is known to within a bound.
    """
    ways = itertools.product((1, -1), _ROUNDINGS, _ROUNDINGS)
    for way, (between, added), (last, more) in sorted(ways, key=lambda w: (w[1] != w[2], -w[0])):
        low, high = x, x
        order = range(len(matrices))[::way]
        for k in order:
            positive, negative = np.maximum(matrices[k], 0), np.minimum(matrices[k], 0)
            size = slack * _along(np.abs(matrices[k]), np.maximum(np.abs(low), np.abs(high)), k + 1)
            low, high = (
                _along(positive, low, k + 1) + _along(negative, high, k + 1) - size,
                _along(positive, high, k + 1) + _along(negative, low, k + 1) + size,
            )
            if k != order[-1]:
                low = np.clip(np.ceil(low + added - 0.5), 0, full)
                high = np.clip(np.floor(high + added + 0.5), 0, full)
        low = np.clip(np.ceil(gain * low + more - 0.5), 0, full)
        high = np.clip(np.floor(gain * high + more + 0.5), 0, full)
        if np.all((low <= y) & (y <= high)):
            if between == last:
                return f"what lies between the passes is rounded to integers, too, all {last}"
            return f"what lies between the passes is rounded to integers, {between}, results {last}"
    return ""


def _along(matrix: Values, x: Values, axis: int) -> Values:
    return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
