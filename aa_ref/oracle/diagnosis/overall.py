"""What concerns all axes together: sums of weights, filters exchanged, and what is left open."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..precisions import FORMATS
from .accuracy import Accuracy
from .axes import AxisFault, AxisStudy
from .impulses import Response
from .subject import Subject
from .words import counted

__all__ = ["answers_to_nothing", "judge_rest", "judge_sum", "judge_swaps", "total_gain"]

Values = NDArray[np.float64]

_FADED = 1 / 64
"""Of what is added to all results, which rounding may change at the ends."""


def answers_to_nothing(subject: Subject, lengths: tuple[int, ...]) -> list[AxisFault]:
    """Return what is wrong if the answer to zeros is not zeros."""
    y = subject.plane(np.zeros(lengths))
    if y is None or not y.size or not np.any(y != 0):
        return []
    if np.isnan(y).all():
        return [AxisFault("nan", "all results are NaN, whatever the input")]
    middle = y[tuple(slice(m // 3, m - m // 3) for m in y.shape)]
    amid = float(middle.flat[0])
    found = []
    if np.any(middle != 0):
        words = f"zeros become {amid:.6g}: something is added to every result"
        found.append(AxisFault("values", words))
    # What is added before the last pass fades to 0 at the ends, where that is right.
    beyond = np.maximum(y - max(amid, 0.0), min(amid, 0.0) - y)
    if beyond.max() > _FADED * abs(amid):
        edge = float(y.flat[beyond.argmax()])
        words = f"beyond the ends lies another constant than 0: zeros become up to {edge:.6g} there"
        found.append(AxisFault("boundary", words))
    return found


def total_gain(
    subject: Subject, responses: Sequence[Response], studies: Sequence[AxisStudy]
) -> tuple[float, int]:
    """The sum of all weights of an output clear of the ends, and the terms summed to get it.

    Each line of answers is the taps of its axis times one weight of every other axis; where lines
    cross, the answer is the product of one weight of each: so no sum is the implementation's own.
    Lines of impulses have seen all other weights. If lines come from different planes, the answer
    to ones everywhere tells instead.
    """
    first, count = responses[0], len(responses)
    if count == 1 or first.where == "everywhere":
        return studies[0].rows.total, max(first.lengths)
    crossing = float(first.matrix[responses[1].line[0], responses[1].at[0]])
    if all(r.lengths == first.lengths for r in responses) and crossing:
        return math.prod(s.rows.total for s in studies) / crossing ** (count - 1), 1
    lengths = tuple(r.lengths[k] for k, r in enumerate(responses))
    y = subject.plane(np.ones(lengths))
    gain = math.nan if y is None else float(y[tuple(m // 2 for m in y.shape)])
    return gain, math.prod(len(s.rows.taps) for s in studies)


def judge_sum(gain: float, accuracy: Accuracy, coarse: bool = False) -> AxisFault | None:
    """Judge whether the weights sum to 1, to within the errors of recovering them.

    If numbers are ``coarse``, these are as much as four roundings to bfloat16.
    """
    limit = max(accuracy.sum(), 4 * FORMATS["bfloat16"].unit if coarse else 0.0)
    if math.isnan(gain) or abs(gain - 1) <= limit:
        return None
    return AxisFault("normalisation", f"the weights of an output sum to {gain:.8g}, not 1")


def judge_rest(
    subject: Subject, studies: Sequence[AxisStudy], gain: float, accuracy: Accuracy
) -> tuple[AxisFault | None, bool]:
    """Whether the recovered map explains the answers to random samples, small and large.

    And whether answers are those of some linear map.

    If it does not, either numbers are held more coarsely, or something else goes on than a sum of
    products. The two differ in that rounding does not commute with sums, another map does, and
    what is no map at all does not commute with signs and powers of two.
    """
    lengths = tuple(s.plan.length for s in studies)
    x = subject.noise(lengths, 9)
    z = subject.plane(np.zeros(lengths))
    if z is None:
        return None, True
    weights = math.prod(len(s.rows.taps) for s in studies)
    worst = 0.0
    for factor in (1.0, 1 / 64 if subject.is_cut else 64.0):
        y = subject.plane(factor * x)
        if y is None or y.shape != tuple(len(s.rows.matrix) for s in studies):
            return None, True
        model = _applied(gain, [s.observed for s in studies], factor * x)
        size = _sizes(gain, studies, factor * x)
        with np.errstate(all="ignore"):
            error = np.where(size > 0, np.abs(y - z - model) / (size + np.abs(z)), 0.0)
        worst = max(worst, float(np.nan_to_num(error, nan=np.inf).max()))
    if worst <= accuracy.random(weights):
        return None, True
    words = f"on random samples the error is up to {worst:.2g} of the sum of absolute terms"
    why = "" if subject.is_cut else _why_not_linear(subject, x, z)
    if why:
        return AxisFault("values", f"{words}: {why}"), False
    # Errors of rounding come again with sums; those of another map do not.
    if _is_additive(subject, studies, gain, x, z, min(accuracy.random(weights), worst / 8)):
        words += ": no filter along each axis in turn does this, though it is linear"
        return AxisFault("values", words), True
    digits = counted(max(int(-math.log2(worst)), 0), "binary digit")
    return AxisFault("precision", f"{words}, as if {digits} were kept"), True


def _why_not_linear(subject: Subject, x: Values, z: Values) -> str:
    """Signs and powers of two go through sums of products of any precision; else, what happens.

    The coarsest format's error is allowed for, twice: once for each of the answers.
    """
    y, many = subject.plane(x), subject.plane(64 * x)
    other = subject.plane(-x)
    if y is None or many is None or other is None:
        return "it is not linear: it refuses some values"
    limit = 2 * FORMATS["bfloat16"].unit * float(np.abs(y).max() + np.abs(z).max())
    if np.any(np.abs(other - z + (y - z)) > limit):
        return "it is not linear: the negative input does not give the negative result"
    if np.any(np.abs(many - z - 64 * (y - z)) > 64 * limit):
        return "it is not linear: 64 times the input does not give 64 times the result"
    return ""


def _applied(gain: float, matrices: Sequence[Values], x: Values) -> Values:
    """What the recovered map makes of samples."""
    y = gain * x
    for k, matrix in enumerate(matrices):
        y = np.moveaxis(np.tensordot(matrix, y, (1, k)), 0, k)
    return y


def _sizes(gain: float, studies: Sequence[AxisStudy], x: Values) -> Values:
    """The sums of absolute terms."""
    return _applied(abs(gain), [np.abs(s.observed) for s in studies], np.abs(x))


def _is_additive(
    subject: Subject,
    studies: Sequence[AxisStudy],
    gain: float,
    x: Values,
    z: Values,
    relative: float,
) -> bool:
    """Whether the answer to a sum is the sum of the answers, but for rounding of allowed size.

    Each of the three may be off by that, relative to its sum of absolute terms.
    """
    other = x[tuple(slice(None, None, -1) for _ in x.shape)]
    half = x / 2  # and the sum is within what numbers may be
    both = subject.holds(half + other / 2)
    other = both - half
    answers = [subject.plane(v) for v in (half, other, both)]
    if any(y is None for y in answers):
        return False
    a, b, c = (y - z for y in answers if y is not None)
    size = sum(_sizes(gain, studies, v) for v in (half, other, both))
    return bool(np.all(np.abs(c - a - b) <= relative * size))


def judge_swaps(studies: Sequence[AxisStudy], letters: Sequence[str]) -> list[AxisFault]:
    """The faults of the axes' order; what follows from them is dropped from the studies."""
    return [*_bare(studies, letters), *_exchanged(studies)]


def _bare(studies: Sequence[AxisStudy], letters: Sequence[str]) -> list[AxisFault]:
    """Some axes have a filter, the others should and have none."""
    filtered = [s.has_filter for s in studies]
    if not any(filtered) or all(filtered) or not all(s.plan.radius for s in studies):
        return []
    bare = " and ".join(c for c, f in zip(letters, filtered, strict=True) if not f)
    others = " and ".join(c for c, f in zip(letters, filtered, strict=True) if f)
    untouched = [s for s, f in zip(studies, filtered, strict=True) if not f]
    lacks = "no filter"
    if all(s.places.spacing == 1 for s in untouched):
        lacks = "neither filter nor stride"
    for study in untouched:
        study.drop("sigma", "radius", *(["stride"] if "stride" in lacks else []))
    words = f"the filter runs along {others} alone: there is {lacks} along {bare}"
    return [AxisFault("axes", words)]


def _exchanged(studies: Sequence[AxisStudy]) -> list[AxisFault]:
    """Two axes have each other's scale, or each other's sigma."""
    found = []
    for one, other in itertools.combinations(studies, 2):
        spacings = one.places.spacing, other.places.spacing
        if one.plan.scale != other.plan.scale and (
            spacings == (other.plan.spacing, one.plan.spacing)
        ):
            found.append(AxisFault("axes", "the axes have each other's scale"))
            one.drop("stride", "size", "sigma", "radius")
            other.drop("stride", "size", "sigma", "radius")
        elif one.plan.sigma != other.plan.sigma and one.follows(other) and other.follows(one):
            found.append(AxisFault("axes", "the axes have each other's filter"))
            one.drop("sigma", "radius")
            other.drop("sigma", "radius")
    return found
