"""Which cases a run on a GPU takes, those first that say most.

``threads`` is 1: the host's, which does nothing but ask.
"""

from itertools import product

from ...dtypes import FLOATING, STORAGE
from ..cases import Case, Scale
from ..selections import Size, merged

__all__ = [
    "BATCH",
    "HUNDREDS",
    "OCTAVES",
    "SMALL",
    "TINY",
    "large",
    "of_targets",
    "quick",
    "standard",
]

OCTAVES: tuple[Scale, ...] = (0.5, 0.25, 0.125)
HUNDREDS = ("float32", "float16", "uint8")
"""The types that are measured with hundreds of megabytes."""
BATCH = (24, 1024, 1024)
"""8 pictures of 3 × 1024²."""
_MANY_SMALL, _PICTURE = (192, 256, 256), (3, 256, 256)
_MIDDLE, SMALL, TINY = (3, 4096, 6144), (24, 256, 256), (3, 32, 32)
_SIDES = (128, 256, 512, 1024, 2048, 4096)
_STRIDES = tuple(1 / n for n in (2, 3, 4, 6, 8, 16))
_LAYOUTS = ("CHW", "HWC")


def large(layout: str, dtype: str) -> Size:
    """An array of 403 MB: 32 pictures of 3 × 1024² in float32, or one as large."""
    times = 4 // STORAGE[dtype].itemsize
    return (96 * times, 1024, 1024) if layout == "CHW" else (3, 8192, 4096 * times)


def of_targets() -> list[Case]:
    """What the targets are about."""
    cases = [_case("forward", TINY, scales=(0.5,))]
    for size in (BATCH, large("CHW", "float32"), _MANY_SMALL, _PICTURE):
        for direction in ("forward", "adjoint"):
            cases += [_case(direction, size, scales=(s,), peers=True) for s in OCTAVES]
        cases.append(_case("pyramid", size, scales=OCTAVES))
    cases += [_case("forward", SMALL, scales=(s,), peers=True) for s in OCTAVES]
    for layout, dtype in product(_LAYOUTS, HUNDREDS):
        peers = (layout, dtype) == ("CHW", "float32")
        for direction in ("forward", "adjoint"):
            if direction == "forward" or dtype in FLOATING:
                cases += [
                    _case(direction, large(layout, dtype), layout, dtype, (s,), peers)
                    for s in OCTAVES
                ]
    for layout in _LAYOUTS:
        cases.append(_case("pyramid", large(layout, "float32"), layout, scales=OCTAVES))
    return merged(cases)


def standard() -> list[Case]:
    """The targets' cases; cost against size and stride, each alone."""
    cases = of_targets()
    for direction, side in product(("forward", "adjoint"), _SIDES):
        cases.append(_case(direction, (24, side, side), scales=(0.25,)))
    cases += [_case("forward", (24, 4096, 4096), scales=(s,)) for s in _STRIDES]
    return merged(cases)


def quick() -> list[Case]:
    """A few of each kind."""
    cases = [_case("forward", SMALL, scales=(s,), peers=True) for s in OCTAVES]
    for layout, dtype in product(_LAYOUTS, HUNDREDS):
        cases.append(_case("forward", _MIDDLE, layout, dtype))
    cases.append(_case("adjoint", _MIDDLE))
    cases.append(_case("pyramid", _MIDDLE, scales=OCTAVES))
    cases.append(_case("forward", TINY))
    return cases


def _case(
    direction: str,
    size: Size,
    layout: str = "CHW",
    dtype: str = "float32",
    scales: tuple[Scale, ...] = (0.5,),
    peers: bool = False,
) -> Case:
    return Case(direction, size, layout, dtype, scales, (1,), peers)
