"""SciPy's Gaussian filter at full resolution, then every stride-th sample."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .task import Prepared, Task

__all__ = ["gaussian_filter"]


def gaussian_filter(ndimage: Any, task: Task) -> Prepared:
    """``gaussian_filter`` with zeros outside; its sums are binary64."""
    axes = tuple(a.axis for a in task.plan.axes)
    x, sigma, radius = task.x, float(task.axis.sigma), task.axis.radius
    full = np.empty(x.shape, np.float32)
    kept = tuple(slice(None, None, task.stride if d in axes else None) for d in range(3))
    out = np.empty(task.plan.out_shape, x.dtype)

    def call() -> NDArray[Any]:
        ndimage.gaussian_filter(x, sigma, mode="constant", axes=axes, radius=radius, output=full)
        if out.dtype.kind == "u":
            np.copyto(out, np.rint(full[kept]), casting="unsafe")
        else:
            np.copyto(out, full[kept], casting="same_kind")
        return out

    return Prepared(call, np.asarray, 2 * (len(task.taps) + 1))
