"""Endurance: random questions, larger and larger, and one of them again and again, for minutes.

Which questions there are follows from the seed; how many, and how large they get, from time.
"""

import math
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from . import patterns
from .arrangements import arrangements_of
from .calls import Answer, Question
from .faults import Fault, judge_answer, judge_repeated, judge_tiled
from .lengths import Reach, reach_of
from .terms import Terms
from .tiling import Tiling, tiling_of

__all__ = ["Endurance", "Failing"]

_FIRST, _GROWTH = 1 << 12, 1.5
"""Samples of the first question, and how many times as many the next may have."""

_LONGEST, _MOST_BYTES = 30_000, (1 << 31) + (1 << 24)
"""Samples along an axis where there are several; bytes, beyond what 31 bits count."""

_TILED, _WHOLE = 1 << 18, 1 << 21
"""From how many samples on arrays repeat a small one, and how many others may have."""

_SHARE = 10
"""Of the memory that is free, a question may take one part in so many: the function has copies."""

_QUICK = 0.3
"""Seconds that a question takes at most which is asked again and again."""


class Failing(NamedTuple):
    """A question whose answer is wrong, and what is wrong with it."""

    question: Question
    description: str
    faults: list[Fault]


@dataclass(frozen=True)
class _Drawn:
    """One question before its array is made."""

    number: int
    shape: tuple[int, ...]
    arrangement: str
    seed: int
    tiling: Tiling | None

    @property
    def label(self) -> str:
        return f"random-{self.number}"

    @property
    def description(self) -> str:
        repeated = "" if self.tiling is None else ", repeated"
        return f"random samples{repeated}, {self.arrangement}"

    def question(self, dtype: str) -> Question:
        """Make the array."""
        asked = partial(Question, "forward", arrangement=self.arrangement, recipe=self.seed)
        if self.tiling is None:
            return asked(patterns.cast(patterns.recipe(self.shape, dtype, self.seed), dtype))
        return asked(self.tiling.made(self.shape), repeats=self.tiling.repeats)


class Endurance:
    """Asks a function random questions until an answer is wrong or time is up.

    Parameters
    ----------
    terms : Terms
    ask : function
        From a question and its label to the answer, or to None where nothing more can be asked.
    channels : int, optional
        For a function that is made for so many.
    seed : int
    """

    def __init__(
        self,
        terms: Terms,
        ask: Callable[[Question, str], Answer | None],
        channels: int | None,
        seed: int,
    ) -> None:
        self._terms, self._ask, self._channels, self._seed = terms, ask, channels, seed
        self._reach = reach_of(terms.plan, len(terms.layout.name))
        self._kept: tuple[_Drawn, Question, NDArray[Any]] | None = None

    def run(self, minutes: float) -> Failing | None:
        """Return the first question that is answered wrongly; half of the time goes to repeats."""
        end = time.monotonic() + 60 * minutes
        most = _memory_for_an_array() // patterns.array_type(self._terms.dtype).itemsize
        behind, rate = 0.0, math.inf  # seconds that repeats have had less, samples a second
        for number, samples in enumerate(_growing(most)):
            begun = time.monotonic()
            if begun > end:
                return None
            drawn = self._draw(
                min(samples, max(_FIRST, int(min(rate * (end - begun) / 4, most)))), number
            )
            question = drawn.question(self._terms.dtype)
            failing, answered = self._ask_once(drawn, question)
            if failing is not None or not answered:
                return failing
            took = time.monotonic() - begun
            behind, rate = behind + took, question.x.size / took
            while behind > 0 and self._kept is not None and time.monotonic() < end:
                begun = time.monotonic()
                failing, answered = self._ask_again()
                if failing is not None or not answered:
                    return failing
                behind -= time.monotonic() - begun
        return None

    def _ask_once(self, drawn: _Drawn, question: Question) -> tuple[Failing | None, bool]:
        begun = time.monotonic()
        answer = self._ask(question, drawn.label)
        took = time.monotonic() - begun
        if answer is None:
            return None, False
        plan = self._terms.plan(drawn.shape)
        if drawn.tiling is None:
            faults = judge_answer(answer, question, plan, self._terms).faults
        else:
            faults = judge_tiled(answer, question, plan, self._terms, drawn.tiling)
        if faults:
            return Failing(question, drawn.description, faults), True
        larger = self._kept is None or question.x.size > self._kept[1].x.size
        if answer.y is not None and larger and took < _QUICK:
            self._kept = drawn, question, answer.y
        return None, True

    def _ask_again(self) -> tuple[Failing | None, bool]:
        """Ask the largest question that is answered in a moment."""
        assert self._kept is not None
        drawn, question, first = self._kept
        answer = self._ask(question, drawn.label)
        if answer is None:
            return None, False
        fault = judge_repeated(answer, first, self._terms.layout.name)
        failing = None if fault is None else Failing(question, drawn.description, [fault])
        return failing, True

    def _draw(self, samples: int, number: int) -> _Drawn:
        """The question of a number, of about so many samples, where axes may be that short."""
        rng, layout = random.Random((self._seed << 20) + number), self._terms.layout
        batch, channels = self._counts(rng, samples)
        lengths = _lengths(rng, samples // (batch * channels), self._reach)
        shape, seed = layout.shape(batch, channels, lengths), self._seed + number
        size, tiling = math.prod(shape), None
        if size > _TILED and self._terms.form != "fft":
            tiling = tiling_of(self._terms.plan(shape), seed)
        if (size if tiling is None else math.prod(tiling.small)) > _WHOLE < samples:
            return self._draw(_WHOLE, number)
        arrangement = rng.choice(["contiguous", *arrangements_of(len(shape))])
        return _Drawn(number, shape, arrangement, seed, tiling)

    def _counts(self, rng: random.Random, samples: int) -> tuple[int, int]:
        """Entries and channels: mostly a few; now and then as many planes as the samples allow."""
        layout, fixed = self._terms.layout, self._channels
        planes = min(samples, _WHOLE) // 32 if rng.random() < 0.2 else min(samples // 1024, 12)
        batch = channels = 1
        if layout.has_channels:
            channels = fixed or _some(rng, planes)
        if layout.has_batch:
            batch = _some(rng, planes // channels)
        return batch, channels


def _lengths(rng: random.Random, samples: int, reach: list[Reach]) -> tuple[int, ...]:
    """Lengths of about so many samples in all, in a random proportion."""
    lengths, left = [0] * len(reach), samples
    order = rng.sample(range(len(reach)), len(reach))
    for others, k in zip(reversed(range(len(reach))), order, strict=True):
        share = left ** (1 / (others + 1)) * (math.exp(rng.uniform(-4, 4)) if others else 1)
        longest = _LONGEST if len(reach) > 1 else left
        lengths[k] = max(min(int(share), longest, left), reach[k].least)
        left = max(left // lengths[k], 1)
    return tuple(lengths)


def _some(rng: random.Random, most: int) -> int:
    """A number from 1 to ``most``, small ones as often as large ones."""
    return int(math.exp(rng.uniform(0, math.log(max(most, 1) + 0.99))))


def _growing(most: int) -> Iterator[int]:
    """How many samples questions may have: more and more, and then again from the first on."""
    while True:
        samples = float(_FIRST)
        while samples < most:
            yield int(samples)
            samples *= _GROWTH
        yield most


def _memory_for_an_array() -> int:
    """How many bytes an array may have that is asked: a part of what is free."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = next(int(x.split()[1]) << 10 for x in lines if x.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        try:
            free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (AttributeError, ValueError, OSError):  # Windows has none
            free = 1 << 32
    return min(free // _SHARE, _MOST_BYTES)
