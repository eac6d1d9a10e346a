"""Our backend on torch's tensors, eagerly and in a CUDA graph, beside the peers that get them.

Where arrays are large, tensors make no difference, as the kernels are the same.
"""

from functools import partial
from typing import Any

from numpy.typing import NDArray

from ...peers import NotOfferedError
from ...plans import Plan
from ..agreement import same_bits
from ..cases import Case
from ..contenders import Contender
from ..peer_contenders import first_line
from .device import Device
from .host_calls import HOST_CALL, asks_for_little, host_call
from .peer_contenders import IN_GRAPH, replay_of, torch_on
from .rotation import rotating

__all__ = ["ON_TENSORS", "ours_on_tensors"]

ON_TENSORS = "on torch tensors"


def ours_on_tensors(
    case: Case, x: NDArray[Any], count: int, device: Device, left_out: dict[str, str]
) -> list[Contender]:
    """A case of few bytes over ``count`` tensors: eagerly, by the host's clock, in a graph."""
    if case.direction != "forward" or not asks_for_little(case):
        return []
    name, found = f"{device.backend} {ON_TENSORS}", []
    try:
        torch = torch_on(device.tensors)
        tensors = _Tensors(torch, case.plans[0], x, count, device)
        found.append(tensors.eager(name))
        found += host_call(case, f"{HOST_CALL} {ON_TENSORS}", tensors.calls, device.wait)
        name += IN_GRAPH
        found.append(tensors.in_graph(torch, name))
    except (NotOfferedError, RuntimeError) as error:  # torch's are of the latter kind
        left_out[name] = first_line(error)
    return found


class _Tensors:
    """Calls over tensors of their own, and the bits that they have to give."""

    def __init__(self, torch: Any, plan: Plan, x: NDArray[Any], count: int, device: Device) -> None:
        at = device.tensors
        sources = [torch.from_numpy(x).to(at, copy=True) for _ in range(count)]
        kind = sources[0].dtype
        self._results = [torch.empty(plan.out_shape, dtype=kind, device=at) for _ in sources]
        self._expected = plan(x)
        self.calls = [
            partial(plan, s, out=r, backend=device.backend)
            for s, r in zip(sources, self._results, strict=True)
        ]

    def eager(self, name: str) -> Contender:
        """One call after the other."""
        for call in self.calls:
            call()
        self._check()
        return Contender(name, "yardstick", 1, rotating(self.calls), _nothing)

    def in_graph(self, torch: Any, name: str) -> Contender:
        """All at once."""
        replay = replay_of(torch, self.calls)
        for result in self._results:
            result.zero_()
        replay()
        self._check()
        return Contender(name, "yardstick", 1, replay, _nothing, calls=len(self.calls))

    def _check(self) -> None:
        if not all(same_bits(r.cpu().numpy(), self._expected) for r in self._results):
            raise NotOfferedError("its bits differ from the CPU's")


def _nothing() -> None:
    """Nothing has to be set."""
