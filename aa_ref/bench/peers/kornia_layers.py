"""Kornia, on torch tensors: binomial filters."""

from importlib import import_module
from typing import Any

from ..errors import NotOfferedError
from .task import Prepared, Task
from .torch_tensors import array_of, set_threads, tensor_of

__all__ = ["blur_pool", "pyr_down", "use_threads"]


def use_threads(_kornia: Any, threads: int) -> None:
    """Kornia's threads are torch's."""
    set_threads(import_module("torch"), threads)


def blur_pool(kornia: Any, task: Task) -> Prepared:
    """``blur_pool2d``: binomial taps, as many as ours, zeros outside."""
    x = _floating(task)
    size, stride = len(task.taps), task.stride
    return Prepared(
        lambda: kornia.filters.blur_pool2d(x, size, stride), lambda y: array_of(task, y)
    )


def pyr_down(kornia: Any, task: Task) -> Prepared:
    """``pyrdown``: five binomial taps, then bilinear interpolation to half the size."""
    if task.stride != 2:
        raise NotOfferedError("it halves and nothing else")
    x = _floating(task)
    return Prepared(lambda: kornia.geometry.transform.pyrdown(x), lambda y: array_of(task, y))


def _floating(task: Task) -> Any:
    x = tensor_of(import_module("torch"), task)
    if not x.is_floating_point():
        raise NotOfferedError("it takes floating-point arrays")
    return x
