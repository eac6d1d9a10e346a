"""What the oracle computes from: a caller's array, checked against a plan, in binary64.

All six types are within binary64, so the conversion is exact.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...arrays import Source, read
from ...backends import get_backend
from ...dtypes import ARRAYS_TYPE, FLOATING, STORAGE, widen
from ...errors import DeviceError, DtypeError, ShapeError
from ...plans import Direction, Plan
from ..errors import OracleError

__all__ = ["Samples", "as_samples", "as_source", "checked_direction", "contract"]


class Samples(NamedTuple):
    """An array that a plan, or its adjoint, can be applied to.

    ``plan`` is the caller's, or for an adjoint the same for the array's type, which sets the
    compute and the result type there. ``storage`` is as in `aa_ref.dtypes`.
    """

    values: NDArray[np.float64]
    storage: NDArray[Any]
    plan: Plan
    direction: Direction

    @property
    def finite(self) -> bool:
        """Whether no sample is NaN or infinite."""
        return bool(np.isfinite(self.values).all())

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.plan.out_shape if self.direction == "forward" else self.plan.shape


def checked_direction(direction: Any) -> Direction:
    """Return one of the two directions, or raise `OracleError` if it is none."""
    if direction == "forward":
        return "forward"
    if direction == "adjoint":
        return "adjoint"
    raise OracleError(f"direction is {direction!r}; write 'forward' or 'adjoint'")


def as_source(x: Any) -> Source:
    """See an array as storage; a `Source` is taken as it is.

    So those who hold the bits of bfloat16 need no package that has the type.
    """
    return x if isinstance(x, Source) else read(x)


def as_samples(x: Any, plan: Plan, direction: Any) -> Samples:
    """Read ``x``, of the plan's shape and input type; for an adjoint, of its output shape.

    `AaRefError` if it is not an array on the CPU, or its shape or type does not fit.
    """
    direction = checked_direction(direction)
    source = as_source(x)
    if not isinstance(source.storage, np.ndarray):
        raise DeviceError("the array is on a GPU, and the oracle is not; copy it to the CPU first")
    forward = direction == "forward"
    if forward and source.dtype != plan.input_dtype:
        raise DtypeError(
            f"{ARRAYS_TYPE} is {source.dtype}, but the plan is for {plan.input_dtype}; "
            f"plan with input_dtype={source.dtype!r}"
        )
    if not forward:
        if source.dtype not in FLOATING:
            raise DtypeError(
                f"the adjoint takes floating-point arrays, this one is {source.dtype}; convert it "
                "first, for instance with g.astype('float32')"
            )
        if (plan.input_dtype, plan.dtype) != (source.dtype, source.dtype):
            plan = plan.replace_input_dtype(source.dtype)
    shape = plan.shape if forward else plan.out_shape
    if source.storage.shape != shape:
        raise ShapeError(
            f"the plan takes arrays of shape {shape} here, this one has {source.storage.shape}; "
            "make a plan for this shape"
        )
    values = widen(source.storage, source.dtype).astype(np.float64)
    return Samples(values, source.storage, plan, direction)


def contract(
    plan: Plan, storage: NDArray[Any], direction: Direction, backend: str = "numpy"
) -> NDArray[Any]:
    """Compute the contract's result, as storage, with one of the backends."""
    forward, chosen = direction == "forward", get_backend(backend)
    out = np.empty(plan.out_shape if forward else plan.shape, STORAGE[plan.dtype])
    (chosen.forward if forward else chosen.adjoint)(plan, storage, out)
    return out
