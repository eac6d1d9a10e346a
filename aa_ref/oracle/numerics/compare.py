"""One result against the truth: bit-identical, within the bound, beyond it, or not to be judged.

A second look, statistical: errors that no bound forbids and no honest rounding makes.

``suspicions(comparison) -> list[str]``, a sentence each; they are reported and never fail a result.

A bound for every order of summation is wide. Were the roundings independent and to nearest, an
element's error would have a standard deviation of at most the one by which
`Comparison.deviations` divides (``docs/numerics.md``, part 8): their mean square is at most 1, or a
little more, as taps are off by the same for all elements. And errors would not go with the sign
of the results, beyond what taps give that do not quite sum to 1: `Comparison.lean` is at most 1 in
magnitude where they were rounded once.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...dtypes import widen
from ...errors import DtypeError, ShapeError
from ...plans import Plan
from .bounds import Allowance, allowance
from .formats import FORMATS, Precision, as_precision
from .inputs import Samples, as_samples, as_source, contract
from .truth import Spread, near_truth, spread, truth_of

__all__ = ["GRADES", "Comparison", "Grade", "compare", "suspicions"]

Grade = Literal["bit-identical", "within-bound", "cannot-judge", "fails"]
GRADES: tuple[Grade, ...] = ("bit-identical", "within-bound", "cannot-judge", "fails")


@dataclass(frozen=True)
class Comparison:
    """What one result is worth.

    Attributes
    ----------
    grade : {"bit-identical", "within-bound", "cannot-judge", "fails"}
        The same bits as `aa_ref.downsample`; every element within the proven bound; none beyond
        it, but some where it says nothing; some beyond it.
    worst : float
        The largest error over its bound. Infinite for a NaN or an infinity in the wrong place.
    where : tuple of int, or None
        The element with the worst; None if there are no elements.
    got, expected, allowed : float
        There: the result, the truth, and how far the result may be from it.
    errors : ndarray of float64
        For each element the error over its bound, signed; 0 where NaN or infinity is right.
    deviations : ndarray of float64
        For each element the error, signed, over the standard deviation that independent roundings
        to nearest have at most. NaN where there is nothing to compare.
    lean, lean_error : float
        The factor by which results are too large, less 1, fitted to all elements, and the standard
        error of the fit: both in units of what taps may be off that were rounded to nearest once.
    notes : tuple of str
        What a reader should know besides.
    """

    grade: Grade
    worst: float
    where: tuple[int, ...] | None
    got: float
    expected: float
    allowed: float
    errors: NDArray[np.float64] = field(repr=False)
    deviations: NDArray[np.float64] = field(repr=False)
    lean: float = 0.0
    lean_error: float = 0.0
    notes: tuple[str, ...] = ()


def compare(
    y: Any,
    x: Any,
    plan: Plan,
    *,
    precision: Any = "binary32",
    form: str = "any",
    taps: str = "recomputed",
    direction: str = "forward",
    exact: bool = True,
) -> Comparison:
    """Judge a result ``y`` that an implementation gave for ``x``.

    Parameters
    ----------
    y : array
        Of the shape and type that the plan has for results; for an adjoint of the plan's shape
        and the type of ``x``.
    x : array
        As for `aa_ref.oracle.truth`, but NaN and infinity are taken: where they must show in the
        result follows from the footprints.
    plan, precision, form, taps, direction
        As for `aa_ref.oracle.bound`.
    exact : bool
        Whether the truth is computed exactly, which takes a second for some 100,000 samples.
        Otherwise it is summed in binary64, and what that is off by is added to the bound; and of a
        result with the contract's bits, errors are not computed. Arrays with NaN or infinity are
        judged exactly in any case.

    Returns
    -------
    Comparison

    Raises
    ------
    AaRefError
        If an array does not fit the plan, or a name is unknown.
    """
    samples, chosen = as_samples(x, plan, direction), as_precision(precision)
    plan = samples.plan
    source = as_source(y)
    if source.storage.shape != samples.out_shape:
        raise ShapeError(
            f"y has shape {source.storage.shape}, but results have shape {samples.out_shape} here; "
            "compare only what has the right shape"
        )
    if source.dtype != plan.dtype:
        raise DtypeError(
            f"y is {source.dtype}, but results are {plan.dtype} here; "
            f"plan with dtype={source.dtype!r} if that was meant"
        )
    own = contract(plan, samples.storage, samples.direction)
    same_bits = _same_bits(source.storage, own, plan.dtype)
    if same_bits and samples.finite and not exact:
        return _unmeasured(samples.out_shape)
    got = widen(source.storage, source.dtype).astype(np.float64)
    finite = np.isfinite(samples.values)
    certain = spread(samples, chosen, form)
    known = samples._replace(values=np.where(finite, samples.values, 0.0))
    truth, off = _truth_of(known, exact or not finite.all())
    allowed = allowance(known, truth, chosen, form, taps).widened(off)
    judged = _judge(got, truth, certain, plan, chosen, allowed)
    notes = []
    if (np.abs(judged.errors) > 1).any():
        more = allowance(known, truth, chosen, form, taps, flushed=True).widened(off)
        again = _judge(got, truth, certain, plan, chosen, more)
        spared = (np.abs(judged.errors) > 1) & (np.abs(again.errors) <= 1)
        if spared.any():
            judged = judged.replaced(again, spared)
            notes.append(
                f"{_elements(int(spared.sum()))} within the bound only if subnormal numbers are "
                "flushed to zero; the contract keeps them"
            )
    errors = judged.errors
    if judged.unjudged.any():
        notes.append(
            f"{_elements(int(judged.unjudged.sum()))} without a verdict: the bound there is as "
            "large as the sum of the magnitudes, or what comes near the largest number may overflow"
        )
    if certain.free.any():
        notes.append(
            f"{_elements(int(certain.free.sum()))} free to be anything: Fourier transforms spread "
            "NaN and infinity over a plane"
        )
    grade: Grade = "within-bound"
    if same_bits:
        grade = "bit-identical"
    elif (np.abs(errors) > 1).any():
        grade = "fails"
    elif judged.unjudged.any():
        grade = "cannot-judge"
    if not errors.size:
        return Comparison(grade, 0.0, None, 0.0, 0.0, 0.0, errors, errors, notes=tuple(notes))
    where = tuple(map(int, np.unravel_index(int(np.abs(errors).argmax()), errors.shape)))
    return Comparison(
        grade,
        float(np.abs(errors[where])),
        where,
        float(got[where]),
        float(judged.expected[where]),
        float(judged.allowed[where]),
        errors,
        judged.deviations,
        *_lean(got, truth, judged.deviations, plan, chosen),
        tuple(notes),
    )


def _unmeasured(shape: tuple[int, ...]) -> Comparison:
    """Of a result that has the contract's bits, and so is within every bound."""
    errors, deviations = np.broadcast_to(0.0, shape), np.broadcast_to(math.nan, shape)
    return Comparison("bit-identical", 0.0, None, 0.0, 0.0, 0.0, errors, deviations)


def _truth_of(known: Samples, exact: bool) -> tuple[NDArray[np.float64], Any]:
    """The truth, and how far from it that is."""
    if not exact:
        near, off = near_truth(known)
        if np.isfinite(off).all():  # binary64 has not overflowed
            return near, off
    return truth_of(known), 0.0


def _lean(
    got: NDArray[np.float64],
    truth: NDArray[np.float64],
    deviations: NDArray[np.float64],
    plan: Plan,
    precision: Precision,
) -> tuple[float, float]:
    """The least-squares fit of error = factor * truth: the factor and its standard error."""
    compared = np.isfinite(deviations)
    real, found = truth[compared], got[compared]
    size = float(np.abs(real).max(initial=0.0))
    if size == 0 or not plan.passes:
        return 0.0, 0.0
    real, error = real / size, (found - real) / size
    square = float(real @ real)
    factor = float(error @ real) / square
    rest = error - factor * real
    wide = max(precision.operands.unit, precision.accumulation.unit)
    unit = len(plan.passes) * wide / 2
    return factor / unit, math.sqrt(float(rest @ rest) / (real.size * square)) / unit


def _elements(number: int) -> str:
    return "1 element is" if number == 1 else f"{number:,} elements are"


@dataclass(frozen=True)
class _Judged:
    """Each element's part of a `Comparison`."""

    errors: NDArray[np.float64]
    deviations: NDArray[np.float64]
    expected: NDArray[np.float64]
    allowed: NDArray[np.float64]
    unjudged: NDArray[np.bool_]

    def replaced(self, other: "_Judged", mask: NDArray[np.bool_]) -> "_Judged":
        """The other's part of the elements of a mask."""
        return _Judged(*(np.where(mask, getattr(other, n), getattr(self, n)) for n in vars(self)))


def _judge(
    got: NDArray[np.float64],
    truth: NDArray[np.float64],
    certain: Spread,
    plan: Plan,
    precision: Precision,
    allowed: Allowance,
) -> _Judged:
    integer = plan.dtype.startswith("uint")
    result = FORMATS[plan.dtype]
    top = result.largest if integer else min(result.largest, precision.storage.largest)
    special = certain.certain != 0  # NaN or infinite
    expected = np.where(special, certain.certain, truth)
    with np.errstate(all="ignore"):
        if integer:  # clipped, and NaN stored as 0
            aim = np.where(np.isnan(expected), 0.0, np.clip(expected, 0.0, top))
        else:
            aim = expected
        error = got - aim
        share = np.where(error == 0, 0.0, error / allowed.total)
        # Infinities: what is beyond the largest number, if only by the bound, may become one.
        beyond = np.isinf(got) & (np.abs(truth) + allowed.arithmetic > top)
        share = np.where(beyond & (np.sign(got) == np.sign(truth)), 0.0, share)
        share = np.where(np.isnan(share), math.inf, share)
        wild = allowed.overflow & ~np.isfinite(got)
        exact = np.where(np.isnan(aim), np.isnan(got), got == aim)
        either = certain.either & (np.isnan(got) | (integer & (got == 0)))
        share = np.where(special, np.where(exact | either, 0.0, math.inf), share)
        blank = (wild & ~special) | np.isinf(allowed.total)
        share = np.where(certain.free | blank, 0.0, share)
        unjudged = ~certain.free & (blank | (~special & allowed.vacuous))
        deviations = error / allowed.deviation
        skipped = special | certain.free | unjudged | (aim != truth) | ~np.isfinite(deviations)
        deviations = np.where(skipped, math.nan, deviations)
    return _Judged(share, deviations, expected, allowed.total, unjudged)


def _same_bits(a: NDArray[Any], b: NDArray[Any], dtype: str) -> bool:
    """Whether two arrays of storage agree to the bit; only the bits of a NaN are free."""
    left, right = (widen(s, dtype) for s in (a, b))
    same = (left == right) & (np.signbit(left) == np.signbit(right))
    return bool((same | (np.isnan(left) & np.isnan(right))).all())


_ENOUGH = 64  # elements, below which a mean says little
_SPREAD, _LEAN, _SIGMAS = 3.0, 2.0, 6.0


def suspicions(comparison: Comparison) -> list[str]:
    """Return what the mean and the mean square of a probe's many independent errors suggest.

    Nothing for fewer than 64 elements, and where nothing is suspicious.
    """
    d = comparison.deviations[np.isfinite(comparison.deviations)]
    if d.size < _ENOUGH:
        return []
    found = []
    root = math.sqrt(float(np.mean(d * d)))
    if root > _SPREAD:
        found.append(
            f"errors are {root:.1f} times as large as independent roundings to nearest in this "
            "precision make them: is something held or multiplied in a coarser format?"
        )
    if abs(comparison.lean) > _LEAN and abs(comparison.lean) > _SIGMAS * comparison.lean_error:
        way = "large" if comparison.lean > 0 else "small"
        found.append(
            f"results are too {way} throughout, by {abs(comparison.lean):.1f} times what rounded "
            "taps explain: are numbers truncated, or do the taps not sum to 1?"
        )
    return found
