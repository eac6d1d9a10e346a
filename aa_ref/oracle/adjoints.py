"""What a wrong adjoint does instead, by name.

The transpose puts every gradient at its output's centre, zeros between them, and filters that with
the same taps; what reaches beyond the ends goes where the boundary's rule says. Each part may be
left out. The candidates are few, and random gradients fit no other than the right one by chance.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..plans import AxisPlan, Plan
from .comparison import Comparison
from .edges import RULES, bordered_row
from .error_sites import sites_of
from .terms import Terms
from .transposes import Gradient

__all__ = ["WrongGradient", "name_fault"]

Values = NDArray[np.float64]

_LEAST, _MOST, _MANY = 12, 4000, 8
"""Samples of the answers that are looked at, and how many such answers."""

_NEAR = 2.0**-7
"""Relative to the largest: more than rounding to bfloat16 makes."""


class WrongGradient(NamedTuple):
    """A gradient, the adjoint's answer ``z`` in the expected shape and type, and its worth."""

    gradient: Gradient
    z: NDArray[Any]
    comparison: Comparison


def name_fault(wrong: Sequence[WrongGradient], terms: Terms) -> str:
    """Say what explains all wrong answers, in a clause; empty if nothing known does.

    Parameters
    ----------
    wrong : sequence of WrongGradient
        All whose values are wrong, the smallest first.
    terms : Terms
    """
    large = [w for w in wrong if _LEAST <= w.z.size <= _MOST] or list(wrong)
    telling = large[-_MANY:]
    plans = [terms.plan(w.gradient.shape, "adjoint") for w in telling]
    answers = np.concatenate([w.z.astype(np.float64).ravel() for w in telling])
    for words, candidate in _CANDIDATES.items():
        made = [candidate(w.gradient.g, p) for w, p in zip(telling, plans, strict=True)]
        factor = _factor(answers, np.concatenate([v.ravel() for v in made]))
        if factor is not None and (words or factor != 1):
            return " and ".join(filter(None, [words, _scaled(factor, plans[0])]))
    return _of_places(telling, terms)


def _right(g: NDArray[Any], p: Plan) -> Values:
    """The transpose, in binary64: near enough to see what an answer is a multiple of."""
    return _spread(g, p, _by_taps)


def _bordered(g: NDArray[Any], p: Plan, rule: str) -> Values:
    """The transpose for another rule beyond the ends."""
    return _spread(g, p, partial(_by_taps, rule=rule))


def _stuffed(g: NDArray[Any], p: Plan) -> Values:
    """Every gradient at its centre, zeros between."""
    return _spread(g, p, _at_centres)


def _repeated(g: NDArray[Any], p: Plan) -> Values:
    """Every gradient from its centre to the next."""
    return _spread(g, p, _by_blocks)


def _interpolated(g: NDArray[Any], p: Plan) -> Values:
    """Lines from gradient to gradient."""
    return _spread(g, p, _by_lines)


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
    "": _right,
    "puts zeros between the gradients and filters nothing": _stuffed,
    "filters the gradients before it puts zeros between them": _filtered_first,
    "repeats each gradient over its stride and filters nothing": _repeated,
    "interpolates between the gradients": _interpolated,
    **{f"takes the boundary {rule!r}": partial(_bordered, rule=rule) for rule in RULES},
}
"""The first is right but for a factor."""


def _spread(g: NDArray[Any], p: Plan, matrix: Callable[[AxisPlan], Values]) -> Values:
    z = g.astype(np.float64)
    for a in p.passes:
        z = np.moveaxis(np.tensordot(matrix(a), z, (1, a.axis)), 0, a.axis)
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


def _factor(answers: Values, made: Values) -> float | None:
    """The factor by which all answers are what a candidate makes; None if there is none.

    Dozens of numbers that agree to two digits do so by no chance.
    """
    square = float(made @ made)
    if not square or not np.isfinite(answers).all():
        return None
    factor = float(answers @ made) / square
    size = float(np.abs(made).max()) * abs(factor)
    if not factor or np.any(np.abs(answers - factor * made) > _NEAR * size):
        return None
    return 1.0 if abs(factor - 1) < _NEAR**2 else factor


def _scaled(factor: float, p: Plan) -> str:
    """Say the factor: the strides explain most."""
    if factor == 1:
        return ""
    strides = [a.stride for a in p.passes]
    product = math.prod(strides)
    if len(set(strides)) == 1:
        product_in_words = f"stride{_POWERS.get(len(strides), '')} = {product}"
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


_POWERS = {2: "²", 3: "³"}


def _of_places(wrong: Sequence[WrongGradient], terms: Terms) -> str:
    """Say where answers are wrong, and whether they are zero there; empty without a pattern."""
    masks = [np.abs(w.comparison.errors) > 1 for w in wrong]
    found = [sites for mask in masks if (sites := sites_of(mask)).along]
    if 2 * len(found) < len(masks):
        return ""
    most = max(found, key=lambda sites: (len(sites.along), sites.total))
    where = most.words(terms.layout.name, "sample")
    if any(np.any(w.z[mask] != 0) for w, mask in zip(wrong, masks, strict=True)):
        return f"is wrong at {where}"
    last = all(i.runs[0][1] == i.length for sites in found for i in sites.along.values())
    return f"loses {'the tail' if last else 'a part'}: there are zeros at {where}"
