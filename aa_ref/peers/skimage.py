"""scikit-image: a Gaussian of its own, then linear interpolation on another grid."""

from typing import Any

import numpy as np

from .task import Prepared, Task

__all__ = ["pyramid_reduce", "rescale"]


def rescale(transform: Any, task: Task) -> Prepared:
    """``rescale`` with ``anti_aliasing``: sigma (1/s - 1)/2."""
    filtered = [a.axis for a in task.plan.axes]
    factors = tuple(task.scale if d in filtered else 1 for d in range(task.x.ndim))
    return Prepared(
        lambda: transform.rescale(task.x, factors, anti_aliasing=True, preserve_range=True),
        np.asarray,
    )


def pyramid_reduce(transform: Any, task: Task) -> Prepared:
    """``pyramid_reduce``: sigma a third of the factor."""
    options = {"downscale": float(1 / task.axis.scale), "preserve_range": True}
    return Prepared(
        lambda: [transform.pyramid_reduce(plane, **options) for plane in task.planes], task.joined
    )
