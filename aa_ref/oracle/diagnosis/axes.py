"""What is known of one axis: answers as they were read, faults, parameters recovered."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from .places import Places
from .readings import Reading
from .rows import Rows
from .width import Width

__all__ = ["AxisFault", "AxisStudy"]

Values = NDArray[np.float64]


class AxisFault(NamedTuple):
    """A code of `CODES`, and words that fit any axis."""

    code: str
    words: str


@dataclass
class AxisStudy:
    """All that is known of one axis.

    Attributes
    ----------
    first : Reading
        At a length at which inputs and outputs stand in the scale's ratio, where there is one.
    other : Reading or None
        At a length just short of such a one, the same for all axes that should be alike.
    telling : Reading
        The one of the two that faults are told of.
    width : Width
        Of its taps.
    by_length : str
        How centres depend on the length of the axis; empty if they do not.
    faults : list of AxisFault
    recovered : dict
        Parameters by name.
    """

    first: Reading
    other: Reading | None
    telling: Reading
    width: Width
    by_length: str = ""
    faults: list[AxisFault] = field(default_factory=list)
    recovered: dict[str, Any] = field(default_factory=dict)

    @property
    def plan(self) -> AxisPlan:
        """What is expected, for the first length."""
        return self.first.plan

    @property
    def rows(self) -> Rows:
        """Those of the first length."""
        return self.first.rows

    @property
    def places(self) -> Places:
        """Those of the first length."""
        return self.first.places

    @property
    def observed(self) -> Values:
        """What outputs read of the first length, as they come. Inner rows sum to 1."""
        return self.first.observed

    @property
    def readings(self) -> list[Reading]:
        """All of them."""
        return [self.first, *([] if self.other is None else [self.other])]

    @property
    def has_filter(self) -> bool:
        """Whether any output clear of the ends reads more than one sample.

        One in the middle may not, where outputs lie between samples and on them in turn.
        """
        matrix = self.rows.matrix[list(self.rows.inner)]
        return bool(np.any(np.count_nonzero(matrix, axis=1) > 1))

    @property
    def is_doubtful(self) -> bool:
        """Whether every length shows a rule for centres, but each another one.

        That may be so; or outputs are shifted by so much, and reflected, that most of those that
        seem to be clear of the ends are not, as they would be on longer axes.
        """
        return bool(self.by_length) and all(reading.is_even for reading in self.readings)

    def blames(self, *codes: str) -> bool:
        """Whether there is a fault of one of these codes."""
        return any(fault.code in codes for fault in self.faults)

    def drop(self, *codes: str) -> None:
        """Forget the faults of these codes, which follow from another one."""
        self.faults[:] = [fault for fault in self.faults if fault.code not in codes]

    def follows(self, other: "AxisStudy") -> bool:
        """Whether the filter is the one that another axis should have."""
        return self.has_filter and self.width.holds(float(other.plan.sigma))

    def fault(self, code: str, words: str) -> None:
        """Note one."""
        self.faults.append(AxisFault(code, words))

    def extend(self, code: str, words: str) -> None:
        """Go on with what the first fault of a code says."""
        k = [fault.code for fault in self.faults].index(code)
        self.faults[k] = AxisFault(code, self.faults[k].words + words)
