"""The backend itself: carries out the steps of a plan, and shares their work among threads."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from ...dtypes import STORAGE
from ...pages import LARGE, fetch
from ...plans import Direction, Plan
from ..base import Backend
from . import variants
from .ahead import request
from .caching import Function, cache_folder, compiled, is_cached, is_ready, states
from .crew import run_pieces
from .cuts import Cut, cut
from .geometry import Geometry
from .slabs import Place, Slabs, Workplace, are_large, make_slabs, workplaces
from .steps import Step, c_strides, make_steps, operand
from .threads import get_num_threads
from .variants import GENERIC, worth_it

__all__ = ["NumbaBackend", "functions_of", "functions_of_levels"]

_LITTLE = 3_000_000  # multiplications; below, waking a thread costs more than it brings
_WAITS = 2_000_000_000  # multiplications of one call; NumPy takes 6 s, and compiling 3
_PIECES = 2  # a thread: more begin anew more often, fewer wait for one that is held up
_BYTE, _INDEX = np.dtype(np.uint8), np.dtype(np.int64)


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
        first, *others = make_steps(plan, direction == "forward", source, result)
        if others:
            return None
        compute = plan.compute_dtype.type
        if first.cut:
            name, special = first.special_name, first.cut.fused
            ready = is_ready(name, compute, special) and worth_it(name, special, 0)
            return _launch_of(first, first.cut) if ready else None
        if not is_ready(first.function, compute):
            return None
        return lambda x, out: _do(first, compute, x, out, False)

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


@lru_cache(maxsize=128)
def _cut_levels(
    plans: tuple[Plan, ...], source: tuple[int, ...], results: tuple[tuple[int, ...], ...]
) -> tuple[Cut, int] | None:
    """Several plans of one input, to be carried out in one pass; and their multiplications."""
    ys = [operand(p.dtype, p.out_shape, r) for p, r in zip(plans, results, strict=True)]
    x = operand(plans[0].input_dtype, plans[0].shape, source)
    found = cut([p.passes for p in plans], plans[0].shape, x, ys)
    if found is None:
        return None
    work = sum(np.prod(p.out_shape) * sum(len(a.taps) for a in p.passes) for p in plans)
    return found, int(work)


def functions_of(plan: Plan, direction: Direction) -> list[Function]:
    """The compiled functions that contiguous arrays take, the special ones last."""
    forward = direction == "forward"
    ends = [
        c_strides(shape, STORAGE[kind].itemsize)
        for shape, kind in ((plan.shape, plan.input_dtype), (plan.out_shape, plan.dtype))
    ]
    steps = make_steps(plan, forward, *(ends if forward else reversed(ends)))
    found: list[Function] = [(direction, plan.compute_dtype.type, GENERIC)]
    name = "levels" if forward else "adjoint"
    return found + [(name, *step.cut.special) for step in steps if step.cut]


def functions_of_levels(plans: tuple[Plan, ...]) -> list[Function]:
    """The same for a pyramid in one pass; none if it goes level by level."""
    x = c_strides(plans[0].shape, STORAGE[plans[0].input_dtype].itemsize)
    ys = (c_strides(p.out_shape, STORAGE[p.dtype].itemsize) for p in plans)
    together = _cut_levels(plans, x, tuple(ys))
    return [("levels", *together[0].special)] if together else []


def _run(plan: Plan, forward: bool, source: NDArray[Any], out: NDArray[Any], patient: bool) -> None:
    if out.size == 0:
        return
    if not _plain(source):
        source = source.copy(order="C")
    target = out if _plain(out) else np.empty(out.shape, out.dtype)
    compute = plan.compute_dtype
    steps = make_steps(plan, forward, source.strides, target.strides)
    slabs = None
    if forward and are_large(steps, compute.itemsize):
        slabs = make_slabs(plan, source.strides, target.strides, get_num_threads())
    if slabs:
        _carry_out_slabs(slabs, compute, source, target, patient)
    else:
        for step in steps[:-1]:
            between = _empty(step, compute)
            _carry_out(step, compute, source, between, patient)
            source = between
        _carry_out(steps[-1], compute, source, target, patient)
    if target is not out:
        out[...] = target


def _empty(step: Step, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Memory for what is between a step and the next."""
    order = step.order
    inner: NDArray[Any] = np.empty([step.shape[d] for d in order], dtype)
    if inner.nbytes >= LARGE:
        fetch(inner.__array_interface__["data"][0], inner.nbytes)
    return inner.transpose(np.argsort(order))


def _carry_out_slabs(
    of: Slabs, compute: np.dtype[Any], source: NDArray[Any], target: NDArray[Any], patient: bool
) -> None:
    """Share slabs among threads, each of which does all steps of its own.

    Functions are chosen and compiled, and memory is allocated, before the first is begun.
    """
    every = [(*slab.steps, *slab.others) for slab in of.slabs]
    fits = _special_of([step for steps in every for step in steps], patient)
    for function in {_function_of(s, compute.type, fits(s)) for steps in every for s in steps}:
        compiled(*function)
    sizes = _sizes_of(of, fits, compute, source, target)
    threads = min(get_num_threads(), len(of.slabs))

    def work(number: int, place: Workplace) -> None:
        slab, steps = of.slabs[number], every[number]
        x, y = of.inputs_of(slab, source, place), of.along(target, *slab.outputs)
        for n, step in enumerate(steps):
            is_last = n + 1 == len(steps)
            if is_last and step.shape == y.shape:
                result = y
            else:
                result = place.take(n % 2, step.shape, step.order, y.dtype if is_last else compute)
            _do(step, compute.type, x, result, fits(step), place)
            x = result
            if n + 1 == len(slab.steps) and result is not y:
                x = of.along(x, slab.places.start, slab.places.stop)
        if x is not y:
            y[...] = x

    with workplaces(threads, sizes) as places:
        run_pieces(lambda n, worker: work(n, places[worker]), len(of.slabs), threads)


def _sizes_of(
    of: Slabs, fits: Callable[[Step], bool], compute: np.dtype[Any],
    source: NDArray[Any], target: NDArray[Any],
) -> list[int]:  # fmt: skip
    """Bytes of each `Place` that are enough for any slab."""
    sizes = [0] * len(Place)

    def need(place: int, size: int) -> None:
        sizes[place] = max(sizes[place], size)

    for slab in of.slabs:
        steps = (*slab.steps, *slab.others)
        for n, step in enumerate(steps):
            own = step.cut if step.cut and fits(step) else step.geometry
            if step is not steps[-1]:
                need(n % 2, math.prod(step.shape) * compute.itemsize)
            elif step.shape[of.axis] > slab.outputs[1] - slab.outputs[0]:
                need(n % 2, math.prod(step.shape) * target.itemsize)
            need(Place.SCRATCH, own.scratch * compute.itemsize)
            need(Place.INDICES, own.indices * _INDEX.itemsize)
        if len(slab.inputs) > 1:
            length = sum(end - begin for begin, end in slab.inputs)
            need(Place.INPUTS, source.size // source.shape[of.axis] * length * source.itemsize)
    return sizes


def _special_of(steps: Sequence[Step], patient: bool) -> Callable[[Step], bool]:
    """Decide, for all steps that it could do, whether a special function does them."""
    work = Counter[Any]()
    for step in steps:
        if step.cut:
            work[step.cut.special] += step.multiplications
    taken: dict[Any, bool] = {}
    for step in steps:
        if step.cut and step.cut.special not in taken:
            multiplications = work[step.cut.special]
            taken[step.cut.special] = _takes(step.special_name, step.cut, multiplications, patient)
    return lambda step: step.cut is not None and taken[step.cut.special]


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
    step: Step, compute: np.dtype[Any], source: NDArray[Any], result: NDArray[Any], patient: bool
) -> None:
    special = step.cut is not None and _takes(
        step.special_name, step.cut, step.multiplications, patient
    )
    _do(step, compute.type, source, result, special)


def _function_of(step: Step, compute: type[Any], special: bool) -> Function:
    if special:
        assert step.cut is not None
        return step.special_name, *step.cut.special
    return step.function, compute, GENERIC


def _do(
    step: Step, compute: type[Any], source: NDArray[Any], result: NDArray[Any], special: bool,
    place: Workplace | None = None,
) -> None:  # fmt: skip
    x, y = (source, result) if step.forward else (result, source)
    if special:
        assert step.cut is not None
        _run_cut(step.special_name, step.cut, step.multiplications, x, [y], place)
        return
    geometry, call = step.geometry, compiled(step.function, compute).call
    arguments = (_memory(x), _memory(y), *step.taps, geometry.record, geometry.outer)
    _share(call, arguments, geometry, compute, step.multiplications, place)


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
    name: str, cut: Cut, multiplications: int, x: NDArray[Any], ys: Sequence[NDArray[Any]],
    place: Workplace | None = None,
) -> None:  # fmt: skip
    call = compiled(name, cut.compute, cut.fused).call
    arguments = _memory(x), tuple(map(_memory, ys)), *cut.rest
    _share(call, arguments, cut, cut.compute, multiplications, place)


def _launch_of(step: Step, cut: Cut) -> Callable[[NDArray[Any], NDArray[Any]], None]:
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
    multiplications: int, place: Workplace | None = None,
) -> None:  # fmt: skip
    """Share the units of work among threads, each with scratch of its own; or do it in a place."""
    if place:
        scratch = place.take(Place.SCRATCH, (of.scratch,), (0,), np.dtype(compute))
        indices = place.take(Place.INDICES, (of.indices,), (0,), np.dtype(_INDEX))
        call(*arguments, scratch, indices, 0, of.units)
        return
    threads = min(get_num_threads() if multiplications > _LITTLE else 1, of.units)
    if threads == 1:
        scratch = np.empty(of.scratch, compute)
        call(*arguments, scratch, np.empty(of.indices, _INDEX), 0, of.units)
        return
    scratches: NDArray[Any] = np.empty((threads, of.scratch), compute)
    numbers = np.empty((threads, of.indices), _INDEX)
    pieces = min(threads * _PIECES, of.units)

    def work(piece: int, worker: int) -> None:
        begin, end = (of.units * p // pieces for p in (piece, piece + 1))
        call(*arguments, scratches[worker], numbers[worker], begin, end)

    run_pieces(work, pieces, threads)
