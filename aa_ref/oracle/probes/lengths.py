"""Which lengths probes have, from what a plan says of each filtered axis."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...plans import AxisPlan, Plan

__all__ = ["Reach", "decisive", "reach_of", "several"]

_LONG = 1 << 16
_MOST = 1 << 12
"""Of one axis, where others are short."""


@dataclass(frozen=True)
class Reach:
    """What matters of an axis when lengths are chosen, in input samples."""

    least: int  # the shortest length that has an output
    step: int  # the distance between centres, rounded up
    radius: int
    # the shortest length whose product with the scale is a whole number; 1 if none is short
    period: int = 1
    # the shortest length whose product with the scale ends in a half; 0 if none is short
    tie: int = 0
    # a length at which outputs counted by the scale and by the stride are two apart, so that no
    # rounding makes up for it; 0 if none is short
    apart: int = 0

    @property
    def middling(self) -> int:
        """Long enough for both ends, and for samples that neither end reaches."""
        return max(self.least, 2 * self.radius + 2 * self.step + 1)

    @property
    def uneven(self) -> int:
        """How many samples beyond a whole length rules for sizes differ most.

        There, just short of the next one, what spreads outputs over the inputs by the ratio of
        their numbers is furthest from what the scale says.
        """
        return max(self.period - 1, 1)

    def in_multiples(self, multiple: int) -> "Reach":
        """Return the reach of such an axis whose lengths are multiples of a number."""
        return replace(self, period=math.lcm(self.period, multiple)) if multiple > 1 else self

    def whole(self, n: int) -> int:
        """The shortest length from ``n`` on at which inputs and outputs stand in the scale's ratio.

        There all rules for sizes agree, and all that spread outputs over the inputs by the ratio of
        their numbers do what the scale says.
        """
        return -(-max(n, self.least) // self.period) * self.period


def reach_of(plan_for: Callable[[tuple[int, ...]], Plan], ndim: int) -> list[Reach]:
    """One for each filtered axis, in the plan's order."""
    return [_of_axis(a) for a in plan_for((_LONG,) * ndim).axes]


def _of_axis(a: AxisPlan) -> Reach:
    if not a.has_pass:
        return Reach(1, 1, 0)
    step = a.stride if a.sampling == "slice" else math.ceil(1 / a.scale)
    short = range(1, 4 * a.radius + 5 * step + 4)
    period = next((n for n in short if (n * a.scale) % 1 == 0), 1)
    tie = next((n for n in short if (n * a.scale) % 1 == 0.5), 0)
    gap = abs(1 / a.stride - float(a.scale))
    apart = math.ceil(2 / gap) if gap * _MOST > 2 else 0
    return Reach(_least(a), step, a.radius, period, tie, apart)


def _least(a: AxisPlan) -> int:
    if a.sampling == "slice":
        return 1
    least = math.ceil(1 / a.scale) - 1  # the product below is rounded, and may fall short
    while math.floor(least * a.scale) < 1:
        least += 1
    return least


def decisive(axes: Sequence[Reach]) -> list[tuple[int, ...]]:
    """Lengths at which one rule for the number of outputs and another differ.

    Products with the scale that end in a half, after an odd and after an even number: rounding
    down, up, half up and half to even give four different pairs. (After 0 some give no output.)
    And for each axis, by itself, one at which the scale and the stride tell different numbers.
    """
    ties = [
        tuple(max(a.tie + k * a.period if a.tie else a.period, a.least) for a in axes)
        for k in (1, 2)
    ]
    long = [tuple(b.apart if b is a else b.least + b.step for b in axes) for a in axes if a.apart]
    return list(dict.fromkeys([*ties, *long]))


def several(axes: Sequence[Reach]) -> list[tuple[int, ...]]:
    """Lengths for each axis: a single sample, shorter than the filter, prime, odd, even, unequal.

    First the shortest. Then every axis goes through its own list, each a place further than the
    axis before it, and the first a sample longer where all come out the same.
    """
    lists = [_one_by_one(a) for a in axes]
    longest = max(map(len, lists))
    found = [tuple(a.least for a in axes)]
    for k in range(longest):
        first, *rest = (lengths[(k + s) % len(lengths)] for s, lengths in enumerate(lists))
        found.append((first + (set(rest) == {first}), *rest))
    return list(dict.fromkeys(found))


def _one_by_one(a: Reach) -> list[int]:
    s, r = a.step, a.radius
    wanted = {
        1, 2, 3, s - 1, s, s + 1, r, r + 1, 2 * s + 1, 2 * r, 2 * r + 1, 4 * s,
        _prime_from(s + r), _prime_from(2 * r + 3 * s),
    }  # fmt: skip
    return sorted(n for n in wanted if n >= a.least)


def _prime_from(n: int) -> int:
    """The smallest prime that is at least ``n``."""
    n = max(n, 2)
    while any(n % k == 0 for k in range(2, math.isqrt(n) + 1)):
        n += 1
    return n
