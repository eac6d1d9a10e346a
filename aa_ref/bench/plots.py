"""Results as a picture: time against size, both axes logarithmic. Needs matplotlib."""

import io
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from .cases import Case, scale_text, threads_text
from .errors import BenchError
from .results import Block, Results

__all__ = ["FORMATS", "draw", "require_matplotlib", "series_of"]

FORMATS = ("png", "svg", "pdf")
_STYLES = {"ours": "-", "copy": ":", "same result": "--", "differs": "--", "other filter": "-."}


def require_matplotlib() -> Any:
    """The drawing library, without a display.

    Raises
    ------
    BenchError
        If it is not installed.
    """
    try:
        figure = import_module("matplotlib.figure")
        import_module("matplotlib").use("Agg")
    except ImportError as error:
        raise BenchError(
            f"--plot needs matplotlib, which cannot be imported ({error}); "
            "pip install 'aa-ref[plot]', or leave --plot out"
        ) from None
    return figure


def draw(runs: Sequence[Results], kind: str) -> bytes:
    """A picture of the given format: a panel for each run and direction.

    Raises
    ------
    BenchError
        If matplotlib is missing, or no run has two sizes of anything.
    """
    figure = require_matplotlib()
    panels = [
        (f"{key}\n{run.measured_on}", lines)
        for run in runs
        for key, lines in series_of(run).items()
    ]
    if not panels:
        raise BenchError(
            "--plot needs a case in at least two sizes, which this run does not have; "
            "give --size more than once"
        )
    picture = figure.Figure(figsize=(10, 6 * len(panels)), layout="constrained")
    for axes, (title, lines) in zip(
        picture.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True
    ):
        _draw_panel(axes, title, lines)
    written = io.BytesIO()
    picture.savefig(written, format=kind)
    return written.getvalue()


def series_of(run: Results) -> dict[str, dict[tuple[str, str], list[tuple[int, float]]]]:
    """For each thing measured in several sizes: who, of what kind, (samples, seconds) in order."""
    groups: dict[str, list[Block]] = {}
    for block in sorted(run.blocks, key=lambda b: b.case.samples):
        groups.setdefault(_same_but_size(block.case), []).append(block)
    return {
        key: _lines(blocks)
        for key, blocks in groups.items()
        if len({b.case.samples for b in blocks}) > 1
    }


def _same_but_size(case: Case) -> str:
    scales = ", ".join(map(scale_text, case.scales))
    channels = f"{case.size[0]} channels"
    return (
        f"{case.direction}, {channels}, {case.layout}, {case.dtype}, s = {scales}, "
        f"{threads_text(max(case.threads))}"
    )


def _lines(blocks: Sequence[Block]) -> dict[tuple[str, str], list[tuple[int, float]]]:
    lines: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for block in blocks:
        threads = max(block.case.threads)
        least = block.floor(threads)
        if least is not None:
            lines.setdefault(("floor", "copy"), []).append((block.case.samples, least))
        ours = [r for r in block.rows if r.kind == "ours" and r.threads in (1, threads)]
        best = {r.name: r for r in sorted(ours, key=lambda r: r.threads)}
        for row in [*best.values(), *block.peers(threads)]:
            point = block.case.samples, row.median
            lines.setdefault((row.name, row.kind), []).append(point)
    return lines


def _draw_panel(
    axes: Any, title: str, lines: dict[tuple[str, str], list[tuple[int, float]]]
) -> None:
    axes.set_prop_cycle(color=import_module("matplotlib").colormaps["tab20"].colors)
    for (name, kind), points in lines.items():
        samples, seconds = zip(*points, strict=True)
        width = 2.5 if kind in ("ours", "copy") else 1.0
        axes.loglog(
            samples, [1e3 * s for s in seconds], _STYLES[kind], marker=".", label=name, lw=width
        )
    axes.set(title=title, xlabel="input samples", ylabel="milliseconds (median)")
    axes.grid(True, which="both", alpha=0.2)
    axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
