"""Scope: how far the questions of a check went, and so what its verdict says nothing of."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .calls import Question
from .layouts import Layout

__all__ = ["RARE", "Scope"]

RARE = 1e-5
"""Which part of the outputs a rare fault spoils, of which a scope tells how likely it was seen."""


@dataclass
class Scope:
    """What a function was asked, without the questions of a diagnosis.

    Attributes
    ----------
    layout : Layout
    longest : int
        Samples along a filtered axis.
    plane : tuple of int
        Lengths of the plane (or signal, or volume) with the most samples.
    channels, batch : int
        The most there were.
    questions, calls : int
        Different ones, and all.
    repetitions : int
        How often the question was asked that was asked most often.
    samples, outputs : int
        In all inputs and all answers, each time anew.
    """

    layout: Layout
    longest: int = 0
    plane: tuple[int, ...] = ()
    channels: int = 1
    batch: int = 1
    calls: int = 0
    samples: int = 0
    outputs: int = 0
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
        self.outputs += outputs
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
    def chance(self) -> float:
        """The probability that a fault at random, of one in 100,000 outputs, has been seen."""
        return -math.expm1(self.outputs * math.log1p(-RARE))

    def asked(self) -> str:
        """Say how far the questions went."""
        kind = {1: "signals", 2: "planes", 3: "volumes"}[len(self.layout.axes)]
        words = [f"lengths to {self.longest:,}", f"{kind} to {_by(self.plane)}"]
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
        return (
            "anything larger, other types and options; a fault at random that spoils 1 output in "
            f"{1 / RARE:,.0f} was seen with a probability of {_percent(self.chance)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        return {
            "longest": self.longest, "largest_plane": list(self.plane), "channels": self.channels,
            "batch": self.batch, "questions": self.questions, "calls": self.calls,
            "repetitions": self.repetitions, "samples": self.samples, "outputs": self.outputs,
            "chance_of_rare_faults": self.chance,
        }  # fmt: skip


def _by(lengths: tuple[int, ...]) -> str:
    return "×".join(f"{n:,}" for n in lengths)


def _percent(chance: float) -> str:
    """Per cent, rounded down, so that what is not certain is not called so."""
    if chance > 0.9999:
        return "more than 99.99 %"
    return f"{math.floor(chance * 1000) / 10:g} %"
