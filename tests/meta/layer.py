"""A correct implementation with parts to swap: what mutants are made of.

It shares nothing with the package but the formulas, which are written again here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


def same(x: Any) -> Any:
    return x


def gaussian(i: Any, sigma: float) -> Any:
    return np.exp(-(i * i) / (2.0 * sigma * sigma)) if sigma else (i == 0) * 1.0


def zeros(e: Any, n: int) -> Any:
    return np.where((e >= 0) & (e < n), e, -1)


def every_stride(n: int, stride: int) -> Any:
    return np.arange(0, n, stride)


@dataclass(frozen=True)
class Layer:
    """Anti-aliased downsampling of (N, C, H, W) arrays, every part of which is an argument.

    ``along`` gives an axis (-2 or -1) a layer of its own for the parts that concern one axis.
    """

    scale: float = 0.25
    stride: Callable[[float], int] = lambda s: int(1 / s)
    sigma: Callable[[float], float] = lambda s: (1 / s - 1) / 2
    radius: Callable[[float], int] = lambda sigma: round(4 * sigma)
    places: Callable[[int], Any] = lambda r: np.arange(-r, r + 1)
    weights: Callable[[Any, float], Any] = gaussian
    normalised: Callable[[Any], Any] = lambda t: t / t.sum()
    rounded_taps: Callable[[Any], Any] = same
    centres: Callable[[int, int], Any] = every_stride
    fold: Callable[[Any, int], Any] = zeros
    outside: float = 0.0
    rows: Callable[[Any], Any] = same
    rounded: Callable[[Any], Any] = same
    before: Callable[[Any], Any] = same
    between: Callable[[Any], Any] = same
    after: Callable[[Any], Any] = same
    axes: tuple[int, ...] = (-2, -1)
    along: Mapping[int, "Layer"] = field(default_factory=dict)

    def __call__(self, x: Any) -> Any:
        dtype = x.dtype
        y = self.before(x)
        for k, axis in enumerate(self.axes):
            y = self.along.get(axis, self).one_pass(y, axis)
            y = self.between(y) if k < len(self.axes) - 1 else y
        y = self.after(y)
        return y.astype(dtype) if isinstance(y, np.ndarray) and y.dtype.kind == "f" else y

    def taps(self) -> tuple[Any, Any]:
        sigma = self.sigma(self.scale)
        places = self.places(self.radius(sigma))
        return self.normalised(self.weights(places.astype(float), sigma)), places

    def one_pass(self, x: Any, axis: int) -> Any:
        """The taps in turn, each for all outputs at once; sums in the type of the input."""
        taps, places = self.taps()
        taps = self.rounded_taps(taps.astype(x.dtype))
        n = x.shape[axis]
        centres = np.asarray(self.centres(n, self.stride(self.scale)))
        moved = np.moveaxis(x, axis, -1)
        total = np.zeros((*moved.shape[:-1], len(centres)), x.dtype)
        held = np.zeros(len(centres), x.dtype)
        for tap, place in zip(taps, places, strict=True):
            index = self.fold(centres + place, n)
            inside = index >= 0
            term = np.where(
                inside, moved[..., np.where(inside, index, 0)], x.dtype.type(self.outside)
            )
            total = self.rounded(total + self.rounded(tap * term).astype(x.dtype)).astype(x.dtype)
            held += np.where(inside, tap, 0)
        total = total if self.rows is same else self.rows(total, held)
        return np.moveaxis(total, -1, axis)

    def but(self, **parts: Any) -> "Layer":
        """The same with other parts."""
        return replace(self, **parts)
