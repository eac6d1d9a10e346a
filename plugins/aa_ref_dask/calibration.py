"""Axes of images: their names, kinds and units, and where samples lie in the world.

A `Dimension` says of one axis what OME-Zarr says of it. A level of a pyramid keeps name, kind and
unit; its samples lie where the centres of the plan lie, so spacing and offset follow from these.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import aa_ref
from aa_ref.errors import AxesError

__all__ = ["Dimension", "dimensions_named", "in_order", "numbers_of", "of_level", "unit_named"]

_KINDS = {
    "t": "time", "time": "time", "c": "channel", "channel": "channel",
    "z": "space", "y": "space", "x": "space",
}  # fmt: skip
_RANKS = {"time": 0, "space": 2}

_LENGTHS = {
    "m": "meter", "dm": "decimeter", "cm": "centimeter", "mm": "millimeter", "um": "micrometer",
    "micron": "micrometer", "microns": "micrometer", "nm": "nanometer", "pm": "picometer",
    "Å": "angstrom", "in": "inch", "inch": "inch", "ft": "foot", "km": "kilometer",
}  # fmt: skip
_TIMES = {
    "s": "second", "sec": "second", "ms": "millisecond", "us": "microsecond", "ns": "nanosecond",
    "min": "minute", "h": "hour", "d": "day",
}  # fmt: skip
_UNITS = _LENGTHS | _TIMES


class Dimension(NamedTuple):
    """One axis of an image.

    Attributes
    ----------
    name : str
    kind : str or None
        ``"time"``, ``"channel"``, ``"space"``, another type of OME-Zarr's, or None.
    unit : str or None
        As OME-Zarr writes it: ``"micrometer"``.
    spacing, offset : float
        Sample ``i`` lies at ``offset + i * spacing``, in that unit.
    """

    name: str
    kind: str | None
    unit: str | None = None
    spacing: float = 1.0
    offset: float = 0.0


def dimensions_named(names: Sequence[str], ndim: int) -> tuple[Dimension, ...]:
    """Return the dimensions of an array of which only the axes' names are known.

    Parameters
    ----------
    names : str or sequence of str
        ``"tczyx"``, a letter for each axis; ``"time,y,x"``, words; or a sequence.
    ndim : int
        How many axes the array has.

    Raises
    ------
    AxesError
        If there is not one name for each axis, or one comes twice.
    """
    words = [str(name) for name in _split(names)]
    if len(words) != ndim:
        raise AxesError(
            f"dims is {names!r}, {len(words)} name(s) for an array of {ndim} axes; name each of "
            "them in the array's order, such as 'tczyx'"
        )
    if len(set(words)) < len(words):
        raise AxesError(f"dims is {names!r}, which names an axis twice; give each its own name")
    return tuple(Dimension(word, _KINDS.get(word.lower())) for word in words)


def numbers_of(axes: Sequence[str | int] | int, dimensions: Sequence[Dimension]) -> tuple[int, ...]:
    """Return the numbers of axes that are given by name, by number, or both.

    Raises
    ------
    AxesError
        If there is no axis of that name or number, or one comes twice.
    """
    names = [d.name for d in dimensions]
    numbers = []
    for axis in [axes] if isinstance(axes, int) else _split(axes):
        if isinstance(axis, str):
            if axis not in names:
                raise AxesError(
                    f"axes is {axes!r}, but there is no axis {axis!r}; the axes are "
                    f"{', '.join(names)}"
                )
            numbers.append(names.index(axis))
        else:
            if not -len(names) <= axis < len(names):
                raise AxesError(
                    f"axes is {axes!r}, but an array of {len(names)} axes has no axis {axis}; the "
                    f"axes are {', '.join(names)}"
                )
            numbers.append(axis % len(names))
    if len(set(numbers)) < len(numbers):
        raise AxesError(f"axes is {axes!r}, which names an axis twice; name each once")
    return tuple(numbers)


def in_order(dimensions: Sequence[Dimension]) -> tuple[int, ...]:
    """Return the axes' numbers as OME-Zarr orders them: time, then channel and others, then space.

    Axes of the same kind stay in their order.
    """
    return tuple(
        sorted(range(len(dimensions)), key=lambda i: _RANKS.get(dimensions[i].kind or "", 1))
    )


def of_level(dimensions: Sequence[Dimension], plan: aa_ref.Plan) -> tuple[Dimension, ...]:
    """Return the dimensions of what a plan gives.

    Where centres are evenly spaced, the offset stays to the bit. Where they are not, as with
    ``sampling="nearest"`` and a scale of 0.4, positions are right on average of the extremes: no
    sample lies further from its centre than half the range of these differences.
    """
    level = list(dimensions)
    for axis in plan.axes:
        before = dimensions[axis.axis]
        step: float = axis.step
        moved = 0.0
        if axis.spacing is not None:
            step = float(axis.spacing)
        else:
            off = axis.centres - np.arange(axis.out_length) * step  # exact below 2**24 samples
            moved = float(off.min() + off.max()) / 2
        level[axis.axis] = before._replace(
            spacing=before.spacing * step,
            offset=before.offset + before.spacing * moved if moved else before.offset,
        )
    return tuple(level)


def unit_named(text: str | None) -> str | None:
    """Return OME-Zarr's word for a unit that a TIFF names, None if it is no length or time."""
    if not text:
        return None
    plain = text.replace("\\u00B5", "u").replace("µ", "u").replace("μ", "u").strip()
    return _UNITS.get(plain, plain if plain in _UNITS.values() else None)


def _split(names: Sequence[str | int]) -> list[str | int]:
    """Return the names that a text or a sequence has."""
    if isinstance(names, str):
        return [part.strip() for part in names.split(",")] if "," in names else list(names)
    return list(names)
