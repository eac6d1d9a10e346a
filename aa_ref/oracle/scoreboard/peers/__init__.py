"""The peers' calls, a file for each library, as functions from an NCHW array to another.

Each takes the library's module and the scale. Filters are made of the plan's sigma, radius and
taps where the library is handed some, and are the library's own where it has them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....plans import AxisPlan, plan
from ...errors import OracleError

__all__ = ["Function", "NotOfferedError", "axis_of", "each_plane", "image_size", "weights_of"]

Function = Callable[[NDArray[Any]], NDArray[Any]]


class NotOfferedError(OracleError):
    """A peer cannot be asked: the reason in two words, and the rest of it."""

    def __init__(self, reason: str, details: str = "") -> None:
        super().__init__(f"{reason} ({details})" if details else reason)
        self.reason, self.details = reason, details


def axis_of(scale: Any) -> AxisPlan:
    """The filter of an axis: stride, sigma, radius and taps, those of binary32."""
    return plan((1 << 16,), scale, axes=-1).axes[0]


def weights_of(scale: Any, channels: int) -> NDArray[np.float32]:
    """K×K weights for each channel: shape (channels, 1, K, K)."""
    taps = axis_of(scale).taps
    return np.tile(np.outer(taps, taps)[None, None], (channels, 1, 1, 1))


def each_plane(act: Callable[[NDArray[Any]], Any]) -> Function:
    """A function of NCHW arrays from one of H×W arrays."""

    def fn(x: NDArray[Any]) -> NDArray[Any]:
        planes = [np.asarray(act(np.ascontiguousarray(p))) for p in x.reshape(-1, *x.shape[-2:])]
        return np.stack(planes).reshape(*x.shape[:2], *planes[0].shape)

    return fn


def image_size(shape: tuple[int, ...], scale: Any) -> tuple[int, int]:
    """Width and height of a picture made smaller, for libraries that ask for them."""
    height, width = shape[-2:]
    return round(width * float(scale)), round(height * float(scale))
