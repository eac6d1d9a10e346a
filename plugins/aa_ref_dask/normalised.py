"""Normalised filtering of Dask arrays: the core's steps, each of them chunk by chunk."""

from typing import Any

import dask.array
import numpy as np
from dask.array import Array
from numpy.typing import NDArray

import aa_ref
from aa_ref.arrays import read
from aa_ref.dtypes import MASKS_TYPE, name_of, widen
from aa_ref.errors import DeviceError
from aa_ref.normalised import Limits, as_weights, divide, hide, mask_shape, read_mask
from aa_ref.special import refuse_special

__all__ = ["as_lazy", "filtered_parts", "quotients"]


def as_lazy(x: Any, *, is_mask: bool = False) -> Array:
    """Return an array, or a mask, as a Dask array, of one chunk if it is none.

    Raises
    ------
    ContainerError
        If it is no array, or a masked one.
    DeviceError
        If its chunks are no arrays of NumPy's.
    """
    if isinstance(x, Array):
        refuse_special(x._meta)
        if not isinstance(x._meta, np.ndarray):
            raise DeviceError(
                f"the chunks are {type(x._meta).__name__}, but downsample_masked takes NumPy's "
                "alone in Dask arrays; write x.map_blocks(cupy.asnumpy)"
            )
        return x
    if not is_mask:
        read(x)  # which says what is wrong
    lazy: Array = dask.array.from_array(read_mask(x) if is_mask else np.asarray(x), chunks=-1)
    return lazy


def filtered_parts(
    x: Array, mask: Array, plan: aa_ref.Plan, forward: Any
) -> tuple[Array, Array, Array]:
    """Return the filtered data, mask and ones; ``forward`` filters an array by a plan."""
    axes = [a.axis for a in plan.axes]
    if mask.dtype != np.bool_:
        name_of(mask.dtype, MASKS_TYPE)
    shape = mask_shape(mask.shape, x.shape, axes)
    compute = plan.compute_dtype
    padded = mask[(np.newaxis,) * (x.ndim - mask.ndim)]
    chunks = tuple(
        x.chunks[d] if n == x.shape[d] else ((1,) if n else (0,)) for d, n in enumerate(shape)
    )
    m = dask.array.broadcast_to(padded, shape).rechunk(chunks)
    m = dask.array.map_blocks(_weights, m, plan.input_dtype, dtype=compute)
    data = dask.array.map_blocks(_hidden, x, m, dtype=compute)
    same = tuple(x.chunks[d] if d in axes else (1,) for d in range(x.ndim))
    ones = dask.array.ones(tuple(map(sum, same)), dtype=compute, chunks=same)
    data, m, ones = (forward(a, plan.replace_array(a.shape, compute.name)) for a in (data, m, ones))
    return data, m, ones


def quotients(
    data: Array, weights: Array, ones: Array, plan: aa_ref.Plan, limits: Limits, meta: Any
) -> tuple[Array, Array]:
    """Return the result and its weight; ``meta`` is an empty array of the result's type."""
    y = dask.array.map_blocks(
        _quotient, data, weights, ones, limits, plan.dtype, meta.dtype, dtype=meta.dtype, meta=meta
    )
    weight = dask.array.map_blocks(np.divide, weights, ones, dtype=plan.compute_dtype)
    return y, dask.array.broadcast_to(weight, data.shape, chunks=data.chunks)


def _weights(mask: NDArray[Any], dtype: str) -> NDArray[Any]:
    if mask.dtype == np.bool_:
        return as_weights(mask, dtype)
    source = read(mask)
    return as_weights(widen(source.storage, source.dtype), dtype)


def _hidden(x: NDArray[Any], m: NDArray[Any]) -> NDArray[Any]:
    source = read(x)
    return hide(widen(source.storage, source.dtype), m)


def _quotient(
    data: NDArray[Any],
    weights: NDArray[Any],
    ones: NDArray[Any],
    limits: Limits,
    name: str,
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    return divide(data, weights, ones, limits, name)[0].view(dtype)
