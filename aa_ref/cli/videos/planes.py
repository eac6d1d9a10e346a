"""Downsampling the planes of a frame, each as an array, as they are stored.

A frame in YUV has a plane of light (Y) and two of colour (U, V), often of half the size. Each is
filtered by itself and without any conversion, so what reaches the encoder are the bits of
`aa_ref.downsample`. Range and matrix stay what they are, since a filter whose taps sum to one
commutes with them.
"""

from typing import Any, cast

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

import aa_ref
from aa_ref.dtypes import name_of

from ..endings import UsageError

__all__ = ["Planes", "plain_format"]

_MARKED = {"yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p"}
_PADDED = ("bgr0", "rgb0", "0bgr", "0rgb")  # with a byte that means nothing, as FFV1 has RGB
_FULL_RANGE = 2


def plain_format(name: str) -> str:
    """Return a pixel format without the mark of full range, which frames have as a tag, too."""
    return _MARKED.get(name, name)


class Planes:
    """The plans of a frame's planes.

    Parameters
    ----------
    name : str
        The video, for messages.
    frame : av.video.frame.VideoFrame
        One of those that are to come.
    options : dict
        For `aa_ref.plan`, without the axes.
    backend : str or None

    Raises
    ------
    AaRefError
    UsageError
        If frames of this kind cannot be filtered.
    """

    def __init__(
        self, name: str, frame: VideoFrame, options: dict[str, Any], backend: str | None
    ) -> None:
        self.name, self.backend = name, backend
        stored = frame.format
        if any(component.is_alpha for component in stored.components):
            raise UsageError(
                f"{name} has transparency ({stored.name}), which is not filtered in videos; write "
                "its frames as PNG, and run on those"
            )
        arrays = self._arrays(frame)
        self.plans = [
            aa_ref.plan(x.shape, input_dtype=name_of(x.dtype, "plane"), axes=(0, 1), **options)
            for x in arrays
        ]
        self.height, self.width = self.plans[0].out_shape[:2]
        self.format = plain_format(stored.name)
        self.depth = max(component.bits for component in stored.components)
        self._check_sizes(options)

    def _check_sizes(self, options: dict[str, Any]) -> None:
        """See that the planes of a result fit together, as they do with slices."""
        small = VideoFormat(self.format, self.width, self.height)
        for component in small.components:
            found = self.plans[component.plane].out_shape[:2]
            if found != (component.height, component.width):
                raise UsageError(
                    f"--sampling is {_joined(options['sampling'])}, and of {self.name} it makes "
                    f"{self.width}×{self.height} samples of light and {found[1]}×{found[0]} of "
                    f"colour, which {self.format} cannot hold; leave --sampling out, or write a "
                    "--scale that gives even numbers"
                )

    def downsample(self, frame: VideoFrame) -> VideoFrame:
        """Make the smaller frame, with the same time stamp, duration, range and matrix."""
        small = VideoFrame(self.width, self.height, self.format)
        for plan, x, out in zip(self.plans, self._arrays(frame), _writable(small), strict=True):
            plan(x, out=out, backend=self.backend)
        small.pts, small.time_base, small.duration = frame.pts, frame.time_base, frame.duration
        small.colorspace = frame.colorspace
        small.color_primaries, small.color_trc = frame.color_primaries, frame.color_trc
        marked = frame.format.name in _MARKED
        small.color_range = _FULL_RANGE if marked else frame.color_range
        return small

    def _arrays(self, frame: VideoFrame) -> list[NDArray[Any]]:
        try:
            return [_view(frame, plane) for plane in frame.planes]
        except (NotImplementedError, ValueError, TypeError, BufferError) as error:
            raise UsageError(
                f"{self.name} has frames in {frame.format.name}, whose samples are not filtered "
                f"({error}); convert it to yuv420p or another planar format first"
            ) from None


def _view(frame: VideoFrame, plane: VideoPlane) -> NDArray[Any]:
    """Return a plane's samples: (height, width), or with those of several colours behind."""
    if frame.format.name in _PADDED and plane.line_size > 0:
        shape, strides = (plane.height, plane.width, 4), (plane.line_size, 4, 1)
        return np.ndarray(shape, np.uint8, cast(Any, plane), 0, strides)
    return np.from_dlpack(plane)


def _writable(frame: VideoFrame) -> list[NDArray[Any]]:
    """Return the planes as arrays that may be written to, which DLPack does not say they are."""
    views = [_view(frame, plane) for plane in frame.planes]
    return [
        np.ndarray(view.shape, view.dtype, cast(Any, plane), 0, view.strides)
        for view, plane in zip(views, frame.planes, strict=True)
    ]


def _joined(rule: str | tuple[str, ...]) -> str:
    return rule if isinstance(rule, str) else ",".join(rule)
