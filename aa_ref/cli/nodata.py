"""Samples without data: which they are, and a filter that leaves them out.

``--nodata auto`` takes the number that a TIFF names in its tag GDAL_NODATA, ``--nodata VALUE`` that
number, whatever the file says. Each band has holes of its own, as GDAL reads the tag.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

import aa_ref

from .endings import FileError, UsageError, note
from .wording import counted

__all__ = [
    "Downsample",
    "Holes",
    "NoData",
    "computed",
    "downsample_around",
    "holes_of",
    "parse_nodata",
]

Downsample = Callable[..., NDArray[Any]]
"""`aa_ref.downsample`, or what does a share of it."""

NoData = float | Literal["auto", "ignore"] | None
"""What ``--nodata`` asks for; None is to refuse what names a number in its tag."""


_PLAIN = 1e15  # above, text has an exponent
_LEAST = 0.5  # of what the filter weighs has to count, as in `aa_ref.downsample_masked`


class Holes(NamedTuple):
    """Which samples of one file hold no data.

    Attributes
    ----------
    value : float or None
        The number that stands there, before and after; None where there are no holes.
    mark : str or None
        That number as a TIFF's tag GDAL_NODATA has it; None for no tag.
    """

    value: float | None = None
    mark: str | None = None


def parse_nodata(text: str) -> NoData:
    """Read what stands behind ``--nodata``.

    Raises
    ------
    UsageError
        If it is neither a word that is known nor a number.
    """
    word = text.strip().lower()
    if word == "auto":
        return "auto"
    if word == "ignore":
        return "ignore"
    try:
        return float(word)
    except ValueError:
        raise UsageError(
            f"--nodata is {text!r}; write auto for the number that a TIFF names in its tag "
            "GDAL_NODATA, a number like -9999 or nan, or ignore"
        ) from None


def holes_of(
    asked: NoData, mark: str | None, name: str, stored: np.dtype[Any], result: np.dtype[Any]
) -> Holes:
    """Find which samples of a file hold no data.

    Parameters
    ----------
    asked : NoData
    mark : str or None
        What the file's tag GDAL_NODATA says.
    name : str
        The file, for messages.
    stored, result : numpy.dtype
        The types of its samples, and of what is made of them.

    Raises
    ------
    FileError
        If the tag says something that nobody has decided on, or no number.
    UsageError
        If a type does not have the number.
    """
    if asked == "ignore":
        if mark is not None:
            note(
                f"{name} marks samples without data as {mark} (GDAL_NODATA); they are averaged as "
                "numbers, and the mark is not kept"
            )
        return Holes()
    if asked is None and mark is not None:
        raise FileError(
            f"{name} marks samples without data as {mark} (GDAL_NODATA), and those would be "
            "averaged into their neighbours; add --nodata auto, which leaves them out, or "
            "--nodata ignore, which takes them as numbers"
        )
    if asked == "auto" and mark is not None:
        value = _number_in(name, mark)
        if not _has(stored, value):
            note(
                f"{name} marks samples without data as {mark} (GDAL_NODATA), which no {stored} is; "
                "so none is left out"
            )
            return Holes(None, mark)
        named = f"GDAL_NODATA of {name} is {mark}"
    elif isinstance(asked, float):
        value, mark = asked, _shown(asked)
        named = f"--nodata is {mark}"
        if not _has(stored, value):
            raise UsageError(
                f"{named}, but {name} has samples of type {stored}, none of which is that; write "
                "a number of that type, or leave --nodata out"
            )
    else:
        return Holes()
    if not _has(result, value):
        raise UsageError(
            f"{named}, which would mark samples without data in the result, too, and {result} does "
            "not have it; leave --dtype out"
        )
    there = float(stored.type(value))
    if result.type(there) != result.type(value) and not np.isnan(value):
        mark = _shown(there)  # as of 0.1 in float32, where the result is float64
    return Holes(there, mark)


def _number_in(name: str, mark: str) -> float:
    try:
        return float(mark)
    except ValueError:
        raise FileError(
            f"{name} marks samples without data as {mark!r} (GDAL_NODATA), which is no number; "
            "name it with --nodata, or write --nodata ignore"
        ) from None


def _has(dtype: np.dtype[Any], value: float) -> bool:
    """See whether a type has a number, to the nearest where it is one of floating point."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return bool(np.isfinite(dtype.type(value)) or not np.isfinite(value))
    limits = np.iinfo(dtype)
    return value.is_integer() and limits.min <= value <= limits.max


def _shown(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < _PLAIN else str(value)


def downsample_around(
    x: NDArray[Any],
    holes: Holes,
    name: str,
    *,
    dtype: Any = None,
    downsample: Downsample = aa_ref.downsample,
    **options: Any,
) -> NDArray[Any]:
    """Call `aa_ref.downsample`, or `aa_ref.downsample_masked` around samples without data.

    Parameters
    ----------
    x : ndarray
        Of int16, which is filtered in binary32 and rounded once, or of a type of `aa_ref`.
    holes : Holes
    name : str
        What becomes of it, for messages.
    downsample : callable
        What is called where all samples have data.
    dtype, options
        As in `aa_ref.downsample`.
    """
    target = x.dtype.newbyteorder("=") if dtype is None else np.dtype(dtype)
    own = None if target == np.int16 else target.name
    wide, value = x.astype(computed(x.dtype), copy=False), holes.value
    if value is None:
        return _rounded(downsample(wide, dtype=own, **options), target)
    counts = ~np.isnan(x) if np.isnan(value) else x != value
    means, weight = aa_ref.downsample_masked(wide, counts, dtype=own, **options)
    hidden = (weight < _LEAST) | (weight == 0)
    y = _rounded(means, target)
    equal = int(np.count_nonzero((y == value) & ~hidden))
    y[hidden] = value
    if equal:
        note(
            f"{name}: {counted(equal, 'mean')} of samples with data came out as {holes.mark}, "
            "which marks those without"
        )
    return y


def computed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that samples are handed to `aa_ref` in: float32 has all of int16."""
    return np.dtype(np.float32) if dtype == np.int16 else dtype


def _rounded(values: NDArray[Any], target: np.dtype[Any]) -> NDArray[Any]:
    """Round to int16 once, half to even and clipped as the library's integers are."""
    if target != np.int16:
        return values
    limits = np.iinfo(target)
    clipped = np.clip(np.rint(values), limits.min, limits.max)
    rounded: NDArray[Any] = np.where(np.isnan(clipped), 0, clipped).astype(target)
    return rounded
