"""CuPy's filters along one axis, on a GPU: rows, then columns, each cut to its outputs."""

from importlib import import_module
from typing import Any

from ..errors import NotOfferedError
from .task import Prepared, Task

__all__ = ["correlate"]


def correlate(ndimage: Any, task: Task) -> Prepared:
    """``correlate1d`` along rows, every stride-th of them, then the same along columns."""
    if task.x.dtype.kind != "f":
        raise NotOfferedError("it cuts results of integers off, and rounds none")
    cupy = import_module("cupy")
    x, taps = cupy.asarray(task.x), cupy.asarray(task.taps)
    axes = [(a.axis, _every(task.stride, a.axis)) for a in task.plan.axes]

    def call() -> Any:
        y = x
        for axis, kept in axes:
            y = ndimage.correlate1d(y, taps, axis=axis, mode="constant")[kept]
        return y

    return Prepared(call, cupy.asnumpy, 2 * (len(task.taps) + 1))


def _every(stride: int, axis: int) -> tuple[slice, ...]:
    """Every stride-th along one axis of three, and all along the others."""
    return tuple(slice(None, None, stride if d == axis else None) for d in range(3))
