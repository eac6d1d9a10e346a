"""CuPy's filters along one axis, on a GPU: rows, then columns, each cut to its outputs."""

from importlib import import_module
from typing import Any

from .task import NotOfferedError, Prepared, Task

__all__ = ["correlate"]


def correlate(ndimage: Any, task: Task) -> Prepared:
    """``correlate1d`` along rows, every stride-th of them, then the same along columns."""
    if task.x.dtype.kind != "f":
        raise NotOfferedError("it cuts results of integers off, and rounds none")
    cupy = import_module("cupy")
    x, taps = cupy.asarray(task.x), cupy.asarray(task.taps)
    all_of = (slice(None),) * task.x.ndim
    axes = [a.axis for a in task.plan.axes]
    kept = [(*all_of[:axis], slice(None, None, task.stride)) for axis in axes]

    def call() -> Any:
        y = x
        for axis, these in zip(axes, kept, strict=True):
            y = ndimage.correlate1d(y, taps, axis=axis, mode="constant")[these]
        return y

    return Prepared(call, cupy.asnumpy, 2 * (len(task.taps) + 1))
