"""The vectorised backend: NumPy alone, one sweep over the arrays for each tap.

It runs wherever NumPy does. It keeps a padded copy of its input and compute-type intermediates;
the Numba backend does without.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..boundary import fold
from ..dtypes import narrow, widen
from ..plans import AxisPlan, Plan
from .base import Backend

__all__ = ["NumpyBackend"]


class NumpyBackend(Backend):
    """Adds ``tap * shifted input`` for each tap, in ascending order, over whole arrays."""

    name = "numpy"

    def forward(self, plan: Plan, x: NDArray[Any], out: NDArray[Any]) -> None:
        """See `Backend.forward`."""
        with np.errstate(all="ignore"):
            y = widen(x, plan.input_dtype)
            for a in plan.passes:
                y = np.moveaxis(_filter(a, np.moveaxis(y, a.axis, 0)), 0, a.axis)
            out[...] = narrow(y, plan.dtype)

    def adjoint(self, plan: Plan, g: NDArray[Any], out: NDArray[Any]) -> None:
        """See `Backend.adjoint`."""
        with np.errstate(all="ignore"):
            x = widen(g, plan.input_dtype)
            for a in reversed(plan.passes):
                x = np.moveaxis(_spread(a, np.moveaxis(x, a.axis, 0)), 0, a.axis)
            out[...] = narrow(x, plan.dtype)


def _filter(a: AxisPlan, x: NDArray[Any]) -> NDArray[Any]:
    """One forward pass along the first axis."""
    source = fold(np.arange(-a.radius, a.length + a.radius), a.length, a.boundary)
    extended = x[source]
    extended[source < 0] = 0
    y = np.zeros((a.out_length, *x.shape[1:]), x.dtype)
    under = _positions_under_taps(a)
    for k, tap in enumerate(a.taps):
        y += tap * extended[under(k)]
    return y


def _spread(a: AxisPlan, g: NDArray[Any]) -> NDArray[Any]:
    """One adjoint pass along the first axis.

    At any one position the outputs arrive in ascending order when the taps go in descending
    order, so each tap can be added for all outputs at once.
    """
    total = np.zeros((a.length + 2 * a.radius, *g.shape[1:]), g.dtype)
    under = _positions_under_taps(a)
    for k in range(len(a.taps) - 1, -1, -1):
        if a.spacing is None:  # centres may repeat: beyond 2**24 samples, or clipped to the last
            np.add.at(total, under(k), a.taps[k] * g)
        else:
            total[under(k)] += a.taps[k] * g
    x = total[a.radius : a.radius + a.length].copy()
    if a.boundary != "zeros":
        beyond = np.r_[-a.radius : 0, a.length : a.length + a.radius]
        for e, j in zip(beyond, fold(beyond, a.length, a.boundary), strict=True):
            x[j] += total[e + a.radius]
    return x


def _positions_under_taps(a: AxisPlan) -> Callable[[int], Any]:
    """A function of ``k``: the extended positions that tap ``k`` meets, one for each output."""
    if a.spacing is None:
        centres = a.centres
        return lambda k: centres + k
    spacing, last = a.spacing, (a.out_length - 1) * a.spacing
    return lambda k: slice(k, k + last + 1, spacing)
