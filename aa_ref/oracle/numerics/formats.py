"""Precisions: the binary formats, and which of them rounds what in an implementation.

A rounding here is *faithful*: a number that the format has stays as it is, any other becomes one
of its two neighbours. To nearest, up, down, towards zero and at random are all faithful.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import OracleError

__all__ = ["FORMATS", "PRECISIONS", "Format", "Precision", "as_precision", "conversion"]


@dataclass(frozen=True)
class Format:
    """A binary format of IEEE 754's kind, or the integers of so many bits."""

    name: str
    digits: int  # binary digits of a significand, the leading one included
    # exponents of the smallest normal and of the largest binade: normal numbers are at least
    # ``2**least`` and below ``2**(greatest + 1)``
    least: int
    greatest: int

    @property
    def unit(self) -> float:
        """The relative error that no faithful rounding to a normal number reaches."""
        return 2.0 ** (1 - self.digits)

    @property
    def exponent(self) -> float:
        """h: a faithful rounding is a factor ``e**r`` with |r| <= h (see ``docs/numerics.md``)."""
        return -math.log1p(-self.unit)

    @property
    def smallest(self) -> float:
        """The smallest subnormal: what a rounding below the normal range is off by, at most."""
        return math.ldexp(1.0, self.least - self.digits + 1)

    @property
    def normal(self) -> float:
        """The smallest normal number: below it, everything may be flushed to zero."""
        return math.ldexp(1.0, self.least)

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return math.ldexp(2.0 - self.unit, self.greatest)

    def holds(self, other: "Format") -> bool:
        """Whether every number of the other format is one of this."""
        return (
            self.digits >= other.digits
            and self.greatest >= other.greatest
            and self.least - self.digits <= other.least - other.digits
        )


FORMATS: Mapping[str, Format] = {
    f.name: f
    for f in (
        Format("float64", 53, -1022, 1023),
        Format("float32", 24, -126, 127),
        Format("tf32", 11, -126, 127),
        Format("float16", 11, -14, 15),
        Format("bfloat16", 8, -126, 127),
        Format("uint8", 8, 7, 7),  # as numbers: multiples of 2**(7 - 8 + 1), below 2**8
        Format("uint16", 16, 15, 15),
    )
}
"""By the name of the type, where there is one; the integers as what is to be held."""


@dataclass(frozen=True)
class Precision:
    """What an implementation rounds, and to which format."""

    name: str
    design: Format  # in which it computes its taps, if it does
    # to which samples, taps and what lies between two passes are rounded before a product
    operands: Format
    accumulation: Format  # of every product and every sum
    storage: Format  # in which what lies between two passes, and the result, are held


def _precisions() -> dict[str, Precision]:
    rows = {
        # name: design, operands, accumulation, storage
        "binary64": "float64 float64 float64 float64",
        "binary32": "float32 float32 float32 float32",
        "tf32": "float32 tf32 float32 float32",
        "binary16": "float32 float16 float32 float16",
        "bfloat16": "float32 bfloat16 float32 bfloat16",
        "pure-binary16": "float32 float16 float16 float16",
        "pure-bfloat16": "float32 bfloat16 bfloat16 bfloat16",
    }
    found = {n: Precision(n, *(FORMATS[f] for f in row.split())) for n, row in rows.items()}
    also = {"float64": "binary64", "float32": "binary32", "float16": "binary16"}
    return found | {a: found[n] for a, n in also.items()} | {"pure-float16": found["pure-binary16"]}


PRECISIONS: Mapping[str, Precision] = _precisions()
"""The presets. NumPy's names of types stand for the formats' names.

==================  ======================================================================
``binary64``        everything in binary64
``binary32``        everything in binary32
``tf32``            binary32, but operands of products are rounded to 11 binary digits
``binary16``        half precision with binary32 accumulation: operands, what lies between
                    the passes, and the result are binary16; products and sums binary32
``bfloat16``        the same with bfloat16
``pure-binary16``   products and sums in binary16, too
``pure-bfloat16``   products and sums in bfloat16, too
==================  ======================================================================

Taps are taken to be computed in binary32 at least, as frameworks do that convert them afterwards.
"""


def conversion(source: Format, target: Format) -> float:
    """The exponent of a conversion: 0 where the target holds all numbers of the source."""
    return 0.0 if target.holds(source) else target.exponent


def as_precision(precision: Any) -> Precision:
    """Return a preset by its name, or a `Precision` of the caller's own."""
    if isinstance(precision, Precision):
        return precision
    if isinstance(precision, str) and precision in PRECISIONS:
        return PRECISIONS[precision]
    raise OracleError(
        f"precision is {precision!r}; write one of {', '.join(map(repr, PRECISIONS))}"
    )
