"""Results as a picture: cost against size, stride and threads. Needs matplotlib.

A panel for each group of cases in which one quantity alone grows, both axes logarithmic: what a
sample costs, for each contender and for the floor. A contender has the same colour in all panels.
"""

import io
from collections.abc import Sequence
from hashlib import sha256
from importlib import import_module
from math import ceil
from typing import Any, NamedTuple

from .cases import Case
from .errors import BenchError
from .growing import QUANTITIES, Point, growing, title_of
from .results import Block, Results, Row, repeated

__all__ = [
    "FORMATS",
    "Panel",
    "digest_of",
    "draw",
    "measured_cases",
    "panels_of",
    "require_growth",
    "require_matplotlib",
]

FORMATS = ("png", "svg", "pdf")
_DASHES = {"ours": "-", "same result": "--", "differs": "--", "other filter": "-."}
_ORDER = tuple(_DASHES)
_FLOOR = "floor"
_MANY, _FEW = 4, 2
"""Points of a panel: four or more where there are such, else two."""
_SVG = {"svg.fonttype": "none", "svg.hashsalt": "aa-ref"}
"""Text as text; the same bytes from the same results."""
_PANEL = 6.0, 4.2
"""Width and height in inches."""


class Panel(NamedTuple):
    """What grows, what stays the same, and a line for each contender by name.

    A line's points are the quantity's value and nanoseconds for each sample at full resolution;
    ``ticks`` has the words for the values.
    """

    quantity: str
    title: str
    ticks: dict[int, str]
    lines: dict[str, list[tuple[int, float]]]


class _Style(NamedTuple):
    label: str
    colour: Any
    dashes: str
    width: float


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


def require_growth(*runs: Sequence[Case]) -> None:
    """See, before anything is measured, whether runs of these cases will have something to draw.

    Raises
    ------
    BenchError
        If in no run anything grows.
    """
    if not any(growing(cases, quantity, _FEW) for cases in runs for quantity in QUANTITIES):
        raise BenchError(
            "--plot needs something measured in two or more sizes, strides or numbers of threads, "
            "with all else the same; write --size 256,512,1024, or leave --plot out"
        )


def draw(runs: Sequence[Results], kind: str) -> bytes:
    """A picture of the given format, with all panels of all runs.

    Raises
    ------
    BenchError
        If matplotlib is missing, or nothing grows in any run.
    """
    figure = require_matplotlib()
    require_growth(*map(measured_cases, runs))
    shown = [run for run in runs if not repeated(run, runs)]
    panels = [(run.measured_on, panel) for run in shown for panel in panels_of(run)]
    styles = _styles([b for run in runs for b in run.blocks], [panel for _, panel in panels])
    columns = min(2, len(panels))
    rows = ceil(len(panels) / columns)
    width, height = _PANEL
    picture = figure.Figure((columns * width, rows * height + 1.5), layout="constrained")
    places = list(picture.subplots(rows, columns, squeeze=False).flat)
    for place, (machine, panel) in zip(places, panels, strict=False):
        _draw_panel(place, panel, machine, styles)
    for place in places[len(panels) :]:
        place.remove()
    _draw_legend(picture, styles)
    written = io.BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    title = f"aa-ref bench, results {digest_of(runs)}"
    with import_module("matplotlib").rc_context(_SVG):
        picture.savefig(written, format=kind, metadata={"Title": title, **undated})
    return written.getvalue()


def digest_of(runs: Sequence[Results]) -> str:
    """What tells results apart; the picture names those that it was drawn from."""
    return sha256("".join(run.to_json() for run in runs).encode()).hexdigest()[:16]


def measured_cases(run: Results) -> list[Case]:
    """Those that anybody took part in."""
    return [b.case for b in run.blocks if b.rows]


def panels_of(run: Results) -> list[Panel]:
    """All that grows in a run; where nothing has many points, what has a few."""
    block_of = {b.case: b for b in run.blocks if b.rows}
    for least in (_MANY, _FEW):
        panels = [
            _panel(quantity, group, block_of)
            for quantity in QUANTITIES
            for group in growing(list(block_of), quantity, least)
        ]
        if panels:
            return panels
    return []


def _panel(quantity: str, group: Sequence[Point], block_of: dict[Case, Block]) -> Panel:
    lines: dict[str, list[tuple[int, float]]] = {}
    for point in group:
        block = block_of[point.case]
        costs = {r.name: r.median for r in _drawn(block, quantity, point.threads)}
        least = block.floor(point.threads)
        if least is not None:
            costs[_FLOOR] = least
        for name, seconds in costs.items():
            nanoseconds = 1e9 * seconds / point.case.samples
            lines.setdefault(name, []).append((point.value, nanoseconds))
    ticks = {point.value: point.words for point in group}
    return Panel(quantity, title_of(quantity, group), ticks, lines)


def _drawn(block: Block, quantity: str, threads: int) -> list[Row]:
    """Ours and the peers, with that many threads, or with one where they know no others.

    Against threads, only those who know several.
    """
    ours = [r for r in block.rows if r.kind == "ours" and r.threads in (1, threads)]
    rows = [*sorted(ours, key=lambda r: r.threads), *block.peers(threads)]
    several = {r.name for r in block.rows if r.threads > 1}
    return [r for r in rows if quantity != "threads" or r.name in several]


def _styles(blocks: Sequence[Block], panels: Sequence[Panel]) -> dict[str, _Style]:
    """How each contender is drawn: ours first, and black for the floor."""
    drawn = {name for panel in panels for name in panel.lines}
    kinds = {r.name: r.kind for b in blocks for r in b.rows if r.name in drawn}
    pairs = import_module("matplotlib").colormaps["tab20"].colors
    palette = pairs[::2] + pairs[1::2]  # the strong ones first
    found = {_FLOOR: _Style("floor", "black", ":", 2.0)} if _FLOOR in drawn else {}
    for i, name in enumerate(sorted(kinds, key=lambda name: _ORDER.index(kinds[name]))):
        colour, kind = palette[i % len(palette)], kinds[name]
        if kind == "ours":
            found[name] = _Style(name, colour, _DASHES[kind], 2.5)
        else:
            found[name] = _Style(f"{name} ({kind})", colour, _DASHES[kind], 1.2)
    return found


def _draw_panel(axes: Any, panel: Panel, machine: str, styles: dict[str, _Style]) -> None:
    for name, points in panel.lines.items():
        style = styles[name]
        values, costs = zip(*points, strict=True)
        axes.loglog(values, costs, style.dashes, marker=".", color=style.colour, lw=style.width)
    axes.set_title(f"Cost against {panel.quantity}\n{panel.title}\n{machine}", fontsize="medium")
    axes.set(xlabel=panel.quantity, ylabel="ns for each sample at full resolution")
    axes.set_xticks([*panel.ticks], [*panel.ticks.values()], fontsize="small")
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(True, which="both", alpha=0.2)


def _draw_legend(picture: Any, styles: dict[str, _Style]) -> None:
    line = import_module("matplotlib.lines").Line2D
    handles = [
        line([], [], color=s.colour, ls=s.dashes, lw=s.width, label=s.label)
        for s in styles.values()
    ]
    picture.legend(handles=handles, loc="outside lower center", ncols=3, fontsize="small")
