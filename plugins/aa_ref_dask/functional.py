"""The core's functions for Dask arrays. `aa_ref.downsample` and the others send them here."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from dask.array import Array
from dask.base import tokenize

import aa_ref
from aa_ref.api import warn_of_sizes
from aa_ref.backends import get_backend
from aa_ref.dtypes import ARRAYS_TYPE, FLOATING, name_of
from aa_ref.errors import (
    BackendUnavailableError,
    ContainerError,
    DtypeError,
    OutError,
    ScaleError,
    ShapeError,
    StreamError,
)
from aa_ref.normalised import checked_limits
from aa_ref.options import as_axes, check_order, checked_shape

from .chunking import chunks_of_inputs, chunks_of_outputs
from .graph import lazy
from .normalised import as_lazy, filtered_parts, quotients
from .tasks import Job

__all__ = ["downsample", "downsample_adjoint", "downsample_masked", "pyramid"]


def downsample(
    x: Any,
    scale: Any,
    *,
    axes: Sequence[int] | int = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    out: Any = None,
    backend: str | None = None,
    stream: Any = None,
) -> Any:
    """`aa_ref.downsample` for Dask arrays: lazy, with the bits of the whole array in memory.

    A chunk of the result holds the outputs whose centres lie in one chunk of ``x``; a chunk of
    ``x`` in which none lies gives none.

    Parameters
    ----------
    x : dask Array
        Of chunks of NumPy arrays, or of CuPy's, which the CUDA backend computes.
    out, stream : None
        Not taken: a Dask array has no memory, and no stream.
    scale, axes, sigma, boundary, sampling, dtype, backend
        As in `aa_ref.downsample`.

    Returns
    -------
    dask Array

    Raises
    ------
    AaRefError
        As `aa_ref.downsample`, at once; a `ShapeError` if sizes of chunks are unknown. What has to
        do with a worker, such as a backend that it lacks, shows when the result is computed.

    Warns
    -----
    UserWarning
        As `aa_ref.downsample`, at once.

    Examples
    --------
    >>> import dask.array as da, aa_ref
    >>> x = da.ones((8, 2048, 2048), chunks=(1, 1000, 1000), dtype="float32")
    >>> aa_ref.downsample(x, 0.25).chunks[1:]
    ((250, 250, 12), (250, 250, 12))
    """
    _refuse(out, backend, stream)
    if not isinstance(x, Array):
        return aa_ref.downsample(
            x, scale, axes=axes, sigma=sigma, boundary=boundary, sampling=sampling, dtype=dtype,
            backend=backend,
        )  # fmt: skip
    plan = _plan(x, scale, axes, sigma, boundary, sampling, dtype)
    warn_of_sizes(plan)
    return _forward(x, plan, backend)


def downsample_adjoint(
    g: Any,
    scale: Any,
    shape: Sequence[int] | int,
    *,
    axes: Sequence[int] | int = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    out: Any = None,
    backend: str | None = None,
    stream: Any = None,
) -> Any:
    """`aa_ref.downsample_adjoint` for Dask arrays: lazy, with the bits of the whole in memory.

    A chunk of the result goes from the centre of the first output in one chunk of ``g`` up to that
    in the next.

    Parameters
    ----------
    g : dask Array
        Of a floating type.
    shape : sequence of int
        The lengths of `downsample`'s input along ``axes``, in their order.
    scale, axes, sigma, boundary, sampling, dtype, out, backend, stream
        As in `downsample`.

    Returns
    -------
    dask Array

    Raises
    ------
    AaRefError
        As `aa_ref.downsample_adjoint`, and as `downsample`.
    """
    _refuse(out, backend, stream)
    if not isinstance(g, Array):
        return aa_ref.downsample_adjoint(
            g, scale, shape, axes=axes, sigma=sigma, boundary=boundary, sampling=sampling,
            dtype=dtype, backend=backend,
        )  # fmt: skip
    _check_chunks(g)
    given = name_of(g.dtype, ARRAYS_TYPE)
    if given not in FLOATING:
        raise DtypeError(
            f"the adjoint takes floating-point arrays, this one is {given}; convert it first, for "
            "instance with g.astype('float32')"
        )
    lengths, numbers = checked_shape(shape), as_axes(axes, g.shape)
    check_order(axes, shape=lengths)
    if len(lengths) != len(numbers):
        raise ShapeError(
            f"shape is {shape!r}: {len(lengths)} length(s) for {len(numbers)} filtered axes; "
            "give the input's length along each of axes, in their order"
        )
    full = list(g.shape)
    for axis, length in zip(numbers, lengths, strict=True):
        full[axis] = length
    plan = aa_ref.plan(
        full, scale, input_dtype=given, dtype=dtype, axes=axes, sigma=sigma, boundary=boundary,
        sampling=sampling,
    )  # fmt: skip
    if plan.out_shape != g.shape:
        raise ShapeError(
            f"lengths {lengths} lead to shape {plan.out_shape}, but g has {g.shape}; give the "
            "lengths of the array that was downsampled"
        )
    warn_of_sizes(plan)
    chunks = [chunks_of_inputs(plan, axis, sizes) for axis, sizes in enumerate(g.chunks)]
    return lazy(g, _name("adjoint", g, plan, backend), Job(plan, False, backend), chunks,
                _meta(g, plan))  # fmt: skip


def pyramid(
    x: Any,
    scales: Sequence[Any] = (1, 0.5, 0.25, 0.125),
    *,
    axes: Sequence[int] | int = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    out: Sequence[Any] | None = None,
    backend: str | None = None,
    stream: Any = None,
) -> list[Any]:
    """`aa_ref.pyramid` for Dask arrays: lazy. All levels take the same tasks of the input.

    Computed or stored together, as by ``dask.compute(*levels)`` or ``dask.array.store``, they read
    each chunk of ``x`` once.

    Parameters
    ----------
    x : dask Array
    scales : sequence
        One scale, or one tuple of scales, for each level.
    axes, sigma, boundary, sampling, dtype, out, backend, stream
        As in `downsample`, the same for all levels.

    Returns
    -------
    list of dask Array
        Level ``i`` equals ``downsample(x, scales[i], ...)``.

    Raises
    ------
    AaRefError
        As `aa_ref.pyramid`, and as `downsample`.
    """
    _refuse(out, backend, stream)
    if not isinstance(x, Array):
        return aa_ref.pyramid(
            x, scales, axes=axes, sigma=sigma, boundary=boundary, sampling=sampling, dtype=dtype,
            backend=backend,
        )  # fmt: skip
    if not isinstance(scales, Iterable):
        raise ScaleError(f"scales is {scales!r}, no sequence; write one scale for each level")
    plans = [_plan(x, scale, axes, sigma, boundary, sampling, dtype) for scale in scales]
    warn_of_sizes(*plans)
    return [_forward(x, plan, backend) for plan in plans]


def downsample_masked(
    x: Any,
    mask: Any,
    scale: Any,
    *,
    axes: Sequence[int] | int = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    least: float = 0.5,
    fill: float | None = None,
    backend: str | None = None,
) -> Any:
    """`aa_ref.downsample_masked` for Dask arrays: lazy, with the bits of the whole in memory.

    Parameters
    ----------
    x : dask Array
        Of chunks of NumPy arrays.
    mask : dask Array or array
        Whether its weights are from 0 to 1 shows when the result is computed.
    scale, axes, sigma, boundary, sampling, dtype, least, fill, backend
        As in `aa_ref.downsample_masked`.

    Returns
    -------
    tuple of dask Array

    Raises
    ------
    AaRefError
        As `aa_ref.downsample_masked`, and as `downsample`.
    """
    _refuse(None, backend, None)
    x, mask = as_lazy(x), as_lazy(mask, is_mask=True)
    plan = _plan(x, scale, axes, sigma, boundary, sampling, dtype)
    _check_chunks(mask)
    limits, meta = checked_limits(least, fill, plan), _meta(x, plan)
    parts = filtered_parts(x, mask, plan, lambda a, p: _forward(a, p, backend))
    warn_of_sizes(plan)
    return quotients(*parts, plan, limits, meta)


def means_more(x: Any) -> bool:
    """Whether an array is Dask's, which stays lazy."""
    return isinstance(x, Array)


def _plan(
    x: Array, scale: Any, axes: Any, sigma: Any, boundary: Any, sampling: Any, dtype: Any
) -> aa_ref.Plan:
    _check_chunks(x)
    return aa_ref.plan(
        x.shape, scale, input_dtype=name_of(x.dtype, ARRAYS_TYPE), dtype=dtype, axes=axes,
        sigma=sigma, boundary=boundary, sampling=sampling,
    )  # fmt: skip


def _forward(x: Array, plan: aa_ref.Plan, backend: str | None) -> Array:
    chunks = [chunks_of_outputs(plan, axis, sizes) for axis, sizes in enumerate(x.chunks)]
    name, meta = _name("downsample", x, plan, backend), _meta(x, plan)
    return lazy(x, name, Job(plan, True, backend), chunks, meta)


def _name(verb: str, x: Array, plan: aa_ref.Plan, backend: str | None) -> str:
    """Return a name that is the same for the same call, in every process."""
    token = tokenize(x.name, plan.shape, plan.dtype, repr(plan.axes), backend)
    return f"aa-ref-{verb}-{token}"


def _meta(x: Array, plan: aa_ref.Plan) -> Any:
    """Return an empty array of the result's kind and type, in native byte order."""
    dtype = x.dtype.newbyteorder("=")
    if plan.dtype != plan.input_dtype:
        if plan.dtype == "bfloat16":
            try:
                import ml_dtypes
            except ImportError:
                raise DtypeError(
                    "dtype is 'bfloat16', which NumPy has only with the package ml_dtypes; "
                    "pip install ml_dtypes"
                ) from None
            dtype = np.dtype(ml_dtypes.bfloat16)
        else:
            dtype = np.dtype(plan.dtype)
    return np.empty_like(x._meta, shape=(0,) * x.ndim, dtype=dtype)


def _check_chunks(x: Array) -> None:
    """See that chunks are of known sizes and of arrays that can be filtered."""
    if any(np.isnan(size) for sizes in x.chunks for size in sizes):
        raise ShapeError(
            f"the array has chunks of unknown sizes (shape {x.shape}), so nobody can tell which "
            "outputs they give; call x.compute_chunk_sizes() first"
        )
    if isinstance(x._meta, np.ma.MaskedArray):
        raise ContainerError(
            "masked arrays are not taken, since a filter would read what is masked, and these "
            "chunks carry a mask; write aa_ref.downsample_masked(dask.array.ma.getdata(x), "
            "~dask.array.ma.getmaskarray(x), scale), or dask.array.ma.filled(x, value) for the "
            "value that should stand there"
        )


def _refuse(out: Any, backend: Any, stream: Any) -> None:
    """See that nothing is asked for that a graph cannot do."""
    outs = out if isinstance(out, list | tuple) else [out]
    if any(o is not None for o in outs):
        raise OutError(
            "out is given, but a Dask array is computed later and elsewhere; leave it out, and "
            "write the result with dask.array.store or its method to_zarr"
        )
    if stream is not None:
        raise StreamError(
            "stream is given, but a worker's streams are its own; leave it out: chunks on a GPU "
            "are computed on the stream that is current there"
        )
    if backend is not None:
        with suppress(BackendUnavailableError):  # which a worker may have
            get_backend(backend)
