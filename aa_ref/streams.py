"""The caller's CUDA stream as a handle, whoever made it. Nothing here needs a GPU."""

import operator
from typing import Any

from .errors import StreamError

__all__ = ["stream_handle"]

_ATTRIBUTES = ("cuda_stream", "ptr", "handle")  # of PyTorch's streams, CuPy's, Numba's
_KINDS = "a PyTorch, CuPy or Numba stream, anything with __cuda_stream__, or a handle as an integer"


def stream_handle(stream: Any) -> int:
    """The handle of a CUDA stream: 0 for the default one.

    An integer is the handle itself. Objects tell it by ``__cuda_stream__`` [1]_, or else by the
    attribute that their package has for it.

    Raises
    ------
    StreamError
        If it is no stream.

    References
    ----------
    .. [1] https://nvidia.github.io/cuda-python/cuda-core/latest/interoperability.html
    """
    if isinstance(stream, bool):
        raise StreamError(f"stream is {stream!r}, which is no stream; pass {_KINDS}")
    try:
        handle = _told_by(stream)
    except StreamError:
        raise
    except Exception as error:  # of many kinds, as each package has its own
        raise StreamError(
            f"stream is a {type(stream).__name__}, which tells no handle ({error}); pass {_KINDS}"
        ) from None
    if not 0 <= handle < 1 << 64:
        raise StreamError(
            f"stream is {stream!r}, whose handle {handle} is no address; pass {_KINDS}"
        )
    return handle


def _told_by(stream: Any) -> int:
    if isinstance(stream, int):
        return stream
    if hasattr(stream, "__cuda_stream__"):
        version, handle = stream.__cuda_stream__()
        if version != 0:
            raise StreamError(
                f"stream is a {type(stream).__name__} with version {version} of __cuda_stream__, "
                "of which version 0 is understood; pass its handle as an integer"
            )
        return int(handle)
    for name in _ATTRIBUTES:
        if hasattr(stream, name):
            handle = getattr(stream, name)
            return int(getattr(handle, "value", handle) or 0)  # ctypes has None for a null pointer
    return operator.index(stream)
