"""Probes: the inputs that a check tries, smallest first, so that the first failure is the smallest.

Every probe is the same in every run, on every platform and with every version of NumPy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dtypes import FLOATING
from ..plans import Plan
from . import patterns
from .accepted import ANYTHING, Accepted
from .layouts import Layout
from .lengths import Reach, reach_of, several

__all__ = ["ARRANGEMENTS", "KINDS", "Probe", "probes"]

KINDS = (
    "size", "impulse", "constant", "ramp", "checkerboard", "random", "wide", "subnormal",
    "special", "batch", "memory", "picture",
)  # fmt: skip
"""What probes are there for: in special ones there is NaN or infinity, memory ones have strides."""

_MOST_SAMPLES = 12_000
"""How many a probe may have for good measure; those that need more for their purpose take more."""

_MANY_OUTPUTS = 275
"""Along one axis: more than a block, a warp or a line of a fixed size would hold, 256 at most."""

Pattern = Callable[..., NDArray[np.float64]]


def _every_second(x: NDArray[Any]) -> NDArray[Any]:
    wider = np.repeat(x, 2, axis=-1)
    wider[..., 1::2] = 1  # what is skipped is not what is read
    return wider[..., ::2]


ARRANGEMENTS: MappingProxyType[str, Callable[[NDArray[Any]], NDArray[Any]]] = MappingProxyType(
    {
        "contiguous": lambda x: x.copy("C"),
        "Fortran order": lambda x: x.copy("F"),
        "every second sample of a wider array": _every_second,
        "reversed in memory": lambda x: x[::-1, ...].copy("C")[::-1, ...],
    }
)
"""How an array lies in memory: functions that give the same values in memory of their own."""


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
        One of `ARRANGEMENTS`: how it is handed over.
    """

    label: str
    description: str
    x: NDArray[Any]
    kind: str
    arrangement: str = "contiguous"

    def fresh(self) -> NDArray[Any]:
        """The input in memory of its own, which may be written to."""
        return ARRANGEMENTS[self.arrangement](self.x)


@dataclass(frozen=True)
class _Draft:
    """A probe before its array is made: its shape is (batch, channels, *lengths)."""

    label: str
    description: str
    kind: str
    shape: tuple[int, ...]
    pattern: Pattern
    arrangement: str = "contiguous"

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
    """Every probe for one question, smallest first.

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
        *_thin(reach, dtype, seed + 50),
        *_impulses(reach, dtype, accepts),
        *_plain(reach, dtype),
        *_numbers(reach, dtype, seed + 100),
        _picture(reach, dtype),
        *_several_at_once(layout, reach, dtype, channels, seed + 200, accepts),
        *_in_memory(layout, reach, dtype, channels, seed + 300, accepts),
    ]
    if dtype in FLOATING:
        drafts += _special(layout, reach, dtype, channels, accepts)
    if not accepts.anything:
        drafts = _fitted(drafts, accepts)
    alone = (accepts.batch or 1, 1 if channels is None or not layout.has_channels else channels)
    for draft in sorted(drafts, key=lambda d: d.samples):  # stable: else in the order above
        yield _made(draft, layout, dtype, alone)


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
    values = patterns.cast(draft.pattern(draft.shape), dtype)
    for axis, count in enumerate(alone):
        if values.shape[axis] == 1 < count:
            values = np.repeat(values, count, axis)
    x = layout.arrange(values)
    x.flags.writeable = False
    return Probe(draft.label, draft.description, x, draft.kind, draft.arrangement)


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


def _thin(reach: list[Reach], dtype: str, seed: int) -> Iterator[_Draft]:
    """Long along each axis in turn, and no longer than needed along the others."""
    if len(reach) == 1:
        return  # `_long` is longer
    for axis, a in enumerate(reach):
        lengths = [max(b.least, 3 + k) for k, b in enumerate(reach)]
        most = _MOST_SAMPLES * lengths[axis] // int(np.prod(lengths))
        lengths[axis] = max(a.middling, min(_MANY_OUTPUTS * a.step, most))
        size = _by(tuple(lengths))
        yield _Draft(
            f"size-{size}-thin", f"random samples, long and thin, {size}", "size",
            _plane(tuple(lengths)), partial(patterns.random, dtype=dtype, seed=seed + axis),
        )  # fmt: skip


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
    for k, (batch, several_channels) in enumerate(_counts(layout, channels, accepts)):
        label = f"batch-{batch}x{several_channels}-{_by(lengths)}"
        yield _Draft(
            label, f"random samples, {_counted(batch, 'entry', 'entries')} of "
            f"{_counted(several_channels, 'channel', 'channels')} of "
            f"{_by(lengths)}", "batch", (batch, several_channels, *lengths),
            partial(patterns.random, dtype=dtype, seed=seed + k),
        )  # fmt: skip


def _counts(layout: Layout, channels: int | None, accepts: Accepted) -> list[tuple[int, int]]:
    """Numbers of batch entries and channels, several of one or both where there is a letter.

    The last are more than the 2 entries and the 3 channels that much code is written for.
    """
    if accepts.batch is not None:
        found = [(accepts.batch, channels or 1)]
    elif channels is None:
        found = [(1, 2), (2, 1), (2, 3), (3, 5)]
    else:
        found = [(1, channels), (2, channels), (3, channels)]
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
    for arrangement in ARRANGEMENTS:
        if arrangement == "contiguous" or (arrangement[0] == "F" and len(layout.name) == 1):
            continue
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
