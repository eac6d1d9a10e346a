"""Of the filters that explain each axis, those that explain all answers together."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from .ends import Rows
from .evidence import Evidence, Planes
from .filters import Filter
from .fitting import fit_filters, is_too_much
from .pass_model import explain_between
from .windows import is_expected

__all__ = ["Agreement", "Candidates", "agree"]

_MOST = 24
"""Choices of a filter for each axis that are tried."""


class Agreement(NamedTuple):
    """What explains the answers of all axes.

    Attributes
    ----------
    rows : list of Rows
        One for each axis.
    between : str
        What is rounded between the passes, in a clause.
    unexplained : bool
        Whether no filter that explains the answers along each axis explains those to planes.
    """

    rows: list[Rows]
    between: str = ""
    unexplained: bool = False


class Candidates:
    """What may explain the answers along one axis, found as it is needed.

    Parameters
    ----------
    found : iterator of lists of Rows
        With ever more faults.

    Attributes
    ----------
    faults : int
        How many lists have been read.
    is_done : bool
        Whether there are no more.
    """

    def __init__(self, found: Iterator[list[Rows]]) -> None:
        self._found = found
        self._rows: list[Rows] = []
        self.faults = 0
        self.is_done = False

    @property
    def rows(self) -> list[Rows]:
        """Those that explain all outputs; if there are none, the first that explains the inner."""
        return [r for r in self._rows if r.is_explained] or self._rows[:1]

    @property
    def is_whole(self) -> bool:
        """Whether any explains all outputs."""
        return any(r.is_explained for r in self._rows)

    def read_on(self) -> None:
        """Look for those with one fault more."""
        more = next(self._found, None)
        self._rows += more or []
        self.faults += 1
        self.is_done = more is None


def agree(
    axes: Sequence[Candidates],
    ask: Callable[[], Planes | None],
    nice: Sequence[float],
    base: float,
) -> Agreement:
    """Choose.

    Parameters
    ----------
    axes : sequence of Candidates
        That have something, each.
    ask : function
        For planes, if there is a filter for each axis that explains all its outputs.
    nice : sequence of float
        What is added to all sums, if it can be one of these.
    base : float
        What zeros become.
    """
    while not all(axis.is_whole for axis in axes) and _read_on(axes):
        pass
    while len({axis.faults for axis in axes if not axis.is_done}) > 1:
        _read_on(axes)
    planes = ask() if all(axis.is_whole for axis in axes) else None
    if planes is None:
        choices = _choices(axes)
        return Agreement((_explaining(choices, None, nice) or choices)[0])
    tried: list[list[Rows]] = []
    odd: list[list[Rows]] = []
    apart: list[list[Rows]] = []
    before: list[list[Rows]] = []  # with one fault less: as many as with something in between
    on = True
    while on:
        choices = _choices(axes, tried)
        together = _explaining(choices, planes, nice)
        if together and is_expected(_offset(together[0]), nice, base):
            return Agreement(together[0])
        between = _first_between(planes, before, base)
        if between is not None:
            return between
        odd += together
        fitted = _explaining(choices, None, nice)
        apart += fitted
        before = [rows for rows in fitted if is_expected(_offset(rows), nice, base)]
        tried += choices
        on = _read_on(axes)
    between = _first_between(planes, [*before, *tried], base)
    if between is not None:
        return between
    if odd:
        return Agreement(odd[0])
    too_much = all(is_too_much(_evidence(rows, planes), _filters(rows)) for rows in tried)
    return Agreement([*apart, *tried][0], unexplained=not too_much)


def _read_on(axes: Sequence[Candidates]) -> bool:
    """Where the fewest faults have been tried; False if everything has."""
    going = [axis for axis in axes if not axis.is_done]
    least = min((axis.faults for axis in going), default=0)
    for axis in going:
        if axis.faults == least:
            axis.read_on()
    return bool(going)


def _first_between(planes: Planes, choices: Sequence[list[Rows]], base: float) -> Agreement | None:
    every = ((rows, explain_between(planes, rows, base)) for rows in choices)
    return next((Agreement(rows, between=words) for rows, words in every if words), None)


def _offset(rows: Sequence[Rows]) -> float:
    return rows[0].found.offset


def _choices(axes: Sequence[Candidates], tried: Sequence[list[Rows]] = ()) -> list[list[Rows]]:
    """A filter for each axis, first those alike."""
    every = [list(rows) for rows in itertools.product(*(axis.rows for axis in axes))]
    new = [rows for rows in every if rows not in tried]
    return sorted(new, key=lambda rows: not _are_alike(rows))[:_MOST]


def _are_alike(rows: Sequence[Rows]) -> bool:
    return all(r.found.resembles(rows[0].found) for r in rows)


def _explaining(
    choices: Sequence[Sequence[Rows]], planes: Planes | None, nice: Sequence[float]
) -> list[list[Rows]]:
    """Those that explain all answers, with the numbers that do; the likeliest first.

    Where filters that are alike do, no others are tried.
    """
    found: list[list[Rows]] = []
    for rows in choices:
        if found and not _are_alike(rows):
            break
        e = _evidence(rows, planes)
        if is_too_much(e, _filters(rows)) or (planes is not None and e.half > 0.5):
            continue
        filters = fit_filters(e, _filters(rows), nice)
        if filters:
            pairs = zip(rows, filters, strict=True)
            found.append([replace(r, found=f) for r, f in pairs])
    order = [*nice, *(rows[0].found.offset for rows in found)]

    def unlikeliness(rows: Sequence[Rows]) -> tuple[int, bool, int]:
        first = rows[0].found
        return order.index(first.offset), first.gain != 1, sum(r.found.digits for r in rows)

    found.sort(key=unlikeliness)
    for rows in found[:1]:
        for k, r in enumerate(rows):
            others = [other[k].found for other in found[1:]]
            words = dict.fromkeys(f.words for f in others if f.sigma or f.coarse)
            instead = tuple(w for w in words if w != r.found.words)
            rows[k] = replace(r, found=replace(r.found, instead=instead))
    return found


def _evidence(rows: Sequence[Rows], planes: Planes | None) -> Evidence:
    return Evidence([r.lines for r in rows], [r.laid for r in rows], planes)


def _filters(rows: Sequence[Rows]) -> list[Filter]:
    return [r.found for r in rows]
