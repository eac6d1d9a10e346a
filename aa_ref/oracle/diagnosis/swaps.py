"""Axes that have each other's filter, or none: what explains filters wrong for their own axis."""

import itertools
from collections.abc import Sequence

from .axes import AxisFault, AxisStudy

__all__ = ["judge_swaps"]


def judge_swaps(studies: Sequence[AxisStudy], letters: Sequence[str]) -> list[AxisFault]:
    """The faults of the axes' order; what follows from them is dropped from the studies."""
    return [*_bare(studies, letters), *_exchanged(studies)]


def _bare(studies: Sequence[AxisStudy], letters: Sequence[str]) -> list[AxisFault]:
    """Some axes have a filter, the others should and have none."""
    filtered = [s.has_filter for s in studies]
    if not any(filtered) or all(filtered) or not all(s.plan.radius for s in studies):
        return []
    bare = " and ".join(c for c, f in zip(letters, filtered, strict=True) if not f)
    others = " and ".join(c for c, f in zip(letters, filtered, strict=True) if f)
    untouched = [s for s, f in zip(studies, filtered, strict=True) if not f]
    lacks = "no filter"
    if all(s.places.spacing == 1 for s in untouched):
        lacks = "neither filter nor stride"
    for study in untouched:
        study.drop("sigma", "radius", *(["stride"] if "stride" in lacks else []))
    words = f"the filter runs along {others} alone: there is {lacks} along {bare}"
    return [AxisFault("axes", words)]


def _exchanged(studies: Sequence[AxisStudy]) -> list[AxisFault]:
    """Two axes have each other's scale, or each other's sigma."""
    found = []
    for one, other in itertools.combinations(studies, 2):
        spacings = one.places.spacing, other.places.spacing
        if one.plan.scale != other.plan.scale and (
            spacings == (other.plan.spacing, one.plan.spacing)
        ):
            found.append(AxisFault("axes", "the axes have each other's scale"))
            one.drop("stride", "size", "sigma", "radius")
            other.drop("stride", "size", "sigma", "radius")
        elif one.plan.sigma != other.plan.sigma and one.follows(other) and other.follows(one):
            found.append(AxisFault("axes", "the axes have each other's filter"))
            one.drop("sigma", "radius")
            other.drop("sigma", "radius")
    return found
