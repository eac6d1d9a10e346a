"""Peers on a GPU: torch's operations on tensors there, eagerly and in a CUDA graph; CuPy's."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from numpy.typing import NDArray

from ...peers import LIBRARIES, SAME, NotOfferedError, Peer, Prepared, Task
from ..cases import Case
from ..contenders import Contender
from ..peer_contenders import first_line, imported, together, tried, worst_agreement
from .rotation import rotating

__all__ = ["IN_GRAPH", "peers_on_cuda", "replay_of", "torch_on"]

IN_GRAPH = ", in a graph"
_PICTURE = 3


def torch_on(place: str) -> Any:
    """Torch, if it has that device; convolutions are to round as binary32 does, and be fast.

    Raises
    ------
    NotOfferedError
        If it is not installed, or was built without CUDA.
    """
    torch = imported(LIBRARIES["torch"])
    if place == "cuda" and not torch.cuda.is_available():
        raise NotOfferedError(f"torch {torch.__version__} finds no GPU that it can use")
    torch.backends.cudnn.allow_tf32 = False  # it has 11 bits, with which nothing is the same
    torch.backends.cudnn.benchmark = True
    return torch


def replay_of(torch: Any, calls: Sequence[Callable[[], Any]]) -> Callable[[], Any]:
    """A call that makes all these calls as one CUDA graph, after each has been made once.

    It gives what the last of them gave when it was captured: memory that each replay writes.
    """
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = [call() for call in calls]

    def replay() -> Any:
        graph.replay()
        return results[-1]

    return replay


def peers_on_cuda(
    case: Case,
    x: NDArray[Any],
    wanted: Sequence[Peer],
    place: str,
    count: int,
    in_graph: bool,
    left_out: dict[str, str],
) -> list[Contender]:
    """The peers that can do the case, each taking turns over ``count`` inputs of its own.

    ``place`` is the device in torch's words. ``in_graph``: those that claim the same result also in
    a CUDA graph of a call for each input.
    """
    found = []
    for peer in wanted:
        if peer.adjoint != (case.direction == "adjoint") or not LIBRARIES[peer.library].cuda:
            continue
        try:
            torch = None if peer.library == "CuPy" else torch_on(place)
            rotation = _Rotation(peer, [_tasks(case, x, place) for _ in range(count)])
        except NotOfferedError as reason:
            left_out[peer.name] = str(reason)
            continue
        found.append(rotation.eager())
        if torch and in_graph and peer.label == SAME and case.direction == "forward":
            try:
                found.append(rotation.in_graph(torch))
            except RuntimeError as error:
                left_out[peer.name + IN_GRAPH] = first_line(error)
    return found


def _tasks(case: Case, x: NDArray[Any], place: str) -> list[Task]:
    """One for each level, in pictures of three planes where the planes can be dealt out so."""
    direction = "adjoint" if case.direction == "adjoint" else "forward"
    planes = case.size[0]
    batch = planes // _PICTURE if case.layout == "CHW" and planes % _PICTURE == 0 else 1
    return [Task(plan, x, case.layout, direction, place, batch) for plan in case.plans]


class _Rotation:
    """A peer's calls, one for each input."""

    def __init__(self, peer: Peer, inputs: Sequence[Sequence[Task]]) -> None:
        module = imported(LIBRARIES[peer.library])
        self._peer, self._last = peer, inputs[-1]
        parts = [[tried(peer, module, task) for task in tasks] for tasks in inputs]
        self._parts = parts[-1]
        self._calls = [together([part.call for part in levels]) for levels in parts]

    def eager(self) -> Contender:
        """One call after the other."""
        return self._contender("", rotating(self._calls), self._parts)

    def in_graph(self, torch: Any) -> Contender:
        """All at once. The check sees what the replay wrote last."""
        replay = replay_of(torch, self._calls)
        part = self._parts[0]._replace(call=replay)
        return self._contender(IN_GRAPH, replay, [part], len(self._calls))

    def _contender(
        self, suffix: str, call: Callable[[], Any], parts: Sequence[Prepared], calls: int = 1
    ) -> Contender:
        peer = self._peer
        check = partial(worst_agreement, self._last, parts) if peer.label == SAME else None
        return Contender(
            peer.name + suffix, peer.label, 1, call, _nothing, check=check, calls=calls
        )


def _nothing() -> None:
    """Nothing has to be set: there are no threads."""
