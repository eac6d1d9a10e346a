"""How this package's functions are compiled.

Products and sums stay as written: without ``fastmath`` no compiler pass may fuse or reorder them.
"""

from typing import Any

from numba import njit

__all__ = ["OPTIONS", "inner"]

OPTIONS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False, "fastmath": False}

inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)
"""For functions that only other compiled functions call."""
