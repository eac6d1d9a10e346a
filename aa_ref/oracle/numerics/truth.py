"""The real result with the real taps, correctly rounded to binary64; where NaN and infinity show.

Samples become integers of one common unit, taps integers of units ``2**-bits``, and the passes are
sums of products of Python's integers, so the only error is that of the taps. It is enclosed, and
if both ends of the enclosure of a result round to the same number, that is the answer. Otherwise
the digits of the taps double. ``docs/numerics.md`` proves that this ends.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...filters import Number, enclosed_half
from ...plans import Direction, Plan
from ..errors import OracleError
from .formats import Precision
from .inputs import Samples, as_samples
from .linear_map import close_taps, magnitudes, off_by, reached, weighted

__all__ = ["Spread", "flushing_explains", "near_truth", "spread", "truth", "truth_of"]

_DIGITS = 40


def truth(x: Any, plan: Plan, *, direction: str = "forward") -> NDArray[np.float64]:
    """What `aa_ref.downsample` or its adjoint would give in real arithmetic, rounded once.

    Parameters
    ----------
    x : array
        Finite. For ``"forward"`` of the plan's shape and input type; for ``"adjoint"`` of its
        output shape and a floating-point type.
    plan : Plan
        From `aa_ref.plan`. Its taps are taken as the real numbers, not as they are rounded to the
        compute type; its result type plays no part.
    direction : {"forward", "adjoint"}

    Returns
    -------
    ndarray of float64
        Of the plan's output shape, for the adjoint of its shape. Each element is the binary64
        number nearest to the real result, half to even; infinite only beyond the range.

    Raises
    ------
    AaRefError
        If the array does not fit the plan, or is not finite.

    Examples
    --------
    >>> import numpy as np, aa_ref
    >>> p = aa_ref.plan((5,), 0.5, axes=-1)
    >>> print(truth(np.array([0, 1, 0, 0, 0], np.float32), p))
    [0.10645077 0.10645077 0.        ]
    """
    samples = as_samples(x, plan, direction)
    if not samples.finite:
        raise OracleError(
            "the array holds NaN or infinity, and real arithmetic has neither; "
            "oracle.compare judges such arrays"
        )
    return truth_of(samples)


def truth_of(samples: Samples) -> NDArray[np.float64]:
    """`truth` of samples that were read, all finite."""
    plan, direction = samples.plan, samples.direction
    integers, unit = _as_integers(samples.values)
    highest = magnitudes(plan, np.abs(samples.values), direction)
    digits = _DIGITS
    while True:
        sums, exponent, error = integers, unit, 0
        for a in plan.passes:
            taps, bits, exact = _integer_taps(a.sigma, a.radius, digits)
            sums = weighted(a, sums, taps, direction)
            exponent -= bits
            error += not exact
        # Each pass with inexact taps adds 2 * 10**(6 - digits) of the magnitudes and, by then, as
        # much of what earlier passes added; 3 instead of 2 covers that.
        spread = _spread(highest, Fraction(3 * error, 10 ** (digits - 6)), exponent)
        low = _rounded(sums - spread, exponent)
        if (low == _rounded(sums + spread, exponent)).all():
            return low + 0.0  # no sum is -0.0
        digits *= 2


def near_truth(samples: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`truth` of finite samples as sums in binary64, and how far they are from it at most.

    For arrays that are too large for sums of Python's integers. What these are off by is given
    twice over, to leave room for what conversions make of it; infinite where binary64 overflows.
    """
    plan, direction, sums = samples.plan, samples.direction, samples.values
    with np.errstate(all="ignore"):
        for a in plan.passes:
            sums = weighted(a, sums, close_taps(a), direction)
    return sums + 0.0, off_by(magnitudes(plan, np.abs(samples.values), direction), plan, direction)


def _as_integers(values: NDArray[np.float64]) -> tuple[NDArray[Any], int]:
    """Finite numbers as integers, in an array of objects, times a power of two."""
    mantissas, exponents = np.frexp(values)
    exponents = exponents.astype(np.int64) - 53
    unit = int(exponents[values != 0].min(initial=1024))
    shifts = np.where(values != 0, exponents - unit, 0)
    return (mantissas * 2.0**53).astype(np.int64).astype(object) << shifts.astype(object), unit


@lru_cache(maxsize=16)
def _integer_taps(sigma: Number, radius: int, digits: int) -> tuple[Sequence[int], int, bool]:
    """Taps in units of ``2**-bits``, each within ``2 * 10**(6 - digits)`` of itself.

    No tap is below exp(-32) / 65,535 > 2**-63 (the argument is at most 32 for sigma = 1/8, 8 and a
    little for large ones), so rounding it to an integer adds less than 10**-digits of it.
    """
    quotients, slack = enclosed_half(sigma, radius, digits)
    bits = math.ceil(digits * math.log2(10)) + 63 if slack else 0
    half = [round(q * 2**bits) for q in quotients]
    return tuple(half[:0:-1] + half), bits, not slack


def _spread(highest: NDArray[np.float64], relative: Fraction, exponent: int) -> NDArray[Any]:
    """``highest * relative`` in units of ``2**exponent``, as integers, from above."""
    if not relative:
        return np.zeros(highest.shape, object)
    power = relative.numerator.bit_length() - relative.denominator.bit_length() + 1  # of two, above
    mantissas, exponents = np.frexp(np.where(np.isinf(highest), 0.0, highest))
    # Infinite are sums above 2**1024, but of at most a few samples: far below 2**1099.
    mantissas = np.where(np.isinf(highest), 0.5, mantissas)
    exponents = np.where(np.isinf(highest), 1100, exponents.astype(np.int64))
    shifts = exponents - 53 + power - exponent
    left, right = (np.maximum(s, 0).astype(object) for s in (shifts, -shifts))
    integers = (mantissas * 2.0**53).astype(np.int64).astype(object)
    one_more = (highest > 0).astype(np.int64).astype(object)
    above: NDArray[Any] = ((integers << left) >> right) + one_more
    return above


def _rounded(sums: NDArray[Any], exponent: int) -> NDArray[np.float64]:
    """Integers times ``2**exponent``, rounded to the nearest binary64, half to even."""
    up, down = 1 << max(exponent, 0), 1 << max(-exponent, 0)

    def nearest(n: int) -> float:
        try:
            return n * up / down  # Python's quotient of two integers is correctly rounded
        except OverflowError:
            return math.inf if n > 0 else -math.inf

    return np.array([nearest(n) for n in sums.flat], np.float64).reshape(sums.shape)


class Spread(NamedTuple):
    """For each element of a result.

    ``certain`` is NaN or an infinity where the result must be just that, and 0 where it is to be
    finite. Where ``either``, NaN will do as well as the infinity that stands in ``certain``;
    where ``free``, anything will.
    """

    certain: NDArray[np.float64]
    either: NDArray[np.bool_]
    free: NDArray[np.bool_]


def spread(samples: Samples, precision: Precision, form: str) -> Spread:
    """What follows from the footprints.

    All taps are positive. So a NaN makes each result NaN that has it in its footprint, and so do
    infinities of both signs; those of one sign make it infinite, unless a tap underflows to zero:
    0 times infinity is NaN. Samples outside of the footprint have no part in a result. Fourier
    transforms mix all of a plane, so there all of it is free.
    """
    values, plan, direction = samples.values, samples.plan, samples.direction
    nan, high, low = (
        reached(plan, mask, direction)
        for mask in (np.isnan(values), values == math.inf, values == -math.inf)
    )
    certain = np.where(high, math.inf, np.where(low, -math.inf, 0.0))
    certain = np.where(nan | (high & low), math.nan, certain)
    lowest = [float(close_taps(a).min()) for a in plan.passes]
    weight = min(lowest, default=1.0) if form == "separable" else math.prod(lowest)
    either = np.isinf(certain) & (weight < 2 * precision.operands.normal)
    free = np.zeros(certain.shape, bool)
    if form == "fft":
        axes = tuple(a.axis for a in plan.passes)
        free |= (~np.isfinite(values)).any(axis=axes, keepdims=True)
    return Spread(certain, either, free)


def flushing_explains(
    y: NDArray[Any], x: NDArray[Any], plan: Plan, direction: Direction, allowed: NDArray[np.float64]
) -> bool:
    """Whether ``y`` may be a correct result for ``x``, flushed anywhere on the way or not at all.

    What is flushed, be it a sample, a product or a sum of some, takes terms out of the result. The
    rest lies between the sum of the negative and the sum of the positive terms, but for rounding,
    for which there is a bound, ``allowed``.
    """
    samples = as_samples(x, plan, direction)
    lowest = truth_of(samples._replace(values=np.minimum(samples.values, 0.0)))
    highest = truth_of(samples._replace(values=np.maximum(samples.values, 0.0)))
    found = y.astype(np.float64)
    return bool(((lowest - allowed <= found) & (found <= highest + allowed)).all())
