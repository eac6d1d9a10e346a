"""Runs calls like an earlier one, without checking their arrays again.

To check two tensors takes Python longer than a GPU takes for a small picture, and to check two
arrays as long as a CPU takes for a smaller one. Only addresses, the stream and the current device
are looked at anew; all else has to be as it was.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .backends import Backend, is_loaded
from .device_arrays import DeviceArray, current_stream, reach_of, tensor_key
from .dtypes import STORAGE
from .pages import LARGE
from .plans import Direction, Plan

__all__ = ["keep", "keep_on_host", "run", "run_on_host"]

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


class _OnHost(NamedTuple):
    """A call on NumPy's arrays: who made it, and what the two arrays have to be."""

    backend: Backend
    launch: Callable[[NDArray[Any], NDArray[Any]], None]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    out_shape: tuple[int, ...]
    out_dtype: np.dtype[Any]


_on_host: dict[Any, _OnHost] = {}


def run_on_host(p: Plan, direction: Direction, x: NDArray[Any], out: Any) -> NDArray[Any] | None:
    """Carry a plan out on NumPy's arrays like some before; None if it has to be done step by step.

    ``out`` is an array, or None for a new one.
    """
    found = _on_host.get((p, direction, x.strides, None if out is None else out.strides))
    if (
        found is None
        or not is_loaded(found.backend)
        or sys.is_finalizing()
        or x.shape != found.shape
        or x.dtype != found.dtype
        or not x.flags.aligned
    ):
        return None
    result: NDArray[Any]
    if out is None:
        result = np.empty(found.out_shape, found.out_dtype)
    elif out.shape != found.out_shape or out.dtype != found.out_dtype:
        return None
    else:
        flags = out.flags
        if not (flags.aligned and flags.writeable) or np.may_share_memory(x, out):
            return None
        result = out
    found.launch(x, result)
    return result


def keep_on_host(
    p: Plan,
    direction: Direction,
    x: NDArray[Any],
    out: Any,
    result: NDArray[Any],
    backend: Backend,
    launch: Callable[[NDArray[Any], NDArray[Any]], None],
) -> None:
    """Remember a call that was checked and carried out, if nothing is left to be told of it.

    ``out`` is what the caller gave, ``result`` what was written.
    """
    is_new = out is None
    if (
        p.keeps_all
        or p.misses_scale
        or x.size == 0
        or (is_new and (not x.flags.c_contiguous or result.nbytes >= LARGE))
    ):
        return
    if len(_on_host) >= _MOST:
        _on_host.clear()
    key = p, direction, x.strides, None if is_new else out.strides
    _on_host[key] = _OnHost(backend, launch, x.shape, x.dtype, result.shape, result.dtype)
