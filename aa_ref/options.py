"""What callers may write for shapes, axes, samplings and values for each axis.

Scales and sigmas are read in `aa_ref.filters`, boundaries in `aa_ref.boundary`, types in
`aa_ref.dtypes`.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import AaRefError, AxesError, SamplingError, ShapeError
from .filters import no_gradient
from .special import refuse_masked_option

__all__ = [
    "SAMPLINGS",
    "as_axes",
    "as_index",
    "as_sampling",
    "check_order",
    "checked_shape",
    "per_axis",
]

SAMPLINGS = ("slice", "nearest")


def as_index(value: Any) -> int:
    """Return an integer, of which a truth value is none.

    Raises
    ------
    TypeError
        If it is no integer.
    """
    if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
        raise TypeError(f"{value!r} is no integer")
    return operator.index(value)


def as_axes(axes: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Dimensions counted from the front, in the caller's order.

    Raises
    ------
    AxesError
        If there are none, one is named twice, or one is out of range.
    """
    try:
        given = tuple(map(as_index, axes if np.iterable(axes) else (axes,)))
    except TypeError:
        raise AxesError(f"axes is {axes!r}; write integers, for instance axes=(-2, -1)") from None
    ndim = len(shape)
    if not given:
        raise AxesError("axes is empty; name at least one, for instance axes=(-2, -1)")
    for axis in given:
        if not -ndim <= axis < ndim:
            raise AxesError(
                f"axis {axis} is out of range for an array of {ndim} dimension(s), shape {shape}; "
                "name the axes to filter, for instance axes=(-1,) for signals"
            )
    numbers = tuple(axis % ndim for axis in given)
    if len(set(numbers)) < len(numbers):
        raise AxesError(
            f"axes is {axes!r}, which names an axis of shape {shape} twice; name each once"
        )
    return numbers


def check_order(axes: Any, **options: Any) -> None:
    """See that axes have an order where one of the options, by name, has a value for each of them.

    Raises
    ------
    AxesError
        If they are a set, which has none.
    """
    if not isinstance(axes, set | frozenset) or len(axes) < 2:
        return
    for name, value in options.items():
        if isinstance(value, tuple | list) or getattr(value, "ndim", None) == 1:
            raise AxesError(
                f"axes is {axes!r}, a set, which has no order, while {name} has a value for each; "
                f"write axes as a tuple, in the order of {name}"
            )


def per_axis(
    name: str, value: Any, axes: tuple[int, ...], error: type[AaRefError]
) -> Sequence[Any]:
    """One value for each axis, from one value or from a sequence of them.

    Raises
    ------
    AaRefError
        Of the type ``error``, if a sequence has another length, is masked or requires a gradient.
    """
    if getattr(value, "ndim", None) == 1 and hasattr(value, "dtype") and hasattr(value, "tolist"):
        if getattr(value, "requires_grad", False):
            raise error(no_gradient(name, value))
        refuse_masked_option(name, value, error)
        value = value.tolist()
    if not isinstance(value, tuple | list):
        return (value,) * len(axes)
    if len(value) != len(axes):
        raise error(
            f"{name} is {value!r}: {len(value)} value(s) for {len(axes)} filtered axes; "
            "write one for all, or one for each of axes"
        )
    return value


def as_sampling(sampling: Any) -> str:
    """One of `SAMPLINGS`.

    Raises
    ------
    SamplingError
        If it is none.
    """
    if isinstance(sampling, str) and sampling in SAMPLINGS:
        return sampling
    raise SamplingError(
        f"sampling is {sampling!r}; write 'slice' (every stride-th sample) or 'nearest' "
        "(floor(n * scale) samples, as torch's interpolate picks them)"
    )


def checked_shape(shape: Any, what: str = "shape") -> tuple[int, ...]:
    """A shape as a tuple of ints.

    Raises
    ------
    ShapeError
        If it is no sequence of non-negative integers.
    """
    try:
        lengths = tuple(map(as_index, shape if np.iterable(shape) else (shape,)))
    except TypeError:
        lengths = (-1,)
    if min(lengths, default=0) < 0:
        raise ShapeError(f"{what} is {shape!r}; write non-negative integers, e.g. (3, 256, 256)")
    return lengths
