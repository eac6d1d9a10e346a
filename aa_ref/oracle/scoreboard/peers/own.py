"""The library's own backends, judged as anybody's."""

from typing import Any

from numpy.typing import NDArray

from . import Function, NotOfferedError

__all__ = ["cuda", "numba", "numpy", "reference"]


def _of(aa_ref: Any, scale: Any, name: str) -> Function:
    (backend,) = [b for b in aa_ref.list_backends() if b.name == name]
    if not backend.available:
        raise NotOfferedError("not available", backend.reason or "")

    def fn(x: NDArray[Any]) -> NDArray[Any]:
        y: NDArray[Any] = aa_ref.downsample(x, scale, backend=name)
        return y

    return fn


def reference(aa_ref: Any, scale: Any) -> Function:
    """The contract as code."""
    return _of(aa_ref, scale, "reference")


def numpy(aa_ref: Any, scale: Any) -> Function:
    """Vectorised."""
    return _of(aa_ref, scale, "numpy")


def numba(aa_ref: Any, scale: Any) -> Function:
    """Compiled, for processors."""
    return _of(aa_ref, scale, "numba")


def cuda(aa_ref: Any, scale: Any) -> Function:
    """Compiled, for GPUs."""
    return _of(aa_ref, scale, "cuda")
