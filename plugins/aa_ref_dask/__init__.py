"""Anti-aliased downsampling for Dask arrays: `aa_ref`'s functions, lazy, chunk by chunk.

The bits are those of one call on the whole array in memory, whatever the chunks. See
``docs/dask.md``.
"""

import dask.array

from aa_ref.adapters import register

from . import functional
from .functional import downsample, downsample_adjoint, pyramid

__all__ = ["downsample", "downsample_adjoint", "pyramid"]

register(dask.array.Array, functional)
