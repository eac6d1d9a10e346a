"""SciPy's Gaussian filter at full resolution, then every stride-th sample."""

from functools import partial
from typing import Any

import numpy as np

from . import Function, axis_of

__all__ = ["as_it_is", "with_zeros"]


def as_it_is(ndimage: Any, scale: Any) -> Function:
    """Its own boundary, and its own radius: ``int(4 * sigma + 0.5)``."""
    return _filtered(ndimage, scale)


def with_zeros(ndimage: Any, scale: Any) -> Function:
    """Zeros beyond the ends."""
    return _filtered(ndimage, scale, mode="constant")


def _filtered(ndimage: Any, scale: Any, **options: Any) -> Function:
    axis = axis_of(scale)
    call = partial(ndimage.gaussian_filter, sigma=float(axis.sigma), axes=(-2, -1), **options)
    return lambda x: np.asarray(call(x))[..., :: axis.stride, :: axis.stride]
