"""Anti-aliased downsampling for xarray: `aa_ref`'s functions keep dimensions and coordinates.

Of a `DataArray` whose data are NumPy's, Dask's, or any array that `aa_ref` takes.
"""

import xarray

from aa_ref.adapters import register

from . import functional
from .functional import downsample, downsample_adjoint, downsample_masked, pyramid

__all__ = ["downsample", "downsample_adjoint", "downsample_masked", "pyramid"]

register(xarray.DataArray, functional)
