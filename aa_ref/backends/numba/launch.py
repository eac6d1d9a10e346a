"""The backend itself: cuts a plan into fused steps, and the work of each into pieces."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ...dtypes import STORAGE
from ...pages import LARGE, fetch
from ...plans import AxisPlan, Direction, Plan
from ..base import Backend
from . import variants
from .ahead import request
from .caching import Function, cache_folder, compiled, is_cached, is_ready, states
from .crew import run_pieces
from .cuts import Cut, cut, cut_adjoint
from .geometry import Geometry, Operand, make_geometry
from .threads import get_num_threads
from .variants import GENERIC, worth_it

__all__ = ["NumbaBackend", "functions_of", "functions_of_levels"]

_LITTLE = 3_000_000  # multiplications; below, waking a thread costs more than it brings
_WAITS = 2_000_000_000  # multiplications of one call; NumPy takes 6 s, and compiling 3
_PIECES = 2  # a thread: more begin anew more often, fewer wait for one that is held up
_BYTE, _INDEX = np.dtype(np.uint8), np.dtype(np.int64)
_NO_TAPS: dict[type, NDArray[Any]] = {t: np.ones(1, t) for t in (np.float32, np.float64)}


class NumbaBackend(Backend):
    """Compiled lines over memory of any layout, on a thread pool of its own."""

    name = "numba"

    def __init__(self, patient: bool = False) -> None:
        if numba.config.DISABLE_JIT:
            raise ImportError("NUMBA_DISABLE_JIT is set, so nothing can be compiled")
        self._patient = patient

    def at_hand(self, plans: Sequence[Plan], direction: Direction) -> "NumbaBackend | None":
        """See `Backend.at_hand`. Special functions are taken only if they are ready, too.

        A call that would take NumPy longer waits all the same: for the disk, or for the compiler.
        """
        if not variants.PATIENT:
            return self
        functions = [((direction, p.compute_dtype.type, GENERIC), p.multiplications) for p in plans]
        ready = [_is_at_hand(function, work, work) for function, work in functions]
        return _patient_backend() if all(ready) else None

    def details(self) -> dict[str, str]:
        """See `Backend.details`."""
        return {"cache folder": cache_folder(), **dict(states())}

    def forward(self, plan: Plan, x: NDArray[Any], out: NDArray[Any]) -> None:
        """See `Backend.forward`."""
        _run(plan, True, x, out, self._patient)

    def adjoint(self, plan: Plan, g: NDArray[Any], out: NDArray[Any]) -> None:
        """See `Backend.adjoint`."""
        _run(plan, False, g, out, self._patient)

    def ready_on_host(
        self,
        plan: Plan,
        direction: Direction,
        source: tuple[int, ...],
        result: tuple[int, ...],
    ) -> Callable[[NDArray[Any], NDArray[Any]], None] | None:
        """See `Backend.ready_on_host`."""
        first, *others = _steps(plan, direction == "forward", source, result)
        if others:
            return None
        compute = plan.compute_dtype.type
        if first.cut:
            name, special = first.special_name, first.cut.fused
            ready = is_ready(name, compute, special) and worth_it(name, special, 0)
            return _launch_of(first, first.cut) if ready else None
        if not is_ready(first.function, compute):
            return None
        return lambda x, out: _run_step(first, compute, x, out)

    def pyramid(self, plans: Sequence[Plan], x: NDArray[Any], outs: Sequence[NDArray[Any]]) -> None:
        """See `Backend.pyramid`."""
        filtered = [n for n, plan in enumerate(plans) if plan.passes]
        ends = [(plans[n], outs[n]) for n in filtered]
        together = None
        if len(filtered) > 1 and x.size and all(map(_plain, (x, *outs))):
            own = tuple(plan for plan, _ in ends)
            together = _cut_levels(own, x.strides, tuple(out.strides for _, out in ends))
        if together is None or not _takes("levels", *together, self._patient):
            super().pyramid(plans, x, outs)
            return
        _run_cut("levels", *together, x, [out for _, out in ends])
        for n, plan in enumerate(plans):
            if n not in filtered:
                _run(plan, True, x, outs[n], self._patient)


@cache
def _patient_backend() -> NumbaBackend:
    return NumbaBackend(patient=True)


class _Step(NamedTuple):
    """One compiled call of a plan: at most two axes, from an array to the next."""

    function: str
    forward: bool
    geometry: Geometry
    cut: Cut | None  # where a function for just this can do it
    taps: tuple[NDArray[Any], NDArray[Any]]
    shape: tuple[int, ...]  # of the result
    order: tuple[int, ...]  # of its dimensions in memory, the outermost first, if it is no end
    multiplications: int

    @property
    def special_name(self) -> str:
        """The name of functions for just this."""
        return "levels" if self.forward else "adjoint"


@lru_cache(maxsize=512)
def _steps(
    plan: Plan, forward: bool, source: tuple[int, ...], result: tuple[int, ...]
) -> tuple[_Step, ...]:
    """A plan's compiled calls for arrays of these strides (in bytes).

    The last two axes are fused, unless memory has them in the other order: then each by itself is
    faster. Axes before them go one at a time. What is between two steps is reduced along the axes
    already done, and its dimensions are in memory in the order of the source's; for the adjoint all
    goes in the opposite order.
    """
    compute = plan.compute_dtype
    groups = [*((a,) for a in plan.passes[:-2]), plan.passes[-2:]]
    pending = deque(groups if forward else reversed(groups))
    shape = plan.shape if forward else plan.out_shape
    order = sorted(range(len(shape)), key=lambda d: -abs(source[d]))
    steps: list[_Step] = []
    kind, strides = plan.input_dtype, source
    while pending:
        group = pending.popleft()
        before, shape = shape, _shape_after(group, shape, forward)
        x, between = _operand(kind, before, strides), _strides(shape, order, compute.itemsize)
        if pending:
            y = _operand(compute.name, shape, between)
        else:
            y = _operand(plan.dtype, shape, result)
        fast = cut([group], before, x, [y]) if forward else cut_adjoint(group, shape, y, x)
        if forward and fast is None and len(group) == 2:
            first, second = group
            middle = _shape_after([first], before, forward)
            halfway = _operand(compute.name, middle, _strides(middle, order, compute.itemsize))
            if cut([(first,)], before, x, [halfway]) and cut([(second,)], middle, halfway, [y]):
                pending.extendleft([(second,), (first,)])
                shape = before
                continue
        ends = before, x, y
        steps.append(_step(group, shape, order, forward, fast, compute, ends))
        kind, strides = compute.name, between
    return tuple(steps)


def _step(
    group: tuple[AxisPlan, ...],
    shape: tuple[int, ...],
    order: list[int],
    forward: bool,
    fast: Cut | None,
    compute: np.dtype[Any],
    ends: tuple[tuple[int, ...], Operand, Operand],
) -> _Step:
    before, x, y = ends
    large, (small, other) = (before, (x, y)) if forward else (shape, (y, x))
    geometry = make_geometry(group, large, small, other, forward=forward)
    rows, columns = geometry.rows, geometry.columns
    none = _NO_TAPS[compute.type]
    taps = rows.taps if rows else none, columns.taps if columns else none
    work = np.prod(shape if forward else before) * sum(len(a.taps) for a in group)
    name = "forward" if forward else "adjoint"
    return _Step(name, forward, geometry, fast, taps, shape, tuple(order), int(work))


def _shape_after(
    group: Iterable[AxisPlan], shape: tuple[int, ...], forward: bool
) -> tuple[int, ...]:
    after = list(shape)
    for a in group:
        after[a.axis] = a.out_length if forward else a.length
    return tuple(after)


@lru_cache(maxsize=128)
def _cut_levels(
    plans: tuple[Plan, ...], source: tuple[int, ...], results: tuple[tuple[int, ...], ...]
) -> tuple[Cut, int] | None:
    """Several plans of one input, to be carried out in one pass; and their multiplications."""
    ys = [_operand(p.dtype, p.out_shape, r) for p, r in zip(plans, results, strict=True)]
    x = _operand(plans[0].input_dtype, plans[0].shape, source)
    found = cut([p.passes for p in plans], plans[0].shape, x, ys)
    if found is None:
        return None
    work = sum(np.prod(p.out_shape) * sum(len(a.taps) for a in p.passes) for p in plans)
    return found, int(work)


def functions_of(plan: Plan, direction: Direction) -> list[Function]:
    """The compiled functions that contiguous arrays take, the special ones last."""
    forward = direction == "forward"
    ends = [
        _c_strides(shape, STORAGE[kind].itemsize)
        for shape, kind in ((plan.shape, plan.input_dtype), (plan.out_shape, plan.dtype))
    ]
    steps = _steps(plan, forward, *(ends if forward else reversed(ends)))
    found: list[Function] = [(direction, plan.compute_dtype.type, GENERIC)]
    name = "levels" if forward else "adjoint"
    return found + [(name, *step.cut.special) for step in steps if step.cut]


def functions_of_levels(plans: tuple[Plan, ...]) -> list[Function]:
    """The same for a pyramid in one pass; none if it goes level by level."""
    x = _c_strides(plans[0].shape, STORAGE[plans[0].input_dtype].itemsize)
    ys = (_c_strides(p.out_shape, STORAGE[p.dtype].itemsize) for p in plans)
    together = _cut_levels(plans, x, tuple(ys))
    return [("levels", *together[0].special)] if together else []


def _operand(kind: str, shape: tuple[int, ...], strides: tuple[int, ...]) -> Operand:
    itemsize = STORAGE[kind].itemsize
    below = sum(s * (n - 1) for s, n in zip(strides, shape, strict=True) if s < 0)
    return Operand(kind, tuple(s // itemsize for s in strides), -below // itemsize)


def _c_strides(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    return _strides(shape, range(len(shape)), itemsize)


def _strides(shape: Sequence[int], order: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Strides without gaps, in bytes; ``order`` names the dimensions, the outermost first."""
    strides = [itemsize] * len(shape)
    for d in reversed(order):
        strides[d], itemsize = itemsize, itemsize * shape[d]
    return tuple(strides)


def _empty(step: _Step, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Memory for what is between a step and the next."""
    order = step.order
    inner: NDArray[Any] = np.empty([step.shape[d] for d in order], dtype)
    if inner.nbytes >= LARGE:
        fetch(inner.__array_interface__["data"][0], inner.nbytes)
    return inner.transpose(sorted(range(len(order)), key=order.__getitem__))


def _run(plan: Plan, forward: bool, source: NDArray[Any], out: NDArray[Any], patient: bool) -> None:
    if out.size == 0:
        return
    if not _plain(source):
        source = source.copy(order="C")
    target = out if _plain(out) else np.empty(out.shape, out.dtype)
    steps = _steps(plan, forward, source.strides, target.strides)
    for step in steps[:-1]:
        between = _empty(step, plan.compute_dtype)
        _carry_out(step, plan.compute_dtype, source, between, patient)
        source = between
    _carry_out(steps[-1], plan.compute_dtype, source, target, patient)
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


def _carry_out(
    step: _Step, compute: np.dtype[Any], source: NDArray[Any], result: NDArray[Any], patient: bool
) -> None:
    if step.cut and _takes(step.special_name, step.cut, step.multiplications, patient):
        x, y = (source, result) if step.forward else (result, source)
        _run_cut(step.special_name, step.cut, step.multiplications, x, [y])
    else:
        _run_step(step, compute.type, source, result)


def _run_step(step: _Step, compute: type[Any], source: NDArray[Any], result: NDArray[Any]) -> None:
    geometry, call = step.geometry, compiled(step.function, compute).call
    x, y = (source, result) if step.forward else (result, source)
    arguments = (_memory(x), _memory(y), *step.taps, geometry.record, geometry.outer)
    _share(call, arguments, geometry, compute, step.multiplications)


def _takes(function: str, of: Cut, multiplications: int, patient: bool) -> bool:
    """Whether a special function does it: if that is worth its time and, for the patient, ready."""
    compute, special = of.special
    if not worth_it(function, special, multiplications):
        return False
    which = function, compute, special
    return not patient or _is_at_hand(which, multiplications, variants.LITTLE)


def _is_at_hand(function: Function, multiplications: int, asked: int) -> bool:
    """Whether a function can be called, or else loaded or compiled in less time than NumPy takes.

    If not, it is asked for, for so many multiplications.
    """
    if is_ready(*function) or multiplications >= _WAITS:
        return True
    if multiplications >= variants.LITTLE and is_cached(*function):
        return True
    request(function, asked)
    return False


def _run_cut(
    name: str, cut: Cut, multiplications: int, x: NDArray[Any], ys: Sequence[NDArray[Any]]
) -> None:
    call = compiled(name, cut.compute, cut.fused).call
    _share(
        call, (_memory(x), tuple(map(_memory, ys)), *cut.rest), cut, cut.compute, multiplications
    )


def _launch_of(step: _Step, cut: Cut) -> Callable[[NDArray[Any], NDArray[Any]], None]:
    """The same for one level, with as little as may be between the caller and the function."""
    call, rest, compute = compiled(step.special_name, *cut.special).call, cut.rest, cut.compute
    scratch, indices, units = cut.scratch, cut.indices, cut.units
    forward, multiplications = step.forward, step.multiplications
    alone = multiplications <= _LITTLE

    def launch(source: NDArray[Any], result: NDArray[Any]) -> None:
        x, y = (source, result) if forward else (result, source)
        if alone:
            own: NDArray[Any] = np.empty(scratch, compute)
            call(_memory(x), (_memory(y),), *rest, own, np.empty(indices, _INDEX), 0, units)
        else:
            _share(call, (_memory(x), (_memory(y),), *rest), cut, compute, multiplications)

    return launch


def _share(
    call: Callable[..., Any], arguments: tuple[Any, ...], of: Geometry | Cut, compute: type[Any],
    multiplications: int,
) -> None:  # fmt: skip
    """Share the units of work among threads, each with scratch of its own."""
    threads = get_num_threads() if multiplications > _LITTLE else 1
    threads = min(threads, of.units)
    if threads == 1:
        scratch: NDArray[Any] = np.empty(of.scratch, compute)
        indices = np.empty(of.indices, _INDEX)
        call(*arguments, scratch, indices, 0, of.units)
        return
    scratches: NDArray[Any] = np.empty((threads, of.scratch), compute)
    numbers = np.empty((threads, of.indices), _INDEX)
    pieces = min(threads * _PIECES, of.units)

    def work(piece: int, worker: int) -> None:
        begin, end = (of.units * p // pieces for p in (piece, piece + 1))
        call(*arguments, scratches[worker], numbers[worker], begin, end)

    run_pieces(work, pieces, threads)
