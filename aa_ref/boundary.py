"""The four rules that extend a signal beyond its ends. See `docs/spec.md`, part 3."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BoundaryError

__all__ = ["BOUNDARIES", "OTHER_NAMES", "as_boundary", "fold"]

BOUNDARIES = ("zeros", "replicate", "reflect", "circular")

OTHER_NAMES: dict[str, dict[str, str]] = {
    "numpy.pad": {
        "constant": "zeros",
        "edge": "replicate",
        "reflect": "reflect",
        "wrap": "circular",
    },
    "scipy.ndimage": {
        "constant": "zeros",
        "grid-constant": "zeros",
        "nearest": "replicate",
        "mirror": "reflect",
        "wrap": "circular",
        "grid-wrap": "circular",
    },
    "OpenCV": {
        "BORDER_CONSTANT": "zeros",
        "BORDER_REPLICATE": "replicate",
        "BORDER_REFLECT_101": "reflect",
        "BORDER_WRAP": "circular",
    },
}
"""What other libraries call these rules (SciPy's ``"reflect"`` repeats the edge: it is none)."""


def as_boundary(boundary: Any) -> str:
    """One of `BOUNDARIES`.

    Raises
    ------
    BoundaryError
        If it is none; where another library uses the word, the message translates it.
    """
    if isinstance(boundary, str) and boundary in BOUNDARIES:
        return boundary
    hints = [
        f"; what {library} calls {boundary!r} is {names[boundary]!r} here"
        for library, names in OTHER_NAMES.items()
        if isinstance(boundary, str) and boundary in names
    ]
    raise BoundaryError(
        f"boundary is {boundary!r}; write one of {', '.join(map(repr, BOUNDARIES))}"
        + (hints[0] if hints else "")
    )


def fold(positions: Any, length: int, boundary: str) -> NDArray[np.int64]:
    """The index in ``0..length-1`` that stands in for each position, -1 where it is a zero.

    ::

        zeros       0 0 0 | a b c d | 0 0 0
        replicate   a a a | a b c d | d d d
        reflect     d c b | a b c d | c b a
        circular    b c d | a b c d | a b c
    """
    e = np.asarray(positions, np.int64)
    if boundary == "zeros":
        return np.where((e >= 0) & (e < length), e, -1)
    if boundary == "replicate":
        return np.clip(e, 0, length - 1)
    if boundary == "circular":
        return e % length
    period = max(2 * (length - 1), 1)  # length 1: everything is the one sample
    k = e % period
    return np.minimum(k, period - k) if length > 1 else np.zeros_like(e)
