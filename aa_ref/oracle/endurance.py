"""Endurance: random questions, larger and larger, and one of them again and again, for minutes.

Which questions there are follows from the seed; how many, and how large they get, from time. An
adjoint is asked for gradients in the shapes in which the function is asked.
"""

import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..plans import Direction
from .answers import Fault, judge_answer, judge_repeated
from .calling import Answer, Question
from .calling.layouts import arrangements_of
from .probes import patterns
from .probes.lengths import Reach, reach_of
from .terms import Terms
from .tiling import Tiling, judge_tiled, tiling_of

__all__ = ["Endurance", "Failing"]

_FIRST, _GROWTH = 1 << 12, 1.5
"""Samples of the first question, and how many times as many the next may have."""

_LONGEST, _MOST_BYTES = 30_000, (1 << 31) + (1 << 24)
"""Samples along an axis where there are several; bytes, beyond what 31 bits count."""

_TILED, _WHOLE = 1 << 18, 1 << 21
"""From how many samples on arrays repeat a small one, and how many others may have."""

_SHARE = 10
"""Of the memory that is free, a question may take one part in so many: the function has copies."""

_IN_TURN, _SEVERAL = 16, 1 << 14
"""Numbers of entries that small arrays have one after the other, and how many samples these."""

_QUICK = 0.3
"""Seconds that a question takes at most which is asked again and again."""


class Failing(NamedTuple):
    """A question whose answer is wrong, and what is wrong with it."""

    question: Question
    description: str
    faults: list[Fault]


@dataclass(frozen=True)
class _Drawn:
    """One question before its array is made. The shape is that of the function's input."""

    number: int
    direction: Direction
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

    def question(self, terms: Terms) -> Question:
        """Make the array."""
        forward, dtype = self.direction == "forward", terms.dtype_of(self.direction)
        asked = partial(
            Question, self.direction, arrangement=self.arrangement, recipe=self.seed,
            shape=() if forward else self.shape,
        )  # fmt: skip
        if self.tiling is not None:
            return asked(self.tiling.made(self.tiling.shape), repeats=self.tiling.repeats)
        shape = self.shape if forward else terms.plan(self.shape, "adjoint").out_shape
        return asked(patterns.cast(patterns.recipe(shape, dtype, self.seed), dtype))


@dataclass
class _Progress:
    """How far one of the functions is."""

    direction: Direction
    rate: float = math.inf  # samples a second, of the last new question that was not small
    behind: float = 0.0  # seconds that repeats have had less than new questions
    # the question that is asked again and again, and its first answer
    kept: tuple[_Drawn, Question, NDArray[np.generic]] | None = None


class Endurance:
    """Asks functions random questions until an answer is wrong or time is up.

    From a question and its label ``ask`` makes the answer, or None where nothing more can be asked.
    """

    def __init__(
        self,
        terms: Terms,
        ask: Callable[[Question, str], Answer | None],
        channels: int | None,
        seed: int,
        directions: Sequence[Direction] = ("forward",),
    ) -> None:
        self._terms, self._ask, self._channels, self._seed = terms, ask, channels, seed
        self._progress = [_Progress(direction) for direction in directions]
        self._reach = reach_of(terms.plan, len(terms.layout.name))
        self._end, self._over = math.inf, False

    def run(self, minutes: float) -> Failing | None:
        """Return the first question that is answered wrongly; half of the time goes to repeats."""
        self._end = time.monotonic() + 60 * minutes
        return next(self._failings(), None)

    def _failings(self) -> Iterator[Failing]:
        most = _memory_for_an_array() // patterns.array_type(self._terms.dtype).itemsize
        for number, samples in enumerate(_growing(most)):
            for under_way in self._progress:
                if self._is_over:
                    return
                yield from self._ask_new(under_way, number, min(samples, most))
                while under_way.behind > 0 and under_way.kept is not None and not self._is_over:
                    begun = time.monotonic()
                    yield from self._ask_again(*under_way.kept)
                    under_way.behind -= time.monotonic() - begun

    @property
    def _is_over(self) -> bool:
        return self._over or time.monotonic() > self._end

    def _answer_to(self, question: Question, label: str) -> Answer | None:
        answer = self._ask(question, label)
        self._over = answer is None
        return answer

    def _ask_new(self, under_way: _Progress, number: int, samples: int) -> Iterator[Failing]:
        """Ask what has not been asked, of so many samples at most; keep it, if it is quick."""
        begun = time.monotonic()
        wanted = under_way.rate * (self._end - begun) / 4
        few = max(_FIRST, int(min(wanted, samples)))
        drawn = self._draw(few, number, under_way.direction)
        question = drawn.question(self._terms)
        called = time.monotonic()
        answer = self._answer_to(question, drawn.label)
        took = time.monotonic() - called
        if answer is None:
            return
        if faults := self._judged(answer, drawn, question):
            yield Failing(question, drawn.description, faults)
        kept, size = under_way.kept, math.prod(drawn.shape)
        larger = kept is None or size > math.prod(kept[0].shape)
        if answer.y is not None and larger and took < _QUICK:
            under_way.kept = drawn, question, answer.y
        in_all = time.monotonic() - begun
        under_way.behind += in_all
        if size > _SEVERAL or under_way.rate == math.inf:
            under_way.rate = size / in_all

    def _judged(self, answer: Answer, drawn: _Drawn, question: Question) -> list[Fault]:
        plan = self._terms.plan(drawn.shape, drawn.direction)
        if drawn.tiling is None:
            return judge_answer(answer, question, plan, self._terms).faults
        return judge_tiled(answer, question, plan, self._terms, drawn.tiling)

    def _ask_again(
        self, drawn: _Drawn, question: Question, first: NDArray[np.generic]
    ) -> Iterator[Failing]:
        """Ask the largest question that is answered in a moment."""
        answer = self._answer_to(question, drawn.label)
        if answer is not None:
            fault = judge_repeated(answer, first, self._terms.layout.name)
            if fault is not None:
                yield Failing(question, drawn.description, [fault])

    def _draw(self, samples: int, number: int, direction: Direction = "forward") -> _Drawn:
        """The question of a number, of about so many samples, where axes may be that short."""
        rng, layout = random.Random((self._seed << 20) + number), self._terms.layout
        samples = min(samples, _SEVERAL) if number % 2 else samples
        shape, seed = layout.shape(*self._sizes(rng, samples, number)), self._seed + number
        size, tiling = math.prod(shape), None
        plan = self._terms.plan(shape, direction)
        if size > _TILED and self._terms.form != "fft":
            tiling = tiling_of(plan, seed, direction)
        if (size if tiling is None else math.prod(tiling.planned)) > _WHOLE < samples:
            return self._draw(_WHOLE, number, direction)
        arrangement = rng.choice(["contiguous", *arrangements_of(len(shape))])
        return _Drawn(number, direction, shape, arrangement, seed, tiling)

    def _sizes(
        self, rng: random.Random, samples: int, number: int
    ) -> tuple[int, int, tuple[int, ...]]:
        """Entries, channels and lengths: what the function accepts alone."""
        accepts = self._terms.accepts
        if accepts.shapes:
            small = [s for s in accepts.shapes if math.prod(s) <= samples] or accepts.shapes[:1]
            lengths = rng.choice(small)
            planes = max(samples // math.prod(lengths), 1)
            return *self._counts(rng, number, planes, planes), lengths
        many = min(samples, _WHOLE) // 32
        planes = many if rng.random() < 0.2 else min(samples // 1024, 12)
        batch, channels = self._counts(rng, number, planes, many)
        lengths = _lengths(rng, samples // (batch * channels), self._reach, accepts.multiple)
        return batch, channels, lengths

    def _counts(self, rng: random.Random, number: int, planes: int, many: int) -> tuple[int, int]:
        """Entries and channels: those there have to be, else at random, or one after the other."""
        layout = self._terms.layout
        batch = self._terms.accepts.batch if layout.has_batch else 1
        channels = self._channels if layout.has_channels else 1
        if number % 2:
            batch = batch or min(1 + number // 2 % _IN_TURN, max(many // (channels or 1), 1))
            planes = many
        channels = channels or _some(rng, planes // (batch or 1))
        return batch or _some(rng, planes // channels), channels


def _lengths(
    rng: random.Random, samples: int, reach: list[Reach], multiple: int = 1
) -> tuple[int, ...]:
    """Lengths of about so many samples in all, in a random proportion."""
    lengths, left = [0] * len(reach), samples
    order = rng.sample(range(len(reach)), len(reach))
    for others, k in zip(reversed(range(len(reach))), order, strict=True):
        share = left ** (1 / (others + 1)) * (math.exp(rng.uniform(-4, 4)) if others else 1)
        longest = _LONGEST if len(reach) > 1 else left
        least = -(-reach[k].least // multiple) * multiple
        wanted = min(int(share), longest, left)
        lengths[k] = max(wanted - wanted % multiple, least)
        left = max(left // lengths[k], 1)
    return tuple(lengths)


def _some(rng: random.Random, most: int) -> int:
    """A number from 1 to ``most``, small ones as often as large ones."""
    return int(math.exp(rng.uniform(0, math.log(max(most, 1) + 0.99))))


def _growing(most: int) -> Iterator[int]:
    """How many samples questions may have: more and more, and then again from the first on.

    Each number comes twice, since every second question is a small one of several entries.
    """
    while True:
        samples = float(_FIRST)
        while samples < most:
            yield from (int(samples),) * 2
            samples *= _GROWTH
        yield from (most,) * 2


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
