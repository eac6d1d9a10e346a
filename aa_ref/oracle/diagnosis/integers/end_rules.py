"""The rules that continue an inner filter to the ends of its axis, and samples not read there."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ....plans import AxisPlan
from ...convention_parts import RULES
from .answer_model import Evidence, Filter, Laid, Rows
from .parameter_fits import fit_filters
from .quantised_answers import Lines
from .weight_estimates import Guess

__all__ = ["read_ends"]

Values = NDArray[np.float64]
Interval = tuple[float, float]

_FAR = 64
"""Samples within which centres of outputs at the ends are sought; or three strides, if more."""

_SURELY = 1 / 16
"""Of the largest tap: weights of a sample that least squares would tell from none."""


def read_ends(
    lines: Lines,
    guess: Guess,
    found: Filter,
    a: AxisPlan,
    nice: Sequence[float],
    *,
    boundary: str,
    apart: bool = False,
) -> Rows:
    """For each output the first centre and rule that explain its answers.

    Of the rules, first the ``boundary``, then one that explains all outputs at both ends, then one
    for each end; the filter may be any that explains the inner outputs, too. All outputs have to
    agree on what is added to their sums, one of the ``nice`` if it can be. If something is added at
    the ends alone, ``apart`` leaves open what.
    """
    ends = _Ends(lines, guess, found, a, nice, boundary, apart)
    low, high = ends.unknown()
    if not (ends.follow_the_expected([*low, *high]) or ends.follow_one_rule([*low, *high])):
        for outputs in (low, high):
            if not ends.follow_one_rule(outputs):
                ends.read_each(outputs)
    return ends.rows()


class _Ends:
    def __init__(
        self, lines: Lines, guess: Guess, found: Filter, a: AxisPlan, nice: Sequence[float],
        boundary: str, apart: bool,
    ) -> None:  # fmt: skip
        self.found = found
        self._lines, self._plan, self._nice, self._apart = lines, a, nice, apart
        self._n, self._guessed = lines.x.shape[1], guess.matrix
        self._unread = 0, 0
        self._rules = (boundary, *(rule for rule in RULES if rule != boundary))
        self._centres = _continued(guess, lines.y.shape[1])
        self._known = {i: (float(guess.centres[i]), boundary) for i in guess.inner}
        self._agreed = self._narrowed(self._laid(self._known))

    def rows(self) -> Rows:
        """What is known in the end."""
        low, high = self._agreed
        usual = (self.found.offset, *self._nice)
        offset = next((b for b in usual if low <= b <= high), (low + high) / 2)
        found = replace(self.found, offset=offset)
        return Rows(self._lines, found, self._laid(self._known), self._guessed)

    def unknown(self) -> tuple[list[int], list[int]]:
        """The outputs at either end."""
        outputs = [i for i in range(len(self._centres)) if i not in self._known]
        low = [i for i in outputs if self._centres[i] < self._n / 2]
        return low, [i for i in outputs if i not in low]

    def follow_the_expected(self, outputs: Sequence[int]) -> bool:
        """Return True if the expected rule explains all, or would if samples at the ends were none.

        Only of samples that the rule would have read by weights that no guess overlooks.
        """
        way = {i: (float(self._centres[i]), self._rules[0]) for i in outputs}
        if self._takes(way, self.found.offset):
            return True
        wanted = np.abs(self._laid(way).matrix(self.found)).max(axis=0, initial=0.0)
        read = np.flatnonzero(self._guessed.any(axis=0))
        before, behind = int(read[0]), self._n - 1 - int(read[-1])
        for first, last in itertools.product(range(before + 1), range(behind + 1)):
            lost = np.concatenate([wanted[:first], wanted[self._n - last :]])
            if lost.max(initial=0.0) <= _SURELY * np.abs(self.found.taps).max():
                continue
            self._unread = first, last
            if self._takes(way, self.found.offset):
                return True
        self._unread = 0, 0
        return False

    def follow_one_rule(self, outputs: Sequence[int]) -> bool:
        """Whether one rule explains all of them, if need be with another filter."""
        ways = [{i: (float(self._centres[i]), rule) for i in outputs} for rule in self._rules]
        first, others = ways[0], ways[1:]
        return (
            self._takes(first, self.found.offset)
            or self._refits(first)
            or any(self._takes(way, self.found.offset) for way in others)
            or any(self._refits(way) for way in others)
            or any(self._takes(way) for way in ways)
        )

    def read_each(self, outputs: Sequence[int]) -> None:
        """Each for itself: where it may lie, and by which rule."""
        for i in outputs:
            options = _centres(float(self._centres[i]), self._plan, i, self._n)
            any(self._takes({i: place}) for place in itertools.product(options, self._rules))

    def _takes(self, more: dict[int, tuple[float, str]], offset: float | None = None) -> bool:
        """Whether the filter explains more outputs like that; from then on they are known."""
        low, high = self._agreed
        for i, place in more.items():
            ends = self._narrowed(self._laid({i: place}))
            if not self._apart:
                low, high = max(low, ends[0]), min(high, ends[1])
            elif not ends[0] <= ends[1]:
                return False
        if not low <= (low if offset is None else offset) <= high:
            return False
        self._known |= more
        self._agreed = low, high
        return True

    def _refits(self, more: dict[int, tuple[float, str]]) -> bool:
        """Whether a filter that differs by its parameters alone explains these outputs, too."""
        if self._apart or not len(self.found.parameters):
            return False
        laid = self._laid(self._known | more)
        filters = fit_filters(Evidence([self._lines], [laid]), [self.found], self._nice)
        if not filters:
            return False
        self.found = filters[0]
        self._known |= more
        self._agreed = self._narrowed(laid)
        return True

    def _laid(self, known: dict[int, tuple[float, str]]) -> Laid:
        outputs = sorted(known)
        centres, rules = [known[i][0] for i in outputs], [known[i][1] for i in outputs]
        return Laid(self._n, outputs, centres, rules, self._unread)

    def _narrowed(self, laid: Laid) -> Interval:
        """What may be added to the sums of these outputs."""
        return Evidence([self._lines], [laid]).offsets([self.found])


def _continued(guess: Guess, outputs: int) -> Values:
    """The centres of the inner outputs, and beyond them as these go on."""
    inner = np.array(guess.inner)
    known = guess.centres[inner]
    step = float((known[-1] - known[0]) / (inner[-1] - inner[0]))
    centres = np.interp(np.arange(outputs), inner, known)
    for k, beyond in ((0, np.arange(outputs) < inner[0]), (-1, np.arange(outputs) > inner[-1])):
        centres[beyond] = known[k] + step * (np.arange(outputs)[beyond] - inner[k])
    # Whole or half, as those seen.
    return np.asarray(np.round(centres - known[0] % 1) + known[0] % 1, np.float64)


def _centres(centre: float, a: AxisPlan, output: int, n: int) -> Iterator[float]:
    """The likely one, the expected one, and others not too far away, the nearest first."""
    part, far = centre % 1, max(3 * a.stride, _FAR)
    yield float(centre)
    if output < a.out_length:
        yield float(a.centres[output] + part)
    others = (c + part for c in range(n) if abs(c + part - centre) <= far)
    yield from sorted(others, key=lambda c: abs(c - centre))
