"""Evidence: the answers that a report shows, besides what it says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .comparison import Comparison
from .probes import Probe
from .terms import Terms

__all__ = ["Case", "Evidence", "evidence_of"]


@dataclass(frozen=True)
class Case:
    """A probe, the answer as it came (perhaps of another shape or type), and what it is worth."""

    probe: Probe
    answer: NDArray[Any]
    comparison: Comparison


@dataclass(frozen=True)
class Evidence:
    """What there is to see of a function.

    Attributes
    ----------
    terms : Terms
    impulses : tuple of Case
    pictures : tuple of Case
        The picture, and the probe with the worst error if that is another one.
    """

    terms: Terms
    impulses: tuple[Case, ...]
    pictures: tuple[Case, ...]


def evidence_of(terms: Terms, cases: Sequence[Case]) -> Evidence:
    """Choose out of all answers of the function itself that were compared."""
    pictures = [c for c in cases if c.probe.kind == "picture"]
    # One or two outputs are no picture; but if there are no others, then these. Of those that are
    # wrong, what is right is no evidence.
    axes = terms.layout.axes[-2:]
    wrong = [c for c in cases if c.comparison.grade == "fails"]
    shown = wrong or cases
    large = [c for c in shown if min(c.comparison.errors.shape[a] for a in axes) > 2]
    worst = max(large or shown, key=lambda c: c.comparison.worst, default=None)
    if worst is not None and worst.probe.kind != "picture":
        pictures.append(worst)
    impulses = tuple(c for c in cases if c.probe.kind == "impulse")
    return Evidence(terms, impulses, tuple(pictures))
