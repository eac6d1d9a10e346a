"""The current GPU, through Numba. All its work goes to the default stream, which events time."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...backends import get_backend
from ...backends.cuda.toolkit import cuda
from ...dtypes import STORAGE
from .events import EventClock

__all__ = ["NumbaDevice", "driver_version"]

_DRIVER = Path("/proc/driver/nvidia/version")


class NumbaDevice:
    """See `Device`."""

    backend, tensors = "cuda", "cuda"

    def __init__(self) -> None:
        self._device = cuda.get_current_device()
        self.cache_bytes = int(self._device.L2_CACHE_SIZE)
        self.clock = EventClock(cuda.event)

    def facts(self) -> dict[str, Any]:
        """The device by name, what its speed is made of, and who drives it.

        ``driver_cuda`` is the newest CUDA that the driver knows, ``toolkit`` the one that compiles.
        ``driver`` is its own version, None where the system does not tell.
        """
        device, versions = self._device, (cuda.cudadrv.driver.driver, cuda.runtime)
        driver_cuda, toolkit = (".".join(map(str, v.get_version())) for v in versions)
        return {
            "name": get_backend(self.backend).details()["device"],
            "multiprocessors": int(device.MULTIPROCESSOR_COUNT),
            "clock_hz": 1000 * int(device.CLOCK_RATE),
            "cache_bytes": self.cache_bytes,
            "memory_bytes": int(cuda.current_context().get_memory_info().total),
            "driver": driver_version(_DRIVER),
            "driver_cuda": driver_cuda,
            "toolkit": toolkit,
        }

    def free_bytes(self) -> int:
        """See `Device.free_bytes`."""
        return int(cuda.current_context().get_memory_info().free)

    def send(self, x: NDArray[Any]) -> Any:
        """See `Device.send`."""
        return cuda.to_device(np.ascontiguousarray(x))

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """See `Device.empty`."""
        return cuda.device_array(shape, STORAGE[dtype])

    def fetch(self, a: Any) -> NDArray[Any]:
        """See `Device.fetch`."""
        host: NDArray[Any] = a.copy_to_host()
        return host

    def copy(self, source: Any, target: Any) -> None:
        """See `Device.copy`."""
        target.copy_to_device(source)

    def wait(self) -> None:
        """See `Device.wait`."""
        cuda.synchronize()


def driver_version(file: Path) -> str | None:
    """The driver's own version, as Linux tells it; None where it does not."""
    with suppress(OSError):
        found = re.search(r"NVRM version:.*?\s(\d+\.\d[\d.]*)\s", file.read_text())
        return found and found[1]
    return None
