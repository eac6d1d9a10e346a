"""OpenCV, plane by plane."""

import math
from functools import partial
from typing import Any

from numpy.typing import NDArray

from . import Function, NotOfferedError, axis_of, each_plane

__all__ = ["area", "blur", "blur_with_zeros", "pyr_down"]


def blur(cv2: Any, scale: Any) -> Function:
    """``GaussianBlur`` as it is: its own size of the filter, and its own border."""
    return _blurred(cv2, scale, (0, 0))


def blur_with_zeros(cv2: Any, scale: Any) -> Function:
    """``GaussianBlur`` with our number of taps and zeros outside."""
    size = (2 * axis_of(scale).radius + 1,) * 2
    return _blurred(cv2, scale, size, borderType=cv2.BORDER_CONSTANT)


def pyr_down(cv2: Any, scale: Any) -> Function:
    """Five binomial taps and half the size, as often as it takes."""
    halvings = math.log2(1 / scale)
    if not halvings.is_integer():
        raise NotOfferedError("not offered", "it halves and nothing else")

    def act(plane: NDArray[Any]) -> Any:
        for _ in range(int(halvings)):
            plane = cv2.pyrDown(plane)
        return plane

    return each_plane(act)


def area(cv2: Any, scale: Any) -> Function:
    """The mean of each area."""
    factor = float(scale)
    return each_plane(
        lambda plane: cv2.resize(
            plane, (0, 0), fx=factor, fy=factor, interpolation=cv2.INTER_AREA
        )
    )  # fmt: skip


def _blurred(cv2: Any, scale: Any, size: tuple[int, int], **options: Any) -> Function:
    axis = axis_of(scale)
    call = partial(cv2.GaussianBlur, ksize=size, sigmaX=float(axis.sigma), **options)
    return each_plane(lambda plane: call(plane)[:: axis.stride, :: axis.stride])
