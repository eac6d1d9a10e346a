"""When a function compiled for what is asked for is worth its time."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

__all__ = [
    "GENERIC",
    "LITTLE",
    "PATIENT",
    "Generic",
    "from_the_first_call",
    "worth_it",
]


class Generic(tuple[()]):
    """No constants: a function that takes any plan has none."""

    __slots__ = ()

    def __str__(self) -> str:
        return "any stride, any layout"


GENERIC = Generic()

LITTLE = 100_000_000
"""Multiplications that a process does with a generic function before it takes a special one.

They take 12 to 26 ms; loading one from the cache on disk takes 20, compiling it seconds.
"""

PATIENT = True
"""Whether callers who have not asked for this backend by name get what is ready meanwhile."""

_done: dict[Hashable, int] = {}


def worth_it(function: str, special: Hashable, multiplications: int) -> bool:
    """Whether enough work has come that a function compiled for it is worth its time.

    Two threads that count at a time may miss some work; then it comes a little later.
    """
    done = _done.get((function, special), 0)
    if done < LITTLE:
        done = _done[function, special] = done + multiplications
    return done >= LITTLE


@contextmanager
def from_the_first_call() -> Iterator[None]:
    """Take special functions at once, as a process does that has been at work for a while."""
    global LITTLE, PATIENT
    before, LITTLE, PATIENT = (LITTLE, PATIENT), 0, False
    try:
        yield
    finally:
        LITTLE, PATIENT = before
