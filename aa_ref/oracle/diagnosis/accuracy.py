"""How exactly a filter can be known from its answers, which are rounded.

An answer to one impulse is a product of taps, rounded a few times: every other term of its sum is
zero and adds nothing. So it carries a small *relative* error, however small the tap, and a filter
is recovered to nearly full precision. The limits below are those of `aa_ref.oracle.bounds`, for
answers to one impulse.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from ...dtypes import FLOATING
from ...plans import Plan, plan
from ..precisions import FORMATS, Precision, conversion
from ..tap_errors import tap_errors

__all__ = ["Accuracy", "accuracy_for"]


_LOST = 256
"""How many times as large as noise taps have to be; a Gaussian's last is exp(-8) of the first."""


@dataclass(frozen=True)
class Accuracy:
    """The limits for one precision, all relative.

    Attributes
    ----------
    tap : float
        Of a tap whose exponent ``i²/(2 sigma²)`` is 0, apart from what all taps are off by: the
        error of the sum that they are divided by.
    common : float
        What all weights together may be off by, over all axes.
    slope : float
        By which the error of a tap grows with that exponent.
    steps : float
        Of what a product of taps goes through besides: one rounding a product, conversions.
    unit : float
        Of one rounding of a product or a sum.
    axes : int
        How many are filtered.
    floor : float
        Relative to the largest answer to an impulse: what is smaller is taken for nothing.
    """

    tap: float
    common: float
    slope: float
    steps: float
    unit: float
    axes: int
    floor: float = 0.0

    def ratio(self, exponent: float) -> float:
        """Of the ratio of a tap to the middle one: that of both, and of both answers."""
        return math.expm1(min(2 * self.tap + self.slope * exponent + 2 * self.steps, 700.0))

    def sum(self) -> float:
        """Of the sum of all weights over the axes, whose mean exponent is 1/2 an axis.

        The sum of ``t i²/(2 sigma²)`` over a Gaussian's taps is 1/2, a little less if it is cut.
        """
        one = self.tap + self.slope / 2 + 2 * self.steps
        return math.expm1(min(self.axes * one + self.common, 700.0))

    def coarser(self, digits: int) -> "Accuracy":
        """The limits if the results have no more than so many binary digits."""
        return replace(self, steps=self.steps + 2 * self.axes * 2.0 ** (1 - digits))

    def summed(self, terms: int) -> "Accuracy":
        """The limits for answers that are sums of so many terms, all of one sign."""
        return replace(self, steps=self.steps + terms * self.unit)

    def off(self, relative: float) -> "Accuracy":
        """The limits if an answer is off by so much more of itself, as subnormal numbers are."""
        return replace(self, steps=self.steps + relative)

    def noisy(self, size: float) -> "Accuracy":
        """The limits for answers that are off by so much of the largest: small taps are lost."""
        return replace(self.off(1 / _LOST), floor=_LOST * size)

    def noise(self, samples: int) -> float:
        """Of answers that should be zero, relative to the largest, if a transform made them.

        The error of a fast Fourier transform of ``n`` samples is at most some ``6 u log2(n)`` of
        the norm of its input (Higham 2002, theorem 24.2), and it goes there and back.
        """
        return 12 * self.unit * math.log2(max(samples, 2))

    def random(self, weights: int) -> float:
        """Of a sum of so many products, relative to the sum of their absolute values.

        One rounding a sum; and the model that it is compared with has been recovered from answers
        that were rounded themselves, one an axis.
        """
        steps = weights * self.unit + (2 * self.axes + 1) * self.steps
        return math.expm1(min(steps, 700.0))


def accuracy_for(p: Plan, precision: Precision, taps: Any) -> Accuracy:
    """The limits that a plan's own taps have in a precision.

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
