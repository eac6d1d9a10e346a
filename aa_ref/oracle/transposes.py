"""Gradients for the adjoint to carry back, and the identity that makes it a transpose.

For every x and g, ⟨Ax, g⟩ = ⟨x, Aᵀg⟩. If the computed y is within b of Ax and the computed z within
d of Aᵀg, element by element, the two sums differ by at most Σ|g| b + Σ|x| d. Sums of products are
taken in binary64 with `math.fsum`, so each is off by no more than 2u Σ|products|, u = 2**-53.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dtypes import FLOATING
from . import patterns
from .probes import Probe
from .terms import Terms

__all__ = ["Gradient", "gradients", "identity_of"]

_KINDS = ("size", "aligned", "constant", "random", "batch", "memory", "long", "large")
_SEED = 900


class Gradient(NamedTuple):
    """An argument for the adjoint: of the shape of the probe's result, and the probe's shape."""

    probe: Probe
    g: NDArray[Any]
    shape: tuple[int, ...]


def gradients(found: Sequence[Probe], terms: Terms, seed: int) -> Iterator[Gradient]:
    """One for each probe of a kind that says something of the adjoint: noise, or ones."""
    dtype = terms.gradient_dtype
    for k, probe in enumerate(p for p in found if p.kind in _KINDS):
        shape = terms.plan(probe.x.shape).out_shape
        values = (
            np.ones(shape) if probe.kind == "constant" else patterns.noise(shape, _SEED + seed + k)
        )
        yield Gradient(probe, patterns.cast(values, dtype), probe.x.shape)


def identity_of(
    gradient: Gradient, y: NDArray[Any] | None, z: NDArray[Any] | None, terms: Terms
) -> str:
    """Whether forward's ``y`` and the adjoint's ``z`` are transposes of each other, in words.

    Nothing where that cannot be said: the operation on integers is not linear. And nothing of large
    arrays, which are asked only where the smaller tell that it holds.
    """
    plan = terms.plan(gradient.shape, "adjoint")
    if y is None or z is None or terms.dtype not in FLOATING or gradient.probe.is_large:
        return ""
    if (y.shape, z.shape) != (plan.out_shape, plan.shape):
        return ""
    if not np.can_cast(y.dtype, np.float64, "same_kind"):  # complex numbers, text, …
        return ""
    x, g = (a.astype(np.float64) for a in (gradient.probe.x, gradient.g))
    left, right = (a.astype(np.float64).ravel() * b.ravel() for a, b in ((y, g), (z, x)))
    allowed = float(
        np.sum(np.abs(g) * terms.bound(gradient.probe.x, plan, "forward"))
        + np.sum(np.abs(x) * terms.bound(gradient.g, plan, "adjoint"))
        + 2.0**-52 * (np.abs(left).sum() + np.abs(right).sum())
    )
    difference = abs(math.fsum(left) - math.fsum(right))
    if difference <= allowed:
        return ", but it is the transpose of the forward function: both follow another convention"
    return ", and it is not the transpose of the forward function"
