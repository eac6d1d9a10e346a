"""The backend itself: cuts a plan into fused steps, and the work of each into pieces."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...dtypes import STORAGE
from ...plans import Plan
from ..base import Backend
from .bands import Level, count_bands, run_bands
from .caching import cache_folder, compiled, states
from .crew import run_pieces
from .geometry import Geometry, Operand, make_geometry
from .threads import get_num_threads
from .variants import worth_it

__all__ = ["NumbaBackend"]

_LITTLE = 3_000_000  # multiplications; below, waking a thread costs more than it brings
_PIECES = 2  # a thread: more begin anew more often, fewer wait for one that is held up
_FEWEST_BANDS = 32  # of a pyramid's input; a smaller one stays cached from level to level anyway
_BYTE, _INDEX = np.dtype(np.uint8), np.dtype(np.int64)
_NO_TAPS: dict[type, NDArray[Any]] = {t: np.ones(1, t) for t in (np.float32, np.float64)}


class NumbaBackend(Backend):
    """Compiled lines over memory of any layout, on a thread pool of its own."""

    name = "numba"

    def __init__(self) -> None:
        if numba.config.DISABLE_JIT:
            raise ImportError("NUMBA_DISABLE_JIT is set, so nothing can be compiled")

    def details(self) -> dict[str, str]:
        """See `Backend.details`."""
        return {"cache folder": cache_folder(), **dict(states())}

    def forward(self, plan: Plan, x: NDArray[Any], out: NDArray[Any]) -> None:
        """See `Backend.forward`."""
        _run(plan, True, x, out)

    def adjoint(self, plan: Plan, g: NDArray[Any], out: NDArray[Any]) -> None:
        """See `Backend.adjoint`."""
        _run(plan, False, g, out)

    def pyramid(self, plans: Sequence[Plan], x: NDArray[Any], outs: Sequence[NDArray[Any]]) -> None:
        """See `Backend.pyramid`."""
        bands = count_bands(x.nbytes)
        arrays = (x, *outs)
        if len(plans) < 2 or bands < _FEWEST_BANDS or not all(map(_plain, arrays)):
            super().pyramid(plans, x, outs)
            return
        steps = [
            _steps(plan, True, x.strides, out.strides)
            for plan, out in zip(plans, outs, strict=True)
        ]
        if any(len(of_plan) > 1 for of_plan in steps):  # through intermediates
            super().pyramid(plans, x, outs)
            return
        compute, threads = plans[0].compute_dtype, min(get_num_threads(), bands)
        # The coarsest level comes first, since it is the best at waiting for memory: it has the
        # most to do with each row and the least to write.
        levels = [
            _level(step, compute, out)
            for (step,), out in sorted(zip(steps, outs, strict=True), key=lambda pair: pair[1].size)
        ]
        march = compiled("march", compute.type).call
        pieces = min(threads * _PIECES, bands)
        run_bands(march, _memory(x), levels, compute, bands, threads, pieces)


class _Step(NamedTuple):
    """One compiled call of a plan: at most two axes, from an array to the next."""

    function: str
    forward: bool
    geometry: Geometry
    taps: tuple[NDArray[Any], NDArray[Any]]
    shape: tuple[int, ...]  # of the result
    multiplications: int


@lru_cache(maxsize=512)
def _steps(
    plan: Plan, forward: bool, source: tuple[int, ...], result: tuple[int, ...]
) -> tuple[_Step, ...]:
    """A plan's compiled calls for arrays of these strides (in bytes).

    The last two axes are fused. Axes before them go one at a time, through intermediates that are
    reduced along the axes already done; for the adjoint in the opposite order.
    """
    passes = plan.passes
    groups = [*((a,) for a in passes[:-2]), passes[-2:]]
    compute = plan.compute_dtype
    shape = list(plan.shape if forward else plan.out_shape)
    steps: list[_Step] = []
    kind, strides = plan.input_dtype, source
    for group in groups if forward else reversed(groups):
        before = tuple(shape)
        for a in group:
            shape[a.axis] = a.out_length if forward else a.length
        last = len(steps) == len(groups) - 1
        kind_after = plan.dtype if last else compute.name
        strides_after = result if last else _c_strides(shape, compute.itemsize)
        ends = _operand(kind, before, strides), _operand(kind_after, tuple(shape), strides_after)
        x, y = ends if forward else reversed(ends)
        large = before if forward else tuple(shape)
        geometry = make_geometry(group, large, x, y, forward=forward)
        rows, columns = geometry.rows, geometry.columns
        none = _NO_TAPS[compute.type]
        taps = rows.taps if rows else none, columns.taps if columns else none
        work = np.prod(shape if forward else before) * sum(len(a.taps) for a in group)
        name = "forward" if forward else "adjoint"
        steps.append(_Step(name, forward, geometry, taps, tuple(shape), int(work)))
        kind, strides = kind_after, strides_after
    return tuple(steps)


def _operand(kind: str, shape: tuple[int, ...], strides: tuple[int, ...]) -> Operand:
    itemsize = STORAGE[kind].itemsize
    below = sum(s * (n - 1) for s, n in zip(strides, shape, strict=True) if s < 0)
    return Operand(kind, tuple(s // itemsize for s in strides), -below // itemsize)


def _c_strides(shape: list[int], itemsize: int) -> tuple[int, ...]:
    strides = [itemsize]
    for length in reversed(shape[1:]):
        strides.insert(0, strides[0] * length)
    return tuple(strides)


def _run(plan: Plan, forward: bool, source: NDArray[Any], out: NDArray[Any]) -> None:
    if out.size == 0:
        return
    if not _plain(source):
        source = source.copy(order="C")
    target = out if _plain(out) else np.empty(out.shape, out.dtype)
    steps = _steps(plan, forward, source.strides, target.strides)
    for step in steps[:-1]:
        between = np.empty(step.shape, plan.compute_dtype)
        _carry_out(step, plan.compute_dtype, source, between)
        source = between
    _carry_out(steps[-1], plan.compute_dtype, source, target)
    if target is not out:
        out[...] = target


def _plain(a: NDArray[Any]) -> bool:
    """Whether all samples lie at multiples of their size, which packed structures do not ensure."""
    flags = a.flags
    return flags.aligned and (
        flags.c_contiguous or all(stride % a.itemsize == 0 for stride in a.strides)
    )


def _memory(a: NDArray[Any]) -> NDArray[np.uint8]:
    """The memory that an array lies in, as bytes, from its lowest address on."""
    if not a.flags.c_contiguous:
        a = a[tuple(slice(None, None, -1 if stride < 0 else 1) for stride in a.strides)]
        extent = 1 + sum(
            stride // a.itemsize * (n - 1) for stride, n in zip(a.strides, a.shape, strict=True)
        )
        a = np.lib.stride_tricks.as_strided(a, (extent,), (a.itemsize,))
    return np.frombuffer(a, _BYTE)


def _level(step: _Step, compute: np.dtype[Any], y: NDArray[Any]) -> Level:
    variant = worth_it(step.function, step.geometry.variant, step.multiplications)
    forward = compiled(step.function, compute.type, variant).address
    return Level(forward, step.geometry, step.taps, _memory(y))


def _carry_out(
    step: _Step, compute: np.dtype[Any], source: NDArray[Any], result: NDArray[Any]
) -> None:
    geometry = step.geometry
    variant = worth_it(step.function, geometry.variant, step.multiplications)
    call = compiled(step.function, compute.type, variant).call
    x, y = (source, result) if step.forward else (result, source)
    arguments = (_memory(x), _memory(y), *step.taps, geometry.record, geometry.outer)
    threads = get_num_threads() if step.multiplications > _LITTLE else 1
    threads = min(threads, geometry.units)
    if threads == 1:
        scratch, indices = np.empty(geometry.scratch, compute), np.empty(geometry.indices, _INDEX)
        call(*arguments, scratch, indices, 0, geometry.units)
        return
    scratches = np.empty((threads, geometry.scratch), compute)
    numbers = np.empty((threads, geometry.indices), _INDEX)
    pieces = min(threads * _PIECES, geometry.units)

    def work(piece: int, worker: int) -> None:
        begin, end = (geometry.units * p // pieces for p in (piece, piece + 1))
        call(*arguments, scratches[worker], numbers[worker], begin, end)

    run_pieces(work, pieces, threads)
