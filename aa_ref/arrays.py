"""Containers: any array in, the same kind of array out.

Inside the library there is one kind of array on the CPU, the *storage* array (see `aa_ref.dtypes`),
and one on GPUs (see `aa_ref.device_arrays`). This module reads them out of a caller's array without
copying, through DLPack or NumPy's own protocols, and wraps a result in the caller's kind again. It
knows no framework by name.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .device_arrays import (
    DeviceArray,
    as_addresses,
    c_strides,
    has_interface,
    is_cuda_tensor,
    lie_apart,
    read_device_array,
    read_tensor,
)
from .dtypes import ARRAYS_TYPE, STORAGE, name_of
from .errors import ContainerError, DeviceError, DtypeError, OutError
from .pages import LARGE, fetch
from .special import refuse_special

__all__ = [
    "Source",
    "Storage",
    "allocate",
    "check_kind",
    "native_name",
    "read",
    "read_out",
    "share_memory",
    "wrap",
]

Storage = NDArray[Any] | DeviceArray
_HOST_DEVICES = (1, 3, 11)  # DLPack: CPU, and the pinned host memory of CUDA and ROCm
_CUDA = 2
_EXPORT_ERRORS = (BufferError, RuntimeError, TypeError, ValueError, AttributeError)
_NATIVE = {dtype: name for name, dtype in STORAGE.items() if name != "bfloat16"}
_DEVICE_NAMES = {4: "opencl", 7: "vulkan", 8: "metal", 10: "rocm", 13: "cuda managed"}


def native_name(dtype: np.dtype[Any]) -> str | None:
    """The name of a type that storage has as it is: not bfloat16, nor in another byte order."""
    return _NATIVE.get(dtype)


class Source(NamedTuple):
    """A caller's array: storage, its type's name, its memory, and how to make more of its kind.

    ``memory`` is what the caller sees, ``storage`` the same unless something had to be converted.
    ``make`` takes storage and a type's name; it is None where storage is the caller's kind already.
    On a GPU, both are the same `DeviceArray`.
    """

    storage: Any
    dtype: str
    memory: Storage
    make: Callable[[NDArray[Any], str], Any] | None


def read(x: Any, stream: int | None = None) -> Source:
    """See a caller's array as storage, without a copy where its byte order is native.

    Work on arrays of a GPU goes on ``stream``, by its handle; by default on the current one.

    Raises
    ------
    ContainerError
        If it is no array, a masked array, or does not let itself be exported.
    DtypeError
        If its type is none of the six.
    DeviceError
        If its memory is neither the CPU's nor a CUDA device's.
    """
    if type(x) is np.ndarray:
        name = _NATIVE.get(x.dtype)
        if name is not None:
            return Source(x, name, x, None)
        name = name_of(x.dtype, ARRAYS_TYPE)
        native = x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))
        if name == "bfloat16":
            return Source(native.view(np.uint16), name, x, _as_bfloat16)
        return Source(native, name, x, None)
    if is_cuda_tensor(x):
        tensor = read_tensor(x, stream)
        return Source(tensor, tensor.dtype, tensor, None)
    if not isinstance(x, type):
        refuse_special(x)
        if isinstance(x, np.ndarray):
            return read(np.asarray(x))
        if hasattr(x, "__dlpack__"):
            return _read_dlpack(x, stream)
        if has_interface(x):
            return _read_device_array(x, stream)
        if hasattr(x, "__array__") or hasattr(x, "__array_interface__"):
            return read(_exported(x))
    dense = next((name for name in ("toarray", "todense") if hasattr(x, name)), None)
    way = "np.asarray(x, dtype=np.float32)" if dense is None else f"x.{dense}()"
    raise ContainerError(f"an array is needed, got {type(x).__name__}; write {way}")


def _exported(x: Any) -> NDArray[Any]:
    """The plain array that an object exports by NumPy's protocols, which may be a masked one."""
    try:
        array = np.asanyarray(x)
    except Exception as error:  # of many kinds, as each package has its own
        raise ContainerError(f"{type(x).__name__} cannot be read as an array: {error}") from None
    if type(array) is not np.ndarray:
        refuse_special(array)
    return np.asarray(array)


def read_out(out: Any, shape: tuple[int, ...], dtype: str, source: Source) -> Any:
    """See a caller's ``out`` as writable storage for a result made from ``source``.

    Raises
    ------
    OutError
        If it is no writable array of just this shape and type, or overlaps the source or itself.
    DeviceError
        If it is on another device than the source.
    """
    exports = hasattr(out, "__dlpack__") or has_interface(out)
    if type(out) is not np.ndarray and not exports:
        raise OutError(
            f"out is a {type(out).__name__}, which cannot be written into; pass an array of shape "
            f"{shape} and type {dtype}"
        )
    on_gpu = isinstance(source.storage, DeviceArray)
    try:
        result = read(out, source.storage.stream if on_gpu else None)
    except ContainerError as error:
        raise OutError(f"out cannot be written into: {error}") from None
    except DtypeError:
        raise OutError(
            f"out has type {out.dtype}, but the result is {dtype}; pass an array of that type"
        ) from None
    storage = result.storage
    if _device(storage) != _device(source.storage):
        raise DeviceError(
            f"out is on {_place(storage)}, but the input is on {_place(source.storage)}; "
            "pass an array beside the input"
        )
    if hasattr(out, "is_neg") and out.is_neg():
        raise OutError("out is a view that negates what is written; pass a plain tensor")
    if storage.shape != shape:
        raise OutError(f"out has shape {storage.shape}, but the result has shape {shape}")
    if result.dtype != dtype:
        raise OutError(
            f"out has type {result.dtype}, but the result is {dtype}; "
            f"pass dtype={result.dtype!r} if that was meant"
        )
    if isinstance(out, np.ndarray) and not out.dtype.isnative:
        raise OutError(
            f"out has type {out.dtype!s}, but the result is {dtype} in native byte order; "
            "pass an array of that"
        )
    writeable = storage.flags.writeable if isinstance(storage, np.ndarray) else storage.writeable
    if not writeable:
        raise OutError("out is read-only; pass an array that can be written into")
    if share_memory(storage, source.memory):
        raise OutError("out overlaps the input; pass an array with memory of its own")
    if _overlaps_itself(storage):
        raise OutError(f"out overlaps itself (strides {storage.strides}); pass a plain array")
    return storage


def _device(storage: Storage) -> int | None:
    """The number of a GPU, None for the current one, -1 for the CPU."""
    return -1 if isinstance(storage, np.ndarray) else storage.device


def _place(storage: Storage) -> str:
    if isinstance(storage, np.ndarray):
        return "the CPU"
    return "the current GPU" if storage.device is None else f"cuda:{storage.device}"


def _addresses(storage: Storage) -> NDArray[Any]:
    return storage if isinstance(storage, np.ndarray) else as_addresses(storage)


def allocate(shape: tuple[int, ...], dtype: str, like: Storage) -> Storage:
    """Storage for a result, its dimensions in memory in the order of ``like``'s."""
    if isinstance(like, DeviceArray):
        made: DeviceArray = like.empty(shape, dtype)
        return made
    if like.flags.c_contiguous:
        result = np.empty(shape, STORAGE[dtype])
    else:
        result = np.empty_like(like, STORAGE[dtype], order="K", subok=False, shape=shape)
    if result.nbytes >= LARGE:
        # not .ctypes.data, which imports: impossible when the interpreter exits
        fetch(result.__array_interface__["data"][0], result.nbytes)
    return result


def wrap(source: Source, result: Storage, dtype: str) -> Any:
    """A result in the kind of the array it came from.

    Raises
    ------
    DtypeError
        If arrays of that kind cannot have this type.
    """
    if isinstance(result, DeviceArray):
        return result.owner
    if source.make is not None:
        return source.make(result, dtype)
    return result if dtype != "bfloat16" else _as_bfloat16(result, dtype)


def check_kind(source: Source, dtype: str) -> None:
    """See that arrays of a kind can have a type, before anything is computed.

    Raises
    ------
    DtypeError
        If they cannot.
    """
    if dtype != source.dtype and not isinstance(source.storage, DeviceArray):
        wrap(source, np.empty(0, STORAGE[dtype]), dtype)


def share_memory(a: Storage, b: Storage) -> bool:
    """Whether any byte belongs to both; also where strides are too tangled to tell in a moment."""
    if isinstance(a, DeviceArray) and isinstance(b, DeviceArray) and lie_apart(a, b):
        return False
    a, b = _addresses(a), _addresses(b)
    if not np.may_share_memory(a, b):  # a look at the bounds; else they are worth a search
        return False
    try:
        return np.shares_memory(a, b, max_work=1_000_000)  # type: ignore[arg-type]  # any int will do
    except np.exceptions.TooHardError:
        return True


def _overlaps_itself(storage: Storage) -> bool:
    """Whether two elements share a byte."""
    if isinstance(storage, DeviceArray):
        size = STORAGE[storage.dtype].itemsize
        if storage.strides == c_strides(storage.shape, size):
            return False
    a = _addresses(storage)
    if a.flags.c_contiguous:
        return False
    reach = a.itemsize
    for stride, length in sorted((abs(s), n) for s, n in zip(a.strides, a.shape, strict=True)):
        if a.size and length > 1:
            if stride < reach:
                break
            reach += stride * (length - 1)
    else:
        return False  # each dimension steps over all that the smaller ones reach
    offsets = np.zeros(1, np.int64)
    for stride, length in zip(a.strides, a.shape, strict=True):
        offsets = np.add.outer(offsets, np.arange(length) * stride).reshape(-1)
    return bool(np.diff(np.sort(offsets)).min() < a.itemsize)


def _read_dlpack(x: Any, stream: int | None) -> Source:
    try:
        device = int(x.__dlpack_device__()[0])
    except _EXPORT_ERRORS as error:
        raise _unreadable(x, error) from None
    if device == _CUDA:
        return _read_device_array(x, stream)
    if device not in _HOST_DEVICES:
        raise DeviceError(
            f"the array is on device {_DEVICE_NAMES.get(device, device)}, which no backend here "
            "reaches; copy it to the CPU first"
        )
    namespace = _namespace(x)
    name = name_of(x.dtype, ARRAYS_TYPE) if hasattr(x, "dtype") else ""
    bits = name == "bfloat16"  # of which NumPy reads none through DLPack: it gets them as uint16
    try:
        memory = storage = np.from_dlpack(x.view(namespace.uint16) if bits else x)
        if hasattr(x, "is_neg") and x.is_neg():  # torch exports such views without the negation
            plain = x.resolve_neg()
            storage = np.from_dlpack(plain.view(namespace.uint16) if bits else plain)
    except _EXPORT_ERRORS as error:
        raise _unreadable(x, error) from None
    if not name:
        name = name_of(storage.dtype, ARRAYS_TYPE)

    def make(result: NDArray[Any], dtype: str) -> Any:
        if namespace is None:
            return _as_bfloat16(result, dtype)
        reason = ""
        try:
            wrapped = namespace.from_dlpack(result)
            if dtype == "bfloat16":
                wrapped = wrapped.view(namespace.bfloat16)
            if getattr(wrapped, "device", None) != getattr(x, "device", None):
                wrapped = wrapped.to_device(x.device)
        except _EXPORT_ERRORS as error:
            wrapped, reason = None, f": {error}"
        if wrapped is None or name_of(wrapped.dtype) != dtype:
            raise DtypeError(
                f"the result's type {dtype} is none of {type(x).__name__}'s here{reason}; pass a "
                "NumPy array instead"
            )
        return wrapped

    return Source(storage, name, memory, make)


def _read_device_array(x: Any, stream: int | None) -> Source:
    array = read_device_array(x, stream)
    return Source(array, array.dtype, array, None)


def _unreadable(x: Any, error: Exception) -> ContainerError:
    return ContainerError(f"{type(x).__name__} cannot be read through DLPack: {error}")


def _namespace(x: Any) -> Any:
    """Where this kind of array's `from_dlpack` is, and its types by name; None if nowhere."""
    if hasattr(x, "__array_namespace__"):
        return x.__array_namespace__()
    for cls in type(x).__mro__:
        module = sys.modules.get(cls.__module__.partition(".")[0])
        if hasattr(module, "from_dlpack"):
            return module
    return None


def _as_bfloat16(storage: NDArray[Any], name: str) -> NDArray[Any]:
    """A NumPy result: bfloat16 bits get the type that the package ml_dtypes registers."""
    if name != "bfloat16":
        return storage
    try:
        import ml_dtypes
    except ImportError:
        raise DtypeError(
            "dtype is 'bfloat16', which NumPy has only with the package ml_dtypes; "
            "pip install ml_dtypes"
        ) from None
    return storage.view(ml_dtypes.bfloat16)
