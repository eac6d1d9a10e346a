"""Pillow's pictures of binary32, plane by plane."""

from typing import Any

from . import Function, axis_of, each_plane, image_size

__all__ = ["bicubic", "bilinear", "box", "lanczos", "reduce"]


def reduce(pillow: Any, scale: Any) -> Function:
    """The mean of each block."""
    stride = axis_of(scale).stride
    return each_plane(lambda plane: pillow.fromarray(plane).reduce(stride))


def box(pillow: Any, scale: Any) -> Function:
    """A box."""
    return _resized(pillow, scale, pillow.Resampling.BOX)


def bilinear(pillow: Any, scale: Any) -> Function:
    """A triangle."""
    return _resized(pillow, scale, pillow.Resampling.BILINEAR)


def bicubic(pillow: Any, scale: Any) -> Function:
    """A cubic."""
    return _resized(pillow, scale, pillow.Resampling.BICUBIC)


def lanczos(pillow: Any, scale: Any) -> Function:
    """Lanczos' of three lobes."""
    return _resized(pillow, scale, pillow.Resampling.LANCZOS)


def _resized(pillow: Any, scale: Any, how: Any) -> Function:
    return each_plane(
        lambda plane: pillow.fromarray(plane).resize(image_size(plane.shape, scale), how)
    )
