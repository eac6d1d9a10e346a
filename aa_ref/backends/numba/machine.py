"""What the processor says of itself."""

from functools import cache
from pathlib import Path

__all__ = ["second_level_cache"]

_USUAL = 1 << 20


@cache
def second_level_cache() -> int:
    """Bytes of a core's second-level cache; the usual number where the system does not tell."""
    folder = Path("/sys/devices/system/cpu/cpu0/cache/index2")
    try:
        if (folder / "level").read_text("ascii").strip() != "2":
            return _USUAL
        size = (folder / "size").read_text("ascii").strip()
        return int(size.removesuffix("K")) << 10
    except (OSError, ValueError):
        return _USUAL
