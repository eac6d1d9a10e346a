"""``aa-ref scoreboard``: the oracle's verdict on known libraries, on those that are installed."""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer

from aa_ref import plan
from aa_ref.oracle.scoreboard import (
    GENERATED,
    SCALES,
    ScoreboardRow,
    chosen,
    page_of,
    rows_of,
    summary_of,
)  # fmt: skip

from .endings import UsageError, ends_cleanly, tell
from .options import Overwrite, parse_numbers, parse_path
from .output import begins_with, check_destination, write_file

__all__ = ["scoreboard"]


@ends_cleanly
def scoreboard(
    peer: Annotated[
        str | None,
        typer.Option(metavar="P[,P]", help="Peers or their libraries; by default all."),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            "--scale",
            "-s",
            metavar="S[,S]",
            help="Scales: 1/4 or 0.25.",
            show_default=", ".join(map(str, SCALES)),
        ),
    ] = None,
    page: Annotated[
        str | None, typer.Option(metavar="FILE.md", help="Write all of it there, as Markdown.")
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the reports there.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge known libraries as `aa-ref check` does: is it the same operation, and if not, whose.

    Peers that are not installed get a row that says so. Without options it takes some minutes.
    """
    peers = chosen(None if peer is None else peer.split(","))
    scales = SCALES if scale is None else _scales(scale)
    files = {"--page": page, "--json": json_file}
    paths = {option: parse_path(text, option) for option, text in files.items() if text is not None}
    _check_files(paths, overwrite)
    rows = []
    for row in rows_of(peers, scales):
        rows.append(row)
        typer.echo(_line(row))
    board = summary_of(rows)
    for option, path in paths.items():
        if option == "--page":
            text = page_of(board)
        else:
            text = json.dumps(board.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        write_file(path, [text.encode()], _may_replace(option, path, overwrite))
        tell(f"wrote {path}")


def _scales(text: str) -> Sequence[Any]:
    numbers = parse_numbers(text, "--scale")
    scales = numbers if isinstance(numbers, tuple) else (numbers,)
    for number in scales:
        plan((8,), number, axes=-1)  # refuses what is none
    return list(dict.fromkeys(scales))


def _check_files(paths: dict[str, Path], overwrite: bool) -> None:
    for (one, path), (other, same) in combinations(paths.items(), 2):
        if path.resolve() == same.resolve():
            raise UsageError(f"{one} and {other} both name {path}; give each a file of its own")
    for option, path in paths.items():
        check_destination(path, _may_replace(option, path, overwrite))


def _may_replace(option: str, path: Path, overwrite: bool) -> bool:
    return overwrite or (option == "--page" and begins_with(path, GENERATED))


def _line(row: ScoreboardRow) -> str:
    """A row for the terminal."""
    start = f"{row.peer.name:<30} {row.scale!s:>5}  {row.verdict:<16}"
    if row.report is None:
        return f"{start}  {row.details}".rstrip()
    follows = "" if row.report.passed else row.follows
    return "  ".join(filter(None, (start.rstrip(), follows, ", ".join(row.codes))))
