"""``aa-ref run``: downsample a picture file or a ``.npy`` file."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import numpy as np
import pyvips
import typer
from numpy.typing import NDArray
from rich.console import Console

import aa_ref
from aa_ref.backends import default_backend, get_backend
from aa_ref.dtypes import ARRAYS_TYPE, name_of

from .endings import UsageError, ends_cleanly, note
from .images import (
    FORMATS,
    check_holds,
    decode,
    downsample_samples,
    encode,
    format_of,
    open_picture,
)
from .images.filtering import check_full_scale
from .inputs import STANDARD, Input, open_input
from .npy import encode_npy, is_npy, read_npy
from .options import (
    Axes,
    Dtype,
    Overwrite,
    Sampling,
    Scale,
    Sigma,
    parse_integers,
    parse_numbers,
    parse_path,
    parse_words,
)
from .output import check_destination, check_standard_output, write_file, write_standard_output

__all__ = ["run"]

_MAX_PIXELS = 1 << 28
_LONG = 1 << 40  # no scale that is right otherwise leaves nothing of it


Parts = list[bytes | memoryview]


@ends_cleanly
def run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="PNG, JPEG, WebP, TIFF, AVIF, GIF or .npy; - is standard input.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="The suffix says the format; - is standard output.",
            show_default=False,
        ),
    ],
    scale: Scale,
    sigma: Sigma = None,
    boundary: Annotated[
        str | None,
        typer.Option(
            "--boundary",
            metavar="RULE[,RULE]",
            help="What stands beyond the ends: zeros, replicate, reflect or circular. "
            "By default reflect for pictures and zeros for .npy.",
        ),
    ] = None,
    sampling: Sampling = "slice",
    dtype: Dtype = None,
    axes: Axes = None,
    backend: Annotated[
        str | None,
        typer.Option("--backend", metavar="NAME", help="Which one computes; see aa-ref info."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", help="How many threads at most.")
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            "--quality",
            metavar="1..100",
            min=1,
            max=100,
            help="Of JPEG (95 by default), WebP and AVIF (by default without loss).",
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="NAME", help="The output's format, whatever its suffix: png, tif."
        ),
    ] = None,
    max_pixels: Annotated[
        int,
        typer.Option("--max-pixels", metavar="N", min=1, help="Refuse larger pictures unread."),
    ] = _MAX_PIXELS,
    overwrite: Overwrite = False,
) -> None:
    """Low-pass a picture or array and keep every stride-th sample.

    Pictures are filtered along rows and columns as a viewer shows them, on the values as stored,
    with transparency taken into account; of an animation, every frame. Their colour profile is
    kept, and so are EXIF and XMP where the format holds them. Their printed size stays: the
    resolution goes down with the scale.

    The boundary of pictures is reflect, so that a white edge stays white; that of arrays is zeros,
    the layer's own.

    A file that is cut off or damaged is refused as far as that can be told: a JPEG has no checksum,
    and wrong samples in it are filtered like right ones.
    """
    name, target = _named(source, "INPUT"), _named(output, "--output")
    target_format = format_of(target, file_format)
    _check_quality(target, target_format, quality)
    if target == STANDARD:
        check_standard_output()
    else:
        check_destination(Path(target), overwrite)
    numbers = None if axes is None else parse_integers(axes, "--axes")
    options: dict[str, Any] = {
        "scale": parse_numbers(scale, "--scale"),
        "sigma": None if sigma is None else parse_numbers(sigma, "--sigma"),
        "boundary": "zeros" if boundary is None else parse_words(boundary),
        "sampling": parse_words(sampling),
        "dtype": None if dtype is None else _storable(dtype),
    }
    _check_options(options, 2 if numbers is None else len(numbers))
    if threads is not None:
        aa_ref.set_num_threads(threads)
        pyvips.concurrency_set(threads)
    if backend is not None:
        get_backend(backend)
    origin = open_input(name)
    job = _Job(origin, target, target_format, options, backend, quality, max_pixels)
    if is_npy(origin):
        parts, said = _of_array(job, numbers)
    else:
        if boundary is None:
            options["boundary"] = "reflect"
        parts, said = _of_picture(job, numbers)
    if target == STANDARD:
        write_standard_output(parts)
    else:
        write_file(Path(target), parts, overwrite)
    typer.echo(said, err=target == STANDARD)


class _Job(NamedTuple):
    """One input, and what is to be made of it."""

    origin: Input
    target: str
    format: str
    options: dict[str, Any]
    backend: str | None
    quality: int | None
    max_pixels: int


def _of_array(job: _Job, axes: tuple[int, ...] | None) -> tuple[Parts, str]:
    """Give the bytes of the result, and what to say of it."""
    if job.format != "npy":
        raise UsageError(
            f"OUTPUT is {job.target}, but the input is a .npy file, which does not say how its "
            "numbers are to be seen; write a .npy"
        )
    x = read_npy(job.origin)
    options = {**job.options, "axes": (-2, -1) if axes is None else axes}
    p = aa_ref.plan(x.shape, input_dtype=name_of(x.dtype, ARRAYS_TYPE), **options)
    _tell_of_kept_axes(p, "samples along {}".format, "axis {}".format)
    with _filtering(job, p) as filtering:
        y = aa_ref.downsample(x, **options, backend=filtering.backend)
    return encode_npy(y), _report(job, x, y, filtering)


def _of_picture(job: _Job, axes: tuple[int, ...] | None) -> tuple[Parts, str]:
    """Give the bytes of the result, and what to say of it. What can be told is, before decoding."""
    if axes is not None:
        raise UsageError(
            f"--axes is {','.join(map(str, axes))}, but a picture has rows and columns only; "
            "leave it out"
        )
    picture = open_picture(job.origin, job.max_pixels)
    options = {**job.options, "axes": picture.axes}
    p = aa_ref.plan(picture.shape, input_dtype=picture.dtype.name, **options)
    check_full_scale(picture, np.dtype(p.dtype))
    if job.format != "npy":
        check_holds(job.target, job.format, picture, p.out_shape, p.dtype)
    rows = dict(zip(picture.axes, ("rows", "columns"), strict=True))
    _tell_of_kept_axes(p, str, rows.__getitem__)
    pixels = decode(picture)
    with _filtering(job, p) as filtering:
        result = downsample_samples(picture, pixels, **options, backend=filtering.backend)
    said = _report(job, pixels, result, filtering)
    if job.format == "npy":
        if picture.header.get_typeof("icc-profile-data"):
            note(f"{job.target}: .npy holds samples only; the colour profile is not kept")
        return encode_npy(result), said
    spacing = tuple(
        float(1 / a.scale) if a.sampling == "nearest" else float(a.stride) for a in p.axes
    )
    return encode(
        job.target, job.format, picture, result, (spacing[0], spacing[1]), job.quality
    ), said


def _check_options(options: dict[str, Any], axes: int) -> None:
    """See, before a large file is read, what is wrong with them whatever is in it."""
    with suppress(aa_ref.errors.LengthError):
        aa_ref.plan((_LONG,) * axes, axes=range(axes), **options)


def _tell_of_kept_axes(
    p: aa_ref.Plan, sentence: Callable[[str], str], named: Callable[[int], str]
) -> None:
    """Note what the library would warn of, for all axes and in this command's words."""
    if p.keeps_all:
        kept = sentence(" and ".join(named(a.axis) for a in p.keeps_all))
        does = "only blurs" if any(a.radius for a in p.keeps_all) else "changes nothing"
        note(
            f"all {kept} are kept, since int(1/scale) is 1, so the filter {does} there; "
            "--sampling nearest gives floor(n * scale) samples"
        )


class _Filtering:
    """Which backend computes, and how long it took."""

    def __init__(self, backend: str) -> None:
        self.backend, self.milliseconds = backend, 0.0


@contextmanager
def _filtering(job: _Job, p: aa_ref.Plan) -> Iterator[_Filtering]:
    """Time what happens inside. On a terminal, something moves where it may take seconds."""
    filtering = _Filtering(job.backend or default_backend(p).name)
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # told already
        if filtering.backend == "numba":
            with Console(stderr=True).status("filtering; the first time, numba compiles"):
                yield filtering
        else:
            yield filtering
    filtering.milliseconds = 1000 * (perf_counter() - start)


def _report(job: _Job, x: NDArray[Any], y: NDArray[Any], filtering: _Filtering) -> str:
    rule = job.options["boundary"]
    included = filtering.backend == "numba" and ", compiling or loading what was compiled included"
    return (
        f"{job.origin.name} {x.shape} {x.dtype} -> {job.target} {y.shape} {y.dtype}: boundary "
        f"{rule if isinstance(rule, str) else ','.join(rule)}, filtered in "
        f"{filtering.milliseconds:.1f} ms by {filtering.backend}{included or ''}"
    )


def _storable(dtype: str) -> str:
    """A result type that a file can name."""
    name = name_of(dtype, "--dtype")
    if name == "bfloat16":
        raise UsageError("--dtype is bfloat16, which no file here can name; write float32")
    return name


def _check_quality(output: str, name: str, quality: int | None) -> None:
    if quality is not None and (name == "npy" or not FORMATS[name].without_quality):
        raise UsageError(
            f"--quality is {quality}, but {output} is written without loss; leave it out"
        )


def _named(text: str, option: str) -> str:
    return str(parse_path(text, option))
