"""One input into the bytes of one output, by what is asked of all of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from fractions import Fraction
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import aa_ref
from aa_ref.backends import default_backend
from aa_ref.dtypes import ARRAYS_TYPE, name_of
from aa_ref.plans import Part

from .endings import FileError, UsageError, note
from .images import (
    FORMATS,
    Picture,
    check_holds,
    decode,
    downsample_samples,
    encode,
    format_of,
    open_picture,
)
from .images.bands import bands_of, downsample_bands
from .images.filtering import check_full_scale
from .images.light import check_light
from .inputs import Input
from .nodata import Holes, NoData, computed, downsample_around, holes_of
from .npy import encode_npy, is_npy, read_npy
from .output import Draft, FolderDraft
from .videos import CONTAINERS

__all__ = ["Conversion", "Request", "convert", "output_format", "suffix_of", "write_video"]

_LONG = 1 << 40  # no scale that is right otherwise leaves nothing of it
Parts = list[bytes | memoryview]


class Request(NamedTuple):
    """What is to be made of every input.

    Attributes
    ----------
    options : dict
        For `aa_ref.downsample`: scale, sigma, boundary, sampling, dtype. A boundary of None is
        reflect for pictures and zeros for arrays.
    axes : tuple of int or None
        Of arrays; None is the last two.
    backend : str or None
    format : str or None
        The outputs' format, whatever their suffixes.
    quality : int or None
    linear_light : bool
        Whether pictures are filtered in linear light.
    max_pixels : int
    nodata : NoData
    """

    options: dict[str, Any]
    axes: tuple[int, ...] | None
    backend: str | None
    format: str | None
    quality: int | None
    linear_light: bool
    max_pixels: int
    nodata: NoData = None

    def check(self) -> None:
        """See, before a large file is read, what is wrong whatever is in it.

        Raises
        ------
        AaRefError
        """
        axes = 2 if self.axes is None else len(self.axes)
        with suppress(aa_ref.errors.LengthError):
            aa_ref.plan((_LONG,) * axes, axes=range(axes), **self.options_for("zeros"))

    def options_for(self, boundary: str) -> dict[str, Any]:
        """Return the options with this boundary where none was asked for."""
        given = self.options["boundary"]
        return {**self.options, "boundary": boundary if given is None else given}

    def parameters(self) -> dict[str, Any]:
        """Return, as JSON holds it, all that the bytes of an output depend on beside its input."""
        said = {name: _plain(value) for name, value in self.options.items()}
        return {
            **said,
            "axes": _plain(self.axes),
            "format": self.format,
            "quality": self.quality,
            "linear_light": self.linear_light,
            "nodata": None if self.nodata is None else str(self.nodata),
        }

    def check_quality(self, output: str, format_name: str) -> None:
        """See that a quality is asked for only where there is one.

        Raises
        ------
        UsageError
        """
        if format_name in CONTAINERS:
            return  # the codec says
        lossy = format_name in FORMATS and FORMATS[format_name].without_quality
        if self.quality is not None and not lossy:
            raise UsageError(
                f"--quality is {self.quality}, but {output} is written without loss; leave it out"
            )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return str(Fraction(value)) if isinstance(value, Fraction | float) else value


def output_format(output: str, given: str | None) -> str:
    """Return an output's format: a key of `FORMATS` or `CONTAINERS`, or "npy".

    Raises
    ------
    UsageError
        If neither ``--format`` nor the suffix names one.
    """
    return format_of(output, given, CONTAINERS)


def suffix_of(format_name: str) -> str:
    """Return the suffix of results in a format."""
    if format_name in FORMATS:
        return FORMATS[format_name].suffixes[0]
    return ".npy" if format_name == "npy" else format_name


class Conversion(NamedTuple):
    """The bytes of an output, and a line that says what was done."""

    parts: Parts
    said: str


class _Job(NamedTuple):
    """One input, and what is to be made of it."""

    origin: Input
    target: str
    format: str
    request: Request
    alone: bool


def convert(
    origin: Input, target: str, format_name: str, request: Request, *, alone: bool = True
) -> Conversion:
    """Read, filter and encode one picture or array. What can be told is, before decoding.

    Parameters
    ----------
    origin : Input
    target : str
        The output, for messages.
    format_name : str
        Its `output_format`.
    request : Request
    alone : bool
        Whether nothing else is shown meanwhile; then something moves where it may take seconds.

    Raises
    ------
    AaRefError, FileError, UsageError, MemoryError
    """
    if format_name in CONTAINERS:
        raise UsageError(
            f"OUTPUT is {target}, a video, but {origin.name} is none; write a .png or a .npy"
        )
    job = _Job(origin, target, format_name, request, alone)
    return _of_array(job) if is_npy(origin) else _of_picture(job)


def write_video(
    origin: Input, draft: Draft, format_name: str, request: Request, *, durably: bool = True
) -> str:
    """Make a video smaller, frame by frame, in the draft's temporary file or folder.

    Returns
    -------
    str
        A line that says what was done.

    Raises
    ------
    AaRefError, FileError, UsageError, MemoryError
    """
    try:
        from .videos.conversion import convert_video
        from .videos.frames import convert_frames
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "av":
            raise
        raise UsageError(
            f"{origin.name} is a video, which needs the extra 'video': "
            "pip install 'aa-ref[cli,video]'"
        ) from None
    if isinstance(draft, FolderDraft):
        return convert_frames(origin, draft.temporary, str(draft.path), format_name, request)
    with draft.opened(durably=durably) as file:
        return convert_video(origin, file, str(draft.path), format_name, request)


def _of_array(job: _Job) -> Conversion:
    if job.format != "npy":
        raise UsageError(
            f"OUTPUT is {job.target}, but the input is a .npy file, which does not say how its "
            "numbers are to be seen; write a .npy"
        )
    if job.request.linear_light:
        raise UsageError(
            f"--linear-light is given, but {job.origin.name} is a .npy file, which does not say "
            "how its numbers are to be seen; leave it out"
        )
    x = read_npy(job.origin)
    options = job.request.options_for("zeros")
    options["axes"] = (-2, -1) if job.request.axes is None else job.request.axes
    p = aa_ref.plan(x.shape, input_dtype=name_of(x.dtype, ARRAYS_TYPE), **options)
    _tell_of_kept_axes(p, "samples along {}".format, "axis {}".format)
    holes = holes_of(job.request.nodata, None, job.origin.name, x.dtype, np.dtype(p.dtype))
    with _filtering(job, p) as filtering:
        y = downsample_around(x, holes, job.target, **options, backend=filtering.backend)
    return Conversion(encode_npy(y), _report(job, options, x, y, filtering))


def _of_picture(job: _Job) -> Conversion:
    axes = job.request.axes
    if axes is not None:
        raise UsageError(
            f"--axes is {','.join(map(str, axes))}, but a picture has rows and columns only; "
            "leave it out"
        )
    picture = open_picture(job.origin, job.request.max_pixels)
    options = {**job.request.options_for("reflect"), "axes": picture.axes}
    p = aa_ref.plan(picture.shape, input_dtype=computed(picture.dtype).name, **options)
    asked = job.request.options["dtype"]
    result_type = picture.dtype if asked is None else np.dtype(asked)
    check_full_scale(picture, result_type)
    if job.request.linear_light:
        check_light(picture, asked)
    if job.format != "npy":
        check_holds(job.target, job.format, picture, p.out_shape, result_type)
    holes = _holes_of_picture(job, picture, result_type)
    rows = dict(zip(picture.axes, ("rows", "columns"), strict=True))
    _tell_of_kept_axes(p, str, rows.__getitem__)
    result, filtering = _downsampled(job, picture, p, options, holes)
    said = _report(job, options, picture, result, filtering)
    if job.format == "npy":
        if picture.header.get_typeof("icc-profile-data"):
            note(f"{job.target}: .npy holds samples only; the colour profile is not kept")
        if picture.ground is not None:
            note(f"{job.target}: .npy holds samples only; the place on the ground is not kept")
        return Conversion(encode_npy(result), said)
    down, across = (
        float(1 / a.scale) if a.sampling == "nearest" else float(a.stride) for a in p.axes
    )
    quality = job.request.quality
    parts = encode(job.target, job.format, picture, result, (down, across), quality, holes.mark)
    return Conversion(parts, said)


def _downsampled(
    job: _Job, picture: Picture, p: aa_ref.Plan, options: dict[str, Any], holes: Holes
) -> tuple[NDArray[Any], "_Filtering"]:
    """Decode and filter a picture: in bands, where it is large and no sample is left out."""
    light, dtype = job.request.linear_light, options["dtype"]
    parts = bands_of(picture, p) if holes.value is None else []
    if not parts:
        pixels = decode(picture)
        with _filtering(job, p) as filtering:
            result = downsample_samples(
                picture, pixels, holes, job.target, linear_light=light,
                backend=filtering.backend, **options,
            )  # fmt: skip
        return result, filtering

    def downsample(x: NDArray[Any], part: Part, *, dtype: Any = None) -> NDArray[Any]:
        given = {**options, "dtype": dtype}
        whole = aa_ref.plan((picture.height, *x.shape[1:]), input_dtype=x.dtype.name, **given)
        y: NDArray[Any] = replace(part, whole=whole)(x, backend=filtering.backend)
        return y

    def band(pixels: NDArray[Any], part: Part) -> NDArray[Any]:
        return downsample_samples(
            picture, pixels, holes, job.target, dtype=dtype, linear_light=light,
            downsample=partial(downsample, part=part),
        )  # fmt: skip

    with _filtering(job, p, "decoded and filtered") as filtering:
        result = decode(picture, lambda image: downsample_bands(picture, image, parts, band))
    return result, filtering


def _holes_of_picture(job: _Job, picture: Picture, result: np.dtype[Any]) -> Holes:
    """Find which samples hold no data, and see that the result can tell them."""
    request, name = job.request, picture.name
    stored = picture.stored or picture.dtype
    holes = holes_of(request.nodata, picture.nodata, name, stored, result)
    if holes.value is None:
        return holes
    if picture.stored is None:
        raise FileError(
            f"{name} is stored in numbers that are converted, {holes.mark} among them; convert it "
            "to 8-bit grey or RGB first, or write --nodata ignore"
        )
    if picture.alpha:
        raise FileError(
            f"{name} has an alpha, which says of each pixel how much it counts; take it away "
            "first, or write --nodata ignore"
        )
    if request.linear_light:
        raise UsageError("--linear-light is given with --nodata; leave one of them out")
    if job.format in ("JPEG", "GIF") or request.quality is not None:
        raise UsageError(
            f"OUTPUT is {job.target}, and {job.format} as asked for alters samples, {holes.mark} "
            "among them, which marks those without data; write a .tif"
        )
    if picture.nodata is not None and job.format != "TIFF":
        note(f"{job.target}: {job.format} does not say that {holes.mark} marks what has no data")
    return holes


def _tell_of_kept_axes(
    p: aa_ref.Plan, sentence: Callable[[str], str], named: Callable[[int], str]
) -> None:
    """Note what the library would warn of, for all axes and in this command's words."""
    for scale, stride in dict.fromkeys((a.scale, a.stride) for a in p.misses_scale):
        note(
            f"scale {scale} has stride int(1/scale) = {stride}, so 1/{stride} of the length comes "
            "out; --sampling nearest gives floor(n * scale) samples"
        )
    if p.keeps_all:
        kept = sentence(" and ".join(named(a.axis) for a in p.keeps_all))
        does = "only blurs" if any(a.radius for a in p.keeps_all) else "changes nothing"
        note(
            f"all {kept} are kept, since int(1/scale) is 1, so the filter {does} there; "
            "--sampling nearest gives floor(n * scale) samples"
        )


class _Filtering:
    """Which backend computes, what is timed, and how long it took."""

    def __init__(self, backend: str, timed: str) -> None:
        self.backend, self.timed, self.milliseconds = backend, timed, 0.0


@contextmanager
def _filtering(job: _Job, p: aa_ref.Plan, timed: str = "filtered") -> Iterator[_Filtering]:
    """Time what happens inside. On a terminal, something moves where it may take seconds."""
    filtering = _Filtering(job.request.backend or default_backend(p).name, timed)
    start = perf_counter()
    moving = job.alone and filtering.backend == "numba"
    words = "filtering; the first time, numba compiles"
    with Console(stderr=True).status(words) if moving else nullcontext():
        yield filtering
    filtering.milliseconds = 1000 * (perf_counter() - start)


def _report(
    job: _Job,
    options: dict[str, Any],
    x: NDArray[Any] | Picture,
    y: NDArray[Any],
    filtering: _Filtering,
) -> str:
    rule = options["boundary"]
    included = filtering.backend == "numba" and ", compiling or loading what was compiled included"
    return (
        f"{job.origin.name} {x.shape} {x.dtype} -> {job.target} {y.shape} {y.dtype}: boundary "
        f"{rule if isinstance(rule, str) else ','.join(rule)}, {filtering.timed} in "
        f"{'linear light in ' if job.request.linear_light else ''}"
        f"{filtering.milliseconds:.1f} ms by {filtering.backend}{included or ''}"
    )
