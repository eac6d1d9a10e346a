"""From answers to impulses along one axis: centres and taps."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .accuracy import Accuracy

__all__ = ["Rows", "answers_everywhere", "read_rows", "read_step", "same_taps", "without_noise"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """What the outputs along one axis read, as far as neither end has a part in it.

    Attributes
    ----------
    matrix : ndarray of shape (outputs, inputs)
        The weight that each output gives each input; inner rows sum to 1.
    inner : tuple of int
        The outputs whose footprints reach neither end.
    centres : ndarray of shape (len(inner),)
        Where these lie: halves where a filter has an even number of taps.
    taps : ndarray
        Of the output in the middle, normalised.
    first : float
        The place of the first tap, counted from the centre.
    total : float
        What the taps sum to, before they were normalised.
    varies : float
        The largest difference between these and another inner output's.
    """

    matrix: Values
    inner: tuple[int, ...]
    centres: Values
    taps: Values
    first: float
    total: float
    varies: float

    @property
    def places(self) -> Values:
        """Of the taps, counted from the centre."""
        return self.first + np.arange(len(self.taps), dtype=np.float64)

    @property
    def deviation(self) -> float:
        """The standard deviation of the taps about their mean."""
        mean = float(self.taps @ self.places)
        return math.sqrt(max(float(self.taps @ (self.places - mean) ** 2), 0.0))

    def mean(self, k: int) -> float:
        """The mean place of what the ``k``-th inner output reads."""
        row = self.matrix[self.inner[k]]
        return float(row @ np.arange(len(row)) / row.sum())


def answers_everywhere(matrix: Values) -> bool:
    """Whether an output in the middle answers to more than three quarters of all inputs.

    Axes are so long that even a filter twice as wide as it should be does not.
    """
    return bool(np.count_nonzero(matrix[len(matrix) // 2]) > 0.75 * matrix.shape[1])


def without_noise(matrix: Values, accuracy: Accuracy) -> Values:
    """The matrix with zeros for what a transform's rounding may have left.

    Only if it is one that answers everywhere, or known to be noisy. Otherwise sums were formed term
    by term, and a small number is a small tap.
    """
    limit = accuracy.floor
    if answers_everywhere(matrix):
        limit = max(limit, accuracy.noise(matrix.size))
    if not limit:
        return matrix
    limit *= float(np.abs(matrix).max())
    cleaned: Values = np.where(np.abs(matrix) > limit, matrix, 0.0)
    return cleaned


def read_rows(matrix: Values, accuracy: Accuracy) -> Rows | None:
    """What the inner outputs do; None if there are fewer than two.

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
    return Rows(
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
    """The first and the last sample that might be read: of some alone, those at hand."""
    if read_step(matrix) == 1:
        return 0, matrix.shape[1] - 1
    return _span(np.abs(matrix).max(axis=0))


def same_taps(taps: Values, accuracy: Accuracy) -> float:
    """The most by which taps of two outputs may differ: each is off relatively."""
    size = np.abs(taps[taps != 0])
    spread = float(np.log(size.max() / size.min()))
    return 2 * accuracy.ratio(spread) * float(size.max())


def _span(row: Values) -> tuple[int, int]:
    (found,) = np.nonzero(row)
    return int(found[0]), int(found[-1])
