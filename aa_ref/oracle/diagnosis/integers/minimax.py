"""The linear fit whose largest error is smallest, or a proof that it is too large."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "leeway", "minimax"]

Values = NDArray[np.float64]

_MOST = 1000
"""Exchanges. What is neither found nor refuted by then counts as not found."""


class Fit(NamedTuple):
    """Parameters whose largest error is within the limit, or None.

    ``least`` is proven: no parameters have a smaller largest error.
    """

    parameters: Values | None
    least: float


def minimax(columns: Values, wanted: Values, limit: Values | float) -> Fit:
    """Parameters ``p`` with ``abs(wanted - columns @ p) <= limit``, by exchange.

    One more sample than there are parameters have a best fit with errors of one size; that is
    the least that any parameters can do. The sample with the largest error takes the place of one
    of them, so that this grows, until the error is within the limit or the least is beyond it
    (Stiefel 1959; it is the simplex method on the dual).

    Parameters
    ----------
    columns : ndarray of shape (samples, parameters)
    wanted : ndarray of shape (samples,)
    limit : float or ndarray of shape (samples,)
        Errors are measured by it: `Fit.least` is a multiple of it.
    """
    count = columns.shape[1]
    if len(wanted) <= count:
        return Fit(None, 0.0)
    scale = 1.0 / np.broadcast_to(limit, wanted.shape)
    a, y = columns * scale[:, None], wanted * scale
    size = np.maximum(np.abs(a).max(0), np.finfo(np.float64).tiny)
    a = a / size
    chosen = _independent(a)
    if chosen is None:
        return Fit(None, 0.0)
    null = np.linalg.svd(a[chosen].T)[2][-1]
    signs = np.where(null < 0, -1.0, 1.0)
    if (signs * np.abs(null)) @ y[chosen] < 0:
        signs = -signs
    least = 0.0
    for _ in range(_MOST):
        basis = np.vstack([(signs[:, None] * a[chosen]).T, np.ones(count + 1)])
        try:
            solved = np.linalg.solve(basis.T, signs * y[chosen])
            parts = np.linalg.solve(basis, np.eye(count + 1)[-1])
        except np.linalg.LinAlgError:
            break
        errors = y - a @ solved[:-1]
        least = max(least, float(solved[-1]))
        worst = int(np.abs(errors).argmax())
        if abs(errors[worst]) <= 1.0:
            return Fit(solved[:-1] / size, least)
        if least > 1.0 + 1e-9 or worst in chosen:  # but for the rounding of the fit itself
            break
        sign = np.sign(errors[worst])
        change = np.linalg.solve(basis, np.append(sign * a[worst], 1.0))
        with np.errstate(all="ignore"):
            ratios = np.where(change > 1e-12, np.maximum(parts, 0) / change, np.inf)
        k = int(ratios.argmin())
        chosen[k], signs[k] = worst, sign
    return Fit(None, least)


def leeway(errors: Values, limit: Values, slope: Values) -> tuple[float, float]:
    """How much less and more a parameter may be, all else being the same, to first order."""
    with np.errstate(all="ignore"):
        ends = np.sort([(errors - limit) / slope, (errors + limit) / slope], axis=0)
    moved = slope != 0
    return float(ends[0][moved].max(initial=-math.inf)), float(ends[1][moved].min(initial=math.inf))


def _independent(a: Values) -> NDArray[np.int64] | None:
    """One row more than there are columns, so that all columns are told apart."""
    chosen: list[int] = []
    rest = a.copy()
    for _ in range(a.shape[1]):
        k = int((rest**2).sum(1).argmax())
        length = float(np.sqrt(rest[k] @ rest[k]))
        if not length > 1e-12:
            return None
        chosen.append(k)
        unit = rest[k] / length
        rest = rest - (rest @ unit)[:, None] * unit
    chosen.append(next(k for k in range(len(a)) if k not in chosen))
    return np.array(chosen)
