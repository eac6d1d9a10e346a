"""Departures from sums of products: limits, coarse numbers, NaN and infinity that go astray."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..findings import counted
from ..numerics.formats import FORMATS
from ..probes import patterns
from .blackbox import BlackBox, impulses
from .tap_models import Accuracy

__all__ = [
    "Clipping", "Granularity", "StrayNumber", "find_clipping", "fixed_step", "granularity_of",
    "significant_bits", "stray_numbers", "superposes",
]  # fmt: skip

Values = NDArray[np.float64]

_FAR = {"float16": 2.0**10}
"""A constant far beyond what numbers are cut off at; twice that is still a number of the type."""


@dataclass(frozen=True)
class Clipping:
    """Says at which limits numbers are cut off."""

    what: str  # ``"inputs"``, ``"results"``, or both where answers do not tell which
    # the limits, infinite where there is none: of results, unless it is inputs
    low: float
    high: float
    inputs: tuple[float, float]  # the constants whose answers reach the limits

    @property
    def words(self) -> str:
        """Return the limits in a clause."""
        ends = [
            f"{way} {end:.6g}"
            for way, end in (("below", self.low), ("above", self.high)) if math.isfinite(end)
        ]  # fmt: skip
        return f"{self.what} are cut off {' and '.join(ends)}"


def find_clipping(
    subject: BlackBox, lengths: tuple[int, ...], place: tuple[int, ...], accuracy: Accuracy
) -> Clipping | None:
    """Find the limits of numbers, if they are cut off: then the largest constants answer alike.

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
        return Clipping(_cut_at_zero(subject, lengths, place, sign), low, high, inputs)
    # Impulses beyond what inputs may be cut off at, whose answers are far from the other limit.
    bounds = [v for v in inputs if math.isfinite(v)]
    largest = min(bounds, key=lambda v: abs(abs(v * gain) - limit))
    half, twice, more = (_peak(subject, lengths, {place: a * largest}) for a in (0.5, 2, 4))
    if 0 < 8 * half < limit:
        if twice == 4 * half:
            return Clipping("results", low, high, inputs)
        if twice == more:
            return Clipping("inputs", *inputs, inputs)
    return Clipping("inputs or results", low, high, inputs)


def _cut_at_zero(
    subject: BlackBox, lengths: tuple[int, ...], place: tuple[int, ...], sign: float
) -> str:
    """Tell what is cut off by a sample of the other sign beside one that is not."""
    beside = (*place[:-1], place[-1] - 1)
    alone = _peak(subject, lengths, {place: sign})
    both = _peak(subject, lengths, {place: sign, beside: -sign / 2})
    return "inputs" if both == alone else "results"


def _peak(
    subject: BlackBox, lengths: tuple[int, ...], samples: Mapping[tuple[int, ...], float]
) -> float:
    """Return the largest answer to a few samples among zeros."""
    y = subject.plane(impulses(lengths, samples))
    return 0.0 if y is None or not y.size else float(np.abs(y).max())


def superposes(
    subject: BlackBox,
    lengths: tuple[int, ...],
    place: tuple[int, ...],
    amplitude: float,
    accuracy: Accuracy,
) -> bool:
    """Tell whether two impulses, neighbours or mirrored, get the sum of what each gets.

    In the coarsest format known, every answer is off by four roundings an axis at most: of an
    operand, a product, a sum, and what is stored; and by the noise of a transform.
    """
    d = len(lengths)
    second = [
        (*place[:k], p, *place[k + 1 :])
        for k, n in enumerate(lengths) for p in (place[k] - 1, place[k] + 1, n - 1 - place[k])
        if 0 <= p < n and p != place[k]
    ]  # fmt: skip

    asked = [(), (place,), *((s,) for s in second), *((place, s) for s in second)]
    answers = list(
        subject.planes(impulses(lengths, dict.fromkeys(several, amplitude)) for several in asked)
    )
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


_STEPS = {1.0: "integers", 1 / 255: "multiples of 1/255", 1 / 65535: "multiples of 1/65535"}


_MANTISSAS = (1.0, 1.25, 1.375, 1.625, 1.875)
"""Inputs of few bits; products of a tap with them end near to a tie of a format, or do not."""


class Granularity(NamedTuple):
    """Says how finely numbers are held."""

    words: str  # what is wrong, in a clause
    digits: int  # the binary digits that count
    stepped: bool = False  # whether results are multiples of a number
    results: int = 0  # the binary digits that results have; 0 where they are multiples


def granularity_of(
    subject: BlackBox, lengths: tuple[int, ...], place: tuple[int, ...], digits: int
) -> Granularity:
    """Count the bits that results and inputs have, and say what has fewer than it should.

    ``place`` is where an impulse is seen.
    """
    y = subject.plane(subject.noise(lengths, 5, 128.0))
    if y is None or y.size < 8:
        return Granularity("", digits)
    step = fixed_step(y, digits)
    if step:
        return Granularity(f"results are {step}, for any input", digits, True)
    results = min(significant_bits(y), digits)
    bits = [_input_bits(subject, place, lengths, results, first) for first in _MANTISSAS]
    inputs, words = min(bits), ""
    if results < digits:
        has = counted(results, "binary digit")
        words = f"results have {has}, not {digits}: they look {_named(results)}"
    elif inputs < digits:
        count = counted(inputs, "binary digit")
        if max(bits) > inputs + 1:  # of an input, all would lose the same
            verb = "counts" if inputs == 1 else "count"
            what = f"only some {count} of what lies between the passes {verb}"
        else:
            what = f"only {count} of an input {'make' + 's' * (inputs == 1)} a difference"
        words = f"{what}: it is {_named(inputs)}"
    return Granularity(words, inputs, results=results)


def _named(digits: int) -> str:
    """Name the format of about so many digits: a product may have kept another one."""
    for name in ("bfloat16", "tf32", "float32"):
        if digits <= FORMATS[name].digits + 1:
            return f"rounded to {'TF32 or float16' if name == 'tf32' else name}"
    return "coarser than float64"


def significant_bits(values: Values) -> int:
    """Return the most bits that a value has, between the first and the last that is set."""
    finite = values[np.isfinite(values) & (values != 0)]
    if not finite.size:
        return 0
    mantissa = np.frexp(np.abs(finite))[0]
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return int(53 - trailing.min())


def _input_bits(
    subject: BlackBox,
    place: tuple[int, ...],
    lengths: tuple[int, ...],
    bits: int,
    first: float = 1.0,
) -> int:
    """Count the significant bits of inputs that make a difference: asked with first + 2**-k.

    One impulse a plane. Its answer is the same as for ``first`` if the bit is rounded away;
    otherwise it is larger by 2**-k, of which the rounding of two products leaves at least a part
    if 2**-k is four times as large as the rounding. The last two bits are taken as kept.
    """
    one = subject.within(2.0) / 2
    amplitudes = [one * first, *(one * (first + 2.0**-k) for k in range(1, bits - 2))]

    answers = list(subject.planes(impulses(lengths, {place: a}) for a in amplitudes))
    if any(y is None for y in answers):
        return bits
    peaks = [float(np.abs(y).max()) for y in answers if y is not None]
    if not peaks[0]:
        return bits
    kept = [k for k, peak in enumerate(peaks[1:], 1) if peak > peaks[0]]
    return bits if len(kept) == len(peaks) - 1 else max(kept, default=0) + 1


def fixed_step(values: Values, digits: int) -> str:
    """Say what results are multiples of, if they are: a few familiar steps.

    A product with the step, or a quotient, is off by two roundings; only numbers for which these
    are a small part of a step, 1/16, tell anything. No multiple but zero is less than one step.
    That a dozen other numbers are all that near to a multiple has a chance of 8**-12.
    """
    finite = values[np.isfinite(values) & (values != 0)]
    for step, words in _STEPS.items():
        steps = finite / step
        error = 2.0 ** (2 - digits) * np.maximum(np.abs(steps), 1)
        decisive = error <= 1 / 16
        wrong = (np.abs(steps - np.round(steps)) > 1 / 16) | (np.round(steps) == 0)
        if decisive.sum() >= 12 and not np.any(wrong[decisive]):
            return words
    return ""


class StrayNumber(NamedTuple):
    """Tells of a number that is not finite and not where it belongs: name, fate, sentence."""

    name: str
    lost: bool
    words: str


def stray_numbers(subject: BlackBox, reads: list[NDArray[np.bool_]]) -> list[StrayNumber]:
    """Return what is lost, and what spreads.

    ``reads`` says for each axis, of shape (outputs, inputs), what outputs answer: what the subject
    does, not what it should, so that another fault is not named twice.
    """
    lengths = tuple(r.shape[1] for r in reads)
    found: list[StrayNumber] = []
    noise = patterns.noise(lengths, 77)
    places = [tuple(n // 2 for n in lengths), (0,) * len(lengths)]
    for name, value in (("NaN", np.nan), ("infinity", np.inf), ("minus infinity", -np.inf)):
        for place in places:
            x = noise.copy()
            x[place] = value
            y = subject.plane(x)
            if y is None:
                continue
            wanted = np.ones((), bool)
            for r, p in zip(reads, place, strict=True):
                wanted = wanted[..., None] & r[:, p]
            if y.shape != wanted.shape:
                continue
            got = np.isnan(y) if np.isnan(value) else np.isinf(y)
            if np.any(wanted & ~got):
                i = tuple(map(int, np.argwhere(wanted & ~got)[0]))
                words = f"{name} at {place} is lost: output {i} reads it and is {float(y[i])!r}"
                found.append(StrayNumber(name, True, words))
            elif np.any(~np.isfinite(y) & ~wanted):
                i = tuple(map(int, np.argwhere(~np.isfinite(y) & ~wanted)[0]))
                words = f"{name} at {place} spreads: output {i} gives it no weight and is"
                found.append(StrayNumber(name, False, f"{words} {float(y[i])!r}"))
    return found
