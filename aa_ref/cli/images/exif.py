"""The few fields of EXIF that must change when the picture does.

They are changed in place. Everything else stays byte for byte as it was, so that even fields that
nobody understands, such as makers' notes with absolute offsets, stay right.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import NamedTuple

__all__ = ["adapted", "orientation_of"]

_ORIENTATION = 0x0112
_X_RESOLUTION, _Y_RESOLUTION = 0x011A, 0x011B
_EXIF_IFD = 0x8769
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
_THUMBNAIL = ((0x0201, 0x0202), (0x0111, 0x0117))  # where, and how many bytes: JPEG; samples
_SHORT, _LONG, _RATIONAL = 3, 4, 5


class _Entry(NamedTuple):
    """One field of a directory: where its value is."""

    tag: int
    type: int
    offset: int


def orientation_of(exif: bytes) -> int:
    """1 to 8; 1 where none is given, or none that is valid.

    Raises
    ------
    ValueError
        If this is no EXIF.
    """
    for entry in _entries(exif, _first_directory(exif)):
        if entry.tag == _ORIENTATION and entry.type == _SHORT:
            value: int = struct.unpack_from(_order(exif) + "H", exif, entry.offset)[0]
            return value if 1 <= value <= 8 else 1
    return 1


def adapted(exif: bytes, size: tuple[int, int], spacing: tuple[float, float]) -> bytes:
    """The same EXIF for an upright, smaller picture.

    Parameters
    ----------
    exif : bytes
        From the byte-order mark on.
    size : (height, width)
        Of the smaller picture.
    spacing : (down, across)
        How many of the larger picture's pixels, as seen, one of the smaller stands for: the
        resolution goes down by it.

    Returns
    -------
    bytes
        With orientation 1, the new size, and without the embedded thumbnail, which shows
        the old picture: its bytes are zeros.

    Raises
    ------
    ValueError
        If this is no EXIF.
    """
    order, patched = _order(exif), bytearray(exif)
    first = _first_directory(exif)
    turned = orientation_of(exif) >= 5
    across, down = (spacing[0], spacing[1]) if turned else (spacing[1], spacing[0])
    for entry in _with_sub_directory(exif, first):
        if entry.tag == _ORIENTATION:
            struct.pack_into(order + "H", patched, entry.offset, 1)
        elif entry.tag in (*_WIDTHS, *_HEIGHTS) and entry.type in (_SHORT, _LONG):
            value = size[1] if entry.tag in _WIDTHS else size[0]
            struct.pack_into(order + "HI"[entry.type - _SHORT], patched, entry.offset, value)
        elif entry.tag in (_X_RESOLUTION, _Y_RESOLUTION) and entry.type == _RATIONAL:
            _divide(patched, order, entry.offset, across if entry.tag == _X_RESOLUTION else down)
    if turned:
        _swap_resolutions(patched, order, first)
    (count,) = struct.unpack_from(order + "H", exif, first)
    next_directory = first + 2 + 12 * count
    if next_directory + 4 <= len(patched):
        _erase_thumbnail(patched, order, next_directory)
    return bytes(patched)


def _erase_thumbnail(patched: bytearray, order: str, link: int) -> None:
    """Overwrite with zeros what lies behind the directory that ``link`` leads to, and the link."""
    (start,) = struct.unpack_from(order + "I", patched, link)
    struct.pack_into(order + "I", patched, link, 0)
    if not start:
        return
    exif = bytes(patched)
    with suppress(ValueError):  # a directory that cannot be read
        values = {
            e.tag: struct.unpack_from(order + "I", exif, e.offset)[0]
            for e in _entries(exif, start)
            if e.type == _LONG
        }
        for where, length in _THUMBNAIL:
            begin, end = values.get(where, 0), values.get(where, 0) + values.get(length, 0)
            if start < begin < end <= len(patched):  # else it might be anything
                patched[begin:end] = bytes(end - begin)


def _order(exif: bytes) -> str:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("EXIF without a byte-order mark")
    return order


def _first_directory(exif: bytes) -> int:
    """Where the main directory is."""
    order = _order(exif)
    if len(exif) < 8:
        raise ValueError("EXIF that is cut off")
    start: int = struct.unpack_from(order + "I", exif, 4)[0]
    return start


def _entries(exif: bytes, start: int) -> Iterator[_Entry]:
    order, end = _order(exif), len(exif)
    if start + 2 > end:
        raise ValueError("EXIF that is cut off")
    (count,) = struct.unpack_from(order + "H", exif, start)
    if start + 2 + 12 * count > end:
        raise ValueError("EXIF that is cut off")
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, _ = struct.unpack_from(order + "HHI", exif, at)
        offset = at + 8
        if kind == _RATIONAL:
            (offset,) = struct.unpack_from(order + "I", exif, offset)
            if offset + 8 > end:
                continue
        yield _Entry(tag, kind, offset)


def _with_sub_directory(exif: bytes, first: int) -> Iterator[_Entry]:
    for entry in _entries(exif, first):
        yield entry
        if entry.tag == _EXIF_IFD:
            (start,) = struct.unpack_from(_order(exif) + "I", exif, entry.offset)
            yield from _entries(exif, start)


def _divide(patched: bytearray, order: str, offset: int, spacing: float) -> None:
    numerator, denominator = struct.unpack_from(order + "II", patched, offset)
    if numerator and denominator:
        value = (Fraction(numerator, denominator) / Fraction(spacing)).limit_denominator(1 << 16)
        if 0 < value.numerator < 1 << 32:
            struct.pack_into(order + "II", patched, offset, value.numerator, value.denominator)


def _swap_resolutions(patched: bytearray, order: str, first: int) -> None:
    """Across becomes down where the picture has been turned."""
    where = {
        entry.tag: entry.offset
        for entry in _entries(bytes(patched), first)
        if entry.type == _RATIONAL and entry.tag in (_X_RESOLUTION, _Y_RESOLUTION)
    }
    if len(where) == 2:
        x, y = where[_X_RESOLUTION], where[_Y_RESOLUTION]
        patched[x : x + 8], patched[y : y + 8] = patched[y : y + 8], patched[x : x + 8]
