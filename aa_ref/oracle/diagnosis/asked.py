"""How near a known implementation is to the operation that is asked for."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from ..conventions import Convention
from ..edges import bordered_row
from .naming import Counts, Likeness, ranked

__all__ = ["asked_of"]

_HERE = 2.0**-53
"""The unit of the arithmetic that conventions are computed in."""


def asked_of(
    lengths: Sequence[int],
    plan_for: Callable[[int, int], AxisPlan],
    counts: Sequence[Counts],
) -> Likeness:
    """The rank that an implementation without a fault would give to conventions.

    Parameters
    ----------
    lengths : sequence of int
        For each axis, one at which some outputs are clear of the ends.
    plan_for : function
        From the number of an axis and its length to its plan.
    counts : sequence of (inputs, outputs) pairs
        For each axis, the inputs at which numbers of outputs are compared.
    """

    @cache
    def likeness(c: Convention, axis: int) -> int:
        a = plan_for(axis, lengths[axis])
        scale = float(a.scale)
        sizes = all(
            max(c.outputs(n, scale), 0) == plan_for(axis, n).out_length for n, _ in counts[axis]
        )
        wanted, matrix = _matrix(a), c.matrix(a.length, scale)
        common = min(len(wanted), len(matrix))
        if not common:
            return 0
        # The plan's taps are rounded once. The convention's are exponentials of quotients up to 8,
        # off by two roundings of those and one of their own, over a sum of as many terms.
        relative = float(np.finfo(a.compute_dtype).eps) + (2 * a.radius + 20) * 2 * _HERE
        off = np.abs(matrix[:common] - wanted[:common])
        near = np.all(off <= relative * wanted[:common], axis=1)
        inside = (a.centres >= a.radius) & (a.centres + a.radius < a.length)
        return ranked(near, sizes, np.flatnonzero(inside).tolist())

    return likeness


def _matrix(a: AxisPlan) -> NDArray[np.float64]:
    """The weights that each output should give each input."""
    places, taps = np.arange(-a.radius, a.radius + 1.0), a.taps.astype(np.float64)
    return np.array(
        [bordered_row(c, places, taps, a.length, a.boundary) for c in a.centres.tolist()]
    )
