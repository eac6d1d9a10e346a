"""Estimates what outputs along one axis do, from the matrix of their answers.

In turn: a rule for all centres; the rule beyond each end; what runs backwards. A study of an axis
has all that is known of it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from ..convention_parts import RULES, bordered_row
from ..findings import counted
from .blackbox import AxisFault, unexplained
from .impulse_response import ImpulseRows, read_rows, same_taps
from .tap_models import Accuracy, SigmaInterval, centre_of

__all__ = [
    "AxisReading", "AxisStudy", "CentreGrid", "EndRule", "UnreadEnds", "expected_centres",
    "read_axis", "read_ends", "read_unread",
]  # fmt: skip

Values = NDArray[np.float64]


@dataclass(frozen=True)
class CentreGrid:
    """Holds the centres of all outputs, recovered."""

    centres: Values  # one for each output; those at the ends continue the inner ones
    spacing: float | None  # their distance, if it is the same everywhere
    # what all lie beyond the expected centres, if it is the same for all that are seen and the
    # distance is right
    phase: float | None


def expected_centres(a: AxisPlan, outputs: int) -> Values:
    """Return the centres of the plan, continued by its last distance if there are more outputs."""
    centres = a.centres.astype(np.float64)
    step = float(a.spacing or centres[-1] - centres[-2] if len(centres) > 1 else a.stride)
    beyond = centres[-1] + step * np.arange(1, max(outputs - len(centres), 0) + 1)
    return np.concatenate([centres, beyond])[:outputs]


def _read_centres(rows: ImpulseRows, a: AxisPlan) -> CentreGrid:
    """Read the centres of all outputs from those of the inner ones."""
    inner, outputs = np.array(rows.inner), len(rows.matrix)
    wanted = expected_centres(a, outputs)
    steps = np.diff(rows.centres) / np.diff(inner)
    spacing = float(steps[0]) if np.all(steps == steps[0]) else None
    ahead = rows.centres - wanted[inner]
    phase = float(ahead[0]) if np.all(ahead == ahead[0]) else None
    if phase is not None:
        centres = wanted + phase
    elif spacing is not None:
        centres = rows.centres[0] + spacing * (np.arange(outputs) - inner[0])
    else:
        centres = np.interp(np.arange(outputs), inner, rows.centres)
        mean = float(steps.mean())
        before, after = np.arange(outputs) < inner[0], np.arange(outputs) > inner[-1]
        centres[before] = rows.centres[0] + mean * (np.arange(outputs)[before] - inner[0])
        centres[after] = rows.centres[-1] + mean * (np.arange(outputs)[after] - inner[-1])
    return CentreGrid(centres, spacing, phase)


@dataclass(frozen=True)
class EndRule:
    """Says what the outputs at one end do."""

    rules: tuple[str, ...]  # those of `RULES` that all of them follow; empty if none does
    # outputs that follow the expected rule from another centre, and that centre
    moved: tuple[tuple[int, int], ...]
    reaching: int  # how many have a footprint that reaches beyond this end

    def joined(self, other: "EndRule") -> "EndRule":
        """Return what outputs of two lengths both do; those that are moved are the first one's."""
        rules = tuple(rule for rule in self.rules if rule in other.rules)
        return EndRule(rules, self.moved, self.reaching + other.reaching)


def _read_borders(
    rows: ImpulseRows, centres: Values, expected: str, accuracy: Accuracy
) -> tuple[EndRule, EndRule]:
    """Read the first end and the last; ``centres`` has one for every output."""
    n = rows.matrix.shape[1]
    outer = [i for i in range(len(rows.matrix)) if i not in rows.inner]
    low = [i for i in outer if centres[i] < (n - 1) / 2]
    high = [i for i in outer if centres[i] >= (n - 1) / 2]
    return (
        _read_end(rows, centres, low, expected, accuracy),
        _read_end(rows, centres, high, expected, accuracy),
    )


def _read_end(
    rows: ImpulseRows, centres: Values, outputs: list[int], expected: str, accuracy: Accuracy
) -> EndRule:
    n, moved, left, reaching = rows.matrix.shape[1], [], set(RULES), 0
    for i in outputs:
        centre = centres[i]
        fits = {rule for rule in RULES if _fits(rows, i, centre, rule, accuracy)}
        others = [] if fits else [c for c in range(n) if _fits(rows, i, c, expected, accuracy)]
        if others:
            centre = min(others, key=lambda c: abs(c - centres[i]))
            moved.append((i, centre))
        else:
            left &= fits
        reaching += int(centre + rows.first < 0 or centre + rows.offsets[-1] > n - 1)
    return EndRule(tuple(r for r in RULES if r in left), tuple(moved), reaching)


def _fits(rows: ImpulseRows, i: int, centre: float, rule: str, accuracy: Accuracy) -> bool:
    """Tell whether an output follows a rule; sums of taps are off by the error of one, at most."""
    n = rows.matrix.shape[1]
    wanted = bordered_row(centre, rows.offsets, rows.taps, n, rule)
    size = bordered_row(centre, rows.offsets, np.abs(rows.taps), n, rule)
    spread = np.log(np.abs(rows.taps).max() / np.abs(rows.taps[rows.taps != 0]).min())
    limit = 2 * accuracy.ratio(float(spread)) * np.abs(size)
    return bool(np.all(np.abs(rows.matrix[i] - wanted) <= limit))


_TURNS: dict[str, tuple[slice, slice]] = {
    "": (slice(None), slice(None)),
    "output": (slice(None, None, -1), slice(None)),
    "input": (slice(None), slice(None, None, -1)),
}
"""What runs backwards, and how a matrix is turned to make up for it."""


@dataclass(frozen=True)
class AxisReading:
    """Says what outputs do along one axis of one length."""

    plan: AxisPlan  # what is expected, for that length
    rows: ImpulseRows  # in ascending order of centres
    grid: CentreGrid
    # what runs backwards: ``"input"``, ``"output"`` or nothing. Rows are read the other way.
    backwards: str
    steady: bool  # whether all outputs clear of the ends have the same taps

    @property
    def observed(self) -> Values:
        """Return what outputs read, as they come: not turned."""
        turned: Values = self.rows.matrix[_TURNS[self.backwards]]
        return turned

    @property
    def is_even(self) -> bool:
        """Tell whether outputs have the same taps, at centres that follow a rule.

        They are evenly spaced, or the expected ones, if shifted.
        """
        ruled = self.grid.phase is not None or self.grid.spacing is not None
        return ruled and self.steady

    @property
    def shift(self) -> float:
        """Return the shift against the plan; of the first output, if others are off otherwise."""
        phase = self.grid.phase
        return float(self.grid.centres[0]) if phase is None else phase

    def centres_at(self, a: AxisPlan, outputs: int) -> Values:
        """Return the centres that outputs of another length have, if they go on as these do."""
        grid = self.grid
        if grid.phase is not None:
            return expected_centres(a, outputs) + grid.phase
        steps = np.arange(outputs, dtype=np.float64)
        centres: Values = grid.centres[0] + (grid.spacing or 0.0) * steps
        return centres

    def overhang(self, a: AxisPlan, outputs: int) -> float:
        """Return by how much the last of these footprints then reaches beyond the last input."""
        last = float(self.centres_at(a, outputs)[-1])
        return last + float(self.rows.offsets[-1]) - float(a.length - 1)


def read_axis(
    matrix: Values, a: AxisPlan, accuracy: Accuracy, backwards: str | None = None
) -> AxisReading | None:
    """Read the rows as they were meant to be; None where no output is clear of the ends.

    What runs ``backwards`` is found out if it is not known.
    """
    words = [backwards] if backwards is not None else _directions(matrix, accuracy)
    found = [
        r for r in (_read_turned(matrix, a, accuracy, word) for word in words) if r is not None
    ]
    # Which of the two runs backwards shows in the shift that is left, unless both leave the same.
    return min(found, key=lambda reading: abs(reading.shift), default=None)


def _read_turned(
    matrix: Values, a: AxisPlan, accuracy: Accuracy, backwards: str
) -> AxisReading | None:
    rows = read_rows(matrix[_TURNS[backwards]], accuracy)
    if rows is None:
        return None
    rows = _about_their_centres(_on_their_grid(rows, accuracy), accuracy)
    steady = rows.varies <= same_taps(rows.taps, accuracy)
    return AxisReading(a, rows, _read_centres(rows, a), backwards, steady)


def _directions(matrix: Values, accuracy: Accuracy) -> Sequence[str]:
    rows = read_rows(matrix, accuracy)
    if rows is None:
        return []
    rows = _on_their_grid(rows, accuracy)
    return ["output", "input"] if np.all(np.diff(rows.centres) < 0) else [""]


def _on_their_grid(rows: ImpulseRows, accuracy: Accuracy) -> ImpulseRows:
    """Leave out inner outputs whose whole footprint lies beyond an end.

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
    ends = _read_borders(kept, grid, RULES[0], accuracy)
    return kept if all(end.rules and not end.moved for end in ends) else rows


def _longest_run(steps: Values) -> tuple[int, int]:
    """Find from where to where steps stay the same the longest; the first of equals."""
    (changes,) = np.nonzero(np.diff(steps))
    bounds = [0, *(changes + 1).tolist(), len(steps)]
    return max(itertools.pairwise(bounds), key=lambda run: run[1] - run[0])


def _about_their_centres(rows: ImpulseRows, accuracy: Accuracy) -> ImpulseRows:
    """Count offsets from a Gaussian's own centre, where the mean of the taps is another.

    That is so where a tap is missing on one side.
    """
    off = centre_of(rows.taps, rows.offsets, accuracy)
    if not off:
        return rows
    return replace(rows, centres=rows.centres + off, first=rows.first - off)


def read_ends(reading: AxisReading, accuracy: Accuracy) -> tuple[EndRule, EndRule]:
    """Find the rules that outputs follow at either end."""
    return _read_borders(reading.rows, reading.grid.centres, reading.plan.boundary, accuracy)


class UnreadEnds(NamedTuple):
    """Says how many samples are not read at each end, and which rules outputs follow without."""

    # at least one of them is not 0
    first: int
    last: int
    ends: tuple[EndRule, EndRule]  # as if the samples that are read were all
    length: int  # of the axis

    def words(self, where: str) -> str:
        """Say what is not read at the ``"first"`` or ``"last"`` end; empty if all is."""
        count = self.first if where == "first" else self.last
        if not count:
            return ""
        if count == 1:
            return f"the {where} sample is not read"
        return f"the {where} {counted(count, 'sample')} are not read"


def read_unread(reading: AxisReading, accuracy: Accuracy) -> UnreadEnds | None:
    """Find samples at the ends that are left out; None if the rest follows no known rule either."""
    rows, a, n = reading.rows, reading.plan, reading.plan.length
    wanted = np.zeros(n, bool)
    for centre in reading.grid.centres.tolist():
        wanted |= bordered_row(centre, rows.offsets, rows.taps, n, a.boundary) != 0
    missed = wanted & ~rows.matrix.any(axis=0)
    first, last = _leading(missed.tolist()), _leading(missed[::-1].tolist())
    if not first + last or first + last >= n:
        return None
    kept = replace(rows, matrix=rows.matrix[:, first : n - last])
    ends = _read_borders(kept, reading.grid.centres - first, a.boundary, accuracy)
    if (first and not ends[0].rules) or (last and not ends[1].rules):
        return None
    return UnreadEnds(first, last, ends, n)


def _leading(flags: list[bool]) -> int:
    return flags.index(False) if False in flags else len(flags)


@dataclass
class AxisStudy:
    """Holds all that is known of one axis."""

    # at a length at which inputs and outputs stand in the scale's ratio, where there is one
    first: AxisReading
    # at a length just short of such a one, the same for all axes that should be alike
    other: AxisReading | None
    reading: AxisReading  # the one of the two that faults are told of
    width: SigmaInterval  # the sigmas of its taps
    by_length: str = ""  # how centres depend on the length of the axis; empty if they do not
    # all that answers show, with what follows from something else
    faults: list[AxisFault] = field(default_factory=list)
    recovered: dict[str, Any] = field(default_factory=dict)  # parameters by name

    @property
    def plan(self) -> AxisPlan:
        """Return what is expected, for the first length."""
        return self.first.plan

    @property
    def rows(self) -> ImpulseRows:
        """Return the rows of the first length."""
        return self.first.rows

    @property
    def grid(self) -> CentreGrid:
        """Return the grid of the first length."""
        return self.first.grid

    @property
    def observed(self) -> Values:
        """Return what outputs read of the first length, as they come. Inner rows sum to 1."""
        return self.first.observed

    @property
    def readings(self) -> list[AxisReading]:
        """Return the readings of all lengths."""
        return [self.first, *([] if self.other is None else [self.other])]

    @property
    def has_filter(self) -> bool:
        """Tell whether any output clear of the ends reads more than one sample.

        One in the middle may not, where outputs lie between samples and on them in turn.
        """
        matrix = self.rows.matrix[list(self.rows.inner)]
        return bool(np.any(np.count_nonzero(matrix, axis=1) > 1))

    @property
    def is_doubtful(self) -> bool:
        """Tell whether every length shows a rule for centres, but each another one.

        That may be so; or outputs are shifted by so much, and reflected, that most of those that
        seem to be clear of the ends are not, as they would be on longer axes.
        """
        return bool(self.by_length) and all(reading.is_even for reading in self.readings)

    @property
    def shift_codes(self) -> tuple[str, ...]:
        """Return the code of a shift of all outputs, unless they are shifted by the length, too."""
        return () if self.by_length else ("phase",)

    def blames(self, *codes: str) -> bool:
        """Tell whether answers show a fault of one of these codes, which nothing else explains."""
        return any(fault.code in codes for fault in unexplained(self.faults))

    def follows(self, other: "AxisStudy") -> bool:
        """Tell whether the filter is the one that another axis should have."""
        return self.has_filter and self.width.holds(float(other.plan.sigma))
