"""Whether a JPEG holds all of its picture, which Pillow does not tell.

Where data are missing, libjpeg goes on with grey and warns, and Pillow does not pass that on. So:

1. Every coefficient must have been sent to its last bit; a file that lost scans lacks some.
2. There must be as many restart markers as the header implies.
3. The same file with noise behind each scan must give the same pixels. It does not if the decoder
   read on where the scan should have gone on.

What no reader can tell is damage inside a scan that happens to decode to enough samples: they are
then wrong, but none is missing. JPEG has no checksum.
"""

import io
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

__all__ = ["what_is_missing"]

_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2  # frames of Huffman codes
_OTHER_FRAMES = {*range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC}
_START, _END, _SCAN, _RESTARTS = b"\xff\xd8", b"\xff\xd9", 0xDA, 0xDD
_SCANS_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # a marker, but none of restart
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_NOISE = bytes(np.random.default_rng(0).integers(1, 255, 4096, np.uint8))  # no markers in it


class _Segment(NamedTuple):
    """A marker, what it says, and for a scan where its coded samples are."""

    marker: int
    content: bytes
    begin: int
    end: int


def what_is_missing(data: bytes, decoded: bytes | None = None) -> str:
    """What a JPEG that can be decoded lacks, in words; empty if nothing is known to be missing.

    Parameters
    ----------
    data : bytes
        The file. What follows its first end marker does not count.
    decoded : bytes, optional
        The samples that Pillow gave for it, if they are at hand.
    """
    segments = list(_segments(data))
    frame = next((s for s in segments if s.marker in (*_SEQUENTIAL, _PROGRESSIVE)), None)
    if frame is None or any(s.marker in _OTHER_FRAMES for s in segments):
        return ""  # arithmetic codes may end early, and what else there is Pillow does not decode
    scans = [s for s in segments if s.marker == _SCAN]
    if _lacks_coefficients(frame, scans):
        return "some of its scans are missing"
    if _lacks_restarts(frame, segments, data):
        return "parts of its samples are missing"
    padded, last = b"", 0
    for scan in scans:
        padded += data[last : scan.end] + _NOISE
        last = scan.end
    if (decoded or _decoded(data[:last] + _END)) != _decoded(padded + _END):
        return "the samples end before the picture does"
    return ""


def _decoded(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return image.tobytes()


def _segments(data: bytes) -> Iterator[_Segment]:
    at = len(_START)
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _END[1]:
        if data[at + 1] == 0xFF:  # may be repeated
            at += 1
            continue
        marker, begin = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4])
        content, end = data[at + 4 : begin], begin
        if marker == _SCAN:
            found = _SCANS_END.search(data, begin)
            end = found.start() if found else len(data)
        yield _Segment(marker, content, begin, end)
        at = end


def _lacks_coefficients(frame: _Segment, scans: list[_Segment]) -> bool:
    left = {number: set(range(64)) for number, _, _ in _components(frame)}
    for scan in scans:
        count = scan.content[0]
        first, last, bits = scan.content[1 + 2 * count : 4 + 2 * count]
        if frame.marker != _PROGRESSIVE:
            first, last, bits = 0, 63, 0
        if bits & 15 == 0:  # the lowest bit is among those sent
            for number in scan.content[1 : 1 + 2 * count : 2]:
                left.get(number, set()).difference_update(range(first, last + 1))
    return any(left.values())


def _lacks_restarts(frame: _Segment, segments: list[_Segment], data: bytes) -> bool:
    interval = 0
    for segment in segments:
        if segment.marker == _RESTARTS:
            interval = int.from_bytes(segment.content[:2])
        elif segment.marker == _SCAN and interval:
            there = len(_RESTART.findall(data, segment.begin, segment.end))
            if there < -(-_units(frame, segment) // interval) - 1:
                return True
    return False


def _units(frame: _Segment, scan: _Segment) -> int:
    """How many units a scan codes: blocks of one component, or groups of blocks of several."""
    height, width = (int.from_bytes(frame.content[i : i + 2]) for i in (1, 3))
    components = {number: (across, down) for number, across, down in _components(frame)}
    most_across = max(across for across, _ in components.values())
    most_down = max(down for _, down in components.values())
    if scan.content[0] > 1:
        return -(-width // (8 * most_across)) * -(-height // (8 * most_down))
    across, down = components[scan.content[1]]
    columns, rows = -(-width * across // most_across), -(-height * down // most_down)
    return -(-columns // 8) * -(-rows // 8)


def _components(frame: _Segment) -> list[tuple[int, int, int]]:
    """Number, and sampling across and down, of each."""
    entries = frame.content[6 : 6 + 3 * frame.content[5]]
    return [
        (entries[i], entries[i + 1] >> 4, entries[i + 1] & 15) for i in range(0, len(entries), 3)
    ]
