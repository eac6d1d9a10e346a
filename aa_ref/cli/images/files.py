"""Which module reads or writes which file: inputs go by their contents, outputs by their suffix."""

from pathlib import Path

import numpy as np

from ..endings import FileError, UsageError, note
from .npy import encode_npy, read_npy
from .picture import Picture
from .pillow import FORMATS, check_fits, encode_pillow, read_pillow
from .tiff import check_fits_tiff, encode_tiff, read_tiff

__all__ = ["check_output", "encode", "format_of", "read"]

_SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WebP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".npy": "npy",
}
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # with 64-bit offsets
    (b"MM\0+", "TIFF"),
    (b"\x93NUMPY", "npy"),
)
_TAKEN = "PNG, JPEG, WebP, TIFF or .npy"


def read(path: Path) -> Picture:
    """A file as a picture, or as the array in it with ``format`` "npy".

    Raises
    ------
    FileError
        If there is none, or it cannot be read faithfully.
    """
    file_format = _recognised(path)
    if file_format == "npy":
        return Picture(read_npy(path), 1, "none", "npy")
    if file_format == "TIFF":
        return read_tiff(path)
    return read_pillow(path, file_format)


def _recognised(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        raise FileError(f"cannot read {path}: there is no such file") from None
    except IsADirectoryError:
        raise FileError(f"cannot read {path}: it is a folder; name a file in it") from None
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from None
    if not head:
        raise FileError(f"cannot read {path}: it is empty")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    for magic, file_format in _MAGIC:
        if head.startswith(magic):
            return file_format
    raise FileError(f"cannot read {path}: its contents are not {_TAKEN}")


def format_of(path: Path) -> str:
    """The format that an output's suffix asks for.

    Raises
    ------
    UsageError
        If the suffix is none of those known.
    """
    file_format = _SUFFIXES.get(path.suffix.lower())
    if file_format is None:
        raise UsageError(
            f"OUTPUT is {path}, whose suffix names no format written here; use one of "
            f"{' '.join(_SUFFIXES)}"
        )
    return file_format


def check_output(path: Path, picture: Picture, dtype: str | None) -> None:
    """See, before any work is done, whether the output's format can hold the result.

    Raises
    ------
    UsageError
        If it cannot; the message names one that can.
    """
    file_format = format_of(path)
    if (picture.format == "npy") and file_format != "npy":
        raise UsageError(
            f"OUTPUT is {path}, but the input is a .npy file, which does not say how its numbers "
            "are to be seen; write a .npy"
        )
    if file_format != "npy":
        result = picture.pixels.dtype if dtype is None else np.dtype(dtype)
        if file_format == "TIFF":
            check_fits_tiff(path, result)
        else:
            check_fits(path, file_format, picture, result)


def encode(path: Path, picture: Picture, quality: int | None) -> list[bytes | memoryview]:
    """The bytes of a picture in the format that the suffix asks for."""
    file_format = format_of(path)
    if file_format in FORMATS:
        _tell_of_texts(path, picture)
        return encode_pillow(path, file_format, picture, quality)
    if file_format == "TIFF":
        return encode_tiff(path, picture)
    if picture.metadata.icc is not None:
        note(f"{path}: .npy holds samples only; the colour profile is not kept")
    return encode_npy(picture.pixels)


def _tell_of_texts(path: Path, picture: Picture) -> None:
    if picture.metadata.texts:
        note(f"{path}: the texts in the TIFF's tags are not kept")
