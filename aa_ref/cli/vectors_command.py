"""``aa-ref vectors``: cases for programs in other languages, and the verdict on their results."""

from pathlib import Path
from typing import Annotated, cast

import typer

from aa_ref.oracle.vectors import VectorsError, judge_vectors, write_vectors
from aa_ref.plans import Direction

from .endings import FileError, ends_cleanly, tell
from .options import Overwrite, parse_path
from .output import check_destination, write_file

__all__ = ["judge", "vectors", "write"]

vectors = typer.Typer(
    name="vectors",
    help="Cases for programs in other languages, and the verdict on what they make of them.",
    no_args_is_help=True,
)

_CANNOT_JUDGE = 3


@vectors.command(
    help="Write inputs, right results, truth and bounds into a new folder DIR, with labels.\n\n"
    "A .npy file for each array, all of them in one .safetensors, and a manifest.json."
)
@ends_cleanly
def write(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="The folder to make; it may be there and empty.")
    ],
) -> None:
    """Write the cases; see `aa_ref.oracle.vectors.write_vectors`."""
    try:
        count = write_vectors(parse_path(folder, "DIR"))
    except VectorsError as error:
        raise FileError(str(error)) from None
    tell(f"wrote {count} cases to {folder}")


@vectors.command(
    help="Judge results that another program computed from the inputs in DIR.\n\n"
    "Exit status: 0 passed, 1 some are wrong, 2 they could not be read, 3 the bound says nothing."
)
@ends_cleanly
def judge(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="What `aa-ref vectors write` wrote, unchanged.")
    ],
    results: Annotated[
        str,
        typer.Argument(
            metavar="RESULTS",
            help="A folder of .npy files named as in DIR, a .npz or a .safetensors.",
        ),
    ],
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="P",
            help="What your arithmetic rounds to: binary64, binary32, tf32, binary16, ...",
            show_default="binary64 for float64, else binary32",
        ),
    ] = None,
    form: Annotated[
        str, typer.Option(metavar="F", help="How you sum: separable, direct (K×K), any or fft.")
    ] = "any",
    taps: Annotated[
        str, typer.Option(metavar="T", help="Your taps: recomputed, or given (those of DIR).")
    ] = "recomputed",
    every: Annotated[
        bool, typer.Option("--all", help="A result that is missing is wrong.")
    ] = False,
    direction: Annotated[
        str | None,
        typer.Option(
            metavar="D", help="Judge (and with --all ask for) results of forward alone, or adjoint."
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the verdicts there, too.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge results; see `aa_ref.oracle.vectors.judge_vectors`."""
    if json_file is not None:
        check_destination(json_file, overwrite)
    judgement = judge_vectors(
        parse_path(folder, "DIR"), parse_path(results, "RESULTS"),
        precision=precision, form=form, taps=taps, every=every,
        direction=cast("Direction | None", direction),
    )  # fmt: skip
    typer.echo(str(judgement))
    if json_file is not None:
        write_file(json_file, [judgement.to_json().encode()], overwrite)
    if not judgement.passed:
        raise typer.Exit(_CANNOT_JUDGE if judgement.grade == "cannot-judge" else 1)
