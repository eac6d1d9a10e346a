"""``aa-ref demo``: aliasing and its absence in one picture, and all backends held together."""

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import aa_ref

from .endings import FileError, UsageError, ends_cleanly, tell
from .images import encode_png, format_of
from .options import Overwrite, parse_path
from .output import check_destination, write_file
from .scenes import HEIGHT, WIDTH, street, zone_plate
from .sheet import Comparison, compose

__all__ = ["demo"]

_DEFAULT = Path("aa_ref_demo.png")
_SCALES = (0.5, 0.25, 0.125)
_REPEATS = 3

Results = list[list[NDArray[np.uint8]]]


@ends_cleanly
def demo(
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.png",
            help=f"The picture; by default {_DEFAULT}, which is replaced.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Downsample two synthetic pictures with and without the filter, on every backend.

    Writes a picture that shows both side by side, and tells whether all backends gave the same bits
    and how long they took. Needs no file and no network.

    At 0.25 and 0.125 the false patterns all but vanish. At 0.5 the layer's filter is so short that
    they keep more than half of their contrast.
    """
    path = _DEFAULT if output is None else parse_path(output, "--output")
    overwrite = overwrite or output is None
    if format_of(str(path), None) != "PNG":
        raise UsageError(f"--output is {path}, but the demo writes a PNG; name a .png")
    check_destination(path, overwrite)
    sources = [zone_plate(), street()]
    with Console(stderr=True).status("running every backend; the first time, some compile"):
        outcomes = [_outcome(entry, sources) for entry in aa_ref.list_backends()]
    ran = [o for o in outcomes if o.results]
    agree = {o.name: _same_bits(o.results, ran[0].results) for o in ran}
    _write_sheet(path, sources, ran[-1].results, overwrite)  # first: who reads on may have left
    typer.echo(
        f"zone plate {HEIGHT}×{WIDTH} and street {HEIGHT}×{WIDTH}×3, uint8, each to scales "
        f"{', '.join(map(str, _SCALES))}"
    )
    Console().print(_table(outcomes, agree))
    for outcome in outcomes:
        if not outcome.results:
            typer.echo(f"{outcome.name}: not here: {outcome.reason}")
    tell(f"wrote {path}")
    if not all(all(bits) for bits in agree.values()):
        raise FileError("backends disagree; please report this with the output of aa-ref info")


class _Outcome(NamedTuple):
    """What one backend gave, a list of scales for each source; empty if it cannot run."""

    name: str
    reason: str
    results: Results
    first: float
    again: float


def _outcome(entry: Any, sources: list[NDArray[np.uint8]]) -> _Outcome:
    reason = entry.reason
    if entry.devices == ("simulator",):
        reason = "it would run in Numba's simulator, for minutes; NUMBA_ENABLE_CUDASIM is set"
    if reason:
        return _Outcome(entry.name, reason, [], 0.0, 0.0)
    times = []
    for _ in range(1 + _REPEATS):
        start = perf_counter()
        results = [[_filtered(x, scale, entry.name) for scale in _SCALES] for x in sources]
        times.append(1000 * (perf_counter() - start))
    return _Outcome(entry.name, "", results, times[0], min(times[1:]))


def _filtered(x: NDArray[np.uint8], scale: float, backend: str) -> NDArray[np.uint8]:
    y: NDArray[np.uint8] = aa_ref.downsample(
        x, scale, axes=(0, 1), boundary="reflect", backend=backend
    )
    return y


def _same_bits(results: Results, expected: Results) -> list[bool]:
    return [
        np.array_equal(y, wanted)
        for ys, all_wanted in zip(results, expected, strict=True)
        for y, wanted in zip(ys, all_wanted, strict=True)
    ]


def _table(outcomes: list[_Outcome], agree: dict[str, list[bool]]) -> Table:
    table = Table(
        "backend",
        "first time (compiles, or loads)",
        f"again (best of {_REPEATS})",
        f"bits as {next(iter(agree))}'s",
    )
    for o in outcomes:
        if o.results:
            same = agree[o.name]
            bits = "the same" if all(same) else f"DIFFER in {same.count(False)} of {len(same)}"
            table.add_row(o.name, f"{o.first:,.0f} ms", f"{o.again:,.1f} ms", bits)
        else:
            table.add_row(o.name, "-", "-", "-")
    return table


def _write_sheet(
    path: Path, sources: list[NDArray[np.uint8]], results: Results, overwrite: bool
) -> None:
    rows = [list(_comparisons(x, ys)) for x, ys in zip(sources, results, strict=True)]
    sheet = compose(
        rows,
        (HEIGHT // 2, WIDTH // 2),
        "Every n-th sample: alone, and after a low-pass",
        (
            "Left of each pair, x[::n, ::n]: detail too fine for the smaller grid gives false "
            "patterns.",
            'Right, aa_ref.downsample(x, 1/n, axes=(0, 1), boundary="reflect"): at 1/2 they keep '
            "more than half of their contrast, at 1/4 and 1/8 hardly any.",
        ),
    )
    write_file(path, encode_png(sheet), overwrite)


def _comparisons(x: NDArray[np.uint8], ys: list[NDArray[np.uint8]]) -> Iterator[Comparison]:
    for scale, y in zip(_SCALES, ys, strict=True):
        stride = int(1 / scale)
        yield Comparison(stride, f"{scale}", x[::stride, ::stride], y)
