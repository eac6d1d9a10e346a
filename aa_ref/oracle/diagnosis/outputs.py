"""How many outputs there are for each number of inputs: the rule for sizes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...filters import Number
from ...plans import AxisPlan

__all__ = ["SizeRule", "read_size_rule"]

Counts = Sequence[tuple[int, int]]
"""Inputs and outputs along one axis."""


@dataclass(frozen=True)
class SizeRule:
    """A rule that gives the observed numbers of outputs.

    Attributes
    ----------
    words : str
        As a formula of n, the number of inputs.
    stride : int or None
        The divisor in it, if it has one.
    from_length : int
        The least length from which it holds.
    """

    words: str
    stride: int | None
    from_length: int = 1


def read_size_rule(counts: Counts, a: AxisPlan) -> SizeRule | None:
    """The first rule in a list of familiar ones that gives all these, or all but the shortest."""
    ordered = sorted(set(counts))
    if not any(m for _, m in counts):
        return SizeRule("no", None)
    for start in dict.fromkeys((0, *range(1, max(len(ordered) - 3, 1)))):
        kept = ordered[start:]
        products, quotients = _of_products(kept, a.scale), _of_quotients(kept, a)
        first, second = products, quotients
        if a.sampling == "slice":
            first, second = quotients, products
        found = first or second
        if found is not None:
            return SizeRule(*found, from_length=kept[0][0])
    return None


def _of_products(counts: Counts, scale: Number) -> tuple[str, int | None] | None:
    rules: dict[str, Callable[[Number], int]] = {
        "floor(n*s)": math.floor,
        "round(n*s), half to even": round,
        "floor(n*s + 0.5)": lambda v: math.floor(v + 0.5),
        "ceil(n*s)": math.ceil,
    }
    for words, rule in rules.items():
        if all(rule(n * scale) == m for n, m in counts):
            return words, None
        if all(max(rule(n * scale), 1) == m for n, m in counts):
            return f"max({words}, 1)", None
    return None


def _of_quotients(counts: Counts, a: AxisPlan) -> tuple[str, int | None] | None:
    """``floor((n + b)/q) + 1``: what any convolution with padding and stride q gives."""
    longest = max(n for n, _ in counts)
    for q in dict.fromkeys((a.stride, *range(1, longest + 1))):
        least = max(q * (m - 1) - n for n, m in counts)
        most = min(q * m - 1 - n for n, m in counts)
        if least > most:
            continue
        for b in (-1, -q, -2 * a.radius - 1):  # the familiar ones first
            if least <= b <= most:
                return _quotient_words(b, q), q
        return _quotient_words(most, q), q
    return None


def _quotient_words(b: int, q: int) -> str:
    if q == 1:
        return "n" if b == -1 else f"n {b + 1:+d}".replace("+", "+ ").replace("-", "- ")
    if b == -1:
        return f"ceil(n/{q})"
    if b == -q:
        return f"floor(n/{q})"
    return f"floor((n {'+' if b >= 0 else '-'} {abs(b)})/{q}) + 1"
