"""A verdict and what it rests on: the answers that a report shows, and how far questions went."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..plans import Direction
from .answers import Case
from .calling import Question
from .calling.layouts import Layout
from .conventions import Match
from .findings import Finding
from .numerics.compare import Grade
from .terms import ANYTHING, Accepted, Terms

__all__ = ["RARE", "CheckResult", "Evidence", "Scope", "evidence_of"]


@dataclass(frozen=True)
class Evidence:
    """What there is to see of a function."""

    terms: Terms
    impulses: tuple[Case, ...]
    # the picture, and the probe with the worst error if that is another one
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


RARE = 1e-5
"""Which part of the outputs a rare fault spoils, of which a scope tells how likely it was seen."""


@dataclass
class Scope:
    """What a function was asked, without the questions of a diagnosis."""

    layout: Layout
    accepts: Accepted = ANYTHING  # which shapes may be asked
    longest: int = 0  # samples along a filtered axis
    plane: tuple[int, ...] = ()  # lengths of the plane, signal or volume with the most samples
    channels: int = 1  # the most there were
    batch: int = 1
    calls: int = 0
    samples: int = 0  # in all inputs, each time anew
    outputs: Counter[Direction] = field(default_factory=Counter)  # of each function, likewise
    _times: Counter[tuple[str, str]] = field(default_factory=Counter, repr=False)

    def add(self, question: Question, label: str, outputs: int) -> None:
        """Count a question that was answered, which is known by its label."""
        shape = question.x.shape if question.direction == "forward" else question.shape
        lengths = tuple(shape[a] for a in self.layout.axes)
        self.longest = max(self.longest, *lengths)
        self.plane = max(self.plane, lengths, key=lambda p: (len(p), math.prod(p)))
        for letter, name in (("C", "channels"), ("N", "batch")):
            if letter in self.layout.name:
                most = max(getattr(self, name), shape[self.layout.name.index(letter)])
                setattr(self, name, most)
        self.calls += 1
        self.samples += question.x.size
        self.outputs[question.direction] += outputs
        self._times[question.direction, label] += 1

    @property
    def questions(self) -> int:
        """How many different ones."""
        return len(self._times)

    @property
    def repetitions(self) -> int:
        """How often the question was asked that was asked most often."""
        return max(self._times.values(), default=0)

    @property
    def gradients(self) -> int:
        """How many of the questions are to the adjoint."""
        return sum(direction == "adjoint" for direction, _ in self._times)

    def chance(self, direction: Direction = "forward") -> float:
        """The probability that a fault at random, of one in 100,000 outputs, has been seen."""
        return -math.expm1(self.outputs[direction] * math.log1p(-RARE))

    def asked(self) -> str:
        """Say how far the questions went."""
        kind = {1: "signals", 2: "planes", 3: "volumes"}[len(self.layout.axes)]
        words = [f"{self.gradients:,} of them to the adjoint"] if self.gradients else []
        words += [f"{self.accepts} alone"] if str(self.accepts) else []
        words += [f"lengths to {self.longest:,}", f"{kind} to {_by(self.plane)}"]
        if self.layout.has_channels:
            words.append(f"channels to {self.channels:,}")
        if self.layout.has_batch:
            words.append(f"batches to {self.batch:,}")
        return (
            f"{self.questions:,} questions, {', '.join(words)}; {self.samples:,} samples in "
            f"{self.calls:,} calls, the same question up to {self.repetitions:,} times"
        )

    def not_asked(self) -> str:
        """Say what the verdict says nothing of, in a line."""
        limits = "other shapes" if self.accepts.shapes else "anything larger"
        limits += ", other lengths" if self.accepts.multiple > 1 else ""
        chances = _percent(self.chance())
        if self.gradients:
            chances += f", in the adjoint of {_percent(self.chance('adjoint'))}"
        return (
            f"{limits}, other types and options; a fault at random that spoils 1 output in "
            f"{1 / RARE:,.0f} was seen with a probability of {chances}"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        chances = {"chance_of_rare_faults": self.chance()}
        if self.gradients:
            chances["chance_in_the_adjoint"] = self.chance("adjoint")
        return {
            "longest": self.longest, "largest_plane": list(self.plane), "channels": self.channels,
            "batch": self.batch, "questions": self.questions, "gradients": self.gradients,
            "alone": self.accepts.to_dict(), "calls": self.calls, "repetitions": self.repetitions,
            "samples": self.samples, "outputs": self.outputs.total(), **chances,
        }  # fmt: skip


def _by(lengths: tuple[int, ...]) -> str:
    return "×".join(f"{n:,}" for n in lengths)


def _percent(chance: float) -> str:
    """Per cent, rounded down, so that what is not certain is not called so."""
    if chance > 0.9999:
        return "more than 99.99 %"
    return f"{math.floor(chance * 1000) / 10:g} %"


_VERDICTS = {
    "bit-identical": "passed, with the bits of the contract",
    "within-bound": "passed, within the bound",
    "cannot-judge": "not judged: this precision allows errors as large as the results",
    "fails": "FAILED",
}


@dataclass(frozen=True)
class CheckResult:
    """What a check has found, as data; it is true where the implementation passed.

    Attributes
    ----------
    name : str
        Of the function.
    terms : dict
        What it was judged by: scale, layout, dtype, precision, …
    grade : {"bit-identical", "within-bound", "cannot-judge", "fails"}
        The same bits as the contract's in every element of every probe; else within the proven
        bound of the precision; else within it, where it is wider than the results on some probes
        and says nothing; else there are findings.
    worst : float
        The largest error over its bound; infinite where there should be no error at all.
    findings : tuple of Finding
        What is wrong.
    suspicions : tuple of str
        What is within the bound, but looks odd to a statistical second look.
    notes : tuple of str
        What else a reader should know.
    match : Match or None
        Of a function that fails: the known implementation that it behaves as, and how far.
    recovered : dict
        Of a function that fails: what was measured of its filter along each axis, as
        `aa_ref.oracle.diagnosis.Diagnosis` tells.
    calls : int
        How often the functions were asked.
    scope : Scope or None
        How far the questions went.
    evidence : Evidence or None
        Answers to look at, for `to_html`.
    """

    name: str
    terms: dict[str, Any]
    terms_in_words: str
    grade: Grade
    worst: float
    findings: tuple[Finding, ...]
    suspicions: tuple[str, ...]
    notes: tuple[str, ...]
    match: Match | None
    recovered: dict[str, Any]
    calls: int
    scope: Scope | None = None
    evidence: Evidence | None = field(default=None, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether the implementation is a correct one, as far as the probes tell."""
        return self.grade in ("bit-identical", "within-bound")

    def __bool__(self) -> bool:
        return self.passed

    @property
    def convention(self) -> str | None:
        """Of a function that fails: the known implementation that it behaves as; what to do."""
        return None if self.match is None else self.match.words

    @property
    def verdict(self) -> str:
        """The grade in words."""
        return _VERDICTS[self.grade]

    @property
    def worst_in_words(self) -> str:
        """How far the worst error is from its bound."""
        if math.isinf(self.worst):
            return "some errors are where none is allowed"
        return f"the worst error is {self.worst:.3g} of its bound"
