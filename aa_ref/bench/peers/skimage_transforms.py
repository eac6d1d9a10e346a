"""scikit-image: a Gaussian of sigma (s - 1)/2, then linear interpolation at another grid."""

from typing import Any

import numpy as np

from .task import Prepared, Task

__all__ = ["rescale"]


def rescale(transform: Any, task: Task) -> Prepared:
    """``rescale`` with ``anti_aliasing``."""
    channel_axis = 0 if task.layout == "CHW" else 2
    x, scale = task.x, 1 / task.stride
    return Prepared(
        lambda: transform.rescale(
            x, scale, anti_aliasing=True, channel_axis=channel_axis, preserve_range=True
        ),
        np.asarray,
    )
