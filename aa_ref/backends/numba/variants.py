"""The closed list of variants: compiled functions for one stride and one layout.

In a variant the columns' stride and the number of neighbours are constants. So lines are sorted by
phase, and put back, by permutations of whole vectors; all else is the generic functions' own code.
The bits are the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

__all__ = [
    "GENERIC",
    "LITTLE",
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
"""Each for both directions, computing in binary32."""

LITTLE = 100_000_000
"""Multiplications that a process does with a generic function before it takes a variant.

They take 12 to 26 ms; loading a variant from the cache on disk takes 20, compiling it seconds.
"""

_done: dict[tuple[str, Variant], int] = {}


def find_variant(stride: int, width: int) -> Variant:
    """The variant for columns of this stride and so many neighbours; `GENERIC` if there is none."""
    wanted = Variant(stride, width)
    return wanted if wanted in VARIANTS else GENERIC


def worth_it(function: str, variant: Variant, multiplications: int) -> Variant:
    """The variant, once enough work has come that it could do; `GENERIC` until then.

    Two threads that count at a time may miss some work; then the variant comes a little later.
    """
    if variant == GENERIC:
        return GENERIC
    done = _done.get((function, variant), 0)
    if done < LITTLE:
        done = _done[function, variant] = done + multiplications
    return variant if done >= LITTLE else GENERIC


@contextmanager
def from_the_first_call() -> Iterator[None]:
    """Take variants at once, as a process does that has been at work for a while."""
    global LITTLE
    before, LITTLE = LITTLE, 0
    try:
        yield
    finally:
        LITTLE = before
