"""Kornia, on torch's tensors."""

from importlib import import_module
from typing import Any

from .task import NotOfferedError, Prepared, Task
from .torch import floating, prepared, set_threads

__all__ = ["blur_pool", "gaussian_blur", "pyr_down", "rescale", "use_threads"]


def use_threads(_kornia: Any, threads: int) -> None:
    """Set torch's threads, which are Kornia's."""
    set_threads(import_module("torch"), threads)


def gaussian_blur(kornia: Any, task: Task, **options: Any) -> Prepared:
    """``gaussian_blur2d`` with its own border, or another; then every stride-th sample."""
    x, k = _input(task), task.stride
    size, sigma = (2 * task.axis.radius + 1,) * 2, (task.sigma,) * 2
    blur = kornia.filters.gaussian_blur2d
    return prepared(task, lambda: blur(x, size, sigma, **options)[..., ::k, ::k])


def blur_pool(kornia: Any, task: Task, size: int | None = None) -> Prepared:
    """``blur_pool2d``: binomial taps, so many or as many as ours, zeros outside."""
    x, taps = _input(task), size or len(task.taps)
    return prepared(task, lambda: kornia.filters.blur_pool2d(x, taps, task.stride))


def pyr_down(kornia: Any, task: Task) -> Prepared:
    """``pyrdown``: five binomial taps, then bilinear interpolation to half the size."""
    if task.scale != 0.5:
        raise NotOfferedError("it halves and nothing else")
    x = _input(task)
    return prepared(task, lambda: kornia.geometry.transform.pyrdown(x))


def rescale(kornia: Any, task: Task) -> Prepared:
    """A Gaussian of its own, then linear interpolation."""
    x = _input(task)
    return prepared(task, lambda: kornia.geometry.transform.rescale(x, task.scale, antialias=True))


def _input(task: Task) -> Any:
    return floating(import_module("torch"), task)
