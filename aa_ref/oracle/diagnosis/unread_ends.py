"""Samples at the ends that no output reads, though footprints hold them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..edges import bordered_row
from .accuracy import Accuracy
from .borders import Border, read_borders
from .readings import Reading
from .words import counted

__all__ = ["Unread", "read_unread"]


class Unread(NamedTuple):
    """How many samples are not read at each end, and the rules that outputs follow without them.

    Attributes
    ----------
    first, last : int
        At least one of them is not 0.
    ends : (Border, Border)
        As if the samples that are read were all.
    length : int
        Of the axis.
    """

    first: int
    last: int
    ends: tuple[Border, Border]
    length: int

    def words(self, where: str) -> str:
        """Say it of the end called ``"first"`` or ``"last"``; empty if all is read there."""
        count = self.first if where == "first" else self.last
        if not count:
            return ""
        if count == 1:
            return f"the {where} sample is not read"
        return f"the {where} {counted(count, 'sample')} are not read"


def read_unread(reading: Reading, accuracy: Accuracy) -> Unread | None:
    """Find samples at the ends that are left out; None if the rest follows no known rule either."""
    rows, a, n = reading.rows, reading.plan, reading.plan.length
    wanted = np.zeros(n, bool)
    for centre in reading.places.centres.tolist():
        wanted |= bordered_row(centre, rows.places, rows.taps, n, a.boundary) != 0
    missed = wanted & ~rows.matrix.any(axis=0)
    first, last = _leading(missed.tolist()), _leading(missed[::-1].tolist())
    if not first + last or first + last >= n:
        return None
    kept = replace(rows, matrix=rows.matrix[:, first : n - last])
    ends = read_borders(kept, reading.places.centres - first, a.boundary, accuracy)
    if (first and not ends[0].rules) or (last and not ends[1].rules):
        return None
    return Unread(first, last, ends, n)


def _leading(flags: list[bool]) -> int:
    return flags.index(False) if False in flags else len(flags)
