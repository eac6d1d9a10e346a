"""From the table of peers to contenders of a case."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..peers import (
    LIBRARIES,
    SAME,
    Asker,
    Library,
    NotOfferedError,
    Peer,
    Prepared,
    Task,
    function_at,
    named,
    peers_for,
)
from .agreement import Agreement, compare
from .cases import Case
from .contenders import Contender
from .errors import BenchError
from .memory import MOST_AT_FULL_RESOLUTION

__all__ = [
    "TIMED_LIBRARIES",
    "chosen",
    "first_line",
    "imported",
    "peers_of",
    "together",
    "tried",
    "worst_agreement",
]

_PATIENCE = 5.0
"""Seconds that a peer's call may take: there will be as many of them as rounds, and more."""

TIMED_LIBRARIES = [
    library for library in LIBRARIES.values()
    if any(peer.library == library.name for peer in peers_for(Asker.BENCH))
]  # fmt: skip


def chosen(names: Sequence[str] | None, on_cuda: bool = False) -> tuple[Peer, ...]:
    """The peers of these names, or whose library has one; all for None; none for ``"none"``.

    ``on_cuda``: of those that compute on a GPU, else of those that do on the processor.

    Raises
    ------
    BenchError
        If there is no such peer.
    """
    peers = tuple(
        p for p in peers_for(Asker.BENCH)
        if (LIBRARIES[p.library].cuda if on_cuda else LIBRARIES[p.library].cpu)
    )  # fmt: skip
    if names is None:
        return peers
    found, unknown = named(peers, [name for name in names if name.casefold() != "none"])
    for name in unknown:
        where = " on a GPU" if on_cuda else ""
        libraries = ", ".join(dict.fromkeys(p.library for p in peers))
        raise BenchError(
            f"--peer is {name!r}, which is no peer{where}; write a library ({libraries}), none, "
            f"or a name such as {peers[0].name!r}"
        )
    return found


def peers_of(
    case: Case, x: NDArray[Any], wanted: Sequence[Peer], left_out: dict[str, str]
) -> list[Contender]:
    """The peers that can do the case; the others go to ``left_out`` with their reason."""
    found = []
    for peer in wanted:
        if peer.adjoint != (case.direction == "adjoint"):
            continue
        try:
            found += _contenders(peer, case, x)
        except NotOfferedError as reason:
            left_out[peer.name] = str(reason)
    return found


def _contenders(peer: Peer, case: Case, x: NDArray[Any]) -> list[Contender]:
    """One for each number of threads, or one where the library knows none."""
    if peer.full and case.samples > MOST_AT_FULL_RESOLUTION:
        raise NotOfferedError("works at full resolution, too slow for this size")
    library = LIBRARIES[peer.library]
    module = imported(library)
    direction = "adjoint" if case.direction == "adjoint" else "forward"
    tasks = [Task(plan, x, case.layout, direction) for plan in case.plans]
    parts = [tried(peer, module, task) for task in tasks]
    check = None
    if peer.label == SAME:
        check = partial(worst_agreement, tasks, parts)
    return [
        Contender(
            peer.name, peer.label, threads, together([part.call for part in parts]),
            partial(_set_threads, library, threads), library.settle, check,
        )
        for threads in (case.threads if library.threads else (1,))
    ]  # fmt: skip


def imported(library: Library) -> Any:
    """The library's module.

    Raises
    ------
    NotOfferedError
        If it is not installed.
    """
    try:
        return library.imported()
    except NotOfferedError as error:
        raise NotOfferedError(f"{library.name} is {error.reason} ({error})") from None


def tried(peer: Peer, module: Any, task: Task) -> Prepared:
    """Prepare and call once: only then it shows what a library cannot do, or not in good time.

    Raises
    ------
    NotOfferedError
        With what it says.
    """
    try:
        prepared = peer.prepared(module, task)
        began = perf_counter()
        result = prepared.call()
        seconds = perf_counter() - began
        shape = prepared.view(result).shape
    except (NotOfferedError, MemoryError):
        raise
    except Exception as error:  # each library has errors of its own
        raise NotOfferedError(f"{peer.library} says: {first_line(error)}") from None
    expected = task.plan.out_shape if task.direction == "forward" else task.plan.shape
    if shape != expected:
        raise NotOfferedError(f"gives another size: {shape}, not {expected}")
    if seconds > _PATIENCE:
        raise NotOfferedError(f"too slow, one call took {seconds:.0f} s")
    return prepared


def first_line(error: Exception) -> str:
    """What an error says, without the places in files that OpenCV puts before it."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"^OpenCV\(.*?error: ", "", text)[:120].strip()


def worst_agreement(tasks: Sequence[Task], parts: Sequence[Prepared]) -> Agreement:
    """Of all levels, the one that is furthest from its bound."""
    found = [
        compare(t.plan, t.direction, t.x, np.asarray(p.view(p.call())), p.roundings)
        for t, p in zip(tasks, parts, strict=True)
    ]
    return max(found, key=lambda a: a.of_bound)


def together(calls: list[Callable[[], Any]]) -> Callable[[], Any]:
    """A call that makes all of these."""
    if len(calls) == 1:
        return calls[0]
    return lambda: [call() for call in calls]


def _set_threads(library: Library, threads: int) -> None:
    if library.threads:
        function_at(library.threads)(imported(library), threads)
