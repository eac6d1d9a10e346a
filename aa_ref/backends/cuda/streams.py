"""Numba's streams, for the handles of others."""

from typing import Any

from .toolkit import cuda

__all__ = ["stream_of", "wait_for"]


def stream_of(handle: int) -> Any:
    """What Numba takes as the stream of that handle."""
    return cuda.external_stream(handle) if handle else 0


def wait_for(handle: int) -> None:
    """Return when a stream has done all that was asked of it."""
    (cuda.external_stream(handle) if handle else cuda.default_stream()).synchronize()
