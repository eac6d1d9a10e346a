"""The limit: reading one array once and writing the other past the caches, and nothing else.

A copy writes as much as it reads, and a processor reads faster than it copies; so no order of work
gets below this loop, but a call may get below the floor that a copy tells. Eight vectors are read,
what lies 32 KiB further is asked for, and as many vectors are written as belong to that part.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends.numba.crew import run_pieces
from .floor import LITTLE

__all__ = ["limiter"]

_LINE = 64
_PIECES = 2  # a thread, as the backend has them


def limiter(read: NDArray[Any], written: int, threads: int) -> Callable[[], NDArray[Any]]:
    """A call that reads a contiguous array and writes so many bytes, whole vectors of both.

    Returns what was written: all bytes of each vector are sums of what was read.
    """
    loop = _compiled()
    source = np.frombuffer(read.reshape(-1).view(np.uint8), np.float32, read.nbytes // 4)
    target = _aligned(written // _LINE * _LINE)
    if threads == 1 or read.nbytes < LITTLE:

        def pass_alone() -> NDArray[Any]:
            loop(source, target, 0, 1)
            return target

        return pass_alone
    pieces = threads * _PIECES

    def pass_part(part: int, _worker: int) -> None:
        loop(source, target, part, pieces)

    def pass_together() -> NDArray[Any]:
        run_pieces(pass_part, pieces, threads)
        return target

    return pass_together


def _aligned(size: int) -> NDArray[np.float32]:
    """Memory that begins at a whole vector."""
    room = np.zeros(size + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : start + size].view(np.float32)


@cache
def _compiled() -> Any:
    """The loop, for one of several equal parts of both arrays."""
    numba: Any = import_module("numba")
    compiling: Any = import_module("aa_ref.backends.numba.compiling")
    vectors: Any = import_module("aa_ref.backends.numba.vectors")
    bare, fence, prefetch = compiling.bare, vectors.fence, vectors.prefetch
    load_vector, stream_vector, zeros = vectors.load_vector, vectors.stream_vector, vectors.zeros

    def loop(source: Any, target: Any, part: int, parts: int) -> None:
        x, y = bare(source), bare(target)
        lines, results = x.size // 16, y.size // 16
        at, end = lines * part // parts, lines * (part + 1) // parts
        to, last = results * part // parts, results * (part + 1) // parts
        reads, writes, owed = end - at, last - to, 0
        total = zeros(x)
        while at < end:
            some = min(8, end - at)
            for k in range(some):
                i = np.uintp((at + k) * 16)
                prefetch(x, i + np.uintp(8192))
                total = total + load_vector(x, i)
            at += some
            owed += some * writes
            while owed >= reads:
                stream_vector(y, np.uintp(to * 16), total)
                to, owed = to + 1, owed - reads
        fence()

    return numba.njit(loop, nogil=True, **compiling.OPTIONS)
