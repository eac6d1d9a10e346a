"""The floating-point environment that answers are judged in: that of IEEE 754, for this thread."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["standard_arithmetic"]

_SIZE = 256  # bytes, which hold the fenv_t of every system; the largest has some 30
_STANDARD = ctypes.c_void_p(-1)  # FE_DFL_ENV of the C libraries of Linux


@contextmanager
def standard_arithmetic() -> Iterator[None]:
    """Round to nearest and keep subnormal numbers, whatever a function has set on this thread.

    A function may switch the processor to flush subnormal numbers to zero, as torch's
    ``set_flush_denormal`` does, and that lasts. What it is compared against is computed without,
    and its next call meets what it has set. Elsewhere than on Linux nothing is switched.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    library = ctypes.CDLL(None)
    found = ctypes.create_string_buffer(_SIZE)
    library.fegetenv(found)
    library.fesetenv(_STANDARD)
    try:
        yield
    finally:
        library.fesetenv(found)
