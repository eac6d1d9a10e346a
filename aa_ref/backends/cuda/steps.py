"""From a plan to launches: which kernel does which axes, over how many blocks."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from ...device_arrays import c_strides
from ...dtypes import STORAGE
from ...plans import AxisPlan, Plan
from .calls import Call
from .cutting import MOST_BLOCKS, cut_into_tiles, terms_of_axes, terms_of_elements
from .elements import Elements
from .kernels import Kernel, threads_of
from .layout import Layout, make_axis, make_layout
from .memory import resident
from .positions import Axis
from .pyramid_strips import PYRAMID, Level, PyramidStrips
from .strip_cutting import cut_into_strips
from .strips import MOST_CHANNELS, STRIDES, Strips, filter_of, run_of
from .toolkit import SIMULATOR

__all__ = ["Step", "pyramid_step", "steps_of"]

_MOST_TERMS = 4  # times those of one axis after the other, to save the memory between
_MOST_BLOCKS = 2 if SIMULATOR else MOST_BLOCKS  # where blocks go from element to element


class Step(NamedTuple):
    """A kernel over arrays of certain shapes and strides.

    Attributes
    ----------
    call : Call
        Takes arrays at any address.
    aligned : Call or None
        Takes x at multiples of ``run_bytes`` alone, and is faster.
    run_bytes : int
    shape : tuple of int
        The result's.
    offsets : tuple
        Where each launch begins in the source and in the result, in bytes.
    kept : tuple
        What holds the taps on the device.
    """

    call: Call
    aligned: Call | None
    run_bytes: int
    shape: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    kept: tuple[Any, ...]

    def call_at(self, x: int) -> Call:
        """What to launch for x at this address."""
        if self.aligned is not None and x % self.run_bytes == 0:
            return self.aligned
        return self.call


class _Side(NamedTuple):
    """An array before or after a step."""

    kind: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def itemsize(self) -> int:
        return STORAGE[self.kind].itemsize


@lru_cache(maxsize=512)
def steps_of(
    plan: Plan, forward: bool, source: tuple[int, ...], result: tuple[int, ...], device: int
) -> tuple[Step, ...]:
    """A plan's launches for arrays of these strides (in bytes), on the device of this number.

    The last two axes are filtered by one kernel, unless the filter is so long that tiles which a
    block has room for have much more to add up. Axes before them go one at a time, through memory
    that is reduced along the axes done; for the adjoint in the opposite order.
    """
    passes = plan.passes
    single = [(a,) for a in passes]
    for groups in ([*single[:-2], passes[-2:]], single):
        ordered = groups if forward else groups[::-1]
        ends = pairwise(_sides(plan, ordered, forward, source, result))
        steps = [
            _step(plan, forward, group, before, after, device)
            for group, (before, after) in zip(ordered, ends, strict=True)
        ]
        if None not in steps:
            break
    return tuple(step for step in steps if step is not None)


@lru_cache(maxsize=512)
def pyramid_step(
    plans: tuple[Plan, ...],
    source: tuple[int, ...],
    results: tuple[tuple[int, ...], ...],
    device: int,
) -> Step | None:
    """The one launch for a pyramid of strides 2, 4 and 8, in this order; None if it takes more."""
    steps = [
        steps_of(plan, True, source, result, device)
        for plan, result in zip(plans, results, strict=True)
    ]
    coarse = steps[-1][0]
    if any(len(each) > 1 or len(each[0].offsets) > 1 for each in steps):
        return None
    kernel, g = coarse.call.kernel, coarse.call.geometry
    kernels = tuple(each[0].call.kernel for each in steps)
    if kernels != tuple(kernel._replace(stride=stride) for stride in PYRAMID):
        return None
    geometries = [each[0].call.geometry for each in steps]
    if any(_planes(each) != _planes(g) for each in geometries):
        return None
    kernel, planes = kernel._replace(direction="pyramid"), g.outer.length * g.middle.length
    cut = cut_into_strips(kernel, g.rows, g.columns, g.channels, planes)
    if cut is None:
        return None
    levels = [Level(each.outer.y, each.middle.y, each.rows, each.columns) for each in geometries]
    geometry = PyramidStrips(
        g.outer, g.middle, g.channels, g.before, cut.strips, cut.block_columns, cut.chunks,
        cut.chunk, *levels,
    )  # fmt: skip
    blocks = cut.strips * cut.chunks * planes
    call, aligned = _calls(kernel, blocks, cut.threads, geometry, coarse.aligned is not None)
    return coarse._replace(call=call, aligned=aligned)


def _calls(
    kernel: Kernel, blocks: int, threads: int, geometry: Any, also_aligned: bool
) -> tuple[Call, Call | None]:
    """The calls of a step, for arrays at any address and for aligned ones."""
    call = Call(kernel, blocks, threads, geometry)
    if not also_aligned:
        return call, None
    return call, Call(kernel._replace(aligned=True), blocks, threads, geometry)


def _planes(g: Strips) -> tuple[int, ...]:
    """Where x's planes lie."""
    return g.outer.length, g.outer.x, g.middle.length, g.middle.x


def _sides(
    plan: Plan,
    groups: Sequence[Sequence[AxisPlan]],
    forward: bool,
    source: tuple[int, ...],
    result: tuple[int, ...],
) -> Iterator[_Side]:
    """The arrays that steps begin and end with."""
    shape = list(plan.shape if forward else plan.out_shape)
    yield _Side(plan.input_dtype, tuple(shape), source)
    for n, group in enumerate(groups):
        for a in group:
            shape[a.axis] = a.out_length if forward else a.length
        if n == len(groups) - 1:
            yield _Side(plan.dtype, tuple(shape), result)
        else:
            compute = plan.compute_dtype
            yield _Side(compute.name, tuple(shape), c_strides(tuple(shape), compute.itemsize))


def _step(
    plan: Plan,
    forward: bool,
    group: Sequence[AxisPlan],
    source: _Side,
    result: _Side,
    device: int,
) -> Step | None:
    """The launches for one or two axes; None for two that had better go one by one."""
    forward = forward or not group  # a conversion goes from x to y
    x, y = (source, result) if forward else (result, source)
    layout = make_layout(x.shape, x.strides, y.strides, [a.axis for a in group])
    kept, axes = [], []
    for a in group:
        taps, owner = resident(a.taps.tobytes(), device)
        kept.append(owner)
        axes.append(make_axis(a, taps, x.strides[a.axis], y.strides[a.axis]))
    kinds = source.kind, result.kind, plan.compute_dtype.name
    kernel = Kernel("forward" if forward else "adjoint", *kinds, len(group))
    run_bytes, blocks, threads = 0, 0, 0
    geometry: Any = None
    elements = math.prod(result.shape) // math.prod(f.length for f in layout.more)
    if len(group) == 2:
        kernel, geometry, blocks, threads = _strips(kernel, group, layout, axes, x, y)
        if geometry is not None:
            run_bytes = run_of(x.kind) * x.itemsize
            if any(f.x % run_bytes for f in (layout.outer, layout.middle, axes[0])):
                run_bytes = 0
        else:
            tiled, threads = kernel._replace(tiled=True), threads_of(kernel)
            cut = cut_into_tiles(forward, kernel.compute, threads_of(tiled), group, layout, axes)
            terms = terms_of_elements(forward, threads, group, elements)
            if cut is not None and cut.terms < terms:
                kernel, geometry, blocks, terms = tiled, cut.tiles, cut.blocks, cut.terms
            if terms > _MOST_TERMS * terms_of_axes(forward, threads, group, elements):
                return None
    if geometry is None:
        rows, columns = [*[make_axis(None, 0, 0, 0)] * (2 - len(axes)), *axes]
        geometry = Elements(layout.outer, layout.middle, rows, columns, layout.inner)
        threads = threads_of(kernel)
        blocks = min(-(-elements // threads), _MOST_BLOCKS)
    starts = [
        [(n * f.x, n * f.y) if forward else (n * f.y, n * f.x) for n in range(f.length)]
        for f in layout.more
    ]
    offsets = tuple(
        (sum(s for s, _ in chosen), sum(r for _, r in chosen)) for chosen in product(*starts)
    )
    call, aligned = _calls(kernel, blocks, threads, geometry, run_bytes > 0)
    return Step(call, aligned, run_bytes, result.shape, offsets, tuple(kept))


def _strips(
    kernel: Kernel,
    group: Sequence[AxisPlan],
    layout: Layout,
    axes: Sequence[Axis],
    x: _Side,
    y: _Side,
) -> tuple[Kernel, Strips | None, int, int]:
    """The kernel for strips, how it cuts the arrays, its blocks and their threads.

    None where others serve.
    """
    rows, columns = axes
    stride, channels = columns.spacing, layout.inner.length
    kernel_for_strips = kernel._replace(stride=stride, planar=channels == 1)
    forward = kernel.direction == "forward"
    fits = (
        stride in STRIDES
        and rows.spacing == stride
        and all(np.array_equal(a.taps, filter_of(stride, kernel.compute).taps) for a in group)
        and channels <= MOST_CHANNELS
        and all(
            line == channels * side.itemsize and (channels == 1 or step == side.itemsize)
            for side, line, step in (
                (x, columns.x, layout.inner.x),
                (y, columns.y, layout.inner.y),
            )
        )
        and (forward or all(a.boundary == "zeros" for a in group))
    )
    if not fits:
        return kernel, None, 0, 0
    planes = layout.outer.length * layout.middle.length
    cut = cut_into_strips(kernel_for_strips, rows, columns, channels, planes)
    if cut is None:
        return kernel, None, 0, 0
    before = -filter_of(stride, kernel.compute).radius * channels % run_of(x.kind)
    geometry = Strips(
        layout.outer, layout.middle, rows, columns, channels, before, cut.strips,
        cut.block_columns, cut.chunks, cut.chunk,
    )  # fmt: skip
    return kernel_for_strips, geometry, cut.strips * cut.chunks * planes, cut.threads
