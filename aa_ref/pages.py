"""Memory of large new arrays, asked for at once.

An allocator hands out addresses; pages come when they are first written, one interrupt for each
4 KiB, and these take several times as long as the filter does. NumPy asks for pages of 2 MiB
instead, from 4 MiB on; torch does so if ``THP_MEM_ALLOC_ENABLE`` is set. Results are written from
end to end, so all their pages may come in one call.

``madvise(2)``: ``MADV_HUGEPAGE``, ``MADV_POPULATE_WRITE`` (since Linux 5.14). Both are advice:
where they are not known, or memory is short, pages come one by one as before.
"""

import ctypes
import mmap
import sys
from typing import Any

__all__ = ["LARGE", "fetch"]

LARGE = 1 << 22
"""Bytes from which on it pays. Smaller arrays mostly lie in memory that was in use before."""

_HUGE = getattr(mmap, "MADV_HUGEPAGE", None)
_POPULATE = 23  # MADV_POPULATE_WRITE of <asm-generic/mman-common.h>; Python has no name for it


def _find_madvise() -> Any:
    if sys.platform != "linux":
        return None
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return madvise


_madvise = _find_madvise()


def fetch(address: int, size: int) -> None:
    """Have the pages there that are about to be written; what they hold stays as it is.

    Parameters
    ----------
    address : int
    size : int
        In bytes. A page that lies there only in part is left alone if it begins before.
    """
    if _madvise is None:
        return
    first = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE
    size = max(0, address + size - first)
    if _HUGE is not None:
        _madvise(first, size, _HUGE)
    _madvise(first, size, _POPULATE)
