"""Asks with impulses: the matrix that takes samples of an axis to outputs, and its inner rows."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from ..probes.lengths import Reach
from .blackbox import BlackBox, central_sample, lengths_for
from .tap_models import Accuracy

__all__ = [
    "ImpulseResponse", "ImpulseRows", "OtherLengths", "Where", "ask_axes", "ask_axis", "read_rows",
    "read_step", "same_taps",
]  # fmt: skip

Values = NDArray[np.float64]

Where = Literal["middle", "start", "everywhere"]
"""Where impulses lie along the other axes: in the middle, where an output should be centred; at
the start, where even an implementation of a large stride should have an output; or everywhere, as
lines, which every output sees that is on its way."""

_MOST = 1 << 24
"""Samples asked for one axis, all impulses together. More, only as long as axes are not longer than
four times what filters need."""


@dataclass(frozen=True)
class ImpulseResponse:
    """Holds the answers along one axis to impulses along it."""

    # (outputs, inputs): on the line where they are largest. What the other axes do is a common
    # factor.
    matrix: Values
    lengths: tuple[int, ...]  # of the planes asked
    # where the impulses lie along the other axes, and where the line lies in the answers; this
    # axis' entry is 0
    at: tuple[int, ...]
    line: tuple[int, ...]
    where: Where


def ask_axes(
    subject: BlackBox,
    reach: Sequence[Reach],
    accuracy: Accuracy,
    amplitude: float,
    times: int,
    where: Where,
) -> list[ImpulseResponse | None]:
    """Ask for the answers of every axis, None where nothing comes back."""
    full = subject.accepts.nearest(lengths_for(reach, times))
    return [
        ask_axis(subject, reach, full, k, accuracy, amplitude, times, where)
        for k in range(len(full))
    ]


def ask_axis(
    subject: BlackBox,
    reach: Sequence[Reach],
    full: tuple[int, ...],
    axis: int,
    accuracy: Accuracy,
    amplitude: float,
    times: int,
    where: Where,
) -> ImpulseResponse | None:
    """Ask for the answers of one axis in planes of these lengths; None if nothing comes back."""
    lengths = full
    if math.prod(full) * full[axis] > _MOST:  # the other axes then play as small a part as can be
        lengths = subject.accepts.nearest(
            tuple(
                n if k == axis else max(a.least, a.step + 1)
                for k, (n, a) in enumerate(zip(full, reach, strict=True))
            )
        )
        if times > 4 and math.prod(lengths) * full[axis] > _MOST:
            return None
    central = central_sample(lengths, reach)
    at = tuple(p if where == "middle" and k != axis else 0 for k, p in enumerate(central))

    def lines() -> Iterator[Values]:
        for r in range(lengths[axis]):
            x = np.zeros(lengths)
            line = tuple(slice(None) if where == "everywhere" else p for p in at)
            x[(*line[:axis], r, *line[axis + 1 :])] = amplitude
            yield x

    nothing = subject.plane(np.zeros(lengths))
    answers = list(subject.planes(lines()))
    shapes = {y.shape for y in answers if y is not None}
    if nothing is None or not nothing.size:
        return None
    if any(y is None for y in answers) or shapes != {nothing.shape}:
        return None
    y = (np.stack([y for y in answers if y is not None]) - nothing) / amplitude
    y = np.nan_to_num(np.moveaxis(y, axis + 1, 1), nan=0.0, posinf=0.0, neginf=0.0)
    y[np.abs(y) <= accuracy.steps * np.abs(nothing).max() / amplitude] = 0.0  # rounding of sums
    strength = np.abs(y).sum((0, 1))
    if not strength.any():
        return None
    line = tuple(int(v) for v in np.unravel_index(int(strength.argmax()), strength.shape))
    matrix = y.reshape(*y.shape[:2], -1)[..., int(strength.argmax())].T
    if times == 1 and not accuracy.floor and _answers_everywhere(matrix):
        return None  # longer axes tell a wide filter from a transform's rounding
    return ImpulseResponse(
        _without_noise(matrix, accuracy), lengths, at, (*line[:axis], 0, *line[axis:]), where
    )


@dataclass(frozen=True)
class OtherLengths:
    """Asks about one axis, in planes that along the others are those of the first answer."""

    subject: BlackBox
    reach: list[Reach]  # of all axes
    axis: int
    plan_for: Callable[[int], AxisPlan]  # from a length of this axis to its plan
    times: int  # how many times as long as they might be axes are
    lengths: tuple[int, ...]  # of the planes of the first answer
    # from the lengths of planes to the weights that outputs give to inputs along this axis, or None
    # if no answer comes
    ask: Callable[[tuple[int, ...]], Values | None]

    @property
    def whole(self) -> int:
        """Return a length at which inputs and outputs stand in the scale's ratio, if there is one.

        It is the same for all axes that should be alike, so that what is said of them is, too.
        """
        return lengths_for([self.reach[self.axis]], self.times)[0]

    @property
    def start(self) -> int:
        """Return a length just short of the next such one, the same for all axes of one kind."""
        return self.whole + self.reach[self.axis].uneven

    def matrix(self, length: int) -> Values | None:
        """Return the weights that outputs give to so many inputs; None if no answer comes."""
        return self.ask(self._lengths(length))

    def outputs(self, length: int) -> int | None:
        """Return how many outputs there are; None if no answer comes."""
        y = self.subject.plane(np.zeros(self._lengths(length)))
        return None if y is None else y.shape[self.axis]

    def _lengths(self, length: int) -> tuple[int, ...]:
        return (*self.lengths[: self.axis], length, *self.lengths[self.axis + 1 :])


@dataclass(frozen=True)
class ImpulseRows:
    """Holds what the outputs along one axis read, as far as neither end has a part in it."""

    # (outputs, inputs): the weight that each output gives each input; inner rows sum to 1
    matrix: Values
    inner: tuple[int, ...]  # the outputs whose footprints reach neither end
    # (len(inner),): where these lie: halves where a filter has an even number of taps
    centres: Values
    taps: Values  # of the output in the middle, normalised
    first: float  # the place of the first tap, counted from the centre
    total: float  # what the taps sum to, before they were normalised
    varies: float  # the largest difference between these and another inner output's

    @property
    def offsets(self) -> Values:
        """Return where the taps lie, counted from the centre."""
        return self.first + np.arange(len(self.taps), dtype=np.float64)

    @property
    def deviation(self) -> float:
        """Return the standard deviation of the taps about their mean."""
        mean = float(self.taps @ self.offsets)
        return math.sqrt(max(float(self.taps @ (self.offsets - mean) ** 2), 0.0))

    def mean(self, k: int) -> float:
        """Return the mean place of what the ``k``-th inner output reads."""
        row = self.matrix[self.inner[k]]
        return float(row @ np.arange(len(row)) / row.sum())


def _answers_everywhere(matrix: Values) -> bool:
    """Tell whether an output in the middle answers to more than three quarters of all inputs.

    Axes are so long that even a filter twice as wide as it should be does not.
    """
    return bool(np.count_nonzero(matrix[len(matrix) // 2]) > 0.75 * matrix.shape[1])


def _without_noise(matrix: Values, accuracy: Accuracy) -> Values:
    """Return the matrix with zeros for what a transform's rounding may have left.

    Only if it is one that answers everywhere, or known to be noisy. Otherwise sums were formed term
    by term, and a small number is a small tap.
    """
    limit = accuracy.floor
    if _answers_everywhere(matrix):
        limit = max(limit, accuracy.noise(matrix.size))
    if not limit:
        return matrix
    limit *= float(np.abs(matrix).max())
    cleaned: Values = np.where(np.abs(matrix) > limit, matrix, 0.0)
    return cleaned


def read_rows(matrix: Values, accuracy: Accuracy) -> ImpulseRows | None:
    """Read what the inner outputs do; None if there are fewer than two.

    Outputs that read neither the first nor the last sample are inner ones; but if those in the
    middle agree on their taps, then only as far outwards as all do.
    """
    n = matrix.shape[1]
    spans = {i: _span(row) for i, row in enumerate(matrix) if np.any(row)}
    start, stop = _ends_read(matrix)
    inner = [i for i, (lo, hi) in spans.items() if lo > start and hi < stop]
    sums = matrix[inner].sum(1)
    if len(inner) < 2 or np.any(sums == 0):
        return None
    total = float(np.median(sums))
    matrix = matrix / total
    centres = np.round(2 * (matrix[inner] @ np.arange(n)) / matrix[inner].sum(1)) / 2
    wide = n + 1  # every row about its own centre, in halves, so that all can be compared
    aligned = np.zeros((len(inner), 4 * wide + 1))
    for k, i in enumerate(inner):
        lo, hi = spans[i]
        at = np.round(2 * (np.arange(lo, hi + 1) - centres[k])).astype(int) + 2 * wide
        aligned[k, at] = matrix[i, lo : hi + 1]
    middle = len(inner) // 2
    away = np.abs(aligned - aligned[middle]).max(1)
    lo, hi = spans[inner[middle]]
    taps = matrix[inner[middle], lo : hi + 1]
    alike = away <= same_taps(taps, accuracy)
    first, last = 0, len(inner)
    if len(inner) > 3 and alike[len(inner) // 4 : -(len(inner) // 4)].all():
        outside = np.flatnonzero(~alike)
        first = int(max(outside[outside < middle], default=-1)) + 1
        last = int(min(outside[outside > middle], default=len(inner)))
    return ImpulseRows(
        matrix, tuple(inner[first:last]), centres[first:last], taps, float(lo - centres[middle]),
        total, float(away[first:last].max()),
    )  # fmt: skip


def read_step(matrix: Values) -> int:
    """Return the distance of the samples that filters read; 1 where there is no filter."""
    read = np.flatnonzero(matrix.any(axis=0))
    if len(read) < 2 or np.count_nonzero(matrix, axis=1).max() < 2:
        return 1
    return int(np.gcd.reduce(np.diff(read)))


def _ends_read(matrix: Values) -> tuple[int, int]:
    """Return the first and the last sample that might be read: of some alone, those at hand."""
    if read_step(matrix) == 1:
        return 0, matrix.shape[1] - 1
    return _span(np.abs(matrix).max(axis=0))


def same_taps(taps: Values, accuracy: Accuracy) -> float:
    """Return the most by which taps of two outputs may differ: each is off relatively."""
    size = np.abs(taps[taps != 0])
    spread = float(np.log(size.max() / size.min()))
    return 2 * accuracy.ratio(spread) * float(size.max())


def _span(row: Values) -> tuple[int, int]:
    (found,) = np.nonzero(row)
    return int(found[0]), int(found[-1])
