"""What the host does: a Python call that asks the device for work and does not wait for it."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from ..cases import Case
from ..contenders import Contender
from .rotation import rotating

__all__ = ["HOST_CALL", "LITTLE", "asks_for_little", "host_call"]

HOST_CALL = "Python call"
LITTLE = 64 << 20
"""Bytes that a device copies in less time than it takes to ask for it from Python."""
_MOST = 3 * 64 * 64
"""Samples above which the device may take longer than the call, which would wait in the end."""


def host_call(
    case: Case, name: str, calls: Sequence[Callable[[], Any]], wait: Callable[[], None]
) -> list[Contender]:
    """Many such calls by the host's clock, begun when the device is idle; for tiny arrays alone."""
    if case.direction != "forward" or case.samples > _MOST:
        return []
    return [Contender(name, "yardstick", 1, rotating(calls), wait, clock=perf_counter)]


def asks_for_little(case: Case) -> bool:
    """Whether asking from Python may take longer than the work, so that a graph has to ask."""
    return case.large_bytes < LITTLE
