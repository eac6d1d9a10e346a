"""``aa-ref check``: the oracle's verdict on somebody's function."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import aa_ref
from aa_ref import oracle
from aa_ref.backends import get_backend
from aa_ref.oracle.layouts import as_layout

from .endings import FileError, UsageError, ends_cleanly, tell
from .options import Boundary, Overwrite, Sampling, Scale, Sigma, parse_numbers, parse_words
from .output import check_destination, write_file

__all__ = ["check"]

_STATUS = {"bit-identical": 0, "within-bound": 0, "fails": 1, "cannot-judge": 3}


@ends_cleanly
def check(
    scale: Scale,
    function: Annotated[
        str | None,
        typer.Argument(
            metavar="[PACKAGE.MODULE:FUNCTION]",
            help="From a NumPy array to another; it is imported, with the current folder first.",
            show_default=False,
        ),
    ] = None,
    adjoint: Annotated[
        str | None,
        typer.Option(
            metavar="PACKAGE.MODULE:FUNCTION", help="Its adjoint, called with (g, input's shape)."
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Judge one of the library's own backends instead."),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            metavar="LETTERS",
            help="A letter for each dimension: N, C, and what is filtered of D, H, W or L.",
        ),
    ] = "NCHW",
    dtype: Annotated[str, typer.Option(metavar="TYPE", help="The type of the arrays.")] = "float32",
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What is rounded: binary64, binary32, tf32, binary16, bfloat16, pure-binary16, "
            "pure-bfloat16; by default what suits the type.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        str, typer.Option(metavar="FORM", help="How it sums: any, separable, direct or fft.")
    ] = "any",
    taps: Annotated[
        str,
        typer.Option(metavar="HOW", help="recomputed in that precision, or given exactly."),
    ] = "recomputed",
    sigma: Sigma = None,
    boundary: Boundary = "zeros",
    sampling: Sampling = "slice",
    channels: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="For a function made for so many.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, metavar="S", help="Seconds for each call.")
    ] = None,
    isolate: Annotated[
        bool,
        typer.Option("--isolate", help="Call it in a process of its own, which may crash or hang."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the noise.")] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the report there.")
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it as a page with pictures."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge an implementation of the operation by its answers.

    It passes if every answer is within a bound that holds for any correct implementation. The exit
    status is 0 if it passes, 1 if not, 3 if the precision allows errors as large as the results,
    and 2 if the question is wrong.
    """
    if json_file is not None and json_file == html_file:
        raise UsageError(f"--json and --html both name {json_file}; name two files")
    for file in (json_file, html_file):
        if file is not None:
            try:
                check_destination(file, overwrite)
            except FileError as error:  # whose status would say that the function is wrong
                raise UsageError(str(error)) from None
    terms: dict[str, Any] = {
        "sigma": None if sigma is None else parse_numbers(sigma, "--sigma"),
        "boundary": parse_words(boundary), "sampling": parse_words(sampling),
    }  # fmt: skip
    number = parse_numbers(scale, "--scale")
    if (function is None) == (backend is None):
        raise UsageError("name either a function, as package.module:function, or a --backend")
    judged: dict[str, Any] = {"fn": function, "adjoint": adjoint}
    if backend is not None:
        if adjoint is not None or isolate:
            raise UsageError(
                "--adjoint and --isolate are for functions; leave them out with --backend, whose "
                "own adjoint is judged, too"
            )
        judged = _of_backend(backend, {"scale": number, "axes": as_layout(layout).axes, **terms})
    elif str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    report = oracle.check(
        scale=number, layout=layout, dtype=dtype, precision=precision, form=form, taps=taps,
        channels=channels, timeout=timeout, isolate=isolate, seed=seed, **judged, **terms,
    )  # fmt: skip
    typer.echo(str(report))
    for file, written in ((json_file, report.to_json), (html_file, report.to_html)):
        if file is not None:
            write_file(file, [written().encode()], overwrite)
            tell(f"wrote {file}")
    raise typer.Exit(_STATUS[report.grade])


def _of_backend(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """A backend's two functions, as somebody else would hand them in."""
    get_backend(name)  # an unknown one is a wrong question, not a finding
    axes = options["axes"]

    def forward(x: Any) -> Any:
        return aa_ref.downsample(x, backend=name, **options)

    def adjoint(g: Any, shape: tuple[int, ...]) -> Any:
        lengths = [shape[axis] for axis in axes]
        return aa_ref.downsample_adjoint(g, shape=lengths, backend=name, **options)

    forward.__qualname__ = f"the backend {name}"
    adjoint.__qualname__ = f"the adjoint of the backend {name}"
    return {"fn": forward, "adjoint": adjoint}
