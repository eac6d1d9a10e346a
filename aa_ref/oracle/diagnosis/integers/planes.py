"""Whole planes of noise: the answers to them, and what is rounded between the passes."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ... import patterns
from ..subject import Subject
from .ends import Rows
from .evidence import Planes, along

__all__ = ["ask_planes", "between_passes"]

Values = NDArray[np.float64]
Rounding = tuple[str, float]
"""In words, and what is added before rounding to nearest."""

_ROUNDINGS: tuple[Rounding, ...] = (("to nearest", 0.0), ("down", -0.5), ("up", 0.5))
_PLANES = 16
_MOST = 1 << 20
"""Samples in all planes, if there is more than one."""


def ask_planes(subject: Subject, lengths: tuple[int, ...], usable: int) -> Planes | None:
    """Ask with levels up to the one that is usable; None if nothing comes back."""
    count = max(1, min(_PLANES, _MOST // math.prod(lengths)))
    levels = patterns.random((count, *lengths), "uint16", 31) / 65536
    x = np.floor(levels * (usable + 1))
    answers = [y for y in subject.planes(x) if y is not None]
    if len(answers) < count or len({y.shape for y in answers}) > 1:
        return None
    return Planes(x, np.stack(answers))


def between_passes(planes: Planes, rows: Sequence[Rows]) -> str:
    """How results and what lies between the passes are rounded, if that gives all answers.

    Everything is an interval: what is rounded is known to within a bound, and so are the taps.
    """
    full, slack, gain = rows[0].lines.full, rows[0].lines.relative, rows[0].found.gain
    matrices = [r.matrix for r in rows]
    doubts = [_doubt(r) for r in rows]
    ways = itertools.product((1, -1), _ROUNDINGS, _ROUNDINGS)
    for way, (between, added), (last, more) in sorted(ways, key=lambda w: (w[1] != w[2], -w[0])):
        low, high = planes.x, planes.x
        order = range(len(matrices))[::way]
        for k in order:
            positive, negative = np.maximum(matrices[k], 0), np.minimum(matrices[k], 0)
            most = np.maximum(np.abs(low), np.abs(high))
            size = along(slack * np.abs(matrices[k]) + doubts[k], most, k + 1)
            low, high = (
                along(positive, low, k + 1) + along(negative, high, k + 1) - size,
                along(positive, high, k + 1) + along(negative, low, k + 1) + size,
            )
            if k != order[-1]:
                low = np.clip(np.ceil(low + added - 0.5), 0, full)
                high = np.clip(np.floor(high + added + 0.5), 0, full)
        low = np.clip(np.ceil(gain * low + more - 0.5), 0, full)
        high = np.clip(np.floor(gain * high + more + 0.5), 0, full)
        if np.all((low <= planes.y) & (planes.y <= high)):
            if between == last:
                return f"what lies between the passes is rounded to integers, too, all {last}"
            return f"what lies between the passes is rounded to integers, {between}, results {last}"
    return ""


def _doubt(r: Rows) -> Values:
    """By how much weights may be others: those of a sigma at either end of what is left open."""
    matrix = r.laid.matrix(r.found)
    if r.found.interval is None:
        return np.zeros(matrix.shape)
    ends = [r.laid.matrix(r.found.having(np.array([sigma]))) for sigma in r.found.interval]
    return np.asarray(np.max([np.abs(end - matrix) for end in ends], axis=0), np.float64)
