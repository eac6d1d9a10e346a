"""Errors of tensors that do not fit, which are a `RuntimeError`, too, as torch's own are.

Whoever wraps a model's forward in ``except RuntimeError`` expects convolutions there, and these
raise it for a wrong shape, type or device.
"""

from aa_ref.errors import AaRefError, DeviceError, DtypeError, LengthError, ShapeError

__all__ = [
    "TensorDeviceError",
    "TensorDtypeError",
    "TensorLengthError",
    "TensorShapeError",
    "as_torch_raises",
]


class TensorShapeError(ShapeError, RuntimeError):
    """A tensor whose shape is not the one that the layer or the lengths imply."""


class TensorLengthError(LengthError, RuntimeError):
    """A filtered axis of a tensor that has no samples, or that would keep none."""


class TensorDtypeError(DtypeError, RuntimeError):
    """A tensor of a type that is not one of the six types."""


class TensorDeviceError(DeviceError, RuntimeError):
    """A tensor on a device that no backend reaches, or tensors on different devices."""


_TWINS: tuple[type[AaRefError], ...] = (
    TensorShapeError,
    TensorLengthError,
    TensorDtypeError,
    TensorDeviceError,
)


def as_torch_raises(error: AaRefError) -> AaRefError:
    """Return the error with the same words that is a `RuntimeError`, too, if there is one."""
    for twin in _TWINS:
        if type(error) is twin.__mro__[1]:
            return twin(*error.args)
    return error
