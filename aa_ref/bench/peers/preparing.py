"""From the table of peers to contenders of a case."""

import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..agreement import Agreement, compare
from ..cases import Case
from ..contenders import Contender
from ..errors import BenchError, NotOfferedError
from .table import LIBRARIES, PEERS, SAME, Library, Peer
from .task import Prepared, Task

__all__ = ["chosen", "peers_of"]

_MOST_AT_FULL_RESOLUTION = 3 * 2048 * 2048
"""Samples above which peers that filter at full resolution are not waited for."""


def chosen(names: Sequence[str] | None) -> tuple[Peer, ...]:
    """The peers of these names, or whose library has one; all for None; none for ``"none"``.

    Raises
    ------
    BenchError
        If there is no such peer.
    """
    if names is None:
        return PEERS
    wanted = [name.casefold() for name in names if name.casefold() != "none"]
    known = {k.casefold() for p in PEERS for k in (p.name, p.library)}
    for name in wanted:
        if name not in known:
            raise BenchError(
                f"--peer is {name!r}, which is no peer; write a library ({', '.join(LIBRARIES)}), "
                f"none, or a name such as {PEERS[0].name!r}"
            )
    return tuple(p for p in PEERS if {p.name.casefold(), p.library.casefold()} & set(wanted))


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
    if peer.full and case.samples > _MOST_AT_FULL_RESOLUTION:
        raise NotOfferedError("works at full resolution, too slow for this size")
    library = LIBRARIES[peer.library]
    module = _imported(library)
    direction = "adjoint" if case.direction == "adjoint" else "forward"
    tasks = [Task(plan, x, case.layout, direction) for plan in case.plans]
    parts = [_tried(peer, module, task) for task in tasks]
    check = None
    if peer.label == SAME:
        check = partial(_worst_agreement, tasks, parts)
    return [
        Contender(
            peer.name, peer.label, threads, _together([part.call for part in parts]),
            partial(_set_threads, library, threads), library.settle, check,
        )
        for threads in (case.threads if library.threads else (1,))
    ]  # fmt: skip


def _imported(library: Library) -> Any:
    try:
        return import_module(library.module)
    except ImportError as error:
        raise NotOfferedError(f"{library.name} is not installed ({error})") from None


def _tried(peer: Peer, module: Any, task: Task) -> Prepared:
    """Prepare and call once: libraries say only then what they cannot do."""
    try:
        prepared: Prepared = _function(peer.function)(module, task)
        shape = prepared.view(prepared.call()).shape
    except (NotOfferedError, MemoryError):
        raise
    except Exception as error:  # each library has errors of its own
        raise NotOfferedError(f"{peer.library} says: {_first_line(error)}") from None
    expected = task.plan.out_shape if task.direction == "forward" else task.plan.shape
    if shape != expected:
        raise NotOfferedError(f"gives another size: {shape}, not {expected}")
    return prepared


def _first_line(error: Exception) -> str:
    """What an error says, without the places in files that OpenCV puts before it."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"^OpenCV\(.*?error: ", "", text)[:120].strip()


def _worst_agreement(tasks: Sequence[Task], parts: Sequence[Prepared]) -> Agreement:
    """Of all levels, the one that is furthest from its bound."""
    found = [
        compare(t.plan, t.direction, t.x, np.asarray(p.view(p.call())), p.roundings)
        for t, p in zip(tasks, parts, strict=True)
    ]
    return max(found, key=lambda a: a.of_bound)


def _together(calls: list[Callable[[], Any]]) -> Callable[[], Any]:
    if len(calls) == 1:
        return calls[0]
    return lambda: [call() for call in calls]


def _set_threads(library: Library, threads: int) -> None:
    if library.threads:
        _function(library.threads)(_imported(library), threads)


@cache
def _function(where: str) -> Callable[..., Any]:
    """A function of this room, written ``module:name``."""
    module, _, name = where.partition(":")
    function: Callable[..., Any] = getattr(import_module(f".{module}", __package__), name)
    return function
