"""What a DLPack capsule says of an array, for arrays that NumPy cannot import: a GPU's.

The structure is DLPack 0.8's `DLManagedTensor`, which ``__dlpack__`` gives to callers that do not
ask for a later version: https://dmlc.github.io/dlpack/latest/c_api.html
"""

import ctypes
from typing import Any, NamedTuple

__all__ = ["Described", "describe"]

_TYPES = {
    (2, 64): "float64",
    (2, 32): "float32",
    (2, 16): "float16",
    (4, 16): "bfloat16",
    (1, 8): "uint8",
    (1, 16): "uint16",
}
_CODES = ("int", "uint", "float", "opaque", "bfloat", "complex", "bool")


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class Described(NamedTuple):
    """An array's address, shape, strides in elements (None: C order), and its type's name."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    dtype: str


def describe(capsule: Any) -> Described:
    """Read a capsule without consuming it: it owns the memory as long as it lives.

    Raises
    ------
    ValueError
        If it is none, or has been consumed.
    """
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    tensor = _Tensor.from_address(get_pointer(capsule, b"dltensor"))
    dims = range(tensor.ndim)
    name = _TYPES.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
    if name is None:
        code = _CODES[tensor.code] if tensor.code < len(_CODES) else f"type {tensor.code} of "
        name = f"{code}{tensor.bits}" + (f"x{tensor.lanes}" if tensor.lanes != 1 else "")
    return Described(
        (tensor.data or 0) + tensor.byte_offset,
        tuple(tensor.shape[d] for d in dims),
        tuple(tensor.strides[d] for d in dims) if tensor.strides else None,
        name,
    )
