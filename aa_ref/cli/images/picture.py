"""What a file says of a picture before anything is decoded."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .ground import Ground

__all__ = [
    "COMMENT",
    "COURSE",
    "METADATA",
    "Picture",
    "fields_of",
    "full_scale",
    "orientation_in_xmp",
]

_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])\b")
_KINDS = {"u": "", "i": " signed", "f": " float"}
COMMENT = "png-comment-"
METADATA = {
    "icc-profile-data": "colour profile",
    "exif-data": "EXIF",
    "xmp-data": "XMP",
    "iptc-data": "IPTC",
    "image-description": "description",
    COMMENT: "texts",
}
"""libvips's names of what a file says beside its samples, and ours; further letters may follow."""

COURSE = ("delay", "loop")
"""libvips's names of how long an animation's frames last, and how often they come."""


@dataclass(frozen=True)
class Picture:
    """A picture as one sees it, upright.

    Attributes
    ----------
    name : str
        Of its file, for messages.
    format : str
        A key of `FORMATS`.
    load : callable
        Opens it in libvips, at ``fail_on``: an image whose rows can be read once, from the top.
    header : pyvips.Image
        What ``load`` gave first. Only its metadata are used.
    height, width, frames, channels : int
        Upright, of one frame.
    dtype : numpy.dtype
    colours : {1, 3}
        Grey, or red, green and blue. Further channels: the alpha, or samples of unknown meaning.
    alpha : bool
        Whether the last channel is one.
    orientation : int
        How the rows are stored, 1 to 8 as EXIF counts.
    compressed : bool
        Whether its samples are.
    notes : tuple of str
        What is converted and what is not kept, to be told once it has been decoded.
    stored : numpy.dtype or None
        Of the numbers in the file; None where samples are made of them, as by a palette.
    nodata : str or None
        What a TIFF's tag GDAL_NODATA says.
    ground : Ground or None
        Where a GeoTIFF lies.
    """

    name: str
    format: str
    load: Callable[[str], Any]
    header: Any
    height: int
    width: int
    frames: int
    channels: int
    dtype: np.dtype[Any]
    colours: int
    alpha: bool
    orientation: int
    compressed: bool
    notes: tuple[str, ...]
    stored: np.dtype[Any] | None
    nodata: str | None = None
    ground: Ground | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the samples: (H, W) or (H, W, C), with the frames in front if there are several."""
        frames = (self.frames,) if self.frames > 1 else ()
        channels = (self.channels,) if self.channels > 1 else ()
        return (*frames, self.height, self.width, *channels)

    @property
    def axes(self) -> tuple[int, int]:
        """Rows and columns, the axes to be filtered."""
        return (1, 2) if self.frames > 1 else (0, 1)

    @property
    def unnamed(self) -> int:
        """How many of a pixel's samples mean neither colour nor alpha."""
        return self.channels - self.colours - self.alpha

    @property
    def kind(self) -> str:
        """In words, for messages: ``16-bit RGB with alpha``."""
        depth = f"{8 * self.dtype.itemsize}-bit{_KINDS[self.dtype.kind]}"
        words = [depth, "grey" if self.colours == 1 else "RGB"]
        if self.alpha:
            words.append("with alpha")
        if self.unnamed:
            words.append(f"with {self.unnamed} further sample(s)")
        return " ".join(words)


def fields_of(header: Any, fmt: str) -> list[str]:
    """Return the names of what there is of `METADATA` and of an animation's course.

    Of a PNG's texts each name; `COMMENT` alone where pyvips cannot read one.
    """
    names = [name for name in (*METADATA, *COURSE) if header.get_typeof(name)]
    if fmt != "PNG":
        return names
    try:
        return [*names, *(name for name in header.get_fields() if name.startswith(COMMENT))]
    except UnicodeDecodeError:  # pyvips takes the keywords of a PNG for UTF-8
        return [*names, COMMENT]


def full_scale(dtype: np.dtype[Any]) -> float:
    """Return the sample that means full intensity, or opaque."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def orientation_in_xmp(xmp: bytes) -> int:
    """Return how the rows are stored, 1 to 8 as EXIF counts; 1 where the XMP does not say."""
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[1]) if found else 1
