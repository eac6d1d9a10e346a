"""The same question twice."""

import numpy as np
from numpy.typing import NDArray

from .inquiry import Inquiry

__all__ = ["ask_twice"]


def ask_twice(q: Inquiry, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The answer to an array; the same question again gets the same answer."""
    first, second = q.subject.ask(x), q.subject.ask(x)
    if first is None or second is None:
        return None
    if not np.array_equal(first, second, equal_nan=True):
        q.fault(
            "unstable",
            "the same input gives another result the second time; nothing else can be told",
        )
    return first
