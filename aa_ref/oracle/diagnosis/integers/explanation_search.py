"""The search, cheapest first: what explains each axis, and of that what explains all together."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....plans import AxisPlan
from ..blackbox import AxisFault, Inquiry
from ..impulse_response import OtherLengths
from .answer_model import Evidence, Filter, Rows, explain_between
from .end_rules import read_ends
from .filter_hypotheses import HYPOTHESES, find_filters
from .parameter_fits import fit_filters, is_too_much
from .quantised_answers import Lines, Planes, ask_lines
from .weight_estimates import Guess, curve_of, guess_rows, is_expected, nice_offsets, windows_of

__all__ = ["Agreement", "AxisSearch", "Candidates", "agree"]

Values = NDArray[np.float64]

_ALIKE = 4.0
"""Quotient of two bounds, both of them so wide that one tells as much as the other."""

_NEARLY = 0.05
"""How far an offset may be from a usual one that integers leave open."""

_DEPARTURES = range(HYPOTHESES[-1].departures + 2)
"""With the most comes, besides, what adds something odd to its sums."""

_KNOWN = range(HYPOTHESES[-1].departures)
"""Those of filters of a known kind; what is left are any taps."""

_MOST = 24
"""Choices of a filter for each axis that are tried."""


class Candidates:
    """What may explain the answers along one axis, found as it is needed, the likeliest first."""

    def __init__(self, found: Iterator[list[Rows]]) -> None:
        self._found = found
        self._rows: list[list[Rows]] = []

    @property
    def read(self) -> int:
        """How many departures have been tried so far."""
        return len(self._rows) - 1

    def rows(self, departures: int) -> list[Rows]:
        """Those that explain all outputs; if there are none, the first that explains the inner."""
        while self.read < departures:
            self._rows.append(next(self._found, []))
        every = [r for rows in self._rows[: departures + 1] for r in rows]
        return [r for r in every if r.is_explained] or every[:1]

    def are_whole(self, departures: int) -> bool:
        """Whether any explains all outputs."""
        return any(r.is_explained for r in self.rows(departures))


class AxisSearch:
    """What one axis answers, and what may explain it: something, unless there is a `trouble`.

    Asked are levels up to ``usable``. ``relatives`` are as of `Lines`, in turn, the most last;
    ``base`` is what zeros become, ``gain`` what the weights of an output sum to at most. `half` is
    as of `Lines`, for the candidates; `linear` says whether any weights at all explain the answers,
    as far as has been seen.
    """

    lines: Lines | None
    guess: Guess

    def __init__(
        self, q: Inquiry, k: int, lengths: tuple[int, ...], usable: int,
        relatives: Sequence[float], base: float, gain: float,
    ) -> None:  # fmt: skip
        self._q, self._k, self._lengths = q, k, lengths
        self._usable, self._base = usable, base
        # Two of them, only if what they leave open is not the same, and shows in integers.
        low, high = relatives[0] * usable, relatives[-1] * usable
        self._relatives = relatives if high - low > _NEARLY else relatives[:1]
        if low > _NEARLY and high < _ALIKE * low:
            self._relatives = relatives[-1:]
        self._twice = 0.5 + max(gain, 1.0) / 2
        self.candidates = Candidates(iter([]))
        self.half, self.linear = 0.5, True
        self.lines = self._ask(lengths)
        self.trouble = self._explain()

    @property
    def plan(self) -> AxisPlan:
        """What is expected."""
        return self._q.axis_plan(self._k, self._lengths[self._k])

    def further(self, rows: Rows) -> OtherLengths:
        """Questions at other lengths, where the filter is known and the rule beyond ends is not."""

        def ask(lengths: tuple[int, ...]) -> Values | None:
            n = lengths[self._k]
            if n == self._lengths[self._k]:
                return rows.matrix
            lines = self._ask(lengths)
            guess = None if lines is None else guess_rows(lines)
            if lines is None or guess is None or not guess.inner:
                return None
            lines = replace(lines, relative=rows.lines.relative, half=self.half)
            nice, a = nice_offsets(self._base, self.half), self._q.axis_plan(self._k, n)
            more = read_ends(lines, guess, rows.found, a, nice, boundary=rows.rule)
            return more.matrix if more.is_explained else None

        q, plan_for = self._q, partial(self._q.axis_plan, self._k)
        return OtherLengths(q.subject, q.reach, self._k, plan_for, 1, self._lengths, ask)

    def _ask(self, lengths: tuple[int, ...]) -> Lines | None:
        """Along this axis of planes, which are smaller along the others if need be."""
        big = math.prod(lengths) * lengths[self._k] > 1 << 24
        others = tuple(a.middling for a in self._q.reach) if big else lengths
        others = self._q.terms.accepts.nearest(others)
        step = self._q.reach[self._k].step
        return ask_lines(
            self._q.subject, lengths, others, self._k, self._usable, step, self._relatives[0]
        )

    def _explain(self) -> AxisFault | None:
        """Look for what explains the answers."""
        if self.lines is None:
            words = "the answers to lines cannot be studied: too many are needed"
            return AxisFault("values", words)
        self.guess = guess_rows(replace(self.lines, relative=self._relatives[-1]))
        if not self.guess.inner:
            return AxisFault("values", "no output amid the axis reads what lies there")
        self.linear = self.guess.is_linear
        if not self.linear:
            words = "no weights explain the answers, whose roundings would be by more than 1/2"
            curve = curve_of(self.lines, self.guess)
            if curve:
                words += f"; with {curve} before the filter and its inverse behind, some do"
            return AxisFault("values", words)
        # To be rounded twice may move an answer by more.
        halves = itertools.product(self._relatives, (0.5, self._twice))
        every = [
            (lines, guess, Candidates(self._tried(lines, guess)))
            for relative, half in halves
            for lines in [replace(self.lines, relative=relative, half=half)]
            for guess in self._guesses()
        ]
        # Any taps, of which wide filters have hundreds, come after all that is likelier.
        guessed = [tried for tried in every if tried[1] is self.guess]
        for departures, some in ((_KNOWN, every), (_DEPARTURES, guessed)):
            for lines, guess, found in some:
                rows: list[Rows] = next(filter(None, map(found.rows, departures)), [])
                is_likely = any(self._is_likely(r.found, lines.half) for r in rows)
                if is_likely or (some is guessed and self.candidates.read < 0 < len(rows)):
                    self.half, self.candidates, self.guess = lines.half, found, guess
                    self.lines = replace(lines, half=0.5)
                if is_likely:
                    return None
        if self.candidates.read >= 0:
            return None
        words = "no filter was found that all outputs share and that explains the answers"
        return AxisFault("sigma", words)

    def _is_likely(self, found: Filter, half: float) -> bool:
        """Whether it is a known filter, rounded in a usual way; twice, without a gain."""
        usual = nice_offsets(self._base, half)
        if half > 0.5:
            return not found.free and found.gain == 1 and found.offset in usual
        return not found.free and min(abs(found.offset - u) for u in usual) <= _NEARLY

    def _guesses(self) -> list[Guess]:
        """What is guessed; first, where edges leave a sample open, at the expected centres."""
        guess, centres = self.guess, self.plan.centres
        if self.lines is None or not self.lines.edges or len(centres) != len(guess.centres):
            return [guess]
        off = np.abs(guess.centres - centres)[guess.inner]
        expected = replace(guess, centres=centres.astype(np.float64))
        return [expected, guess] if off.any() and np.all(off <= 1) else [guess]

    def _tried(self, lines: Lines, guess: Guess) -> Iterator[list[Rows]]:
        windows = windows_of(lines, guess, self._base)
        if windows is None:
            return
        a, apart = self.plan, self._q.has("boundary")
        for filters in find_filters(windows, a):
            ends = partial(read_ends, lines, guess, boundary=a.boundary, apart=apart)
            yield [ends(f, a, windows.nice) for f in filters]


class Agreement(NamedTuple):
    """What explains the answers of all axes."""

    rows: list[Rows]  # one for each axis
    between: str = ""  # what is rounded between the passes, in a clause
    # whether no filter that explains the answers along each axis explains those to planes
    unexplained: bool = False


def agree(
    axes: Sequence[Candidates], ask: Callable[[], Planes | None], nice: Sequence[float], base: float
) -> Agreement:
    """Choose a filter for each axis; of those with the fewest departures, the likeliest.

    With as many departures come, in turn: sums that are rounded once, in a usual way; with one less
    those that are rounded between the passes. What adds something odd to its sums comes last.
    Planes are asked if there is a filter for each axis that explains all its outputs. One of the
    ``nice`` is added to all sums, if it can be; ``base`` is what zeros become.
    """
    read = max(axis.read for axis in axes)
    whole = (d for d in _DEPARTURES if d >= read and all(axis.are_whole(d) for axis in axes))
    start = next(whole, None)
    planes = None if start is None else ask()
    if planes is None or start is None:
        choices = _choices(
            [axis.rows(_DEPARTURES[-1] if start is None else start) for axis in axes]
        )
        return Agreement((_explaining(choices, None, nice) or choices)[0])

    def usual(found: list[list[Rows]]) -> list[list[Rows]]:
        return [rows for rows in found if is_expected(rows[0].found.offset, nice, base)]

    tried: list[list[Rows]] = []
    together: list[list[Rows]] = []  # what explains all answers, and those to lines alone
    by_lines: list[list[Rows]] = []
    fewer: list[list[Rows]] = []  # by lines, with a departure less
    for departures in _DEPARTURES[start:]:
        choices = _choices([axis.rows(departures) for axis in axes], tried)
        found = _explaining(choices, planes, nice)
        if usual(found[:1]):
            return Agreement(found[0])
        between = _first_between(planes, fewer, base)
        if between is not None:
            return between
        fitted = _explaining(choices, None, nice)
        fewer = usual(fitted)
        together, by_lines, tried = together + found, by_lines + fitted, tried + choices
    between = _first_between(planes, [*fewer, *tried], base)
    if between is not None:
        return between
    if together:
        return Agreement(together[0])
    too_much = all(is_too_much(_evidence(rows, planes), _filters(rows)) for rows in tried)
    return Agreement([*by_lines, *tried][0], unexplained=not too_much)


def _first_between(planes: Planes, choices: Sequence[list[Rows]], base: float) -> Agreement | None:
    every = ((rows, explain_between(planes, rows, base)) for rows in choices)
    return next((Agreement(rows, between=words) for rows, words in every if words), None)


def _choices(by_axis: Sequence[list[Rows]], tried: Sequence[list[Rows]] = ()) -> list[list[Rows]]:
    """A filter for each axis, first those alike."""
    every = [list(rows) for rows in itertools.product(*by_axis)]
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
