"""``aa-ref bench``: how long things take here, against a floor and against other libraries."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column
from rich.table import Table as RichTable

import aa_ref
from aa_ref.bench.cases import DIRECTIONS, LAYOUTS, Case
from aa_ref.bench.cuda import selections as cuda_selections
from aa_ref.bench.cuda.device import Device, open_device
from aa_ref.bench.page import GENERATED, page_of
from aa_ref.bench.peers import LIBRARIES, chosen
from aa_ref.bench.plots import FORMATS, draw, require_matplotlib
from aa_ref.bench.results import Block, Results
from aa_ref.bench.running import Run, measure
from aa_ref.bench.selections import Filters, of_targets, product_of, quick, standard
from aa_ref.bench.tables import Table, cost_against, one_case, peers_against_ours, targets_table
from aa_ref.bench.timing import Effort
from aa_ref.bench.words import as_scale, as_size, as_threads, each, one_of

from .endings import FileError, UsageError, ends_cleanly
from .options import Overwrite
from .output import check_destination, write_file

__all__ = ["bench"]

_DTYPES = ("float32", "uint8", "float16")
_QUICK = Effort(rounds=5, turn=5e-4, budget=0.2, fewest=3)
_ON_GPU = Effort(rounds=25, turn=1e-2)


@ends_cleanly
def bench(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RESULTS.json]...",
            help="Earlier results to show, instead of measuring.",
            show_default=False,
        ),
    ] = None,
    quickly: Annotated[
        bool, typer.Option("--quick", help="Few small cases, few rounds: seconds, not minutes.")
    ] = False,
    targets: Annotated[
        bool, typer.Option("--targets", help="Measure and show the speeds this project wants.")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(metavar="N[,N]", help="3×N×N samples; or CxN, or CxHxW, whatever the layout."),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="T[,T]", help="Types: " + ", ".join(_DTYPES) + ".")
    ] = None,
    scale: Annotated[
        str | None, typer.Option("--scale", "-s", metavar="S[,S]", help="Scales: 1/4 or 0.25.")
    ] = None,
    layout: Annotated[str | None, typer.Option(metavar="L[,L]", help="CHW, HWC or both.")] = None,
    direction: Annotated[
        str | None, typer.Option(metavar="D[,D]", help=", ".join(DIRECTIONS) + ".")
    ] = None,
    threads: Annotated[
        str | None,
        typer.Option(metavar="N[,N]", help="Numbers of threads; by default what `info` tells."),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="B[,B]", help="Our backends; by default the processor's. On a GPU: cuda."
        ),
    ] = None,
    peer: Annotated[
        str | None,
        typer.Option(metavar="P[,P]", help="Peers or their libraries, or none; by default all."),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Turns of each.", show_default="15")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the results there.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw time against size there; needs matplotlib."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write all tables there, as Markdown.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Time backends against the floor and against installed peers, in interleaved rounds.

    Without options it measures what the project's performance page shows, which takes a quarter of
    an hour or more. Options choose instead: all combinations of what they name are measured. With
    --backend cuda all of this happens on a GPU, timed by its own clock.
    """
    filters = Filters(
        each(size, as_size), each(dtype, one_of("--dtype", _DTYPES)), each(scale, as_scale),
        each(layout, one_of("--layout", LAYOUTS)),
        each(direction, one_of("--direction", DIRECTIONS)), each(threads, as_threads),
    )  # fmt: skip
    backends = each(backend, one_of("--backend", [b.name for b in aa_ref.list_backends()]))
    on_cuda = "cuda" in (backends or ())
    peers = chosen(peer.split(",") if peer is not None else None, on_cuda)
    _check_outputs(json_file, plot, page, overwrite)
    command = _command(
        quick=quickly, targets=targets, size=size, dtype=dtype, scale=scale, layout=layout,
        direction=direction, threads=threads, backend=backend, peer=peer, rounds=rounds,
    )  # fmt: skip
    if files:
        if command != _command():
            raise UsageError(
                f"results are given ({files[0]}), so nothing is measured; "
                f"leave out {command.removeprefix(_command()).strip()}"
            )
        runs = [_read(file) for file in files]
        if json_file is None and plot is None and page is None:
            for run in runs:
                _show_run(run, everything=True)
    else:
        effort = _QUICK if quickly else _ON_GPU if on_cuda else Effort()
        if rounds is not None:
            effort = Effort(rounds, effort.turn, effort.budget, min(effort.fewest, rounds))
        cases = (_cases_on_cuda if on_cuda else _cases)(filters, quickly, targets)
        device = _device(backends) if on_cuda else None
        run_plan = Run(cases, peers, backends, effort, device=device)
        runs = [_measure(run_plan, command)]
        _show_run(runs[0], everything=False, targets=targets)
    _write_outputs(runs, json_file, plot, page, overwrite)


def _cases(filters: Filters, quickly: bool, targets: bool) -> list[Case]:
    available = aa_ref.get_num_threads()
    asked = tuple(filters.threads) if filters.threads else ()
    if targets:
        _refuse_filters(filters)
        return of_targets((available,))
    if filters.given:
        return product_of(filters, asked or (available,))
    if quickly:
        return quick(asked or (available,))
    return standard(asked or _powers(available))


def _cases_on_cuda(filters: Filters, quickly: bool, targets: bool) -> list[Case]:
    if filters.threads:
        raise UsageError(
            "--threads says how many threads of the processor compute, but with --backend cuda "
            "the GPU does; leave --threads out"
        )
    if targets:
        _refuse_filters(filters)
        return cuda_selections.of_targets()
    if filters.given:
        return product_of(filters, (1,))
    return cuda_selections.quick() if quickly else cuda_selections.standard()


def _refuse_filters(filters: Filters) -> None:
    if filters.given or filters.threads:
        raise UsageError(
            "--targets says what is measured; leave out --size, --dtype, --scale, --layout, "
            "--direction and --threads, or leave out --targets"
        )


def _device(backends: Sequence[str] | None) -> Device:
    if backends != ["cuda"]:
        raise UsageError(
            f"--backend is {','.join(backends or ())}, but cuda is measured on the GPU and the "
            "others on the processor; write --backend cuda alone, and run the others apart"
        )
    return open_device()


def _powers(most: int) -> tuple[int, ...]:
    """1, 2, 4 and so on, and the most itself."""
    return tuple(sorted({most, *(1 << i for i in range(most.bit_length()) if 1 << i < most)}))


def _measure(run: Run, command: str) -> Results:
    console = Console()
    with Console(stderr=True).status("starting") as status:
        return measure(run, command, status.update, lambda block: _show_case(console, block))


def _show_case(console: Console, block: Block) -> None:
    if block.rows:
        console.print(_rich(one_case(block)))
    for name, reason in block.left_out.items():
        console.print(
            f"  left out: {name}: {reason}", markup=False, highlight=False, soft_wrap=True
        )


def _show_run(run: Results, everything: bool, targets: bool = False) -> None:
    console = Console()
    if everything:
        for block in run.blocks:
            _show_case(console, block)
        for table in peers_against_ours(run):
            console.print(_rich(table))
    for quantity in ("size", "stride", "threads"):
        for table in cost_against(run, quantity):
            console.print(_rich(table))
    if targets or everything:
        console.print(_rich(targets_table(run)))
    missing = [
        name for name, library in LIBRARIES.items()
        if run.versions.get(library.distribution) is None and (library.cuda or not run.on_gpu)
    ]  # fmt: skip
    if missing:
        typer.echo(f"not installed: {', '.join(missing)} (pip install 'aa-ref[peers]')")


def _rich(table: Table) -> RichTable:
    columns = [Column(heading, overflow="fold") for heading in table.headings]
    drawn = RichTable(*columns, title=table.title, title_justify="left")
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def _check_outputs(
    json_file: Path | None, plot: Path | None, page: Path | None, overwrite: bool
) -> None:
    """See, before anything is measured, whether all may be written."""
    if json_file is not None:
        check_destination(json_file, overwrite)
    if page is not None:
        check_destination(page, overwrite or _is_generated(page))
    if plot is not None:
        check_destination(plot, overwrite)
        if plot.suffix[1:].lower() not in FORMATS:
            raise UsageError(f"--plot is {plot}; name a file that ends in .{', .'.join(FORMATS)}")
        require_matplotlib()


def _write_outputs(
    runs: Sequence[Results], json_file: Path | None, plot: Path | None, page: Path | None,
    overwrite: bool,
) -> None:  # fmt: skip
    if json_file is not None:
        if len(runs) != 1:
            raise UsageError("--json writes one run, but several results are given; name one")
        write_file(json_file, [runs[0].to_json().encode()], overwrite)
        typer.echo(f"wrote {json_file}")
    if page is not None:
        write_file(page, [page_of(runs).encode()], overwrite or _is_generated(page))
        typer.echo(f"wrote {page}")
    if plot is not None:
        write_file(plot, [draw(runs, plot.suffix[1:].lower())], overwrite)
        typer.echo(f"wrote {plot}")


def _is_generated(page: Path) -> bool:
    """Whether a file may be replaced without asking, since it was generated itself."""
    try:
        with page.open(encoding="utf-8") as file:
            return file.readline().strip() == GENERATED
    except (OSError, ValueError):
        return False


def _read(file: Path) -> Results:
    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise FileError(f"cannot read {file}: {reason}") from None
    return Results.from_json(text, str(file))


def _command(**options: object) -> str:
    """What was asked for, as it is written; without the files, which matter to nobody else."""
    words = ["aa-ref bench"]
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value not in (None, False):
            text = str(value)
            words.append(f"--{name} '{text}'" if " " in text else f"--{name} {text}")
    return " ".join(words)
