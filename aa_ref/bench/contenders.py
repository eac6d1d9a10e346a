"""What takes part in a case besides peers: the copy, the backends, and parts timed alone."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aa_ref

from ..backends import list_backends
from ..dtypes import STORAGE
from .cases import Case
from .errors import BenchError
from .floor import copier
from .inputs import samples
from .limit import limiter
from .timing import Clock

__all__ = [
    "Contender",
    "backends_of",
    "copies_of",
    "first_levels_of",
    "limits_of",
    "require_backends",
    "threads_setter",
]

_LIMITS = {"reference": 3 * 128 * 128, "numpy": 3 * 4096 * 4096}
"""Samples above which a backend is too slow to be waited for."""


@dataclass(frozen=True)
class Contender:
    """One entrant of a case, by name.

    Attributes
    ----------
    name : str
    kind : str
        ``"ours"``, ``"copy"``, ``"limit"``, ``"yardstick"``, ``"same result"`` or
        ``"other filter"``.
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
    target = np.empty_like(source)
    return [
        Contender("copy", "copy", n, copier(source, target, n), threads_setter(n))
        for n in case.threads
    ]


def limits_of(case: Case, x: NDArray[Any], left_out: dict[str, str]) -> list[Contender]:
    """One pass that reads what is read and writes as much as is written, for each thread count."""
    (numba,) = (entry for entry in list_backends() if entry.name == "numba")
    if not numba.available:
        left_out["limit"] = numba.reason
        return []
    written = case.large_bytes if case.direction == "adjoint" else case.small_bytes
    return [
        Contender("limit", "limit", n, limiter(x, written, n), threads_setter(n))
        for n in case.threads
    ]


def require_backends(names: Collection[str]) -> None:
    """See, before anything is measured, whether these run here.

    Raises
    ------
    BenchError
        If one does not; it says what is missing.
    """
    for entry in list_backends():
        if entry.name in names and not entry.available:
            reason = entry.reason.rstrip(".")
            raise BenchError(
                f"--backend is {entry.name!r}, which cannot run here: {reason}; to measure "
                "what runs on the processor, leave --backend out"
            )


def backends_of(
    case: Case, x: NDArray[Any], wanted: Collection[str] | None, left_out: dict[str, str]
) -> list[Contender]:
    """Our backends, those with threads once for each number; the reference where it is tiny.

    All that compute on the processor: GPUs have runs of their own. All write into the same memory.
    """
    found = []
    outs = [np.empty(shape, STORAGE[case.dtype]) for shape in case.result_shapes]
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
            found += [_backend(case, x, outs, entry.name, n) for n in counts]
    return found


def first_levels_of(case: Case, x: NDArray[Any], backends: list[Contender]) -> list[Contender]:
    """The largest level of a pyramid alone, by the same backends."""
    plan = max(case.plans, key=lambda p: p.out_shape)
    out = np.empty(plan.out_shape, STORAGE[plan.dtype])
    return [
        Contender(
            f"{b.name}, largest level alone", "yardstick", b.threads,
            _call(plan, x, out, b.name), b.before,
        )
        for b in backends
    ]  # fmt: skip


def threads_setter(threads: int) -> Callable[[], None]:
    """A call that lets our backends use that many threads."""
    return lambda: aa_ref.set_num_threads(threads)


def _backend(
    case: Case, x: NDArray[Any], outs: list[NDArray[Any]], name: str, threads: int
) -> Contender:
    if case.direction == "pyramid":

        def call() -> Any:
            return aa_ref.pyramid(x, case.scales, axes=case.axes, out=outs, backend=name)
    else:
        plan = case.plans[0]
        act = plan.adjoint if case.direction == "adjoint" else plan
        # As most callers do: what is asked for by name is checked anew at each call.
        call = _call(act, x, outs[0], None if name == "numba" else name)
    return Contender(name, "ours", threads, call, threads_setter(threads))


def _call(
    act: Callable[..., Any], x: NDArray[Any], out: NDArray[Any], backend: str | None
) -> Callable[[], Any]:
    return lambda: act(x, out=out, backend=backend)
