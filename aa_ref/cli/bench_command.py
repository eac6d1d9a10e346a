"""``aa-ref bench``: how long things take here, against a floor and against other libraries."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import aa_ref
from aa_ref.bench.cases import DIRECTIONS, LAYERS, LAYOUTS, Case, scale_text
from aa_ref.bench.contenders import require_backends
from aa_ref.bench.cuda import selections as cuda_selections
from aa_ref.bench.cuda.device import Device, open_device
from aa_ref.bench.errors import BenchError
from aa_ref.bench.growing import QUANTITIES
from aa_ref.bench.layers.tables import layers_tables
from aa_ref.bench.peer_contenders import TIMED_LIBRARIES, chosen
from aa_ref.bench.plots import measured_cases, require_growth
from aa_ref.bench.results import Block, Results
from aa_ref.bench.running import Run, measure
from aa_ref.bench.selections import Filters, of_targets, product_of, quick, standard
from aa_ref.bench.tables import cost_against, peers_against_ours, targets_table
from aa_ref.bench.timing import Effort
from aa_ref.bench.words import as_scale, as_size, as_threads, each, one_of

from .bench_files import Outputs, read_results
from .bench_tables import show_case, show_table, stdout_console
from .endings import UsageError, ends_cleanly, note
from .options import Overwrite

__all__ = ["bench"]

_DTYPES = ("float32", "uint8", "float16")
_QUICK = Effort(rounds=5, turn=5e-4, budget=0.2, fewest=3)
_ON_GPU = Effort(rounds=25, turn=1e-2)
_MANY, _FEW = 4, 2
"""Sizes or strides that make a table: many where they were not asked for."""


@ends_cleanly
def bench(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RESULTS.json",
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
        str | None, typer.Option("--json", metavar="FILE", help="Write the results there.")
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Draw cost against size, stride and threads there (.png, .svg, .pdf).",
        ),
    ] = None,
    page: Annotated[
        str | None, typer.Option(metavar="FILE.md", help="Write all tables there, as Markdown.")
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
    _refuse_backends_of_layers(backends, filters.directions)
    on_cuda = "cuda" in (backends or ())
    peers = chosen(each(peer, str), on_cuda)
    outputs = Outputs.of(json_file, page, plot, overwrite)
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
        outputs.check(files)
        runs = [read_results(file) for file in files]
        if plot is not None:
            require_growth(*map(measured_cases, runs))
        if not outputs.paths:
            for run in runs:
                _show_run(run, everything=True)
        outputs.write(runs)
        return
    if targets and quickly:
        raise UsageError(
            "--quick measures a few small cases, but --targets those that the targets are about; "
            "leave one of both out, or write --targets --rounds 5 for less time"
        )
    cases = (_cases_on_cuda if on_cuda else _cases)(filters, quickly, targets)
    outputs.check([])
    if plot is not None:
        require_growth(cases)
    if not on_cuda:
        require_backends(backends or ())
    device = _device(backends) if on_cuda else None
    effort = _QUICK if quickly else _ON_GPU if on_cuda else Effort()
    if rounds is not None:
        effort = Effort(rounds, effort.turn, effort.budget, min(effort.fewest, rounds))
    _note_what_drops_nothing(cases)
    run = _measure(Run(cases, peers, backends, effort, device=device), command, bool(outputs.paths))
    if not any(block.rows for block in run.blocks):
        too_large = any("all" in block.left_out for block in run.blocks)
        what_helps = "; write a smaller --size" if too_large else ""
        raise UsageError(f"nothing could be measured, as said above{what_helps}")
    if run.complete:
        _show_run(run, False, targets, _FEW if filters.given else _MANY)
        outputs.write([run])
    else:
        _keep_what_there_is(run, outputs)


def _note_what_drops_nothing(cases: Sequence[Case]) -> None:
    for scale in dict.fromkeys(
        s for c in cases for s, p in zip(c.scales, c.plans, strict=True) if p.keeps_all
    ):
        note(
            f"--scale {scale_text(scale)} has stride int(1/scale) = 1: no samples are dropped, "
            "so what is timed is the filter alone"
        )


def _keep_what_there_is(run: Results, outputs: Outputs) -> None:
    """After Ctrl-C."""
    try:
        outputs.write([run])
    except BenchError as error:  # there may be too little to draw
        note(str(error))
    typer.echo(
        f"aa-ref: interrupted, {len(run.blocks)} of {run.planned} cases were measured"
        + (" and written" if outputs.paths else "; --json FILE would have kept them"),
        err=True,
    )
    raise typer.Exit(130)


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


def _refuse_backends_of_layers(
    backends: Sequence[str] | None, directions: Sequence[str] | None
) -> None:
    for direction in (d for d in directions or () if d in LAYERS and backends):
        raise UsageError(
            f"--direction is {direction}, whose layers choose the backend themselves, by where "
            "their tensors are, here on the processor; leave --backend out"
        )


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


def _measure(run: Run, command: str, kept: bool) -> Results:
    """Measure, and show each case when it is done. ``kept``: results go to files as well."""
    console = stdout_console()

    def show(block: Block) -> None:
        try:
            show_case(console, block)
        except SystemExit:  # rich's word for a reader of stdout that has left
            if not kept:
                raise

    with Console(stderr=True).status("starting") as status:
        return measure(run, command, status.update, show)


def _show_run(run: Results, everything: bool, targets: bool = False, least: int = _MANY) -> None:
    console = stdout_console()
    if everything:
        for block in run.blocks:
            show_case(console, block)
        for table in (*peers_against_ours(run), *layers_tables(run)):
            show_table(console, table)
    for quantity in QUANTITIES:
        for table in cost_against(run, quantity, least):
            show_table(console, table)
    if targets or everything:
        show_table(console, targets_table(run))
    missing = [
        library for library in TIMED_LIBRARIES
        if run.versions.get(library.distribution) is None
        and (library.cuda if run.on_gpu else library.cpu)
    ]  # fmt: skip
    peers = ", ".join(library.name for library in missing if library.cpu)
    if peers:
        typer.echo(f"not installed: {peers} (pip install 'aa-ref[peers]')")
    for library in missing:
        if not library.cpu:
            typer.echo(f"not installed: {library.name} (pip install {library.distribution})")


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
