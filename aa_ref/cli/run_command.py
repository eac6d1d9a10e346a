"""``aa-ref run``: downsample a picture file or a ``.npy`` file."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

import aa_ref
from aa_ref.backends import default_backend
from aa_ref.dtypes import name_of

from .endings import UsageError, ends_cleanly
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
    parse_words,
)
from .output import check_destination, write_file

__all__ = ["run"]


@ends_cleanly
def run(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", readable=False, help="PNG, JPEG, WebP, TIFF or .npy.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            readable=False,
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
    """
    options: dict[str, Any] = {
        "sigma": None if sigma is None else parse_numbers(sigma, "--sigma"),
        "boundary": parse_words(boundary),
        "sampling": parse_words(sampling),
        "dtype": None if dtype is None else _storable(dtype),
        "backend": backend,
    }
    scales = parse_numbers(scale, "--scale")
    _check_quality(output, quality)
    check_destination(output, overwrite)
    picture = read(source)
    check_output(output, picture, options["dtype"])
    if threads is not None:
        aa_ref.set_num_threads(threads)
    try:
        start = perf_counter()
        result = _downsampled(picture, scales, axes, format_of(output) == "TIFF", options)
        milliseconds = 1000 * (perf_counter() - start)
    finally:
        if threads is not None:
            aa_ref.set_num_threads(None)
    write_file(output, encode(output, result, quality), overwrite)
    name = backend or default_backend().name
    typer.echo(
        f"{source} {_described(picture)} -> {output} {_described(result)}: "
        f"{milliseconds:.1f} ms by {name}"
    )


def _downsampled(
    picture: Picture, scale: Any, axes: str | None, keep_associated: bool, options: dict[str, Any]
) -> Picture:
    if picture.format == "npy":
        numbers = (-2, -1) if axes is None else parse_integers(axes, "--axes")
        return replace(
            picture, pixels=aa_ref.downsample(picture.pixels, scale, axes=numbers, **options)
        )
    if axes is not None:
        raise UsageError(f"--axes is {axes}, but a picture has rows and columns only; leave it out")
    return downsample_picture(picture, scale, keep_associated=keep_associated, **options)


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
