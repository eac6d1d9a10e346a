"""How far rounding errors reach: whether they go with samples that an output does not read.

Where every sum is formed of its own terms, in any order, a large sample changes nothing in outputs
that do not read it, and its rounding error in the others goes with its tap. Fourier transforms,
transforms of tiles (Winograd's) and sums that run on from sample to sample (recursive ones,
differences of cumulative sums) have errors that go with the largest sample that they passed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...backends import get_backend
from ..numerics.formats import FORMATS
from .blackbox import Inquiry, central_sample, impulses
from .tap_models import Accuracy

__all__ = ["RoundingReach", "adds_up", "ask_rounding_reach", "is_right_but_for_rounding"]

Values = NDArray[np.float64]
Extent = Literal["everywhere", "onward", "nearby", "within"]

_SIZES = {
    "float64": (1.0, [2.0**50, 2.0**60]),
    "float32": (1.0, [2.0**22, 2.0**32, 2.0**50]),
    "bfloat16": (1.0, [2.0**24, 2.0**32, 2.0**50]),
    "float16": (2.0**-10, [2.0**14]),
}
"""Of small samples, and of a large one among them. The rounding error of that, in binary32, or in
binary64 where results are rounded to less, is nearly as large as the small ones, or buries them."""

_COARSEST = 2.0**-7
"""The part of an answer to the large sample that coarse numbers may be off by, twice bfloat16's: an
output with such an error reads the sample, however wide the filter is."""

_EXCESS = 4.0
"""How many times as large as what rounding makes of the samples that are read counts as more."""


@dataclass(frozen=True)
class RoundingReach:
    """Says how far errors reach that are too large for the samples read."""

    # in both directions to the ends, in one, or to a certain distance; or only to outputs that read
    # the large sample, but give it a small tap
    extent: Extent
    letters: Sequence[str]  # along which axes
    distance: float  # the furthest, in input samples beyond the footprint, if it is "nearby"
    size: float  # the largest error, as a part of the large sample

    @property
    def words(self) -> str:
        """Return the reach in a sentence."""
        along = f"along {' and '.join(self.letters)}"
        goes = {
            "everywhere": f"reach all outputs {along}, as those of Fourier transforms do",
            "onward": f"reach all later outputs {along}: sums run on from sample to sample, "
            "recursively or as differences of cumulative sums",
            "nearby": f"reach outputs up to {self.distance:g} samples beyond the footprint "
            f"{along}, as those of transforms of tiles do (Winograd's)",
            "within": f"are as large where its tap is small {along}: sums are not formed of "
            "samples times taps (Winograd's transforms, recursive sums)",
        }[self.extent]
        return f"the rounding errors of a sample, up to {self.size:.2g} of it, {goes}"


_ORDER: tuple[Extent, ...] = ("within", "nearby", "onward", "everywhere")


def ask_rounding_reach(q: Inquiry, accuracy: Accuracy) -> RoundingReach | None:
    """Ask along every axis; None if errors go with the samples read, as they should."""
    small, sizes = _SIZES[q.terms.dtype]
    every = [_along(q, k, accuracy, small, large) for large in sizes for k in range(len(q.reach))]
    found = [r for r in every if r is not None]
    if not found:
        return None
    extent = max((r.extent for r in found), key=_ORDER.index)
    furthest = [r for r in found if r.extent == extent]
    return RoundingReach(
        extent, [c for c in q.letters if any(c in r.letters for r in furthest)],
        max(r.distance for r in furthest), max(r.size for r in found),
    )  # fmt: skip


def _along(
    q: Inquiry, axis: int, accuracy: Accuracy, small: float, large: float
) -> RoundingReach | None:
    places, noise = _asked(q, axis, small)
    alone = [impulses(noise.shape, {place: large}) for place in places]
    planes = [np.zeros(noise.shape), noise, *alone, *(noise + x for x in alone)]
    answers = [y for y in q.subject.planes(planes) if y is not None]
    if len(answers) < len(planes) or len({y.shape for y in answers}) > 1 or not answers[0].size:
        return None
    nothing, of_noise, *others = answers
    pairs = zip(others[: len(places)], others[len(places) :], strict=True)
    terms = math.prod(2 * a.radius + 1 for a in q.reach)
    own = accuracy.unit * 2 * math.sqrt(terms) * float(np.abs(noise).max())
    own += accuracy.steps * float(np.abs(of_noise).max()) + FORMATS[q.terms.dtype].smallest
    away: list[float] = []
    largest, radius = 0.0, q.reach[axis].radius
    for place, (of_one, of_both) in zip(places, pairs, strict=True):
        with np.errstate(all="ignore"):
            errors = np.abs(of_both - of_noise - of_one + nothing)
            part = terms * accuracy.unit + accuracy.steps
            excess = errors > _EXCESS * (part * np.abs(of_one) + own)
            excess &= nothing == 0  # a constant beyond the ends has rounding errors, too
        if not np.isfinite(errors).all():
            return None
        goes_with_it = errors <= _COARSEST * np.abs(of_one - nothing)
        for mask, most in ((excess & goes_with_it, radius), (excess & ~goes_with_it, math.inf)):
            lines = np.moveaxis(mask, axis, 0).reshape(mask.shape[axis], -1).any(1)
            found = np.flatnonzero(lines) * (noise.shape[axis] / mask.shape[axis]) - place[axis]
            away += np.clip(found, -most, most).tolist()
        largest = max(largest, float(errors[excess].max(initial=0.0)))
    return _read(away, radius, noise.shape[axis], q.letters[axis], largest / large)


def _read(
    away: list[float], radius: int, length: int, letter: str, size: float
) -> RoundingReach | None:
    """Tell how far from a sample errors were seen, in samples; None if nowhere."""
    if not away:
        return None
    beyond = [d for d in away if abs(d) > radius]
    ends = [min(away) < -length / 3, max(away) > length / 3]
    extent: Extent = "within"
    if all(ends):
        extent = "everywhere"
    elif any(ends):
        extent = "onward"
    elif beyond:
        extent = "nearby"
    return RoundingReach(extent, [letter], max(map(abs, beyond), default=radius) - radius, size)


def _asked(q: Inquiry, axis: int, small: float) -> tuple[list[tuple[int, ...]], Values]:
    """Choose places of a large sample, and noise that is zero there, in a plane long along an axis.

    Tiles have seams: the places go through eight phases, or those of a stride.
    """
    phases = range(min(8, max(a.step for a in q.reach)))
    most = q.subject.limit // (q.subject.channels * 2 * (len(phases) + 1))
    for times in (4, 2, 1):
        lengths = tuple(
            a.whole(times * (4 * a.radius + 5 * a.step)) if k == axis else a.middling + k
            for k, a in enumerate(q.reach)
        )
        if math.prod(lengths) <= most:
            break
    amid = central_sample(lengths, q.reach)
    places = [tuple(min(p + d, n - 1) for p, n in zip(amid, lengths, strict=True)) for d in phases]
    noise = q.subject.holds(small * np.clip(q.subject.noise(lengths, 41), -3, 3))
    for place in places:
        noise[place] = 0.0
    return places, noise


def is_right_but_for_rounding(q: Inquiry, reach: RoundingReach) -> bool:
    """Tell whether answers are true, but for errors as large as those that reach too far.

    Of one sample amid nothing these go with the sample, of noise with the norm of the plane.
    """
    exact = replace(q.terms, dtype="float64", precision="binary64")
    unit = reach.size + q.accuracy.unit + FORMATS[q.terms.dtype].unit
    for axis in range(len(q.reach)):
        places, noise = _asked(q, axis, 1.0)
        for x in (noise, impulses(noise.shape, {places[0]: 1.0})):
            y = q.subject.plane(x)
            plan = exact.plan(q.shape(x.shape))
            true = np.empty(plan.out_shape)
            get_backend("numpy").forward(plan, x.reshape(plan.shape), true)
            if y is None or y.size != true.size:
                return False
            limit = _EXCESS * unit * float(np.linalg.norm(x))
            if float(np.abs(y - true.reshape(y.shape)).max()) > limit:
                return False
    return True


def adds_up(q: Inquiry) -> bool:
    """Tell whether the answer to the sum of two noises is nearly the sum of the answers."""
    _, noise = _asked(q, 0, 1.0)
    other = noise[tuple(slice(None, None, -1) for _ in noise.shape)]
    zeros = np.zeros(noise.shape)
    answers = [q.subject.plane(x) for x in (zeros, noise, other, noise + other)]
    if any(y is None or not y.size for y in answers):
        return False
    nothing, one, two, both = (y for y in answers if y is not None)
    limit = 2 * FORMATS["bfloat16"].unit * float(np.abs(both).max() + np.abs(nothing).max())
    return bool(np.all(np.abs(both - one - two + nothing) <= limit))
