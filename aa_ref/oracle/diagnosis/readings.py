"""The answers along one axis at one length, read: what outputs do, and where they lie."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from ..edges import RULES
from .accuracy import Accuracy
from .borders import read_borders
from .places import Places, expected_centres, read_places
from .rows import Rows, read_rows, same_taps
from .width import centre_of

__all__ = ["Reading", "read_axis"]

Values = NDArray[np.float64]

_TURNS: dict[str, tuple[slice, slice]] = {
    "": (slice(None), slice(None)),
    "output": (slice(None, None, -1), slice(None)),
    "input": (slice(None), slice(None, None, -1)),
}
"""What runs backwards, and how a matrix is turned to make up for it."""


@dataclass(frozen=True)
class Reading:
    """What outputs do along one axis of one length.

    Attributes
    ----------
    plan : AxisPlan
        What is expected, for that length.
    rows : Rows
        In ascending order of centres.
    places : Places
    backwards : str
        What runs backwards: ``"input"``, ``"output"`` or nothing. Rows are read the other way.
    steady : bool
        Whether all outputs clear of the ends have the same taps.
    """

    plan: AxisPlan
    rows: Rows
    places: Places
    backwards: str
    steady: bool

    @property
    def observed(self) -> Values:
        """What outputs read, as they come: not turned."""
        turned: Values = self.rows.matrix[_TURNS[self.backwards]]
        return turned

    @property
    def is_even(self) -> bool:
        """Whether outputs have the same taps, at centres that follow a rule.

        They are evenly spaced, or the expected ones, if shifted.
        """
        ruled = self.places.phase is not None or self.places.spacing is not None
        return ruled and self.steady

    @property
    def shift(self) -> float:
        """Of all outputs against the plan; of the first one, where others are off otherwise."""
        phase = self.places.phase
        return float(self.places.centres[0]) if phase is None else phase

    def centres_at(self, a: AxisPlan, outputs: int) -> Values:
        """The centres that so many outputs of another length have, if they go on as these do."""
        places = self.places
        if places.phase is not None:
            return expected_centres(a, outputs) + places.phase
        steps = np.arange(outputs, dtype=np.float64)
        centres: Values = places.centres[0] + (places.spacing or 0.0) * steps
        return centres

    def overhang(self, a: AxisPlan, outputs: int) -> float:
        """By how much the last of these footprints then reaches beyond the last input."""
        last = float(self.centres_at(a, outputs)[-1])
        return last + float(self.rows.places[-1]) - float(a.length - 1)


def read_axis(
    matrix: Values, a: AxisPlan, accuracy: Accuracy, backwards: str | None = None
) -> Reading | None:
    """The rows as they were meant to be, or None where no output is clear of the ends.

    Parameters
    ----------
    matrix : ndarray of shape (outputs, inputs)
    a : AxisPlan
        For that many inputs.
    accuracy : Accuracy
    backwards : str, optional
        What is known to run backwards; found out if it is not given.
    """
    words = [backwards] if backwards is not None else _directions(matrix, accuracy)
    found = [
        r for r in (_read_turned(matrix, a, accuracy, word) for word in words) if r is not None
    ]
    # Which of the two runs backwards shows in the shift that is left, unless both leave the same.
    return min(found, key=lambda reading: abs(reading.shift), default=None)


def _read_turned(matrix: Values, a: AxisPlan, accuracy: Accuracy, backwards: str) -> Reading | None:
    rows = read_rows(matrix[_TURNS[backwards]], accuracy)
    if rows is None:
        return None
    rows = _about_their_centres(_on_their_grid(rows, accuracy), accuracy)
    steady = rows.varies <= same_taps(rows.taps, accuracy)
    return Reading(a, rows, read_places(rows, a), backwards, steady)


def _directions(matrix: Values, accuracy: Accuracy) -> Sequence[str]:
    rows = read_rows(matrix, accuracy)
    if rows is None:
        return []
    rows = _on_their_grid(rows, accuracy)
    return ["output", "input"] if np.all(np.diff(rows.centres) < 0) else [""]


def _on_their_grid(rows: Rows, accuracy: Accuracy) -> Rows:
    """Without outputs whose whole footprint lies beyond an end.

    Reflected or wrapped, it looks like one that is clear of the ends, but in a place out of line.
    So if the others are evenly spaced, and one rule at each end explains all that are not among
    them, these are no inner ones.
    """
    inner = np.array(rows.inner)
    steps = np.diff(rows.centres) / np.diff(inner)
    if np.all(steps == steps[0]):
        return rows
    start, stop = _longest_run(steps)
    if stop == start:
        return rows
    kept = replace(rows, inner=rows.inner[start : stop + 1], centres=rows.centres[start : stop + 1])
    grid = rows.centres[start] + steps[start] * (np.arange(len(rows.matrix)) - inner[start])
    ends = read_borders(kept, grid, RULES[0], accuracy)
    return kept if all(end.rules and not end.moved for end in ends) else rows


def _longest_run(steps: Values) -> tuple[int, int]:
    """From where to where steps stay the same, for the longest; the first of equals."""
    (changes,) = np.nonzero(np.diff(steps))
    bounds = [0, *(changes + 1).tolist(), len(steps)]
    return max(itertools.pairwise(bounds), key=lambda run: run[1] - run[0])


def _about_their_centres(rows: Rows, accuracy: Accuracy) -> Rows:
    """With places counted from a Gaussian's own centre, where the mean of the taps is another.

    That is so where a tap is missing on one side.
    """
    off = centre_of(rows.taps, rows.places, accuracy)
    if not off:
        return rows
    return replace(rows, centres=rows.centres + off, first=rows.first - off)
