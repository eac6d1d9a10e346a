"""Which rule an implementation follows beyond the ends: that of the four, or another one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..edges import RULES, bordered_row
from .accuracy import Accuracy
from .rows import Rows

__all__ = ["Border", "read_borders"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Border:
    """What the outputs at one end do.

    Attributes
    ----------
    rules : tuple of str
        Those of `RULES` that all of them follow; empty if none does.
    moved : tuple of (int, int)
        Outputs that follow the expected rule from another centre, and that centre.
    reaching : int
        How many have a footprint that reaches beyond this end.
    """

    rules: tuple[str, ...]
    moved: tuple[tuple[int, int], ...]
    reaching: int

    def joined(self, other: "Border") -> "Border":
        """What outputs of both do, of two lengths; those that are moved are the first one's."""
        rules = tuple(rule for rule in self.rules if rule in other.rules)
        return Border(rules, self.moved, self.reaching + other.reaching)


def read_borders(
    rows: Rows, centres: Values, expected: str, accuracy: Accuracy
) -> tuple[Border, Border]:
    """The first end and the last; ``centres`` has one for every output."""
    n = rows.matrix.shape[1]
    outer = [i for i in range(len(rows.matrix)) if i not in rows.inner]
    low = [i for i in outer if centres[i] < (n - 1) / 2]
    high = [i for i in outer if centres[i] >= (n - 1) / 2]
    return (
        _read_end(rows, centres, low, expected, accuracy),
        _read_end(rows, centres, high, expected, accuracy),
    )


def _read_end(
    rows: Rows, centres: Values, outputs: list[int], expected: str, accuracy: Accuracy
) -> Border:
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
        reaching += int(centre + rows.first < 0 or centre + rows.places[-1] > n - 1)
    return Border(tuple(r for r in RULES if r in left), tuple(moved), reaching)


def _fits(rows: Rows, i: int, centre: float, rule: str, accuracy: Accuracy) -> bool:
    """Sums of taps that are folded onto one input have at most the largest error of one tap."""
    n = rows.matrix.shape[1]
    wanted = bordered_row(centre, rows.places, rows.taps, n, rule)
    size = bordered_row(centre, rows.places, np.abs(rows.taps), n, rule)
    spread = np.log(np.abs(rows.taps).max() / np.abs(rows.taps[rows.taps != 0]).min())
    limit = 2 * accuracy.ratio(float(spread)) * np.abs(size)
    return bool(np.all(np.abs(rows.matrix[i] - wanted) <= limit))
