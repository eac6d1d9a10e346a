"""How this package's functions are compiled.

Products and sums stay as written: without ``fastmath`` no compiler pass may fuse or reorder them.
"""

from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["OPTIONS", "address", "array_at", "bare", "helper", "inlined", "named"]

OPTIONS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False, "fastmath": False}

helper = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)
"""For functions that only other compiled functions call."""

inlined = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, **OPTIONS)
"""The same, put in place of the call: handing over an array copies its seven words."""


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.uintp), generate


@helper
def address(a: Any) -> Any:
    """Where an array's memory begins."""
    return _pointer(np.uintp(a.ctypes.data))


@helper
def array_at(at: int, size: int, dtype: Any) -> Any:
    """So many items of memory from an address on, as an array."""
    return carray(_pointer(np.uintp(at)), (size,), dtype)


@helper
def bare(a: Any) -> Any:
    """The same array without a count of its references, which each hand-over would change."""
    return carray(address(a), (a.size,), a.dtype)


def named(name: str, function: Any) -> Any:
    """Give one of several functions out of one factory a name of its own.

    Numba makes a symbol of the name and of a number that counts up in each process. So functions of
    one name can have one symbol, the one in code from the disk cache, the other in code compiled
    just now; and then the one is called for the other.
    """
    function.__name__ = function.__qualname__ = name
    return function
