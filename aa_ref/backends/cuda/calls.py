"""Kernels with all their arguments but addresses, packed once and launched often.

Numba's own launch looks at each of some forty arguments anew, which takes several times as long as
the launch itself. The simulator has no other.
"""

from collections.abc import Iterator
from ctypes import addressof, c_uint64, c_void_p
from threading import Lock
from typing import Any

import numpy as np

from .kernels import Kernel, addresses_of, compiled
from .streams import stream_of
from .toolkit import SIMULATOR, function_of_driver, launch

__all__ = ["Call", "cells_of"]


class Call:
    """A kernel over blocks of threads, with its geometry. The device is the current one."""

    def __init__(self, kernel: Kernel, blocks: int, threads: int, geometry: Any) -> None:
        self.kernel, self.blocks, self.threads = kernel, blocks, threads
        self.geometry = geometry
        self._packed: _Packed | None = None

    def __call__(self, stream: int, *addresses: int) -> None:
        """Launch it on a stream, with the addresses of its arrays."""
        if SIMULATOR:
            shape = self.blocks, self.threads, stream_of(stream)
            compiled(self.kernel)[shape](*addresses, self.geometry)
            return
        if self._packed is None:
            self._packed = _Packed(self.kernel, (self.blocks, self.threads), self.geometry)
        self._packed.launch(stream, addresses)


class _Packed:
    """What the driver is passed: an array of pointers to the arguments, each in a cell of 8 bytes.

    The driver knows the arguments' sizes from the machine code and reads so much of each cell,
    which has its value in the first bytes.
    """

    def __init__(self, kernel: Kernel, shape: tuple[int, int], geometry: Any) -> None:
        cells = [0] * addresses_of(kernel) + list(cells_of(geometry))
        self._cells = (c_uint64 * len(cells))(*cells)
        first = addressof(self._cells)
        places = [first + 8 * n for n in range(len(cells))]
        self._pointers = (c_void_p * len(places))(*places)
        self._function = function_of_driver(compiled(kernel))
        self._shape = shape
        self._parameters = addressof(self._pointers)
        self._lock = Lock()

    def launch(self, stream: int, addresses: tuple[int, ...]) -> None:
        """Launch it; see `Call`."""
        # The driver has read all cells when it returns. Until then they are this thread's.
        with self._lock:
            self._cells[: len(addresses)] = addresses  # type: ignore[call-overload]
            launch(self._function, *self._shape, stream, self._parameters)


def cells_of(geometry: Any) -> Iterator[int]:
    """The values of a geometry, in order, as the first bytes of cells."""
    for value in geometry:
        if isinstance(value, tuple):
            yield from cells_of(value)
        elif isinstance(value, np.float32):
            yield int(value.view(np.uint32))
        else:
            yield value
