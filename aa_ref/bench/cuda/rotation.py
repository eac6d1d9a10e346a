"""Calls that take turns over more memory than the caches hold, so that none finds its own input."""

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from ..cases import Case

__all__ = ["LEAST", "MOST", "TIMES_THE_CACHE", "buffers_for", "rotating"]

LEAST = 256 << 20
"""Bytes of all buffers together, at least,"""
TIMES_THE_CACHE = 4
"""and how many times the cache they are, at least."""
MOST = 256
"""Buffers, at most: what a call on arrays smaller than this takes up is the host's time."""


def buffers_for(case: Case, cache_bytes: int) -> int:
    """How many inputs, each with its result, a case takes in turns: two or more."""
    together = max(LEAST, TIMES_THE_CACHE * cache_bytes)
    return min(MOST, max(2, -(-together // (case.large_bytes + case.small_bytes))))


def rotating(calls: Sequence[Callable[[], Any]]) -> Callable[[], Any]:
    """A call that makes the next of these, and after the last the first again."""
    turns = cycle(calls)
    return lambda: next(turns)()
