"""How far a correct implementation may be from the truth, element by element.

Every rounding is a factor ``e**r`` with |r| <= h, or an absolute error below the normal range.
Exponents add up along a term's way from sample to result, whatever the order of the sums, fused
or not, so a result is within ``sum |t| |x| (e**sum - 1)`` of the truth. ``docs/numerics.md``
proves it in the order of this code.

A bound for convolution by discrete Fourier transforms, the same all over a plane.

Rounding errors of a transform spread over all of its results, so they are proportional to the
norm of the plane and not to what a result's footprint holds. The proof, for power-of-two lengths,
is in ``docs/numerics.md``, part 7.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...boundary import fold
from ...plans import Direction, Plan
from ..errors import OracleError
from .formats import FORMATS, Format, Precision, as_precision, conversion
from .inputs import Samples, as_samples
from .linear_map import close_taps, counted, gain, raised, reached, slabs, weighted
from .tap_errors import tap_errors
from .truth import truth_of

__all__ = ["FORMS", "Allowance", "allowance", "bound", "spectral_error", "stages"]

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
        What is rounded where: a name in `aa_ref.oracle.numerics.formats.PRECISIONS`.
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
    """What is allowed, for each element of a result."""

    magnitude: NDArray[np.float64]  # ``sum |t| |x|``
    arithmetic: NDArray[np.float64]  # the bound before the result is converted to its type
    total: NDArray[np.float64]  # after that, and with the rounding of the truth itself
    # where it says nothing: zeros would pass, and not because the last conversion underflows
    vacuous: NDArray[np.bool_]
    # the standard deviation that independent roundings to nearest would give at most
    deviation: NDArray[np.float64]
    overflow: NDArray[np.bool_]  # where finite samples may have become infinite on the way

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
        held = _Held(samples)
        errors = [_Error(held, precision, f, taps, flushed) for f in forms]
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


class _Held:
    """What all forms sum: where samples are not zero, and how large sums of them are."""

    def __init__(self, samples: Samples) -> None:
        plan, direction = samples.plan, samples.direction
        self.samples = samples
        self.absolutes = np.abs(samples.values)
        self.support = self.absolutes > 0
        self.reach = reached(plan, self.support, direction)
        self.sums = [self.absolutes]  # before the first pass, after it, and so on
        for a in plan.passes:
            self.sums.append(weighted(a, self.sums[-1], close_taps(a), direction))
        self.magnitude = raised(self.sums[-1], self.reach, plan, direction)


class _OfTaps(NamedTuple):
    """What the taps may be off by, for each pass and as `TapErrors.shared`.

    ``growth`` is the most that passes with such taps make of a bound on all samples.
    """

    off: list[NDArray[np.float64]]
    shared: float
    growth: float


@lru_cache(maxsize=64)
def _of_taps(
    plan: Plan, direction: Direction, precision: Precision, direct: bool, taps: Any, flushed: bool,
    kinds: tuple[type, ...],
) -> _OfTaps:  # fmt: skip
    """For a plan; ``kinds`` are the types of its numbers, which equality would not see."""
    weights = tap_errors(plan, precision, taps, direct)
    tiny, offs, growth = _tiniest(precision, flushed), [], 1.0
    for a, exponents in zip(plan.passes, weights.axes, strict=True):
        close = close_taps(a)
        off = close * np.expm1(exponents * _LEEWAY)
        if a.radius and not direct:
            off += max(tiny[precision.operands], tiny[precision.design])
        growth *= gain(a, close + off, direction) * math.exp(min(float(exponents.max()), 700.0))
        offs.append(off)
    return _OfTaps(offs, weights.shared, growth)


def _tiniest(precision: Precision, flushed: bool) -> dict[Format, float]:
    return {f: f.normal if flushed else f.smallest for f in _formats(precision)}


class _Error:
    """The bound for one form, before the conversion to the result type."""

    def __init__(
        self, held: _Held, precision: Precision, form: str, taps: Any, flushed: bool
    ) -> None:
        samples, absolutes, support = held.samples, held.absolutes, held.support
        plan, direction, reach = samples.plan, samples.direction, held.reach
        # A pass with one tap changes nothing, if only what follows can hold what operands hold.
        kept = precision.accumulation.holds(precision.operands)
        kept = kept and precision.storage.holds(precision.operands)
        wide = [a for a in plan.passes if a.radius or not kept]
        direct, spectral = form != "separable", form == "fft"
        kinds = tuple(type(n) for a in plan.passes for n in (a.scale, a.sigma))
        of_taps = _of_taps(plan, direction, precision, direct, taps, flushed, kinds)
        tiny = _tiniest(precision, flushed)
        tiny_weight = max(tiny[precision.operands], tiny[precision.design])

        # 1 Magnitudes, and what errors of taps alone make of them.
        magnitude, growth = held.magnitude, of_taps.growth
        drift = np.zeros_like(absolutes)
        for a, off, sums in zip(plan.passes, of_taps.off, held.sums, strict=False):
            more = weighted(a, sums + drift, off, direction)
            drift = weighted(a, drift, close_taps(a), direction) + more
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
        exponent = (exponent + first + between * later + of_taps.shared) * _LEEWAY
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


def spectral_error(samples: Samples, accumulation: Format, flushed: bool) -> NDArray[np.float64]:
    """The error that transforms add, broadcast over each plane: before that of taps and samples."""
    plan, unit = samples.plan, accumulation.unit
    tiny = accumulation.normal if flushed else accumulation.smallest
    axes = tuple(a.axis for a in plan.passes)
    steps = stages(plan)
    size = 2.0**steps
    # One stage: a complex product with a twiddle factor, itself off by a unit, and a sum.
    product = math.sqrt(2) * ((1 + unit) ** 2 - 1)
    turn = unit + (1 + unit) * product
    stage = (1 + unit) * (1 + turn)
    whole = math.expm1(min(steps * math.log(stage), 700.0))  # q: of one transform
    filter_norm = math.prod(float(np.linalg.norm(close_taps(a))) for a in plan.passes)
    before = (1 + whole) ** 2 * (1 + product) - 1
    spectrum = 1 + math.sqrt(size) * filter_norm * whole  # the filter's largest, computed
    after = (1 + product) * (1 + whole) * spectrum * ((1 + whole) * (1 + unit) - 1)
    norms, folds = _norms(samples, axes)
    error = norms * (filter_norm * before + after) + 32 * steps * size * tiny * (1 + norms)
    # The adjoint folds what it computed beyond the ends back onto the plane.
    sums = math.expm1((folds - 1) * accumulation.exponent)
    error = folds * (error * (1 + sums) + norms * sums)
    return np.broadcast_to(error * (1 + 2.0**-30), samples.out_shape)


def stages(plan: Plan) -> int:
    """Butterfly stages over all axes, for room for both ends, to the next power of two and twice.

    The one stage more an axis is for transforms of real numbers, or of twice the length.
    """
    return sum(math.ceil(math.log2(a.length + 4 * a.radius + 1)) + 1 for a in plan.passes)


def _norms(samples: Samples, axes: tuple[int, ...]) -> tuple[NDArray[np.float64], float]:
    """The Euclidean norm of each plane with what stands beyond its ends, and the most folds."""
    squares, folds = samples.values, 1.0
    scale = np.abs(squares).max(initial=0.0) or 1.0
    squares = (squares / scale) ** 2
    for a in samples.plan.passes:
        inputs = fold(np.arange(-a.radius, a.length + a.radius), a.length, a.boundary)
        copies = np.bincount(inputs[inputs >= 0], minlength=a.length).astype(np.float64)
        if samples.direction == "forward":
            squares = squares * np.moveaxis(
                copies.reshape(-1, *[1] * (squares.ndim - 1)), 0, a.axis
            )
        else:
            folds *= float(copies.max())
    total = squares.sum(axis=axes, keepdims=True)
    return np.sqrt(total) * scale * (1 + 2.0**-30) + 2.0**-1074, folds
