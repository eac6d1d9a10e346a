"""``aa-ref check``: the oracle's verdict on somebody's function."""

import ctypes
import faulthandler
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

import aa_ref
from aa_ref import oracle
from aa_ref.backends import get_backend
from aa_ref.oracle.calling.layouts import as_layout

from .endings import FileError, UsageError, ends_cleanly, tell
from .options import Boundary, Overwrite, Sampling, Scale, Sigma, parse_numbers, parse_words
from .output import check_destination, write_file
from .progress import bar_of_calls

__all__ = ["check"]

_STATUS = {"bit-identical": 0, "within-bound": 0, "fails": 1, "cannot-judge": 3}
_MOST_LINES = 60


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
            metavar="PACKAGE.MODULE:FUNCTION",
            help="Its adjoint, called with (g, input's shape); a command after --command.",
        ),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            metavar="'./PORT {input} {output}'",
            help="Judge a program that reads a .npy and writes one. Without {input} and {output} "
            "it runs once, and reads their names as lines.",
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
    shapes: Annotated[
        str | None,
        typer.Option(
            metavar="S[,S]",
            help="For one that takes no others: 256x256 along the filtered axes, or whole, "
            "1x3x256x256.",
        ),
    ] = None,
    multiple_of: Annotated[
        int,
        typer.Option(
            "--multiple-of",
            min=1,
            metavar="N",
            help="For one whose filtered axes have to be as long as a multiple of N.",
            show_default=False,
        ),
    ] = 1,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, metavar="S", help="Seconds for each call.")
    ] = None,
    isolate: Annotated[
        bool | None,
        typer.Option(
            "--isolate/--no-isolate",
            help="Call it in a process of its own, which may crash or hang; or in this one, for "
            "frameworks that mind.",
            show_default="--isolate",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the noise.")] = 0,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Ask it random questions besides, larger and larger."),
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="M", help="How long; 5 by default.", show_default=False),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the report there.")
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it as a page with pictures."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Print more than {_MOST_LINES} lines where there are.")
    ] = False,
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
    if minutes is not None and not thorough:
        raise UsageError("--minutes says how long to ask with --thorough; add that")
    terms: dict[str, Any] = {
        "sigma": None if sigma is None else parse_numbers(sigma, "--sigma"),
        "boundary": parse_words(boundary), "sampling": parse_words(sampling),
    }  # fmt: skip
    number = parse_numbers(scale, "--scale")
    if sum(given is not None for given in (function, command, backend)) != 1:
        raise UsageError(
            "name either a function, as package.module:function, or a --command, or a --backend"
        )
    if function is not None and Path(function).is_file() and not function.endswith(".py"):
        asked = f"--command '{function} {{input}} {{output}}'"
        raise UsageError(f"{function} is a file; a program is judged as {asked}")
    judged: dict[str, Any] = {"fn": function, "adjoint": adjoint}
    if function is None and isolate is not None:
        raise UsageError(
            f"--{'isolate' if isolate else 'no-isolate'} is for functions; leave it out with "
            f"{'--command, whose processes are apart' if command else '--backend'}"
        )
    if backend is not None:
        if adjoint is not None:
            raise UsageError(
                "--adjoint is for functions and programs; leave it out with --backend, whose own "
                "is judged, too"
            )
        judged = _of_backend(backend, {"scale": number, "axes": as_layout(layout).axes, **terms})
    elif command is not None:
        backwards = None if adjoint is None else oracle.Program(adjoint)
        judged = {"fn": oracle.Program(command), "adjoint": backwards}
    elif str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    apart = function is not None and isolate is not False
    with bar_of_calls() as progress, _apart_from_stdout(), _crashes_told():
        report = oracle.check(
            scale=number, layout=layout, dtype=dtype, precision=precision, form=form, taps=taps,
            channels=channels, shapes=None if shapes is None else _parse_shapes(shapes),
            multiple_of=multiple_of, timeout=timeout, isolate=apart, seed=seed,
            thorough=thorough, minutes=minutes, progress=progress, **judged, **terms,
        )  # fmt: skip
    whole = str(report)
    short = whole if everything else report.text(_MOST_LINES - 1)
    typer.echo(short)
    if short != whole:
        typer.echo("--all prints all of it, and --json FILE and --html FILE write it")
    for file, written in ((json_file, report.to_json), (html_file, report.to_html)):
        if file is not None:
            write_file(file, [written().encode()], overwrite)
            tell(f"wrote {file}")
    raise typer.Exit(_STATUS[report.grade])


def _parse_shapes(text: str) -> list[tuple[int, ...]]:
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d+([x×]\d+)*", part, re.ASCII) for part in parts):
        raise UsageError(f"--shapes is {text!r}; write lengths with x between, as 256x256,64x48")
    return [tuple(map(int, re.split("[x×]", part))) for part in parts]


@contextmanager
def _apart_from_stdout() -> Iterator[None]:
    """Let what a function prints, by Python or past it, go to stderr: stdout is the report's."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if sys.platform != "win32":
            ctypes.CDLL(None).fflush(None)  # what C has not written yet
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _crashes_told() -> Iterator[None]:
    """Have Python say, on stderr, where a function crashes that takes this process with it."""
    if faulthandler.is_enabled():
        yield
        return
    faulthandler.enable(file=2)
    try:
        yield
    finally:
        faulthandler.disable()


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
