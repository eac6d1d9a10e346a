"""The one place that imports `numba.cuda`, and what is said where that cannot run.

With ``NUMBA_ENABLE_CUDASIM=1`` kernels run in Numba's simulator: as Python, a thread of the host
for each of the device's, in the host's memory. There every address is one of the host's.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .packages import INSTALL

if find_spec("numba_cuda") is None:  # numba.cuda is then an older one, deprecated
    raise ImportError(f"the package numba-cuda is not installed; {INSTALL}")

with warnings.catch_warnings():
    # What NumPy deprecates is for numba-cuda to mend. Where warnings are errors, it would not load.
    warnings.simplefilter("ignore", DeprecationWarning)
    from numba import config, cuda, types

__all__ = [
    "SIMULATOR",
    "check_device",
    "compilers",
    "compute_capability",
    "cuda",
    "device_function",
    "device_number",
    "function_of_driver",
    "kept_on_disk",
    "launch",
    "multiprocessors",
    "types",
]

SIMULATOR = bool(config.ENABLE_CUDASIM)
if not SIMULATOR:
    from cuda import pathfinder  # which numba-cuda itself is built on, as it is on these
    from cuda.bindings import driver, nvrtc


def _import_array_functions() -> None:
    """Import a module that numba-cuda, up to 0.30 at least, cannot import with NumPy 2.5 and later.

    It wants ``np.row_stack``, without which nothing is compiled. It is lent the alias' old meaning.
    """
    vars(np)["row_stack"] = np.vstack
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import numba.cuda.np.arrayobj  # noqa: F401
    finally:
        del vars(np)["row_stack"]


if not (SIMULATOR or hasattr(np, "row_stack")):
    _import_array_functions()


def check_device() -> None:
    """See that a kernel could be launched.

    Raises
    ------
    ImportError
        If there is no driver, no GPU or no compiler, or if the driver is too old for the compiler;
        it says which.
    """
    if SIMULATOR:
        return
    try:
        found = len(cuda.gpus)
    except Exception as error:  # numba-cuda has several kinds, none of them public
        reason = " ".join(str(error).split()).removesuffix(" :")
        raise ImportError(f"there is no working NVIDIA driver: {reason}") from error
    if not found:
        raise ImportError("the NVIDIA driver finds no GPU")
    _check_compiler()


def _check_compiler() -> None:
    """See that there is all that numba-cuda compiles with: without its extras, it has none."""
    for library in ("nvrtc", "nvvm"):
        try:
            pathfinder.load_nvidia_dynamic_lib(library)
        except Exception as error:  # of a kind that its versions have in different places
            raise ImportError(
                f"numba-cuda does not find NVIDIA's {library}, with which it compiles; {INSTALL}"
            ) from error
    (_, version), (_, major, _) = driver.cuDriverGetVersion(), nvrtc.nvrtcVersion()
    if version // 1000 < major:
        raise ImportError(
            f"the NVIDIA driver is of CUDA {version // 1000}.{version % 1000 // 10}, too old for "
            f"what the installed packages of CUDA {major} compile; {INSTALL}"
        )


def device_number() -> int:
    """The number of the current device."""
    if SIMULATOR:
        return 0
    status, device = driver.cuCtxGetDevice()
    if status:  # none is current in this thread: Numba makes one so
        return int(cuda.get_current_device().id)
    return int(device)


def multiprocessors() -> int:
    """How many multiprocessors the current device has; in the simulator, two blocks' worth."""
    return 2 if SIMULATOR else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)


def compute_capability() -> tuple[int, int]:
    """That of the current device."""
    major, minor = cuda.get_current_device().compute_capability
    return int(major), int(minor)


def compilers() -> list[Path]:
    """The files of NVIDIA's compilers that there are: of CUDA's language, of NVVM, of links."""
    found = []
    for library in ("nvrtc", "nvvm", "nvJitLink"):
        try:
            found.append(Path(pathfinder.load_nvidia_dynamic_lib(library).abs_path))
        except Exception:  # of a kind that its versions have in different places
            continue  # the driver links where there is no nvJitLink
    return found


def kept_on_disk(
    function: Callable[..., Any], key: str, bounds: tuple[int, int] | None = None
) -> Any:
    """A kernel, not compiled yet, that Numba keeps on disk under a key of ours.

    ``bounds``: threads of a block at most, and blocks that shall fit a multiprocessor at least.
    This uses what is not public in numba-cuda, and raises errors of any kind.
    """
    from numba.cuda.dispatcher import CUDACache

    class Cache(CUDACache):  # type: ignore[misc]
        def _index_key(self, sig: Any, codegen: Any) -> str:
            return key

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            # Numba's own first loads all that it compiles with, which takes most of a second.
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)

    dispatcher = cuda.jit(launch_bounds=bounds)(function)
    dispatcher._cache = Cache(function)
    return dispatcher


def device_function(function: Callable[..., Any]) -> Any:
    """A function that NVVM inlines in kernels. The simulator calls it as it stands."""
    return function if SIMULATOR else cuda.jit(device=True, forceinline=True)(function)


def function_of_driver(dispatcher: Any) -> int:
    """The driver's handle of a kernel that Numba has compiled, loaded for the current device."""
    (kernel,) = dispatcher.overloads.values()
    kernel.bind()
    return int(kernel.library.get_cufunc().handle)


def launch(function: int, blocks: int, threads: int, stream: int, parameters: int) -> None:
    """Launch a kernel, by handles and by the address of pointers to its arguments."""
    (status,) = driver.cuLaunchKernel(
        function, blocks, 1, 1, threads, 1, 1, 0, stream, parameters, 0
    )
    if status:
        raise RuntimeError(f"the GPU's driver launches no kernel on stream {stream}: {status.name}")
