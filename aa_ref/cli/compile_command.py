"""``aa-ref compile``: fills Numba's cache on disk ahead, for container images and clusters."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib import import_module
from typing import Annotated, Any

import typer
from rich import progress as bars
from rich.console import Console

import aa_ref
from aa_ref.backends import get_backend
from aa_ref.dtypes import name_of

from .endings import FileError, UsageError, ends_cleanly, tell
from .options import parse_integers, parse_numbers
from .wording import counted

__all__ = ["compile_ahead"]

_SIZE = 240, 320  # of the pictures that plans are made for; functions are the same for any


@ends_cleanly
def compile_ahead(
    scales: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCALE]...", help="Scales that will be used: 1/2 1/4."),
    ] = None,
    dtype: Annotated[
        str, typer.Option("--dtype", metavar="TYPE[,TYPE]", help="The inputs' types.")
    ] = "float32",
    channels: Annotated[
        str,
        typer.Option(
            "--channels", metavar="C[,C]", help="Channels behind columns (H×W×C); 1 for planes."
        ),
    ] = "1",
    pyramid: Annotated[
        bool, typer.Option("--pyramid", help="All scales from one input in one pass, too.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="The functions that are asked for most.")
    ] = False,
) -> None:
    """Compile ahead what calls will need, and keep it where NUMBA_CACHE_DIR says.

    Otherwise NumPy serves the first calls of a new installation, while this is done beside them.
    """
    if not scales and not everything:
        raise UsageError(
            "nothing is named; write scales, for instance aa-ref compile 1/2, or --all"
        )
    get_backend("numba")
    caching: Any = import_module("aa_ref.backends.numba.caching")
    folder = caching.cache_folder()
    if folder.startswith("none: "):
        raise FileError(
            f"compiled code cannot be kept: {folder.removeprefix('none: ')}; set NUMBA_CACHE_DIR "
            "to a folder that can be written"
        )
    wanted = caching.usual() if everything else []
    wanted += _named(scales or [], dtype, parse_integers(channels, "--channels"), pyramid)
    wanted = list(dict.fromkeys(wanted))
    missing = [function for function in wanted if not caching.is_cached(*function)]
    lost = _compile(missing)
    if lost:
        names = ", ".join(lost)
        raise FileError(f"{counted(len(lost), 'function')} not kept in {folder}: {names}")
    tell(f"{len(missing)} compiled, {len(wanted) - len(missing)} kept before; in {folder}")


def _named(scales: Sequence[str], dtype: str, channels: Iterable[int], pyramid: bool) -> list[Any]:
    """Return what calls with these scales run, both ways."""
    launch: Any = import_module("aa_ref.backends.numba.launch")
    numbers = [parse_numbers(s, "SCALE") for s in scales]
    found = []
    for kind in dtype.split(","):
        input_dtype = name_of(kind.strip(), "--dtype")
        for width in channels:
            shape = _SIZE if width == 1 else (*_SIZE, width)
            plans = [aa_ref.plan(shape, s, axes=(0, 1), input_dtype=input_dtype) for s in numbers]
            for p in plans:
                found += [f for way in ("forward", "adjoint") for f in launch.functions_of(p, way)]
            if pyramid:
                found += launch.functions_of_levels(tuple(plans))
    return found


def _compile(functions: Sequence[Any]) -> list[str]:
    """Compile on all cores, each function in a process of its own; return what was not kept."""
    ahead: Any = import_module("aa_ref.backends.numba.ahead")
    caching: Any = import_module("aa_ref.backends.numba.caching")
    console, lost, processes = Console(stderr=True), [], []

    def compile_one(function: Any) -> Any:
        process = ahead.start([function])
        processes.append(process)
        process.wait()
        return function

    columns = (bars.BarColumn(), bars.MofNCompleteColumn(), bars.TextColumn("{task.description}"))
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        bars.Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as bar,
    ):
        task = bar.add_task("functions", total=len(functions))
        try:
            for done in as_completed([pool.submit(compile_one, f) for f in functions]):
                name = _name(done.result())
                bar.update(task, advance=1, description=name)
                if not caching.is_cached(*done.result()):
                    lost.append(name)
                elif not console.is_terminal:
                    typer.echo(name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
            raise
    return lost


def _name(function: Any) -> str:
    name, compute, special = function
    return f"{name}, {compute.__name__}, {special}"
