"""The commands, put together."""

import inspect
from typing import Annotated

import typer

import aa_ref

from .bench_command import bench
from .check_command import check
from .compile_command import compile_ahead
from .demo_command import demo
from .info_command import info
from .plan_command import plan
from .pyramid_command import PyramidCommand, pyramid
from .run_command import run
from .scoreboard_command import scoreboard
from .vectors_command import vectors

__all__ = ["app"]

app = typer.Typer(
    name="aa-ref",
    help="Anti-aliased downsampling: a Gaussian low-pass, then every stride-th sample.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (run, pyramid, plan, info, compile_ahead, demo, bench, check, scoreboard):
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    app.command(
        "compile" if command is compile_ahead else None,
        help="\n\n".join(" ".join(p.split()) for p in paragraphs),
        cls=PyramidCommand if command is pyramid else None,
    )(command)
app.add_typer(vectors)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aa-ref {aa_ref.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass
