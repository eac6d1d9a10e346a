"""Where outputs lie and roughly what they read: a guess by least squares, proven later or not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .least_squares import LeastSquares
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
    """Guess by least squares or, where there are too few random lines for that, by edges."""
    matrix, centres = _by_edges(lines) if lines.edges else _by_weights(lines)
    quarter = (lines.x.shape[1] - 1) / 4
    clear = ~(matrix[:, [0, -1]] != 0).any(1)  # of both ends: others may read beyond them
    inner = [i for i, c in enumerate(centres) if clear[i] and quarter <= c <= 3 * quarter]
    if lines.edges:
        centres = _evenly(centres, inner)
    return Guess(matrix, np.round(2 * centres) / 2, inner)


def _by_weights(lines: Lines) -> tuple[Values, Values]:
    """Least squares for each output; roundings are errors of variance 1/12, if that is all."""
    n, outputs = lines.x.shape[1], lines.y.shape[1]
    matrix = np.zeros((outputs, n))
    fits: dict[bytes, LeastSquares] = {}  # most outputs have no answers that may be cut off
    for i in range(outputs):
        y = lines.y[:, i]
        kept = (y > 0) & (y < lines.full)
        if kept.sum() <= n + 1:
            continue
        key = kept.tobytes()
        if key not in fits:
            fits = {key: LeastSquares(lines.x[kept])}
        found, _, rest = fits[key].fit(y[kept])
        variance = max(1 / 12, float(np.mean(rest**2)))
        deviation = np.sqrt(fits[key].variances * variance)
        matrix[i] = np.where(np.abs(found) > _SURE * deviation, found, 0.0)
    return matrix, _means(matrix)


def _means(matrix: Values) -> Values:
    with np.errstate(all="ignore"):
        return np.asarray(matrix @ np.arange(matrix.shape[1]) / matrix.sum(1), np.float64)


def _by_edges(lines: Lines) -> tuple[Values, Values]:
    """From one edge to the next, by how much answers differ; each weight, where these are few.

    Means are those of all differences, be these small: beyond a footprint there are none.
    """
    edges, count = np.array(lines.edges), len(lines.edges)
    random = slice(0, len(lines.x) - count)
    height = float(lines.x.max(1)[random.stop] - lines.x.min(1)[-1])
    blocks = (lines.y[random.stop : -1] - lines.y[random.stop + 1 :]) / height
    matrix = np.zeros((lines.y.shape[1], lines.x.shape[1]))
    lengths = np.diff(edges)
    with np.errstate(all="ignore"):
        centres = np.asarray((edges[:-1] + (lengths - 1) / 2) @ blocks / blocks.sum(0), np.float64)
    for i, weights in enumerate(blocks.T):
        (seen,) = np.nonzero(np.abs(weights) * height > 1.0)  # which two roundings may make
        if not seen.size:
            continue
        ends = edges[max(seen[0] - 1, 0)], edges[min(seen[-1] + 2, count - 1)]
        inside = slice(int(ends[0]), int(ends[1]))
        kept = (lines.y[random, i] > 0) & (lines.y[random, i] < lines.full)
        if kept.sum() > 2 * (inside.stop - inside.start):
            fit = LeastSquares(lines.x[random, inside][kept])
            found, _, rest = fit.fit(lines.y[random, i][kept])
            deviation = np.sqrt(fit.variances * max(1 / 12, float(np.mean(rest**2))))
            matrix[i, inside] = np.where(np.abs(found) > _SURE * deviation, found, 0.0)
            centres[i] = _means(matrix[i : i + 1])[0]
        else:
            weights[: seen[0]] = weights[seen[-1] + 1 :] = 0.0
            matrix[i, : edges[-1]] = np.repeat(weights / lengths, lengths)
    return matrix, centres


def _evenly(centres: Values, inner: list[int]) -> Values:
    """The same centres, more exactly, if they are evenly spaced by halves of a sample."""
    if len(inner) < 3:
        return centres
    places = np.array(inner)
    step = np.round(2 * np.polyfit(places, centres[inner], 1)[0]) / 2
    even = np.arange(len(centres)) * step
    even += float(np.mean(centres[inner] - even[inner]))
    near = np.abs(centres - even) < 0.5
    return np.where(near, even, centres) if near[inner].all() else centres
