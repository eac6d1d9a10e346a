"""Data with holes: normalised filtering, ``docs/spec.md``, part 9. Filters the data and its mask.

The two are divided, so that what the mask hides takes no part, and never leaks.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .api import adapted, warn_of_sizes
from .arrays import check_kind, read, wrap
from .backends import Backend, default_backend, get_backend
from .device_arrays import DeviceArray
from .dtypes import MASKS_TYPE, STORAGE, compute_type, name_of, narrow, widen
from .errors import DeviceError, MaskError, ShapeError
from .options import as_axes
from .plans import Plan, make_plan
from .special import refuse_special

__all__ = [
    "Limits",
    "as_weights",
    "checked_limits",
    "divide",
    "downsample_masked",
    "hide",
    "mask_shape",
    "read_mask",
]


_OF_NUMPY = frozenset(STORAGE.values())


class Limits(NamedTuple):
    """Where a result is hidden, and what stands there.

    Attributes
    ----------
    least : float
        The weight below which a result is hidden, as a number of the compute type.
    fill : float
        What stands there: a number of the result type, or NaN.
    """

    least: float
    fill: float


@adapted("x", "mask")
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
    """`downsample` data with holes: each output is the mean of the samples that count.

    With ``D`` for `downsample`, ``m`` for the mask and 1 for ones of the shape of ``x``::

        y = D(x m) / D(m)        weight = D(m) / D(1)

    What the mask hides never leaks, NaN and infinity included. What lies beyond the ends counts as
    hidden with the boundary ``"zeros"``, so that no edge darkens; a mask that hides nothing then
    gives other edges than `downsample`. See ``docs/spec.md``, part 9, for every rounding.

    Parameters
    ----------
    x : array
        As in `downsample`, on the CPU, or a torch tensor on any device.
    mask : array
        True, or 1, where a sample counts, False where not; or weights from 0 to 1, of a type that
        `downsample` takes. Of a shape that broadcasts to that of ``x``. For NumPy's masked arrays
        ``~np.ma.getmaskarray(x)``, for missing numbers ``~np.isnan(x)``.
    least : float
        Where the weight is below this, from 0 to 1, or where nothing counts, ``y`` is hidden.
    fill : float, optional
        What stands there, in the result's type. By default NaN; 0 in integers.
    scale, axes, sigma, boundary, sampling, dtype, backend
        As in `downsample`.

    Returns
    -------
    y : array
        Of the kind and type of ``x``, unless ``dtype`` asks for another type.
    weight : array
        Of the shape of ``y``: how much counts of what `downsample` would weigh, from 0 to 1. Of
        type float64 for float64 data, else float32.

    Raises
    ------
    AaRefError
        As `downsample`, of the mask too: a `ShapeError` if its shape does not broadcast, a
        `MaskError` if it has a weight outside 0..1 or NaN, or if ``least`` or ``fill`` is wrong.

    Warns
    -----
    UserWarning
        As `downsample`.

    Examples
    --------
    >>> import numpy as np, aa_ref
    >>> x = np.full((6, 8), 7.0)
    >>> x[:3, :4] = np.nan
    >>> y, weight = aa_ref.downsample_masked(x, ~np.isnan(x), 0.5)
    >>> y.round(3)
    array([[nan, nan,  7.,  7.],
           [nan, nan,  7.,  7.],
           [ 7.,  7.,  7.,  7.]])
    """
    source = read(x)
    given = read_mask(mask)
    if isinstance(source.storage, DeviceArray):
        raise DeviceError(
            f"the array, a {type(x).__name__}, is on a GPU, where downsample_masked computes torch "
            "tensors alone; write torch.as_tensor(x, device='cuda'), or copy it to the CPU first"
        )
    p = make_plan(source.storage.shape, source.dtype, dtype, scale, axes, sigma, boundary, sampling)
    shape = mask_shape(given.shape, p.shape, as_axes(axes, p.shape))
    limits = checked_limits(least, fill, p)
    check_kind(source, p.dtype)
    check_kind(source, _compute_name(p))
    chosen = default_backend(p) if backend is None else get_backend(backend)
    warn_of_sizes(p)
    m = np.broadcast_to(as_weights(given, p.input_dtype), shape)
    hidden = hide(widen(source.storage, p.input_dtype), m)
    ones = np.ones(_ones(p), p.compute_dtype)
    data, weights, counts = (_filtered(a, p, chosen) for a in (hidden, m, ones))
    y, weight = divide(data, weights, counts, limits, p.dtype)
    return wrap(source, y, p.dtype), wrap(source, weight, _compute_name(p))


def read_mask(mask: Any) -> NDArray[Any]:
    """See a mask as truth values, or as numbers in their compute type.

    Raises
    ------
    AaRefError
        If it is no array of truth values, or of a type that is taken.
    """
    if not isinstance(mask, type):
        refuse_special(mask, is_mask=True)
        if not hasattr(mask, "dtype") and hasattr(mask, "__array__"):  # as of pandas
            mask = np.asarray(mask)
        if _is_of_truth(mask):
            if not hasattr(mask, "__dlpack_device__") or int(mask.__dlpack_device__()[0]) != 2:
                return np.asarray(mask)
        elif hasattr(mask, "dtype") and mask.dtype not in _OF_NUMPY:
            name_of(mask.dtype, MASKS_TYPE)
    source = read(mask)
    if isinstance(source.storage, DeviceArray):
        raise DeviceError("the mask is on a GPU, but the array is not; copy it to the CPU first")
    return widen(source.storage, source.dtype)


def _is_of_truth(mask: Any) -> bool:
    dtype = getattr(mask, "dtype", None)
    if isinstance(dtype, np.dtype):  # whose name is imported: impossible as the interpreter exits
        return dtype.kind == "b"
    return str(dtype).rpartition(".")[2] == "bool"


def as_weights(weights: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Return a mask's weights in the compute type of a type of data.

    Raises
    ------
    MaskError
        If a weight is outside 0..1.
    """
    # Not by the method `all`, which imports: impossible as the interpreter exits.
    inside = (weights >= 0) & (weights <= 1) if weights.dtype != np.bool_ else np.array(True)
    if not np.logical_and.reduce(inside, axis=None):
        raise MaskError(
            f"the mask has weights outside 0..1, from {weights.min()} to {weights.max()}; pass "
            "True or 1 where a sample counts, False or 0 where not, for instance mask != 0"
        )
    with np.errstate(all="ignore"):
        return weights.astype(compute_type(dtype), copy=False)


def mask_shape(
    shape: tuple[int, ...], whole: tuple[int, ...], axes: Sequence[int]
) -> tuple[int, ...]:
    """Return the shape that a mask is filtered in: that of the data along the filtered axes.

    Raises
    ------
    ShapeError
        If the mask's shape does not broadcast to that of the data.
    """
    padded = (1,) * (len(whole) - len(shape)) + tuple(shape)
    if len(padded) > len(whole) or any(m not in (1, n) for m, n in zip(padded, whole, strict=True)):
        raise ShapeError(
            f"the mask has shape {tuple(shape)}, which does not broadcast to the array's {whole}; "
            "pass one of that shape, with 1 where it is the same along a dimension"
        )
    return tuple(n if d in axes else m for d, (m, n) in enumerate(zip(padded, whole, strict=True)))


def checked_limits(least: Any, fill: Any, p: Plan) -> Limits:
    """See that ``least`` is from 0 to 1, and that the result's type has ``fill``.

    Raises
    ------
    MaskError
        If not.
    """
    for name, value in (("least", least), ("fill", fill)):
        if getattr(value, "requires_grad", False):
            raise MaskError(
                f"{name} is {value!r}, which requires a gradient, but {name} takes none; pass "
                f"{name}.detach(), or a number"
            )
    if isinstance(least, bool) or not _is_number(least) or not 0 <= float(least) <= 1:
        raise MaskError(
            f"least is {least!r}, but a weight is from 0 to 1; write one like 0.5, below which an "
            "output is hidden"
        )
    least = float(p.compute_dtype.type(float(least)))
    if fill is None:
        return Limits(least, float("nan"))
    if isinstance(fill, bool) or not _is_number(fill):
        raise MaskError(f"fill is {fill!r}, which is not a number; write one, or leave it out")
    number = float(fill)
    kept = float(widen(narrow(np.array([number]), p.dtype), p.dtype)[0])
    is_integer = p.dtype.startswith("uint")
    if kept != number if is_integer else math.isfinite(number) and not math.isfinite(kept):
        raise MaskError(
            f"fill is {fill!r}, which {p.dtype} does not have: the nearest is {kept}; write a "
            "number of the result's type, or dtype= for another type"
        )
    return Limits(least, number)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(value, str | bytes)


def hide(x: NDArray[Any], m: NDArray[Any]) -> NDArray[Any]:
    """Multiply by weights, of which 0 gives +0.0 whatever is there."""
    with np.errstate(all="ignore"):
        product: NDArray[Any] = np.where(m > 0, x, x.dtype.type(0)) * m
    return product


def divide(
    data: NDArray[Any], weights: NDArray[Any], ones: NDArray[Any], limits: Limits, dtype: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Divide filtered data by filtered weights; return the result as storage, and its weight."""
    with np.errstate(all="ignore"):
        weight = np.broadcast_to(weights / ones, data.shape)
        values = data / weights
        shown = (weight >= data.dtype.type(limits.least)) & (weights > 0)
        y = narrow(values, dtype)
        fill = narrow(np.array([limits.fill]), dtype)
    return np.where(shown, y, fill[0]).astype(STORAGE[dtype], copy=False), weight.copy()


def _ones(p: Plan) -> tuple[int, ...]:
    """Return the shape of ones, all that is the same along the other dimensions left out."""
    filtered = {a.axis for a in p.axes}
    return tuple(n if d in filtered else 1 for d, n in enumerate(p.shape))


def _compute_name(p: Plan) -> str:
    """Return the compute type's name, which NumPy's own would import: impossible at the exit."""
    return "float64" if p.input_dtype == "float64" else "float32"


def _filtered(x: NDArray[Any], p: Plan, backend: Backend) -> NDArray[Any]:
    """`downsample` an array in the compute type, without a last rounding."""
    own = p.replace_array(x.shape, _compute_name(p))
    result = np.empty(own.out_shape, own.compute_dtype)
    backend.forward(own, x, result)
    return result
