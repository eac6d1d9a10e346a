"""How finely numbers are held: significant bits of inputs and results, steps of a fixed size."""

import numpy as np
from numpy.typing import NDArray

from .subject import Subject

__all__ = ["fixed_step", "input_bits", "significant_bits"]

Values = NDArray[np.float64]

_STEPS = {1.0: "integers", 1 / 255: "multiples of 1/255", 1 / 65535: "multiples of 1/65535"}


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
    amplitudes = [1.0, *(1 + 2.0**-k for k in range(1, bits - 2))]

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
    are a small part of a step, 1/16, tell anything. That a dozen other numbers are all that near
    to a multiple has a chance of 8**-12.
    """
    finite = values[np.isfinite(values) & (values != 0)]
    for step, words in _STEPS.items():
        steps = finite / step
        error = 2.0 ** (2 - digits) * np.maximum(np.abs(steps), 1)
        telling = error <= 1 / 16
        if telling.sum() >= 12 and np.all(np.abs(steps - np.round(steps))[telling] <= 1 / 16):
            return words
    return ""
