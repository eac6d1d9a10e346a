"""Downsampling a picture, transparency and all.

What is filtered is what a pixel contributes: its colour times its opacity. Otherwise the colour
that a fully transparent pixel happens to store would bleed into its neighbours. Afterwards the
colour is divided by the opacity again, and rounded once. In linear light the colour is the light
that a sample stands for.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aa_ref

from ..endings import UsageError
from ..nodata import Downsample, Holes, downsample_around
from .light import light_of, samples_of
from .picture import Picture, full_scale

__all__ = ["check_full_scale", "downsample_samples"]


def downsample_samples(
    picture: Picture,
    pixels: NDArray[Any],
    holes: Holes,
    name: str,
    *,
    dtype: Any,
    linear_light: bool = False,
    downsample: Downsample = aa_ref.downsample,
    **options: Any,
) -> NDArray[Any]:
    """Downsample along rows and columns.

    Parameters
    ----------
    picture : Picture
    pixels : ndarray
        Its samples.
    holes : Holes
        Which of them hold no data; none beside an alpha, or in linear light.
    name : str
        What becomes of it, for messages.
    linear_light : bool
        Whether the light that they stand for is filtered, in binary32.
    downsample : callable
        `aa_ref.downsample`, or what does a band's share of it.
    dtype, options
        As in `aa_ref.downsample`.
    """
    if linear_light:
        return _filtered_light(picture, pixels, partial(downsample, **options))
    if not picture.alpha:
        return downsample_around(pixels, holes, name, dtype=dtype, downsample=downsample, **options)
    filtered = downsample(_contributions(pixels), **options)
    return _separated(filtered, picture.dtype if dtype is None else np.dtype(dtype))


def _filtered_light(picture: Picture, pixels: NDArray[Any], downsample: Downsample) -> NDArray[Any]:
    """Filter the light of colours; alpha, and samples of unknown meaning, as they are."""
    if picture.channels == 1:
        grey = downsample(light_of(pixels))
        return samples_of(grey, picture.dtype)
    full = np.float32(full_scale(picture.dtype))
    colours, others = pixels[..., : picture.colours], pixels[..., picture.colours :]
    values = np.concatenate([light_of(colours), others.astype(np.float32) / full], -1)
    if picture.alpha:
        values[..., : picture.colours] *= values[..., -1:]
    values = downsample(values)
    light, others = values[..., : picture.colours], values[..., picture.colours :]
    if picture.alpha:
        light = np.divide(light, others, out=np.zeros_like(light), where=others != 0)
    rounded = np.clip(np.rint(others * full), 0, full).astype(picture.dtype)
    together = np.concatenate([samples_of(light, picture.dtype), rounded], -1)
    if picture.alpha:
        together[together[..., -1] == 0] = 0
    return together


def check_full_scale(picture: Picture, target: np.dtype[Any]) -> None:
    """See that a type does not make values, which are never rescaled, mean something else.

    Colours may become floating-point numbers, which have no end to be cut off at.

    Raises
    ------
    UsageError
        If it does.
    """
    source = picture.dtype
    if full_scale(source) == full_scale(target):
        return
    if picture.alpha or target.kind == "u":
        means = "opaque" if picture.alpha else "full intensity"
        raise UsageError(
            f"--dtype is {target}, but the picture is {picture.kind}, and values are never "
            f"rescaled: {full_scale(source):g} would no longer mean {means}; leave --dtype out"
        )


def _contributions(stored: NDArray[Any]) -> NDArray[Any]:
    """Colour times opacity, and opacity itself from 0 to 1, in floating point."""
    compute: Any = np.float64 if stored.dtype == np.float64 else np.float32
    colour = stored[..., :-1].astype(compute)
    opacity = stored[..., -1:].astype(compute) / compute(full_scale(stored.dtype))
    return np.concatenate([colour * opacity, opacity], -1)


def _separated(values: NDArray[Any], target: np.dtype[Any]) -> NDArray[Any]:
    """Colour beside opacity again; colour 0 where nothing is left of the opacity."""
    full, opacity = full_scale(target), values[..., -1:]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        colour = np.where(opacity == 0, 0, values[..., :-1] / opacity)
        together = np.concatenate([colour, opacity * values.dtype.type(full)], -1)
        if target.kind == "f":
            return together.astype(target)
        rounded: NDArray[Any] = np.clip(np.rint(together), 0, full).astype(target)
    rounded[rounded[..., -1] == 0] = 0
    return rounded
