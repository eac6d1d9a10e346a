"""The numbers in filters that explain all answers, by least squares and then by exchange."""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .answer_model import Answers, Filter

__all__ = ["fit_filters", "is_too_much", "leeway", "minimax"]

Values = NDArray[np.float64]

_WORK = 1 << 30
"""Answers times squares of parameters, beyond which no fit is tried."""

_STEP, _SMALL = 2.0**-13, 1e-4
"""Of parameters: for derivatives, and the last, whose square tells how exact they are."""


def fit_filters(e: Answers, filters: Sequence[Filter], nice: Sequence[float]) -> list[Filter]:
    """Return the filters, one for each axis, with parameters that explain all answers.

    Those given are near the ones sought; filters that are all alike stay alike if they can. One of
    the ``nice`` is added to all sums, if it can be. Nothing if there are no such parameters; else
    each is a number as short as can be.
    """
    alike = all(filters[0].resembles(f) for f in filters)
    ways = (True, False) if alike and len(filters) > 1 else (alike,)
    return next((found for shared in ways if (found := _Fit(e, filters, shared).solve(nice))), [])


def is_too_much(e: Answers, filters: Sequence[Filter]) -> bool:
    """Whether a fit would take too long."""
    count = sum(len(f.parameters) for f in filters) + 2
    return len(e.y) * count**2 > _WORK


class _Fit:
    """All parameters as one vector: those of the filters, the gain, what is added to sums."""

    def __init__(self, e: Answers, filters: Sequence[Filter], shared: bool) -> None:
        self._e, self._filters, self._shared = e, filters, shared
        own = [f.parameters for f in (filters[:1] if shared else filters)]
        self._ends = np.cumsum([len(p) for p in own])
        gain = next((f.gain for f in filters if f.gain != 1), 1.0)
        self._start = np.concatenate([*own, [gain, filters[0].offset]])
        self._known = frozenset([len(self._start) - 2] if gain == 1 else [])

    def solve(self, nice: Sequence[float]) -> list[Filter]:
        """As `fit_filters` returns."""
        if self._start[-1] in nice and self._explains(self._start):
            return self._finished(self._start)
        last = len(self._start) - 1
        near = self._nearest(self._start)
        if near is None:
            return []
        usual = sorted(nice, key=lambda b: abs(b - float(near[-1])))
        some = usual[: 1 if self._e.half == 0.5 else 3]  # a mean tells less of two roundings
        for p, known in (
            *((_placed(near, last, b), self._known | {last}) for b in some),
            (near, self._known),
        ):
            best = self._best(p, known)
            if best is not None:
                return self._finished(self._shortest(best, known))
        return []

    def _with(self, p: Values) -> list[Filter]:
        parts = np.split(p, self._ends)[: len(self._ends)]
        parts = parts * len(self._filters) if self._shared else parts
        gain, offset = float(p[-2]), float(p[-1])
        pairs = zip(self._filters, parts, strict=True)
        return [replace(f.having(part), gain=gain, offset=offset) for f, part in pairs]

    def _is_sound(self, p: Values) -> bool:
        sigmas = [f.parameters[0] for f in self._with(p) if f.interval is not None]
        return bool(np.isfinite(p).all()) and all(2 * _STEP < s < 100 for s in sigmas)

    def _explains(self, p: Values) -> bool:
        low, high = self._e.offsets(self._with(p))
        return bool(low <= p[-1] <= high)

    def _errors(self, p: Values) -> Values:
        return np.asarray(self._e.y - self._e.sums(self._with(p)) - p[-1], np.float64)

    def _slopes(self, p: Values, columns: Collection[int]) -> Values:
        """The derivatives of the sums: but for those with respect to sigma, these are exact."""
        found = []
        for k in columns:
            less, more = (self._errors(_placed(p, k, p[k] + step)) for step in (-_STEP, _STEP))
            found.append((less - more) / (2 * _STEP))
        return np.column_stack(found)

    def _nearest(self, p: Values) -> Values | None:
        """By least squares, so that from there on all is linear; nothing misleads that far."""
        columns = [k for k in range(len(p)) if k not in self._known]
        kept = self._e.uncut
        bound = np.full(len(p), math.inf)
        if not any(f.free for f in self._filters):
            bound[:-2] = p[:-2] / 2  # of sigmas
        for _ in range(8):
            slopes = self._slopes(p, columns)[kept]
            step = np.linalg.lstsq(slopes, self._errors(p)[kept], rcond=None)[0]
            p = p.copy()
            p[columns] += np.clip(step, -bound[columns], bound[columns])
            if not self._is_sound(p):
                return None
            if np.abs(step).max(initial=0.0) < _SMALL:
                break
        return p

    def _best(self, p: Values, known: Collection[int]) -> Values | None:
        """The parameters of the smallest largest error, if it is small enough."""
        columns = [k for k in range(len(p)) if k not in known]
        kept = self._e.uncut
        limit = self._e.half + 0.999 * self._e.slack(self._with(p))[kept]
        for _ in range(2 if columns else 0):  # the second time from where the first led
            slopes = self._slopes(p, columns)[kept]
            step = minimax(slopes, self._errors(p)[kept], limit)
            if step is None:
                return None
            p = p.copy()
            p[columns] += step
            if not self._is_sound(p) or self._explains(p):
                break
        return p if self._is_sound(p) and self._explains(p) else None

    def _shortest(self, p: Values, known: frozenset[int]) -> Values:
        """Sigma, then the gain, as numbers of the fewest digits that leave an explanation."""
        if any(f.free for f in self._filters):
            return p
        for k in range(len(p) - 1):
            first = -math.floor(math.log10(abs(p[k]))) if p[k] else 0
            for digits in range(first, first + 10) if k not in known else ():
                rounded = _placed(p, k, round(float(p[k]), digits))
                found = self._best(rounded, known | {k}) if self._is_sound(rounded) else None
                if found is not None:
                    p, known = found, known | {k}
                    break
        return p

    def _finished(self, p: Values) -> list[Filter]:
        """With the sigmas that explain all answers, all else being the same, to first order."""
        found = self._with(p)
        kept = self._e.uncut
        errors = self._errors(p)[kept]
        limit = self._e.half + self._e.slack(found)[kept]
        for i, f in enumerate(found):
            if f.interval is not None and f.sigma is not None:
                slope = self._slopes(p, [0 if self._shared else int(self._ends[i]) - 1])[kept, 0]
                low, high = leeway(errors, limit, slope)
                found[i] = replace(f, interval=(f.sigma + low, f.sigma + high))
        return found


def _placed(p: Values, k: int, value: float) -> Values:
    p = p.copy()
    p[k] = value
    return p


_MOST = 1000
"""Exchanges. What is neither found nor refuted by then counts as not found."""

_RENEWED = 32
"""Exchanges after which an inverse is computed anew: each adds to its rounding errors."""


def minimax(columns: Values, wanted: Values, limit: Values | float) -> Values | None:
    """Return ``p`` with ``abs(wanted - columns @ p) <= limit``, by exchange; None if there is none.

    One more sample than there are parameters have a best fit with errors of one size; that is
    the least that any parameters can do. The sample with the largest error takes the place of one
    of them, so that this grows, until the error is within the limit or the least is beyond it
    (Stiefel 1959; it is the simplex method on the dual). The inverse of their matrix is kept from
    one exchange to the next, and computed anew before the last.
    """
    count = columns.shape[1]
    if len(wanted) <= count:
        return None
    scale = 1.0 / np.broadcast_to(limit, wanted.shape)
    a, y = columns * scale[:, None], wanted * scale
    size = np.maximum(np.abs(a).max(0), np.finfo(np.float64).tiny)
    a = a / size
    chosen = _independent(a)
    if chosen is None:
        return None
    null = np.linalg.svd(a[chosen].T)[2][-1]
    signs = np.where(null < 0, -1.0, 1.0)
    if (signs * np.abs(null)) @ y[chosen] < 0:
        signs = -signs
    inverse, age = np.empty(0), 0
    for _ in range(_MOST):
        if not age:
            basis = np.vstack([(signs[:, None] * a[chosen]).T, np.ones(count + 1)])
            try:
                inverse = np.linalg.inv(basis)
            except np.linalg.LinAlgError:
                break
        solved = (signs * y[chosen]) @ inverse
        errors = y - a @ solved[:-1]
        worst = int(np.abs(errors).argmax())
        is_found = abs(errors[worst]) <= 1.0
        # but for the rounding of the fit itself
        if is_found or not solved[-1] <= 1.0 + 1e-9 or worst in chosen:
            if age:  # only a new inverse decides
                age = 0
                continue
            return np.asarray(solved[:-1] / size, np.float64) if is_found else None
        sign = np.sign(errors[worst])
        change = inverse @ np.append(sign * a[worst], 1.0)
        with np.errstate(all="ignore"):
            ratios = np.where(change > 1e-12, np.maximum(inverse[:, -1], 0) / change, np.inf)
        k = int(ratios.argmin())
        chosen[k], signs[k] = worst, sign
        age = (age + 1) % _RENEWED if np.isfinite(ratios[k]) else 0
        if age:  # the inverse with that column of the basis replaced
            row = inverse[k] / change[k]
            inverse -= np.outer(change, row)
            inverse[k] = row
    return None


def leeway(errors: Values, limit: Values, slope: Values) -> tuple[float, float]:
    """How much less and more a parameter may be, all else being the same, to first order."""
    with np.errstate(all="ignore"):
        ends = np.sort([(errors - limit) / slope, (errors + limit) / slope], axis=0)
    moved = slope != 0
    return float(ends[0][moved].max(initial=-math.inf)), float(ends[1][moved].min(initial=math.inf))


def _independent(a: Values) -> NDArray[np.int64] | None:
    """One row more than there are columns, so that all columns are told apart."""
    chosen: list[int] = []
    rest = a.copy()
    for _ in range(a.shape[1]):
        k = int((rest**2).sum(1).argmax())
        length = float(np.sqrt(rest[k] @ rest[k]))
        if not length > 1e-12:
            return None
        chosen.append(k)
        unit = rest[k] / length
        rest = rest - (rest @ unit)[:, None] * unit
    chosen.append(next(k for k in range(len(a)) if k not in chosen))
    return np.array(chosen)
