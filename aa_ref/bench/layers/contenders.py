"""What takes part in a case of torch's layers: the plugin, the core's own call, the original.

Torch's threads go on spinning for some milliseconds after each of their loops, on cores that the
next contender needs; and the plugin's gradients are summed by torch. So every turn of a layer is
followed by the rest that the peers of torch have, which is several times as long.
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from numpy.typing import NDArray

import aa_ref

from ...peers import LIBRARIES, SAME, NotOfferedError, Peer
from ...peers.original import levels as levels_of_original
from ...peers.original import roundings
from ..cases import Case
from ..contenders import Contender, threads_setter
from ..peer_contenders import imported
from .plugin import PLUGIN, layers_of_plugin
from .tensors import Tensors

__all__ = ["CORE", "ORIGINAL", "layers_of"]

CORE = "aa_ref.downsample"
ORIGINAL = "original torch layer"
"""The peer of this name, and in a pyramid its layers."""
_MOST = 24 * 1024 * 1024
"""Samples above which the original is not waited for."""
_TORCH = LIBRARIES["torch"]


def layers_of(
    case: Case,
    x: NDArray[Any],
    backends: Collection[str] | None,
    wanted: Sequence[Peer],
    left_out: dict[str, str],
) -> list[Contender]:
    """All of them, for each number of threads; ours only if its bits are the core's."""
    if backends is not None and "numba" not in backends:
        left_out[PLUGIN] = f"its layers choose their backend themselves, not {', '.join(backends)}"
        return []
    try:
        torch = imported(_TORCH)
        tensors = Tensors(torch, case, x)
        ours = layers_of_plugin(case, tensors.tasks[0].channels)
    except NotOfferedError as reason:
        left_out[PLUGIN] = str(reason)
        return []
    found = []
    if tensors.has_our_bits(ours):
        found += _for_all_threads(torch, case, PLUGIN, "ours", tensors.call_of(ours))
    else:
        left_out[PLUGIN] = "its bits differ from the core's"
    if case.direction == "layer":
        found += _core(case, tensors.x.numpy())
    if any(peer.name == ORIGINAL for peer in wanted):
        if case.samples > _MOST:
            left_out[ORIGINAL] = "works at full resolution, too slow for this size"
        else:
            levels = levels_of_original(torch, tensors.tasks, tensors.x)
            check = partial(tensors.worst_agreement, levels, roundings)
            call = tensors.call_of(levels)
            found += _for_all_threads(torch, case, ORIGINAL, SAME, call, check)
    return found


def _core(case: Case, x: NDArray[Any]) -> list[Contender]:
    """The core's own call on the very memory of the tensor, without torch."""
    call = partial(aa_ref.downsample, x, case.scales[0])
    return [Contender(CORE, "yardstick", n, call, threads_setter(n)) for n in case.threads]


def _for_all_threads(
    torch: Any,
    case: Case,
    name: str,
    kind: str,
    call: Callable[[], Any],
    check: Callable[[], Any] | None = None,
) -> list[Contender]:
    return [
        Contender(name, kind, n, call, partial(_set_threads, torch, n), _TORCH.settle, check)
        for n in case.threads
    ]


def _set_threads(torch: Any, threads: int) -> None:
    """Torch's number, which the plugin keeps to, and ours."""
    torch.set_num_threads(threads)
    threads_setter(threads)()
