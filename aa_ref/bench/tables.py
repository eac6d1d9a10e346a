"""Results as tables of text, for the terminal and the page alike."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .cases import Case, scale_text, size_text, threads_text
from .cuda import targets as on_cuda
from .results import Block, Results, Row
from .targets import Outcome, outcomes_of

__all__ = [
    "Table",
    "cost_against",
    "everything_against_the_floor",
    "left_out",
    "one_case",
    "peers_against_ours",
    "targets_table",
]


@dataclass(frozen=True)
class Table:
    """A title, column headings, rows of cells."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def one_case(block: Block) -> Table:
    """Everything that took part in a case."""
    rows = [_row_of_case(block, row) for row in block.rows]
    headings = ("", "kind", "threads", "median ms", "quartiles", "times ours", "floor / time")
    return Table(str(block.case), headings, tuple(rows))


def targets_table(results: Results) -> Table:
    """What this project wants, what was measured, whether it is enough."""
    outcomes = on_cuda.outcomes_of if results.on_gpu else outcomes_of
    rows = tuple(_row_of_target(o) for o in outcomes(results))
    return Table("Targets", ("target", "wanted", "measured", "met"), rows)


def everything_against_the_floor(results: Results) -> list[Table]:
    """Our fastest backend in each case, beside the floor; a table for each direction."""
    tables = []
    for direction in ("forward", "adjoint", "pyramid"):
        blocks = [b for b in results.blocks if b.case.direction == direction]
        rows = tuple(
            (*_words(b.case), str(n), *_ours_and_floor(b, n))
            for b in sorted(blocks, key=lambda b: _order(b.case))
            for n in b.case.threads
            if b.ours(n)
        )
        headings = ("size", "layout", "type", "scale", "threads", *_OURS_AND_FLOOR)
        if rows:
            tables.append(Table(direction.capitalize(), headings, rows))
    return tables


def cost_against(results: Results, quantity: str) -> list[Table]:
    """Tables in which ``"size"``, ``"stride"`` or ``"threads"`` alone grows."""
    if quantity == "threads":
        return _against_threads(results)
    value, same, least = _VARIED[quantity]
    blocks = [b for b in results.blocks if b.case.direction != "pyramid"]
    return [
        _growing(quantity, value, sorted(group, key=lambda b: value(b.case)))
        for group in _groups(blocks, same)
        if len({value(b.case) for b in group}) >= least
    ]


def peers_against_ours(results: Results) -> list[Table]:
    """How many times our time each peer takes.

    A table for each array, with a column for each scale; and where an array comes in many sizes,
    a table with a column for each size.
    """
    blocks = [b for b in results.blocks if b.peers(max(b.case.threads))]
    by_size = _groups(blocks, lambda c: (c.direction, c.size[0], c.layout, c.dtype, c.scales))
    many = [g for g in by_size if len({b.case.size for b in g}) >= _MANY_SIZES]
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


def _groups(blocks: Iterable[Block], key: Callable[[Case], object]) -> list[list[Block]]:
    """Blocks of equal keys, each group in order of size and scale."""
    groups: dict[object, list[Block]] = {}
    for block in blocks:
        groups.setdefault(key(block.case), []).append(block)
    return [sorted(g, key=lambda b: _order(b.case)) for g in groups.values()]


def _scales(case: Case) -> str:
    return "s = " + ", ".join(map(scale_text, case.scales))


def _size(case: Case) -> str:
    return size_text(case.size)


def left_out(results: Results) -> list[tuple[str, str, int]]:
    """Who was left out, why, and in how many cases."""
    counts: dict[tuple[str, str], int] = {}
    for block in results.blocks:
        for name, reason in block.left_out.items():
            counts[name, reason] = counts.get((name, reason), 0) + 1
    return [(name, reason, n) for (name, reason), n in counts.items()]


_MANY_SIZES = 4
_OURS_AND_FLOOR = ("ours, ms", "quartiles", "floor, ms", "copy, GB/s", "floor / ours")
_VARIED: dict[str, tuple[Callable[[Case], float], Callable[[Case], object], int]] = {
    "size": (
        lambda c: c.samples / c.size[0],
        lambda c: (c.direction, c.size[0], c.layout, c.dtype, c.scales),
        _MANY_SIZES,
    ),
    "stride": (
        lambda c: 1 / float(c.scales[0]),
        lambda c: (c.direction, c.size, c.layout, c.dtype),
        4,
    ),
}


def _growing(quantity: str, value: Callable[[Case], float], blocks: Sequence[Block]) -> Table:
    first = blocks[0].case
    rows = tuple(
        (
            size_text(b.case.size) if quantity == "size" else f"{value(b.case):.3g}",
            *_ours_and_floor(b, max(b.case.threads)),
            *_per_sample(b),
        )
        for b in blocks
    )
    fixed = f"s = {scale_text(first.scales[0])}" if quantity == "size" else size_text(first.size)
    title = (
        f"Cost against {quantity}: {first.direction}, {fixed}, {first.layout}, {first.dtype}, "
        f"{threads_text(max(first.threads))}"
    )
    return Table(title, (quantity, *_OURS_AND_FLOOR, "ns per input sample"), rows)


def _per_sample(block: Block) -> tuple[str]:
    ours = block.ours(max(block.case.threads))
    return (f"{1e9 * ours.median / block.case.samples:.3g}" if ours else "–",)


def _against_threads(results: Results) -> list[Table]:
    tables = []
    for block in results.blocks:
        alone = block.find("numba", 1)
        if len(block.case.threads) > 1 and alone:
            rows = tuple(
                (str(n), *_ours_and_floor(block, n), _speed_up(block, alone, n))
                for n in block.case.threads
            )
            title = f"Cost against threads: {block.case}"
            headings = ("threads", *_OURS_AND_FLOOR, "one thread / ours")
            tables.append(Table(title, headings, rows))
    return tables


def _speed_up(block: Block, alone: Row, threads: int) -> str:
    ours = block.ours(threads)
    return _ratio(alone.median / ours.median) if ours else "–"


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
    return f"{_ratio(row.median / ours.median)}× ({_ms(row.median)} ms)"


def _time_cell(row: Row | None) -> str:
    return f"{_ms(row.median)} ms" if row else "–"


def _row_of_case(block: Block, row: Row) -> tuple[str, ...]:
    threads = row.threads if row.threads in block.case.threads else max(block.case.threads)
    ours, least = block.ours(threads), block.floor(threads)
    kind = row.kind
    if row.difference is not None and row.of_bound is not None:
        kind = f"{kind} ({row.difference:.1g}, {row.of_bound:.2g} of bound)"
    return (
        row.name, kind, str(row.threads), _ms(row.median), _quartiles(row),
        _ratio(row.median / ours.median) if ours else "–",
        _ratio(least / row.median) if least and row.kind != "copy" else "–",
    )  # fmt: skip


def _row_of_target(o: Outcome) -> tuple[str, ...]:
    wanted = f"{'≤' if o.at_most else '≥'} {o.wanted:g}{o.unit and ' ' + o.unit}"
    measured = "not measured" if o.measured is None else f"{_ratio(o.measured)} {o.unit}".strip()
    if o.note:
        measured += f" ({o.note})"
    return o.what, wanted, measured, {None: "–", True: "met", False: "not met"}[o.met]


def _words(case: Case) -> tuple[str, str, str, str]:
    return (
        size_text(case.size), case.layout, case.dtype, ", ".join(map(scale_text, case.scales)),
    )  # fmt: skip


def _order(case: Case) -> tuple[object, ...]:
    return case.samples, case.size, case.layout, case.dtype, [-float(s) for s in case.scales]


def _ours_and_floor(block: Block, threads: int) -> tuple[str, ...]:
    ours, least, copy = block.ours(threads), block.floor(threads), block.find("copy", threads)
    return (
        _ms(ours.median) if ours else "–",
        _quartiles(ours) if ours else "–",
        _ms(least) if least else "–",
        _three_digits(2e-9 * block.case.large_bytes / copy.median) if copy else "–",
        f"{least / ours.median:.2f}" if ours and least else "–",
    )


def _quartiles(row: Row) -> str:
    return f"{_ms(row.timing.lower)}–{_ms(row.timing.upper)}"


def _ms(seconds: float) -> str:
    """Milliseconds with three digits that count."""
    return _three_digits(1e3 * seconds)


def _ratio(value: float) -> str:
    return _three_digits(value) if abs(value) < 10 else f"{value:,.0f}"


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
