"""Samples as the light that they stand for, by sRGB's curve, and back.

A sample stands for all light nearer to its own than to its neighbours', with the middle taken on
the curve: so a picture that is only turned into light and back stays as it is.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..endings import UsageError
from .picture import Picture, full_scale

__all__ = ["check_light", "light_of", "samples_of"]


def check_light(picture: Picture, dtype: str | None) -> None:
    """See that a picture can be filtered in linear light.

    Raises
    ------
    UsageError
        If its samples are of floating point or signed, or the result's would be other ones.
    """
    if picture.dtype.kind != "u":
        raise UsageError(
            f"--linear-light is given, but {picture.name} is {picture.kind}, whose samples stand "
            "for linear light as a rule; leave it out"
        )
    if dtype is not None and np.dtype(dtype) != picture.dtype:
        raise UsageError(
            f"--linear-light is given with --dtype {dtype}, and the samples would be of neither "
            "curve; leave --dtype out"
        )


def light_of(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Return the light of 8-bit or 16-bit samples, from 0 to 1."""
    light: NDArray[np.float32] = _lights(samples.dtype)[samples]
    return light


def samples_of(light: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the samples that stand for this light, cut off at the ends (inverse of `light_of`)."""
    return np.searchsorted(_middles(dtype), light, side="right").astype(dtype)


@cache
def _lights(dtype: np.dtype[Any]) -> NDArray[np.float32]:
    full = full_scale(dtype)
    return _curve(np.arange(full + 1) / full).astype(np.float32)


@cache
def _middles(dtype: np.dtype[Any]) -> NDArray[np.float32]:
    """The light from which on a sample is 1, 2, … full."""
    full = full_scale(dtype)
    return _curve((np.arange(full) + 0.5) / full).astype(np.float32)


def _curve(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1, from encoded values to light."""
    curve: NDArray[np.float64] = np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    )
    return curve
