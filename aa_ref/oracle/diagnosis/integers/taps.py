"""The filter that explains all answers of the inner outputs, with as few faults as can be.

Guesses are made by least squares. One is taken only if it explains every single answer, as a
rounding of a sum that is known to within a bound; of several, the one with the fewest faults.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ....filters import radius_of
from ....plans import AxisPlan
from ..tap_formats import coarse_taps
from .filters import Filter, gaussian, gaussian_slope
from .fitting import leeway, minimax
from .least_squares import LeastSquares
from .windows import Windows, is_expected

__all__ = ["find_filters"]

Values = NDArray[np.float64]
_Trial = tuple[tuple[int, int], float | None, float | None]
"""First and last place, sigma, gain: the last two are sought where they are None."""


def find_filters(w: Windows, a: AxisPlan) -> Iterator[list[Filter]]:
    """Those that explain the answers, with no fault, with one and so on; the likelier first.

    In the end, if nothing else does, one that adds something odd to its sums.
    """
    guess, odd, any_usual = _Guess(w), [], False
    for level in _levels(w, a, guess):
        found = [f for f in level if f is not None]
        usual = [f for f in found if is_expected(f.offset, w.nice, w.base)]
        any_usual |= bool(usual)
        yield sorted(usual, key=lambda f: ([*w.nice, f.offset].index(f.offset), f.digits))
        odd += found
    if odd and not any_usual:
        yield odd[:1]


class _Guess:
    """Of least squares: taps, which of them are surely not zero, their sum and deviation."""

    def __init__(self, w: Windows) -> None:
        fit = LeastSquares(w.x[w.uncut])
        self.taps, self.offset, _ = fit.fit(w.y[w.uncut])
        self.error = np.sqrt(fit.variances / 12)
        (sure,) = np.nonzero(np.abs(self.taps) > 6 * self.error)
        self.sure = slice(int(sure.min()), int(sure.max()) + 1) if len(sure) else slice(0, 0)
        self.places, kept = w.places[self.sure], self.taps[self.sure]
        self.gain = float(kept.sum()) if len(sure) else math.nan
        with np.errstate(all="ignore"):
            variance = float(kept @ self.places**2) / self.gain
        self.sigma = math.sqrt(variance) if variance > 0 else 0.25


def _levels(w: Windows, a: AxisPlan, guess: _Guess) -> Iterator[Iterator[Filter | None]]:
    """Filters with no fault, with one, with two, with three; then any taps."""
    trials: list[list[_Trial]] = [[], [], []]
    bare = len(guess.places) == 1 and a.radius > 0  # or so it seems: outer taps may be tiny
    if w.places[0] % 1 == 0:
        trials = _trials(w, a, guess.sigma)
        if bare:
            trials = [trials[0], [((-a.radius, a.radius), float(a.sigma), None)], []]
    for count, gaussians in enumerate(trials):
        yield chain(
            _plain(w, guess, None if count > 1 else 1.0) if count else (),
            (_fit(w, *trial, guess) for trial in gaussians),
            _coarse(w, a, guess) if count == 1 and gaussians and w.half == 0.5 else (),
        )
        if count == 2 and w.half > 0.5:
            return  # so loose a limit tells no more
    yield iter([_free(w, guess)])


def _trials(w: Windows, a: AxisPlan, guessed: float) -> list[list[_Trial]]:
    """Gaussians to be tried, by how many of reach, sigma and gain are not as expected."""
    sigma, own = float(a.sigma), (-a.radius, a.radius)
    others = _reaches(w, a.radius) if a.radius else []
    wide = [*dict.fromkeys([own, *_ruled(w, guessed)])] if a.radius else _ruled(w, guessed)
    rest = [reach for reach in others if reach not in wide]
    return [
        [(own, sigma, 1.0)],
        [
            (own, sigma, None),
            *((reach, sigma, 1.0) for reach in others),
            *((reach, None, 1.0) for reach in wide),
        ],
        [
            *((reach, sigma, None) for reach in others),
            *((reach, None, None) for reach in wide),
            *((reach, None, 1.0) for reach in rest),
        ],
        [(reach, None, None) for reach in rest],
    ]


def _reaches(w: Windows, radius: int) -> list[tuple[int, int]]:
    """Other radii, the nearest first; and one tap too few at one end."""
    most = int(w.places[-1])
    radii = sorted((r for r in range(1, most + 1) if r != radius), key=lambda r: abs(r - radius))
    uneven = [(-radius, radius - 1), (-radius + 1, radius)]
    return [(-r, r) for r in radii] + (uneven if radius <= most else [])


def _ruled(w: Windows, sigma: float) -> list[tuple[int, int]]:
    """The reaches that the rule gives for about that sigma."""
    radii = dict.fromkeys(radius_of(sigma * (1 + e)) for e in (0.0, -0.02, 0.02))
    return [(-r, r) for r in radii if 1 <= r <= w.places[-1]]


def _fit(
    w: Windows, reach: tuple[int, int], sigma: float | None, gain: float | None, guess: _Guess
) -> Filter | None:
    """A Gaussian that explains all answers; sigma or gain are sought where they are None."""
    if reach[0] < w.places[0] or reach[1] > w.places[-1]:
        return None
    places = np.arange(reach[0], reach[1] + 1, dtype=np.float64)
    if sigma is not None:
        taps = gaussian(places, sigma)
        found = _scaled(w, places, taps, gain)
        return found and replace(found, sigma=sigma)
    start, rate = guess.sigma, guess.gain if gain is None else gain
    x, y = w.select(places)[w.uncut], w.y[w.uncut]
    for _ in range(8):
        at, slope = gaussian(places, start), gaussian_slope(places, start)
        free = [rate * (x @ slope), np.ones(len(y)), *([x @ at] if gain is None else [])]
        step = np.linalg.lstsq(np.column_stack(free), y - rate * (x @ at), rcond=None)[0]
        start += float(np.clip(step[0], -start / 2, start / 2))
        rate += float(step[2]) if gain is None else 0.0
        if not 0 < start < 100 or not math.isfinite(rate):
            return None
    at, slope = gaussian(places, start), gaussian_slope(places, start)
    columns = np.column_stack([rate * (x @ slope), *([x @ at] if gain is None else [])])
    limit = w.limit(abs(rate) * (x @ at))
    nearest = sorted(w.nice, key=lambda b: abs(b - float(step[1])))
    for offset in nearest[: 3 if w.half > 0.5 else 1]:  # a mean tells less of two roundings
        best = minimax(columns, y - rate * (x @ at) - offset, limit)
        if best.parameters is None:
            continue
        middle = start + float(best.parameters[0])
        trials = [(round(middle, digits), gain) for digits in range(1, 9)]  # the shortest
        if gain is None:
            trials.append((middle, rate + float(best.parameters[1])))
        for sigma, total in trials:
            found = _scaled(w, places, gaussian(places, sigma), total, offset)
            if found is not None and found.offset == offset:
                errors = y - offset - found.gain * (x @ found.taps)
                low, high = leeway(errors, limit, found.gain * (x @ gaussian_slope(places, sigma)))
                return replace(found, sigma=sigma, interval=(sigma + low, sigma + high))
    return None


def _scaled(
    w: Windows, places: Values, taps: Values, gain: float | None, first: float | None = None
) -> Filter | None:
    """Taps with a gain that explains all answers: the given one, or the shortest number.

    With what is added to sums ``first``, if a given gain leaves a choice.
    """
    if gain is not None:
        low, high = w.offsets(places, gain * taps)
        if first is not None and low <= first <= high:
            return Filter(places, taps, gain, first)
        offset = w.named((low, high))
        return None if math.isnan(offset) else Filter(places, taps, gain, offset)
    x, y = w.select(places)[w.uncut] @ taps, w.y[w.uncut]
    with np.errstate(all="ignore"):
        step = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    usual = min(w.nice, key=lambda b: abs(b - float(step[1])))
    limit = w.limit(abs(float(step[0])) * x)
    best = minimax(x[:, None], y - usual, limit)
    if best.parameters is not None:
        found = _shortest(w, places, taps, float(best.parameters[0]), usual)
        if found is not None:
            return found
    best = minimax(np.column_stack([x, np.ones(len(x))]), y, limit)
    if best.parameters is None:
        return None
    return _shortest(w, places, taps, float(best.parameters[0]), None)


def _shortest(
    w: Windows, places: Values, taps: Values, gain: float, usual: float | None
) -> Filter | None:
    """With the gain of the fewest digits that explains all answers (with a certain offset)."""
    first = -math.floor(math.log10(abs(gain))) if gain else 0
    for digits in range(first, first + 10):
        rate = round(gain, digits)
        offset = w.named(w.offsets(places, rate * taps))
        if not math.isnan(offset) and usual in (None, offset):
            return Filter(places, taps, rate, offset)
    return None


def _coarse(w: Windows, a: AxisPlan, guess: _Guess) -> Iterator[Filter | None]:
    """The expected taps, rounded to coarse numbers, where these are near those of least squares."""
    places = np.arange(-a.radius, a.radius + 1, dtype=np.float64)
    if a.radius > w.places[-1]:
        return
    index = np.searchsorted(w.places, places)
    found, error = guess.taps[index], 8 * guess.error[index] + w.relative * abs(guess.gain)
    for words, weights in coarse_taps(gaussian(places, float(a.sigma)), 0.1 / w.full):
        total = float(weights.sum())  # which along other axes may be another gain
        if np.any(np.abs(found - guess.gain * weights / total) > error):
            continue
        for gain in (1.0, None):
            scaled = _scaled(w, places, weights / total, gain)
            if scaled is not None:
                yield replace(scaled, coarse=words, total=total)
                break


def _plain(w: Windows, guess: _Guess, gain: float | None) -> Iterator[Filter | None]:
    """A box (or one tap), a triangle, a binomial, over the places that surely have taps."""
    places = guess.places
    count = len(places)
    if count:
        away = np.abs(places - places.mean())
        binomial = np.array([float(math.comb(count - 1, k)) for k in range(count)])
        for taps in (np.ones(count), away.max() + 1 - away, binomial):
            yield _scaled(w, places, taps / taps.sum(), gain)


def _free(w: Windows, guess: _Guess) -> Filter | None:
    """Any taps: first where they surely are not zero, then everywhere; if they can, of sum 1."""
    offset = min(w.nice, key=lambda b: abs(b - guess.offset))
    for first, last in dict.fromkeys([guess.sure.indices(len(w.places))[:2], (0, len(w.places))]):
        places = w.places[first:last]
        if not len(places):
            continue
        x, y = w.select(places)[w.uncut], w.y[w.uncut] - offset
        limit = w.limit(x @ np.abs(guess.taps[first:last]))
        one = minimax(x[:, 1:] - x[:, :1], y - x[:, 0], limit).parameters
        weights = minimax(x, y, limit).parameters if one is None else np.append(1 - one.sum(), one)
        if weights is None or not weights.sum():
            continue
        gain = 1.0 if one is not None else float(weights.sum())
        found = w.named(w.offsets(places, weights))
        if not math.isnan(found):
            return Filter(places, weights / weights.sum(), gain, found, free=True)
    return None
