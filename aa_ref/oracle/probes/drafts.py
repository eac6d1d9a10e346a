"""Drafts of probes: what each is there for, its shape and its pattern, before its array is made."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from ...dtypes import FLOATING
from ..calling.layouts import arrangements_of
from ..findings import counted, shape_in_words
from ..terms import Accepted, Terms
from . import patterns
from .lengths import Reach, reach_of, several

__all__ = ["Draft", "Setting", "large_drafts", "small_drafts"]

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

Lengths = tuple[int, ...]
Pattern = Callable[..., NDArray[np.float64]]


@dataclass(frozen=True)
class Draft:
    """A probe before its array is made."""

    # those of the probe, with ``{}`` for its lengths
    label: str
    description: str
    kind: str
    lengths: Lengths  # of the filtered axes
    # from a shape (entries, channels, *lengths) and ``dtype`` to values. Left out, it is noise by
    # the recipe, for a seed.
    pattern: Pattern | None = None
    # batch entries and channels; 1 is for as many as there have to be
    counts: tuple[int, int] = (1, 1)
    arrangement: str = "contiguous"
    recipe: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Batch entries, channels, lengths."""
        return (*self.counts, *self.lengths)

    def named(self, text: str) -> str:
        """Put the lengths into the label or the description."""
        return text.format(shape_in_words(self.lengths))


@dataclass(frozen=True)
class Setting:
    """What drafts depend on: the terms, and for which channels and seed."""

    terms: Terms
    channels: int | None
    seed: int

    @cached_property
    def reach(self) -> list[Reach]:
        """What matters of each filtered axis."""
        return reach_of(self.terms.plan, len(self.terms.layout.name))

    @property
    def accepts(self) -> Accepted:
        """The lengths and batch entries that the implementation takes."""
        return self.terms.accepts

    @property
    def is_floating(self) -> bool:
        """Whether samples are floating-point numbers."""
        return self.terms.dtype in FLOATING

    def counts(self, batch: int, channels: int) -> tuple[int, int]:
        """So many batch entries and channels, if there may be, else as many as there have to be."""
        layout = self.terms.layout
        batch = self.accepts.batch or (batch if layout.has_batch else 1)
        return batch, (self.channels or channels) if layout.has_channels else 1


def small_drafts(s: Setting) -> list[Draft]:
    """Draft all probes but the large ones."""
    drafts = [
        *_sizes(s),
        *_aligned(s.reach, s.seed + 40),
        *_thin(s.reach, s.seed + 50),
        *_impulses(s),
        *_plain(s.reach),
        *_numbers(s),
        Draft(
            "picture-{}", "a picture: sky, sun and a fence, {}", "picture", _long(s.reach),
            patterns.scene,
        ),
        *_several_at_once(s),
        *_in_memory(s),
    ]  # fmt: skip
    return [*drafts, *_special(s)] if s.is_floating else drafts


def large_drafts(s: Setting) -> list[Draft]:
    """Draft long and large arrays; none where certain shapes alone are taken."""
    if s.accepts.shapes:
        return []
    return [*_long_lines(s.reach, s.seed + 400), _large(s, s.seed + 450)]


def _random(label: str, kind: str, lengths: Lengths, seed: int, detail: str = "") -> Draft:
    pattern = partial(patterns.random, seed=seed)
    return Draft(label, f"random samples, {detail}{{}}", kind, lengths, pattern)


def _noise(label: str, kind: str, lengths: Lengths, seed: int, detail: str = "") -> Draft:
    return Draft(label, f"random samples, {detail}{{}}", kind, lengths, recipe=seed)


def _sizes(s: Setting) -> Iterator[Draft]:
    for k, lengths in enumerate([*several(s.reach), *s.accepts.shapes]):
        yield _random("size-{}", "size", lengths, s.seed + k)


def _aligned(reach: list[Reach], seed: int) -> Iterator[Draft]:
    """Lengths that are equal, multiples of 8, multiples of 32, and both: for fast paths."""
    least = max(a.middling for a in reach)
    eight, many = (-(-least // step) * step for step in (8, 32))
    eight += 8 * (eight % 32 == 0)
    found = [
        tuple(start + k * step for k in range(len(reach)))
        for start, step in ((eight, 16), (many, 32))
    ]
    if len(reach) > 1:
        found += [(least,) * len(reach), (many,) * len(reach)]
    for k, lengths in enumerate(found):
        yield _noise("aligned-{}", "aligned", lengths, seed + k)


def _thin(reach: list[Reach], seed: int) -> Iterator[Draft]:
    """Long along each axis in turn, and no longer than needed along the others."""
    if len(reach) == 1:
        return  # `_long` is longer
    for axis, a in enumerate(reach):
        lengths = [max(b.least, 3 + k) for k, b in enumerate(reach)]
        most = _THIN_SAMPLES * lengths[axis] // int(np.prod(lengths))
        lengths[axis] = max(a.middling, min(max(_MANY_OUTPUTS * a.step, _LINE), most))
        yield _noise("size-{}-thin", "size", tuple(lengths), seed + axis, "long and thin, ")


def _long_lines(reach: list[Reach], seed: int) -> Iterator[Draft]:
    """More than 4,096 outputs along each axis in turn, of 20,000 samples at most."""
    for axis, a in enumerate(reach):
        lengths = tuple(
            max(a.middling, min(4_100 * a.step + 3, _LONG)) if b is a else _few(b) + k
            for k, b in enumerate(reach)
        )
        yield _noise("long-{}", "long", lengths, seed + axis)


def _few(a: Reach) -> int:
    """A length with an output or two."""
    return a.least + min(a.step, 4)


def _large(s: Setting, seed: int) -> Draft:
    """A plane of more outputs than 16 bits count, if that takes no more than 1.2 million samples.

    For several channels and long filters it is smaller.
    """
    dimensions = len(s.reach)
    volume = _MANY_PLACES * float(np.prod([a.step for a in s.reach]))
    work = _LARGE_WORK / max(2 * a.radius + 1 for a in s.reach)
    most = min(_LARGE, work) / s.counts(1, 1)[1]
    outputs = (_MANY_PLACES * min(1.0, most / volume)) ** (1 / dimensions)
    middle = (dimensions - 1) / 2
    lengths = tuple(
        max(a.middling, int(outputs * (1 + 0.1 * (k - middle)) * a.step + 2 * a.step) | 1)
        for k, a in enumerate(s.reach)
    )
    return _noise("large-{}", "large", lengths, seed)


def _impulses(s: Setting) -> Iterator[Draft]:
    """For each axis, at every phase at both ends and amid; then in corners and amid the whole."""
    dimensions = range(len(s.reach))
    for axis, a in enumerate(s.reach):
        wanted = tuple(a.middling if k == axis else b.least + 1 for k, b in enumerate(s.reach))
        lengths = s.accepts.nearest(wanted)
        n, amid = lengths[axis], a.radius + a.step
        places = {*range(min(a.step, n)), *range(amid, min(amid + a.step, n))}
        places |= set(range(max(n - a.step, 0), n))
        for p in sorted(places):
            yield _impulse(lengths, tuple(p if k == axis else 0 for k in dimensions))
    lengths = s.accepts.nearest(tuple(a.middling + k for k, a in enumerate(s.reach)))
    if len(lengths) > 1:
        for corner in range(1 << len(lengths)):
            ends = tuple((n - 1) * (corner >> i & 1) for i, n in enumerate(lengths))
            yield _impulse(lengths, ends)
        yield _impulse(lengths, tuple(n // 2 for n in lengths))


def _impulse(lengths: Lengths, where: Lengths) -> Draft:
    place = ",".join(map(str, where))
    return Draft(
        f"impulse-{{}}-at-{place}", f"zeros but for one sample at {place} of {{}}", "impulse",
        lengths, partial(patterns.impulse, where=(0, 0, *where)),
    )  # fmt: skip


def _plain(reach: list[Reach]) -> Iterator[Draft]:
    lengths = tuple(a.middling + len(reach) - k for k, a in enumerate(reach))
    yield Draft(
        "constant-{}", "the same value everywhere, {}", "constant", lengths, patterns.constant
    )
    for axis in range(len(lengths)):
        yield Draft(
            f"ramp-{{}}-along-{axis}", f"samples rise along filtered axis {axis}, {{}}", "ramp",
            lengths, partial(patterns.ramp, axis=axis + 2),
        )  # fmt: skip
    yield Draft(
        "checkerboard-{}", "every neighbour is the opposite, {}", "checkerboard", lengths,
        patterns.checkerboard,
    )  # fmt: skip


def _numbers(s: Setting) -> Iterator[Draft]:
    """Random and adversarial numbers, enough of them for a second look at the errors."""
    middling, seed = tuple(a.middling + k + 1 for k, a in enumerate(s.reach)), s.seed + 100
    for k, lengths in enumerate(dict.fromkeys([middling, _long(s.reach)])):
        yield _random("random-{}", "random", lengths, seed + k)
    rows: list[tuple[str, str, Pattern, int]] = [
        ("wide", "large samples that nearly cancel, and small ones", patterns.wide, 10)
    ]
    if s.is_floating:
        rows += [
            ("huge", "samples near half of the type's largest number", patterns.huge, 15),
            ("subnormal", "samples below the smallest normal number", patterns.subnormal, 20),
        ]
    for kind, words, pattern, more in rows:
        made = partial(pattern, seed=seed + more)
        yield Draft(f"{kind}-{{}}", f"{words}, {{}}", kind, middling, made)


def _long(reach: list[Reach]) -> Lengths:
    """About a thousand outputs, if that takes no more than `_MOST_SAMPLES`; not square."""
    dimensions = len(reach)
    outputs = 1000 ** (1 / dimensions)
    volume = np.prod([outputs * a.step for a in reach])
    shrink = min(1.0, (_MOST_SAMPLES / volume) ** (1 / dimensions))
    return tuple(
        max(a.middling, int(outputs * a.step * shrink)) + 2 * k + 1 for k, a in enumerate(reach)
    )


def _several_at_once(s: Setting) -> Iterator[Draft]:
    lengths = tuple(max(a.least, 2 * a.step) + k + 1 for k, a in enumerate(s.reach))
    short = tuple(_few(a) + k for k, a in enumerate(s.reach))
    cases = [(c, lengths if max(c) < _MANY_CHANNELS else short) for c in _counts(s)]
    few = s.counts(2, 5)
    for axis, a in enumerate(s.reach):  # where code may guess which dimension holds channels
        if a.least <= 3 and max(few) > 1 and s.accepts.anything:
            cases.append((few, (*lengths[:axis], 3, *lengths[axis + 1 :])))
    for k, ((batch, channels), size) in enumerate(cases):
        several_words = f"{counted(batch, 'entry')} of {counted(channels, 'channel')} of "
        yield replace(
            _random(
                f"batch-{batch}x{channels}-{{}}", "batch", size, s.seed + 200 + k, several_words
            ),
            counts=(batch, channels),
        )


def _counts(s: Setting) -> list[tuple[int, int]]:
    """Numbers of batch entries and channels, several of one or both where there is a letter.

    Among them are more than the 2 entries and the 1, 3 or 4 channels that much code is written for,
    and more channels than a block of 64 holds.
    """
    if s.accepts.batch is not None:
        found = [(1, 1)]
    elif s.channels is None:
        found = [(1, 2), (1, 3), (1, 4), (2, 1), (2, 3), (2, 4), (3, 5), (5, 1), (5, 2)]
        found.append((2, _MANY_CHANNELS))
    else:
        found = [(1, 1), (2, 1), (3, 1), (5, 1)]
    return [pair for pair in dict.fromkeys(s.counts(*c) for c in found) if pair != (1, 1)]


def _in_memory(s: Setting) -> Iterator[Draft]:
    lengths = tuple(max(a.least, 2 * a.step) + 2 * k + 3 for k, a in enumerate(s.reach))
    pattern = partial(patterns.random, seed=s.seed + 300)
    for arrangement in arrangements_of(len(s.terms.layout.name)):
        yield Draft(
            f"memory-{arrangement.replace(' ', '-').lower()}", f"random samples, {arrangement}",
            "memory", lengths, pattern, s.counts(2, 2), arrangement,
        )  # fmt: skip


def _special(s: Setting) -> Iterator[Draft]:
    """NaN and infinity at both ends and amid, among ones; and in one plane of several."""
    lengths = s.accepts.nearest(tuple(a.middling + 2 * k for k, a in enumerate(s.reach)))
    amid, end = tuple(n // 2 for n in lengths), (0,) * len(lengths)
    last, beside = tuple(n - 1 for n in lengths), (*amid[:-1], amid[-1] + 1)
    one, planes = (1, 1), s.counts(2, 2)
    cases: list[tuple[str, str, tuple[int, int], dict[Lengths, float]]] = [
        ("nan", "one NaN amid", one, {amid: np.nan}),
        ("nan-at-end", "one NaN in the first place", one, {end: np.nan}),
        ("nan-at-far-end", "one NaN in the last place", one, {last: np.nan}),
        ("infinity", "one infinity amid", one, {amid: np.inf}),
        ("minus-infinity-at-end", "one minus infinity in the first place", one, {end: -np.inf}),
        ("both-infinities", "infinity beside minus infinity", one, {amid: np.inf, beside: -np.inf}),
    ]
    if planes != one:
        words = f"one NaN amid the last of {planes[0]}×{planes[1]} planes"
        cases.append(("nan-in-last-plane", words, planes, {amid: np.nan}))
    for label, words, counts, where in cases:
        yield Draft(
            f"{label}-{{}}", f"ones and {words}, {{}}", "special", lengths,
            partial(_last_with, where=where), counts,
        )  # fmt: skip


def _last_with(
    shape: tuple[int, ...], where: dict[Lengths, float], dtype: str
) -> NDArray[np.float64]:
    """Ones, but for these values in the last plane."""
    x = patterns.constant(shape, dtype)
    for place, value in where.items():
        x[(-1, -1, *place)] = value
    return x
