"""The implementation under diagnosis: a black box, what it is asked for, faults noted of it."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from ..calling.layouts import Layout
from ..errors import OracleError
from ..numerics.formats import as_precision
from ..probes import patterns
from ..probes.lengths import Reach, reach_of
from ..terms import ANYTHING, Accepted, Terms
from .tap_models import Accuracy, accuracy_for

__all__ = [
    "AxisFault", "BlackBox", "Counts", "Inquiry", "central_sample", "impulses", "lengths_for",
    "unexplained",
]  # fmt: skip

Values = NDArray[np.float64]

Counts = tuple[int, int]
"""Batch entries and channels."""


class AxisFault(NamedTuple):
    """Says what is wrong along an axis, or along all of them."""

    code: str  # one of `CODES`
    words: str  # a clause that fits any axis; empty for what is told elsewhere
    explains: tuple[str, ...] = ()  # codes of what else answers show that follows from it


def unexplained(faults: Iterable[AxisFault]) -> list[AxisFault]:
    """Leave out the faults that follow from others, those told elsewhere, and repetitions."""
    faults = list(faults)
    told = {f[:2]: f for f in reversed(faults) if f.words}
    return [
        f for f in reversed(told.values())
        if not any(f.code in g.explains for g in faults if g[:2] != f[:2])
    ]  # fmt: skip


class BlackBox:
    """Asks an implementation, and does no more with it.

    What it does besides answering (raising, writing to its input, returning another type) is kept
    in `troubles`, the first of each kind, and the lengths at which it raised in `refused`; the
    diagnosis goes on with what it answers. Numbers below `low` or above `high`, as soon as it is
    known that these are cut off, are not asked any more. ``limit`` is the most samples in one call.
    """

    def __init__(
        self,
        fn: Callable[[NDArray[Any]], Any],
        layout: Layout,
        dtype: str,
        channels: int | None,
        limit: int,
        accepts: Accepted = ANYTHING,
    ) -> None:
        self.accepts = accepts
        self.layout, self.dtype, self.limit = layout, dtype, limit
        self.channels = channels if channels is not None and layout.has_channels else 1
        self.batches = layout.has_batch
        self.order: tuple[int, ...] | None = None
        self.low, self.high = -math.inf, math.inf
        self.troubles: dict[str, str] = {}
        self.refused: list[tuple[int, ...]] = []
        self._fn = fn

    def holds(self, values: Values) -> Values:
        """Return the values after conversion to the type that is asked for."""
        with np.errstate(all="ignore"):
            return patterns.cast(values, self.dtype).astype(np.float64)

    @property
    def is_cut(self) -> bool:
        """Tell whether numbers are cut off somewhere."""
        return math.isfinite(self.low) or math.isfinite(self.high)

    def within(self, amplitude: float) -> float:
        """Return a number that is not cut off: this, its negative, or a power of two that is less.

        The negative where just these are not cut off; else the largest power of two of either sign.
        """
        ends = [(1.0, self.high), (-1.0, -self.low)]
        largest = ends[0] if self.high > 0 else ends[1]
        sign, most = next((end for end in ends if end[1] >= amplitude), largest)
        return sign * (amplitude if most >= amplitude else 2.0 ** math.floor(math.log2(most)))

    def noise(self, lengths: tuple[int, ...], seed: int, size: float = 1.0) -> Values:
        """Make samples of variance ``size**2``, or as large as may be if numbers are cut off."""
        x = size * patterns.noise(lengths, seed)
        if math.isfinite(self.low) and math.isfinite(self.high):
            even = patterns.random(lengths, "uint16", seed) / 65536
            x = self.low + (self.high - self.low) * even
        elif self.is_cut:
            x = self.low + np.abs(x) if math.isfinite(self.low) else self.high - np.abs(x)
        return self.holds(x)

    def ask(self, x: Values) -> Values | None:
        """Return the answer to an array of shape (batch, channels, *lengths), if there is one.

        If `order` is set, the answer's filtered dimensions are put into it first.
        """
        if not self.accepts.takes(x.shape[2:]):
            return None
        given = self.layout.arrange(patterns.cast(x, self.dtype))
        before = given.copy()
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                y = self._fn(given)
        except Exception as error:
            said = str(error).partition("\n")[0]
            if not isinstance(error, OracleError):  # a guard's words name the type themselves
                said = f"{type(error).__name__}: {said}"
            self.refused.append(x.shape[2:])
            self._note("error", f"at shape {given.shape}, {said}")
            return None
        if given.tobytes() != before.tobytes():
            self._note("mutates", f"the input of shape {given.shape} has changed after the call")
        if not isinstance(y, np.ndarray):
            self._note("dtype", f"a {type(y).__name__} comes back, not an ndarray")
            return None
        if y.dtype != given.dtype:
            self._note("dtype", f"{y.dtype} comes back for {given.dtype}")
        if y.ndim != given.ndim or y.dtype.kind not in "fiuV":
            self._note("error", f"an array of shape {y.shape}, {y.dtype} answers {given.shape}")
            return None
        with np.errstate(all="ignore"):
            return self._in_order(y.astype(np.float64))

    def planes(self, xs: Iterable[Values]) -> Iterator[Values | None]:
        """Yield answers to single planes of shape ``lengths``, several in one call if possible.

        A plane is repeated where the subject takes several channels; its first one answers.
        """
        pending: list[Values] = []
        for x in xs:
            pending.append(x)
            if not self.batches or (len(pending) + 1) * x.size * self.channels > self.limit:
                yield from self._together(pending)
                pending = []
        if pending:
            yield from self._together(pending)

    def plane(self, x: Values) -> Values | None:
        """Return the answer to one plane of shape ``lengths``."""
        return next(self.planes([x]))

    def _together(self, xs: list[Values]) -> Iterator[Values | None]:
        stack = np.stack(xs)[:, None]
        y = self.ask(np.repeat(stack, self.channels, axis=1) if self.channels > 1 else stack)
        if y is None and len(xs) > 1:  # exported models may take one entry and no more
            first = next(self._together(xs[:1]))
            self.batches = first is None
            yield first
            for x in xs[1:]:
                yield None if first is None else next(self._together([x]))
            return
        for k in range(len(xs)):
            yield None if y is None or k >= len(y) or not y.shape[1] else y[k, 0]

    def _in_order(self, y: Values) -> Values:
        name = self.layout.name
        letters = "NC" + "".join(name[a] for a in self.layout.axes)
        y = y.transpose([name.index(letter) for letter in letters if letter in name])
        for k, letter in enumerate("NC"):
            if letter not in name:
                y = np.expand_dims(y, k)
        if self.order is not None:
            y = y.transpose(0, 1, *(2 + k for k in self.order))
        return y

    def _note(self, code: str, text: str) -> None:
        self.troubles.setdefault(code, text)


class Inquiry:
    """Holds one implementation, the terms that it is judged by, and the faults noted.

    ``counts`` are numbers of batch entries and channels to be asked besides the usual ones;
    `faults` those that concern no axis in particular, or name theirs.
    """

    def __init__(
        self,
        fn: Callable[[NDArray[Any]], Any],
        terms: Terms,
        channels: int | None,
        limit: int,
        counts: Sequence[Counts],
    ) -> None:
        self.terms, self.counts = terms, counts
        self.subject = BlackBox(fn, terms.layout, terms.dtype, channels, limit, terms.accepts)
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
        """Return the lengths of a plane with outputs that are clear of the ends."""
        return self.terms.accepts.nearest(lengths_for(self.reach, 1))

    def shape(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one plane in the layout."""
        return self.terms.layout.shape(1, 1, lengths)

    def axis_plan(self, axis: int, length: int) -> AxisPlan:
        """Return the plan of one filtered axis of a length."""
        lengths = tuple(length if k == axis else a.least for k, a in enumerate(self.reach))
        return self.terms.plan(self.shape(lengths)).axes[axis]

    def fault(self, code: str, words: str) -> None:
        """Note a fault that concerns no axis in particular."""
        self.faults.append(AxisFault(code, words))

    def note(self, fault: AxisFault | None) -> None:
        """Note a fault if there is one."""
        if fault is not None:
            self.faults.append(fault)

    def has(self, *codes: str) -> bool:
        """Tell whether a fault of one of these codes is noted."""
        return any(f.code in codes for f in self.faults)


def impulses(lengths: tuple[int, ...], samples: Mapping[tuple[int, ...], float]) -> Values:
    """Make a plane of zeros but for a few samples."""
    x = np.zeros(lengths)
    for place, value in samples.items():
        x[place] = value
    return x


def central_sample(lengths: Sequence[int], reach: Sequence[Reach]) -> tuple[int, ...]:
    """Return the sample nearest the middle that an output is centred on, if the stride is right."""
    return tuple(n // 2 // a.step * a.step for n, a in zip(lengths, reach, strict=True))


def lengths_for(reach: Sequence[Reach], times: int) -> tuple[int, ...]:
    """Return lengths with inner outputs even if filters are twice as wide, or ``times`` that."""
    return tuple(
        a.whole(times * (4 * a.radius + 5 * a.step) + 3) + k * a.period for k, a in enumerate(reach)
    )
