"""The machine a result comes from: processor, caches, memory, versions. No names of users or hosts.

What cannot be read is None, and tables say so.
"""

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import __version__
from .memory import memory_of_machine

__all__ = [
    "caches",
    "cpu_name",
    "describe_machine",
    "usable_cores",
    "version_of",
    "versions_of",
]

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def describe_machine() -> dict[str, Any]:
    """Facts that a reader needs to judge a result."""
    return {
        "cpu": cpu_name(),
        "compiled_for": os.environ.get("NUMBA_CPU_NAME"),  # if not for this one
        "cores": usable_cores(),
        "caches": caches(_CACHES),
        "memory_bytes": memory_of_machine(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": _load(),
        "gpu": None,
    }


def versions_of(distributions: Iterable[str]) -> dict[str, str | None]:
    """The installed version of each; None where it is not installed."""
    return {
        "aa_ref": __version__,
        "Python": platform.python_version(),
        **{d: version_of(d) for d in ("numpy", "numba", "llvmlite", *distributions)},
    }


def version_of(distribution: str) -> str | None:
    """The installed version, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def cpu_name(info: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name; Python knows only its family on Linux."""
    with suppress(OSError):
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def caches(folder: Path) -> dict[str, str] | None:
    """The first processor's caches, such as ``{"L1 Data": "48K"}``, as Linux tells them."""
    found = {}
    with suppress(OSError):
        for index in sorted(folder.glob("index*")):
            level, kind, size = (
                (index / name).read_text().strip() for name in ("level", "type", "size")
            )
            found[f"L{level} {kind}"] = size
    return found or None


def _load() -> float | None:
    """How busy the machine was before: above 0.1 or so, figures suffer."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None
