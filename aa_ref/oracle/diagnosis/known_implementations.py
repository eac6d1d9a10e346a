"""Known implementations: how near answers are to them, and how near they are to what is asked."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from ..convention_parts import bordered_row
from ..conventions import CONVENTIONS, Convention, Extent, Match
from .blackbox import Inquiry, unexplained
from .estimate import AxisReading, AxisStudy
from .tap_models import Accuracy

__all__ = [
    "Counts", "Likeness", "as_asked", "asked_of", "convention_of", "convention_of_nan", "extent_of",
    "likeness_of",
]  # fmt: skip

Values = NDArray[np.float64]

Counts = Sequence[tuple[int, int]]
Likeness = Callable[[Convention, int], Extent]

_DEGREES = {
    Extent.WHOLE: "pass as",
    Extent.INNER: "look, clear of the ends, like",
    Extent.FILTER: "filter like",
}


def convention_of(
    scales: Sequence[float], likeness: Likeness, *, asked: Likeness, as_asked: bool, faultless: bool
) -> Match | None:
    """Return the nearest known implementation, and what to do.

    First one that does the same along every axis; then one that does where neither end has a
    part in it; then one of the same matrices and other numbers of outputs. None if there is none,
    or if nothing is wrong along any axis (``as_asked``) and that has no name; ``faultless`` is
    nothing wrong at all.
    """
    axes = range(len(scales))
    known = [c for c in CONVENTIONS if all(map(c.applies, scales))]
    wanted = {c: min(asked(c, k) for k in axes) for c in known}
    for least in (Extent.WHOLE, Extent.INNER, Extent.FILTER):
        for c in known:
            meant = wanted[c] == Extent.WHOLE
            if min(likeness(c, k) for k in axes) < least or (as_asked and not meant):
                continue
            if meant:
                return Match(c, least, _as_it_should(c, least, as_asked, faultless))
            plain = any(w == Extent.WHOLE and not other.differs for other, w in wanted.items())
            return Match(c, least, _other_than_asked(c, least, wanted[c], plain))
    return None


def convention_of_nan(scale: float) -> Match | None:
    """The known implementation that gives nothing but NaN at a scale, if there is one."""
    for c in CONVENTIONS:
        if c.applies(scale) and np.isnan(c.matrix(8, scale)).all():
            return Match(c, Extent.WHOLE, _other_than_asked(c, Extent.WHOLE, Extent.NONE, True))
    return None


def likeness_of(
    studies: Sequence[AxisStudy], counts: Sequence[Counts], accuracy: Accuracy
) -> Likeness:
    """The comparison of matrices with recovered ones.

    ``counts`` has for every axis inputs and outputs observed.
    """

    @cache
    def likeness(c: Convention, axis: int) -> Extent:
        scale = float(studies[axis].plan.scale)
        sizes = all(max(c.outputs(n, scale), 0) == m for n, m in counts[axis])
        return min(_at(c, scale, reading, sizes, accuracy) for reading in studies[axis].readings)

    return likeness


def _at(
    c: Convention, scale: float, reading: AxisReading, sizes: bool, accuracy: Accuracy
) -> Extent:
    """Compare at one length."""
    observed = reading.rows.matrix
    matrix = c.matrix(observed.shape[1], scale)
    common = min(len(matrix), len(observed))
    if not common:
        return Extent.NONE
    # Weights are off relatively to the largest at most as a Gaussian's are to the middle one.
    limit = accuracy.ratio(1.0) * np.abs(observed).max()
    alike = np.all(np.abs(matrix[:common] - observed[:common]) <= limit, axis=1)
    return extent_of(alike, sizes, reading.rows.inner)


def extent_of(alike: NDArray[np.bool_], sizes: bool, inner: Sequence[int]) -> Extent:
    """Sum up which outputs are alike, and whether their number is."""
    if sizes and alike.all():
        return Extent.WHOLE
    seen = [i for i in inner if i < len(alike)]
    if not seen or not alike[seen].all():
        return Extent.NONE
    return Extent.INNER if sizes else Extent.FILTER


def _as_it_should(c: Convention, extent: Extent, as_asked: bool, faultless: bool) -> str:
    """Of one that does what is asked for."""
    if faultless:
        return f"{c.name}: {c.where}"
    if extent < Extent.WHOLE:
        return _but_for(c, extent)
    if as_asked:
        return (
            f"You pass as *{c.name}* along each axis, as you should ({c.where}); the findings "
            "tell what else is wrong."
        )
    return f"You look like *{c.name}*, as you should, but for what the findings tell."


def _other_than_asked(c: Convention, extent: Extent, wanted: Extent, plain: bool) -> str:
    """Of one that does not; its differences and advice are those against a plain plan."""
    if not plain and extent < Extent.WHOLE and wanted >= Extent.INNER:
        return _but_for(c, extent)
    sentence = f"You {_DEGREES[extent]} *{c.name}* ({c.where})" + f": {c.differs}" * bool(c.differs)
    return f"{sentence}; {c.advice if plain else 'another operation is asked for'}."


def _but_for(c: Convention, extent: Extent) -> str:
    part = "the ends" if extent == Extent.INNER else "the number of outputs"
    return f"You {_DEGREES[extent]} *{c.name}*, as you should; what differs is {part}."


_HERE = 2.0**-53
"""The unit of the arithmetic that conventions are computed in."""


def asked_of(
    lengths: Sequence[int], plan_for: Callable[[int, int], AxisPlan], counts: Sequence[Counts]
) -> Likeness:
    """Tell how far an implementation without a fault would follow each convention.

    There are outputs clear of the ends at these lengths; ``counts`` has for each axis the inputs at
    which numbers of outputs are compared.
    """

    @cache
    def likeness(c: Convention, axis: int) -> Extent:
        a = plan_for(axis, lengths[axis])
        scale = float(a.scale)
        sizes = all(
            max(c.outputs(n, scale), 0) == plan_for(axis, n).out_length for n, _ in counts[axis]
        )
        wanted, matrix = _matrix(a), c.matrix(a.length, scale)
        common = min(len(wanted), len(matrix))
        if not common:
            return Extent.NONE
        # The plan's taps are rounded once. The convention's are exponentials of quotients up to 8,
        # off by two roundings of those and one of their own, over a sum of as many terms.
        relative = float(np.finfo(a.compute_dtype).eps) + (2 * a.radius + 20) * 2 * _HERE
        off = np.abs(matrix[:common] - wanted[:common])
        near = np.all(off <= relative * wanted[:common], axis=1)
        inside = (a.centres >= a.radius) & (a.centres + a.radius < a.length)
        return extent_of(near, sizes, np.flatnonzero(inside).tolist())

    return likeness


def _matrix(a: AxisPlan) -> NDArray[np.float64]:
    """The weights that each output should give each input."""
    places, taps = np.arange(-a.radius, a.radius + 1.0), a.taps.astype(np.float64)
    return np.array(
        [bordered_row(c, places, taps, a.length, a.boundary) for c in a.centres.tolist()]
    )


def as_asked(q: Inquiry, studies: Sequence[AxisStudy]) -> bool:
    """Tell whether every axis has been studied, and none has anything wrong."""
    return bool(studies) and not q.has("axes") and not any(unexplained(s.faults) for s in studies)
