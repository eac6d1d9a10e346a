"""``aa-ref run``: downsample a picture file or a ``.npy`` file."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.console import Console

import aa_ref
from aa_ref.backends import default_backend, get_backend
from aa_ref.dtypes import ARRAYS_TYPE, name_of

from .endings import UsageError, ends_cleanly, note
from .images import Picture, check_output, downsample_picture, encode, format_of, read
from .options import (
    Axes,
    Boundary,
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
from .output import check_destination, write_file

__all__ = ["run"]

_LONG = 1 << 40  # no scale that is right otherwise leaves nothing of it


@ends_cleanly
def run(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="PNG, JPEG, WebP, TIFF or .npy.")],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="The suffix says the format.",
            show_default=False,
        ),
    ],
    scale: Scale,
    sigma: Sigma = None,
    boundary: Boundary = "zeros",
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
            help="Of JPEG (95 by default) and WebP (by default without loss).",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Low-pass a picture or array and keep every stride-th sample.

    Pictures are filtered along rows and columns as a viewer shows them, on the values as stored,
    with transparency taken into account. Their colour profile is kept, and so is their EXIF where
    the format holds it. Their printed size stays: the resolution goes down with the scale.

    The layer's own boundary, zeros, darkens the edges; for pictures to look at, reflect does not.

    A file that is cut off or damaged is refused as far as that can be told: a JPEG has no checksum,
    and wrong samples in it are filtered like right ones.
    """
    origin, path = parse_path(source, "INPUT"), parse_path(output, "--output")
    _check_quality(path, quality)
    check_destination(path, overwrite)
    numbers = None if axes is None else parse_integers(axes, "--axes")
    options: dict[str, Any] = {
        "scale": parse_numbers(scale, "--scale"),
        "sigma": None if sigma is None else parse_numbers(sigma, "--sigma"),
        "boundary": parse_words(boundary),
        "sampling": parse_words(sampling),
        "dtype": None if dtype is None else _storable(dtype),
    }
    _check_options(options, 2 if numbers is None else len(numbers))
    if threads is not None:
        aa_ref.set_num_threads(threads)
    if backend is not None:
        get_backend(backend)
    picture = read(origin)
    check_output(path, picture, options["dtype"])
    options["axes"] = _axes_of(picture, numbers)
    input_dtype = name_of(picture.pixels.dtype, ARRAYS_TYPE)
    p = aa_ref.plan(picture.pixels.shape, input_dtype=input_dtype, **options)
    _tell_of_kept_axes(p, picture)
    name = backend or default_backend(p).name
    start = perf_counter()
    with _sign_of_life(name):
        result = _downsampled(picture, format_of(path) == "TIFF", {**options, "backend": name})
    milliseconds = 1000 * (perf_counter() - start)
    write_file(path, encode(path, result, quality), overwrite)
    included = ", compiling or loading what was compiled included" if name == "numba" else ""
    typer.echo(
        f"{origin} {_described(picture)} -> {path} {_described(result)}: "
        f"filtered in {milliseconds:.1f} ms by {name}{included}"
    )


def _check_options(options: dict[str, Any], axes: int) -> None:
    """See, before a large file is read, what is wrong with them whatever is in it."""
    with suppress(aa_ref.errors.LengthError):
        aa_ref.plan((_LONG,) * axes, axes=range(axes), **options)


def _axes_of(picture: Picture, given: tuple[int, ...] | None) -> tuple[int, ...]:
    if picture.format == "npy":
        return (-2, -1) if given is None else given
    if given is not None:
        raise UsageError(
            f"--axes is {','.join(map(str, given))}, but a picture has rows and columns only; "
            "leave it out"
        )
    return (0, 1)


def _tell_of_kept_axes(p: aa_ref.Plan, picture: Picture) -> None:
    """What the library would warn of, for all axes and in this command's words."""
    if not p.keeps_all:
        return
    if picture.format == "npy":
        kept = "samples along axis " + " and axis ".join(str(a.axis) for a in p.keeps_all)
    else:
        kept = " and ".join(("rows", "columns")[a.axis] for a in p.keeps_all)
    does = "only blurs" if any(a.radius for a in p.keeps_all) else "changes nothing"
    note(
        f"all {kept} are kept, since int(1/scale) is 1, so the filter {does} there; "
        "--sampling nearest gives floor(n * scale) samples"
    )


@contextmanager
def _sign_of_life(name: str) -> Iterator[None]:
    """Something that moves, on a terminal, where it may take seconds."""
    if name != "numba":
        yield
        return
    with Console(stderr=True).status("filtering; the first time on a machine, numba compiles"):
        yield


def _downsampled(picture: Picture, keep_associated: bool, options: dict[str, Any]) -> Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # told already
        if picture.format == "npy":
            return replace(picture, pixels=aa_ref.downsample(picture.pixels, **options))
        return downsample_picture(picture, keep_associated=keep_associated, **options)


def _storable(dtype: str) -> str:
    """A result type that a file can name."""
    name = name_of(dtype, "--dtype")
    if name == "bfloat16":
        raise UsageError("--dtype is bfloat16, which no file here can name; write float32")
    return name


def _check_quality(output: Path, quality: int | None) -> None:
    if quality is not None and format_of(output) not in ("JPEG", "WebP"):
        raise UsageError(
            f"--quality is {quality}, but {output} is written without loss; leave it out"
        )


def _described(picture: Picture) -> str:
    return f"{picture.pixels.shape} {picture.pixels.dtype}"
