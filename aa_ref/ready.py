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
from .device_arrays import DeviceArray, is_plain_tensor, reach_of, stream_teller, tensor_key
from .dtypes import STORAGE
from .pages import LARGE
from .plans import Direction, Plan

__all__ = ["keep", "keep_on_host", "run", "run_on_host"]

_MOST = 512


class _Ready(NamedTuple):
    """A launch, how far its arrays reach from their addresses, and their items' sizes, in bytes.

    ``current_stream`` tells the handle of the one that is current on their device.
    """

    backend: Backend
    launch: Callable[[int, int, int], bool]
    current_stream: Callable[[], int]
    x_begin: int
    x_end: int
    x_size: int
    out_begin: int
    out_end: int
    out_size: int


_calls: dict[Any, _Ready] = {}
_kinds: set[type] = set()
"""The types of their tensors."""


def run(asked: Any, direction: Direction, x: Any, out: Any, stream: int | None) -> bool:
    """Carry out what is asked on tensors like some before; False to have it done step by step.

    ``asked`` is a plan, or `key_of_options` of one for tensors like ``x``.
    """
    if type(x) not in _kinds or type(out) not in _kinds:
        return False
    try:
        found = _calls.get((asked, direction, tensor_key(x), tensor_key(out)))
        if found is None:
            return False
        source, result = x.data_ptr(), out.data_ptr()
    except RuntimeError:  # as of tensors without strides, or that are being traced
        return False
    backend, launch, current_stream, x_begin, x_end, x_size, out_begin, out_end, out_size = found
    if (
        source % x_size
        or result % out_size
        or (source + x_end > result + out_begin and result + out_end > source + x_begin)
        or not is_loaded(backend)
    ):
        return False
    return launch(current_stream() if stream is None else stream, source, result)


def keep(
    asked: Any,
    p: Plan,
    direction: Direction,
    x: Any,
    out: Any,
    backend: Backend,
    launch: Callable[[int, int, int], bool] | None,
    source: DeviceArray,
    result: DeviceArray,
) -> None:
    """Remember a call that was checked and carried out, if nothing is left to be told of it.

    It was of the plan ``p``, asked for as by `run`.
    """
    if launch is None or p.keeps_all or p.misses_scale:
        return
    if not (is_plain_tensor(x) and is_plain_tensor(out)):
        return
    if len(_calls) >= _MOST:
        _calls.clear()
        _kinds.clear()
    _kinds.update((type(x), type(out)))
    _calls[asked, direction, tensor_key(x), tensor_key(out)] = _Ready(
        backend,
        launch,
        stream_teller(x),
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
