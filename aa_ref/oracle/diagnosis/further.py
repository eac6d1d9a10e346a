"""What one axis answers at other lengths than the first, asked where that leaves something open."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from ..lengths import Reach
from .accuracy import Accuracy
from .impulses import Response, ask_axis, lengths_for
from .subject import Subject

__all__ = ["Further"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Further:
    """Questions about one axis, in planes that along the others are those of the first answer.

    Attributes
    ----------
    subject : Subject
    reach : list of Reach
        Of all axes.
    axis : int
    plan_for : function
        From a length of this axis to its plan.
    accuracy : Accuracy
    amplitude : float
        Of impulses.
    times : int
        How many times as long as they might be axes are.
    first : Response
        The answers that are there already.
    """

    subject: Subject
    reach: list[Reach]
    axis: int
    plan_for: Callable[[int], AxisPlan]
    accuracy: Accuracy
    amplitude: float
    times: int
    first: Response

    @property
    def whole(self) -> int:
        """A length at which inputs and outputs stand in the scale's ratio, where there is one.

        It is the same for all axes that should be alike, so that what is said of them is, too.
        """
        return lengths_for([self.reach[self.axis]], self.times)[0]

    @property
    def start(self) -> int:
        """A length just short of the next such one, the same for all axes that should be alike."""
        return self.whole + self.reach[self.axis].uneven

    def matrix(self, length: int) -> Values | None:
        """The weights that outputs give to so many inputs, or None if no answer comes."""
        lengths = self._lengths(length)
        found = ask_axis(
            self.subject, self.reach, lengths, self.axis, self.accuracy, self.amplitude,
            max(self.times, 2), self.first.where,
        )  # fmt: skip
        return None if found is None else found.matrix

    def outputs(self, length: int) -> int | None:
        """How many outputs there are, or None if no answer comes."""
        y = self.subject.plane(np.zeros(self._lengths(length)))
        return None if y is None else y.shape[self.axis]

    def _lengths(self, length: int) -> tuple[int, ...]:
        return (*self.first.lengths[: self.axis], length, *self.first.lengths[self.axis + 1 :])
