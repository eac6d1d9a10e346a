"""Cases in which one quantity alone grows: what cost is shown against, in tables and pictures."""

from collections.abc import Sequence
from typing import NamedTuple

from .cases import PYRAMIDS, Case, scales_text, threads_text

__all__ = ["QUANTITIES", "Point", "growing", "title_of"]

QUANTITIES = ("size", "stride", "threads")
"""What may grow."""


class Point(NamedTuple):
    """A case and a number of threads; how much of the quantity that is, in words as well."""

    value: int
    words: str
    case: Case
    threads: int


def growing(cases: Sequence[Case], quantity: str, least: int) -> list[list[Point]]:
    """Groups that differ in nothing but the quantity, in ascending order of it.

    A group has ``least`` different values or more; of threads, two or more.
    """
    if quantity == "threads":
        groups = [[Point(n, str(n), case, n) for n in sorted(case.threads)] for case in cases]
        return [group for group in groups if len(group) > 1]
    found: dict[object, list[Point]] = {}
    for case in cases:
        threads = max(case.threads)
        if quantity == "size":
            same: object = (case.size[0], *case.scales)
            value, words = case.samples, case.size_words
        elif case.direction in PYRAMIDS:  # whose scales go together
            continue
        else:
            same = case.size
            value, words = _stride(case)
        key = case.direction, case.layout, case.dtype, threads, same
        found.setdefault(key, []).append(Point(value, words, case, threads))
    return [
        sorted(group, key=lambda p: p.value)
        for group in found.values()
        if len({p.value for p in group}) >= least
    ]


def title_of(quantity: str, group: Sequence[Point]) -> str:
    """What all of a group have in common."""
    c, threads = group[0].case, group[0].threads
    if quantity == "threads":
        return str(c)
    fixed = c.size_words if quantity == "stride" else scales_text(c.scales)
    return f"{c.direction}, {fixed}, {c.layout}, {c.dtype}, {threads_text(threads)}"


def _stride(case: Case) -> tuple[int, str]:
    """With the scale, where that is not one over it."""
    stride, scale = case.plans[0].axes[0].stride, case.scales[0]
    words = f"{stride}" if float(scale) == 1 / stride else f"{stride} ({scales_text([scale])})"
    return stride, words
