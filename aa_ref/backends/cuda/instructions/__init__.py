"""What kernels are made of: loads that widen, stores that round, sums and products never fused.

`device` spells them for the GPU, `simulated` for Numba's simulator: the same names, the same bits.
Addresses are in bytes.
"""

from ..toolkit import SIMULATOR

if SIMULATOR:
    from .simulated import ADD, MULTIPLY, make_load, make_load_run, make_store, make_store_run
else:
    from .device import ADD, MULTIPLY, make_load, make_load_run, make_store, make_store_run

__all__ = ["ADD", "MULTIPLY", "make_load", "make_load_run", "make_store", "make_store_run"]
