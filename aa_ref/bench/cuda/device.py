"""What a bench needs of a GPU: memory, copies, a clock, facts."""

from typing import Any, Protocol

from numpy.typing import NDArray

from ..contenders import require_backends
from ..errors import BenchError

__all__ = ["Device", "open_device"]


class Device(Protocol):
    """A GPU, or what stands in for one. Its arrays are of any kind that our backend takes.

    Attributes
    ----------
    backend : str
        The name of the one that computes there.
    cache_bytes : int
        Its largest cache.
    tensors : str
        What torch calls it.
    """

    backend: str
    cache_bytes: int
    tensors: str

    def facts(self) -> dict[str, Any]:
        """What a reader needs to judge a result: see `numba_device`."""

    def free_bytes(self) -> int:
        """How much memory can be had."""

    def send(self, x: NDArray[Any]) -> Any:
        """A copy of a host's array, there."""

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """A new array, there."""

    def fetch(self, a: Any) -> NDArray[Any]:
        """A copy of an array, here, after all work on it."""

    def copy(self, source: Any, target: Any) -> None:
        """Let all samples be copied from one array to another, without waiting for it."""

    def wait(self) -> None:
        """Wait until all work is done."""

    def clock(self) -> Any:
        """A reading of its clock after all work asked for so far; see `timing.Clock`."""


def open_device() -> Device:
    """The current GPU.

    Raises
    ------
    BenchError
        If there is none, or its packages are missing; it says which. Or if Numba's simulator stands
        in for it.
    """
    require_backends(["cuda"])
    from ...backends.cuda.toolkit import SIMULATOR
    from .numba_device import NumbaDevice

    if SIMULATOR:
        raise BenchError(
            "NUMBA_ENABLE_CUDASIM is 1, but Numba's simulator has no speed to be measured; unset it"
        )
    return NumbaDevice()
