"""What Pillow does not tell of a PNG: the depth of its samples, and some of its chunks."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..endings import note
from .picture import Picture

__all__ = ["PngFacts", "read_facts", "tell_of_chunks"]

_COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}
_COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"sRGB", b"cICP")
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_LARGEST_KEPT = 1 << 20


class PngFacts(NamedTuple):
    """What the chunks say.

    ``transparent`` holds the samples of the one transparent colour, if there is one. ``chunks``
    are those that name colours in other ways than a profile, and texts.
    """

    depth: int
    colour_type: str
    transparent: tuple[int, ...] | None
    animated: bool
    chunks: tuple[tuple[bytes, bytes], ...]

    @property
    def kind(self) -> str:
        """In words: ``16-bit RGB``."""
        return f"{self.depth}-bit {self.colour_type}"


def read_facts(path: Path) -> PngFacts:
    """Walk through the chunks of a PNG.

    Raises
    ------
    ValueError
        If it does not begin as a PNG must.
    """
    chunks = list(_chunks(path))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ValueError("PNG without a header")
    depth, colour_type = chunks[0][1][8:10]
    if colour_type not in _COLOUR_TYPES:
        raise ValueError(f"PNG with the unknown colour type {colour_type}")
    names = [name for name, _ in chunks]
    transparent = None
    if b"tRNS" in names and colour_type in (0, 2):
        data = dict(chunks)[b"tRNS"]
        mask = (1 << depth) - 1
        transparent = tuple(v & mask for v in struct.unpack(f">{len(data) // 2}H", data))
    kept = tuple(
        (name, data)
        for name, data in chunks
        if name in _COLOUR_CHUNKS or (name in _TEXT_CHUNKS and not _is_metadata(data))
    )
    return PngFacts(depth, _COLOUR_TYPES[colour_type], transparent, b"acTL" in names, kept)


def tell_of_chunks(path: Path, picture: Picture) -> None:
    """Note what is lost in other formats: a PNG may state its colours without a profile."""
    names = {name for name, _ in picture.metadata.chunks}
    states_other = b"cICP" in names or (names & {b"gAMA", b"cHRM"} and b"sRGB" not in names)
    if states_other and picture.metadata.icc is None:
        note(f"{path}: the gamma and primaries that the PNG states are not kept")


def _is_metadata(text: bytes) -> bool:
    """Whether a text chunk holds XMP or EXIF, which tell sizes that would be wrong."""
    return text.startswith((b"XML:com.adobe.xmp", b"Raw profile type"))


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Names and, for short ones, contents. Stops where the file does."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name == b"IEND":
                return
            if name == b"IDAT" or length > _LARGEST_KEPT:
                yield name, b""
                file.seek(length + 4, 1)
            else:
                yield name, file.read(length)
                file.seek(4, 1)
