"""The speeds that this project wants of torch's layers, on the processor."""

from collections.abc import Iterator

from ..cases import Case, scale_text
from ..results import Results
from ..targets import Blocks, Outcome
from .contenders import CORE, ORIGINAL
from .plugin import PLUGIN
from .selections import of_targets

__all__ = ["outcomes_of"]

_THREADS = 2
_TIMES = (10.0, 20.0, 40.0, 20.0)
"""How many times ours the original's time is to be, case by case."""


def outcomes_of(results: Results) -> list[Outcome]:
    """All targets, in the order in which they were set."""
    blocks, cases = Blocks(results.blocks), of_targets((_THREADS,))
    originals = [_original(blocks, c, n) for c, n in zip(cases, _TIMES, strict=True)]
    return [_beyond_the_core(blocks, cases[0]), *originals]


def _beyond_the_core(blocks: Blocks, case: Case) -> Outcome:
    ours, core = _medians(blocks, case, CORE)
    beyond = 1e6 * (ours - core) if ours and core else None
    return Outcome(f"{_words(case)}: a call beyond that of {CORE}", 20.0, beyond, True, "µs")


def _original(blocks: Blocks, case: Case, wanted: float) -> Outcome:
    ours, original = _medians(blocks, case, ORIGINAL)
    times = original / ours if ours and original else None
    return Outcome(f"{_words(case)}: {ORIGINAL} / ours", wanted, times)


def _medians(blocks: Blocks, case: Case, other: str) -> Iterator[float | None]:
    """Ours and the other's, in seconds."""
    block = blocks.get(case.direction, case.size, case.layout, case.scales)
    for name in (PLUGIN, other):
        row = block.find(name, _THREADS) if block else None
        yield row.median if row else None


def _words(case: Case) -> str:
    return f"{case.direction} {case.size_words} at {', '.join(map(scale_text, case.scales))}"
