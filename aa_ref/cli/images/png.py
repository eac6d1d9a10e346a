"""What Pillow does not tell of a PNG: the depth of its samples, and some of its chunks."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from ..endings import note
from .picture import Picture

__all__ = ["PngFacts", "holds_all_rows", "read_facts", "tell_of_chunks"]

_COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = (  # of interlaced samples: first column and row, distances
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)
_COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"sRGB", b"cICP")
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_LARGEST_KEPT = _AT_ONCE = 1 << 20


class PngFacts(NamedTuple):
    """What the chunks say.

    ``transparent`` holds the samples of the one transparent colour, if there is one. ``chunks``
    are those that name colours in other ways than a profile, and texts. ``bytes_of_rows`` is how
    long the samples of all rows are.
    """

    depth: int
    colour_type: str
    transparent: tuple[int, ...] | None
    animated: bool
    chunks: tuple[tuple[bytes, bytes], ...]
    bytes_of_rows: int

    @property
    def kind(self) -> str:
        """In words: ``16-bit RGB``."""
        return f"{self.depth}-bit {self.colour_type}"


def read_facts(path: Path) -> PngFacts:
    """Walk through the chunks of a PNG.

    Raises
    ------
    ValueError
        If it does not begin as a PNG must, or names a transparent colour that is none.
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
        data, length = dict(chunks)[b"tRNS"], 2 * _CHANNELS[colour_type]
        if len(data) != length:
            raise ValueError(f"PNG whose tRNS chunk has {len(data)} bytes instead of {length}")
        mask = (1 << depth) - 1
        transparent = tuple(v & mask for v in struct.unpack(f">{length // 2}H", data))
    kept = tuple(
        (name, data)
        for name, data in chunks
        if name in _COLOUR_CHUNKS or (name in _TEXT_CHUNKS and not _is_metadata(data))
    )
    rows = _bytes_of_rows(chunks[0][1])
    return PngFacts(depth, _COLOUR_TYPES[colour_type], transparent, b"acTL" in names, kept, rows)


def _bytes_of_rows(header: bytes) -> int:
    """How long the samples are without compression, with one byte before each row."""
    width, height, depth, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    total, bits = 0, depth * _CHANNELS[colour_type]
    for x, y, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // across), -(-(height - y) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total


def holds_all_rows(path: Path, facts: PngFacts) -> bool:
    """Whether the samples go on to the last row. Pillow leaves rows black that are not there."""
    stream, missing = zlib.decompressobj(), facts.bytes_of_rows
    with path.open("rb") as file:
        for name, length in _walk(file):
            while name == b"IDAT" and length > 0 and missing > 0 and not stream.eof:
                data = file.read(min(length, _AT_ONCE))
                length = length - len(data) if data else 0
                while data and missing > 0:
                    missing -= len(stream.decompress(data, _AT_ONCE))
                    data = stream.unconsumed_tail
    return missing <= 0


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
    """Names and, for short ones, contents."""
    with path.open("rb") as file:
        for name, length in _walk(file):
            short = name != b"IDAT" and length <= _LARGEST_KEPT
            yield name, file.read(length) if short else b""


def _walk(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Name and length of each chunk, with the file at its contents. Stops where the file does."""
    at = 8
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        if name == b"IEND":
            return
        yield name, length
        at += 12 + length
