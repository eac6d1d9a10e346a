"""Known implementations: how near answers are to them, and how near they are to what is asked."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from ..conventions import CONVENTIONS, Convention
from ..edges import bordered_row
from .accuracy import Accuracy
from .axes import AxisStudy
from .readings import Reading

__all__ = [
    "Counts", "Likeness", "asked_of", "convention_of", "convention_of_nan", "likeness_of", "ranked"
]  # fmt: skip

Values = NDArray[np.float64]
Counts = Sequence[tuple[int, int]]
Likeness = Callable[[Convention, int], int]

_DEGREES = {3: "pass as", 2: "look, clear of the ends, like", 1: "filter like"}


def convention_of(
    scales: Sequence[float],
    likeness: Likeness,
    *,
    asked: Likeness,
    as_asked: bool,
    faultless: bool,
) -> str | None:
    """The nearest known implementation, and what to do.

    First one that does the same along every axis; then one that does where neither end has a
    part in it; then one of the same matrices and other numbers of outputs. None if there is none,
    or if the axes are all as they should be and that has no name.

    Parameters
    ----------
    scales : sequence of float
        One for each axis.
    likeness, asked : function
        Of a convention and the number of an axis: 3 if all is the same, 2 if the inner outputs
        are, 1 if those but not their number are, else 0; the same as what is observed, and as
        what is asked for.
    as_asked : bool
        Whether nothing has been found wrong along any axis.
    faultless : bool
        Whether nothing has been found wrong at all.
    """
    axes = range(len(scales))
    known = [c for c in CONVENTIONS if all(map(c.applies, scales))]
    wanted = {c: min(asked(c, k) for k in axes) for c in known}
    for least in (3, 2, 1):
        for c in known:
            if min(likeness(c, k) for k in axes) >= least and (not as_asked or wanted[c] == 3):
                if wanted[c] == 3:
                    return _as_it_should(c, least, as_asked, faultless)
                plain = any(w == 3 and not other.differs for other, w in wanted.items())
                return _other_than_asked(c, least, wanted[c], plain)
    return None


def convention_of_nan(scale: float) -> str | None:
    """The known implementation that gives nothing but NaN at a scale, if there is one."""
    for c in CONVENTIONS:
        if c.applies(scale) and np.isnan(c.matrix(8, scale)).all():
            return _other_than_asked(c, 3, 0, True)
    return None


def likeness_of(
    studies: Sequence[AxisStudy], counts: Sequence[Counts], accuracy: Accuracy
) -> Likeness:
    """The comparison of matrices with recovered ones.

    ``counts`` has for every axis inputs and outputs observed.
    """

    @cache
    def likeness(c: Convention, axis: int) -> int:
        scale = float(studies[axis].plan.scale)
        sizes = all(max(c.outputs(n, scale), 0) == m for n, m in counts[axis])
        return min(_at(c, scale, reading, sizes, accuracy) for reading in studies[axis].readings)

    return likeness


def _at(c: Convention, scale: float, reading: Reading, sizes: bool, accuracy: Accuracy) -> int:
    """The rank at one length."""
    observed = reading.rows.matrix
    matrix = c.matrix(observed.shape[1], scale)
    common = min(len(matrix), len(observed))
    if not common:
        return 0
    # Weights are off relatively to the largest at most as a Gaussian's are to the middle one.
    limit = accuracy.ratio(1.0) * np.abs(observed).max()
    alike = np.all(np.abs(matrix[:common] - observed[:common]) <= limit, axis=1)
    return ranked(alike, sizes, reading.rows.inner)


def ranked(alike: NDArray[np.bool_], sizes: bool, inner: Sequence[int]) -> int:
    """The rank that `convention_of` asks for: which outputs are alike, whether their number is."""
    if sizes and alike.all():
        return 3
    seen = [i for i in inner if i < len(alike)]
    if not seen or not alike[seen].all():
        return 0
    return 2 if sizes else 1


def _as_it_should(c: Convention, rank: int, as_asked: bool, faultless: bool) -> str:
    """Of one that does what is asked for."""
    if faultless:
        return f"{c.name}: {c.where}"
    if rank < 3:
        return _but_for(c, rank)
    if as_asked:
        return (
            f"You pass as *{c.name}* along each axis, as you should ({c.where}); the findings "
            "tell what else is wrong."
        )
    return f"You look like *{c.name}*, as you should, but for what the findings tell."


def _other_than_asked(c: Convention, rank: int, wanted: int, plain: bool) -> str:
    """Of one that does not; its differences and advice are those against a plain plan."""
    if not plain and rank < 3 and wanted >= 2:
        return _but_for(c, rank)
    sentence = f"You {_DEGREES[rank]} *{c.name}* ({c.where})" + f": {c.differs}" * bool(c.differs)
    return f"{sentence}; {c.advice if plain else 'another operation is asked for'}."


def _but_for(c: Convention, rank: int) -> str:
    part = "the ends" if rank == 2 else "the number of outputs"
    return f"You {_DEGREES[rank]} *{c.name}*, as you should; what differs is {part}."


_HERE = 2.0**-53
"""The unit of the arithmetic that conventions are computed in."""


def asked_of(
    lengths: Sequence[int],
    plan_for: Callable[[int, int], AxisPlan],
    counts: Sequence[Counts],
) -> Likeness:
    """The rank that an implementation without a fault would give to conventions.

    Parameters
    ----------
    lengths : sequence of int
        For each axis, one at which some outputs are clear of the ends.
    plan_for : function
        From the number of an axis and its length to its plan.
    counts : sequence of (inputs, outputs) pairs
        For each axis, the inputs at which numbers of outputs are compared.
    """

    @cache
    def likeness(c: Convention, axis: int) -> int:
        a = plan_for(axis, lengths[axis])
        scale = float(a.scale)
        sizes = all(
            max(c.outputs(n, scale), 0) == plan_for(axis, n).out_length for n, _ in counts[axis]
        )
        wanted, matrix = _matrix(a), c.matrix(a.length, scale)
        common = min(len(wanted), len(matrix))
        if not common:
            return 0
        # The plan's taps are rounded once. The convention's are exponentials of quotients up to 8,
        # off by two roundings of those and one of their own, over a sum of as many terms.
        relative = float(np.finfo(a.compute_dtype).eps) + (2 * a.radius + 20) * 2 * _HERE
        off = np.abs(matrix[:common] - wanted[:common])
        near = np.all(off <= relative * wanted[:common], axis=1)
        inside = (a.centres >= a.radius) & (a.centres + a.radius < a.length)
        return ranked(near, sizes, np.flatnonzero(inside).tolist())

    return likeness


def _matrix(a: AxisPlan) -> NDArray[np.float64]:
    """The weights that each output should give each input."""
    places, taps = np.arange(-a.radius, a.radius + 1.0), a.taps.astype(np.float64)
    return np.array(
        [bordered_row(c, places, taps, a.length, a.boundary) for c in a.centres.tolist()]
    )
