"""A video and its frames, in the order of showing, with all refusals.

Nothing is concealed: where a decoder makes up what it could not read, the video is refused.
"""

import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import av
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..endings import FileError, note
from ..inputs import Input
from .containers import READ

__all__ = ["TAGS", "Part", "Video", "fraction", "open_video", "reading"]

TAGS: dict[str, Any] = {"metadata_errors": "surrogateescape"}
"""How `av.open` is to take titles and other texts, whatever bytes they hold."""
if int(av.__version__.partition(".")[0]) >= 19:
    TAGS = {}  # it always does so

Part: TypeAlias = "VideoFrame | Packet[Any]"
"""What comes out of a video: a frame, or a packet of what may be copied."""

_SLACK = Fraction(1, 4)  # seconds by which containers are wrong about how long they are
_TELL_THE_TRUTH = ("matroska", "webm", "mov", "mp4", "avi")  # of their length, in their headers
_TS_PACKETS = (188, 192, 204)  # bytes
_NOT_KEPT = {
    Type.MASTERING_DISPLAY_METADATA: "mastering display",
    Type.CONTENT_LIGHT_LEVEL: "light level",
    Type.DYNAMIC_HDR_PLUS: "HDR10+",
    Type.DOVI_METADATA: "Dolby Vision",
    Type.A53_CC: "closed captions",
    Type.STEREO3D: "stereo 3D",
    Type.SPHERICAL: "projection",
}


@contextmanager
def reading(name: str, what: str = "") -> Iterator[None]:
    """Turn FFmpeg's errors into a `FileError` about reading ``name``."""
    try:
        yield
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise MemoryError(f"for {name}") from None
        said = error.strerror or type(error).__name__
        raise FileError(f"cannot read {name}: {what}{said[:1].lower()}{said[1:]}") from None


@dataclass
class Video:
    """A video, opened at its beginning.

    Attributes
    ----------
    name : str
        Of its file, for messages.
    container : av.container.InputContainer
    stream : av.video.stream.VideoStream
        The one that is filtered.
    copied : list of av.stream.Stream
        Those that may be copied as they are.
    first : av.video.frame.VideoFrame
        Its first frame.
    rate : fractions.Fraction
        Frames a second, on average.
    base : fractions.Fraction
        The unit of its time stamps, in seconds.
    aspect : fractions.Fraction or None
        Width of a pixel over its height.
    display_matrix : tuple of int or None
        How a player turns and mirrors it, in FFmpeg's form.
    """

    name: str
    container: InputContainer
    stream: VideoStream
    copied: list[Any]
    first: VideoFrame
    rate: Fraction
    base: Fraction
    aspect: Fraction | None
    display_matrix: tuple[int, ...] | None
    _parts: Iterator[Part]

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec."""
        return str(self.stream.codec_context.codec.canonical_name)

    @property
    def is_on_its_side(self) -> bool:
        """Whether its rows are columns for a viewer."""
        matrix = self.display_matrix
        return matrix is not None and abs(matrix[1]) > abs(matrix[0])

    def parts(self) -> Iterator[Part]:
        """Give frames, and packets of what may be copied, as they come; once.

        Every frame is of the first one's size and format, its time stamp after the last one's.

        Raises
        ------
        FileError
            If it is damaged or ends early.
        """
        return self._parts


@contextmanager
def open_video(source: Input, max_pixels: int, threads: int) -> Iterator[Video]:
    """Open a video and decode its first frame.

    Raises
    ------
    FileError
        If there is none in the file, or it is damaged or too large.
    """
    file: Any = f"file:{source.name}" if source.content is None else source.open()
    options = {"protocol_whitelist": "file", "format_whitelist": READ}
    with reading(source.name, "it is cut off, damaged or no video; "):
        container = av.open(file, container_options=options, **TAGS)
    with container:
        yield _opened(source.name, container, max_pixels, threads)


def _opened(name: str, container: InputContainer, max_pixels: int, threads: int) -> Video:
    pictures = [s for s in container.streams.video if "attached_pic" in str(s.disposition)]
    films = [s for s in container.streams.video if s not in pictures]
    if not films:
        raise FileError(f"cannot read {name}: there is no video in it")
    stream = films[0]
    if stream.codec_context is None:
        raise FileError(f"cannot read {name}: no decoder for its codec is here")
    context = stream.codec_context
    if context.width * context.height > max_pixels:
        raise FileError(
            f"{name} is refused, since {context.width}×{context.height} is more than "
            f"{max_pixels:,} pixels a frame, which may be an attack; if you trust it, raise "
            "--max-pixels"
        )
    context.thread_type, context.thread_count = "AUTO", threads
    if len(films) > 1:
        note(f"{name} holds {len(films)} videos; the first is taken")
    copied = [s for s in container.streams if s not in films]
    parts = _Parts(name, container, stream, copied)
    walk = iter(parts)
    before: list[Part] = []
    for part in walk:
        before.append(part)
        if isinstance(part, VideoFrame):
            break
    else:
        raise FileError(f"cannot read {name}: there is no frame in it")
    beside: Any = part.side_data
    if left := [words for kind, words in _NOT_KEPT.items() if kind in beside]:
        note(f"{name}: what it says of {', '.join(left)} is not kept")
    if part.interlaced_frame:
        note(f"{name} is interlaced; the two fields of a frame are filtered as one picture")
    matrix = None
    if Type.DISPLAYMATRIX in beside:
        matrix = struct.unpack("=9i", bytes(beside[Type.DISPLAYMATRIX]))
    return Video(
        name, container, stream, copied, part, parts.rate, parts.base,
        fraction(stream.sample_aspect_ratio), matrix, _chained(before, walk),
    )  # fmt: skip


def fraction(value: Any) -> Fraction | None:
    """Return what PyAV gives as a ratio: a Fraction, one of its own, or nothing."""
    return Fraction(value.numerator, value.denominator) if value else None


def _chained(before: list[Part], after: Iterator[Part]) -> Iterator[Part]:
    while before:
        yield before.pop(0)
    yield from after


class _Parts:
    """Frames and packets of a container, each looked at."""

    def __init__(
        self, name: str, container: InputContainer, stream: VideoStream, copied: list[Any]
    ) -> None:
        self.name, self.container, self.stream, self.copied = name, container, stream, copied
        rates = (fraction(rate) for rate in (stream.average_rate, stream.guessed_rate))
        self.rate = next((rate for rate in rates if rate and rate > 0), Fraction(25))
        self.base = fraction(stream.time_base) or 1 / self.rate
        self.kinds = container.format.name.split(",")
        self.first: VideoFrame | None = None
        self.frames, self.last = 0, -(1 << 62)
        self.ends = dict[int, int]()  # of what was read, by stream
        self.slots = deque[int]()  # the times of frames in AVI, which has them in no other order

    def __iter__(self) -> Iterator[Part]:
        demuxed = self.container.demux([self.stream, *self.copied])
        while True:
            with reading(self.name, self._place()):
                packet = next(demuxed, None)
            if packet is None:
                break
            self._note_end(packet)
            if packet.stream.index != self.stream.index:
                if packet.size:
                    yield packet
                continue
            if "avi" in self.kinds and packet.size and packet.dts is not None:
                self.slots.append(packet.dts)
            with reading(self.name, self._place()):
                frames = self.stream.decode(packet)
            for frame in frames:
                self._check(frame)
                yield frame
        self._check_end()

    def _place(self) -> str:
        return f"after frame {self.frames:,}: " if self.frames else ""

    def _note_end(self, packet: "Packet[Any]") -> None:
        if packet.pts is not None:
            index, end = packet.stream.index, packet.pts + (packet.duration or 0)
            self.ends[index] = max(self.ends.get(index, end), end)

    def _check(self, frame: VideoFrame) -> None:
        self.frames += 1
        if frame.is_corrupt:
            raise FileError(
                f"cannot read {self.name}: frame {self.frames:,} is damaged, or cut off"
            )
        if self.first is None:
            self.first = frame
        elif _kind(frame) != _kind(self.first):
            raise FileError(
                f"{self.name} changes from {_kind(self.first)} to {_kind(frame)} at frame "
                f"{self.frames:,}; cut it there, and run on the parts"
            )
        if "avi" in self.kinds:
            frame.pts = self.slots.popleft() if self.slots else self.last + 1
        elif frame.pts is None:
            next_one = self.last + round(1 / self.rate / self.base) if self.frames > 1 else 0
            frame.pts = next_one if frame.dts is None else frame.dts
        if frame.pts <= self.last:
            raise FileError(
                f"cannot read {self.name}: the time of frame {self.frames:,}, "
                f"{float(frame.pts * self.base):.3f} s, is not after that of the frame before"
            )
        frame.time_base, self.last = self.base, frame.pts

    def _check_end(self) -> None:
        """See that as much was read as the header says there is."""
        if "mpegts" in self.kinds and all(self.container.size % n for n in _TS_PACKETS):
            raise FileError(f"cannot read {self.name}: it ends early, in the middle of a packet")
        duration = self.container.duration
        if duration is None or not set(self.kinds) & set(_TELL_THE_TRUTH):
            return
        claimed = Fraction(duration + (self.container.start_time or 0), av.time_base)
        bases = {s.index: fraction(s.time_base) or 0 for s in self.container.streams}
        end = max((end * bases[index] for index, end in self.ends.items()), default=Fraction(0))
        if end + 1 / self.rate + _SLACK < claimed:
            raise FileError(
                f"cannot read {self.name}: it ends early, after {self.frames:,} frames and "
                f"{float(end):.2f} s of {float(claimed):.2f} s"
            )


def _kind(frame: VideoFrame) -> str:
    return f"{frame.width}×{frame.height} {frame.format.name}"
