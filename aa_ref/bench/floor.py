"""The floor: what moving the bytes costs, without any arithmetic.

A copy of n bytes reads n and writes n. Downsampling reads its input and writes its result, which is
smaller. So from the measured time of a copy of the larger of both,

    floor = time of the copy · (bytes read + bytes written) / (2 · bytes copied)

The copy is split over the same number of threads as the work it is compared with.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends.numba.crew import run_pieces

__all__ = ["LITTLE", "copier", "floor"]

LITTLE = 1 << 20
"""Bytes below which waking a thread costs more than half the copy; then the caller copies all."""


def floor(copying: float, copied: int, read: int, written: int) -> float:
    """The least time that reading and writing so many bytes can take, in the unit of ``copying``.

    Examples
    --------
    >>> floor(8.0, copied=16, read=16, written=4)  # 20 bytes move; 32 take 8
    5.0
    """
    return copying * (read + written) / (2 * copied)


def copier(source: NDArray[Any], target: NDArray[Any], threads: int) -> Callable[[], NDArray[Any]]:
    """A call that copies all bytes of a contiguous array, in as many parts as there are threads."""
    read, written = (a.reshape(-1).view(np.uint8) for a in (source, target))
    if threads == 1 or read.size < LITTLE:

        def copy_alone() -> NDArray[Any]:
            np.copyto(written, read)
            return target

        return copy_alone
    edges = [read.size * part // threads for part in range(threads + 1)]

    def copy_part(part: int, _worker: int) -> None:
        np.copyto(written[edges[part] : edges[part + 1]], read[edges[part] : edges[part + 1]])

    def copy_together() -> NDArray[Any]:
        run_pieces(copy_part, threads, threads)
        return target

    return copy_together
