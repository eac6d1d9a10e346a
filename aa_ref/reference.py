"""The contract as code: slow, short, to be read beside `docs/spec.md`, whose numbers it quotes.

Every other backend is held against these two functions to the bit.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .boundary import fold
from .dtypes import narrow, widen
from .plans import Plan

__all__ = ["adjoint", "forward", "forward_masked"]


def forward(plan: Plan, x: NDArray[Any]) -> NDArray[Any]:
    """Low-pass and subsample: `x` and the result are storage arrays (see `aa_ref.dtypes`)."""
    y = widen(x, plan.input_dtype)  # 4: to the compute type, exactly
    with np.errstate(all="ignore"):
        for a in plan.passes:  # 4: ascending dimension index
            y = np.moveaxis(y, a.axis, 0)
            result = np.zeros((a.out_length, *y.shape[1:]), plan.compute_dtype)  # 4: from +0.0
            for i, centre in enumerate(a.centres):  # 2: the input under the middle tap
                positions = centre + np.arange(-a.radius, a.radius + 1)
                for tap, j in zip(a.taps, fold(positions, a.length, a.boundary), strict=True):
                    if j >= 0:  # 3: -1 is a zero outside the signal, which adds nothing
                        result[i] = result[i] + tap * y[j]  # 4: two roundings, ascending taps
            y = np.moveaxis(result, 0, a.axis)
    return narrow(y, plan.dtype)  # 4: to the result type, rounded once


def adjoint(plan: Plan, g: NDArray[Any]) -> NDArray[Any]:
    """The transpose of `forward`'s linear map, for `g` of the plan's output shape."""
    x = widen(g, plan.input_dtype)
    with np.errstate(all="ignore"):
        for a in reversed(plan.passes):  # 5: descending dimension index
            x = np.moveaxis(x, a.axis, 0)
            extended = np.arange(-a.radius, a.length + a.radius)  # 5: positions e
            total = np.zeros((len(extended), *x.shape[1:]), plan.compute_dtype)  # 5: G, from +0.0
            for i, centre in enumerate(a.centres):  # 5: ascending i
                for k, tap in enumerate(a.taps):  # e = centre + k - R, stored at e + R
                    total[centre + k] = total[centre + k] + tap * x[i]
            result = total[a.radius : a.radius + a.length].copy()  # 5: G[j] first
            for e, j in zip(extended, fold(extended, a.length, a.boundary), strict=True):
                if e != j and j >= 0:  # 5: then what the boundary folds onto j, ascending e
                    result[j] = result[j] + total[e + a.radius]
            x = np.moveaxis(result, 0, a.axis)
    return narrow(x, plan.dtype)


def forward_masked(
    plan: Plan, x: NDArray[Any], mask: NDArray[Any], least: float = 0.5, fill: float = np.nan
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Normalised filtering: ``mask`` is a storage array or bool, of the shape of ``x``."""
    inner = plan.replace_array(plan.shape, plan.compute_dtype.name)  # 9: D rounds to no other type
    with np.errstate(all="ignore"):
        m = mask.astype(plan.compute_dtype)  # 9: rounded once
        product = np.where(m > 0, widen(x, plan.input_dtype), 0).astype(m.dtype) * m  # 9: rounded
        weights = forward(inner, m)
        weight = weights / forward(inner, np.ones_like(m))  # 9: rounded
        y = narrow(forward(inner, product) / weights, plan.dtype)  # 9: rounded, then 4
        shown = (weight >= plan.compute_dtype.type(least)) & (weights > 0)
    return np.where(shown, y, narrow(np.array([fill]), plan.dtype)), weight
