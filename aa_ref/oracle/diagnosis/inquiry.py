"""What is asked, of whom, and what has been found wrong so far."""

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from ...plans import AxisPlan
from ..lengths import Reach, reach_of
from ..precisions import as_precision
from ..terms import Terms
from .accuracy import Accuracy, accuracy_for
from .axes import AxisFault, AxisStudy
from .impulses import lengths_for
from .mixing import Counts
from .subject import Subject

__all__ = ["Inquiry"]


class Inquiry:
    """One implementation, the terms that it is judged by, and the faults noted.

    Attributes
    ----------
    subject : Subject
    terms : Terms
    reach : list of Reach
        One for each filtered axis.
    letters : list of str
        Their names.
    accuracy : Accuracy
        The limits that the precision sets.
    counts : sequence of (int, int)
        Numbers of batch entries and channels to be asked besides the usual ones.
    faults : list of AxisFault
        Those that concern no axis in particular, or name theirs.
    """

    def __init__(
        self,
        fn: Callable[[NDArray[Any]], Any],
        terms: Terms,
        channels: int | None,
        limit: int,
        counts: Sequence[Counts] = (),
    ) -> None:
        self.terms, self.counts = terms, counts
        self.subject = Subject(fn, terms.layout, terms.dtype, channels, limit, terms.accepts)
        self.reach: list[Reach] = [
            a.in_multiples(terms.accepts.multiple)
            for a in reach_of(terms.plan, len(terms.layout.name))
        ]
        self.letters = [terms.layout.name[a] for a in terms.layout.axes]
        some = terms.plan(self.shape(self.lengths))
        self.accuracy: Accuracy = accuracy_for(some, as_precision(terms.precision), terms.taps)
        self.faults: list[AxisFault] = []

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of a plane with outputs that are clear of the ends."""
        return self.terms.accepts.nearest(lengths_for(self.reach, 1))

    def shape(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one plane in the layout."""
        return self.terms.layout.shape(1, 1, lengths)

    def axis_plan(self, axis: int, length: int) -> AxisPlan:
        """The plan of one filtered axis of that length."""
        lengths = tuple(length if k == axis else a.least for k, a in enumerate(self.reach))
        return self.terms.plan(self.shape(lengths)).axes[axis]

    def fault(self, code: str, words: str) -> None:
        """Note one that concerns no axis in particular."""
        self.faults.append(AxisFault(code, words))

    def note(self, fault: AxisFault | None) -> None:
        """Note a fault if there is one."""
        if fault is not None:
            self.faults.append(fault)

    def has(self, *codes: str) -> bool:
        """Whether a fault of one of these codes is noted."""
        return any(f.code in codes for f in self.faults)

    def as_asked(self, studies: Sequence[AxisStudy]) -> bool:
        """Whether every axis has been studied, and none has anything wrong."""
        return bool(studies) and not self.has("axes") and not any(s.faults for s in studies)
