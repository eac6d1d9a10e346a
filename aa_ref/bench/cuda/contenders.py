"""What takes part in a case on a GPU: the copy, the backend, a Python call; and what torch has."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from numpy.typing import NDArray

import aa_ref

from ...peers import Peer
from ..agreement import same_bits
from ..cases import Case
from ..contenders import Contender
from .device import Device
from .host_calls import HOST_CALL, asks_for_little, host_call
from .peer_contenders import peers_on_cuda
from .rotation import buffers_for, rotating
from .tensors import ours_on_tensors

__all__ = ["contenders_on", "needed_bytes", "needed_on_host"]

Calls = list[Callable[[], Any]]
_ARRAYS_ON_HOST = 6
"""As large as the larger array of a case."""


def needed_bytes(device: Device, case: Case) -> int:
    """Memory that a case takes on the device: its rotation and copies, and as much for peers."""
    rotation = buffers_for(case, device.cache_bytes) * (2 * case.large_bytes + case.small_bytes)
    return rotation * (3 if case.peers else 1)


def needed_on_host(case: Case) -> int:
    """Memory that a case takes beside the device: samples, and what the processor makes of them."""
    return _ARRAYS_ON_HOST * case.large_bytes


def contenders_on(
    device: Device, case: Case, x: NDArray[Any], peers: Sequence[Peer], left_out: dict[str, str]
) -> list[Contender]:
    """All of them, each over the same number of buffers; ours only if their bits are the CPU's."""
    count = buffers_for(case, device.cache_bytes)
    sources = [device.send(x), *(device.empty(x.shape, case.dtype) for _ in range(count - 1))]
    for source in sources[1:]:
        device.copy(sources[0], source)
    found = []
    shapes = case.result_shapes
    results = [[device.empty(shape, case.dtype) for shape in shapes] for _ in sources]
    calls = _calls(device, case, sources, results)
    for call in calls:
        call()
    if _right(device, case, x, results):
        found.append(Contender(device.backend, "ours", 1, rotating(calls), _nothing))
        found += host_call(case, HOST_CALL, calls, device.wait)
        if case.direction == "pyramid":
            found.append(_first_level(device, case, sources, results))
    else:
        left_out[device.backend] = "its bits differ from the CPU's"
    if asks_for_little(case):
        left_out["copy"] = "so few bytes take less time than asking for their copy"
    else:
        larger = [levels[0] for levels in results] if case.direction == "adjoint" else sources
        found.insert(0, _copy(device, case, larger))
    found += ours_on_tensors(case, x, count, device, left_out)
    if case.peers:
        little = asks_for_little(case)
        found += peers_on_cuda(case, x, peers, device.tensors, count, little, left_out)
    return found


def _calls(device: Device, case: Case, sources: list[Any], results: list[list[Any]]) -> Calls:
    """One for each buffer."""
    name = device.backend
    if case.direction == "pyramid":
        do = partial(aa_ref.pyramid, scales=case.scales, axes=case.axes, backend=name)
        return [partial(do, x, out=levels) for x, levels in zip(sources, results, strict=True)]
    act = case.plans[0].adjoint if case.direction == "adjoint" else case.plans[0]
    return [partial(act, x, out=y, backend=name) for x, (y,) in zip(sources, results, strict=True)]


def _right(device: Device, case: Case, x: NDArray[Any], results: list[list[Any]]) -> bool:
    """Whether all buffers' results have the bits that the CPU gives."""
    expected = [p.adjoint(x) if case.direction == "adjoint" else p(x) for p in case.plans]
    return all(
        same_bits(device.fetch(level), right)
        for levels in results
        for level, right in zip(levels, expected, strict=True)
    )


def _first_level(
    device: Device, case: Case, sources: list[Any], results: list[list[Any]]
) -> Contender:
    """The largest level of a pyramid alone."""
    level = max(range(len(case.plans)), key=lambda i: case.plans[i].out_shape)
    plan, name = case.plans[level], device.backend
    calls = [
        partial(plan, x, out=levels[level], backend=name)
        for x, levels in zip(sources, results, strict=True)
    ]
    return Contender(f"{name}, largest level alone", "yardstick", 1, rotating(calls), _nothing)


def _copy(device: Device, case: Case, arrays: list[Any]) -> Contender:
    """The device's own copy of the larger array: what the floor is made of."""
    targets = [device.empty(case.shape, case.dtype) for _ in arrays]
    calls = [partial(device.copy, a, b) for a, b in zip(arrays, targets, strict=True)]
    return Contender("copy", "copy", 1, rotating(calls), _nothing)


def _nothing() -> None:
    """Nothing has to be set: a turn ends when the device is done."""
