"""The same question twice, and different questions of one shape."""

import numpy as np
from numpy.typing import NDArray

from ...dtypes import FLOATING
from .. import patterns
from .inquiry import Inquiry

__all__ = ["ask_twice"]

Values = NDArray[np.float64]


def ask_twice(q: Inquiry, x: Values) -> Values | None:
    """Return the answer to an array, once two things have been looked at.

    Whether the same question again gets the same answer, else ``"unstable"`` is noted; and whether
    another one of the same shape gets another, else ``"values"``.
    """
    first, second = q.subject.ask(x), q.subject.ask(x)
    if first is None or second is None:
        return None
    if not np.array_equal(first, second, equal_nan=True):
        q.fault(
            "unstable",
            "the same input gives another result the second time; nothing else can be told",
        )
    elif first.size and _are_one(first, q.subject.ask(_other(x))):
        _judge_sameness(q, x.shape)
    return first


def _are_one(a: Values, b: Values | None) -> bool:
    return b is not None and np.array_equal(a, b, equal_nan=True)


def _other(x: Values) -> Values:
    """Samples in another order, which no filter makes the same of."""
    return x.reshape(-1)[::-1].reshape(x.shape)


def _judge_sameness(q: Inquiry, shape: tuple[int, ...]) -> None:
    """Look at a shape that has not been asked yet: zeros were, in the first place."""
    fresh = (*shape[:2], *(n + 2 * a.step + 3 for n, a in zip(shape[2:], q.reach, strict=True)))
    x = patterns.random(fresh, q.terms.dtype, 4)
    if q.terms.dtype in FLOATING:
        x = 64 * x
    one = q.subject.ask(x)
    if one is None or not np.isfinite(one).all() or not np.any(one):
        return  # it answers nothing but zeros or what is no number, which is told as that
    # Zeros, too: results of all others may be cut off at the same limit.
    if all(_are_one(one, q.subject.ask(v)) for v in (_other(x), np.zeros(fresh))):
        given = "×".join(map(str, q.terms.layout.shape(fresh[0], fresh[1], fresh[2:])))
        why = ", as from a cache that knows no more of them than their shape" * bool(np.ptp(one))
        q.fault(
            "values",
            "gives the same answer for different questions: two inputs of shape "
            f"{given} get one result{why}",
        )
