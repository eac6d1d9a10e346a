"""What a run of many files shows: a bar on a terminal, lines elsewhere, a list of what failed."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType

import typer
from rich import progress as bars
from rich.console import Console

from .batch import Outcome
from .endings import tell
from .wording import counted

__all__ = ["Progress", "bar_of_blocks", "bar_of_calls", "json_line"]


def json_line(outcome: Outcome) -> str:
    """Return the line of ``--json`` for one input."""
    return json.dumps(
        {
            "input": outcome.input,
            "output": outcome.output or None,
            "status": outcome.status,
            "reason": outcome.reason,
        }
    )


@contextmanager
def bar_of_blocks() -> Iterator[Callable[[int, int], None]]:
    """Show, on a terminal, how many blocks of an array are done, as the function given is told."""
    console = Console(stderr=True)
    with bars.Progress(
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("blocks"),
        bars.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def bar_of_calls() -> Iterator[Callable[[int, int | None], None]]:
    """Show, on a terminal, how many calls of a check are done, as the function given is told."""
    console = Console(stderr=True)
    with bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("asking", total=None)

        def tell_of(asked: int, planned: int | None) -> None:
            nonlocal task
            if planned is None and bar.tasks[0].total is not None:  # a total cannot be taken back
                bar.remove_task(task)
                task = bar.add_task("finding out why", total=None)
            bar.update(task, completed=asked, total=planned)

        yield tell_of


class Progress:
    """Shows outcomes as they come: to be used as a context manager.

    Parameters
    ----------
    total : int
        How many inputs there are.
    as_json : bool
        Whether lines are JSON.
    """

    def __init__(self, total: int, as_json: bool) -> None:
        self.as_json = as_json
        self.counts = {"done": 0, "kept": 0, "failed": 0}
        self.failures: list[Outcome] = []
        self.start = perf_counter()
        console = Console(stderr=True)
        self._moving = console.is_terminal
        self._bar = bars.Progress(
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[rate]}"),
            bars.TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not self._moving,
        )
        self._task = self._bar.add_task("", total=total, rate="")

    @property
    def failed(self) -> int:
        """How many inputs have failed."""
        return self.counts["failed"]

    def __enter__(self) -> "Progress":
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, error, traceback)

    def show(self, outcome: Outcome) -> None:
        """Count and tell what became of one input."""
        self.counts[outcome.status] += 1
        for text in outcome.notes:
            tell(f"note: {text}", err=True)
        if outcome.status == "failed":
            self.failures.append(outcome)
        if self.as_json:
            typer.echo(json_line(outcome))
        elif not (self._moving and sys.stdout.isatty()):
            tell(outcome.said or f"{outcome.input}: failed: {outcome.reason}")
        self._bar.update(self._task, advance=1, rate=self._rate())

    def _rate(self) -> str:
        worked = self.counts["done"] + self.counts["failed"]
        return f"{worked / (perf_counter() - self.start):.1f} files/s"

    def summarise(self, passed_over: int) -> None:
        """Tell how many there were of each, and list what failed with the reasons."""
        told = [f"{number} {status}" for status, number in self.counts.items()]
        if passed_over:
            told.append(f"{counted(passed_over, 'file')} that {_are(passed_over)} passed over")
        seconds = perf_counter() - self.start
        typer.echo(f"{', '.join(told)}; {seconds:.1f} s, {self._rate()}", err=self.as_json)
        if self.failures:
            typer.echo(f"aa-ref: {counted(self.failed, 'file')} failed:", err=True)
            for outcome in self.failures:
                tell(f"  {outcome.input}: {outcome.reason}", err=True)


def _are(number: int) -> str:
    return "is no picture" if number == 1 else "are no pictures"
