"""SciPy's Gaussian filter at full resolution, then every stride-th sample."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .task import Prepared, Task

__all__ = ["gaussian_filter", "gaussian_filter_as_written"]


def gaussian_filter(ndimage: Any, task: Task) -> Prepared:
    """``gaussian_filter`` with our radius, zeros outside, into memory; its sums are binary64."""
    axes = tuple(a.axis for a in task.plan.axes)
    full, out = np.empty(task.x.shape, np.float32), np.empty(task.plan.out_shape, task.x.dtype)
    kept = full[task.kept()]
    call = partial(
        ndimage.gaussian_filter, task.x, task.sigma, mode="constant", axes=axes,
        radius=task.axis.radius, output=full,
    )  # fmt: skip

    def filtered() -> NDArray[Any]:
        call()
        if out.dtype.kind == "u":
            np.copyto(out, np.rint(kept), casting="unsafe")
        else:
            np.copyto(out, kept, casting="same_kind")
        return out

    return Prepared(filtered, np.asarray, 2 * (len(task.taps) + 1))


def gaussian_filter_as_written(ndimage: Any, task: Task, **options: Any) -> Prepared:
    """``gaussian_filter`` with its own radius, ``int(4 * sigma + 0.5)``, and perhaps boundary."""
    axes = tuple(a.axis for a in task.plan.axes)
    call = partial(ndimage.gaussian_filter, task.x, task.sigma, axes=axes, **options)
    return Prepared(call, lambda y: np.asarray(y)[task.kept()])
