"""One video into a folder of pictures, a file a frame.

The planes are made smaller as they are stored, like those of a video. Only then does swscale,
FFmpeg's library for that, turn them into RGB of the full range, by the frame's own range and
matrix.
"""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

import aa_ref

from ..conversion import Request
from ..endings import UsageError, give_up_if_stopped, note
from ..images import FORMATS, encode_samples
from ..inputs import Input
from ..output import worded
from .conversion import aspect_of, backend_for, check_options, options_for
from .planes import Planes
from .reading import Video, open_video

__all__ = ["convert_frames"]

_DIGITS = 7
_UNTAGGED = 2
_TALLEST_SD = 576  # rows; taller videos without a tag are taken as BT.709, as players do
_MATRICES: dict[int, int] = {1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601,
                             6: Colorspace.ITU601, 7: Colorspace.SMPTE240M}  # fmt: skip
_BT2020 = (9, 10)
_HDR = (16, 18)  # the curves PQ and HLG
_SWSCALE_BT2020 = 9
# Without ACCURATE_RND, swscale's quick way from YUV to planes of RGB leaves up to eight of the last
# columns as they were in memory (FFmpeg 8 on x86, widths of 16 n + 1 to 16 n + 8).
_CONVERSION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


def convert_frames(
    source: Input, folder: Path, target: str, format_name: str, request: Request
) -> str:
    """Read and filter a video, write each frame as a picture, and return a line on what was done.

    Parameters
    ----------
    source : Input
    folder : Path
        Where the pictures go: ``0000001.png`` and so on. It is made.
    target, format_name : str
        The output, for messages; a key of `FORMATS`.
    request : Request

    Raises
    ------
    AaRefError, FileError, UsageError, MemoryError
    """
    _check(source, target, format_name, request)
    start, number = perf_counter(), 0
    suffix = FORMATS[format_name].suffixes[0]
    with open_video(source, request.max_pixels, aa_ref.get_num_threads()) as video:
        planes = Planes(video.name, video.first, options_for(video, request), backend_for(request))
        pictures = _Pictures(video, planes, format_name, target)
        with worded(Path(target)):
            folder.mkdir()
        for part in video.parts():
            give_up_if_stopped()
            if not isinstance(part, VideoFrame):
                continue
            number += 1
            pixels = pictures.samples(planes.downsample(part))
            data = encode_samples(target, format_name, pixels, request.quality)
            with worded(Path(target)):
                (folder / f"{number:0{_DIGITS}}{suffix}").write_bytes(data)
    height, width = planes.plans[0].shape[:2]
    return (
        f"{video.name} {width}×{height} {video.first.format.name} -> {target} "
        f"{planes.width}×{planes.height}: {number:,} frames as {format_name} in "
        f"{perf_counter() - start:.1f} s, filtered by {planes.backend}"
    )


def _check(source: Input, target: str, format_name: str, request: Request) -> None:
    check_options(source, request)
    if format_name not in FORMATS or FORMATS[format_name].suffixes[0] == ".gif":
        raise UsageError(
            f"OUTPUT is {target}, a folder for the frames of {source.name}, and --format is "
            f"{request.format}; write png, tif, webp, avif or jpg"
        )


class _Pictures:
    """Turns frames into the samples of pictures.

    Parameters
    ----------
    video : Video
    planes : Planes
    format_name : str
    target : str
        For notes.
    """

    def __init__(self, video: Video, planes: Planes, format_name: str, target: str) -> None:
        first = video.first
        components = first.format.components
        self.is_grey = len(components) == 1
        self.is_rgb = first.format.is_rgb
        deep = planes.depth > 8 and "uint16" in FORMATS[format_name].dtypes
        self.format = "gbrp16le" if deep else "gbrp"  # packed ones lack columns of odd widths
        self.turns, self.mirrored = _turns_of(video)
        self.matrix = self._matrix_of(video)
        self.reformatter = VideoReformatter()
        if planes.depth > 8 and not deep:
            note(f"{target}: {format_name} holds 8 bits; samples of {planes.depth} are rounded")
        if int(video.first.color_trc) in _HDR:
            note(f"{target}: the high dynamic range of {video.name} is not told in them")
        if video.copied:
            note(f"{target}: pictures hold no sound and no subtitles; those are not kept")
        aspect = aspect_of(video, planes)
        if aspect not in (None, 1):
            note(f"{target}: pixels are {aspect} times as wide as high, which pictures do not say")

    def _matrix_of(self, video: Video) -> int:
        tag = int(video.first.colorspace)
        if self.is_grey or self.is_rgb:
            return int(Colorspace.ITU601)  # which nothing depends on
        if tag in _BT2020:
            return _SWSCALE_BT2020
        if tag == _UNTAGGED:
            tall = video.first.height > _TALLEST_SD
            note(f"{video.name} names no matrix of colours; taken as BT.{709 if tall else 601}")
            return int(Colorspace.ITU709 if tall else Colorspace.ITU601)
        if tag not in _MATRICES:
            raise UsageError(
                f"{video.name} has colours of a matrix (number {tag}) that is not turned into RGB "
                "here; write a video"
            )
        return int(_MATRICES[tag])

    def samples(self, frame: VideoFrame) -> NDArray[Any]:
        """Return (height, width, 3) of RGB, or (height, width) of grey, upright."""
        limited = not self.is_rgb and not self.is_grey and frame.color_range != ColorRange.JPEG
        limited |= self.is_grey and frame.color_range == ColorRange.MPEG
        converted = self.reformatter.reformat(
            frame, format=self.format, src_colorspace=self.matrix, dst_colorspace=self.matrix,
            src_color_range=ColorRange.MPEG if limited else ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG, interpolation=_CONVERSION, threads=1,
        )  # fmt: skip
        pixels = converted.to_ndarray()
        if self.is_grey:
            pixels = pixels[..., 0]
        pixels = pixels[:, ::-1] if self.mirrored else pixels
        return np.ascontiguousarray(np.rot90(pixels, self.turns))


def _turns_of(video: Video) -> tuple[int, bool]:
    """Return by how many quarters a player turns it anticlockwise, after mirroring it or not."""
    if video.display_matrix is None:
        return 0, False
    a, b, _, c, d, *_ = (round(value / (1 << 16)) for value in video.display_matrix)
    mirrored = a * d - b * c < 0
    turned = (-a, -b) if mirrored else (a, b)  # (x, y) -> (a x + c y, b x + d y), with y downwards
    turns = {(1, 0): 0, (0, -1): 1, (-1, 0): 2, (0, 1): 3}
    if turned not in turns:
        raise UsageError(
            f"{video.name} is shown turned by no quarter; write a video, which keeps that"
        )
    return turns[turned], mirrored
