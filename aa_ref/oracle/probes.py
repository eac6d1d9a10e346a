"""Probes: the inputs that a check tries, smallest first, so that the first failure is the smallest.

Every probe is the same in every run, on every platform and with every version of NumPy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dtypes import FLOATING
from ..plans import Plan
from . import patterns
from .accepted import ANYTHING, Accepted
from .arrangements import ARRANGEMENTS, arrangements_of
from .layouts import Layout
from .lengths import Reach, reach_of, several

__all__ = ["KINDS", "Probe", "large_probes", "probes"]

KINDS = (
    "size", "aligned", "impulse", "constant", "ramp", "checkerboard", "random", "wide", "huge",
    "subnormal", "special", "batch", "memory", "picture", "long", "large",
)  # fmt: skip
"""What probes are there for: in special ones there is NaN or infinity, memory ones have strides."""

_MOST_SAMPLES = 12_000
"""How many a probe may have for good measure; those that need more for their purpose take more."""

_MANY_OUTPUTS = 275
"""Along one axis: more than a block, a warp or a line of a fixed size would hold, 256 at most."""

_LINE, _THIN_SAMPLES = 4_200, 17_000
"""Samples along one axis, beyond what a line of 4,096 holds, and of a whole thin probe."""

_MANY_CHANNELS = 67
"""More than a block of 64 holds."""

_LONG, _MANY_PLACES, _LARGE, _LARGE_WORK = 20_011, 66_000, 1_200_000, 32_000_000
"""For large probes: samples along one axis, outputs beyond what 16 bits count, and samples, these
also times the taps."""

Pattern = Callable[..., NDArray[np.float64]]


@dataclass(frozen=True)
class Probe:
    """One input.

    Attributes
    ----------
    label : str
        A short name, which no other probe of the same question has.
    description : str
        What it holds and what it is there for.
    x : ndarray
        C-contiguous, in the layout and type asked for, read-only. bfloat16 is ml_dtypes'.
    kind : str
        One of `KINDS`.
    arrangement : str
        One of `aa_ref.oracle.arrangements.ARRANGEMENTS`: how it is handed over.
    recipe : int or None
        The seed, if it is made by `aa_ref.oracle.patterns.recipe` in its own shape.
    """

    label: str
    description: str
    x: NDArray[Any]
    kind: str
    arrangement: str = "contiguous"
    recipe: int | None = None

    @property
    def is_large(self) -> bool:
        """Whether it is asked only of functions that are right for all that is smaller."""
        return self.kind in ("long", "large")

    def fresh(self) -> NDArray[Any]:
        """The input in memory of its own, which may be written to."""
        return ARRANGEMENTS[self.arrangement](self.x)


@dataclass(frozen=True)
class _Draft:
    """A probe before its array is made: its shape is (batch, channels, *lengths).

    Without a pattern it is noise by the recipe, for a seed.
    """

    label: str
    description: str
    kind: str
    shape: tuple[int, ...]
    pattern: Pattern | None
    arrangement: str = "contiguous"
    recipe: int | None = None

    @property
    def samples(self) -> int:
        return int(np.prod(self.shape))


def probes(
    layout: Layout,
    dtype: str,
    plan_for: Callable[[tuple[int, ...]], Plan],
    *,
    channels: int | None = None,
    seed: int = 0,
    accepts: Accepted = ANYTHING,
) -> Iterator[Probe]:
    """Every probe for one question but the large ones, smallest first.

    Parameters
    ----------
    layout : Layout
    dtype : str
        One of the six types.
    plan_for : function
        From a shape in that layout to the plan of an array of it.
    channels : int, optional
        For implementations made for so many channels. By default mostly 1, and sometimes several.
    seed : int
        Another one gives other noise.
    accepts : Accepted
        The lengths, batch entries and channels that the implementation takes, if not all.

    Yields
    ------
    Probe
    """
    reach = reach_of(plan_for, len(layout.name))
    drafts = [
        *_sizes(reach, dtype, seed, accepts),
        *_aligned(reach, seed + 40),
        *_thin(reach, seed + 50),
        *_impulses(reach, dtype, accepts),
        *_plain(reach, dtype),
        *_numbers(reach, dtype, seed + 100),
        _picture(reach, dtype),
        *_several_at_once(layout, reach, dtype, channels, seed + 200, accepts),
        *_in_memory(layout, reach, dtype, channels, seed + 300, accepts),
    ]
    if dtype in FLOATING:
        drafts += _special(layout, reach, dtype, channels, accepts)
    yield from _in_order(drafts, layout, dtype, channels, accepts)


def large_probes(
    layout: Layout,
    dtype: str,
    plan_for: Callable[[tuple[int, ...]], Plan],
    *,
    channels: int | None = None,
    seed: int = 0,
    accepts: Accepted = ANYTHING,
) -> Iterator[Probe]:
    """Long and large arrays, as `probes`: for functions that are right for all that is smaller.

    None for functions that take certain shapes alone, which `probes` have.
    """
    if accepts.shapes:
        return
    reach = reach_of(plan_for, len(layout.name))
    drafts = [
        *_long_lines(reach, seed + 400),
        _large(reach, _alone(layout, channels, accepts)[1], seed + 450),
    ]
    yield from _in_order(drafts, layout, dtype, channels, accepts)


def _in_order(
    drafts: list[_Draft], layout: Layout, dtype: str, channels: int | None, accepts: Accepted
) -> Iterator[Probe]:
    if not accepts.anything:
        drafts = _fitted(drafts, accepts)
    for draft in sorted(drafts, key=lambda d: d.samples):  # stable: else in the order given
        yield _made(draft, layout, dtype, _alone(layout, channels, accepts))


def _alone(layout: Layout, channels: int | None, accepts: Accepted) -> tuple[int, int]:
    """How many batch entries and channels there are where one would do."""
    return accepts.batch or 1, 1 if channels is None or not layout.has_channels else channels


def _fitted(drafts: list[_Draft], accepts: Accepted) -> list[_Draft]:
    """Change drafts to lengths that are accepted; random samples are left once of each size.

    Impulses come first, of many of the same size: they make the simplest examples.
    """
    found: dict[Any, _Draft] = {}
    for draft in drafts:
        lengths = draft.shape[2:]
        nearest = accepts.nearest(lengths)
        old, new = _by(lengths), _by(nearest)
        fitted = replace(
            draft, label=draft.label.replace(old, new), shape=(*draft.shape[:2], *nearest),
            description=draft.description.replace(old, new),
        )  # fmt: skip
        found.setdefault(fitted.shape if draft.kind == "size" else fitted.label, fitted)
    return sorted(found.values(), key=lambda d: d.kind != "impulse")


def _made(draft: _Draft, layout: Layout, dtype: str, alone: tuple[int, int]) -> Probe:
    batch, channels, *lengths = draft.shape
    if draft.pattern is None:
        batch, channels = (
            n if k == 1 else k for n, k in zip(alone, (batch, channels), strict=True)
        )
        shape = layout.shape(batch, channels, tuple(lengths))
        x = patterns.cast(patterns.recipe(shape, dtype, draft.recipe or 0), dtype)
    else:
        values = patterns.cast(draft.pattern(draft.shape), dtype)
        for axis, count in enumerate(alone):
            if values.shape[axis] == 1 < count:
                values = np.repeat(values, count, axis)
        x = layout.arrange(values)
    x.flags.writeable = False
    return Probe(draft.label, draft.description, x, draft.kind, draft.arrangement, draft.recipe)


def _by(lengths: tuple[int, ...]) -> str:
    return "×".join(map(str, lengths))


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _plane(lengths: tuple[int, ...]) -> tuple[int, ...]:
    return (1, 1, *lengths)


def _sizes(reach: list[Reach], dtype: str, seed: int, accepts: Accepted) -> Iterator[_Draft]:
    for k, lengths in enumerate([*several(reach), *accepts.shapes]):
        yield _Draft(
            f"size-{_by(lengths)}", f"random samples, {_by(lengths)}", "size", _plane(lengths),
            partial(patterns.random, dtype=dtype, seed=seed + k),
        )  # fmt: skip


def _aligned(reach: list[Reach], seed: int) -> Iterator[_Draft]:
    """Lengths that are equal, multiples of 8, multiples of 32, and both: for fast paths."""
    least = max(a.middling for a in reach)

    def from_least(step: int) -> int:
        return -(-least // step) * step

    eight = from_least(8) + 8 * (from_least(8) % 32 == 0)
    wanted = [(eight, 16), (from_least(32), 32)]
    found = [tuple(start + k * step for k in range(len(reach))) for start, step in wanted]
    if len(reach) > 1:
        found += [(least,) * len(reach), (from_least(32),) * len(reach)]
    for k, lengths in enumerate(found):
        size = _by(lengths)
        yield _noise(f"aligned-{size}", f"random samples, {size}", "aligned", lengths, seed + k)


def _noise(label: str, description: str, kind: str, lengths: tuple[int, ...], seed: int) -> _Draft:
    return _Draft(label, description, kind, _plane(lengths), None, recipe=seed)


def _thin(reach: list[Reach], seed: int) -> Iterator[_Draft]:
    """Long along each axis in turn, and no longer than needed along the others."""
    if len(reach) == 1:
        return  # `_long` is longer
    for axis, a in enumerate(reach):
        lengths = [max(b.least, 3 + k) for k, b in enumerate(reach)]
        most = _THIN_SAMPLES * lengths[axis] // int(np.prod(lengths))
        lengths[axis] = max(a.middling, min(max(_MANY_OUTPUTS * a.step, _LINE), most))
        size = _by(tuple(lengths))
        yield _noise(
            f"size-{size}-thin", f"random samples, long and thin, {size}", "size",
            tuple(lengths), seed + axis,
        )  # fmt: skip


def _long_lines(reach: list[Reach], seed: int) -> Iterator[_Draft]:
    """More than 4,096 outputs along each axis in turn, of 20,000 samples at most."""
    for axis, a in enumerate(reach):
        lengths = tuple(
            max(a.middling, min(4_100 * a.step + 3, _LONG)) if b is a else _few(b) + k
            for k, b in enumerate(reach)
        )
        size = _by(lengths)
        yield _noise(f"long-{size}", f"random samples, {size}", "long", lengths, seed + axis)


def _few(a: Reach) -> int:
    """A length with an output or two."""
    return a.least + min(a.step, 4)


def _large(reach: list[Reach], channels: int, seed: int) -> _Draft:
    """A plane of more outputs than 16 bits count, if that takes no more than 1.2 million samples.

    For several channels and long filters it is smaller.
    """
    dimensions = len(reach)
    volume = _MANY_PLACES * float(np.prod([a.step for a in reach]))
    most = min(_LARGE, _LARGE_WORK / max(2 * a.radius + 1 for a in reach)) / channels
    outputs = (_MANY_PLACES * min(1.0, most / volume)) ** (1 / dimensions)
    middle = (dimensions - 1) / 2
    lengths = tuple(
        max(a.middling, int(outputs * (1 + 0.1 * (k - middle)) * a.step + 2 * a.step) | 1)
        for k, a in enumerate(reach)
    )
    size = _by(lengths)
    return _noise(f"large-{size}", f"random samples, {size}", "large", lengths, seed)


def _impulses(reach: list[Reach], dtype: str, accepts: Accepted) -> Iterator[_Draft]:
    """For each axis, at every phase at both ends and amid; then in corners and amid the whole."""
    for axis, a in enumerate(reach):
        lengths = tuple(a.middling if k == axis else b.least + 1 for k, b in enumerate(reach))
        lengths = accepts.nearest(lengths)
        n, amid = lengths[axis], a.radius + a.step
        places = {*range(min(a.step, n)), *range(amid, min(amid + a.step, n))}
        places |= set(range(max(n - a.step, 0), n))
        for p in sorted(places):
            yield _impulse(lengths, tuple(p if k == axis else 0 for k in range(len(reach))), dtype)
    lengths = accepts.nearest(tuple(a.middling + k for k, a in enumerate(reach)))
    ends = [(0, n - 1) for n in lengths]
    corners = [tuple(e[(k >> i) & 1] for i, e in enumerate(ends)) for k in range(1 << len(ends))]
    if len(reach) > 1:
        for where in (*corners, tuple(n // 2 for n in lengths)):
            yield _impulse(lengths, where, dtype)


def _impulse(lengths: tuple[int, ...], where: tuple[int, ...], dtype: str) -> _Draft:
    place = ",".join(map(str, where))
    return _Draft(
        f"impulse-{_by(lengths)}-at-{place}", f"zeros but for one sample at {place} of "
        f"{_by(lengths)}", "impulse", _plane(lengths),
        partial(patterns.impulse, where=(0, 0, *where), dtype=dtype),
    )  # fmt: skip


def _plain(reach: list[Reach], dtype: str) -> Iterator[_Draft]:
    lengths = tuple(a.middling + len(reach) - k for k, a in enumerate(reach))
    shape, size = _plane(lengths), _by(lengths)
    yield _Draft(
        f"constant-{size}", f"the same value everywhere, {size}", "constant", shape,
        partial(patterns.constant, dtype=dtype),
    )  # fmt: skip
    for axis in range(len(lengths)):
        yield _Draft(
            f"ramp-{size}-along-{axis}", f"samples rise along filtered axis {axis}, {size}", "ramp",
            shape, partial(patterns.ramp, axis=axis + 2, dtype=dtype),
        )  # fmt: skip
    yield _Draft(
        f"checkerboard-{size}", f"every neighbour is the opposite, {size}", "checkerboard", shape,
        partial(patterns.checkerboard, dtype=dtype),
    )  # fmt: skip


def _numbers(reach: list[Reach], dtype: str, seed: int) -> Iterator[_Draft]:
    """Random and adversarial numbers, enough of them for a second look at the errors."""
    middling = tuple(a.middling + k + 1 for k, a in enumerate(reach))
    for k, lengths in enumerate(dict.fromkeys([middling, _long(reach)])):
        size = _by(lengths)
        yield _Draft(
            f"random-{size}", f"random samples, {size}", "random", _plane(lengths),
            partial(patterns.random, dtype=dtype, seed=seed + k),
        )  # fmt: skip
    size = _by(middling)
    yield _Draft(
        f"wide-{size}", f"large samples that nearly cancel, and small ones, {size}", "wide",
        _plane(middling), partial(patterns.wide, dtype=dtype, seed=seed + 10),
    )  # fmt: skip
    if dtype in FLOATING:
        yield _Draft(
            f"huge-{size}", f"samples near half of the type's largest number, {size}", "huge",
            _plane(middling), partial(patterns.huge, dtype=dtype, seed=seed + 15),
        )  # fmt: skip
        yield _Draft(
            f"subnormal-{size}", f"samples below the smallest normal number, {size}", "subnormal",
            _plane(middling), partial(patterns.subnormal, dtype=dtype, seed=seed + 20),
        )  # fmt: skip


def _picture(reach: list[Reach], dtype: str) -> _Draft:
    """Something to look at."""
    lengths = _long(reach)
    size, shape = _by(lengths), _plane(lengths)
    return _Draft(
        f"picture-{size}", f"a picture: sky, sun and a fence, {size}", "picture",
        shape, partial(patterns.scene, dtype=dtype),
    )  # fmt: skip


def _long(reach: list[Reach]) -> tuple[int, ...]:
    """About a thousand outputs, if that takes no more than `_MOST_SAMPLES`; not square."""
    dimensions = len(reach)
    outputs = 1000 ** (1 / dimensions)
    volume = np.prod([outputs * a.step for a in reach])
    shrink = min(1.0, (_MOST_SAMPLES / volume) ** (1 / dimensions))
    return tuple(
        max(a.middling, int(outputs * a.step * shrink)) + 2 * k + 1 for k, a in enumerate(reach)
    )


def _several_at_once(
    layout: Layout,
    reach: list[Reach],
    dtype: str,
    channels: int | None,
    seed: int,
    accepts: Accepted,
) -> Iterator[_Draft]:
    lengths = tuple(max(a.least, 2 * a.step) + k + 1 for k, a in enumerate(reach))
    counts = _counts(layout, channels, accepts)
    short = tuple(_few(a) + k for k, a in enumerate(reach))
    cases = [(pair, lengths if max(pair) < _MANY_CHANNELS else short) for pair in counts]
    few = (
        accepts.batch or (2 if layout.has_batch else 1),
        (channels or 5) if layout.has_channels else 1,
    )
    for axis, a in enumerate(reach):  # where code may guess which dimension holds channels
        if a.least <= 3 and max(few) > 1 and accepts.anything:
            cases.append((few, (*lengths[:axis], 3, *lengths[axis + 1 :])))
    for k, ((batch, several_channels), size) in enumerate(cases):
        yield _Draft(
            f"batch-{batch}x{several_channels}-{_by(size)}",
            f"random samples, {_counted(batch, 'entry', 'entries')} of "
            f"{_counted(several_channels, 'channel', 'channels')} of "
            f"{_by(size)}", "batch", (batch, several_channels, *size),
            partial(patterns.random, dtype=dtype, seed=seed + k),
        )  # fmt: skip


def _counts(layout: Layout, channels: int | None, accepts: Accepted) -> list[tuple[int, int]]:
    """Numbers of batch entries and channels, several of one or both where there is a letter.

    Among them are more than the 2 entries and the 1, 3 or 4 channels that much code is written for,
    and more channels than a block of 64 holds.
    """
    if accepts.batch is not None:
        found = [(accepts.batch, channels or 1)]
    elif channels is None:
        found = [(1, 2), (1, 3), (1, 4), (2, 1), (2, 3), (2, 4), (3, 5), (5, 1), (5, 2)]
        found.append((2, _MANY_CHANNELS))
    else:
        found = [(1, channels), (2, channels), (3, channels), (5, channels)]
    if not layout.has_channels:
        found = [(n, 1) for n, _ in found]
    if not layout.has_batch:
        found = [(1, k) for _, k in found]
    return [pair for pair in dict.fromkeys(found) if pair != (1, 1)]


def _in_memory(
    layout: Layout,
    reach: list[Reach],
    dtype: str,
    channels: int | None,
    seed: int,
    accepts: Accepted,
) -> Iterator[_Draft]:
    lengths = tuple(max(a.least, 2 * a.step) + 2 * k + 3 for k, a in enumerate(reach))
    count = _two(layout, channels, accepts)
    for arrangement in arrangements_of(len(layout.name)):
        yield _Draft(
            f"memory-{arrangement.replace(' ', '-').lower()}", f"random samples, {arrangement}",
            "memory", (*count, *lengths), partial(patterns.random, dtype=dtype, seed=seed),
            arrangement,
        )  # fmt: skip


def _special(
    layout: Layout, reach: list[Reach], dtype: str, channels: int | None, accepts: Accepted
) -> Iterator[_Draft]:
    """NaN and infinity at both ends and amid, among ones; and in one plane of several."""
    lengths = accepts.nearest(tuple(a.middling + 2 * k for k, a in enumerate(reach)))
    amid, end = tuple(n // 2 for n in lengths), (0,) * len(lengths)
    last, beside = tuple(n - 1 for n in lengths), (*amid[:-1], amid[-1] + 1)
    planes = _two(layout, channels, accepts)
    one = (1, 1)
    cases: list[tuple[str, str, tuple[int, int], dict[tuple[int, ...], float]]] = [
        ("nan", "one NaN amid", one, {amid: np.nan}),
        ("nan-at-end", "one NaN in the first place", one, {end: np.nan}),
        ("nan-at-far-end", "one NaN in the last place", one, {last: np.nan}),
        ("infinity", "one infinity amid", one, {amid: np.inf}),
        ("minus-infinity-at-end", "one minus infinity in the first place", one, {end: -np.inf}),
        ("both-infinities", "infinity beside minus infinity", one, {amid: np.inf, beside: -np.inf}),
    ]
    if planes != one:
        words = f"one NaN amid the last of {_by(planes)} planes"
        cases.append(("nan-in-last-plane", words, planes, {amid: np.nan}))
    for label, words, counts, where in cases:
        yield _Draft(
            f"{label}-{_by(lengths)}", f"ones and {words}, {_by(lengths)}", "special",
            (*counts, *lengths), partial(_last_with, where=where, dtype=dtype),
        )  # fmt: skip


def _two(layout: Layout, channels: int | None, accepts: Accepted) -> tuple[int, int]:
    """Return two batch entries and two channels, or as many as there may be."""
    batch = accepts.batch or (2 if layout.has_batch else 1)
    return batch, (channels or 2) if layout.has_channels else 1


def _last_with(
    shape: tuple[int, ...], where: dict[tuple[int, ...], float], dtype: str
) -> NDArray[np.float64]:
    """Ones, but for these values in the last plane."""
    x = patterns.constant(shape, dtype)
    for place, value in where.items():
        x[(-1, -1, *place)] = value
    return x
