"""Numbers to colours: greys for samples, and for errors blue below and orange above the truth.

The colours differ in lightness too, and are told apart by the colour-blind.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_ANSWER", "NO_NUMBER", "ErrorScale", "Grey", "error_scale", "grey_scale"]

Values = NDArray[np.float64]
Pixels = NDArray[np.uint8]

NO_NUMBER = (204, 51, 153)
"""NaN and infinity."""
NO_ANSWER = (128, 128, 128)

_STOPS = np.array(
    [
        (5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (247, 247, 247),
        (253, 184, 99), (224, 130, 20), (179, 88, 6), (102, 42, 0),
    ],
    np.float64,
)  # fmt: skip
_WITHIN = 0.15
"""How much of a scale that goes beyond the bound is skipped, so that all beyond it shows."""


@dataclass(frozen=True)
class Grey:
    """Greys from black at ``low`` to white at ``high``."""

    low: float
    high: float

    def pixels(self, values: Values) -> Pixels:
        """Of shape (rows, columns, 3)."""
        finite = np.isfinite(values)
        # Halves, so that a range of the largest numbers has a width.
        width = max(self.high / 2 - self.low / 2, 5e-324)
        share = (np.where(finite, values, 0.0) / 2 - self.low / 2) / width
        level = np.rint(255 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
        return np.where(finite[..., None], level[..., None], np.array(NO_NUMBER, np.uint8))


def grey_scale(values: Values) -> Grey:
    """From the least of some values to the greatest, and to 0 where they are all the same."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=math.inf)), float(finite.max(initial=-math.inf))
    if low > high:
        return Grey(0.0, 1.0)
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0)
    return Grey(low, high if high > low else 1.0)


@dataclass(frozen=True)
class ErrorScale:
    """Errors over their bounds to colours.

    Linear up to ``top``; but if that is beyond 1, all within the bound has the middle's colour and
    what is beyond is logarithmic.
    """

    top: float

    @property
    def beyond(self) -> bool:
        """Whether errors are beyond their bounds."""
        return self.top > 1

    def shares(self, errors: Values) -> Values:
        """Places on the scale, from -1 to 1."""
        if not self.beyond:
            return np.clip(errors / self.top, -1.0, 1.0)
        size = np.clip(np.abs(errors), 1.0, self.top)
        share = _WITHIN + (1 - _WITHIN) * np.log(size) / math.log(self.top)
        return np.where(np.abs(errors) > 1, np.sign(errors) * share, 0.0)

    def pixels(self, errors: Values) -> Pixels:
        """Of shape (rows, columns, 3)."""
        return _colours(self.shares(errors))

    def ramp(self, columns: int) -> Pixels:
        """The scale itself, from -1 to 1, as one row."""
        shares = np.linspace(-1.0, 1.0, columns)
        within = self.beyond & (np.abs(shares) < _WITHIN)
        return _colours(np.where(within, 0.0, shares))[None]

    def marks(self) -> list[tuple[float, str]]:
        """Places on the scale, from -1 to 1, and what to write there."""
        if not self.beyond:
            return [(-1.0, f"−{self.top:.2g}"), (0.0, "0"), (1.0, f"{self.top:.2g}")]
        ends = [(_WITHIN, "1"), (1.0, _power(self.top))]
        return [
            *((-place, f"−{text}") for place, text in reversed(ends)), *ends,
        ]  # fmt: skip


def error_scale(errors: Values) -> ErrorScale:
    """One for some errors; infinite ones have the colour of the greatest."""
    sizes = np.abs(errors[np.isfinite(errors)])
    top = float(sizes.max(initial=0.0))
    if np.isinf(errors).any() or top > 1:
        return ErrorScale(10.0 ** max(math.ceil(math.log10(max(top, 1.0))), 1))
    return ErrorScale(top or 1.0)


def _power(value: float) -> str:
    exponent = round(math.log10(value))
    raised = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return "10" if exponent == 1 else f"10{raised}"


def _colours(shares: Values) -> Pixels:
    at = (shares + 1) / 2 * (len(_STOPS) - 1)
    places = np.arange(len(_STOPS))
    bands = [np.interp(at, places, _STOPS[:, band]) for band in range(3)]
    return np.rint(np.stack(bands, -1)).astype(np.uint8)
