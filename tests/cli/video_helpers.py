"""Videos that tests encode, and what is in them."""

from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

import aa_ref

FULL, LIMITED = 2, 1
BT709, BT601 = 1, 6


class Film(NamedTuple):
    """What is to be in a video. Times are in units of ``base``, one more than there are frames."""

    codec: str = "ffv1"
    width: int = 66
    height: int = 50
    pix_fmt: str = "yuv420p"
    base: Fraction = Fraction(1, 1000)
    times: tuple[int, ...] = tuple(range(0, 440, 40))
    rate: Fraction = Fraction(25)
    aspect: Fraction | None = None
    colours: tuple[int, int] | None = None  # range and matrix
    options: tuple[tuple[str, str], ...] = ()
    turned: int = 0
    suffix: str = ".mkv"


def planes_of(frame):
    """A frame's planes, as arrays of their own."""
    return [view_of(frame, i).copy() for i in range(len(frame.planes))]


def view_of(frame, number):
    """The samples of a plane, by what FFmpeg says of the format, without the rows' padding."""
    plane = frame.planes[number]
    components = [c for c in frame.format.components if c.plane == number]
    dtype = np.dtype(np.uint16 if components[0].bits > 8 else np.uint8)
    channels = frame.format.padded_bits_per_pixel // 8 if len(components) > 2 else len(components)
    shape = (plane.height, plane.width, channels)[: 3 if channels > 1 else 2]
    strides = (plane.line_size, channels * dtype.itemsize, dtype.itemsize)[: len(shape)]
    return np.ndarray(shape, dtype, plane, 0, strides)


def frame_of(film, number):
    """A picture with some detail that moves, and noise."""
    rng = np.random.default_rng(number)
    frame = av.VideoFrame(film.width, film.height, film.pix_fmt)
    for plane in range(len(frame.planes)):
        array = view_of(frame, plane)
        depth = max(c.bits for c in frame.format.components)
        full = (1 << depth) - 1
        rows, columns = np.indices(array.shape[:2])
        waves = 0.5 + 0.4 * np.sin((rows + 2 * number) / 3) * np.cos(columns / (2 + columns % 5))
        noise = rng.uniform(-0.1, 0.1, array.shape)
        waves = waves.reshape(array.shape[:2] + (1,) * (array.ndim - 2))
        array[...] = np.rint((waves + noise) * full)
    return frame


def write_film(path, film, *, audio=None, rate=8000, title=None, language=None):
    """Encode a video, and beside it a tone if ``audio`` names a codec."""
    with av.open(str(path), "w") as output:
        if title is not None:
            output.metadata["title"] = title
            chapter = {"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000)}
            output.set_chapters([chapter | {"metadata": {"title": "first"}}])
        stream = output.add_stream(film.codec, rate=film.rate, options=dict(film.options))
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = film.width, film.height, film.pix_fmt
        context.time_base = stream.time_base = film.base
        context.thread_count = 1
        context.flags |= int(av.codec.context.Flags.frame_duration)
        if language is not None:
            stream.metadata["language"] = language
        if film.aspect is not None:
            context.sample_aspect_ratio = film.aspect
        if film.colours is not None:
            context.color_range, context.colorspace = film.colours
            context.color_trc = context.color_primaries = 1
        if film.turned:
            stream.set_display_rotation(film.turned)
        sound = None if audio is None else output.add_stream(audio, rate=rate, layout="mono")
        for number, (time, after) in enumerate(zip(film.times, film.times[1:], strict=False)):
            frame = frame_of(film, number)
            frame.pts, frame.duration, frame.time_base = time, after - time, film.base
            if film.colours is not None:
                frame.color_range, frame.colorspace = film.colours
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            seconds = float(film.times[-1] * film.base)
            tone = np.sin(np.arange(int(seconds * rate)) / 5)[None].astype(np.float32)
            wave = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            wave.sample_rate, wave.pts = rate, 0
            resampler = av.AudioResampler(
                sound.format, sound.layout, rate, sound.frame_size or None
            )
            for part in [*resampler.resample(wave), *resampler.resample(None)]:
                output.mux(sound.encode(part))
            output.mux(sound.encode(None))
    return path


class Seen(NamedTuple):
    """What a reader sees of a video."""

    frames: list  # of lists of planes
    times: list  # of Fractions of a second
    codec: str
    pix_fmt: str
    aspect: Fraction | None
    rate: Fraction
    colours: tuple[int, int, int, int]
    turned: int
    audio: list  # of the packets' bytes


def watch(path):
    """Decode a video."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        audio = [s for s in source.streams if s.type == "audio"]
        frames, packets = [], []
        for packet in source.demux(stream, *audio):
            if packet.stream is stream:
                frames += packet.decode()
            elif packet.size:
                packets.append(bytes(packet))
        first = frames[0]
        return Seen(
            [planes_of(frame) for frame in frames],
            [frame.pts * stream.time_base for frame in frames],
            stream.codec_context.codec.canonical_name, first.format.name,
            stream.sample_aspect_ratio, stream.average_rate,
            (first.color_range, first.colorspace, first.color_trc, first.color_primaries),
            first.rotation, packets,
        )  # fmt: skip


def smaller(planes, scale=0.25, **options):
    """What the library makes of a frame's planes."""
    options = {"boundary": "reflect", "backend": "numpy"} | options
    return [aa_ref.downsample(plane, scale, axes=(0, 1), **options) for plane in planes]


def damaged(data, rng):
    """Cut, flip bits, or change a few bytes of the head, where sizes are."""
    kind = rng.integers(3)
    if kind == 0:
        return data[: rng.integers(1, len(data))]
    changed = bytearray(data)
    for _ in range(rng.integers(1, 20)):
        end = len(data) if kind == 1 else min(len(data), 600)
        changed[rng.integers(end)] ^= 1 << int(rng.integers(8))
    return bytes(changed)
