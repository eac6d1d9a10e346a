"""From a scale to sigma, radius, stride and taps: the only place that knows these formulas.

Scales and sigmas are either exact (`fractions.Fraction`) or binary64 (`float`); each formula below
is then evaluated exactly, or with every operation rounded to binary64. See `docs/spec.md`, part 1.
"""

import math
import re
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from numbers import Rational
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ScaleError, SigmaError
from .special import refuse_masked_option

__all__ = [
    "MAX_RADIUS",
    "Number",
    "as_scale",
    "as_sigma",
    "enclosed_half",
    "nearest_float",
    "no_gradient",
    "radius_of",
    "sigma_of",
    "stride_of",
    "taps_of",
]

Number = float | Fraction
_NUMERIC = r"^$|float\d|int\d"
MAX_RADIUS = 32_767


def as_scale(scale: Any) -> Number:
    """One scale as an exact or a binary64 number in (0, 1].

    Raises
    ------
    ScaleError
        If it is no number, a bool, NaN, outside (0, 1], so small that 1/scale overflows, masked, or
        requires a gradient.
    """
    if getattr(scale, "requires_grad", False):
        raise ScaleError(no_gradient("scale", scale))
    refuse_masked_option("scale", scale, ScaleError)
    number = _as_number(scale)
    if number is None:
        raise ScaleError(
            f"scale is {scale!r}, which is not a number; write one like 0.25 or Fraction(1, 3)"
        )
    if not 0 < number <= 1:
        hint = ""
        if 1 < number < math.inf:
            hint = f"; was 1/{int(number) if number == int(number) else scale} meant?"
        raise ScaleError(
            f"scale is {scale!r}, but a scale is output size over input size, in (0, 1]{hint}"
        )
    if isinstance(number, float) and not math.isfinite(1 / number):
        raise ScaleError(
            f"scale is {scale!r}, so small that 1/scale is not finite; use a larger scale"
        )
    return number


def as_sigma(sigma: Any) -> Number:
    """One sigma as an exact or a binary64 number, finite and not negative.

    Raises
    ------
    SigmaError
        If it is no number, a bool, NaN, infinite, negative or masked, or requires a gradient.
    """
    if getattr(sigma, "requires_grad", False):
        raise SigmaError(no_gradient("sigma", sigma))
    refuse_masked_option("sigma", sigma, SigmaError)
    number = _as_number(sigma)
    if number is None:
        raise SigmaError(f"sigma is {sigma!r}, which is not a number; write one like 1.5 or None")
    if not 0 <= number < math.inf:
        raise SigmaError(
            f"sigma is {sigma!r}, but a standard deviation is finite and at least 0; "
            "leave it out for (1/scale - 1)/2"
        )
    return number


def no_gradient(name: str, value: Any) -> str:
    """Say that none flows to a scale or a sigma, from which integers follow."""
    return (
        f"{name} is {value!r}, which requires a gradient, but the radius and the taps' rounding "
        f"follow from it, so {name} takes none; pass {name}.detach(), or numbers"
    )


def _as_number(value: Any) -> Number | None:
    kind = str(getattr(value, "dtype", ""))  # of a NumPy scalar, a 0-d array, a tensor
    if isinstance(value, bool) or not hasattr(value, "__float__") or not re.search(_NUMERIC, kind):
        return None
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def stride_of(scale: Number) -> int:
    """``int(1/scale)``: truncated, so a float just above 1/93 may give 92."""
    return int(1 / scale)


def sigma_of(scale: Number) -> Number:
    """``(1/scale - 1)/2`` in input samples."""
    return (1 / scale - 1) / 2


def radius_of(sigma: Number) -> int:
    """``round(4 sigma)``, half to even, in input samples; the filter has ``2 radius + 1`` taps.

    Raises
    ------
    SigmaError
        If it is above `MAX_RADIUS`.
    """
    radius = round(4 * sigma) if 4 * sigma < math.inf else MAX_RADIUS + 1
    if radius > MAX_RADIUS:
        shown = float(min(sigma, 1.7e308))  # a Fraction may be beyond any float
        raise SigmaError(
            f"sigma is {shown:.6g}, which gives a radius above {MAX_RADIUS:,}; use a smaller sigma "
            "or a larger scale"
        )
    return radius


@lru_cache(maxsize=256, typed=True)
def taps_of(sigma: Number, compute: np.dtype[Any]) -> NDArray[Any]:
    """The normalised Gaussian, each tap the exact real value rounded once to the compute type.

    Tap ``i`` of ``-R..R`` is ``exp(-i²/(2 sigma²)) / sum``. The exponentials are evaluated in
    decimal arithmetic with a proven relative error; when both ends of that interval round to the
    same number, it is the answer, otherwise the precision doubles. No tie can occur: by
    Lindemann-Weierstrass the quotient is transcendental for every rational sigma.

    Returns
    -------
    ndarray of shape (2 R + 1,), read-only
    """
    radius = radius_of(sigma)
    half = _half_gaussian(Fraction(sigma), radius, compute) if radius else [1.0]
    taps = np.array(half[:0:-1] + half, compute)
    taps.flags.writeable = False
    return taps


def _half_gaussian(
    sigma: Fraction, radius: int, compute: np.dtype[Any], digits: int = 40
) -> list[float]:
    """The taps from the middle out; ``digits`` is the decimal precision to begin with."""
    while True:
        quotients, slack = enclosed_half(sigma, radius, digits)
        low = [nearest_float(q * (1 - slack), compute) for q in quotients]
        if low == [nearest_float(q * (1 + slack), compute) for q in quotients]:
            return low
        digits *= 2


def enclosed_half(sigma: Number, radius: int, digits: int) -> tuple[tuple[Fraction, ...], Fraction]:
    """The real taps from the middle out, and the relative error that none of them exceeds.

    Relative errors are in units of u = 5 * 10**-digits. An argument is off by u, and since it is at
    most 32 (sigma = 1/8, i = 1) its exponential by 33 u; the sum of at most 65,535 terms by
    33 u + 65,535 u; a quotient of two such by less than 2**17 u, below 10**(6 - digits).
    """
    if radius == 0:
        return (Fraction(1),), Fraction(0)
    sigma = Fraction(sigma)
    context = Context(prec=digits)
    values = [
        context.exp(context.divide(Decimal(a.numerator), Decimal(a.denominator)))
        for a in (-(i * i) / (2 * sigma * sigma) for i in range(radius + 1))
    ]
    total = Decimal(0)
    for value in values[1:]:
        total = context.add(total, context.multiply(value, Decimal(2)))
    total = context.add(total, values[0])
    quotients = tuple(Fraction(context.divide(value, total)) for value in values)
    return quotients, Fraction(1, 10 ** (digits - 6))


def nearest_float(value: Fraction, dtype: np.dtype[Any]) -> float:
    """A positive rational rounded once, half to even, to binary32 or binary64."""
    info = np.finfo(dtype)
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    if value < Fraction(2) ** exponent:
        exponent -= 1
    unit = max(exponent, int(info.minexp)) - int(info.nmant)
    return math.ldexp(round(value / Fraction(2) ** unit), unit)
