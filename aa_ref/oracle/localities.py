"""Localities: faults of some outputs alone, as at the seams of tiles, and where these lie.

Whatever a filter has wrong, it has wrong at every output clear of the ends. So where right outputs
lie on both sides of wrong ones, and the same ones are wrong in every answer that has them, it is
the place that matters: no filter tells of it, and a diagnosis that takes all outputs for those of
one filter is misled.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..plans import Plan
from .comparison import Comparison
from .diagnosis.impulses import lengths_for
from .error_sites import Sites, joined, sites_of
from .lengths import reach_of
from .probes import Probe
from .terms import Terms

__all__ = ["Locality", "are_dense", "locality_of"]

_SPARSE = (
    "impulse", "constant", "ramp", "checkerboard", "wide", "subnormal", "special", "picture",
)  # fmt: skip
"""Kinds of probes whose answers may be right where a fault is: they are zero, or all the same."""

_FEW = 3
"""Wrong outputs in one answer, below which another answer has to show the same."""


class Locality(NamedTuple):
    """Outputs that are wrong by their place.

    Attributes
    ----------
    words : str
        Which, of the answers that show most of them.
    misleads : bool
        Whether planes as small as a diagnosis asks have such outputs, too.
    """

    words: str
    misleads: bool


def are_dense(probe: Probe) -> bool:
    """Whether a fault of any output is sure to show in its value."""
    return probe.kind not in _SPARSE


def locality_of(compared: Sequence[tuple[Probe, Comparison]], terms: Terms) -> Locality | None:
    """Find the places that make outputs wrong; None if it is no matter of places.

    Parameters
    ----------
    compared : sequence of (Probe, Comparison)
        All probes that were answered.
    terms : Terms
    """
    found: list[tuple[Probe, Sites]] = []
    in_order: list[Sites] = []
    for probe, comparison in compared:
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
