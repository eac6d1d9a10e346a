"""Where outputs lie and roughly what they read: estimates by least squares, to try from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .answer_model import Answers, Filter
from .quantised_answers import Lines

__all__ = [
    "CURVES", "Guess", "LeastSquares", "Windows", "curve_of", "guess_rows", "is_expected",
    "nice_offsets", "windows_of",
]  # fmt: skip

Values = NDArray[np.float64]


class LeastSquares:
    """Fits of weights and a constant to answers, all by the same samples.

    The normal equations take a tenth of the time of an orthogonal decomposition. Random levels are
    so nearly orthogonal, once their means are taken off, that these lose no more than a few digits,
    and a second step gets these back. `variances` are those of the weights, if answers are off by a
    variance of 1.
    """

    def __init__(self, x: Values) -> None:
        self._mean = x.mean(0)
        self._x = x - self._mean
        products = self._x.T @ self._x
        many = len(x) > x.shape[1] + 1
        self._inverse = np.linalg.inv(products) if many else np.linalg.pinv(products)
        self.variances: Values = np.maximum(np.diag(self._inverse), 0.0)

    def fit(self, y: Values) -> tuple[Values, float, Values]:
        """Return the weights, the constant, and what is left of the answers."""
        rest = y - y.mean()
        weights = np.zeros(self._x.shape[1])
        for _ in range(2):
            step = self._inverse @ (self._x.T @ rest)
            weights += step
            rest = rest - self._x @ step
        return weights, float(y.mean() - self._mean @ weights), rest


_SURE = 6.0
"""Standard errors that a weight has to be from zero to have a part in the guess."""


@dataclass(frozen=True)
class Guess:
    """What each output seems to read."""

    matrix: Values  # (outputs, inputs): weights that are surely not zero; the others are 0
    centres: Values  # (outputs,): their means, rounded to halves; NaN where there are no weights
    # the outputs whose centres lie in the middle half: clear of the ends, even if the filter is
    # nearly twice as wide as it should be
    inner: list[int]
    # false if no weights at all explain the answers of one of these: those of least squares are off
    # by more than rounding is, in the mean of squares, and no others are by less
    is_linear: bool


def guess_rows(lines: Lines) -> Guess:
    """Guess by least squares or, where there are too few random lines for that, by edges."""
    matrix, centres, off = _by_edges(lines) if lines.edges else _by_weights(lines)
    quarter = (lines.x.shape[1] - 1) / 4
    clear = ~(matrix[:, [0, -1]] != 0).any(1)  # of both ends: others may read beyond them
    inner = [i for i, c in enumerate(centres) if clear[i] and quarter <= c <= 3 * quarter]
    if lines.edges:
        centres = _evenly(centres, inner)
    limit = 0.5 + 2 * lines.relative * float(lines.x.max())
    return Guess(matrix, np.round(2 * centres) / 2, inner, not np.any(off[inner] > limit))


def curve_of(lines: Lines, guess: Guess) -> str:
    """Name the curve before a filter, with its inverse behind, that makes answers sums of products.

    The answers of one output, each as exact as a rounding by 1/2 leaves it; empty if there is none.
    """
    if lines.edges or not guess.inner:
        return ""
    y = lines.y[:, guess.inner[len(guess.inner) // 2]]
    kept = (y > 0) & (y < lines.full)
    left = {}
    for name, curve in CURVES.items():
        x, low, at, high = (curve(v / lines.full) for v in (lines.x, y - 0.5, y, y + 0.5))
        design = np.column_stack([x, np.ones(len(x))]) / (high - low)[:, None]
        wanted = at / (high - low)
        weights = np.linalg.lstsq(design[kept], wanted[kept], rcond=None)[0]
        left[name] = float(np.sqrt(np.mean((wanted - design @ weights)[kept] ** 2)))
    best = min(left, key=lambda name: left[name])
    return best if left[best] <= 0.5 else ""


def _to_light(v: Values) -> Values:
    """Apply the curve of sRGB (IEC 61966-2-1)."""
    with np.errstate(all="ignore"):
        return np.where(v <= 0.04045, v / 12.92, np.power((v + 0.055) / 1.055, 2.4))


CURVES: dict[str, Callable[[Values], Values]] = {
    "the curve of sRGB": _to_light,
    "a power of 1.8": lambda v: np.abs(v) ** 1.8,
    "a power of 2": lambda v: v * v,
    "a power of 2.2": lambda v: np.abs(v) ** 2.2,
    "a power of 2.4": lambda v: np.abs(v) ** 2.4,
    "a power of 1/2.2": lambda v: np.abs(v) ** (1 / 2.2),
    "a square root": lambda v: np.sqrt(np.abs(v)),
}
"""What samples may go through before a filter: to light, or back."""


def _by_weights(lines: Lines) -> tuple[Values, Values, Values]:
    """Least squares for each output: weights, centres, and the root mean square of what is left.

    Roundings are errors of variance 1/12, if that is all.
    """
    n, outputs = lines.x.shape[1], lines.y.shape[1]
    matrix, off = np.zeros((outputs, n)), np.zeros(outputs)
    fits: dict[bytes, LeastSquares] = {}  # most outputs have no answers that may be cut off
    for i in range(outputs):
        y = lines.y[:, i]
        kept = (y > 0) & (y < lines.full)
        if kept.sum() <= n + 1:
            continue
        key = kept.tobytes()
        if key not in fits:
            fits = {key: LeastSquares(lines.x[kept])}
        found, _, rest = fits[key].fit(y[kept])
        off[i] = np.sqrt(np.mean(rest**2))
        deviation = np.sqrt(fits[key].variances * max(1 / 12, off[i] ** 2))
        matrix[i] = np.where(np.abs(found) > _SURE * deviation, found, 0.0)
    return matrix, _means(matrix), off


def _means(matrix: Values) -> Values:
    with np.errstate(all="ignore"):
        return np.asarray(matrix @ np.arange(matrix.shape[1]) / matrix.sum(1), np.float64)


def _by_edges(lines: Lines) -> tuple[Values, Values, Values]:
    """From one edge to the next, by how much answers differ; each weight, where these are few.

    Means are those of all differences, be these small: beyond a footprint there are none.
    """
    edges, count = np.array(lines.edges), len(lines.edges)
    random = slice(0, len(lines.x) - count)
    height = float(lines.x.max(1)[random.stop] - lines.x.min(1)[-1])
    blocks = (lines.y[random.stop : -1] - lines.y[random.stop + 1 :]) / height
    matrix = np.zeros((lines.y.shape[1], lines.x.shape[1]))
    lengths = np.diff(edges)
    with np.errstate(all="ignore"):
        centres = np.asarray((edges[:-1] + (lengths - 1) / 2) @ blocks / blocks.sum(0), np.float64)
    for i, weights in enumerate(blocks.T):
        (seen,) = np.nonzero(np.abs(weights) * height > 1.0)  # which two roundings may make
        if not seen.size:
            continue
        ends = edges[max(seen[0] - 1, 0)], edges[min(seen[-1] + 2, count - 1)]
        inside = slice(int(ends[0]), int(ends[1]))
        kept = (lines.y[random, i] > 0) & (lines.y[random, i] < lines.full)
        if kept.sum() > 2 * (inside.stop - inside.start):
            fit = LeastSquares(lines.x[random, inside][kept])
            found, _, rest = fit.fit(lines.y[random, i][kept])
            deviation = np.sqrt(fit.variances * max(1 / 12, float(np.mean(rest**2))))
            matrix[i, inside] = np.where(np.abs(found) > _SURE * deviation, found, 0.0)
            centres[i] = _means(matrix[i : i + 1])[0]
        else:
            weights[: seen[0]] = weights[seen[-1] + 1 :] = 0.0
            matrix[i, : edges[-1]] = np.repeat(weights / lengths, lengths)
    return matrix, centres, np.zeros(len(matrix))


def _evenly(centres: Values, inner: list[int]) -> Values:
    """The same centres, more exactly, if they are evenly spaced by halves of a sample."""
    if len(inner) < 3:
        return centres
    places = np.array(inner)
    step = np.round(2 * np.polyfit(places, centres[inner], 1)[0]) / 2
    even = np.arange(len(centres)) * step
    even += float(np.mean(centres[inner] - even[inner]))
    near = np.abs(centres - even) < 0.5
    return np.where(near, even, centres) if near[inner].all() else centres


_FEW = 256
"""Answers."""


@dataclass(frozen=True)
class Windows(Answers):
    """What inner outputs would read of any filter that is the same for all of them."""

    x: Values  # (answers, places)
    y: Values  # (answers,)
    places: Values  # counted from the centres, halves where these are
    # as of `Lines`
    full: int
    relative: float
    half: float
    base: float  # what zeros become

    @property
    def nice(self) -> tuple[float, ...]:
        """As of `nice_offsets`."""
        return nice_offsets(self.base, self.half)

    @cached_property
    def few(self) -> "Windows":
        """Some of the answers, which hardly a filter explains that does not explain all."""
        rows = slice(None, None, len(self.y) // _FEW + 1)
        return replace(self, x=self.x[rows], y=self.y[rows])

    def sums(self, filters: Sequence[Filter]) -> Values:
        """See `Answers.sums`; there is one filter."""
        return self._applied(filters[0].gain * filters[0].taps, filters[0].places)

    def slack(self, filters: Sequence[Filter]) -> Values:
        """See `Answers.slack`; there is one filter."""
        weights = np.abs(filters[0].gain * filters[0].taps)
        return self.relative * self._applied(weights, filters[0].places)

    def _applied(self, weights: Values, places: Values) -> Values:
        first = int(np.searchsorted(self.places, places[0]))
        return np.asarray(self.x[:, first : first + len(places)] @ weights, np.float64)


def nice_offsets(base: float, half: float) -> tuple[float, ...]:
    """Return what is added to sums by rounding them to nearest, down or up, the likeliest first.

    ``base`` is what zeros become; ``half`` is as of `Lines`. Where it is more than 1/2, sums have
    been rounded before, and multiplied by a gain since.
    """
    ways = (0.0, -0.5, 0.5)
    if half <= 0.5:
        return tuple(base + last for last in ways)
    gain = 2 * half - 1
    twice = [gain * first + last for first in ways for last in ways]
    return tuple(base + b for b in dict.fromkeys([-half, *sorted(twice, key=abs)]))


def is_expected(offset: float, nice: Sequence[float], base: float) -> bool:
    """Return True if rounding adds so much to sums, or what makes ``base`` of zeros, rounded."""
    return offset in nice or (base != 0 and abs(offset - base) <= 0.5)


def windows_of(lines: Lines, guess: Guess, base: float) -> Windows | None:
    """None if inner outputs are too few, or lie now on samples and now between them."""
    centres = guess.centres[guess.inner]
    if len(centres) < 2 or len(set(centres % 1)) > 1:
        return None
    n = lines.x.shape[1]
    reach = int(min(centres.min(), n - 1 - centres.max()))
    places = np.arange(-reach, reach + 1) + float(centres[0] % 1)
    if places[-1] > reach:
        places = places[:-1]
    index = (centres[:, None] + places).astype(np.int64)
    x = lines.x[:, index].reshape(-1, len(places))
    y = lines.y[:, guess.inner].reshape(-1)
    return Windows(
        x, y, np.asarray(places, np.float64), lines.full, lines.relative, lines.half, base
    )
