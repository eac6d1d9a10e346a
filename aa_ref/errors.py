"""One exception type for each thing that can go wrong.

Every message says what was passed, why it is wrong and what to write instead. All types derive
from `AaRefError` and from the built-in that callers of NumPy would expect.
"""

__all__ = [
    "AaRefError",
    "AxesError",
    "BackendUnavailableError",
    "BoundaryError",
    "ContainerError",
    "DeviceError",
    "DtypeError",
    "LengthError",
    "MaskError",
    "OutError",
    "SamplingError",
    "ScaleError",
    "ShapeError",
    "SigmaError",
    "StreamError",
    "ThreadsError",
    "UnknownBackendError",
]


class AaRefError(Exception):
    """Base of all errors that `aa_ref` raises on purpose."""


class ScaleError(AaRefError, ValueError):
    """A scale outside (0, 1], of a wrong kind, or not one for each axis."""


class SigmaError(AaRefError, ValueError):
    """A sigma that is negative, not finite, of a wrong kind, or not one for each axis."""


class AxesError(AaRefError, ValueError, IndexError):
    """Axes that are missing, repeated or out of range."""


class LengthError(AaRefError, ValueError):
    """A filtered axis that has no samples, or that would keep none."""


class BoundaryError(AaRefError, ValueError):
    """An unknown boundary."""


class SamplingError(AaRefError, ValueError):
    """An unknown sampling."""


class DtypeError(AaRefError, TypeError):
    """A data type that is not one of the six types."""


class ContainerError(AaRefError, TypeError):
    """An argument that is not an array, or an array that cannot be read."""


class ShapeError(AaRefError, ValueError):
    """An array whose shape is not the one that the plan or the lengths imply."""


class DeviceError(AaRefError, ValueError):
    """An array on a device that no backend reaches, or arrays on different devices."""


class StreamError(AaRefError, ValueError):
    """A ``stream`` that is no CUDA stream, or that is given where the CPU computes."""


class OutError(AaRefError, ValueError):
    """An ``out`` of the wrong shape, type or kind, read-only, or overlapping."""


class UnknownBackendError(AaRefError, ValueError):
    """A backend name that does not exist."""


class BackendUnavailableError(AaRefError, RuntimeError):
    """A backend that exists but cannot run here; it is never replaced silently."""


class MaskError(AaRefError, ValueError):
    """Weights of a mask outside 0..1, or a ``least`` or ``fill`` that cannot be."""


class ThreadsError(AaRefError, ValueError):
    """A thread count that is not a positive integer."""
