"""JAX's strided convolution, with the plan's taps."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Function, axis_of, weights_of

__all__ = ["strided"]


def strided(jax: Any, scale: Any) -> Function:
    """One grouped convolution; ``precision`` matters where an accelerator has a coarser one."""
    axis = axis_of(scale)
    convolve = partial(
        jax.lax.conv_general_dilated, window_strides=(axis.stride,) * 2,
        padding=[(axis.radius,) * 2] * 2, precision="highest",
    )  # fmt: skip

    def fn(x: NDArray[Any]) -> NDArray[Any]:
        channels = x.shape[1]
        return np.asarray(convolve(x, weights_of(scale, channels), feature_group_count=channels))

    return fn
