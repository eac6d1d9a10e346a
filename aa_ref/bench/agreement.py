r"""Whether a peer gives the same result: a bound on what rounding alone can do.

Let S be the filter applied to the magnitudes of the input, u = 2^-24. In our result each term of
the sums passes at most K + 1 roundings an axis: its tap, its product, K - 1 sums. A peer's passes n
of its own, its weights' included; fused multiply-adds only take some away. So both lie within

    (n + 2 (K + 1)) u / (1 - (n + 2 (K + 1)) u) · S

of each other. With results in uint8 each is rounded once more, to the nearest: one level more. In
float16 the weights of a separable peer (2 roundings), what lies between its passes (1) and both
results (2) may be rounded to 11 bits: five times 2^-11 S more, and a few of the smallest numbers.

What lies outside is another filter, another border, another centre, or a bug.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..plans import Plan

__all__ = ["Agreement", "compare", "same_bits"]

_WEIGHTS = 20
"""Roundings that a weight has seen, at most: an exponential in binary32, squares, a quotient."""
_SMALLEST = {"float32": 2.0**-140, "float16": 4 * 2.0**-24}
"""What underflow may cost, all roundings together."""
_PIECE = 1 << 16
"""Samples that are compared at a time."""


class Agreement(NamedTuple):
    """The largest difference, and the largest part of its bound that any difference takes up."""

    difference: float
    of_bound: float

    @property
    def holds(self) -> bool:
        """Whether all differences are within their bounds; a NaN is not."""
        return self.of_bound <= 1


def compare(
    plan: Plan, direction: str, x: NDArray[Any], theirs: NDArray[Any], roundings: int
) -> Agreement:
    """Hold a peer's result for ``x`` against ours, piece by piece, as binary64 takes memory."""
    act = plan if direction == "forward" else plan.adjoint
    magnitudes = np.abs(x) if x.dtype.kind == "f" else x
    results: list[NDArray[Any]] = [np.asarray(act(x)), np.asarray(act(magnitudes)), theirs]
    relative, absolute = _bound(plan, roundings, x.dtype.name), _absolute(x.dtype.name)
    pieces = np.nditer(
        results, ["buffered", "external_loop"], op_dtypes=[np.float64] * 3, buffersize=_PIECE
    )
    worst = np.zeros(2)
    with pieces:
        for ours, spread, others in pieces:
            difference = np.abs(ours - others)
            of_bound = difference / (relative * spread + absolute)
            np.maximum(worst, (difference.max(), of_bound.max()), out=worst)  # a NaN stays
    return Agreement(*map(float, worst))


def same_bits(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays have the same type, shape and bits."""
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    left, right = (np.ascontiguousarray(y).reshape(-1).view(np.uint8) for y in (a, b))
    return bool(np.array_equal(left, right))


def _bound(plan: Plan, roundings: int, dtype: str) -> float:
    ours = sum(len(a.taps) + 1 for a in plan.passes)
    total = (roundings + _WEIGHTS + ours) * 2.0**-24
    halves = 5 * 2.0**-11 if dtype == "float16" else 0.0
    return 1.001 * (total / (1 - total) + halves)


def _absolute(dtype: str) -> float:
    """What is allowed besides: a level of integers, a few of the smallest half numbers."""
    return 1.0 if np.dtype(dtype).kind == "u" else _SMALLEST[dtype]
