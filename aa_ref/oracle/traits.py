"""Traits: what the inputs of wrong answers have in common, and those of right answers have not.

A function that is wrong for some sizes alone, or some numbers of channels, has another way for
them: aligned lengths, square planes, a limit of a table or of an index.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from numpy.typing import NDArray

from .layouts import Layout
from .probes import Probe

__all__ = ["trait_of"]

_FACTORS = (2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class _Given:
    """The shape of an input, by what its dimensions are."""

    entries: int
    channels: int
    lengths: tuple[int, ...]
    samples: int


Trait = tuple[str, Callable[[_Given], bool]]


def trait_of(wrong: Sequence[Probe], right: Sequence[Probe], layout: Layout) -> str:
    """Say what all wrong probes are and no right one is, such as ``with 2 channels``.

    Empty if none of the traits known is such a one. The first of them is told, the plainest first.
    """
    if not wrong or not right:
        return ""
    bad = [_given(probe.x, layout) for probe in wrong]
    good = [_given(probe.x, layout) for probe in right]
    letters = [layout.name[a] for a in layout.axes]
    for words, has in _traits(bad, letters):
        if all(map(has, bad)) and not any(map(has, good)):
            return words
    return ""


def _given(x: NDArray[Any], layout: Layout) -> _Given:
    by_letter = dict(zip(layout.name, x.shape, strict=True))
    lengths = tuple(x.shape[a] for a in layout.axes)
    return _Given(by_letter.get("N", 1), by_letter.get("C", 1), lengths, x.size)


def _are_multiples(g: _Given, k: int) -> bool:
    return all(n % k == 0 for n in g.lengths)


def _is_multiple(g: _Given, k: int, axis: int) -> bool:
    return g.lengths[axis] % k == 0


def _is_long(g: _Given, axis: int, least: int) -> bool:
    return g.lengths[axis] >= least


def _traits(bad: Sequence[_Given], letters: Sequence[str]) -> Iterator[Trait]:
    """Yield those that the wrong ones may have, with the limits that these set."""
    channels, entries = min(g.channels for g in bad), min(g.entries for g in bad)
    yield f"with {channels} channels", lambda g: g.channels == channels
    yield f"with {channels} channels or more", lambda g: g.channels >= channels
    yield f"with {entries} entries", lambda g: g.entries == entries
    yield f"with {entries} entries or more", lambda g: g.entries >= entries
    yield "with several channels or entries", lambda g: g.channels * g.entries > 1
    if len(letters) > 1:
        yield "whose lengths are all the same", lambda g: len(set(g.lengths)) == 1
    for k in _FACTORS:
        both = "lengths are multiples" if len(letters) > 1 else "length is a multiple"
        yield f"whose {both} of {k}", partial(_are_multiples, k=k)
        for axis, letter in enumerate(letters):
            yield (
                f"whose length along {letter} is a multiple of {k}",
                partial(_is_multiple, k=k, axis=axis),
            )
    for axis, letter in enumerate(letters):
        least = min(g.lengths[axis] for g in bad)
        yield (
            f"of {least:,} samples or more along {letter}",
            partial(_is_long, axis=axis, least=least),
        )
    plane = min(math.prod(g.lengths) for g in bad)
    yield f"with planes of {plane:,} samples or more", lambda g: math.prod(g.lengths) >= plane
    samples = min(g.samples for g in bad)
    yield f"of {samples:,} samples or more in all", lambda g: g.samples >= samples
