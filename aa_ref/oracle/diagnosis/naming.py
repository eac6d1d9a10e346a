"""Whose convention an implementation follows: the known matrices against the recovered ones."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..conventions import CONVENTIONS, Convention
from .accuracy import Accuracy
from .axes import AxisStudy
from .readings import Reading

__all__ = ["Likeness", "convention_of", "convention_of_nan", "likeness_of", "ranked"]

Values = NDArray[np.float64]
Counts = Sequence[tuple[int, int]]
Likeness = Callable[[Convention, int], int]


def convention_of(scales: Sequence[float], likeness: Likeness, *, faultless: bool) -> str | None:
    """The nearest known implementation, and what to do.

    First one that does the same along every axis; then one that does where neither end has a
    part in it; then one of the same matrices and other numbers of outputs. None if there is none.

    Parameters
    ----------
    scales : sequence of float
        One for each axis.
    likeness : function
        Of a convention and the number of an axis: 3 if all is the same, 2 if the inner outputs
        are, 1 if those but not their number are, else 0.
    faultless : bool
        Whether nothing has been found wrong.
    """
    known = [c for c in CONVENTIONS if all(map(c.applies, scales))]
    for least, words in ((3, "pass as"), (2, "look, clear of the ends, like"), (1, "filter like")):
        for c in known:
            if min(likeness(c, k) for k in range(len(scales))) >= least:
                return _said(c, words, least, faultless)
    return None


def convention_of_nan(scale: float) -> str | None:
    """The known implementation that gives nothing but NaN at a scale, if there is one."""
    for c in CONVENTIONS:
        if c.applies(scale) and np.isnan(c.matrix(8, scale)).all():
            return _said(c, "pass as", 3, False)
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


def _said(c: Convention, words: str, rank: int, faultless: bool) -> str:
    if not c.differs:
        if faultless:
            return f"{c.name}: {c.where}"
        if rank == 3:
            return (
                f"You pass as *{c.name}* along each axis, as you should ({c.where}); the findings "
                "tell what else is wrong."
            )
        part = "the ends" if rank == 2 else "the number of outputs"
        return f"You {words} *{c.name}*, as you should; what differs is {part}."
    sentence = f"You {words} *{c.name}* ({c.where}): {c.differs}"
    return f"{sentence}; {c.advice}."
