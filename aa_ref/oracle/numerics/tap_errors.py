"""How far an implementation's taps may be from the real ones, as exponents.

A tap is off by a factor ``e**r``; what stands here are bounds on |r|. ``docs/numerics.md`` derives
the counts of roundings.
"""

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...filters import Number, sigma_of
from ...plans import AxisPlan, Plan
from ..errors import OracleError
from .formats import FORMATS, Format, Precision, conversion
from .linear_map import close_taps

__all__ = ["TAPS", "TapErrors", "sigma_error", "tap_errors"]

TAPS = ("recomputed", "given")
# Division and exp as loosely as Vulkan lets shaders have them: a quotient within 2.5 ulp, which 3
# faithful roundings cover; exp(a) as exp2(b), b = a log2(e), within 3 + 2 |b| ulp. The constant
# and the product in b are 2 roundings of a, so exp(a) is within 3 + (2 log2(e) + 2) |a| ulp.
_DIVISION = 3
_EXP, _EXP_SLOPE = 3, 5


class TapErrors(NamedTuple):
    """Bounds on the exponents: for each pass one per tap, and one that all products share.

    In the table of a direct form a weight is a product of taps, off by their exponents and the
    shared one.
    """

    axes: list[NDArray[np.float64]]
    shared: float


def tap_errors(plan: Plan, precision: Precision, taps: Any, direct: bool) -> TapErrors:
    """Return the bounds for a plan, before underflow."""
    if taps not in TAPS:
        raise OracleError(f"taps is {taps!r}; write one of {', '.join(map(repr, TAPS))}")
    design, wide = precision.design, [a for a in plan.passes if a.radius]
    given = FORMATS[plan.compute_dtype.name]
    axes, shared = [], 0.0
    for a in plan.passes:
        if not a.radius:
            axes.append(np.zeros(1))  # the one tap is w / w = 1
            continue
        if taps == "given":
            exponents = np.full(2 * a.radius + 1, -math.log1p(-given.unit / 2))
            exponents += conversion(given, design) + conversion(design, precision.operands)
        else:
            exponents = _recomputed(a, design, len(wide) - 1 if direct else 0)
            exponents += conversion(design, precision.operands)
            if not direct:
                exponents += (2 * a.radius) * design.exponent  # the sum of all
        axes.append(exponents)
    if direct and wide:  # products of taps, before or after they are converted
        one = design.exponent + conversion(design, precision.operands)
        shared += (len(wide) - 1) * one
    if direct and taps == "recomputed":
        table = math.prod(2 * a.radius + 1 for a in wide)
        # The sum of all, and what underflows in it: the weight in the middle is 1.
        shared += (table - 1) * design.exponent + 2 * table * len(wide) * design.normal
    return TapErrors(axes, shared)


def _recomputed(a: AxisPlan, design: Format, sums: int) -> NDArray[np.float64]:
    """One tap: its argument, exponential and prefactor, the mean error of the sum, the quotient."""
    h = design.exponent
    squares = np.arange(-a.radius, a.radius + 1, dtype=np.float64) ** 2
    arguments = squares / (2 * float(a.sigma) ** 2) * (1 + 2.0**-48)
    # i, 1/sigma, their product, its square, and the sums with other axes' arguments.
    inexact = 0 if a.radius**2 < 2**design.digits else 1
    c = 2 * sigma_error(a.scale, a.sigma, design) + h * (2 * (_DIVISION + 1) + 1 + inexact + sums)
    steps = (_EXP + _EXP_SLOPE * arguments * math.exp(min(c, 1.0))) * design.unit
    with np.errstate(all="ignore"):
        raw = np.where(steps < 1, -np.log1p(-steps), math.inf)
        raw = raw + arguments * math.expm1(min(c, 500.0)) + h  # times 1/(sigma sqrt(2 pi))
        mean = math.log1p(float(np.sum(close_taps(a) * np.expm1(raw))))
    exponents: NDArray[np.float64] = raw + mean + (_DIVISION + 1) * h
    return exponents


def sigma_error(scale: Number, sigma: Number, design: Format) -> float:
    """The exponent of sigma, from ``(1/scale - 1)/2`` in the design's format, or rounded to it."""
    # The plan's own sigma has binary64's roundings, if the scale has a binary64 number's.
    h = design.exponent + (FORMATS["float64"].exponent if isinstance(scale, float) else 0.0)
    if sigma != sigma_of(scale):
        return 0.0 if _is_exact(Fraction(sigma), design) else h
    inverse = 1 / Fraction(scale)
    kept = _is_exact(1 / inverse, design)
    # The rounding of the scale, and that of one over what became of it.
    roundings = (not kept) + (not (kept and _is_exact(inverse, design)))
    relative = math.expm1(roundings * h) * float(inverse / (inverse - 1))
    if relative >= 1:
        return math.inf
    exact = not roundings and _is_exact(inverse - 1, design)
    return -math.log1p(-relative) + (0.0 if exact else h)


def _is_exact(number: Fraction, design: Format) -> bool:
    """Whether a format's significand holds a positive number."""
    p, q = number.numerator, number.denominator
    return q & (q - 1) == 0 and p.bit_length() - (p & -p).bit_length() < design.digits
