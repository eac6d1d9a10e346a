"""Downsampling a picture, transparency and all.

What is filtered is what a pixel contributes: its colour times its opacity. Otherwise the colour
that a fully transparent pixel happens to store would bleed into its neighbours. Afterwards the
colour is divided by the opacity again, and rounded once.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aa_ref

from ..endings import UsageError, note
from . import exif as exif_fields
from .picture import Picture, full_scale

__all__ = ["downsample_picture"]


def downsample_picture(
    picture: Picture, *, keep_associated: bool, dtype: Any = None, **options: Any
) -> Picture:
    """`aa_ref.downsample` along rows and columns: the options' ``axes`` are (0, 1).

    Parameters
    ----------
    picture : Picture
    dtype, options
        As in `aa_ref.downsample`.
    keep_associated : bool
        Whether a picture whose colours are multiplied by its alpha may stay so. Otherwise the
        result's are not.
    """
    p = aa_ref.plan(picture.pixels.shape, **{k: v for k, v in options.items() if k != "backend"})
    picture = _with_new_size(picture, p)
    target = picture.pixels.dtype if dtype is None else np.dtype(dtype)
    _check_full_scale(picture, target)
    if picture.alpha == "none" or (picture.alpha == "associated" and keep_associated):
        pixels = aa_ref.downsample(picture.pixels, dtype=dtype, **options)
        return replace(picture, pixels=pixels)
    filtered = aa_ref.downsample(_contributions(picture), **options)
    return replace(picture, pixels=_separated(filtered, target), alpha="straight")


def _with_new_size(picture: Picture, p: aa_ref.Plan) -> Picture:
    """Metadata for the result: its size, and a resolution that keeps lengths what they are."""
    down, across = (
        float(1 / a.scale) if a.sampling == "nearest" else float(a.stride) for a in p.axes
    )
    metadata = picture.metadata
    exif, resolution = metadata.exif, metadata.resolution
    if exif is not None:
        try:
            exif = exif_fields.adapted(exif, (p.out_shape[0], p.out_shape[1]), (down, across))
        except ValueError as error:
            note(f"the EXIF is not kept: {error}")
            exif = None
    if resolution is not None:
        resolution = resolution.spaced(down, across)
    return picture.with_metadata(exif=exif, resolution=resolution)


def _check_full_scale(picture: Picture, target: np.dtype[Any]) -> None:
    """Values are never rescaled, so a type may not make them mean something else.

    Colours may become floating-point numbers, which have no end to be cut off at.
    """
    source = picture.pixels.dtype
    if full_scale(source) == full_scale(target):
        return
    if picture.alpha != "none" or target.kind == "u":
        means = "opaque" if picture.alpha != "none" else "full intensity"
        raise UsageError(
            f"--dtype is {target}, but the picture is {picture.kind}, and values are never "
            f"rescaled: {full_scale(source):g} would no longer mean {means}; leave --dtype out"
        )


def _contributions(picture: Picture) -> NDArray[Any]:
    """Colour times opacity, and opacity itself from 0 to 1, in floating point."""
    stored = picture.pixels
    compute: Any = np.float64 if stored.dtype == np.float64 else np.float32
    colour = stored[..., :-1].astype(compute)
    opacity = stored[..., -1:].astype(compute) / compute(full_scale(stored.dtype))
    if picture.alpha == "straight":
        colour = colour * opacity
    return np.concatenate([colour, opacity], -1)


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
