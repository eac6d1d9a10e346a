"""``aa-ref plan``: what a call would do, without an array."""

from typing import Annotated

import typer

import aa_ref
from aa_ref.dtypes import name_of

from .endings import ends_cleanly
from .options import (
    Axes,
    Boundary,
    Dtype,
    Sampling,
    Scale,
    Sigma,
    parse_integers,
    parse_numbers,
    parse_words,
)

__all__ = ["plan"]


@ends_cleanly
def plan(
    shape: Annotated[
        str, typer.Argument(metavar="SHAPE", help="The input's shape, for instance 3,256,256.")
    ],
    scale: Scale,
    axes: Axes = None,
    sigma: Sigma = None,
    boundary: Boundary = "zeros",
    sampling: Sampling = "slice",
    dtype: Dtype = None,
    input_dtype: Annotated[
        str, typer.Option("--input-dtype", metavar="TYPE", help="The input's type.")
    ] = "float32",
) -> None:
    """Show what downsampling an array of SHAPE does: sizes, filter, cost."""
    p = aa_ref.plan(
        parse_integers(shape, "SHAPE"),
        parse_numbers(scale, "--scale"),
        input_dtype=name_of(input_dtype, "--input-dtype"),
        dtype=None if dtype is None else name_of(dtype, "--dtype"),
        axes=(-2, -1) if axes is None else parse_integers(axes, "--axes"),
        sigma=None if sigma is None else parse_numbers(sigma, "--sigma"),
        boundary=parse_words(boundary),
        sampling=parse_words(sampling),
    )
    typer.echo(str(p))
