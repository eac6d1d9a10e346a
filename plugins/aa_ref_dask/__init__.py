"""Anti-aliased downsampling for Dask arrays: `aa_ref`'s functions, lazy, chunk by chunk.

The bits are those of one call on the whole array in memory, whatever the chunks. See
``docs/dask.md``; of pyramids on disk, ``docs/pyramids.md``.
"""

from typing import TYPE_CHECKING, Any

import dask.array

from aa_ref.adapters import register

from . import functional
from .functional import downsample, downsample_adjoint, downsample_masked, pyramid

if TYPE_CHECKING:
    from .writing import write_pyramid

__all__ = ["downsample", "downsample_adjoint", "downsample_masked", "pyramid", "write_pyramid"]

register(dask.array.Array, functional)


def __getattr__(name: str) -> Any:
    """Import what needs Zarr when it is first asked for: workers load this package, too."""
    if name == "write_pyramid":
        from .writing import write_pyramid

        return write_pyramid
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
