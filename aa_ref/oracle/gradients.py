"""The adjoint: gradients that it is asked of, its identity, and what a wrong one does instead.

For every x and g, ⟨Ax, g⟩ = ⟨x, Aᵀg⟩. If the computed y is within b of Ax and the computed z within
d of Aᵀg, element by element, the two sums differ by at most Σ|g| b + Σ|x| d. Sums of products are
taken in binary64 with `math.fsum`, so each is off by no more than 2u Σ|products|, u = 2**-53.

The transpose puts every gradient at its output's centre, zeros between them, and filters that with
the same taps; what reaches beyond the ends goes where the boundary's rule says. Each part may be
left out, or have other numbers. Random gradients fit no other than the right one by chance.

Of a filter that is another Gaussian, the misfit of a guess is the share of the answers that no
factor makes of it. Axis by axis the guess that fits best is taken: shifts first, which any width
shows, then the width, then the radius.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dtypes import FLOATING
from ..plans import AxisPlan, Plan
from .answers import Case
from .calling import Question
from .convention_parts import RULES, bordered_row, index_of
from .error_sites import sites_of
from .findings import counted
from .numerics.formats import FORMATS, as_precision
from .numerics.linear_map import along
from .probes import Probe, patterns
from .terms import Terms

__all__ = ["gradients", "identity_of", "name_fault"]

_KINDS = ("size", "aligned", "constant", "random", "batch", "memory", "long", "large")
_SEED = 900


def gradients(found: Sequence[Probe], terms: Terms, seed: int) -> Iterator[tuple[Probe, Question]]:
    """Ask for one with each probe of a kind that says something of the adjoint: noise, or ones."""
    for k, probe in enumerate(p for p in found if p.kind in _KINDS):
        shape = terms.plan(probe.x.shape).out_shape
        ones = probe.kind == "constant"
        values = np.ones(shape) if ones else patterns.noise(shape, _SEED + seed + k)
        g = patterns.cast(values, terms.gradient_dtype)
        yield probe, Question("adjoint", g, probe.arrangement, probe.x.shape)


def identity_of(case: Case, y: NDArray[Any] | None, terms: Terms) -> str:
    """Whether forward's ``y`` and an answer of the adjoint are transposes, in words.

    Nothing where that cannot be said: the operation on integers is not linear. And nothing of large
    arrays, which are asked only where the smaller tell that it holds.
    """
    plan, z = terms.plan(case.probe.x.shape, "adjoint"), case.answer
    if y is None or terms.dtype not in FLOATING or case.probe.is_large:
        return ""
    if (y.shape, z.shape) != (plan.out_shape, plan.shape):
        return ""
    if not np.can_cast(y.dtype, np.float64, "same_kind"):  # complex numbers, text, …
        return ""
    x, g = (a.astype(np.float64) for a in (case.probe.x, case.question.x))
    left, right = (a.astype(np.float64).ravel() * b.ravel() for a, b in ((y, g), (z, x)))
    allowed = float(
        np.sum(np.abs(g) * terms.bound(case.probe.x, plan, "forward"))
        + np.sum(np.abs(x) * terms.bound(case.question.x, plan, "adjoint"))
        + 2.0**-52 * (np.abs(left).sum() + np.abs(right).sum())
    )
    difference = abs(math.fsum(left) - math.fsum(right))
    if difference <= allowed:
        return ", but it is the transpose of the forward function: both follow another convention"
    return ", and it is not the transpose of the forward function"


Values = NDArray[np.float64]

_LEAST, _MOST, _MANY = 12, 4000, 8
"""Samples of the answers that are looked at, and how many such answers."""

_NEAR, _NEAREST = 2.0**-7, 2.0**-18
"""Relative to the largest: more than rounding to bfloat16 makes, and to binary32."""

_UNITS = 64
"""Roundings of a sum, one on another."""

_FITTED, _LONGEST_FITTED = 3, 256
"""Answers to which a filter is fitted, those of most gradients, and their longest axis."""


def name_fault(wrong: Sequence[Case], terms: Terms) -> str:
    """Say what explains all wrong answers, the smallest first; empty if nothing known does."""
    large = [w for w in wrong if _LEAST <= w.y.size <= _MOST] or list(wrong)
    telling = large[-_MANY:]
    plans = [terms.plan(w.probe.x.shape, "adjoint") for w in telling]
    answers = np.concatenate([w.y.astype(np.float64).ravel() for w in telling])
    made = {
        words: np.concatenate(
            [candidate(w.question.x, p).ravel() for w, p in zip(telling, plans, strict=True)]
        )
        for words, candidate in _CANDIDATES.items()
    }
    near = _near(terms)
    return (
        _candidate_of(answers, made, plans[0], near)
        or _filter_of(wrong, terms, near)
        or _of_places(telling, terms)
        or _coarse(answers, made[""])
        or _candidate_of(answers, made, plans[0], _NEAR)
    )


def _near(terms: Terms) -> float:
    """Return how near answers come that are right but for their rounding."""
    p = as_precision(terms.precision)
    formats = (p.operands, p.accumulation, p.storage, FORMATS[terms.gradient_dtype])
    return min(_NEAR, max(_NEAREST, _UNITS * max(f.unit for f in formats)))


def _candidate_of(answers: Values, made: Mapping[str, Values], p: Plan, near: float) -> str:
    for words, values in made.items():
        factor = _factor(answers, values, near)
        if factor is not None and (words or factor != 1):
            return " and ".join(filter(None, [words, _scaled(factor, p)]))
    return ""


def _filter_of(wrong: Sequence[Case], terms: Terms, near: float) -> str:
    """Say which shifts and Gaussian make all answers; empty if none do."""
    few = [w for w in wrong if max(w.y.shape) <= _LONGEST_FITTED]
    chosen = sorted(few, key=lambda w: -w.question.x.size)[:_FITTED]
    plans = [terms.plan(w.probe.x.shape, "adjoint") for w in chosen]
    answers = np.concatenate([np.zeros(0), *(w.y.astype(np.float64).ravel() for w in chosen)])
    if not (answers.any() and np.isfinite(answers).all()):
        return ""
    passes = plans[0].passes

    def made_by(filters: Sequence[_GradientFilter]) -> Values:
        by_axis = {a.axis: f for a, f in zip(passes, filters, strict=True)}
        pairs = zip(chosen, plans, strict=True)
        made = [_spread(w.question.x, p, lambda a: by_axis[a.axis].matrix(a)) for w, p in pairs]
        return np.concatenate([v.ravel() for v in made])

    def misfit(filters: Sequence[_GradientFilter]) -> float:
        made = made_by(filters)
        square = float(made @ made) * float(answers @ answers)
        return 1 - float(answers @ made) ** 2 / square if square else 1.0

    found = _fitted_filters(passes, misfit)
    words = _filters_in_words(found, passes, terms.layout.name)
    return _candidate_of(answers, {words: made_by(found)}, plans[0], near) if words else ""


def _coarse(answers: Values, right: Values) -> str:
    """Say how far answers are from the transpose that is all but right."""
    size = float(np.abs(right).max(initial=0))
    error = float(np.abs(answers - right).max(initial=0))
    if not error <= _NEAR * size:
        return ""
    return f"is right but for errors of up to {error / size:.1g} of the largest: it rounds coarsely"


def _spread(g: NDArray[Any], p: Plan, matrix: Callable[[AxisPlan], Values]) -> Values:
    """Make of unit gradients along each axis what the columns of its matrix are, in binary64."""
    z = g.astype(np.float64)
    for a in p.passes:
        z = along(matrix(a), z, a.axis)
    return z


def _by_taps(a: AxisPlan, rule: str | None = None) -> Values:
    places, taps = np.arange(-a.radius, a.radius + 1.0), a.taps.astype(np.float64)
    rule = a.boundary if rule is None else rule
    rows = [bordered_row(c, places, taps, a.length, rule) for c in a.centres.tolist()]
    return np.array(rows).T


def _at_centres(a: AxisPlan) -> Values:
    matrix = np.zeros((a.length, a.out_length))
    matrix[a.centres, np.arange(a.out_length)] = 1.0
    return matrix


def _by_blocks(a: AxisPlan) -> Values:
    owner = np.searchsorted(a.centres, np.arange(a.length), side="right") - 1
    return np.equal.outer(np.maximum(owner, 0), np.arange(a.out_length)).astype(np.float64)


def _by_lines(a: AxisPlan) -> Values:
    lines = [np.interp(np.arange(a.length), a.centres, row) for row in np.eye(a.out_length)]
    return np.array(lines).T


def _filtered_first(g: NDArray[Any], p: Plan) -> Values:
    """Gradients filtered as neighbours of each other, then put apart."""
    y = g.astype(np.float64)
    for a in p.passes:
        line = np.moveaxis(y, a.axis, -1)
        wide = np.pad(line, [(0, 0)] * (y.ndim - 1) + [(a.radius, a.radius)])
        n = line.shape[-1]
        total = sum(t * wide[..., k : k + n] for k, t in enumerate(a.taps.tolist()))
        y = np.moveaxis(np.asarray(total), -1, a.axis)
    return _spread(y, p, _at_centres)


_CANDIDATES: dict[str, Callable[[NDArray[Any], Plan], Values]] = {
    "": partial(_spread, matrix=_by_taps),
    "puts zeros between the gradients and filters nothing": partial(_spread, matrix=_at_centres),
    "filters the gradients before it puts zeros between them": _filtered_first,
    "repeats each gradient over its stride and filters nothing": partial(
        _spread, matrix=_by_blocks
    ),
    "interpolates between the gradients": partial(_spread, matrix=_by_lines),
    **{
        f"takes the boundary {rule!r}": partial(_spread, matrix=partial(_by_taps, rule=rule))
        for rule in RULES
    },
}
"""The first is right but for a factor."""


def _factor(answers: Values, made: Values, near: float) -> float | None:
    """The factor by which all answers are what a candidate makes; None if there is none.

    Dozens of numbers that agree to two digits do so by no chance.
    """
    square = float(made @ made)
    if not square or not np.isfinite(answers).all():
        return None
    factor = float(answers @ made) / square
    size = float(np.abs(made).max()) * abs(factor)
    if not factor or np.any(np.abs(answers - factor * made) > near * size):
        return None
    return 1.0 if abs(factor - 1) < near else factor


def _scaled(factor: float, p: Plan) -> str:
    """Say the factor: the strides explain most."""
    if factor == 1:
        return ""
    strides = [a.stride for a in p.passes]
    product = math.prod(strides)
    if len(set(strides)) == 1:
        product_in_words = f"stride{['', '²', '³'][len(strides) - 1]} = {product}"
    else:
        product_in_words = f"the strides' product, {product}"
    for value, words in (
        (1 / product, f"is divided by {product_in_words}, as a mean over strides would be"),
        (product, f"is multiplied by {product_in_words}, as if for the samples that were dropped"),
        (-1.0, "has the other sign"),
    ):
        if abs(factor / value - 1) < _NEAR:
            return words
    return f"is multiplied by {factor:.6g}"


def _of_places(wrong: Sequence[Case], terms: Terms) -> str:
    """Say where answers are wrong, and whether they are zero there; empty without a pattern."""
    masks = [np.abs(w.comparison.errors) > 1 for w in wrong]
    found = [sites for mask in masks if (sites := sites_of(mask)).along]
    if 2 * len(found) < len(masks):
        return ""
    most = max(found, key=lambda sites: (len(sites.along), sites.total))
    where = most.words(terms.layout.name, "sample")
    if any(np.any(w.y[mask] != 0) for w, mask in zip(wrong, masks, strict=True)):
        return f"is wrong at {where}"
    last = all(i.runs[0][1] == i.length for sites in found for i in sites.along.values())
    return f"loses {'the tail' if last else 'a part'}: there are zeros at {where}"


_ROUNDS = 4
"""How often all axes are fitted at most: the first time the others are not yet right."""

_WIDTHS = 2.0 ** np.linspace(-3, 3, 25)
"""Sigmas tried, relative to the right one; between neighbours the misfit has one minimum."""

_SHRINK, _STEPS = (math.sqrt(5) - 1) / 2, 40
"""Golden section, and how often an interval is cut: to 1e-8 of its length."""

_SAME = 1e-4
"""Relative difference of sigmas that are one."""


class _GradientFilter(NamedTuple):
    """What an adjoint does along an axis."""

    shift: int  # input samples from an output's centre to where its gradient is put
    sigma: float
    radius: int
    drops: bool = True  # whether gradients that are put beyond the ends count for nothing

    def matrix(self, a: AxisPlan) -> Values:
        """Return what it makes of unit gradients, in columns."""
        offsets = np.arange(-self.radius, self.radius + 1)
        taps = np.exp(-(offsets**2) / (2 * self.sigma**2)) if self.radius else np.ones(1)
        taps /= taps.sum()
        centres = a.centres + self.shift
        index = index_of(centres[:, None] + offsets, a.length, a.boundary)
        inside = index >= 0
        if self.drops:
            inside &= ((centres >= 0) & (centres < a.length))[:, None]
        rows = np.zeros((a.out_length, a.length))
        output = np.broadcast_to(np.arange(a.out_length)[:, None], index.shape)
        np.add.at(rows, (output[inside], index[inside]), np.broadcast_to(taps, index.shape)[inside])
        return rows.T


def _fitted_filters(
    passes: Sequence[AxisPlan], misfit: Callable[[Sequence[_GradientFilter]], float]
) -> list[_GradientFilter]:
    """Return a filter for each pass, those of least misfit."""
    found = [_GradientFilter(0, float(a.sigma), a.radius) for a in passes]

    def misfit_of(k: int, guess: _GradientFilter) -> float:
        return misfit([*found[:k], guess, *found[k + 1 :]])

    def take_best(k: int, guesses: Iterable[_GradientFilter]) -> None:
        found[k] = min((found[k], *guesses), key=lambda guess: misfit_of(k, guess))

    for _ in range(_ROUNDS):
        before = list(found)
        for k, a in enumerate(passes):
            shifts = range(-a.stride, a.stride + 1)
            take_best(
                k, (found[k]._replace(shift=s, drops=d) for s in shifts for d in (True, False))
            )
        for k, a in enumerate(passes):
            if a.sigma:
                take_best(k, (_widest(k, found[k], float(a.sigma), misfit_of),))
        for k, a in enumerate(passes):
            most = max(2 * a.radius, round(4 * found[k].sigma)) + 2
            take_best(k, (found[k]._replace(radius=r) for r in range(most)))
        if found == before:
            break
    return found


def _widest(
    k: int, start: _GradientFilter, sigma: float, misfit_of: Callable[[int, _GradientFilter], float]
) -> _GradientFilter:
    """Return the filter of the sigma that fits best, with its own radius or that of the start."""

    def guesses(width: float) -> list[_GradientFilter]:
        radii = {start.radius, round(4 * width)}
        return [start._replace(sigma=width, radius=r) for r in sorted(radii)]

    def best(width: float) -> _GradientFilter:
        return min(guesses(width), key=lambda guess: misfit_of(k, guess))

    widths = (sigma * _WIDTHS).tolist()
    nearest = min(range(len(widths)), key=lambda i: misfit_of(k, best(widths[i])))
    radius = best(widths[nearest]).radius

    def at(width: float) -> float:
        return misfit_of(k, start._replace(sigma=width, radius=radius))

    low, high = widths[max(nearest - 1, 0)], widths[min(nearest + 1, len(widths) - 1)]
    for _ in range(_STEPS):
        left, right = high - _SHRINK * (high - low), low + _SHRINK * (high - low)
        low, high = (low, right) if at(left) < at(right) else (left, high)
    return start._replace(sigma=(low + high) / 2, radius=radius)


def _filters_in_words(
    found: Sequence[_GradientFilter], passes: Sequence[AxisPlan], letters: str
) -> str:
    """Say in which the filters are not those of the transpose; empty if in nothing."""
    along: dict[str, list[str]] = {}
    for f, a in zip(found, passes, strict=True):
        for words in _differences(f, a):
            along.setdefault(words, []).append(letters[a.axis])
    return " and ".join(words.format(" and ".join(axes)) for words, axes in along.items())


def _differences(f: _GradientFilter, a: AxisPlan) -> Iterable[str]:
    if f.shift:
        side = "after" if f.shift > 0 else "before"
        yield (
            f"puts each gradient {counted(abs(f.shift), 'input sample')} {side} its output's "
            "centre along {}"
        )
    if abs(f.sigma - float(a.sigma)) > _SAME * float(a.sigma):
        yield (
            f"filters with sigma {f.sigma:.5g} and radius {f.radius} along {{}}, not with sigma "
            f"{float(a.sigma):.5g} and radius {a.radius}"
        )
    elif f.radius != a.radius:
        yield f"filters with radius {f.radius} along {{}}, not {a.radius}"
