"""What one axis answers at other lengths than the first, asked where that leaves something open."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from ..lengths import Reach
from .impulses import lengths_for
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
    times : int
        How many times as long as they might be axes are.
    lengths : tuple of int
        Of the planes of the first answer.
    ask : function
        From the lengths of planes to the weights that outputs give to inputs along this axis, or
        None if no answer comes.
    """

    subject: Subject
    reach: list[Reach]
    axis: int
    plan_for: Callable[[int], AxisPlan]
    times: int
    lengths: tuple[int, ...]
    ask: Callable[[tuple[int, ...]], Values | None]

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
        return self.ask(self._lengths(length))

    def outputs(self, length: int) -> int | None:
        """How many outputs there are, or None if no answer comes."""
        y = self.subject.plane(np.zeros(self._lengths(length)))
        return None if y is None else y.shape[self.axis]

    def _lengths(self, length: int) -> tuple[int, ...]:
        return (*self.lengths[: self.axis], length, *self.lengths[self.axis + 1 :])
