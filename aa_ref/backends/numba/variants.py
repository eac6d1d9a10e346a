"""The adjoint's variants, compiled for one stride and one layout; and when these are worth it.

In a variant the columns' stride and the number of neighbours are constants. So lines that are
sorted by phase are put back by permutations of whole vectors; all else is the generic function's
own code. The bits are the same.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

__all__ = [
    "GENERIC",
    "LITTLE",
    "PATIENT",
    "VARIANTS",
    "Variant",
    "find_variant",
    "from_the_first_call",
    "worth_it",
]


class Variant(NamedTuple):
    """A compiled function's constants; 0 where it takes any."""

    stride: int
    width: int  # neighbours: 1 for C×H×W, the channels for H×W×C

    def __str__(self) -> str:
        if self == GENERIC:
            return "any stride, any layout"
        layout = "C×H×W" if self.width == 1 else f"H×W×C, C = {self.width}"
        return f"stride {self.stride}, {layout}"


GENERIC = Variant(0, 0)
VARIANTS = tuple(Variant(stride, width) for width in (1, 3) for stride in (2, 3, 4, 8))
"""Computing in binary32."""

LITTLE = 100_000_000
"""Multiplications that a process does with a generic function before it takes a special one.

They take 12 to 26 ms; loading one from the cache on disk takes 20, compiling it seconds.
"""

PATIENT = True
"""Whether callers who have not asked for this backend by name get what is ready meanwhile."""

_done: dict[Hashable, int] = {}


def find_variant(stride: int, width: int) -> Variant:
    """The variant for columns of this stride and so many neighbours; `GENERIC` if there is none."""
    wanted = Variant(stride, width)
    return wanted if wanted in VARIANTS else GENERIC


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
