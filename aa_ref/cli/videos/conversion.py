"""One video into a smaller one."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from time import perf_counter
from typing import IO, Any

from av.video.frame import VideoFrame

import aa_ref
from aa_ref.backends import default_backend

from ..conversion import Request
from ..endings import UsageError, give_up_if_stopped
from ..inputs import Input
from .containers import CONTAINERS, Encoder
from .planes import Planes
from .reading import Video, open_video
from .writing import Writer, chosen_encoder

__all__ = ["aspect_of", "backend_for", "check_options", "convert_video", "options_for"]

_MOST_WAITING = 4  # frames, filtered and not yet encoded


def convert_video(
    source: Input, file: IO[bytes], target: str, suffix: str, request: Request
) -> str:
    """Read, filter and write a video, frame by frame, and return a line on what was done.

    Parameters
    ----------
    source : Input
    file : binary file
        That can be sought.
    target, suffix : str
        The output, for messages; a key of `CONTAINERS`.
    request : Request

    Raises
    ------
    AaRefError, FileError, UsageError, MemoryError
    """
    _check(source, target, suffix, request)
    start, threads = perf_counter(), aa_ref.get_num_threads()
    with open_video(source, request.max_pixels, threads) as video:
        planes = Planes(video.name, video.first, options_for(video, request), backend_for(request))
        aspect = aspect_of(video, planes)
        encoder = chosen_encoder(video, planes, target, suffix, aspect)
        _check_quality(encoder, target, request)
        with (
            Writer(file, video, planes, encoder, target, suffix, request.quality, aspect) as writer,
            _Behind(threads) as behind,
        ):
            for part in video.parts():
                give_up_if_stopped()
                if isinstance(part, VideoFrame):
                    behind.do(writer.encode, planes.downsample(part))
                else:
                    behind.do(writer.copy, part)
    seconds = perf_counter() - start
    return _report(video, planes, encoder, target, writer.frames, seconds)


class _Behind:
    """Does things one after the other on a thread of its own: to be used with ``with``.

    What fails there is raised where the next thing is asked for, or at the end; always the first
    failure. Where there is to be one thread only, all is done at once.
    """

    def __init__(self, threads: int) -> None:
        self.worker = ThreadPoolExecutor(1, "aa_ref encodes") if threads > 1 else None
        self.waiting = deque[Future[None]]()

    def do(self, function: Callable[[Any], None], argument: Any) -> None:
        """Do something soon, once all that was asked for before is done."""
        if self.worker is None:
            function(argument)
            return
        self.waiting.append(self.worker.submit(function, argument))
        if len(self.waiting) > _MOST_WAITING:
            self._await_first()

    def _await_first(self) -> None:
        first = self.waiting.popleft()
        try:
            first.result()
        except BaseException:
            self.waiting.clear()  # what comes of the others tells nothing any more
            raise

    def __enter__(self) -> "_Behind":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.worker is None:
            return
        try:
            if kind is None or issubclass(kind, Exception):
                while self.waiting:
                    self._await_first()
        finally:
            self.worker.shutdown(cancel_futures=True)


def _check(source: Input, target: str, suffix: str, request: Request) -> None:
    """See what no video can be written as."""
    if suffix not in CONTAINERS:
        raise UsageError(
            f"OUTPUT is {target}, but {source.name} is a video; write one of "
            f"{' '.join(CONTAINERS)}, or name a folder and add --format png for its frames"
        )
    check_options(source, request)


def check_options(source: Input, request: Request) -> None:
    """See what is asked for and cannot be had of any video.

    Raises
    ------
    UsageError
    """
    if request.axes is not None:
        raise UsageError(
            f"--axes is {','.join(map(str, request.axes))}, but a video has rows and columns only; "
            "leave it out"
        )
    if request.linear_light:
        raise UsageError(
            f"--linear-light is given, but {source.name} is a video, whose planes hold brightness "
            "and colour apart; leave it out"
        )
    if isinstance(request.nodata, float):
        raise UsageError(
            f"--nodata is given, but {source.name} is a video, whose samples all count; leave it "
            "out"
        )
    if request.options["dtype"] is not None:
        raise UsageError(
            f"--dtype is {request.options['dtype']}, but the samples of a video are of the type "
            "that its codec says; leave it out"
        )


def _check_quality(encoder: Encoder, target: str, request: Request) -> None:
    if request.quality is not None and encoder.quality is None:
        kind = "without loss" if encoder.lossless else f"as {encoder.label}, which has none"
        raise UsageError(
            f"--quality is {request.quality}, but {target} is written {kind}; leave it out"
        )


def backend_for(request: Request) -> str:
    """Return what computes: many frames are worth loading Numba for, if it is there."""
    return request.backend or default_backend().name


def options_for(video: Video, request: Request) -> dict[str, Any]:
    """Return the options with rows and columns as they are stored."""
    options = request.options_for("reflect")
    if video.is_on_its_side:
        for name, value in options.items():
            if isinstance(value, tuple) and len(value) == 2:
                options[name] = value[::-1]
    return options


def aspect_of(video: Video, planes: Planes) -> Fraction | None:
    """Return the pixel aspect with which the result is shown as wide and high as the video."""
    down, across = (
        Fraction(axis.scale) if axis.sampling == "nearest" else Fraction(1, axis.stride)
        for axis in planes.plans[0].axes
    )
    if down == across:
        return video.aspect
    return ((video.aspect or 1) * down / across).limit_denominator(1 << 15)


def _report(
    video: Video, planes: Planes, encoder: Encoder, target: str, frames: int, seconds: float
) -> str:
    height, width = planes.plans[0].shape[:2]
    rules = dict.fromkeys(axis.boundary for axis in planes.plans[0].axes)
    return (
        f"{video.name} {width}×{height} {video.first.format.name} -> {target} "
        f"{planes.width}×{planes.height} {planes.format}: boundary {','.join(rules)}, "
        f"{frames:,} frames as {encoder.label} in {seconds:.1f} s, filtered by {planes.backend}"
    )
