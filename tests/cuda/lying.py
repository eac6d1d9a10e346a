"""Arrays of the host as a GPU sees its own where they lie: with gaps, backwards, repeated.

The backend copies arrays of the host there and back without their gaps. Here it gets their strides
too, and addresses that are as far beyond a multiple of 16 bytes.
"""

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from aa_ref.backends.cuda.launch import CudaBackend
from aa_ref.backends.cuda.memory import download, empty, upload
from aa_ref.device_arrays import DeviceArray
from aa_ref.plans import Plan

__all__ = ["WhereTheyLie"]


class WhereTheyLie(CudaBackend):
    """The backend, with arrays of the host mirrored on the device, gaps and all."""

    def _on_device(
        self, work: Any, plans: Sequence[Plan], source: Any, outs: Sequence[Any]
    ) -> None:
        if not all(_can_be_loaded(a) for a in (source, *outs)):
            super()._on_device(work, plans, source, outs)
            return
        there = [_Mirrored.of(out, plans[0].dtype) for out in outs]
        x = _Mirrored.of(source, plans[0].input_dtype).array
        super()._on_device(work, plans, x, [mirrored.array for mirrored in there])
        for mirrored, out in zip(there, outs, strict=True):
            mirrored.bring_back(out)


def _can_be_loaded(a: NDArray[Any]) -> bool:
    places = (a.ctypes.data, *(s for s, n in zip(a.strides, a.shape, strict=True) if n > 1))
    return a.size > 0 and not any(place % a.itemsize for place in places)


def _bytes_of(a: NDArray[Any]) -> NDArray[np.uint8]:
    """The memory from an array's first byte to its last."""
    low, high = map(int, byte_bounds(a))
    return np.frombuffer((ctypes.c_uint8 * (high - low)).from_address(low), np.uint8)


class _Mirrored(NamedTuple):
    """A copy of all that memory on the device, ``skipped`` bytes into it; the array among it."""

    room: DeviceArray
    skipped: int
    array: DeviceArray

    @classmethod
    def of(cls, a: NDArray[Any], dtype: str) -> "_Mirrored":
        low = int(byte_bounds(a)[0])
        skipped = low % 16
        room = upload(np.concatenate([np.zeros(skipped, np.uint8), _bytes_of(a)]), "uint8")
        address = room.address + skipped + a.ctypes.data - low
        array = DeviceArray(address, a.shape, a.strides, dtype, True, None, 0, room, empty)
        return cls(room, skipped, array)

    def bring_back(self, out: NDArray[Any]) -> None:
        """Copy the array into ``out``; see that nothing but it was written."""
        back = np.empty(self.room.shape, np.uint8)
        download(self.room, back)
        first = self.array.address - self.room.address
        out[...] = np.ndarray(out.shape, out.dtype, back, first, out.strides)
        np.testing.assert_array_equal(back[self.skipped :], _bytes_of(out))
