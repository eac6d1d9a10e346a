"""Compiled kernels, kept on disk between processes, in the folder where Numba keeps machine code.

Numba's own key has what a kernel closes over, device functions among it, and those have another
number in each process: nothing would ever be found. Here the key is what machine code comes from:
all sources, the versions of the compilers, and the device's compute capability.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .toolkit import compilers, compute_capability, cuda, kept_on_disk

__all__ = ["Compiled", "fingerprint", "key_of"]

_PACKAGES = ("cuda-bindings", "cuda-core", "llvmlite", "numba", "numba-cuda", "numpy")
_ROOT = Path(__file__).parents[2]


class Compiled:
    """A kernel compiled or loaded for the current device, and where it is kept, or why it is not.

    Attributes
    ----------
    dispatcher
        Numba's, with the one signature that it was compiled for.
    cache_folder, not_kept : str
        One of them is empty.
    loaded : bool
        Whether an earlier process had compiled it.
    """

    def __init__(
        self, function: Any, signature: Any, bounds: tuple[int, int] | None = None
    ) -> None:
        self.cache_folder, self.not_kept, self.loaded = "", "", False
        try:
            dispatcher = kept_on_disk(function, key_of(), bounds)
            dispatcher.compile(signature)
            self.cache_folder = dispatcher.stats.cache_path
            self.loaded = bool(sum(dispatcher.stats.cache_hits.values()))
        except Exception as error:
            # No folder can be written, the disk is full, a file in it is damaged: whatever it is,
            # it is about the cache, or it will show again here.
            self.not_kept = f"{type(error).__name__}: {error}"
            dispatcher = cuda.jit(launch_bounds=bounds)(function)
            dispatcher.compile(signature)
        dispatcher.disable_compile()  # a call that needs another signature is an error of ours
        self.dispatcher = dispatcher


def key_of() -> str:
    """What stands for all that a kernel's machine code on the current device comes from."""
    return f"{fingerprint()} {compute_capability()}"


@cache
def fingerprint() -> str:
    """A number, in hexadecimal, that stands for the sources and the versions of all compilers."""
    digest = hashlib.sha256()
    for part in _parts():
        digest.update(part + b"\0")
    return digest.hexdigest()


def _parts() -> Iterator[bytes]:
    # Taps stand in the code of kernels, so what computes them counts, too.
    for path in sorted([*_ROOT.glob("*.py"), *Path(__file__).parent.rglob("*.py")]):
        yield path.relative_to(_ROOT).as_posix().encode()
        yield path.read_bytes()
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}".encode()
        except PackageNotFoundError:
            yield f"{package} unknown".encode()
    for path in compilers():
        # Their versions are not told by all of them. Another one is another file.
        known = path.stat()
        yield f"{path} {known.st_size} {known.st_mtime_ns}".encode()
