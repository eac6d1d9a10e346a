"""Large pictures: a band of rows at a time from the file into the result, with the same bits."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

import aa_ref
from aa_ref.plans import Part

from .picture import Picture

__all__ = ["bands_of", "downsample_bands"]

_BAND, _STRIP = 1 << 26, 1 << 20
"""Bytes of rows: that are filtered at a time, and that libvips is asked for, which keeps some."""


def bands_of(picture: Picture, p: aa_ref.Plan) -> list[Part]:
    """Cut the plan of a large picture into bands of rows.

    Returns
    -------
    list of Part
        Empty where the picture is small, or its rows are not needed from the top to the bottom: of
        an animation, of a picture that is stored turned, and with a circular boundary.
    """
    size = picture.height * picture.width * picture.channels * picture.dtype.itemsize
    if size <= 2 * _BAND or picture.frames > 1 or picture.orientation != 1:
        return []
    rows = p.out_shape[0]
    edges = np.linspace(0, rows, min(rows, -(-size // _BAND)) + 1).astype(int).tolist()
    parts = [p.part({0: edge}) for edge in pairwise(edges)]
    ranges = [part.inputs[0] for part in parts]
    return parts if all(len(r) == 1 for r in ranges) and ranges == sorted(ranges) else []


def downsample_bands(
    picture: Picture,
    image: Any,
    parts: list[Part],
    downsample: Callable[[NDArray[Any], Part], NDArray[Any]],
) -> NDArray[Any]:
    """Decode and downsample, band by band, and see that the last rows are there, too.

    Parameters
    ----------
    picture : Picture
    image : pyvips.Image
        Its rows, to be read once from the top.
    parts : list of Part
        As `bands_of` gives them.
    downsample : callable
        Given the samples of a part's inputs.
    """
    results = (downsample(x, part) for x, part in _inputs(picture, image, parts))
    first = next(results)
    height = sum(part.out_shape[0] for part in parts)
    result = np.empty((height, *first.shape[1:]), first.dtype)
    result[: len(first)], at = first, len(first)
    for band in results:
        result[at : at + len(band)] = band
        at += len(band)
    return result


def _inputs(picture: Picture, image: Any, parts: list[Part]) -> Iterator[tuple[NDArray[Any], Part]]:
    """Read the rows of each part; those that the next needs again are kept."""
    row, region = picture.shape[1:], pyvips.Region.new(image)
    held, start = np.empty((0, *row), picture.dtype), 0
    for part in parts:
        ((low, high),) = part.inputs[0]
        end = start + len(held)
        band = np.empty((max(high, end) - start, *row), picture.dtype)
        band[: len(held)] = held
        _read(region, end, band[len(held) :])
        yield band[low - start : high - start], part
        held, start = band[low - start :], low
    for at in range(start + len(held), picture.height):  # they may be cut off
        _read(region, at, np.empty((1, *row), picture.dtype))


def _read(region: Any, first: int, rows: NDArray[Any]) -> None:
    """Fill an array with the rows from ``first`` on."""
    width, step = rows.shape[1], max(1, _STRIP // max(1, rows[:1].nbytes))
    for at in range(0, len(rows), step):
        some = rows[at : at + step]
        data = region.fetch(0, first + at, width, len(some))
        some[:] = np.frombuffer(data, rows.dtype).reshape(some.shape)
