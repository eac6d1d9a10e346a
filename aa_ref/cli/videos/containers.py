"""Which files are videos, what each kind of file holds, and how each codec is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..images.formats import recognised
from ..inputs import Input
from ..npy import is_npy

__all__ = ["CONTAINERS", "ENCODERS", "READ", "Container", "Encoder", "codecs_for", "is_video"]


class Container(NamedTuple):
    """A kind of file that holds streams.

    Attributes
    ----------
    muxer : str
        FFmpeg's name of what writes it.
    codecs : tuple of str
        What a result gets, the first that takes its samples, where the input's codec is not held.
    aspect : bool
        Whether the file itself says the pixel aspect, as PyAV writes it.
    steady : bool
        Whether it holds frames at a constant rate only.
    """

    muxer: str
    codecs: tuple[str, ...]
    aspect: bool = False
    steady: bool = False


_MP4 = Container("mp4", ("h264", "hevc", "av1"), aspect=True)
_TS = Container("mpegts", ("h264", "hevc"))
CONTAINERS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container("mov", ("h264", "hevc", "prores"), aspect=True),
    ".mkv": Container("matroska", ("h264", "hevc", "ffv1")),
    ".webm": Container("webm", ("vp9", "av1")),
    ".avi": Container("avi", ("mpeg4", "ffv1"), steady=True),
    ".ts": _TS,
    ".mts": _TS,
    ".m2ts": _TS,
}
"""By suffix: what is written, and what is taken as a video in folders."""


class Encoder(NamedTuple):
    """How a codec is written.

    Attributes
    ----------
    name : str
        FFmpeg's.
    label : str
        For messages.
    options : dict
    quality : (option, best, worst, usual) or None
        The codec's own scale of quality; None where there is none.
    lossless, aspect : bool
        Whether it loses nothing; whether its stream says the pixel aspect.
    even : bool
        Whether sides that are halved for colours have to be even.
    coarse : bool
        Whether its clock is too coarse for any time stamps. Its frames keep their order, so each
        gets its own time stamp afterwards.
    """

    name: str
    label: str
    options: dict[str, str]
    quality: tuple[str, int, int, int] | None = None
    lossless: bool = False
    aspect: bool = False
    even: bool = False
    coarse: bool = False


ENCODERS = {
    "h264": Encoder("libx264", "H.264", {}, ("crf", 1, 51, 18), aspect=True, even=True),
    "hevc": Encoder(
        "libx265", "H.265", {"x265-params": "log-level=none"}, ("crf", 1, 51, 20),
        aspect=True, even=True,
    ),
    "vp8": Encoder("libvpx", "VP8", {"b": "100M", "qmin": "0"}, ("crf", 4, 63, 8)),
    "vp9": Encoder("libvpx-vp9", "VP9", {"b": "0"}, ("crf", 1, 63, 22)),
    "av1": Encoder("libsvtav1", "AV1", {}, ("crf", 1, 63, 24)),
    "mpeg4": Encoder("mpeg4", "MPEG-4", {}, ("qscale", 1, 31, 2), aspect=True, coarse=True),
    "mjpeg": Encoder("mjpeg", "Motion JPEG", {}, ("qscale", 1, 31, 2), aspect=True),
    "prores": Encoder("prores_ks", "ProRes", {}, even=True),
    "ffv1": Encoder("ffv1", "FFV1", {"level": "3", "slicecrc": "1"}, lossless=True),
    "utvideo": Encoder("utvideo", "Ut Video", {}, lossless=True, even=True),
    "magicyuv": Encoder("magicyuv", "MagicYUV", {}, lossless=True),
    "huffyuv": Encoder("huffyuv", "HuffYUV", {}, lossless=True, even=True),
    "rawvideo": Encoder("rawvideo", "raw video", {}, lossless=True),
}  # fmt: skip
"""By FFmpeg's name of the codec."""

READ = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,mxf,nut,h264,hevc,"
    "ivf,yuv4mpegpipe"
)
"""FFmpeg's names of what is read: none of them names other files or addresses, as playlists do."""

_MAGIC = (
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (4, b"ftyp"),
    (4, b"moov"),
    (4, b"mdat"),
    (4, b"wide"),
    (8, b"AVI "),
    (0, b"FLV\x01"),
    (0, b"OggS"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF, WMV
    (0, b"\0\0\x01\xba"),  # MPEG program streams
    (0, b"\x06\x0e\x2b\x34"),  # MXF
    (0, b"YUV4MPEG2"),
)


def is_video(source: Input) -> bool:
    """Tell whether a file is a video: by its content or, where that tells nothing, by its name."""
    with source.open() as file:
        head = file.read(16)
    if recognised(head) is not None or is_npy(source):
        return False
    if any(head.startswith(magic, at) for at, magic in _MAGIC):
        return True
    return Path(source.name).suffix.lower() in CONTAINERS


def codecs_for(suffix: str, codec: str) -> Iterator[str]:
    """Give the codecs that a result may get, the likeliest first: the input's own, if it can be."""
    if codec in ENCODERS:
        yield codec
    yield from (name for name in CONTAINERS[suffix].codecs if name != codec)
