"""Results as tables of text, for the terminal and the page alike."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from .cases import LAYERS, Case, scale_text, scales_text, size_text, threads_text
from .cuda import targets as on_cuda
from .figures import milliseconds, quartiles, ratio, three_digits
from .growing import Point, growing, title_of
from .layers import targets as of_layers
from .results import Block, Results, Row
from .targets import Outcome, outcomes_of

__all__ = [
    "Table",
    "cost_against",
    "everything_against_the_floor",
    "left_out",
    "measures_targets",
    "one_case",
    "peers_against_ours",
    "targets_of_runs",
    "targets_table",
]

_MET = {None: "–", True: "met", False: "not met"}
_MANY = 4
"""Sizes or strides that are worth a table of their own."""


@dataclass(frozen=True)
class Table:
    """A title, column headings, rows of cells.

    ``spare``: the headings that are least missed where there is no room, beginning with the least.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    spare: tuple[str, ...] = ()

    def without(self, heading: str) -> "Table":
        """The same without a column."""
        place = self.headings.index(heading)
        return self.mapped(lambda cells: (*cells[:place], *cells[place + 1 :]))

    def mapped(self, cut: Callable[[tuple[str, ...]], tuple[str, ...]]) -> "Table":
        """The same with other cells in each line, headings among them."""
        return replace(self, headings=cut(self.headings), rows=tuple(map(cut, self.rows)))


def one_case(block: Block) -> Table:
    """Everything that took part in a case."""
    rows = [_row_of_case(block, row) for row in block.rows]
    headings = (
        "", "kind", "threads", "median ms", "quartiles", "times ours", "floor / time",
        "limit / time", "difference",
    )  # fmt: skip
    spare: tuple[str, ...] = ("difference", "quartiles", "floor / time", "limit / time")
    if len(block.case.threads) == 1:  # else it tells rows apart
        spare += ("threads",)
    table = Table(str(block.case), headings, tuple(rows), spare)
    return table if any(row[-1] for row in rows) else table.without("difference")


def targets_table(results: Results) -> Table:
    """What this project wants, what was measured, whether it is enough."""
    rows = tuple((o.what, _wanted(o), _measured(o), _MET[o.met]) for o in _outcomes(results))
    return Table("Targets", ("target", "wanted", "measured", "met"), rows)


def measures_targets(results: Results) -> bool:
    """Whether a run has anything that targets are about."""
    return any(o.measured is not None for o in _outcomes(results))


def targets_of_runs(title: str, runs: Sequence[tuple[int, Results]]) -> Table:
    """The same for runs by number, all of processors or all of GPUs, beside each other."""
    outcomes = [_outcomes(run) for _, run in runs]
    rows = tuple(
        (same[0].what, _wanted(same[0]), *map(_outcome_cell, same))
        for same in zip(*outcomes, strict=True)
    )
    counts = ("met", "", *(_counts(found) for found in outcomes))
    return Table(title, ("target", "wanted", *(f"run {n}" for n, _ in runs)), (*rows, counts))


def everything_against_the_floor(results: Results) -> list[Table]:
    """Our fastest backend in each case, beside the floor; a table for each direction."""
    tables = []
    for direction in ("forward", "adjoint", "pyramid"):
        blocks = [b for b in results.blocks if b.case.direction == direction]
        rows = tuple(
            (*_words(b.case), str(n), *_ours_and_bounds(b, n))
            for b in sorted(blocks, key=lambda b: _order(b.case))
            for n in b.case.threads
            if b.ours(n)
        )
        headings = ("size", "layout", "type", "scale", "threads", *_OURS_AND_BOUNDS)
        if rows:
            tables.append(Table(direction.capitalize(), headings, rows))
    return tables


def cost_against(results: Results, quantity: str, least: int = _MANY) -> list[Table]:
    """Tables in which ``"size"``, ``"stride"`` or ``"threads"`` alone grows, of arrays.

    Of sizes and strides there are ``least`` or more. Numba alone computes with several threads.
    """
    needed = "numba" if quantity == "threads" else None
    block_of = {b.case: b for b in _on_arrays(results) if b.rows and (not needed or b.find(needed))}
    return [
        _growing(quantity, group, [block_of[point.case] for point in group])
        for group in growing(list(block_of), quantity, least)
    ]


def peers_against_ours(results: Results) -> list[Table]:
    """How many times our time each peer takes on arrays.

    A table for each array, with a column for each scale; and where an array comes in many sizes,
    a table with a column for each size.
    """
    blocks = [b for b in _on_arrays(results) if b.peers(max(b.case.threads))]
    by_size = _groups(blocks, lambda c: (c.direction, c.size[0], c.layout, c.dtype, c.scales))
    many = [g for g in by_size if len({b.case.size for b in g}) >= _MANY]
    merged = {id(b) for g in many for b in g}
    by_scale = _groups(blocks, lambda c: (c.direction, c.size, c.layout, c.dtype))
    apart = [g for g in by_scale if len(g) > 1 or id(g[0]) not in merged]
    return [
        *(
            _peers_table(g, lambda c: c.direction + ", " + size_text(c.size), _scales)
            for g in apart
        ),
        *(_peers_table(g, lambda c: f"{c.direction}, {_scales(c)}", _size) for g in many),
    ]


def _on_arrays(results: Results) -> list[Block]:
    return [b for b in results.blocks if b.case.direction not in LAYERS]


def _groups(blocks: Iterable[Block], key: Callable[[Case], object]) -> list[list[Block]]:
    """Blocks of equal keys, each group in order of size and scale."""
    groups: dict[object, list[Block]] = {}
    for block in blocks:
        groups.setdefault(key(block.case), []).append(block)
    return [sorted(g, key=lambda b: _order(b.case)) for g in groups.values()]


def _scales(case: Case) -> str:
    return scales_text(case.scales)


def _size(case: Case) -> str:
    return size_text(case.size)


def left_out(results: Results) -> list[tuple[str, str, int]]:
    """Who was left out, why, and in how many cases."""
    counts: dict[tuple[str, str], int] = {}
    for block in results.blocks:
        for name, reason in block.left_out.items():
            counts[name, reason] = counts.get((name, reason), 0) + 1
    return [(name, reason, n) for (name, reason), n in counts.items()]


_OURS_AND_BOUNDS = (
    "ours, ms", "quartiles", "floor, ms", "copy, GB/s", "floor / ours", "limit, ms", "limit / ours",
)  # fmt: skip
_SPARE = ("copy, GB/s", "quartiles", "floor, ms", "limit, ms")
_BOUNDS = ("copy", "limit")
"""Kinds of rows that others are held against."""


def _growing(quantity: str, group: Sequence[Point], blocks: Sequence[Block]) -> Table:
    one = blocks[0].find("numba", 1)
    compared = quantity == "threads" and one is not None
    rows = tuple(
        (
            p.words,
            *_ours_and_bounds(b, p.threads),
            _speed_up(b, one, p.threads) if compared else _per_sample(b, p.threads),
        )
        for p, b in zip(group, blocks, strict=True)
    )
    last = "one thread / ours" if compared else "ns per input sample"
    title = f"Cost against {quantity}: {title_of(quantity, group)}"
    return Table(title, (quantity, *_OURS_AND_BOUNDS, last), rows, _SPARE)


def _per_sample(block: Block, threads: int) -> str:
    ours = block.ours(threads)
    return f"{1e9 * ours.median / block.case.samples:.3g}" if ours else "–"


def _speed_up(block: Block, one: Row | None, threads: int) -> str:
    ours = block.ours(threads)
    return ratio(one.median / ours.median) if ours and one else "–"


def _peers_table(
    blocks: Sequence[Block], fixed: Callable[[Case], str], varied: Callable[[Case], str]
) -> Table:
    c = blocks[0].case
    threads = max(c.threads)
    names = list(dict.fromkeys(r.name for b in blocks for r in b.peers(threads)))
    rows = [("ours", "", *(_time_cell(b.ours(threads)) for b in blocks))]
    rows += [
        (name, _labels(blocks, name, threads), *(_times_cell(b, name, threads) for b in blocks))
        for name in names
    ]
    title = f"Peers: {fixed(c)}, {c.layout}, {c.dtype}, {threads_text(threads)}"
    return Table(title, ("", "gives", *(varied(b.case) for b in blocks)), tuple(rows))


def _labels(blocks: Iterable[Block], name: str, threads: int) -> str:
    """The label; where a claim did not hold, by how much."""
    found = [r for b in blocks for r in b.peers(threads) if r.name == name]
    if any(r.kind == "differs" for r in found):
        worst = max((r.difference or 0.0) for r in found)
        return f"same filter, but differs by {worst:.2g}"
    return found[0].kind


def _times_cell(block: Block, name: str, threads: int) -> str:
    ours = block.ours(threads)
    row = next((r for r in block.peers(threads) if r.name == name), None)
    if row is None or ours is None:
        return "–"
    return f"{ratio(row.median / ours.median)}× ({milliseconds(row.median)} ms)"


def _time_cell(row: Row | None) -> str:
    return f"{milliseconds(row.median)} ms" if row else "–"


def _row_of_case(block: Block, row: Row) -> tuple[str, ...]:
    threads = row.threads if row.threads in block.case.threads else max(block.case.threads)
    ours, least, limit = block.ours(threads), block.floor(threads), block.limit(threads)
    difference = ""  # nobody claims it
    if row.difference is not None and row.of_bound is not None:
        difference = f"{row.difference:.1g}, {row.of_bound:.2g} of bound"
    return (
        row.name, row.kind, str(row.threads), milliseconds(row.median), quartiles(row.timing),
        ratio(row.median / ours.median) if ours else "–",
        ratio(least / row.median) if least and row.kind not in _BOUNDS else "–",
        ratio(limit / row.median) if limit and row.kind not in _BOUNDS else "–",
        difference,
    )  # fmt: skip


def _outcomes(results: Results) -> list[Outcome]:
    if results.on_gpu:
        return on_cuda.outcomes_of(results)
    return [*outcomes_of(results), *of_layers.outcomes_of(results)]


def _wanted(o: Outcome) -> str:
    return f"{'≤' if o.at_most else '≥'} {o.wanted:g}{o.unit and ' ' + o.unit}"


def _measured(o: Outcome) -> str:
    measured = "not measured" if o.measured is None else f"{ratio(o.measured)} {o.unit}".strip()
    return f"{measured} ({o.note})" if o.note else measured


def _outcome_cell(o: Outcome) -> str:
    return "–" if o.met is None else f"{_measured(o)}, {_MET[o.met]}"


def _counts(outcomes: Sequence[Outcome]) -> str:
    measured = [o.met for o in outcomes if o.met is not None]
    return f"{sum(measured)} of {len(measured)} measured"


def _words(case: Case) -> tuple[str, str, str, str]:
    return (
        size_text(case.size), case.layout, case.dtype, ", ".join(map(scale_text, case.scales)),
    )  # fmt: skip


def _order(case: Case) -> tuple[object, ...]:
    return case.samples, case.size, case.layout, case.dtype, [-float(s) for s in case.scales]


def _ours_and_bounds(block: Block, threads: int) -> tuple[str, ...]:
    ours, least, copy = block.ours(threads), block.floor(threads), block.find("copy", threads)
    limit = block.limit(threads)
    return (
        milliseconds(ours.median) if ours else "–",
        quartiles(ours.timing) if ours else "–",
        milliseconds(least) if least else "–",
        three_digits(2e-9 * block.case.large_bytes / copy.median) if copy else "–",
        f"{least / ours.median:.2f}" if ours and least else "–",
        milliseconds(limit) if limit else "–",
        f"{limit / ours.median:.2f}" if ours and limit else "–",
    )
