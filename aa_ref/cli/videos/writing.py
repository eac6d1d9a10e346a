"""Frames into a video file, and what is copied beside them."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import IO, Any

import av
from av.codec.codec import Codec, UnknownCodecError
from av.codec.context import Flags
from av.container.core import Flags as FileFlags
from av.packet import Packet
from av.video.frame import VideoFrame
from llvmlite import binding

from ..endings import FileError, UsageError, note
from .containers import CONTAINERS, ENCODERS, Encoder, codecs_for
from .planes import Planes
from .reading import TAGS, Video, fraction

__all__ = ["Writer", "chosen_encoder", "x264_options"]

os.environ.setdefault("SVT_LOG", "0")  # the AV1 encoder writes to stderr otherwise
_PIXELS_A_THREAD = 1 << 18
_MOST_THREADS = 8
_OFF_ITS_TIME = Fraction(1, 4)  # of a frame, for time stamps that were rounded
_COARSEST = 65_535  # ticks a second of MPEG-4
_LAMBDA = 118  # FFmpeg's unit of a fixed quantiser


def chosen_encoder(
    video: Video, planes: Planes, target: str, suffix: str, aspect: Fraction | None
) -> Encoder:
    """Return what encodes the result: the input's codec, if the output holds it and it can be.

    Raises
    ------
    UsageError
        If there is none that takes the frames as they are; the message says what to write.
    """
    faults = list[str]()
    for codec in codecs_for(suffix, video.codec):
        encoder = ENCODERS[codec]
        fault = _fault(encoder, planes, suffix)
        if fault is None:
            if codec != video.codec:
                why = faults[0] if faults else f"nothing here encodes {video.codec}"
                note(f"{target} is encoded as {encoder.label}, since {why}")
            if aspect not in (None, 1) and not (CONTAINERS[suffix].aspect or encoder.aspect):
                raise UsageError(
                    f"OUTPUT is {target}, but its pixels are {aspect} times as wide as high, "
                    f"which {suffix} with {encoder.label} does not say as written here; "
                    "write .mp4 or .mov"
                )
            if encoder.even and _odd(planes):
                raise UsageError(_advice(planes, target, encoder))
            return encoder
        faults.append(fault)
    raise UsageError(
        f"OUTPUT is {target}, but {'; '.join(faults) or 'nothing here encodes its codec'}; write "
        f"another of {' '.join(CONTAINERS)}"
    )


def _fault(encoder: Encoder, planes: Planes, suffix: str) -> str | None:
    try:
        formats = Codec(encoder.name, "w").video_formats
    except UnknownCodecError:
        return f"this PyAV has no encoder of {encoder.label}"
    try:
        av.open(os.devnull, "w", format=CONTAINERS[suffix].muxer).add_stream(encoder.name)
    except ValueError:
        return f"{suffix} holds no {encoder.label}"
    if formats is not None and planes.format not in {f.name for f in formats}:
        return f"{encoder.label} takes no {planes.format}"
    return None


def _odd(planes: Planes) -> bool:
    """Tell whether a side is odd that is halved for colours."""
    halved = [plan.shape[:2] for plan in planes.plans[1:]]
    height, width = planes.plans[0].shape[:2]
    across, down = (any(part[i] < n for part in halved) for i, n in ((1, width), (0, height)))
    return bool((across and planes.width % 2) or (down and planes.height % 2))


def _advice(planes: Planes, target: str, encoder: Encoder) -> str:
    height, width = planes.plans[0].shape[:2]
    strides = [k for k in range(2, 17) if not -(-width // k) % 2 and not -(-height // k) % 2]
    nearest = min(strides, key=lambda k: abs(k - planes.plans[0].axes[0].stride), default=None)
    scale = f", or --scale 1/{nearest}" if nearest else ""
    return (
        f"OUTPUT is {target}, but the result has {planes.height} rows and {planes.width} columns, "
        f"and {encoder.label} in {planes.format} holds even numbers only; write .webm, which "
        f"takes odd ones{scale}"
    )


class Writer:
    """Encodes frames and writes them, and copies packets beside them: to be used with ``with``.

    Parameters
    ----------
    file : binary file
        That can be sought.
    video : Video
        What the frames come from.
    planes : Planes
    encoder : Encoder
    target, suffix : str
        For messages; a key of `CONTAINERS`.
    quality : int or None
        1 to 100.
    aspect : fractions.Fraction or None

    Raises
    ------
    FileError, UsageError
    """

    def __init__(
        self,
        file: IO[bytes],
        video: Video,
        planes: Planes,
        encoder: Encoder,
        target: str,
        suffix: str,
        quality: int | None,
        aspect: Fraction | None,
    ) -> None:
        self.video, self.target, self.encoder = video, target, encoder
        self.kind = CONTAINERS[suffix]
        self.frames, self._slot = 0, -(1 << 62)
        self._times = deque[tuple[int | None, int]]()
        self.output = av.open(file, "w", format=self.kind.muxer, **TAGS)
        self.output.flags |= FileFlags.bitexact.value  # nothing random, no dates
        self.output.metadata.update(video.container.metadata)
        self.output.set_chapters(video.container.chapters())
        self.base = 1 / video.rate if self.kind.steady else video.base
        self.stream = self._encoding_stream(planes, quality, aspect)
        self.copies = dict(self._copies())

    def _encoding_stream(self, planes: Planes, quality: int | None, aspect: Fraction | None) -> Any:
        video, encoder = self.video, self.encoder
        options = encoder.options | (x264_options() if encoder.name == "libx264" else {})
        stream = self.output.add_stream(encoder.name, rate=video.rate, options=options)
        context = stream.codec_context
        context.width, context.height = planes.width, planes.height
        context.pix_fmt = planes.format
        context.time_base = self._clock()
        stream.time_base = self.base
        frame = planes.downsample(video.first)
        context.color_range, context.colorspace = frame.color_range, frame.colorspace
        context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        context.thread_count = _threads_for(planes)
        context.flags |= Flags.frame_duration | Flags.bitexact
        if self.kind.steady:
            context.max_b_frames = 0  # AVI has no time stamps to bring them into order
        _set_quality(context, encoder, quality)
        if video.display_matrix is not None:
            stream.set_display_matrix(video.display_matrix)
        stream.metadata.update(video.stream.metadata)
        with self._writing(f"{encoder.label} cannot be encoded so: "):
            context.open()
        return stream

    def _clock(self) -> Fraction:
        """Return the unit of the time stamps that the encoder gets, in seconds."""
        if not self.encoder.coarse:
            return self.base
        rate = self.video.rate
        return 1 / rate.limit_denominator(max(1, int(_COARSEST / rate)))

    def _copies(self) -> Iterator[tuple[int, Any]]:
        for source in self.video.copied:
            try:
                copy = self.output.add_stream_from_template(source)
            except (ValueError, av.FFmpegError):
                self._tell_of(source)
                continue
            copy.metadata.update(source.metadata)
            copy.disposition = source.disposition
            yield source.index, copy

    def _tell_of(self, source: Any) -> None:
        codec = source.codec_context and source.codec_context.codec.canonical_name
        what = f"{source.type} ({codec or 'of a kind unknown here'})"
        if source.type == "audio":
            raise UsageError(
                f"OUTPUT is {self.target}, which holds no {what} as {self.video.name} has it, and "
                "audio is copied as it is; write .mkv"
            )
        note(f"{self.target}: {what} of {self.video.name} is not kept, as the file holds none")

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            with self._writing():
                self._mux(self.stream.encode(None))
                self.output.close()

    def encode(self, frame: VideoFrame) -> None:
        """Encode one frame."""
        if self.kind.steady:
            frame.pts, frame.time_base = self._slot_of(frame), self.base
            frame.duration = 1
        if self.encoder.coarse:
            self._times.append((frame.pts, frame.duration))
            frame.pts, frame.time_base, frame.duration = self.frames, self._clock(), 1
        self.frames += 1
        with self._writing():
            self._mux(self.stream.encode(frame))

    def copy(self, packet: "Packet[Any]") -> None:
        """Write a packet as it is, if the file holds its stream."""
        copy = self.copies.get(packet.stream.index)
        early = self.kind.steady and packet.pts is not None and packet.pts < 0
        if copy is None or early:  # AVI begins at 0, and what is before would move all the rest
            return
        packet.stream = copy
        with self._writing():
            self.output.mux_one(packet)

    def _slot_of(self, frame: VideoFrame) -> int:
        """Return which of the evenly spaced times is a frame's."""
        exact = (frame.pts or 0) * (fraction(frame.time_base) or 0) / self.base
        slot = round(exact)
        if abs(exact - slot) > _OFF_ITS_TIME or slot <= self._slot:
            raise UsageError(
                f"OUTPUT is {self.target}, which holds frames at a constant rate only, and those "
                f"of {self.video.name} come at a varying one; write .mkv or .mp4"
            )
        self._slot = slot
        return slot

    def _mux(self, packets: "list[Packet[Any]]") -> None:
        for packet in packets:
            if self.encoder.coarse:
                packet.pts, packet.duration = self._times.popleft()
                packet.dts, packet.time_base = packet.pts, self.base
            self.output.mux_one(packet)

    @contextmanager
    def _writing(self, what: str = "") -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            said = error.strerror or type(error).__name__
            raise FileError(f"cannot write {self.target}: {what}{said}") from None


def _threads_for(planes: Planes) -> int:
    """Return how many threads encode. What H.264 comes to depends on it, so nothing else may."""
    return max(1, min(_MOST_THREADS, planes.width * planes.height // _PIXELS_A_THREAD))


def x264_options() -> dict[str, str]:
    """Return what keeps x264 from its code for AVX-512, which reads memory that nobody has written.

    That code shares out bits among blocks (``mbtree``) a little otherwise each time. With all that
    such processors have beside it, the same frames are the same bytes.
    """
    if not binding.get_host_cpu_features().get("avx512f"):
        return {}
    return {"x264-params": "asm=AVX2,FMA3,BMI2"}


def _set_quality(context: Any, encoder: Encoder, quality: int | None) -> None:
    if encoder.quality is None:
        return
    option, best, worst, usual = encoder.quality
    value = usual if quality is None else round(worst + (best - worst) * (quality - 1) / 99)
    if option == "qscale":
        context.qscale, context.global_quality = True, value * _LAMBDA
    else:
        context.options = {**context.options, option: str(value)}
