"""A model of an implementation: filters, where outputs lie, roundings; it predicts answers.

Answers are intervals: sums are known to within a bound, and so are the integers that they are
rounded to.
"""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...convention_parts import bordered_row
from ...numerics.linear_map import along
from .quantised_answers import Lines, Planes, offsets

__all__ = [
    "Answers", "Evidence", "Filter", "Laid", "PassModel", "Rows", "explain_between",
    "gaussian",
]  # fmt: skip

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Filter:
    """Taps that explain answers."""

    # taps sum to 1
    places: Values
    taps: Values
    gain: float  # by which they are multiplied
    offset: float  # what is added to every sum before it is rounded to nearest
    sigma: float | None = None  # of a Gaussian
    # the sigmas that explain all answers, where it was sought
    interval: tuple[float, float] | None = None
    coarse: str = ""  # to what the expected taps have been rounded, if they have
    total: float = 1.0  # what such coarse taps sum to, before that is made 1
    free: bool = False  # whether the taps are no known filter's, but those that explain the answers
    instead: tuple[str, ...] = ()  # other filters with no more faults that explain all answers

    @property
    def words(self) -> str:
        """A filter as an alternative to another."""
        kind = f"sigma {self.sigma:.6g}" if self.sigma else f"taps rounded to {self.coarse}"
        low, high = self.places[[0, -1]]
        reach = f"radius {high:g}" if low == -high else f"taps from {low:g} to {high:g}"
        gain = f", gain {self.gain:.6g}" if self.gain != 1 and not self.coarse else ""
        return f"{kind} with {reach}{gain}"

    @property
    def digits(self) -> int:
        """Those of sigma, where it was sought: numbers that somebody chose have few."""
        return len(repr(self.sigma)) if self.interval else 0

    @property
    def parameters(self) -> Values:
        """What was sought among numbers: sigma, or all taps but the first; none if it is known.

        The gain is none of them: all axes share it.
        """
        if self.sigma is not None and self.interval is not None:
            return np.array([self.sigma])
        return self.taps[1:] if self.free else np.zeros(0)

    def having(self, parameters: Values) -> "Filter":
        """The same with other `parameters`."""
        if self.interval is not None:
            sigma = float(parameters[0])
            return replace(self, sigma=sigma, taps=gaussian(self.places, sigma))
        if self.free:
            return replace(self, taps=np.concatenate([[1.0 - parameters.sum()], parameters]))
        return self

    def resembles(self, other: "Filter") -> bool:
        """Whether the two are the same but for their parameters and what all axes share."""
        if not np.array_equal(self.places, other.places):
            return False
        kinds = [(f.interval is not None, f.free, f.coarse) for f in (self, other)]
        known = not len(self.parameters)
        return kinds[0] == kinds[1] and (not known or np.array_equal(self.taps, other.taps))


def gaussian(places: Values, sigma: float) -> Values:
    """Taps of sum 1 at some places."""
    if sigma == 0:
        return np.asarray(places == 0, np.float64)
    taps = np.exp(-(places**2) / (2 * sigma * sigma))
    return np.asarray(taps / taps.sum(), np.float64)


@dataclass(frozen=True)
class Laid:
    """Where outputs of an axis lie, and what they do beyond its ends."""

    n: int  # inputs
    outputs: list[int]  # those that are known; ``centres`` and ``rules`` are theirs
    centres: list[float]
    rules: list[str]
    # how many samples at the first end and at the last are not read, as if there were none
    unread: tuple[int, int] = (0, 0)

    def matrix(self, f: Filter) -> Values:
        """Return what the outputs read, in units of the gain."""
        (first, last), matrix = self.unread, np.zeros((len(self.outputs), self.n))
        read = slice(first, self.n - last)
        for row, centre, rule in zip(matrix, self.centres, self.rules, strict=True):
            row[read] = bordered_row(centre - first, f.places, f.taps, self.n - first - last, rule)
        return matrix

    def clear_of_ends(self, f: Filter) -> "Laid":
        """Return the outputs whose footprint lies within the axis."""
        low, high = -float(f.places[0]), self.n - 1 - float(f.places[-1])
        known = zip(self.outputs, self.centres, self.rules, strict=True)
        kept = [(i, c, rule) for i, c, rule in known if low <= c <= high]
        return Laid(self.n, [i for i, *_ in kept], [c for _, c, _ in kept], [r for *_, r in kept])


class Answers(ABC):
    """Answers, each the rounding of a sum that is known to within a bound if the filters are.

    There is a filter for each axis. `y` has all answers; `full` and `half` are as of `Lines`.
    """

    y: Values
    full: int
    half: float

    @cached_property
    def uncut(self) -> NDArray[np.bool_]:
        """The answers that cannot have been cut off."""
        return (self.y > 0) & (self.y < self.full)

    @abstractmethod
    def sums(self, filters: Sequence[Filter]) -> Values:
        """Return those that were rounded to `y`, but for what is added to all of them."""

    @abstractmethod
    def slack(self, filters: Sequence[Filter]) -> Values:
        """Return what the sums may be off by."""

    def offsets(self, filters: Sequence[Filter]) -> tuple[float, float]:
        """Return what has to be added to all sums so that they explain all answers: from, to.

        No number does if the first is the larger.
        """
        return offsets(self.sums(filters), self.slack(filters), self.y, self.full, self.half)


class Evidence(Answers):
    """Answers to lines along each axis: of the outputs that are laid; and perhaps to planes."""

    def __init__(
        self, lines: Sequence[Lines], laid: Sequence[Laid], planes: Planes | None = None
    ) -> None:
        self._lines, self._laid, self._planes = lines, laid, planes
        answers = [asked.y[:, known.outputs] for asked, known in zip(lines, laid, strict=True)]
        if planes is not None:
            every = range(len(planes.y))
            answers.append(planes.y[np.ix_(every, *(known.outputs for known in laid))])
        self.y = np.concatenate([y.ravel() for y in answers])
        self.full, self.half = lines[0].full, max(asked.half for asked in lines)
        self._relative = max(asked.relative for asked in lines)

    def sums(self, filters: Sequence[Filter]) -> Values:
        """See `Answers.sums`."""
        return filters[0].gain * self._apply([
            known.matrix(f) for known, f in zip(self._laid, filters, strict=True)
        ])  # fmt: skip

    def slack(self, filters: Sequence[Filter]) -> Values:
        """See `Answers.slack`."""
        matrices = [np.abs(k.matrix(f)) for k, f in zip(self._laid, filters, strict=True)]
        return abs(filters[0].gain) * self._relative * self._apply(matrices)

    def _apply(self, matrices: Sequence[Values]) -> Values:
        pairs = zip(self._lines, matrices, strict=True)
        sums = [asked.x @ matrix.T for asked, matrix in pairs]
        if self._planes is not None:
            x = self._planes.x
            for axis, matrix in enumerate(matrices, 1):
                x = along(matrix, x, axis)
            sums.append(x)
        return np.concatenate([s.ravel() for s in sums])


@dataclass(frozen=True, eq=False)
class Rows:
    """What every output of an axis reads."""

    lines: Lines  # the answers
    found: Filter  # the inner filter
    laid: Laid  # the outputs all whose answers follow from it
    guessed: Values  # (outputs, inputs): what all outputs seem to read, if nothing explains them

    @property
    def matrix(self) -> Values:
        """Of shape (outputs, inputs), in units of the gain."""
        rows = self.guessed / self.found.gain
        rows[self.laid.outputs] = self.laid.matrix(self.found)
        return rows

    @property
    def rule(self) -> str:
        """The one that the first output follows, or the last, if there is another than inside."""
        first, last = self.laid.rules[0], self.laid.rules[-1]
        return last if first == self.laid.rules[len(self.laid.rules) // 2] else first

    @property
    def shows_both_ends(self) -> bool:
        """Whether outputs at both ends have a footprint that reaches beyond them."""
        first = min(self.laid.centres) + float(self.found.places[0])
        last = max(self.laid.centres) + float(self.found.places[-1])
        return first < 0 and last > self.laid.n - 1

    @property
    def is_explained(self) -> bool:
        """Whether all outputs are."""
        return len(self.laid.outputs) == len(self.guessed)


_ADDED = {"to nearest": 0.0, "down": -0.5, "up": 0.5}
"""What is added before rounding to nearest, for each way of rounding."""

_AS_NEAR = 0.05
"""Units of distance that tell nothing: ways of rounding differ by a quarter of one and more."""


class PassModel(NamedTuple):
    """An implementation that filters one axis after the other, and rounds after each."""

    rows: Sequence[Rows]  # what outputs read, along each axis
    base: float  # what is added before the last rounding
    # "to nearest" or "down" or "up": how sums are rounded after the first passes, and after the
    # last
    between: str
    last: str
    # the part of the gain that comes before the first rounding; the rest is before the last
    first_gain: float
    backwards: bool  # whether the last axis is filtered first

    def predict(self, x: Values) -> tuple[Values, Values]:
        """Return the least and the largest answers to planes, of shape (planes, *outputs).

        Sums are known to within a bound, and so are the taps: what either leaves open may be
        rounded to one number or the next.
        """
        first, gain = self.rows[0].lines, self.rows[0].found.gain
        order = range(len(self.rows))[:: -1 if self.backwards else 1]
        low, high = x, x
        for k in order:
            low, high = _filtered(self.rows[k], low, high, k + 1)
            if k == order[0]:
                low, high = self.first_gain * low, self.first_gain * high
            if k != order[-1]:
                low, high = _rounded(low, high, _ADDED[self.between], first.full)
        low, high = gain / self.first_gain * low, gain / self.first_gain * high
        return _rounded(low, high, self.base + _ADDED[self.last], first.full)

    def explains(self, planes: Planes) -> bool:
        """Return True if all answers are among those predicted."""
        low, high = self.predict(planes.x)
        return bool(np.all((low <= planes.y) & (planes.y <= high)))

    def distance(self, planes: Planes) -> float:
        """Return how far the middles of what is predicted are from the answers, on average."""
        low, high = self.predict(planes.x)
        return float(np.abs((low + high) / 2 - planes.y).mean())

    @property
    def words(self) -> str:
        """The finding, in a clause."""
        where = "what lies between the passes is rounded to integers"
        if self.first_gain == self.rows[0].found.gain != 1:
            where += " after a gain"
        if self.between == self.last:
            return f"{where}, too, all {self.last}"
        return f"{where}, {self.between}, results {self.last}"


def explain_between(planes: Planes, rows: Sequence[Rows], base: float) -> str:
    """Say how results and what lies between the passes are rounded, if that gives all answers.

    Of models that do, the likeliest of those whose middles are nearest to the answers: where sums
    may be off by more than a unit, the others differ from them by as much on average.
    """
    models = [model for model in _variants(rows, base) if model.explains(planes)]
    far = [model.distance(planes) for model in models]
    least = min(far, default=0.0)
    return next((m.words for m, d in zip(models, far, strict=True) if d <= least + _AS_NEAR), "")


def _variants(rows: Sequence[Rows], base: float) -> Iterator[PassModel]:
    """Yield models, the likeliest first: rounded alike, the last axis last, and a gain at the end.

    Else it comes first, or with each of two passes.
    """
    gain = rows[0].found.gain
    gains = dict.fromkeys([1.0, gain, math.sqrt(gain)] if gain > 0 else [1.0, gain])
    for unlike, first_gain, backwards in itertools.product((False, True), gains, (False, True)):
        for between, last in itertools.product(_ADDED, repeat=2):
            if (between != last) == unlike:
                yield PassModel(rows, base, between, last, first_gain, backwards)


def _filtered(r: Rows, low: Values, high: Values, axis: int) -> tuple[Values, Values]:
    """Return the least and the largest sums along an axis of numbers from ``low`` to ``high``."""
    positive, negative = np.maximum(r.matrix, 0), np.minimum(r.matrix, 0)
    most = np.maximum(np.abs(low), np.abs(high))
    size = along(r.lines.relative * np.abs(r.matrix) + _doubt(r), most, axis)
    return (
        along(positive, low, axis) + along(negative, high, axis) - size,
        along(positive, high, axis) + along(negative, low, axis) + size,
    )


def _rounded(low: Values, high: Values, added: float, full: int) -> tuple[Values, Values]:
    """Return the least and the largest integers that sums are rounded to, and cut off at."""
    return (
        np.clip(np.ceil(low + added - 0.5), 0, full),
        np.clip(np.floor(high + added + 0.5), 0, full),
    )


def _doubt(r: Rows) -> Values:
    """Return by how much weights may be others: those of a sigma at either end of what is open."""
    matrix = r.laid.matrix(r.found)
    if r.found.interval is None:
        return np.zeros(matrix.shape)
    ends = [r.laid.matrix(r.found.having(np.array([sigma]))) for sigma in r.found.interval]
    return np.asarray(np.max([np.abs(end - matrix) for end in ends], axis=0), np.float64)
