"""All outputs of an axis: the inner filter, and the rule that continues it to the ends."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....plans import AxisPlan
from ...edges import RULES, bordered_row
from .guess import Guess
from .lines import Lines
from .taps import Filter

__all__ = ["Rows", "read_ends"]

Values = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Rows:
    """What every output reads.

    Attributes
    ----------
    matrix : ndarray of shape (outputs, inputs)
        In units of the gain.
    explained : ndarray of bool, of shape (outputs,)
        The outputs all whose answers follow from it; the others' weights are guesses.
    offset : float
        What is added to all sums.
    """

    matrix: Values
    explained: NDArray[np.bool_]
    offset: float


def read_ends(
    lines: Lines,
    guess: Guess,
    found: Filter,
    a: AxisPlan,
    others: Sequence[float],
    *,
    apart: bool = False,
) -> Rows:
    """For each output the first centre and rule that explain its answers.

    Of the rules, first the expected one, then one that explains all outputs at that end. All
    outputs have to agree on what is added to their sums: that of the filter, or one of the
    ``others``. If something is added at the ends alone, ``apart`` leaves open what.
    """
    n, outputs = lines.x.shape[1], lines.y.shape[1]
    centres = _continued(guess, outputs)
    rules = [a.boundary, *(r for r in RULES if r != a.boundary)]
    matrix, explained = np.zeros((outputs, n)), np.zeros(outputs, bool)
    agreed = (-math.inf, math.inf)  # what may be added to sums

    def row(centre: float, rule: str) -> Values:
        return bordered_row(centre, found.places, found.taps, n, rule)

    def with_row(agreed: Interval, weights: Values, i: int) -> Interval:
        low, high = lines.offsets(weights, i, found.gain)
        if apart and i not in guess.inner:
            return agreed if low <= high else (math.inf, -math.inf)
        return max(low, agreed[0]), min(high, agreed[1])

    def settle(i: int, options: Iterator[tuple[float, str]]) -> None:
        nonlocal agreed
        for centre, rule in options:
            weights = row(centre, rule)
            narrowed = with_row(agreed, weights, i)
            if narrowed[0] <= narrowed[1]:
                matrix[i], explained[i], agreed = weights, True, narrowed
                return
        matrix[i] = guess.matrix[i] / found.gain

    low = [int(i) for i in np.flatnonzero(centres < n / 2) if i not in guess.inner]
    high = [i for i in range(outputs) if i not in guess.inner and i not in low]
    for i in guess.inner:
        settle(i, iter([(guess.centres[i], a.boundary)]))
    for end in (low, high):
        shared = []
        for rule in rules:
            narrowed = agreed
            for i in end:
                narrowed = with_row(narrowed, row(centres[i], rule), i)
            if narrowed[0] <= narrowed[1]:
                shared = [rule]
                break
        for i in end:
            places = [float(centres[i])] if shared else _centres(centres[i], a, i, n)
            settle(i, ((c, r) for c in places for r in shared or rules))
    usual = (found.offset, *others)
    offset = next((b for b in usual if agreed[0] <= b <= agreed[1]), sum(agreed) / 2)
    return Rows(matrix, explained, offset)


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
    """The likely one, the expected one, and all others, the nearest first."""
    part = centre % 1
    yield float(centre)
    if output < a.out_length:
        yield float(a.centres[output] + part)
    yield from sorted((c + part for c in range(n)), key=lambda c: abs(c - centre))
