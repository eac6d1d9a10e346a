"""Torch's own ways to make a picture smaller."""

from functools import partial
from typing import Any

import numpy as np

from . import Function, axis_of

__all__ = ["average", "bicubic", "bilinear", "nearest"]


def _interpolate(torch: Any, scale: Any, **options: Any) -> Function:
    factor = (float(scale),) * 2
    call = partial(torch.nn.functional.interpolate, scale_factor=factor, **options)
    return lambda x: np.asarray(call(torch.from_numpy(np.ascontiguousarray(x))))


def bilinear(torch: Any, scale: Any) -> Function:
    """A triangle."""
    return _interpolate(torch, scale, mode="bilinear", antialias=True)


def bicubic(torch: Any, scale: Any) -> Function:
    """A cubic."""
    return _interpolate(torch, scale, mode="bicubic", antialias=True)


def nearest(torch: Any, scale: Any) -> Function:
    """No filter: its default."""
    return _interpolate(torch, scale)


def average(torch: Any, scale: Any) -> Function:
    """The mean of each whole block."""
    stride, call = axis_of(scale).stride, torch.nn.functional.avg_pool2d
    return lambda x: np.asarray(call(torch.from_numpy(np.ascontiguousarray(x)), stride))
