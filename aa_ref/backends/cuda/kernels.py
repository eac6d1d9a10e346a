"""The kernels by what they are for, each compiled when it is first wanted, and kept."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numba import typeof

from ...dtypes import FLOATING, NAMES, compute_type
from .adjoint_strips import make_adjoint_strips
from .caching import Compiled
from .elements import Elements, make_adjoint, make_convert, make_forward
from .forward_strips import make_forward_strips
from .positions import Axis, Free
from .pyramid_strips import PYRAMID, Level, PyramidStrips, make_pyramid_strips
from .strips import STRIDES, Strips, run_of
from .tiles import Tiles, make_adjoint_tiles, make_forward_tiles
from .toolkit import SIMULATOR, cuda, types

__all__ = [
    "Kernel",
    "addresses_of",
    "bounds_of",
    "compiled",
    "function_of",
    "geometry_of",
    "shipped",
    "signature_of",
    "threads_of",
]


class Kernel(NamedTuple):
    """What tells one kernel from another.

    ``stride`` is that of a kernel for strips, a pyramid's largest, with ``planar`` and ``aligned``
    as in `forward_strips`. It is 0 for one of `tiles` (``tiled``) and of `elements`, which filters
    ``axes`` axes, none if it only converts.
    """

    direction: str
    kind: str
    result: str
    compute: str
    axes: int
    stride: int = 0
    planar: bool = False
    aligned: bool = False
    tiled: bool = False

    @property
    def name(self) -> str:
        """What tables and profilers call it."""
        words = [self.direction, self.kind]
        if self.result != self.kind:
            words += ["to", self.result]
        if self.stride:
            words += [] if self.direction == "pyramid" else ["stride", str(self.stride)]
            words += ["planar" if self.planar else "interleaved"]
            words += ["aligned"] if self.aligned else []
        elif self.tiled:
            words += ["tiles"]
        elif self.axes:
            words += ["axes", str(self.axes)]
        else:
            words[0] = "convert"
        return "_".join(words)


def shipped() -> Iterator[Kernel]:
    """All kernels for arrays that keep their type."""
    for direction, kinds in (("forward", NAMES), ("adjoint", FLOATING)):
        for kind in kinds:
            common = direction, kind, kind, compute_type(kind).name
            yield Kernel(*common, 1)
            yield Kernel(*common, 2)
            yield Kernel(*common, 2, tiled=True)
            for stride, planar, aligned in product(STRIDES, (True, False), (True, False)):
                yield Kernel(*common, 2, stride, planar, aligned)
    for kind in NAMES:
        compute = compute_type(kind).name
        yield Kernel("forward", kind, kind, compute, 0)
        for planar, aligned in product((True, False), (True, False)):
            yield Kernel("pyramid", kind, kind, compute, 2, PYRAMID[-1], planar, aligned)


def threads_of(kernel: Kernel) -> int:
    """How many threads its blocks have at most; those of kernels for strips may have fewer.

    In the simulator each is a thread of the host.
    """
    if not kernel.stride:
        return 2 if SIMULATOR else 256
    if SIMULATOR:
        lanes = 128 if kernel.planar else 256  # enough for a footprint
        return lanes // run_of(kernel.result if kernel.direction == "adjoint" else kernel.kind)
    return 128 if kernel.planar else 256


def bounds_of(kernel: Kernel) -> tuple[int, int] | None:
    """Return launch bounds: threads of a block at most, blocks that have to fit at least; or None.

    The bounded adjoints have all rows of a step unrolled. ptxas would overlap these, with a third
    more registers than each of them needs.
    """
    unrolled = kernel.direction == "adjoint" and kernel.stride in (4, 8)
    if unrolled and kernel.planar and kernel.aligned and kernel.compute == "float32":
        return threads_of(kernel), 7
    return None


def function_of(kernel: Kernel) -> Any:
    """The kernel in Python."""
    kinds = kernel.kind, kernel.result, kernel.compute
    forward = kernel.direction == "forward"
    if kernel.direction == "pyramid":
        function = make_pyramid_strips(*kinds, threads_of(kernel), kernel.planar, kernel.aligned)
    elif kernel.stride:
        make = make_forward_strips if forward else make_adjoint_strips
        threads = threads_of(kernel)
        function = make(kernel.stride, *kinds, threads, kernel.planar, kernel.aligned)
    elif kernel.tiled:
        make_tiles = make_forward_tiles if forward else make_adjoint_tiles
        function = make_tiles(*kinds, threads_of(kernel))
    elif kernel.axes:
        function = (make_forward if forward else make_adjoint)(*kinds, kernel.axes)
    else:
        function = make_convert(*kinds)
    function.__name__ = function.__qualname__ = kernel.name
    return function


def addresses_of(kernel: Kernel) -> int:
    """How many addresses it takes: of x and y, of x and the levels of a pyramid."""
    return 1 + (len(PYRAMID) if kernel.direction == "pyramid" else 1)


def geometry_of(kernel: Kernel) -> Any:
    """An example of what it takes besides addresses, for its types."""
    free, axis = Free(0, 0, 0), Axis(0, 0, 0, 0, np.float32(0), 0, 0, 0, 0)
    if kernel.direction == "pyramid":
        level = Level(0, 0, axis, axis)
        return PyramidStrips(free, free, 0, 0, 0, 0, 0, 0, level, level, level)
    if kernel.stride:
        return Strips(free, free, axis, axis, 0, 0, 0, 0, 0, 0)
    if kernel.tiled:
        return Tiles(free, free, axis, axis, free, 0, 0, 0, 0, 0, 0)
    return Elements(free, free, axis, axis, free)


def signature_of(kernel: Kernel) -> Any:
    """The types of its arguments: the addresses, the geometry."""
    return types.void(*[types.int64] * addresses_of(kernel), typeof(geometry_of(kernel)))


@cache
def compiled(kernel: Kernel) -> Any:
    """The kernel, ready to be configured and launched."""
    if SIMULATOR:
        return cuda.jit(function_of(kernel))
    return Compiled(function_of(kernel), signature_of(kernel), bounds_of(kernel)).dispatcher
