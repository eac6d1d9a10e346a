"""All answers together: those to lines along every axis, and those to whole planes of noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...edges import bordered_row
from .filters import Filter
from .lines import Lines, offsets

__all__ = ["Evidence", "Laid", "Planes", "along"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Laid:
    """Where outputs of an axis lie, and what they do beyond its ends.

    Attributes
    ----------
    n : int
        Inputs.
    outputs : list of int
        Those that are known; ``centres`` and ``rules`` are theirs.
    centres : list of float
    rules : list of str
    """

    n: int
    outputs: list[int]
    centres: list[float]
    rules: list[str]

    def matrix(self, f: Filter) -> Values:
        """What the outputs read, in units of the gain."""
        rows = zip(self.centres, self.rules, strict=True)
        return np.array([bordered_row(c, f.places, f.taps, self.n, rule) for c, rule in rows])

    def clear_of_ends(self, f: Filter) -> "Laid":
        """Return the outputs whose footprint lies within the axis."""
        low, high = -float(f.places[0]), self.n - 1 - float(f.places[-1])
        known = zip(self.outputs, self.centres, self.rules, strict=True)
        kept = [(i, c, rule) for i, c, rule in known if low <= c <= high]
        return Laid(self.n, [i for i, *_ in kept], [c for _, c, _ in kept], [r for *_, r in kept])


class Planes(NamedTuple):
    """Noise in all directions at once, and the answers: both of shape (planes, *lengths)."""

    x: Values
    y: Values


class Evidence:
    """Answers, each the rounding of a sum that is known to within a bound if the filters are.

    Parameters
    ----------
    lines : sequence of Lines
        One for each axis.
    laid : sequence of Laid
        The outputs whose answers count.
    planes : Planes, optional

    Attributes
    ----------
    y : ndarray
        All answers, one after the other.
    uncut : ndarray of bool
        Those that cannot have been cut off.
    half : float
        As of `Lines`.
    """

    def __init__(
        self, lines: Sequence[Lines], laid: Sequence[Laid], planes: Planes | None = None
    ) -> None:
        self._lines, self._laid, self._planes = lines, laid, planes
        answers = [asked.y[:, known.outputs] for asked, known in zip(lines, laid, strict=True)]
        if planes is not None:
            every = range(len(planes.y))
            answers.append(planes.y[np.ix_(every, *(known.outputs for known in laid))])
        self.y = np.concatenate([y.ravel() for y in answers])
        self._full, self.half = lines[0].full, max(asked.half for asked in lines)
        self.uncut = (self.y > 0) & (self.y < self._full)

    def sums(self, filters: Sequence[Filter]) -> Values:
        """Those that were rounded to `y`, but for what is added to all of them."""
        return filters[0].gain * self._apply([
            known.matrix(f) for known, f in zip(self._laid, filters, strict=True)
        ])  # fmt: skip

    def slack(self, filters: Sequence[Filter]) -> Values:
        """What the sums may be off by."""
        matrices = [np.abs(k.matrix(f)) for k, f in zip(self._laid, filters, strict=True)]
        return abs(filters[0].gain) * self._lines[0].relative * self._apply(matrices)

    def offsets(self, filters: Sequence[Filter]) -> tuple[float, float]:
        """What has to be added to all sums so that they explain all answers: from, to.

        No number does if the first is the larger.
        """
        sums, slack = self.sums(filters), self.slack(filters)
        return offsets(sums, slack, self.y, self._full, self.half)

    def _apply(self, matrices: Sequence[Values]) -> Values:
        pairs = zip(self._lines, matrices, strict=True)
        sums = [asked.x @ matrix.T for asked, matrix in pairs]
        if self._planes is not None:
            x = self._planes.x
            for axis, matrix in enumerate(matrices, 1):
                x = along(matrix, x, axis)
            sums.append(x)
        return np.concatenate([s.ravel() for s in sums])


def along(matrix: Values, x: Values, axis: int) -> Values:
    """The matrix times all lines along an axis."""
    return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
