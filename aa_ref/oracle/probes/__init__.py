"""Probes: the inputs that a check tries, smallest first, so that the first failure is the smallest.

Every probe is the same in every run, on every platform and with every version of NumPy.

==========  ================================================
`drafts`    what there is to ask, before arrays are made
`patterns`  what probes hold: patterns and noise
`lengths`   which lengths they have
==========  ================================================
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calling.layouts import ARRANGEMENTS
from ..terms import Accepted, Terms
from . import patterns
from .drafts import Draft, Setting, large_drafts, small_drafts

__all__ = ["KINDS", "Probe", "large_probes", "probes"]

KINDS = (
    "size", "aligned", "impulse", "constant", "ramp", "checkerboard", "random", "wide", "huge",
    "subnormal", "special", "batch", "memory", "picture", "long", "large",
)  # fmt: skip
"""What probes are there for: in special ones there is NaN or infinity, memory ones have strides."""


@dataclass(frozen=True)
class Probe:
    """One input."""

    label: str  # a short name, which no other probe of the same question has
    description: str  # what it holds and what it is there for
    # C-contiguous, in the layout and type asked for, read-only. bfloat16 is ml_dtypes'.
    x: NDArray[Any]
    kind: str  # one of `KINDS`
    # one of `aa_ref.oracle.calling.layouts.ARRANGEMENTS`: how it is handed over
    arrangement: str = "contiguous"
    # the seed, if it is made by `aa_ref.oracle.probes.patterns.recipe` in its own shape
    recipe: int | None = None

    @property
    def is_large(self) -> bool:
        """Whether it is asked only of functions that are right for all that is smaller."""
        return self.kind in ("long", "large")

    def fresh(self) -> NDArray[Any]:
        """The input in memory of its own, which may be written to."""
        return ARRANGEMENTS[self.arrangement](self.x)


def probes(terms: Terms, channels: int | None = None, seed: int = 0) -> Iterator[Probe]:
    """Make every probe but the large ones, smallest first.

    There are mostly 1 channel, and sometimes several, if ``channels`` does not fix their number.
    Another seed gives other noise.
    """
    setting = Setting(terms, channels, seed)
    yield from _in_order(small_drafts(setting), setting)


def large_probes(terms: Terms, channels: int | None = None, seed: int = 0) -> Iterator[Probe]:
    """Make long and large arrays, as `probes`: for functions that are right for all the others.

    None for functions that take certain shapes alone, which `probes` have.
    """
    setting = Setting(terms, channels, seed)
    yield from _in_order(large_drafts(setting), setting)


def _in_order(drafts: list[Draft], setting: Setting) -> Iterator[Probe]:
    if not setting.accepts.anything:
        drafts = _fitted(drafts, setting.accepts)
    for draft in sorted(drafts, key=lambda d: math.prod(d.shape)):  # stable: else in order given
        yield _made(draft, setting)


def _fitted(drafts: list[Draft], accepts: Accepted) -> list[Draft]:
    """Change drafts to lengths that are accepted; random samples are left once of each size.

    Impulses come first, of many of the same size: they make the simplest examples.
    """
    found: dict[Any, Draft] = {}
    for draft in drafts:
        fitted = replace(draft, lengths=accepts.nearest(draft.lengths))
        same = fitted.shape if draft.kind == "size" else fitted.named(fitted.label)
        found.setdefault(same, fitted)
    return sorted(found.values(), key=lambda d: d.kind != "impulse")


def _made(draft: Draft, setting: Setting) -> Probe:
    layout, dtype, alone = setting.terms.layout, setting.terms.dtype, setting.counts(1, 1)
    if draft.pattern is None:
        batch, channels = (n if k == 1 else k for n, k in zip(alone, draft.counts, strict=True))
        shape = layout.shape(batch, channels, draft.lengths)
        x = patterns.cast(patterns.recipe(shape, dtype, draft.recipe or 0), dtype)
    else:
        values = patterns.cast(draft.pattern(draft.shape, dtype=dtype), dtype)
        for axis, count in enumerate(alone):
            if values.shape[axis] == 1 < count:
                values = np.repeat(values, count, axis)
        x = layout.arrange(values)
    x.flags.writeable = False
    return Probe(
        draft.named(draft.label), draft.named(draft.description), x, draft.kind, draft.arrangement,
        draft.recipe,
    )  # fmt: skip
