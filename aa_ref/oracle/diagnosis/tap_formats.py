"""Coarse numbers that taps may be rounded to: binary and decimal digits, multiples of a step."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..precisions import FORMATS, Format
from .words import counted

__all__ = ["TAP_FORMATS", "TapFormat", "coarse_taps"]

Values = NDArray[np.float64]
_Way = Callable[[Values], Values]


class TapFormat(NamedTuple):
    """What numbers are rounded to, in words that follow "rounded to", and how."""

    words: str
    rounded: Callable[[Values], Values]


def _binary(taps: Values, held: Format, way: _Way) -> Values:
    """Round to the significand of a format, below its normal range to subnormal numbers."""
    exponent = np.maximum(np.frexp(taps)[1], held.least + 1) - held.digits
    return np.asarray(np.ldexp(way(np.ldexp(taps, -exponent)), exponent))


def _stepped(taps: Values, steps: float, way: _Way) -> Values:
    """Round to multiples of ``1/steps``."""
    return np.asarray(way(taps * steps) / steps)


def _significant(taps: Values, digits: int, way: _Way) -> Values:
    """Round to so many decimal digits, counted from each tap's first."""
    first = np.floor(np.log10(np.maximum(taps, 1e-300)))
    steps = 10.0 ** (digits - 1 - first)
    return np.asarray(way(taps * steps) / steps)


def _carried(taps: Values, bits: int) -> Values:
    """Round to multiples from the ends inwards, so that the sum stays what it is."""
    steps = float(1 << bits)
    wanted, error = np.ldexp(taps, bits), 0.0
    rounded = np.zeros_like(taps)
    count = len(taps) // 2
    for k in range(count):
        exact = float(wanted[k]) + error
        rounded[k] = rounded[-1 - k] = round(exact)
        error = exact - rounded[k]
    rounded[count] = np.round(wanted.sum()) - rounded.sum()
    return np.asarray(rounded / steps)


def _named(way: _Way) -> Iterator[TapFormat]:
    for name in ("tf32", "float16", "bfloat16", "float32"):
        words = name.upper() if name == "tf32" else name
        yield TapFormat(words, partial(_binary, held=FORMATS[name], way=way))


def _numbers(way: _Way) -> Iterator[TapFormat]:
    """Fixed point, decimals, and significands that have no name."""
    for bits in range(4, 32):
        yield TapFormat(
            f"multiples of 1/{1 << bits}", partial(_stepped, steps=float(1 << bits), way=way)
        )
    for digits in range(2, 13):
        words = counted(digits, "decimal place")
        yield TapFormat(words, partial(_stepped, steps=10.0**digits, way=way))
    for digits in range(2, 10):
        words = counted(digits, "significant decimal digit")
        yield TapFormat(words, partial(_significant, digits=digits, way=way))
    wide = FORMATS["float32"]
    for digits in range(4, 24):
        if digits not in {f.digits for f in FORMATS.values()}:
            held = Format("", digits, wide.least, wide.greatest)
            words = counted(digits, "binary digit")
            yield TapFormat(words, partial(_binary, held=held, way=way))


TAP_FORMATS = (
    *_named(np.rint),
    *_numbers(np.rint),
    *(
        TapFormat(
            f"multiples of 1/{1 << bits}, each error carried on to the next tap (as OpenCV does)",
            partial(_carried, bits=bits),
        )
        for bits in (16, 8)
    ),
    *(
        f._replace(words=f"{f.words}, digits beyond cut off")
        for f in (*_named(np.trunc), *_numbers(np.trunc))
    ),
)
"""The likelier first."""


def coarse_taps(taps: Values, least: float = 0.0) -> Iterator[tuple[str, Values]]:
    """Yield taps as every format has them, with the formats in words.

    Formats that do the same to these taps are one: the first two are named.

    Parameters
    ----------
    taps : ndarray
        Not negative; not rounded yet.
    least : float
        How much the taps of a format have to be off, all together, to count.
    """
    found: dict[bytes, tuple[list[str], Values]] = {}
    for words, rounded in TAP_FORMATS:
        coarse = rounded(taps)
        if coarse.any() and float(np.abs(coarse - taps).sum()) > least:
            found.setdefault(coarse.tobytes(), ([], coarse))[0].append(words)
    for names, coarse in found.values():
        yield " or ".join(names[:2]), coarse
