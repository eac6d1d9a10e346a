"""The picture formats: how each is recognised, what it holds, and which metadata it keeps."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..endings import UsageError
from .picture import COMMENT, Picture

__all__ = ["FORMATS", "Format", "check_holds", "format_of", "recognised"]

_ANY = 1 << 31


class Format(NamedTuple):
    """One picture format.

    Attributes
    ----------
    loader : str
        libvips's operation, without ``_source``.
    suffixes : tuple of str
    dtypes : tuple of str
        Of the samples that are written.
    keeps : tuple of str
        libvips's names for the metadata that are written.
    side : int
        The most pixels a side.
    settings : dict
        For libvips's operation that writes it.
    alpha, frames : bool
        Whether it holds transparency; an animation.
    without_quality : dict or None
        Further settings where a quality could be asked for and is not.
    """

    loader: str
    suffixes: tuple[str, ...]
    dtypes: tuple[str, ...]
    keeps: tuple[str, ...]
    side: int
    settings: dict[str, Any]
    alpha: bool = True
    frames: bool = False
    without_quality: dict[str, Any] | None = None


_BYTE, _WORD, _REAL = ("uint8",), ("uint8", "uint16"), ("uint8", "uint16", "float32", "float64")
_PHOTO, _LOSSLESS = ("icc-profile-data", "exif-data", "xmp-data"), {"lossless": True}
FORMATS = {
    "PNG": Format("pngload", (".png",), _WORD, (*_PHOTO, COMMENT), _ANY, {"filter": "all"}),
    "JPEG": Format(
        "jpegload", (".jpg", ".jpeg"), _BYTE, (*_PHOTO, "iptc-data"), 65_500,
        {"subsample_mode": "off"}, alpha=False, without_quality={"Q": 95},
    ),
    "WebP": Format(
        "webpload", (".webp",), _BYTE, _PHOTO, 16_383,
        {"exact": True}, frames=True, without_quality=_LOSSLESS,
    ),
    "TIFF": Format(
        "tiffload", (".tif", ".tiff"), (*_REAL, "int16"),
        ("icc-profile-data", "xmp-data", "iptc-data", "image-description"), _ANY, {},
    ),
    "AVIF": Format(
        "heifload", (".avif",), _BYTE, _PHOTO, 16_384,
        {"compression": "av1"}, without_quality=_LOSSLESS,
    ),
    "GIF": Format("gifload", (".gif",), _BYTE, (), 65_535, {}, frames=True),
}  # fmt: skip
_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),  # with 64-bit offsets
    (0, b"MM\0+", "TIFF"),
    (8, b"WEBP", "WebP"),
    *((4, b"ftyp" + brand, "AVIF") for brand in (b"avif", b"avis", b"mif1", b"heic", b"heix")),
    (0, b"GIF8", "GIF"),
)


def recognised(head: bytes) -> str | None:
    """Return the name of the format whose files begin so."""
    return next((name for at, magic, name in _MAGIC if head.startswith(magic, at)), None)


def format_of(output: str, given: str | None, further: Iterable[str] = ()) -> str:
    """Return the format that ``--format`` or else the output's suffix asks for, or "npy".

    Parameters
    ----------
    output : str
    given : str or None
        As ``--format`` says.
    further : iterable of str
        Suffixes that name themselves.

    Raises
    ------
    UsageError
        If it is none of those known.
    """
    names = {suffix: name for name, f in FORMATS.items() for suffix in f.suffixes}
    names |= {".npy": "npy", **{suffix: suffix for suffix in further}}
    asked = Path(output).suffix.lower() if given is None else f".{given.lower().lstrip('.')}"
    if asked in names:
        return names[asked]
    if given is not None:
        raise UsageError(f"--format is {given}, which is none of {' '.join(s[1:] for s in names)}")
    if output == "-":
        raise UsageError("OUTPUT is -, which has no suffix; add --format png, for instance")
    raise UsageError(
        f"OUTPUT is {output}, whose suffix names no format written here; use one of "
        f"{' '.join(names)}, or --format"
    )


def check_holds(
    output: str, name: str, picture: Picture, shape: tuple[int, ...], dtype: Any
) -> None:
    """See, before anything is decoded, whether a format holds a result of this shape and type.

    Raises
    ------
    UsageError
        If it does not; the message names one that does.
    """
    fmt, dtype = FORMATS[name], np.dtype(dtype)
    kind = picture.kind if dtype == picture.dtype else f"{picture.kind} ({dtype})"
    if picture.frames > 1 and not fmt.frames:
        raise UsageError(
            f"{output}: {name} as written here holds no animation, and {picture.name} has "
            f"{picture.frames} frames; write .webp or .gif, or extract the frame that is meant"
        )
    if picture.alpha and not fmt.alpha:
        raise UsageError(
            f"{output}: {name} has no alpha, the picture is {kind}; write .png or .webp"
        )
    if (picture.unnamed and name != "TIFF") or dtype.name not in fmt.dtypes:
        raise UsageError(f"{output}: {name} as written here does not hold {kind}; {_better(dtype)}")
    height, width = shape[-2:] if picture.channels == 1 else shape[-3:-1]
    if max(height, width) > fmt.side:
        raise UsageError(
            f"{output}: {name} holds at most {fmt.side} pixels a side, and the result has "
            f"{height} rows and {width} columns; write .png or .tif"
        )


def _better(dtype: np.dtype[Any]) -> str:
    if dtype.name == "uint16":
        return "write .png or .tif"
    if dtype.name in FORMATS["TIFF"].dtypes:
        return "write a .tif"
    return f"use --dtype with one of {', '.join(_REAL)}"
