"""Where outputs lie and roughly what they read: a guess by least squares, proven later or not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .lines import Lines

__all__ = ["Guess", "guess_rows"]

Values = NDArray[np.float64]

_SURE = 6.0
"""Standard errors that a weight has to be from zero to have a part in the guess."""


@dataclass(frozen=True)
class Guess:
    """What each output seems to read.

    Attributes
    ----------
    matrix : ndarray of shape (outputs, inputs)
        Weights that are surely not zero; the others are 0.
    centres : ndarray of shape (outputs,)
        Their means, rounded to halves; NaN where there are no weights.
    inner : list of int
        The outputs whose centres lie in the middle half: clear of the ends, even if the filter is
        nearly twice as wide as it should be.
    """

    matrix: Values
    centres: Values
    inner: list[int]


def guess_rows(lines: Lines) -> Guess:
    """Least squares for each output; roundings are errors of variance 1/12, if that is all."""
    n, outputs = lines.x.shape[1], lines.y.shape[1]
    design = np.column_stack([lines.x, np.ones(len(lines.x))])
    matrix = np.zeros((outputs, n))
    for i in range(outputs):
        y = lines.y[:, i]
        kept = (y > 0) & (y < lines.full)
        if kept.sum() <= n + 1:
            continue
        used = design[kept]
        found = np.linalg.lstsq(used, y[kept], rcond=None)[0]
        variance = max(1 / 12, float(np.mean((y[kept] - used @ found) ** 2)))
        deviation = np.sqrt(np.diag(np.linalg.pinv(used.T @ used)) * variance)
        matrix[i] = np.where(np.abs(found) > _SURE * deviation, found, 0.0)[:n]
    sums = matrix.sum(1)
    with np.errstate(all="ignore"):
        centres = np.round(2 * (matrix @ np.arange(n)) / sums) / 2
    quarter = (n - 1) / 4
    clear = ~(matrix[:, [0, -1]] != 0).any(1)  # of both ends: others may read beyond them
    inner = [i for i, c in enumerate(centres) if clear[i] and quarter <= c <= 3 * quarter]
    return Guess(matrix, centres, inner)
