"""One axis: its answers to lines, what may explain them, and its answers at other lengths."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ....plans import AxisPlan
from ..axes import AxisFault
from ..further import Further
from ..inquiry import Inquiry
from .agreement import Candidates
from .ends import Rows, read_ends
from .fitting import minimax
from .guess import Guess, guess_rows
from .lines import Lines, ask_lines
from .taps import find_filters
from .windows import nice_offsets, windows_of

__all__ = ["Axis"]

_NEARLY = 0.05
"""How far an offset may be from a usual one that integers leave open."""

Values = NDArray[np.float64]


class Axis:
    """What one axis answers.

    Parameters
    ----------
    q : Inquiry
    k : int
        Which of the filtered axes.
    lengths : tuple of int
        Of planes.
    usable : int
        The largest level to ask with.
    relative : float
        As of `Lines`.
    base : float
        What zeros become.
    gain : float
        What the weights of an output sum to at most.

    Attributes
    ----------
    lines : Lines or None
    guess : Guess
    candidates : Candidates
        What may explain the answers: something, unless there is a trouble.
    trouble : AxisFault or None
        What keeps from explaining them.
    half : float
        As of `Lines`, for the candidates.
    linear : bool
        Whether any weights at all explain the answers, as far as has been seen.
    """

    lines: Lines | None
    guess: Guess

    def __init__(
        self, q: Inquiry, k: int, lengths: tuple[int, ...], usable: int, relative: float,
        base: float, gain: float,
    ) -> None:  # fmt: skip
        self._q, self._k, self._lengths = q, k, lengths
        self._usable, self._relative, self._base = usable, relative, base
        self._twice = 0.5 + max(gain, 1.0) / 2
        self.candidates = Candidates(iter([]))
        self.half, self.linear = 0.5, True
        self.lines = self._ask(lengths)
        self.trouble = self._explain()

    @property
    def plan(self) -> AxisPlan:
        """What is expected."""
        return self._q.axis_plan(self._k, self._lengths[self._k])

    def further(self, rows: Rows) -> Further:
        """Questions at other lengths, where the filter is known and the rule beyond ends is not."""

        def ask(lengths: tuple[int, ...]) -> Values | None:
            n = lengths[self._k]
            if n == self._lengths[self._k]:
                return rows.matrix
            lines = self._ask(lengths)
            guess = None if lines is None else guess_rows(lines)
            if lines is None or guess is None or not guess.inner:
                return None
            lines, nice = replace(lines, half=self.half), nice_offsets(self._base, self.half)
            a = self._q.axis_plan(self._k, n)
            more = read_ends(lines, guess, rows.found, a, nice, boundary=rows.rule)
            return more.matrix if more.is_explained else None

        q, plan_for = self._q, partial(self._q.axis_plan, self._k)
        return Further(q.subject, q.reach, self._k, plan_for, 1, self._lengths, ask)

    def _ask(self, lengths: tuple[int, ...]) -> Lines | None:
        """Along this axis of planes, which are smaller along the others if need be."""
        big = math.prod(lengths) * lengths[self._k] > 1 << 24
        others = tuple(a.middling for a in self._q.reach) if big else lengths
        others = self._q.terms.accepts.nearest(others)
        step = self._q.reach[self._k].step
        return ask_lines(
            self._q.subject, lengths, others, self._k, self._usable, step, self._relative
        )

    def _explain(self) -> AxisFault | None:
        """Look for what explains the answers."""
        if self.lines is None:
            return AxisFault(
                "values", "the answers to lines cannot be studied: too many are needed"
            )
        self.guess = guess_rows(self.lines)
        if not self.guess.inner:
            return AxisFault("values", "no output amid the axis reads what lies there")
        for half in (0.5, self._twice):  # to be rounded twice may move an answer by more
            candidates = self._tried(replace(self.lines, half=half))
            while not candidates.rows and not candidates.is_done:
                candidates.read_on()
            if self._are_likely(candidates, half) or not self.candidates.rows:
                self.half, self.candidates = half, candidates
            if self._are_likely(candidates, half):
                return None
        return None if self.candidates.rows else self._unexplained(self.lines)

    def _are_likely(self, candidates: Candidates, half: float) -> bool:
        """Whether some are known filters, rounded in a usual way; twice, without a gain."""
        usual = nice_offsets(self._base, half)
        if half > 0.5:
            likely = (
                not r.found.free and r.found.gain == 1 and r.found.offset in usual
                for r in candidates.rows
            )
        else:
            likely = (
                not r.found.free and min(abs(r.found.offset - u) for u in usual) <= _NEARLY
                for r in candidates.rows
            )
        return any(likely)

    def _tried(self, lines: Lines) -> Candidates:
        windows = windows_of(lines, self.guess, self._base)
        if windows is None:
            return Candidates(iter([]))
        a, apart = self.plan, self._q.has("boundary")
        read = partial(read_ends, lines, self.guess, boundary=a.boundary, apart=apart)
        every = find_filters(windows, a)
        return Candidates([read(f, a, windows.nice) for f in filters] for filters in every)

    def _unexplained(self, lines: Lines) -> AxisFault:
        """No filter that all inner outputs share was found; whether there is one for each."""
        design = np.column_stack([lines.x, np.ones(len(lines.x))])
        for i in self.guess.inner:
            y = lines.y[:, i]
            uncut = (y > 0) & (y < lines.full)
            limit = 0.5 + 2 * lines.relative * lines.x.max(1)
            best = minimax(design[uncut], y[uncut], limit[uncut])
            if best.parameters is None and best.least > 1:
                self.linear = False
                return AxisFault(
                    "values",
                    "no weights explain the answers, whose roundings would be by more than 1/2",
                )
        return AxisFault(
            "sigma", "no filter was found that all outputs share and that explains the answers"
        )
