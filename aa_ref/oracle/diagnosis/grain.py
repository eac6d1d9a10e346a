"""How finely numbers are held: significant bits of inputs and results, steps of a fixed size."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..precisions import FORMATS
from .subject import Subject
from .words import counted

__all__ = ["Grain", "fixed_step", "input_bits", "judge_grain", "significant_bits"]

Values = NDArray[np.float64]

_STEPS = {1.0: "integers", 1 / 255: "multiples of 1/255", 1 / 65535: "multiples of 1/65535"}


class Grain(NamedTuple):
    """What is wrong, in a clause; the binary digits that count; whether steps have a fixed size."""

    words: str
    digits: int
    stepped: bool = False


def judge_grain(
    subject: Subject, lengths: tuple[int, ...], place: tuple[int, ...], digits: int
) -> Grain:
    """Whether results or inputs have fewer bits than they should, and how many that is.

    ``place`` is where an impulse is seen.
    """
    y = subject.plane(subject.noise(lengths, 5, 128.0))
    if y is None or y.size < 8:
        return Grain("", digits)
    step = fixed_step(y, digits)
    if step:
        return Grain(f"results are {step}, for any input", digits, True)
    results = min(significant_bits(y), digits)
    inputs = input_bits(subject, place, lengths, results)
    words = ""
    if results < digits:
        has = counted(results, "binary digit")
        words = f"results have {has}, not {digits}: they look {_named(results)}"
    elif inputs < digits:
        count = counted(inputs, "binary digit")
        makes = "makes" if inputs == 1 else "make"
        words = f"only {count} of an input {makes} a difference: it is {_named(inputs)}"
    return Grain(words, inputs)


def _named(digits: int) -> str:
    """The format of about so many digits: a product may have kept another one."""
    for name in ("bfloat16", "tf32", "float32"):
        if digits <= FORMATS[name].digits + 1:
            return f"rounded to {'TF32 or float16' if name == 'tf32' else name}"
    return "coarser than float64"


def significant_bits(values: Values) -> int:
    """The most that any of them has, between its first and its last bit that is set."""
    finite = values[np.isfinite(values) & (values != 0)]
    if not finite.size:
        return 0
    mantissa = np.frexp(np.abs(finite))[0]
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return int(53 - trailing.min())


def input_bits(
    subject: Subject, place: tuple[int, ...], lengths: tuple[int, ...], bits: int
) -> int:
    """The significant bits of inputs that make a difference: asked with 1 + 2**-k.

    One impulse a plane. Its answer is the same as for 1 if the bit is rounded away; otherwise it
    is larger by 2**-k, of which the rounding of two products leaves at least a part if 2**-k is
    four times as large as the rounding. The last two bits are taken as kept.
    """
    one = subject.within(2.0) / 2
    amplitudes = [one, *(one * (1 + 2.0**-k) for k in range(1, bits - 2))]

    def impulse(amplitude: float) -> Values:
        x = np.zeros(lengths)
        x[place] = amplitude
        return x

    answers = list(subject.planes(map(impulse, amplitudes)))
    if any(y is None for y in answers):
        return bits
    peaks = [float(np.abs(y).max()) for y in answers if y is not None]
    if not peaks[0]:
        return bits
    kept = [k for k, peak in enumerate(peaks[1:], 1) if peak > peaks[0]]
    return bits if len(kept) == len(peaks) - 1 else max(kept, default=0) + 1


def fixed_step(values: Values, digits: int) -> str:
    """What results are multiples of, if they are: a few familiar steps.

    A product with the step, or a quotient, is off by two roundings; only numbers for which these
    are a small part of a step, 1/16, tell anything. No multiple but zero is less than one step.
    That a dozen other numbers are all that near to a multiple has a chance of 8**-12.
    """
    finite = values[np.isfinite(values) & (values != 0)]
    for step, words in _STEPS.items():
        steps = finite / step
        error = 2.0 ** (2 - digits) * np.maximum(np.abs(steps), 1)
        telling = error <= 1 / 16
        wrong = (np.abs(steps - np.round(steps)) > 1 / 16) | (np.round(steps) == 0)
        if telling.sum() >= 12 and not np.any(wrong[telling]):
            return words
    return ""
