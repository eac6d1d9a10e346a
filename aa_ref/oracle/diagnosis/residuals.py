"""Answers held against the recovered map: to random samples, and along axes of many tiles.

Planes that are as small as a filter allows lie within one tile, and all of them tell of one map.
So each axis in turn is asked once at a length of many tiles. Beside a seam the map is another one,
while on both sides of it outputs follow the one that is recovered.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..error_sites import Sites, joined, sites_of
from ..findings import counted
from ..numerics.formats import FORMATS
from ..numerics.linear_map import along
from .blackbox import AxisFault, BlackBox, Inquiry
from .estimate import AxisStudy
from .tap_models import Accuracy

__all__ = ["judge_residuals", "words_of_seams"]

Values = NDArray[np.float64]

_LONG, _MOST = 4_200, 1 << 19
"""Samples along the axis, and of the plane, at most."""

_OF_CENTRES = ("phase", "stride", "size", "flip", "axes")
"""Faults of places: by another rule, longer axes may have other centres."""


def judge_residuals(
    subject: BlackBox, studies: Sequence[AxisStudy], gain: float, accuracy: Accuracy
) -> tuple[AxisFault | None, bool]:
    """Judge whether the recovered map explains the answers to random samples, small and large.

    And whether answers are those of some linear map.

    If it does not, either numbers are held more coarsely, or something else goes on than a sum of
    products. The two differ in that rounding does not commute with sums, another map does, and
    what is no map at all does not commute with signs and powers of two.
    """
    lengths = tuple(s.plan.length for s in studies)
    x = subject.noise(lengths, 9)
    factors = (1.0, 1 / 64 if subject.is_cut else 64.0)
    z, *answers = subject.planes([np.zeros(lengths), *(factor * x for factor in factors)])
    if z is None:
        return None, True
    weights, maps = math.prod(len(s.rows.taps) for s in studies), [s.observed for s in studies]
    worst = 0.0
    for factor, y in zip(factors, answers, strict=True):
        if y is None or y.shape != tuple(len(s.rows.matrix) for s in studies):
            return None, True
        model = _applied(gain, maps, factor * x)
        size = _sizes(gain, maps, factor * x)
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
    if _is_additive(subject, maps, gain, x, z, min(accuracy.random(weights), worst / 8)):
        words += ": no filter along each axis in turn does this, though it is linear"
        return AxisFault("values", words), True
    digits = counted(max(int(-math.log2(worst)), 0), "binary digit")
    return AxisFault("precision", f"{words}, as if {digits} were kept"), True


def _why_not_linear(subject: BlackBox, x: Values, z: Values) -> str:
    """Say what happens to signs and powers of two, which go through sums of any precision.

    The coarsest format's error is allowed for, twice: once for each of the answers.
    """
    y, many, other = subject.planes([x, 64 * x, -x])
    if y is None or many is None or other is None:
        return "it is not linear: it refuses some values"
    limit = 2 * FORMATS["bfloat16"].unit * float(np.abs(y).max() + np.abs(z).max())
    if np.any(np.abs(other - z + (y - z)) > limit):
        return "it is not linear: the negative input does not give the negative result"
    if np.any(np.abs(many - z - 64 * (y - z)) > 64 * limit):
        return "it is not linear: 64 times the input does not give 64 times the result"
    return ""


def _applied(gain: float, matrices: Sequence[Values | None], x: Values) -> Values:
    """Return what the recovered map makes of samples, along the axes that have a matrix."""
    y = gain * x
    for k, matrix in enumerate(matrices):
        y = y if matrix is None else along(matrix, y, k)
    return y


def _sizes(gain: float, matrices: Sequence[Values | None], x: Values) -> Values:
    """Return the sums of absolute terms."""
    sizes = [None if matrix is None else np.abs(matrix) for matrix in matrices]
    return _applied(abs(gain), sizes, np.abs(x))


def _is_additive(
    subject: BlackBox, maps: Sequence[Values], gain: float, x: Values, z: Values, relative: float
) -> bool:
    """Tell whether the answer to a sum is the sum of the answers, within rounding.

    Each of the three may be off by that, relative to its sum of absolute terms.
    """
    other = x[tuple(slice(None, None, -1) for _ in x.shape)]
    half = x / 2  # and the sum is within what numbers may be
    both = subject.holds(half + other / 2)
    other = both - half
    answers = [*subject.planes([half, other, both])]
    if any(y is None for y in answers):
        return False
    a, b, c = (y - z for y in answers if y is not None)
    size = sum(_sizes(gain, maps, v) for v in (half, other, both))
    return bool(np.all(np.abs(c - a - b) <= relative * size))


def words_of_seams(
    q: Inquiry, studies: Sequence[AxisStudy], gain: float, accuracy: Accuracy
) -> str:
    """Say which outputs alone do not follow the map that small planes show; empty if all do.

    It is a map that explains random samples on small planes to within the same accuracy.
    """
    if any(s.by_length or s.blames(*_OF_CENTRES) for s in studies):
        return ""
    found = {k: _of_axis(q, studies, k, gain, accuracy) for k in range(len(studies))}
    seams = {k: sites for k, sites in found.items() if sites is not None}
    if not seams:
        return ""
    words = joined([*seams.values()], [*seams], "".join(q.letters))
    return f"wrong by their place: {words}. All others clear of the ends share one filter"


def _of_axis(
    q: Inquiry, studies: Sequence[AxisStudy], axis: int, gain: float, accuracy: Accuracy
) -> Sites | None:
    """Find outputs with a period along an axis, clear of its ends, that do not follow the map."""
    first, lengths = studies[axis].first, [s.plan.length for s in studies]
    short, plane = lengths[axis], math.prod(lengths) * q.subject.channels
    times = min(_LONG // short, min(q.subject.limit, _MOST) // plane)
    lengths[axis] = times * short  # where rules for the number of outputs agree
    if times < 2 or first.backwards or not first.is_even:
        return None
    x = q.subject.noise(tuple(lengths), 11)
    y, z = q.subject.planes([x, np.zeros(lengths)])
    if y is None or z is None or y.shape != z.shape:
        return None
    centres = first.centres_at(q.axis_plan(axis, lengths[axis]), y.shape[axis])
    starts = np.round(centres + first.rows.first).astype(np.int64)
    inside = (starts >= 0) & (starts + len(first.rows.taps) <= lengths[axis])
    clear = slice(int(inside.argmax()), int(inside.argmax() + inside.sum()))
    others = [None if k == axis else s.observed for k, s in enumerate(studies)]
    model, size = _applied(gain, others, x), _sizes(gain, others, x)
    model = _summed(first.rows.taps, model, starts[clear], axis)
    size = _summed(np.abs(first.rows.taps), size, starts[clear], axis)
    box = tuple(clear if k == axis else slice(None) for k in range(y.ndim))
    if y[box].shape != model.shape:
        return None
    limit = accuracy.random(math.prod(len(s.rows.taps) for s in studies)) * (size + np.abs(z[box]))
    off = np.zeros(y.shape, bool)
    off[box] = ~(np.abs(y[box] - z[box] - model) <= limit)
    sites = sites_of(off, box)
    return sites if axis in sites.along and sites.along[axis].period else None


def _summed(taps: Values, x: Values, starts: NDArray[np.int64], axis: int) -> Values:
    """Return the sums of the samples from each start on, times taps."""
    y = np.zeros((*x.shape[:axis], len(starts), *x.shape[axis + 1 :]))
    for k, tap in enumerate(taps):
        y += tap * x.take(starts + k, axis)
    return y
