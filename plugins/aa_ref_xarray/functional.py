"""The core's functions for DataArrays. `aa_ref.downsample` and the others send them here.

What computes is the core, or the adapter of the data: Dask's stay lazy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from xarray import DataArray, Dataset, Variable

import aa_ref
from aa_ref.dtypes import ARRAYS_TYPE, name_of
from aa_ref.errors import AxesError, ContainerError, OutError, ShapeError
from aa_ref.options import check_order

__all__ = ["downsample", "downsample_adjoint", "downsample_masked", "means_more", "pyramid"]


def downsample(
    x: Any,
    scale: Any,
    *,
    axes: Any = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    out: Any = None,
    backend: str | None = None,
    stream: Any = None,
) -> Any:
    """`aa_ref.downsample` for DataArrays: dimensions, coordinates, name and attributes are kept.

    Coordinates along filtered axes are those at the centres of the outputs.

    Parameters
    ----------
    x : DataArray
    axes : str or int, or sequence of them
        The filtered dimensions, by name or by number.
    out : None
        Not taken: pass ``x.data`` instead.
    scale, sigma, boundary, sampling, dtype, backend, stream
        As in `aa_ref.downsample`.

    Returns
    -------
    DataArray

    Raises
    ------
    AaRefError
        As `aa_ref.downsample`; an `AxesError` if there is no dimension of a name.

    Examples
    --------
    >>> import numpy as np, xarray, aa_ref
    >>> x = xarray.DataArray(np.ones((6, 8)), {"y": np.arange(6) * 10.0}, ("y", "x"))
    >>> aa_ref.downsample(x, 0.5, axes=("y", "x")).y.values
    array([ 0., 20., 40.])
    """
    _refuse(x, out)
    check_order(axes, scale=scale)
    options = _options(x, axes, sigma, boundary, sampling, dtype)
    y = aa_ref.downsample(x.data, scale, **options, backend=backend, stream=stream)
    return _with_coordinates(x, y, _centres(x, scale, options))


def downsample_adjoint(
    g: Any,
    scale: Any,
    shape: Sequence[int] | int,
    *,
    axes: Any = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    out: Any = None,
    backend: str | None = None,
    stream: Any = None,
) -> Any:
    """`aa_ref.downsample_adjoint` for DataArrays.

    Coordinates along filtered axes are left out, since those of the inputs are not known.

    Parameters
    ----------
    g : DataArray
    scale, shape, axes, sigma, boundary, sampling, dtype, out, backend, stream
        As in `downsample` and `aa_ref.downsample_adjoint`.

    Returns
    -------
    DataArray

    Raises
    ------
    AaRefError
        As `aa_ref.downsample_adjoint`, and as `downsample`.
    """
    _refuse(g, out)
    check_order(axes, scale=scale, shape=shape)
    options = _options(g, axes, sigma, boundary, sampling, dtype)
    x = aa_ref.downsample_adjoint(g.data, scale, shape, **options, backend=backend, stream=stream)
    given = options["axes"]
    filtered = {g.dims[axis] for axis in (given if isinstance(given, tuple) else (given,))}
    kept = {name: c for name, c in g.coords.items() if not filtered & set(c.dims)}
    return _named(DataArray(x, kept, g.dims, attrs=g.attrs), g)


def pyramid(
    x: Any,
    scales: Sequence[Any] = (1, 0.5, 0.25, 0.125),
    *,
    axes: Any = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    out: Sequence[Any] | None = None,
    backend: str | None = None,
    stream: Any = None,
) -> list[Any]:
    """`aa_ref.pyramid` for DataArrays.

    Parameters
    ----------
    x : DataArray
    scales, axes, sigma, boundary, sampling, dtype, out, backend, stream
        As in `downsample` and `aa_ref.pyramid`.

    Returns
    -------
    list of DataArray

    Raises
    ------
    AaRefError
        As `aa_ref.pyramid`, and as `downsample`.
    """
    _refuse(x, out)
    options = _options(x, axes, sigma, boundary, sampling, dtype)
    scales = list(scales) if np.iterable(scales) else scales
    for scale in scales if isinstance(scales, list) else ():
        check_order(axes, scale=scale)
    levels = aa_ref.pyramid(x.data, scales, **options, backend=backend, stream=stream)
    return [
        _with_coordinates(x, y, _centres(x, scale, options))
        for scale, y in zip(scales, levels, strict=True)
    ]


def downsample_masked(
    x: Any,
    mask: Any,
    scale: Any,
    *,
    axes: Any = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    least: float = 0.5,
    fill: float | None = None,
    backend: str | None = None,
) -> Any:
    """`aa_ref.downsample_masked` for DataArrays.

    Parameters
    ----------
    x : DataArray
    mask : DataArray or array
        A DataArray is broadcast by the names of its dimensions.
    scale, axes, sigma, boundary, sampling, dtype, least, fill, backend
        As in `downsample` and `aa_ref.downsample_masked`.

    Returns
    -------
    tuple of DataArray
        The weight has the coordinates of the result, and no name or attributes.

    Raises
    ------
    AaRefError
        As `aa_ref.downsample_masked`, and as `downsample`; a `ShapeError` if the mask has a
        dimension that ``x`` has not.
    """
    _refuse_others(x)
    _refuse_others(mask, "the mask")
    if not isinstance(x, DataArray):
        raise ContainerError(
            f"the mask is a DataArray, but the array is a {type(x).__name__}; pass mask.data, or a "
            "DataArray of the array"
        )
    check_order(axes, scale=scale)
    options = _options(x, axes, sigma, boundary, sampling, dtype)
    y, weight = aa_ref.downsample_masked(
        x.data, _aligned(mask, x), scale, **options, least=least, fill=fill, backend=backend
    )
    centres = _centres(x, scale, options)
    bare = x.rename(None).drop_attrs(deep=False)
    return _with_coordinates(x, y, centres), _with_coordinates(bare, weight, centres)


def means_more(x: Any) -> bool:
    """Whether an array has dimensions and coordinates, as all of xarray's have.

    Raises
    ------
    ContainerError
        If it is a Dataset, a Variable or a DataTree.
    """
    _refuse_others(x)
    return isinstance(x, DataArray)


def _aligned(mask: Any, x: DataArray) -> Any:
    """Return a mask's data with its dimensions in the order of the array's."""
    if not isinstance(mask, DataArray):
        return mask
    unknown = set(mask.dims) - set(x.dims)
    if unknown:
        raise ShapeError(
            f"the mask has dimension {' and '.join(map(repr, sorted(unknown, key=str)))}, which "
            f"the array, {x.dims}, has not; pass one of the array's dimensions"
        )
    missing = [dim for dim in x.dims if dim not in mask.dims]
    return mask.expand_dims(missing).transpose(*x.dims).data


def _options(
    x: DataArray, axes: Any, sigma: Any, boundary: Any, sampling: Any, dtype: Any
) -> dict[str, Any]:
    """Return the core's options, with axes by their numbers."""
    check_order(axes, sigma=sigma, boundary=boundary, sampling=sampling)
    named = isinstance(axes, str) or (isinstance(axes, tuple) and axes in x.dims)
    several = np.iterable(axes) and not named
    numbers = tuple(_number_of(axis, x) for axis in (axes if several else [axes]))
    return {
        "axes": numbers if several else numbers[0], "sigma": sigma, "boundary": boundary,
        "sampling": sampling, "dtype": dtype,
    }  # fmt: skip


def _number_of(axis: Any, x: DataArray) -> Any:
    """Return the number of a dimension: of any name but a number, which stands for itself."""
    if isinstance(axis, bool | np.bool_ | int | np.integer | float) or axis is None:
        return axis
    if axis not in x.dims:
        if not isinstance(axis, str):
            return axis  # of which the core says what is wrong
        raise AxesError(f"axes names {axis!r}, but the array has {x.dims}; name some of these")
    return x.dims.index(axis)


def _centres(x: DataArray, scale: Any, options: dict[str, Any]) -> dict[Any, Any]:
    plan = aa_ref.plan(x.shape, scale, input_dtype=name_of(x.dtype, ARRAYS_TYPE), **options)
    return {x.dims[a.axis]: a.centres for a in plan.passes}


def _with_coordinates(x: DataArray, y: Any, centres: dict[Any, Any]) -> DataArray:
    """Return a result with the array's coordinates at the centres of its outputs."""
    given = x.coords.to_dataset()
    coords = given.isel({dim: at for dim, at in centres.items() if dim in given.dims}).coords
    return _named(DataArray(y, coords, x.dims, attrs=x.attrs), x)


def _named(y: DataArray, x: DataArray) -> DataArray:
    """Give a result the array's name: without one, it would have that of its Dask array."""
    y.name = x.name
    return y


def _refuse(x: Any, out: Any) -> None:
    """See that the input is a DataArray, and that nothing is to be written into one."""
    _refuse_others(x)
    outs = out if isinstance(out, list | tuple) else [out]
    if any(o is not None for o in outs):
        raise OutError(
            "out is given, but a DataArray comes with coordinates of its own; pass x.data, and "
            "out.data if out is one"
        )


def _refuse_others(x: Any, what: str = "the array") -> None:
    """See that nothing else of xarray's is passed: what has no coordinates, or several arrays."""
    kind = type(x).__name__
    if isinstance(x, Variable):
        raise ContainerError(
            f"{what} is a {kind}, which has dimensions and no coordinates; write "
            "xarray.DataArray(x)"
        )
    if isinstance(x, Dataset):
        raise ContainerError(
            f"{what} is a Dataset, which holds several arrays; write "
            "x.map(lambda a: aa_ref.downsample(a, scale, axes=('y', 'x'))) with its dimensions, or "
            "one of its arrays, x['name']"
        )
    if type(x).__module__.partition(".")[0] == "xarray" and not isinstance(x, DataArray):
        raise ContainerError(
            f"{what} is a {kind}, which is no DataArray; write one of its arrays, x['name']"
        )
