"""Whether answers are those of sums of products: where numbers are cut off, and superposition.

Rounding to any binary format leaves alone what these questions ask: twice a number is rounded to
twice what the number is rounded to, and the answer to two impulses is off by a few roundings.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..precisions import FORMATS
from .accuracy import Accuracy
from .subject import Subject

__all__ = ["Cut", "read_cut", "superposes"]

Values = NDArray[np.float64]

_FAR = {"float16": 2.0**10}
"""A constant far beyond what numbers are cut off at; twice that is still a number of the type."""


@dataclass(frozen=True)
class Cut:
    """Numbers are cut off, one way or both.

    Attributes
    ----------
    what : str
        ``"inputs"``, ``"results"``, or both where answers do not tell which.
    low, high : float
        The limits, infinite where there is none: of results, unless it is inputs.
    inputs : tuple of float
        The constants whose answers reach the limits.
    """

    what: str
    low: float
    high: float
    inputs: tuple[float, float]

    @property
    def words(self) -> str:
        """A clause."""
        ends = [
            f"{way} {end:.6g}"
            for way, end in (("below", self.low), ("above", self.high)) if math.isfinite(end)
        ]  # fmt: skip
        return f"{self.what} are cut off {' and '.join(ends)}"


def read_cut(
    subject: Subject, lengths: tuple[int, ...], place: tuple[int, ...], accuracy: Accuracy
) -> Cut | None:
    """The limits that numbers are cut off at, if they are: then the largest constants answer alike.

    A sum of products that is not zero for a constant doubles with it. ``place`` is where an
    impulse is seen.
    """
    far = _FAR.get(subject.dtype, 2.0**40)

    def amid(x: Values) -> float:
        y = subject.plane(x)
        return math.nan if y is None or not y.size else float(y[tuple(m // 2 for m in y.shape)])

    def constant(c: float) -> float:
        return amid(np.full(lengths, c))

    above, below, one = constant(2 * far), constant(-2 * far), constant(1 / far)
    ends = [constant(-far) == below, constant(far) == above]
    if not any(ends) or above == below or not np.isfinite([above, below]).all():
        return None
    bounded = [value + 0.0 for value, end in zip((below, above), ends, strict=True) if end]
    # A function of a negative gain gives its lower limit for large constants.
    low = min(bounded) if len(bounded) == 2 or ends[0] == (below < above) else -math.inf
    high = max(bounded) if len(bounded) == 2 or ends[1] == (below < above) else math.inf
    limit = max(abs(v) for v in bounded)
    gain = one * far
    if not 0 < abs(gain) < math.inf or abs(gain - 1) <= accuracy.sum():
        gain = 1.0
    inputs = min(low / gain, high / gain), max(low / gain, high / gain)
    if not limit:
        sign = 1.0 if inputs[1] else -1.0
        return Cut(_cut_at_zero(subject, lengths, place, sign), low, high, inputs)
    # Impulses beyond what inputs may be cut off at, whose answers are far from the other limit.
    bounds = [v for v in inputs if math.isfinite(v)]
    largest = min(bounds, key=lambda v: abs(abs(v * gain) - limit))
    half, twice, more = (_peak(subject, lengths, {place: a * largest}) for a in (0.5, 2, 4))
    if 0 < 8 * half < limit:
        if twice == 4 * half:
            return Cut("results", low, high, inputs)
        if twice == more:
            return Cut("inputs", *inputs, inputs)
    return Cut("inputs or results", low, high, inputs)


def _cut_at_zero(
    subject: Subject, lengths: tuple[int, ...], place: tuple[int, ...], sign: float
) -> str:
    """Whether a sample of the other sign makes a difference to results that are not cut off."""
    beside = (*place[:-1], place[-1] - 1)
    alone = _peak(subject, lengths, {place: sign})
    both = _peak(subject, lengths, {place: sign, beside: -sign / 2})
    return "inputs" if both == alone else "results"


def _peak(
    subject: Subject, lengths: tuple[int, ...], samples: Mapping[tuple[int, ...], float]
) -> float:
    """The largest answer to a few samples among zeros."""
    x = np.zeros(lengths)
    for place, value in samples.items():
        x[place] = value
    y = subject.plane(x)
    return 0.0 if y is None or not y.size else float(np.abs(y).max())


def superposes(
    subject: Subject,
    lengths: tuple[int, ...],
    place: tuple[int, ...],
    amplitude: float,
    accuracy: Accuracy,
) -> bool:
    """Whether two impulses, beside each other or as in a mirror, get the sum of what each gets.

    In the coarsest format known, every answer is off by four roundings an axis at most: of an
    operand, a product, a sum, and what is stored; and by the noise of a transform.
    """
    d = len(lengths)
    second = [
        (*place[:k], p, *place[k + 1 :])
        for k, n in enumerate(lengths) for p in (place[k] - 1, place[k] + 1, n - 1 - place[k])
        if 0 <= p < n and p != place[k]
    ]  # fmt: skip

    def impulses() -> Iterator[Values]:
        for places in [(), (place,), *((s,) for s in second), *((place, s) for s in second)]:
            x = np.zeros(lengths)
            for p in places:
                x[p] = amplitude
            yield x

    answers = list(subject.planes(impulses()))
    if any(y is None for y in answers) or len({y.shape for y in answers if y is not None}) > 1:
        return True  # which is told elsewhere
    nothing, one, *others = (y for y in answers if y is not None)
    off = math.expm1(4 * d * FORMATS["bfloat16"].exponent)
    for other, both in zip(others[: len(second)], others[len(second) :], strict=True):
        size = np.abs(one) + np.abs(other) + np.abs(both) + 3 * np.abs(nothing)
        limit = off * size + accuracy.noise(both.size) * size.max()
        if np.any(np.abs(both + nothing - one - other) > limit):
            return False
    return True
