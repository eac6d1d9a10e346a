"""Wrong outputs: which they are along each dimension of a result, and with which period.

A mask of wrong outputs has a shape, in words, in three cases: an index alone decides along one
dimension; where indices of several dimensions meet (a block); or where either is met (a grid of
seams). All else is scattered. Periods tell of tiles, blocks and vectors of a fixed size.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .findings import plural

__all__ = ["Indices", "Sites", "changes_in_words", "in_words", "indices_of", "joined", "sites_of"]

Mask = NDArray[np.bool_]

_SHOWN = 3
"""Runs of indices that are written out."""

_STEPS = 4
"""Distances of runs that may be their period: the most common ones."""

_FILLED = 0.8
"""Of the outputs of a pattern, the share that is wrong: others may be right by chance."""


@dataclass(frozen=True)
class Indices:
    """Some indices of one dimension, as runs of neighbours."""

    runs: tuple[tuple[int, int], ...]  # start and stop of each, in order
    length: int  # of the dimension
    period: int  # the distance at which runs come back; 0 if they do not

    @property
    def count(self) -> int:
        """How many indices these are."""
        return sum(stop - start for start, stop in self.runs)

    @property
    def first(self) -> int:
        """The least of them."""
        return self.runs[0][0]

    @property
    def _start(self) -> int:
        """Where the first whole run begins, or one like it."""
        width = max(stop - start for start, stop in self.runs)
        return next(start for start, stop in self.runs if stop - start == width)

    @property
    def are_regular(self) -> bool:
        """Whether they are a single run, or runs with a period."""
        return len(self.runs) == 1 or self.period > 0

    def foretell(self, others: "Indices") -> bool:
        """Whether others, of another length, are among these, continued by the period."""
        width = max(stop - start for start, stop in self.runs)
        own = {i for start, stop in self.runs for i in range(start, stop)}
        return all(
            i in own
            or (self.period > 0 and (i - self._start) % self.period < width)
            or (len(self.runs) == 1 and self.runs[0][1] == self.length and i >= self.length)
            for start, stop in others.runs for i in range(start, stop)
        )  # fmt: skip

    @property
    def words(self) -> str:
        """Such as ``63, 127, 191, … (every 64th)``."""
        start, stop = self.runs[0]
        if len(self.runs) == 1:
            if stop == self.length and stop - start > 1:
                return f"from {start} on"
            return _run(start, stop)
        shown = [_run(*run) for run in self.runs[:_SHOWN]]
        more = len(self.runs) > _SHOWN
        text = ", ".join([*shown, "…"]) if more else f"{', '.join(shown[:-1])} and {shown[-1]}"
        if not self.period:
            return text
        width = max(b - a for a, b in self.runs)
        every = f"every {_ordinal(self.period)}" if width == 1 else f"{width} of {self.period}"
        return f"{text} ({every})"


def _run(start: int, stop: int) -> str:
    if stop - start == 1:
        return str(start)
    return f"{start} to {stop - 1}"


def _ordinal(n: int) -> str:
    last = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{'th' if n % 100 in (11, 12, 13) else last}"


def indices_of(chosen: Mask, seen: slice | None = None) -> Indices | None:
    """Read the indices that are set in a vector; None if there are none.

    ``seen`` are those that could have been set; all, if it is not given.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]])))
    runs = tuple((int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))
    low, high, _ = (seen or slice(None)).indices(len(chosen))
    return Indices(runs, len(chosen), _period(runs, low, high)) if runs else None


def _period(runs: Sequence[tuple[int, int]], low: int, high: int) -> int:
    """Return the least distance at which runs come back, three times at least; 0 if there is none.

    Twice is enough where they begin or end as tiles of that size do, unless these are the two ends.
    Some may be right by chance, and the beginning of what is seen may cut through the first.
    """
    if len(runs) < 2 or (len(runs) == 2 and runs[0][0] == low and runs[1][1] == high):
        return 0
    width = max(stop - start for start, stop in runs)
    first = runs[0][1] - width if runs[0][0] == low else runs[0][0]
    chosen = np.concatenate([np.arange(*run) for run in runs])
    seen = np.arange(chosen[0], high)
    starts = [first, *(start for start, _ in runs[1:])]
    steps = Counter(after - before for before, after in itertools.pairwise(starts))
    for step in sorted(step for step, _ in steps.most_common(_STEPS) if step > width):
        if np.all((chosen - first) % step < width):
            filled = len(chosen) >= _FILLED * np.sum((seen - first) % step < width)
            blocks = width > 1 and first % width == step % width == 0
            tiled = blocks or 0 in (first % step, (first + width) % step)
            if filled and (len(runs) > 2 or tiled):
                return step
    return 0


class Sites(NamedTuple):
    """Which outputs of one result are wrong, of those that are looked at."""

    # for each dimension along which not all indices are hit. Empty if all outputs are wrong, or if
    # the wrong ones follow no pattern.
    along: dict[int, Indices]
    meet: bool  # whether it takes the indices of all these dimensions together, or of any one
    # outputs
    wrong: int
    total: int
    # of wrong outputs in no other pattern those that come back in the order of memory: single
    # outputs, or lines of all that differ in the last dimension alone
    in_order: Indices | None = None
    lines: bool = False  # whether `in_order` counts lines

    @property
    def are_scattered(self) -> bool:
        """Whether some outputs are wrong, in no pattern of rows and columns."""
        return not self.along and self.wrong < self.total

    def words(self, letters: str, noun: str = "output") -> str:
        """Such as ``outputs 63, 127, 191, … (every 64th) along W, 4 of 275``."""
        if self.in_order is not None:
            count = f"{self.in_order.count:,} of {self.in_order.length:,}"
            each = "lines" if self.lines else plural(noun)
            return f"{each} {self.in_order.words} in memory, {count}"
        parts = [_named(letters[d], indices, noun) for d, indices in self.along.items()]
        number = f"{self.wrong:,} of {self.total:,}"
        if len(parts) == 1:
            (indices,) = self.along.values()
            number = f"{indices.count:,} of {indices.length:,}"
        return f"{' by '.join(parts) if self.meet else ' and '.join(parts)}, {number}"


def _named(letter: str, indices: Indices, noun: str) -> str:
    one = {"N": "entry", "C": "channel"}.get(letter, noun)
    along = "" if letter in "NC" else f" along {letter}"
    return f"{one if indices.count == 1 else plural(one)} {indices.words}{along}"


def sites_of(mask: Mask, box: tuple[slice, ...] | None = None) -> Sites:
    """Find the pattern of the wrong outputs in a mask.

    ``box`` is what is looked at of it, a slice a dimension.
    """
    box = box or (slice(None),) * mask.ndim
    within = mask[box]
    wrong, dimensions = int(within.sum()), range(mask.ndim)
    others = [tuple(e for e in dimensions if e != d) for d in dimensions]

    def along(chosen: Sequence[Mask]) -> dict[int, Indices]:
        found = {}
        for d, part in enumerate(chosen):
            whole = np.zeros(mask.shape[d], bool)
            whole[box[d]] = part
            indices = None if part.all() else indices_of(whole, box[d])
            if indices is not None:
                found[d] = indices
        return found

    if not wrong:
        return Sites({}, True, wrong, within.size)
    hit = [np.asarray(within.any(axis=o)) for o in others]
    if wrong >= _FILLED * math.prod(int(h.sum()) for h in hit):
        return Sites(along(hit), True, wrong, within.size)
    full = [np.asarray(within.mean(axis=o)) >= _FILLED for o in others]
    grid = np.zeros(within.shape, bool)
    for d in dimensions:
        grid |= full[d].reshape([-1 if e == d else 1 for e in dimensions])
    if grid.any() and not np.any(within & ~grid):
        return Sites(along(full), False, wrong, within.size)
    if within.size == mask.size:
        lines = mask.reshape(-1, mask.shape[-1])
        whole = lines.mean(axis=1) >= _FILLED
        for chosen, of_lines in ((np.asarray(whole), True), (mask.ravel(), False)):
            found = None if of_lines and np.any(lines[~whole]) else indices_of(chosen)
            if found is not None and found.period:
                return Sites({}, True, wrong, within.size, found, of_lines)
    return Sites({}, True, wrong, within.size)


def joined(found: Sequence[Sites], axes: Sequence[int], letters: str, noun: str = "output") -> str:
    """Say the places of those answers that show most along each axis."""
    told: list[Sites] = []
    for d in axes:
        showing = [sites for sites in found if d in sites.along]
        best = max(showing, key=partial(_shown, d), default=None)
        if best is not None and best not in told:
            told.append(best)
    return ", and ".join(sites.words(letters, noun) for sites in told)


def _shown(axis: int, sites: Sites) -> int:
    return sites.along[axis].count


def changes_in_words(first: NDArray[Any], second: NDArray[Any], letters: str) -> str:
    """Say where the second of two answers of one shape is another one."""
    mask = ~((first == second) | ((first != first) & (second != second)))
    sites = sites_of(np.asarray(mask, bool))
    if sites.wrong == sites.total:
        return "everywhere"
    if sites.along or sites.in_order is not None:
        return f"at {sites.words(letters)}"
    return f"at {sites.wrong:,} of {sites.total:,} outputs, in no pattern"


def in_words(errors: NDArray[np.float64], letters: str) -> str:
    """Say which outputs are wrong: those whose error, as of a `Comparison`, is beyond its bound."""
    sites = sites_of(np.abs(errors) > 1)
    if sites.wrong == sites.total:
        return "it is the only one" if sites.total == 1 else f"all {sites.total:,} are wrong"
    if sites.wrong == 1:
        return f"it alone of {sites.total:,} is wrong"
    if sites.are_scattered and sites.in_order is None:
        return f"{sites.wrong:,} of {sites.total:,} are wrong, in no pattern"
    return f"wrong: {sites.words(letters)}; all others right"
