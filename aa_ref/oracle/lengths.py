"""Which lengths probes have, from what a plan says of each filtered axis."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..plans import AxisPlan, Plan

__all__ = ["Reach", "reach_of", "several"]

_LONG = 1 << 16


@dataclass(frozen=True)
class Reach:
    """What matters of an axis when lengths are chosen, in input samples.

    Attributes
    ----------
    least : int
        The shortest length that has an output.
    step : int
        The distance between centres, rounded up.
    radius : int
    """

    least: int
    step: int
    radius: int

    @property
    def middling(self) -> int:
        """Long enough for both ends, and for samples that neither end reaches."""
        return max(self.least, 2 * self.radius + 2 * self.step + 1)


def reach_of(plan_for: Callable[[tuple[int, ...]], Plan], ndim: int) -> list[Reach]:
    """One for each filtered axis, in the plan's order."""
    return [_of_axis(a) for a in plan_for((_LONG,) * ndim).axes]


def _of_axis(a: AxisPlan) -> Reach:
    if not a.has_pass:
        return Reach(1, 1, 0)
    if a.sampling == "slice":
        return Reach(1, a.stride, a.radius)
    least = math.ceil(1 / a.scale) - 1  # the product below is rounded, and may fall short
    while math.floor(least * a.scale) < 1:
        least += 1
    return Reach(least, math.ceil(1 / a.scale), a.radius)


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
