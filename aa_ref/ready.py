"""Runs calls on PyTorch's tensors like those of an earlier call, without checking them again.

To check two tensors takes Python longer than a GPU takes for a small picture. Only their addresses,
the stream and the current device are looked at anew; all else has to be as it was.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .backends import Backend, is_loaded
from .device_arrays import DeviceArray, current_stream, reach_of, tensor_key
from .dtypes import STORAGE
from .plans import Direction, Plan

__all__ = ["keep", "run"]

_MOST = 512


class _Ready(NamedTuple):
    """A launch, how far its arrays reach from their addresses, and their items' sizes, in bytes."""

    backend: Backend
    launch: Callable[[int, int, int], bool]
    x_begin: int
    x_end: int
    x_size: int
    out_begin: int
    out_end: int
    out_size: int


_calls: dict[Any, _Ready] = {}


def run(p: Plan, direction: Direction, x: Any, x_key: Any, out: Any, stream: int | None) -> bool:
    """Carry a plan out on tensors like some before; False if it has to be done step by step.

    ``x_key`` is `tensor_key`'s of ``x``.
    """
    if x_key is None:
        return False
    found = _calls.get((p, direction, x_key, tensor_key(out)))
    if found is None or not is_loaded(found.backend):
        return False
    try:
        source, result = x.data_ptr(), out.data_ptr()
    except RuntimeError:  # as of tensors that are being traced
        return False
    if source % found.x_size or result % found.out_size:
        return False
    if source + found.x_end > result + found.out_begin and (
        result + found.out_end > source + found.x_begin
    ):
        return False
    return found.launch(current_stream(x) if stream is None else stream, source, result)


def keep(
    p: Plan,
    direction: Direction,
    x: Any,
    out: Any,
    backend: Backend,
    launch: Callable[[int, int, int], bool] | None,
    source: DeviceArray,
    result: DeviceArray,
) -> None:
    """Remember a call that was checked and carried out, if nothing is left to be told of it."""
    x_key, out_key = tensor_key(x), tensor_key(out)
    if launch is None or x_key is None or out_key is None or p.keeps_all or p.misses_scale:
        return
    if len(_calls) >= _MOST:
        _calls.clear()
    _calls[p, direction, x_key, out_key] = _Ready(
        backend,
        launch,
        *reach_of(source),
        STORAGE[source.dtype].itemsize,
        *reach_of(result),
        STORAGE[result.dtype].itemsize,
    )
