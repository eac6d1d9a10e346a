"""What libvips passes over in a PNG, JPEG or GIF: parts told of, since the result lacks them."""

import struct
from collections.abc import Iterator
from typing import IO

from ..endings import FileError

__all__ = ["notes_of_gif", "notes_of_jpeg", "notes_of_png"]

_PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"pHYs", b"iCCP", b"eXIf", b"sRGB"}
_PNG_KEPT |= {b"tEXt", b"zTXt", b"iTXt", b"sBIT"}
_PNG_COLOURS = {b"gAMA", b"cHRM"}  # for readers that know neither profiles nor sRGB
_JPEG_KEPT = (
    *(b"JFIF\0", b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"),
    *(b"Photoshop 3.0\0", b"Adobe"),
)
_COMMENT, _SCAN, _END = 0xFE, 0xDA, 0xD9
_GIF_IMAGE, _GIF_EXTENSION, _GIF_COMMENT, _GIF_TEXT, _GIF_APPLICATION = 0x2C, 0x21, 0xFE, 0x01, 0xFF
_GIF_KEPT = ("NETSCAPE2.0", "ANIMEXTS1.0")  # how often an animation comes


def notes_of_png(name: str, file: IO[bytes], channels: int) -> list[str]:
    """Tell which chunks are not kept.

    Raises
    ------
    FileError
        If it is an animation, of which libvips would give the first frame.
    """
    chunks = list(dict.fromkeys(_chunks(file)))
    if b"acTL" in chunks:
        raise FileError(f"{name} is an animated PNG; extract the frame that is meant")
    kept = _PNG_KEPT | (_PNG_COLOURS if {b"iCCP", b"sRGB"} & set(chunks) else set())
    notes = _lost(name, [c.decode("latin-1") for c in chunks if c not in kept])
    if b"tRNS" in chunks and b"PLTE" not in chunks and channels in (2, 4):
        notes.append(f"{name} names one colour transparent; it gets an alpha instead")
    return notes


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    at = 8
    while len(head := (file.seek(at), file.read(8))[1]) == 8:
        length, chunk = struct.unpack(">I4s", head)
        yield chunk
        if chunk == b"IEND":
            return
        at += 12 + length


def notes_of_jpeg(name: str, file: IO[bytes], _: int) -> list[str]:
    """Tell which segments are not kept."""
    notes, lost = [], []
    for marker, content in _segments(file):
        if content.startswith(b"MPF\0"):
            notes.append(f"{name} holds several pictures; the first, which viewers show, is taken")
        elif marker == _COMMENT:
            lost.append("comment")
        elif not content.startswith(_JPEG_KEPT) and 0xE0 <= marker <= 0xEF:
            said = content[:40].split(b"\0")[0].decode("latin-1")
            lost.append(said if said.isprintable() and said else f"APP{marker - 0xE0}")
    return notes + _lost(name, lost)


def _segments(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    file.seek(2)
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        if head[1] == 0xFF:  # may be repeated
            file.seek(-3, 1)
            continue
        if head[1] in (_SCAN, _END):
            return
        yield head[1], file.read(max(int.from_bytes(head[2:]) - 2, 0))


def notes_of_gif(name: str, file: IO[bytes], _: int) -> list[str]:
    """Tell which extensions are not kept."""
    lost = []
    for label, content in _extensions(file):
        if label in (_GIF_COMMENT, _GIF_TEXT):
            lost.append("comment" if label == _GIF_COMMENT else "text")
        elif label == _GIF_APPLICATION and (said := content.decode("latin-1")) not in _GIF_KEPT:
            lost.append(said if said.isprintable() else "an application's extension")
    return _lost(name, lost)


def _extensions(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Give each extension's label and first block. Colours and samples are passed over."""
    file.seek(10)
    flags = file.read(1)
    file.seek(13)
    _pass_colours(file, flags)
    while (kind := file.read(1)) in (bytes([_GIF_IMAGE]), bytes([_GIF_EXTENSION])):
        if kind[0] == _GIF_EXTENSION:
            label, first = file.read(1), b""
        else:
            file.seek(8, 1)
            _pass_colours(file, file.read(1))
            label, first = file.read(1), b""  # the least code of the samples
        while (size := file.read(1)) not in (b"", b"\0"):
            block = file.read(size[0])
            first = first or block
        if kind[0] == _GIF_EXTENSION and label:
            yield label[0], first


def _pass_colours(file: IO[bytes], flags: bytes) -> None:
    """Pass over a table of colours, which the last of 8 flags says the length of."""
    if flags and flags[0] & 0x80:
        file.seek(3 << (1 + (flags[0] & 7)), 1)


def _lost(name: str, parts: list[str]) -> list[str]:
    told = ", ".join(dict.fromkeys(parts))
    return [f"these parts of {name} are not kept: {told}"] if parts else []
