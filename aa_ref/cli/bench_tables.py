"""The tables of ``aa-ref bench`` in a terminal of any width.

Where a table is too wide, it first loses the columns that are least missed, and says which; then
it goes on below, its first column repeated. Files and pipes have no width: there, nothing is lost.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from io import TextIOWrapper

from rich.console import Console
from rich.table import Table as RichTable

from aa_ref.bench.results import Block
from aa_ref.bench.tables import Table, one_case

__all__ = ["show_case", "show_table", "stdout_console"]

_NO_END = 10_000
_NUMBER = 20
"""Characters that numbers have at most, with their units; they are never folded."""
_LEAST_OF_WORDS = 14
"""Characters that names and words are given at least."""


def stdout_console() -> Console:
    """Where tables go: as wide as the terminal, or as tables are where there is none.

    What it cannot write, such as × in ASCII, becomes a question mark.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return Console()
    return Console(width=_NO_END)


def show_case(console: Console, block: Block) -> None:
    """Everything that took part in a case, and what did not."""
    if block.rows:
        show_table(console, one_case(block))
    else:
        console.print(f"{block.case}", markup=False, highlight=False, soft_wrap=True)
    for name, reason in block.left_out.items():
        console.print(
            f"  left out: {name}: {reason}", markup=False, highlight=False, soft_wrap=True
        )


def show_table(console: Console, table: Table) -> None:
    """A table, made to fit."""
    missing = []
    for heading in table.spare:
        if _width(table) <= console.width:
            break
        if heading in table.headings:
            table = table.without(heading)
            missing.append(heading)
    for part in _parts(console, table):
        console.print(_drawn(part, console.width))
    if missing:
        console.print(
            f"  no room for: {', '.join(missing)}", markup=False, highlight=False, soft_wrap=True
        )


def _parts(console: Console, table: Table) -> Iterator[Table]:
    """The columns in as many tables as it takes, the first column in each."""
    begin, columns = 1, len(table.headings)
    while begin < columns:
        end = columns
        while end > begin + 1 and _width(_slice(table, begin, end), folded=True) > console.width:
            end -= 1
        yield _slice(table, begin, end)
        begin = end


def _slice(table: Table, begin: int, end: int) -> Table:
    return table.mapped(lambda cells: (cells[0], *cells[begin:end]))


def _width(table: Table, folded: bool = False) -> int:
    """Characters across with headings in several lines; ``folded``: names and words, too."""
    widths = []
    for place, (heading, *cells) in enumerate(_columns(table)):
        width = max(map(len, [*heading.split(" "), *cells]))
        if folded and not _is_number(place, cells):
            width = min(width, _LEAST_OF_WORDS)
        widths.append(width)
    return sum(widths) + 3 * len(widths) + 1  # two blanks and a border each


def _drawn(table: Table, width: int) -> RichTable:
    drawn = RichTable(title=table.title, title_justify="left")
    needed = sum(3 + max(map(len, column)) for column in _columns(table)) + 1
    for place, (heading, *cells) in enumerate(_columns(table)):
        lines = heading if needed <= width else heading.replace(" ", "\n")
        drawn.add_column(lines, no_wrap=_is_number(place, cells), overflow="fold")
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def _columns(table: Table) -> list[tuple[str, ...]]:
    return list(zip(table.headings, *table.rows, strict=True))


def _is_number(place: int, cells: Sequence[str]) -> bool:
    """Whether a column is left whole, as numbers and their units are."""
    return place > 0 and max(map(len, cells), default=0) <= _NUMBER
