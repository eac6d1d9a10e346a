"""Memory: what a case takes, and what can be had without swapping."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .cases import LAYERS, Case

__all__ = ["MOST_AT_FULL_RESOLUTION", "available_memory", "memory_of_machine", "needed_memory"]

MOST_AT_FULL_RESOLUTION = 3 * 2048 * 2048
"""Samples above which peers that filter at full resolution are not waited for."""

_OURS, _PEERS, _FULL_PEERS = 32, 64, 28
"""Bytes for each sample at full resolution: the most that was seen, and some more.

Our backends and the copy took 23; beside peers 47, most of it torch's convolutions; and 76 where
peers that work at full resolution were among them. The limit writes 8 more at most. What matters is
samples, whatever their type: most compute in float32.
"""
_INFO = Path("/proc/meminfo")
_GROUPS = Path("/sys/fs/cgroup")
_OF_PROCESS = Path("/proc/self/cgroup")


def needed_memory(case: Case) -> int:
    """Bytes that a case takes on the processor."""
    if case.direction in LAYERS:
        return (_PEERS + _FULL_PEERS if case.peers else _OURS) * case.samples
    if not case.peers:
        return _OURS * case.samples
    return _PEERS * case.samples + _FULL_PEERS * min(case.samples, MOST_AT_FULL_RESOLUTION)


def available_memory(
    info: Path = _INFO, groups: Path = _GROUPS, of_process: Path = _OF_PROCESS
) -> int | None:
    """Bytes that can be had without swapping, or None where the system does not tell.

    That is what the machine has left, or a container that is held to less (Linux's control groups).
    Where the system does not tell what is left, it is what the machine has.
    """
    left = _left_to_machine(info)
    known = [left, *_left_to_groups(groups, of_process)]
    return min((n for n in known if n is not None), default=None)


def memory_of_machine() -> int | None:
    """Bytes that the machine has, or None where the system does not tell."""
    return _pages("SC_PHYS_PAGES")


def _left_to_machine(info: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return _pages("SC_AVPHYS_PAGES") or memory_of_machine()


def _left_to_groups(groups: Path, of_process: Path) -> Iterator[int]:
    """What each group that the process belongs to has left, under either version's names."""
    yield from _left(groups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
    with suppress(OSError):
        for line in of_process.read_text().splitlines():
            number, _, path = line.partition("::/")
            if number == "0":
                own = groups / path
                for folder in (own, *own.parents):
                    if folder.is_relative_to(groups):
                        yield from _left(folder, "memory.max", "memory.current", "")


def _left(folder: Path, limit: str, used: str, prefix: str) -> Iterator[int]:
    """Nothing where there is no limit; old files that are cached could be let go."""
    with suppress(OSError, ValueError, KeyError):  # version 2 has the word max for no limit
        most, now = (int((folder / name).read_text()) for name in (limit, used))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        yield max(0, most - now + int(stat[f"{prefix}inactive_file"]))


def _pages(name: str) -> int | None:
    try:
        pages = os.sysconf(name)
        return pages * os.sysconf("SC_PAGE_SIZE") if pages > 0 else None
    except (ValueError, OSError, AttributeError):
        return None
