"""Which cases a run takes: the standard ones, a few, the targets', or a product of options."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from ..dtypes import FLOATING
from .cases import PYRAMIDS, Case, Scale
from .errors import BenchError
from .layers import selections as layers

__all__ = ["Filters", "merged", "of_targets", "product_of", "quick", "standard"]

Size = tuple[int, int, int]

_OCTAVES: tuple[Scale, ...] = (0.5, 0.25, 0.125)
_STRIDES: tuple[Scale, ...] = (
    Fraction(1, 2), Fraction(1, 3), Fraction(1, 4), Fraction(1, 6), Fraction(1, 8), Fraction(1, 16),
)  # fmt: skip
_BATCH, _PHOTO, _LARGE, _TILE = (24, 1024, 1024), (3, 2048, 2048), (3, 4096, 4096), (3, 256, 256)
_ODD = (24, 1000, 1000)  # rows of no power of two
_OF_ALL_TYPES = ("forward", "pyramid")
_SIDES = (64, 128, 256, 512, 1024, 2048, 4096, 8192)


@dataclass(frozen=True)
class Filters:
    """What the caller asked for; None where nothing was said."""

    sizes: Sequence[Size] | None = None
    dtypes: Sequence[str] | None = None
    scales: Sequence[Scale] | None = None
    layouts: Sequence[str] | None = None
    directions: Sequence[str] | None = None
    threads: Sequence[int] | None = None

    @property
    def given(self) -> bool:
        """Whether anything was said about what to measure, apart from threads."""
        said = (self.sizes, self.dtypes, self.scales, self.layouts, self.directions)
        return any(s is not None for s in said)


def product_of(filters: Filters, threads: tuple[int, ...]) -> list[Case]:
    """All combinations of what was asked for; what was not, is the usual.

    Raises
    ------
    BenchError
        If no combination makes sense.
    """
    cases = []
    for direction, size, layout, dtype in product(
        filters.directions or ("forward",),
        filters.sizes or (_PHOTO,),
        filters.layouts or ("CHW",),
        filters.dtypes or ("float32",),
    ):
        if direction not in _OF_ALL_TYPES and dtype not in FLOATING:
            continue
        cases += _of_scales(direction, size, layout, dtype, filters.scales or _OCTAVES, threads)
    if not cases:
        raise BenchError(
            f"{', '.join(filters.directions or ())} was asked for with "
            f"{', '.join(filters.dtypes or ())}, but takes floating-point arrays; "
            "add --dtype float32, or leave --direction out"
        )
    return merged(cases)


def standard(threads: tuple[int, ...]) -> list[Case]:
    """Cost against size, stride, type, layout and threads, each alone; and the targets."""
    most = (max(threads),)
    cases = of_targets(threads)
    for direction, side in product(("forward", "adjoint"), _SIDES):
        cases.append(Case(direction, (3, side, side), "CHW", "float32", (0.25,), most))
    for scale in _STRIDES:
        cases.append(Case("forward", _PHOTO, "CHW", "float32", (float(scale),), most))
    for layout, dtype, scale in product(("CHW", "HWC"), ("uint8", "float16"), _OCTAVES):
        cases.append(Case("forward", _PHOTO, layout, dtype, (scale,), most))
    for direction, layout, scale in product(("forward", "adjoint"), ("CHW", "HWC"), _OCTAVES):
        cases.append(Case(direction, _PHOTO, layout, "float32", (scale,), most))
    cases += [Case("pyramid", _PHOTO, "CHW", t, _OCTAVES, most) for t in ("float32", "uint8")]
    for scale in _OCTAVES:
        cases.append(Case("forward", _BATCH, "CHW", "float32", (scale,), threads, False))
    return merged(cases)


def quick(threads: tuple[int, ...]) -> list[Case]:
    """A few small cases of each kind."""
    most = (max(threads),)
    cases = [Case("forward", (3, n, n), "CHW", "float32", (0.25,), most) for n in _SIDES[:4]]
    for scale, layout in product(_OCTAVES, ("CHW", "HWC")):
        cases.append(Case("forward", (3, 512, 512), layout, "float32", (scale,), most))
    cases.append(Case("forward", (3, 512, 512), "HWC", "uint8", (0.5,), most))
    cases.append(Case("forward", (3, 512, 512), "CHW", "float16", (0.5,), most))
    cases.append(Case("adjoint", (3, 512, 512), "CHW", "float32", (0.25,), most))
    cases.append(Case("pyramid", (3, 512, 512), "CHW", "float32", _OCTAVES, most))
    return merged(cases + layers.quick(most))


def of_targets(threads: tuple[int, ...]) -> list[Case]:
    """What the targets are about: two threads, where there are as many."""
    threads = (min(2, max(threads)),)
    cases = []
    for size, layout in product((_BATCH, _ODD, _LARGE), ("CHW", "HWC")):
        for direction in ("forward", "adjoint"):
            cases += _of_scales(direction, size, layout, "float32", _OCTAVES, threads, False)
        cases += _of_scales("pyramid", size, layout, "float32", _OCTAVES, threads, False)
    for layout in ("CHW", "HWC"):
        cases += _of_scales("forward", _PHOTO, layout, "float32", _OCTAVES, threads)
    cases.append(Case("forward", _PHOTO, "HWC", "uint8", (0.5,), threads))
    for size in (_TILE, (3, 512, 512)):
        cases.append(Case("forward", size, "CHW", "float32", (0.25,), threads))
    both = tuple(sorted({1, *threads}))
    for scale in _OCTAVES:
        cases.append(Case("forward", _BATCH, "CHW", "float32", (scale,), both, False))
    return merged(cases + layers.of_targets(threads))


def _of_scales(
    direction: str,
    size: Size,
    layout: str,
    dtype: str,
    scales: Iterable[Scale],
    threads: tuple[int, ...],
    peers: bool = True,
) -> list[Case]:
    """A case for each scale; for a pyramid, one with all."""
    groups = [tuple(scales)] if direction in PYRAMIDS else [(s,) for s in scales]
    return [Case(direction, size, layout, dtype, group, threads, peers) for group in groups]


def merged(cases: list[Case]) -> list[Case]:
    """Each case once, with all threads and peers that any mention of it has, in order."""
    mentions: dict[Case, list[Case]] = {}
    for case in cases:
        mentions.setdefault(replace(case, threads=(), peers=True), []).append(case)
    return [
        replace(
            first,
            threads=tuple(sorted({n for case in same for n in case.threads})),
            peers=any(case.peers for case in same),
        )
        for first, same in mentions.items()
    ]
