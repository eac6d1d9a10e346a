"""What is known of taps from rounded answers: how exactly, of which sigmas, as coarse as what.

An answer to one impulse is a product of taps, rounded a few times: every other term of its sum is
zero and adds nothing. So it carries a small *relative* error, however small the tap, and a filter
is recovered to nearly full precision. The limits below are those of `numerics.bounds`, for
answers to one impulse.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dtypes import FLOATING
from ...plans import Plan, plan
from ..findings import counted
from ..numerics.formats import FORMATS, Format, Precision, conversion
from ..numerics.tap_errors import tap_errors

__all__ = [
    "Accuracy", "SigmaInterval", "TapFormat", "accuracy_for", "centre_of", "coarse_taps",
    "gaussian_but_for", "read_sigma",
]  # fmt: skip

Values = NDArray[np.float64]


_LOST = 256
"""How many times as large as noise taps have to be; a Gaussian's last is exp(-8) of the first."""


@dataclass(frozen=True)
class Accuracy:
    """Holds the limits for one precision, all relative."""

    # of a tap whose exponent ``i²/(2 sigma²)`` is 0, apart from what all taps are off by: the error
    # of the sum that they are divided by
    tap: float
    common: float  # what all weights together may be off by, over all axes
    slope: float  # by which the error of a tap grows with that exponent
    # of what a product of taps goes through besides: one rounding a product, conversions
    steps: float
    unit: float  # of one rounding of a product or a sum
    axes: int  # how many are filtered
    # relative to the largest answer to an impulse: what is smaller is taken for nothing
    floor: float = 0.0

    def ratio(self, exponent: float) -> float:
        """Return the limit of a tap's ratio to the middle one: of both, and of both answers."""
        return math.expm1(min(2 * self.tap + self.slope * exponent + 2 * self.steps, 700.0))

    def sum(self) -> float:
        """Return the limit of the sum of all weights, whose mean exponent is 1/2 an axis.

        The sum of ``t i²/(2 sigma²)`` over a Gaussian's taps is 1/2, a little less if it is cut.
        """
        one = self.tap + self.slope / 2 + 2 * self.steps
        return math.expm1(min(self.axes * one + self.common, 700.0))

    def coarser(self, digits: int, throughout: bool = False) -> "Accuracy":
        """Return the limits if no more than so many binary digits count; ``throughout``, of sums.

        These may be of the type that results are rounded to.
        """
        unit = max(self.unit, 2.0**-digits) if throughout else self.unit
        return replace(self, steps=self.steps + 2 * self.axes * 2.0 ** (1 - digits), unit=unit)

    def summed(self, terms: int) -> "Accuracy":
        """Return the limits for answers that are sums of so many terms, all of one sign."""
        return replace(self, steps=self.steps + terms * self.unit)

    def off(self, relative: float) -> "Accuracy":
        """Return the limits if answers are off by more of themselves, as subnormal numbers are."""
        return replace(self, steps=self.steps + relative)

    def noisy(self, size: float) -> "Accuracy":
        """Return the limits if answers are off by so much of the largest: small taps are lost."""
        return replace(self.off(1 / _LOST), floor=_LOST * size)

    def noise(self, samples: int) -> float:
        """Return the limit of answers that should be zero, of the largest, by transforms.

        The error of a fast Fourier transform of ``n`` samples is at most some ``6 u log2(n)`` of
        the norm of its input (Higham 2002, theorem 24.2), and it goes there and back.
        """
        return 12 * self.unit * math.log2(max(samples, 2))

    def random(self, weights: int) -> float:
        """Return the limit of a sum of products, relative to the sum of their absolute values.

        One rounding a sum; and the model that it is compared with has been recovered from answers
        that were rounded themselves, one an axis.
        """
        steps = weights * self.unit + (2 * self.axes + 1) * self.steps
        return math.expm1(min(steps, 700.0))


def accuracy_for(p: Plan, precision: Precision, taps: Any) -> Accuracy:
    """Return the limits that a plan's own taps have in a precision.

    The error of a tap is a line over its exponent to within second-order terms; the widest of the
    plan's filters gives it.
    """
    wide = max(p.passes, key=lambda a: a.radius, default=None)
    if wide is None or not wide.radius:
        p = plan((64,) * len(p.axes), 0.25, axes=range(len(p.axes)), input_dtype=p.input_dtype)
        wide = p.passes[0]
    direct = tap_errors(p, precision, taps, True)
    exponents = direct.axes[p.passes.index(wide)]
    tap = float(exponents[wide.radius])
    slope = float(exponents[0] - tap) / (wide.radius**2 / (2 * float(wide.sigma) ** 2))
    separable = tap_errors(p, precision, taps, False)
    sums = [float(e[a.radius]) - tap for a, e in zip(p.passes, separable.axes, strict=True)]
    common = max(direct.shared, sum(max(s, 0.0) for s in sums))
    count = max(len(p.passes), 1)
    held = precision.accumulation
    steps = count * held.exponent
    if not precision.storage.holds(held):
        steps += count * precision.storage.exponent
    if not precision.operands.holds(held):
        steps += count * precision.operands.exponent
    if p.dtype in FLOATING:  # the result's own type, which is rounded to once
        steps += conversion(precision.storage, FORMATS[p.dtype])
    return Accuracy(tap, common, slope, steps, held.unit, count)


@dataclass(frozen=True)
class SigmaInterval:
    """Holds the sigmas whose Gaussian has these taps within rounding: ``low`` to ``high``.

    Empty, with ``low`` above ``high``, if there is none: the taps are no Gaussian. Nor are they if
    ``high`` is infinite: they are all equal, or there is but one. ``centre`` is that of the
    Gaussian, counted as offsets are.
    """

    low: float
    high: float
    centre: float = 0.0

    @property
    def is_gaussian(self) -> bool:
        """Tell whether there is any."""
        return self.low <= self.high < math.inf

    @property
    def sigma(self) -> float:
        """Return the middle of the interval."""
        return (self.low + self.high) / 2

    @property
    def shortest(self) -> str:
        """Return a sigma of the interval with as few digits as can be, six at most."""
        shown = (f"{self.sigma:.{digits}g}" for digits in range(1, 6))
        return next((s for s in shown if self.holds(float(s))), f"{self.sigma:.6g}")

    def holds(self, sigma: float) -> bool:
        """Tell whether a sigma is in the interval."""
        return self.low <= sigma <= self.high


NO_SIGMA = SigmaInterval(1.0, 0.0)


def read_sigma(taps: Values, offsets: Values, accuracy: Accuracy) -> SigmaInterval:
    """Find the sigmas of a Gaussian about 0; if there is none, about any other centre."""
    about = _width_about(taps, offsets, accuracy)
    return about if about.is_gaussian or about.high == math.inf else _free(taps, offsets, accuracy)


def centre_of(taps: Values, offsets: Values, accuracy: Accuracy) -> float:
    """Return the centre of a Gaussian, as offsets are counted; 0 if it may be, or if there is none.

    A whole or half number if that fits, and else the nearest of the offsets.
    """
    width = read_sigma(taps, offsets, accuracy)
    if not width.is_gaussian or not width.centre:
        return 0.0
    near = round(2 * width.centre) / 2
    if _width_about(taps, offsets - near, accuracy).is_gaussian:
        return near
    return float(offsets[np.abs(offsets - width.centre).argmin()])


def _width_about(taps: Values, offsets: Values, accuracy: Accuracy) -> SigmaInterval:
    """Find the sigmas for which ``ln(t[m]/t[i]) = (i² - m²)/(2 sigma²)`` holds at every tap.

    ``m`` is the place nearest to the centre, 0 or a half. The exponents of both taps, whose sum the
    error grows with, are ``i² + m²`` where their difference is ``i² - m²``.
    """
    low, high = 0.0, math.inf
    middle = int(np.abs(offsets).argmin())
    if not np.all(taps > 0) or abs(offsets[middle]) > 0.5:
        return NO_SIGMA
    squares = offsets**2 - offsets[middle] ** 2
    exponents = np.log(taps[middle] / taps)
    for square, exponent in zip(squares.tolist(), exponents.tolist(), strict=True):
        if square == 0:  # the middle itself, or its like on the other side
            continue
        both = abs(exponent) * (1 + 2 * float(offsets[middle]) ** 2 / square)
        error = accuracy.ratio(both)
        if exponent + error <= 0:
            return NO_SIGMA
        low = max(low, math.sqrt(square / (2 * (exponent + error))))
        if exponent > error:
            high = min(high, math.sqrt(square / (2 * (exponent - error))))
    # Two taps of equal exponents, m²/(2 sigma²), may be off from each other by what both are.
    alike = np.abs(exponents[squares == 0]).max()
    both = float(offsets[middle]) ** 2 / low**2 if low else 0.0
    return SigmaInterval(low, high) if alike <= accuracy.ratio(both) else NO_SIGMA


def _free(taps: Values, offsets: Values, accuracy: Accuracy) -> SigmaInterval:
    """Find the sigmas of a Gaussian about any centre near the largest tap, not the last.

    With ``w = 1/(2 sigma²)``, ``v = w`` times the centre, and ``d`` counted from the largest tap's
    place ``m``, every tap leaves a strip of ``v`` for each ``w``:

        ln(t[m]/t[i]) = (i² - m²) w - 2 d v,   so   v = (i + m)/2 w - ln(t[m]/t[i])/(2 d)

    The strips of any two taps must meet, which bounds ``w``; that all of them then have a ``v`` in
    common is Helly's theorem on a line.
    """
    peak = int(taps.argmax())
    if not np.all(taps > 0) or not 0 < peak < len(taps) - 1:
        return NO_SIGMA
    others = np.arange(len(taps)) != peak
    exponents = np.log(taps[peak] / taps)
    # The centre is at most half a place from the largest tap, whose exponent is then at most w/4;
    # and 2 w is what the exponents of its neighbours sum to.
    most = float(exponents[peak - 1] + exponents[peak + 1]) / 8
    errors = np.array([accuracy.ratio(e + 2 * most) for e in exponents[others].tolist()])
    d = (offsets - offsets[peak])[others]
    slope = (offsets[others] + offsets[peak]) / 2
    offset, half = -exponents[others] / (2 * d), errors / (2 * np.abs(d))
    rise = slope[:, None] - slope[None, :]
    room = (offset + half)[None, :] - (offset - half)[:, None]
    low = float(np.max(room[rise < 0] / rise[rise < 0], initial=-math.inf))
    high = float(np.min(room[rise > 0] / rise[rise > 0], initial=math.inf))
    if high <= 0 or low > high or math.isinf(low):
        return NO_SIGMA
    w = (max(low, 0.0) + high) / 2
    v = (np.max(slope * w + offset - half) + np.min(slope * w + offset + half)) / 2
    widest = 1 / math.sqrt(2 * low) if low > 0 else math.inf
    return SigmaInterval(1 / math.sqrt(2 * high), widest, float(v) / w)


def gaussian_but_for(
    taps: Values, offsets: Values, sigma: float, accuracy: Accuracy
) -> Sequence[int]:
    """Return the offsets whose taps do not fit a Gaussian, if most do; else all offsets."""
    exponents = offsets**2 / (2 * sigma * sigma)
    with np.errstate(all="ignore"):
        ratios = taps * np.exp(exponents)
        common = float(np.median(ratios))
        off = ~(np.abs(ratios / common - 1) <= 2 * np.array([*map(accuracy.ratio, exponents)]))
    return [int(p) for p in offsets[off]]


_Way = Callable[[Values], Values]


class TapFormat(NamedTuple):
    """Says what numbers are rounded to, in words that follow "rounded to", and how."""

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
    """Yield fixed point, decimals, and significands that have no name."""
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


_TAP_FORMATS = (
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

    Formats that do the same to these taps are one: the first two are named. All together, taps have
    to be off by more than ``least``.
    """
    found: dict[bytes, tuple[list[str], Values]] = {}
    for words, rounded in _TAP_FORMATS:
        coarse = rounded(taps)
        if coarse.any() and float(np.abs(coarse - taps).sum()) > least:
            found.setdefault(coarse.tobytes(), ([], coarse))[0].append(words)
    for names, coarse in found.values():
        yield " or ".join(names[:2]), coarse
