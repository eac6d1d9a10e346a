"""Rules beyond the ends: the four of `aa_ref.boundary`, and two that others follow."""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..boundary import BOUNDARIES, fold

__all__ = ["OTHER_RULES", "RULES", "bordered_row", "index_of"]

Values = NDArray[np.float64]

OTHER_RULES = MappingProxyType(
    {
        "symmetric": "reflected with the edge repeated: b a | a b",
        "renormalised": "taps beyond the ends are left out and the others divided by their sum",
    }
)
"""Rules that are none of the four, and what they do."""

RULES = (*BOUNDARIES, *OTHER_RULES)


def index_of(positions: NDArray[np.int64], n: int, rule: str) -> NDArray[np.int64]:
    """The sample that stands in for each position, -1 where there is none."""
    if rule == "symmetric":
        index = positions % (2 * n)
        return np.minimum(index, 2 * n - 1 - index)
    return fold(positions, n, "zeros" if rule == "renormalised" else rule)


def bordered_row(centre: float, places: Values, taps: Values, n: int, rule: str) -> Values:
    """What an output reads of ``n`` inputs if it follows a rule."""
    index = index_of(np.round(centre + places).astype(np.int64), n, rule)
    row = np.zeros(n)
    np.add.at(row, index[index >= 0], taps[index >= 0])
    if rule == "renormalised" and row.any():
        row /= row.sum()
    return row
