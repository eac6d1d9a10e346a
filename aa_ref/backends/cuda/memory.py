"""Device memory of this backend's own: for arrays of the host, for taps, and between steps."""

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...device_arrays import DeviceArray, c_strides
from ...dtypes import STORAGE
from .streams import stream_of, wait_for
from .toolkit import SIMULATOR, cuda

__all__ = ["download", "empty", "release", "resident", "upload"]


def empty(shape: tuple[int, ...], dtype: str, stream: int = 0) -> DeviceArray:
    """Memory on the current device for an array of storage, and the stream for work on it."""
    size = STORAGE[dtype].itemsize
    owner = cuda.device_array(max(math.prod(shape), 1) * size, np.uint8)
    strides = c_strides(shape, size)
    return DeviceArray(_address(owner), shape, strides, dtype, True, None, stream, owner, empty)


def upload(x: NDArray[Any], dtype: str, stream: int = 0) -> DeviceArray:
    """A copy of C-contiguous storage on the current device, under way on a stream.

    Keep ``x`` till its end: a device that reads the host's pages itself reads them late.
    """
    copied = empty(x.shape, dtype, stream)
    if x.size:
        copied.owner.copy_to_device(x.reshape(-1).view(np.uint8), stream_of(stream))
    return copied


def download(a: DeviceArray, out: NDArray[Any]) -> None:
    """Wait for a result of `empty`'s and copy it into storage of the host."""
    if out.size:
        copied = a.owner.copy_to_host(stream=stream_of(a.stream))
        wait_for(a.stream)
        samples = copied.view(STORAGE[a.dtype])
        out[...] = samples.reshape(a.shape)


def release() -> None:
    """Free what Numba keeps to free later, which could be while a stream is captured in a graph.

    A free ends such a capture. PyTorch, from 2.9, collects no garbage before one.
    """
    if SIMULATOR:
        return
    pending = getattr(cuda.current_context().memory_manager, "deallocations", None)
    if pending is not None:  # managers of others, which Numba can be told to use, may have none
        pending.clear()


@cache
def resident(constants: bytes, device: int) -> tuple[int, Any]:
    """The address of constants on a device, and what keeps them there.

    They stay as long as the process, since graphs that captured a launch read them at each replay.
    """
    owner = cuda.to_device(np.frombuffer(constants, np.uint8))
    # The copy returns when the constants have left the host's memory, not yet there. Streams that
    # do not wait for the default one (those of PyTorch) could launch kernels in between.
    wait_for(0)
    return _address(owner), owner


def _address(owner: Any) -> int:
    if SIMULATOR:
        return int(owner.ctypes.data)
    return int(owner.__cuda_array_interface__["data"][0])
