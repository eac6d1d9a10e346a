"""What takes part in a case besides peers: the copy, the backends, and parts timed alone."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aa_ref

from ..backends import list_backends
from ..dtypes import STORAGE
from ..plans import Plan
from .cases import Case
from .floor import copier
from .inputs import samples
from .timing import Clock

__all__ = ["Contender", "backends_of", "copies_of", "first_levels_of", "threads_setter"]

_LIMITS = {"reference": 3 * 128 * 128, "numpy": 3 * 4096 * 4096}
"""Samples above which a backend is too slow to be waited for."""


@dataclass(frozen=True)
class Contender:
    """One entrant of a case, by name.

    Attributes
    ----------
    name : str
    kind : str
        ``"ours"``, ``"copy"``, ``"yardstick"``, ``"same result"`` or ``"other filter"``.
    threads : int
        What it was allowed; 1 for what knows no threads.
    call : callable
        Does it once, into memory that it has had before where it can.
    before : callable
        What has to be set before its turns, untimed.
    settle : float
        Seconds for its threads to fall asleep after a turn.
    check : callable or None
        Compares its result with ours, for those that claim to give the same.
    clock : callable or None
        Its own clock, where that of the run does not tell what it is about.
    calls : int
        How many times ``call`` does it, if not once.
    """

    name: str
    kind: str
    threads: int
    call: Callable[[], Any]
    before: Callable[[], None]
    settle: float = 0.0
    check: Callable[[], Any] | None = None
    clock: Clock | None = None
    calls: int = 1


def copies_of(case: Case, x: NDArray[Any]) -> list[Contender]:
    """The copy of the larger array, for each number of threads: what the floor is made of."""
    source = samples(case.shape, case.dtype) if case.direction == "adjoint" else x
    return [
        Contender("copy", "copy", n, copier(source, n), threads_setter(n)) for n in case.threads
    ]


def backends_of(
    case: Case, x: NDArray[Any], wanted: Collection[str] | None, left_out: dict[str, str]
) -> list[Contender]:
    """Our backends, those with threads once for each number; the reference where it is tiny.

    All that compute on the processor: GPUs have runs of their own.
    """
    found = []
    for entry in list_backends():
        limit = _LIMITS.get(entry.name)
        if entry.name == "cuda" or (wanted is not None and entry.name not in wanted):
            continue
        if not entry.available:
            left_out[entry.name] = entry.reason
        elif limit is not None and case.samples > limit:
            left_out[entry.name] = "too slow for this size"
        else:
            counts = case.threads if entry.name == "numba" else (1,)
            found += [_backend(case, x, entry.name, n) for n in counts]
    return found


def first_levels_of(case: Case, x: NDArray[Any], backends: list[Contender]) -> list[Contender]:
    """The largest level of a pyramid alone, by the same backends."""
    plan = max(case.plans, key=lambda p: p.out_shape)
    return [
        Contender(
            f"{b.name}, largest level alone", "yardstick", b.threads,
            _call(plan, "forward", x, b.name), b.before,
        )
        for b in backends
    ]  # fmt: skip


def threads_setter(threads: int) -> Callable[[], None]:
    """A call that lets our backends use that many threads."""
    return lambda: aa_ref.set_num_threads(threads)


def _backend(case: Case, x: NDArray[Any], name: str, threads: int) -> Contender:
    if case.direction == "pyramid":
        outs = [np.empty(p.out_shape, STORAGE[p.dtype]) for p in case.plans]

        def call() -> Any:
            return aa_ref.pyramid(x, case.scales, axes=case.axes, out=outs, backend=name)
    else:
        call = _call(case.plans[0], case.direction, x, name)
    return Contender(name, "ours", threads, call, threads_setter(threads))


def _call(plan: Plan, direction: str, x: NDArray[Any], backend: str) -> Callable[[], Any]:
    forward = direction == "forward"
    out = np.empty(plan.out_shape if forward else plan.shape, STORAGE[plan.dtype])
    act = plan if forward else plan.adjoint
    return lambda: act(x, out=out, backend=backend)
