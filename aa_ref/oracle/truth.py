"""The real result with the real taps, correctly rounded to binary64.

Samples become integers of one common unit, taps integers of units ``2**-bits``, and the passes are
sums of products of Python's integers, so the only error is that of the taps. It is enclosed, and
if both ends of the enclosure of a result round to the same number, that is the answer. Otherwise
the digits of the taps double. ``docs/numerics.md`` proves that this ends.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..filters import enclosed_half
from ..plans import AxisPlan, Plan
from .errors import OracleError
from .samples import Samples, as_samples
from .sums import close_taps, magnitudes, off_by, weighted

__all__ = ["near_truth", "truth", "truth_of"]

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
            taps, bits, exact = _integer_taps(a, digits)
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


def _integer_taps(a: AxisPlan, digits: int) -> tuple[list[int], int, bool]:
    """Taps in units of ``2**-bits``, each within ``2 * 10**(6 - digits)`` of itself.

    No tap is below exp(-32) / 65,535 > 2**-63 (the argument is at most 32 for sigma = 1/8, 8 and a
    little for large ones), so rounding it to an integer adds less than 10**-digits of it.
    """
    quotients, slack = enclosed_half(a.sigma, a.radius, digits)
    bits = math.ceil(digits * math.log2(10)) + 63 if slack else 0
    half = [round(q * 2**bits) for q in quotients]
    return half[:0:-1] + half, bits, not slack


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
