"""Correlates of wrong answers: the places of their outputs, or the shapes of their inputs.

Whatever a filter has wrong, it has wrong at every output clear of the ends. So where right outputs
lie on both sides of wrong ones, and the same ones are wrong in every answer that has them, it is
the place that matters: no filter tells of it, and a diagnosis that takes all outputs for those of
one filter is misled.

A function that is wrong for some sizes alone, or some numbers of channels, has another way for
them: aligned lengths, square planes, a limit of a table or of an index.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..plans import Plan
from .answers import Case
from .calling.layouts import Layout
from .diagnosis.blackbox import lengths_for
from .error_sites import Sites, joined, sites_of
from .probes import Probe
from .probes.lengths import reach_of
from .terms import Terms

__all__ = ["Locality", "are_dense", "locality_of", "overflow_of", "trait_of"]

_SPARSE = (
    "impulse", "constant", "ramp", "checkerboard", "wide", "subnormal", "special", "picture",
)  # fmt: skip
"""Kinds of probes whose answers may be right where a fault is: they are zero, or all the same."""

_FEW = 3
"""Wrong outputs in one answer, below which another answer has to show the same."""


_NEARLY_ALL = 0.9
"""Of wrong outputs: a few are right by chance."""


class Locality(NamedTuple):
    """Outputs that are wrong by their place."""

    words: str  # which, of the answers that show most of them
    misleads: bool  # whether planes as small as a diagnosis asks have such outputs, too


def are_dense(probe: Probe) -> bool:
    """Whether a fault of any output is sure to show in its value."""
    return probe.kind not in _SPARSE


def locality_of(compared: Sequence[Case], terms: Terms) -> Locality | None:
    """Find the places that make outputs wrong; None if it is no matter of places.

    ``compared`` are all answers of the function itself, right and wrong.
    """
    found: list[tuple[Probe, Sites]] = []
    in_order: list[Sites] = []
    for case in compared:
        probe, comparison = case.probe, case.comparison
        if comparison.grade != "fails" or not are_dense(probe):
            continue
        box, mask = _central(terms.plan(probe.x.shape)), np.abs(comparison.errors) > 1
        if box is None or not mask[box].any():
            continue
        sites, whole = sites_of(mask, box), sites_of(mask)
        if not sites.are_scattered:
            if sites.along:
                found.append((probe, whole if _continues(sites, whole) else sites))
        elif whole.in_order is not None:
            in_order.append(whole)
        else:
            return None
    if in_order:
        return _in_memory(in_order, terms)
    shown: dict[int, tuple[Probe, Sites]] = {}
    for d in terms.layout.axes:
        for probe, sites in found:
            if d in sites.along:
                count = sites.along[d].count
                if d not in shown or count > shown[d][1].along[d].count:
                    shown[d] = probe, sites
    all_sites = [sites for _, sites in found]
    if not any(_is_between(d, sites, probe, terms) for d, (probe, sites) in shown.items()):
        return None
    if not all(_foretells(d, sites, all_sites) for d, (_, sites) in shown.items()):
        return None
    if not all(_is_plain(d, sites, all_sites) for d, (_, sites) in shown.items()):
        return None
    words = joined(all_sites, terms.layout.axes, terms.layout.name)
    return Locality(words, _misleads({d: sites for d, (_, sites) in shown.items()}, terms))


def _continues(sites: Sites, whole: Sites) -> bool:
    """Whether periods of what is clear of the ends go on to the ends."""
    return sites.along.keys() == whole.along.keys() and all(
        0 < i.period == whole.along[d].period for d, i in sites.along.items()
    )


def _in_memory(found: Sequence[Sites], terms: Terms) -> Locality | None:
    """What comes back in the order of memory, wherever that is in a plane."""
    most = max(found, key=lambda sites: sites.total)
    indices = most.in_order
    alike = all(
        s.in_order is not None and s.lines == most.lines and indices.foretell(s.in_order)
        for s in found if indices is not None
    )  # fmt: skip
    if indices is None or len(indices.runs) < _FEW or not alike:
        return None
    return Locality(most.words(terms.layout.name), True)


def _central(p: Plan) -> tuple[slice, ...] | None:
    """The outputs that are clear of the ends, of the axes that have such; None if none has."""
    box = [slice(0, n) for n in p.out_shape]
    several = False
    for a in p.axes:
        clear = np.flatnonzero((a.centres >= a.radius) & (a.centres + a.radius < a.length))
        if clear.size:
            box[a.axis], several = slice(int(clear[0]), int(clear[-1]) + 1), True
    return tuple(box) if several else None


def _is_between(axis: int, sites: Sites, probe: Probe, terms: Terms) -> bool:
    """Whether along an axis right outputs lie on both sides of wrong ones."""
    box = _central(terms.plan(probe.x.shape))
    return box is not None and any(
        box[axis].start < start and stop < box[axis].stop for start, stop in sites.along[axis].runs
    )


def _foretells(axis: int, most: Sites, found: Sequence[Sites]) -> bool:
    """Whether the places in every answer are among those of the one that shows most."""
    return all(most.along[axis].foretell(s.along[axis]) for s in found if axis in s.along)


def _is_plain(axis: int, most: Sites, found: Sequence[Sites]) -> bool:
    """Whether places are regular, or shared by many outputs, and so many that it is no chance."""
    indices = most.along[axis]
    shared = most.wrong >= _FEW * indices.count
    several = most.wrong >= _FEW or sum(axis in sites.along for sites in found) > 1
    return several and (indices.are_regular or shared)


def _misleads(most: dict[int, Sites], terms: Terms) -> bool:
    """Whether a plane with room for twice the filter has such outputs."""
    reach = reach_of(terms.plan, len(terms.layout.name))
    small = terms.plan(terms.layout.shape(1, 1, lengths_for(reach, 2)))
    early = {d: sites.along[d].first < small.out_shape[d] for d, sites in most.items()}
    return any(
        all(early[d] for d in s.along if d in early) if s.meet else any(early.values())
        for s in most.values()
    )


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


def overflow_of(errors: Sequence[NDArray[np.float64]]) -> str:
    """Say after how many outputs all are wrong, since an index of so many bits ends, or nothing.

    Outputs are counted in C order. The first may be wrong as well: later ones lie over them.
    """
    wrong = [np.abs(e).ravel() > 1 for e in errors]
    for bits in (15, 16):
        if wrong and all(_ends_at(w, 1 << bits) for w in wrong):
            over = ", and some of these, which the others are written over" if wrong[0][0] else ""
            return (
                f"all outputs but the first {1 << bits:,} are wrong{over}, as where an index of "
                f"{bits} bits ends"
            )
    return ""


def _ends_at(wrong: NDArray[np.bool_], limit: int) -> bool:
    beyond = wrong[limit:]
    again = min(beyond.size, limit) if wrong[0] else 0
    return (
        beyond.size > 0
        and again < limit
        and float(beyond.mean()) > _NEARLY_ALL
        and not wrong[again:limit].any()
    )


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
