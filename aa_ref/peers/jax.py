"""JAX's strided convolution, with the plan's taps."""

from typing import Any

import numpy as np

from .task import Prepared, Task

__all__ = ["strided"]


def strided(jax: Any, task: Task) -> Prepared:
    """One grouped convolution; ``precision`` matters where an accelerator has a coarser one."""
    weights = np.tile(np.outer(task.taps, task.taps)[None, None], (task.channels, 1, 1, 1))
    options = {
        "window_strides": (task.stride,) * 2, "padding": [(task.axis.radius,) * 2] * 2,
        "precision": "highest", "feature_group_count": task.channels,
    }  # fmt: skip
    return Prepared(lambda: jax.lax.conv_general_dilated(task.x, weights, **options), np.asarray)
