"""The layer ``AntiAliasInterpolation2d`` as published, and torch's strided convolution for it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Function, axis_of, weights_of

__all__ = ["original", "original_of_2019", "strided"]


def original(torch: Any, scale: Any) -> Function:
    """Filtered at full resolution with its own weights, then all but a few samples dropped."""
    stride, blur = axis_of(scale).stride, _blur(torch, scale)
    return lambda x: np.asarray(blur(x)[:, :, ::stride, ::stride])


def original_of_2019(torch: Any, scale: Any) -> Function:
    """The same filter, then ``interpolate``, which picks nearest samples."""
    blur, interpolate = _blur(torch, scale), torch.nn.functional.interpolate
    return lambda x: np.asarray(interpolate(blur(x), scale_factor=(float(scale),) * 2))


def strided(torch: Any, scale: Any) -> Function:
    """One grouped convolution of K×K taps that computes only what is kept."""
    axis = axis_of(scale)

    def fn(x: NDArray[Any]) -> NDArray[Any]:
        weights = torch.from_numpy(weights_of(scale, x.shape[1]))
        given = torch.from_numpy(np.ascontiguousarray(x))
        return np.asarray(
            torch.nn.functional.conv2d(
                given, weights, stride=axis.stride, padding=axis.radius, groups=x.shape[1]
            )
        )

    return fn


def _blur(torch: Any, scale: Any) -> Any:
    """A product of two exponentials in binary32 over their sum, zeros around the picture."""
    axis = axis_of(scale)
    sigma, r = float(axis.sigma), axis.radius
    weights = torch.tensor(1.0)
    positions = torch.arange(2 * r + 1, dtype=torch.float32)
    for grid in torch.meshgrid(positions, positions, indexing="ij"):
        weights = weights * torch.exp(-((grid - r) ** 2) / (2 * sigma**2))
    weights = (weights / torch.sum(weights))[None, None]

    def blur(x: NDArray[Any]) -> Any:
        if sigma == 0:
            return torch.from_numpy(np.ascontiguousarray(x))  # as the layer does at scale 1
        padded = torch.nn.functional.pad(torch.from_numpy(np.ascontiguousarray(x)), (r, r, r, r))
        repeated = weights.repeat(x.shape[1], 1, 1, 1)
        return torch.nn.functional.conv2d(padded, repeated, groups=x.shape[1])

    return blur
