"""How far a correct implementation may be from the truth, element by element.

Every rounding is a factor ``e**r`` with |r| <= h, or an absolute error below the normal range.
Exponents add up along a term's way from sample to result, whatever the order of the sums, fused
or not, so a result is within ``sum |t| |x| (e**sum - 1)`` of the truth. ``docs/numerics.md``
proves it in the order of this code.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..plans import Plan
from .errors import OracleError
from .precisions import FORMATS, Format, Precision, as_precision, conversion
from .samples import Samples, as_samples
from .spectral import spectral_error, stages
from .sums import close_taps, counted, gain, raised, reached, slabs, weighted
from .tap_errors import tap_errors
from .truth import truth_of

__all__ = ["FORMS", "Allowance", "allowance", "bound"]

FORMS = ("any", "separable", "direct", "fft")
_LEEWAY = 1 + 2.0**-40  # the exponents are computed with less than 2000 roundings of 2**-53


def bound(
    x: Any,
    plan: Plan,
    *,
    precision: Any = "binary32",
    form: str = "any",
    taps: str = "recomputed",
    direction: str = "forward",
) -> NDArray[np.float64]:
    """How far each element of a correct result may be from `truth`, proven.

    Parameters
    ----------
    x : array
        Finite; as for `truth`.
    plan : Plan
        Its result type is that of the result judged: where it is narrower than what sums are held
        in, one rounding to it is part of the bound (half a unit for integers).
    precision : str or Precision
        What is rounded where: a name in `aa_ref.oracle.precisions.PRECISIONS`.
    form : {"any", "separable", "direct", "fft"}
        One pass an axis in any order of the axes; a table of K×K weights; either; or discrete
        Fourier transforms of zero-padded planes, for which the bound is the same all over a plane.
    taps : {"recomputed", "given"}
        Whether the implementation computed its taps itself, in the precision's design format, or
        got those of the plan.
    direction : {"forward", "adjoint"}

    Returns
    -------
    ndarray of float64
        Of `truth`'s shape, rounded up. It says something where it is no more than ``sum |t| |x|``
        and the smallest number of the result type (for integers, half a unit), as a result below
        that may be rounded to zero. Above, nothing but zeros would pass. Infinite where it says
        nothing at all.

    Raises
    ------
    AaRefError
        If the array does not fit the plan or is not finite, or a name is unknown.
    """
    samples = as_samples(x, plan, direction)
    if not samples.finite:
        raise OracleError("the array holds NaN or infinity, and there is no bound on those")
    found = allowance(samples, truth_of(samples), as_precision(precision), form, taps)
    return found.total


class Allowance(NamedTuple):
    """What is allowed, for each element of a result.

    Attributes
    ----------
    magnitude
        ``sum |t| |x|``.
    arithmetic
        The bound before the result is converted to its type.
    total
        After that, and with the rounding of the truth itself.
    vacuous
        Where it says nothing: zeros would pass, and not because the last conversion underflows.
    deviation
        The standard deviation that independent roundings to nearest would give at most.
    overflow
        Where finite samples may have become infinite on the way.
    """

    magnitude: NDArray[np.float64]
    arithmetic: NDArray[np.float64]
    total: NDArray[np.float64]
    vacuous: NDArray[np.bool_]
    deviation: NDArray[np.float64]
    overflow: NDArray[np.bool_]

    def widened(self, off: Any) -> "Allowance":
        """The same about a value that is ``off`` from the truth."""
        return self._replace(arithmetic=self.arithmetic + off, total=self.total + off)


def allowance(
    samples: Samples,
    truth: NDArray[np.float64],
    precision: Precision,
    form: Any,
    taps: Any,
    *,
    flushed: bool = False,
) -> Allowance:
    """The bound and what it is made of; ``flushed`` if subnormal numbers may be taken for zero."""
    if form not in FORMS:
        raise OracleError(f"form is {form!r}; write one of {', '.join(map(repr, FORMS))}")
    forms = ("separable", "direct") if form == "any" else (form,)
    with np.errstate(all="ignore"):
        errors = [_Error(samples, precision, f, taps, flushed) for f in forms]
        magnitude = errors[0].magnitude
        arithmetic = np.maximum.reduce([e.bound for e in errors])
        variance = np.maximum.reduce([e.variance for e in errors])
        overflow = np.logical_or.reduce([e.overflow for e in errors])
        relative, total, variance = _stored(
            arithmetic, truth, variance, samples.plan, precision, flushed
        )
        vacuous = ~(relative <= magnitude)
        total = (total + np.spacing(np.abs(truth)) / 2) * _LEEWAY
    total = np.where(np.isnan(total), math.inf, total)
    return Allowance(magnitude, arithmetic, total, vacuous, np.sqrt(variance), overflow)


class _Error:
    """The bound for one form, before the conversion to the result type."""

    def __init__(
        self, samples: Samples, precision: Precision, form: str, taps: Any, flushed: bool
    ) -> None:
        plan, direction = samples.plan, samples.direction
        absolutes = np.abs(samples.values)
        support = absolutes > 0
        reach = reached(plan, support, direction)
        # A pass with one tap changes nothing, if only what follows can hold what operands hold.
        kept = precision.accumulation.holds(precision.operands)
        kept = kept and precision.storage.holds(precision.operands)
        wide = [a for a in plan.passes if a.radius or not kept]
        direct, spectral = form != "separable", form == "fft"
        weights = tap_errors(plan, precision, taps, direct)
        tiny = {f: f.normal if flushed else f.smallest for f in _formats(precision)}
        tiny_weight = max(tiny[precision.operands], tiny[precision.design])

        # 1 Magnitudes, and what errors of taps alone make of them.
        magnitude, drift, growth = absolutes, np.zeros_like(absolutes), 1.0
        for a, exponents in zip(plan.passes, weights.axes, strict=True):
            close = close_taps(a)
            off = close * np.expm1(exponents * _LEEWAY)
            if a.radius and not direct:
                off += tiny_weight
            more = weighted(a, magnitude + drift, off, direction)
            drift = weighted(a, drift, close, direction) + more
            magnitude = weighted(a, magnitude, close, direction)
            growth *= gain(a, close + off, direction) * math.exp(min(float(exponents.max()), 700.0))
        magnitude = raised(magnitude, reach, plan, direction)
        drift = raised(drift, reach, plan, direction, more=4 * len(plan.passes))

        # 2 Roundings on the way of a term, as exponents.
        between = 0 if direct or not wide else len(plan.passes) - 1
        roundings = np.zeros_like(magnitude)
        if form == "direct" and wide:
            roundings = counted(plan, support, direction)
        for a in wide if form == "separable" else []:
            roundings += slabs(a, plan, support, direction)
        first = conversion(FORMATS[plan.input_dtype], precision.operands)
        later = conversion(precision.accumulation, precision.storage)
        later += conversion(precision.storage, precision.operands)
        exponent = roundings * precision.accumulation.exponent
        exponent = (exponent + first + between * later + weights.shared) * _LEEWAY
        growth *= math.exp(min(float(exponent.max(initial=0)), 700.0))

        # 3 What underflows, and what later steps make of it: products, with subnormals flushed sums
        # too; conversions; in a table the products of taps, the quotient and its conversion.
        underflow = roundings * ((2 if flushed else 1) * tiny[precision.accumulation])
        if first or flushed:
            underflow = underflow + tiny[precision.operands]
        underflow = underflow + between * (tiny[precision.storage] + tiny[precision.operands])
        if direct and wide:
            unweighted = absolutes
            for a in plan.passes:
                unweighted = weighted(a, unweighted, np.ones(2 * a.radius + 1), direction)
            unweighted = raised(unweighted, reach, plan, direction)
            underflow = underflow + (len(wide) + 1) * tiny_weight * unweighted
        underflow = np.where(reach, growth * underflow * _LEEWAY + 4 * 2.0**-1074, 0.0)

        # 4 Where a sample is so large that a sum, of two unweighted samples even, may overflow.
        top = min(f.largest for f in _formats(precision)) / (2 * growth)
        self.overflow = reached(plan, absolutes >= top, direction)

        if spectral:
            axes = tuple(a.axis for a in plan.passes)
            magnitude = np.broadcast_to(
                magnitude.max(axis=axes, keepdims=True, initial=0.0), reach.shape
            )
            drift = drift + growth * spectral_error(samples, precision.accumulation, flushed)
            large = absolutes >= top / 2.0 ** stages(plan)
            self.overflow = np.broadcast_to(large.any(axis=axes, keepdims=True), reach.shape)
        self.magnitude = magnitude
        self.bound = (magnitude + drift) * np.expm1(exponent) + drift + underflow

        # 5 Independent roundings to nearest have a variance of at most u² / 3 each. Two more a
        # pass are for its taps.
        coarse = bool(first) + bool(later) * between
        coarse += len(wide) * (not precision.operands.holds(precision.design))
        variance = (roundings + 2 * len(wide)) * precision.accumulation.unit**2 / 4
        variance = (variance + coarse * precision.operands.unit**2 / 4) / 3
        self.variance = variance * magnitude**2 + underflow**2


def _formats(precision: Precision) -> tuple[Format, ...]:
    return precision.design, precision.operands, precision.accumulation, precision.storage


def _stored(
    error: NDArray[np.float64],
    truth: NDArray[np.float64],
    variance: NDArray[np.float64],
    plan: Plan,
    precision: Precision,
    flushed: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """After the conversion to storage and to the result type: bound, the same, and variance.

    The first bound is without what the conversions themselves are off by in absolute terms.
    """
    relative, held, result = error, precision.accumulation, FORMATS[plan.dtype]
    integer = plan.dtype.startswith("uint")
    for target in (precision.storage,) if integer else (precision.storage, result):
        if not target.holds(held):
            tiny = target.normal if flushed else target.smallest
            size = np.abs(truth) + error
            relative = relative + size * math.expm1(target.exponent)
            error = error + size * math.expm1(target.exponent) + np.where(size > 0, tiny, 0.0)
            variance = variance + (target.unit / 2 * size) ** 2 / 3 + tiny**2
            held = target
    if integer:
        return relative, error + 0.5, variance + 1 / 12
    return relative, error, variance
