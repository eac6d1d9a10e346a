"""Kornia, on torch's tensors."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Function, NotOfferedError, axis_of

__all__ = ["blur", "blur_with_zeros", "pool", "pyr_down", "rescale"]


def blur(kornia: Any, scale: Any) -> Function:
    """``gaussian_blur2d`` with its own border."""
    return _blurred(kornia, scale)


def blur_with_zeros(kornia: Any, scale: Any) -> Function:
    """``gaussian_blur2d`` with zeros outside."""
    return _blurred(kornia, scale, border_type="constant")


def pool(kornia: Any, scale: Any) -> Function:
    """Three binomial taps, zeros outside."""
    stride = axis_of(scale).stride
    return _on_tensors(lambda x: kornia.filters.blur_pool2d(x, 3, stride))


def pyr_down(kornia: Any, scale: Any) -> Function:
    """Five binomial taps, then linear interpolation to half the size."""
    if scale != 0.5:
        raise NotOfferedError("not offered", "it halves and nothing else")
    return _on_tensors(kornia.geometry.transform.pyrdown)


def rescale(kornia: Any, scale: Any) -> Function:
    """A Gaussian of its own, then linear interpolation."""
    factor = float(scale)
    return _on_tensors(lambda x: kornia.geometry.transform.rescale(x, factor, antialias=True))


def _blurred(kornia: Any, scale: Any, **options: Any) -> Function:
    axis = axis_of(scale)
    size, sigma = (2 * axis.radius + 1,) * 2, (float(axis.sigma),) * 2
    return _on_tensors(
        lambda x: kornia.filters.gaussian_blur2d(x, size, sigma, **options)[
            ..., :: axis.stride, :: axis.stride
        ]
    )


def _on_tensors(act: Callable[[Any], Any]) -> Function:
    from_numpy = import_module("torch").from_numpy

    def fn(x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(act(from_numpy(np.ascontiguousarray(x))))

    return fn
