"""Seams of tiles: outputs of long axes that do not follow the map of short ones.

Planes that are as small as a filter allows lie within one tile, and all of them tell of one map.
So each axis in turn is asked once at a length of many tiles, and the answer is held against that
map. Beside a seam it is another one, while on both sides of it outputs follow the map.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..error_sites import Sites, joined, sites_of
from .blackbox import Inquiry
from .estimate import AxisStudy
from .tap_models import Accuracy

__all__ = ["words_of_seams"]

Values = NDArray[np.float64]

_LONG, _MOST = 4_200, 1 << 19
"""Samples along the axis, and of the plane, at most."""

_OF_CENTRES = ("phase", "stride", "size", "flip", "axes")
"""Faults of places: by another rule, longer axes may have other centres."""


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
    y, z = q.subject.plane(x), q.subject.plane(np.zeros(lengths))
    if y is None or z is None or y.shape != z.shape:
        return None
    centres = first.centres_at(q.axis_plan(axis, lengths[axis]), y.shape[axis])
    starts = np.round(centres + first.rows.first).astype(np.int64)
    inside = (starts >= 0) & (starts + len(first.rows.taps) <= lengths[axis])
    clear = slice(int(inside.argmax()), int(inside.argmax() + inside.sum()))
    model, size = gain * x, abs(gain) * np.abs(x)
    for k, study in enumerate(studies):
        if k != axis:
            model = _applied(study.observed, model, k)
            size = _applied(np.abs(study.observed), size, k)
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


def _applied(matrix: Values, x: Values, axis: int) -> Values:
    y: Values = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return y


def _summed(taps: Values, x: Values, starts: NDArray[np.int64], axis: int) -> Values:
    """Return the sums of the samples from each start on, times taps."""
    y = np.zeros((*x.shape[:axis], len(starts), *x.shape[axis + 1 :]))
    for k, tap in enumerate(taps):
        y += tap * x.take(starts + k, axis)
    return y
