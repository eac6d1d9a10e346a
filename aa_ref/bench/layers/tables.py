"""What was measured of torch's layers, as tables."""

from collections.abc import Callable

from ..cases import LAYERS, Case, scale_text
from ..figures import milliseconds, quartiles, ratio, three_digits
from ..results import Results, Row
from ..tables import Table
from .contenders import CORE, ORIGINAL
from .plugin import PLUGIN

__all__ = ["layers_tables"]


def layers_tables(results: Results) -> list[Table]:
    """The plugin beside the original, and beside the core's own call; where both were measured."""
    beside = [
        (ORIGINAL, f"{ORIGINAL} / ours", _times),
        (CORE, "beyond it, µs", _microseconds_beyond),
    ]
    return [t for t in (_beside(results, *what) for what in beside) if t.rows]


def _beside(
    results: Results, other: str, last: str, compare: Callable[[float, float], str]
) -> Table:
    headings = (
        "", "size", "layout", "type", "scale", "threads",
        "ours, ms", "quartiles", f"{other}, ms", "quartiles", last,
    )  # fmt: skip
    rows = []
    for block in results.blocks:
        for n in block.case.threads if block.case.direction in LAYERS else ():
            ours, theirs = block.find(PLUGIN, n), block.find(other, n)
            if ours and theirs:
                compared = compare(ours.median, theirs.median)
                rows.append((*_words(block.case), str(n), *_time(ours), *_time(theirs), compared))
    return Table(f"{PLUGIN} beside {other}", headings, tuple(rows))


def _words(case: Case) -> tuple[str, ...]:
    scales = ", ".join(map(scale_text, case.scales))
    return case.direction, case.size_words, case.layout, case.dtype, scales


def _time(row: Row) -> tuple[str, str]:
    return milliseconds(row.median), quartiles(row.timing)


def _times(ours: float, theirs: float) -> str:
    return ratio(theirs / ours)


def _microseconds_beyond(ours: float, theirs: float) -> str:
    return three_digits(1e6 * (ours - theirs))
