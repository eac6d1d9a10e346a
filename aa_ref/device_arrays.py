"""Arrays in a GPU's memory, as addresses and strides. Nothing here needs a GPU or its packages.

They are read through ``__cuda_array_interface__``, or else DLPack, which is also asked to order
streams where the interface is of version 2 and knows none, as JAX's is. Where PyTorch or CuPy made
the array, its own package, looked up among the loaded modules, makes the result and names the
stream. PyTorch's tensors are read by their methods: they make up the interface anew each time.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .dlpack import describe
from .dtypes import ARRAYS_TYPE, STORAGE, name_of
from .errors import ContainerError, DtypeError

__all__ = [
    "DeviceArray",
    "as_addresses",
    "c_strides",
    "has_interface",
    "is_cuda_tensor",
    "is_plain_tensor",
    "lie_apart",
    "reach_of",
    "read_device_array",
    "read_tensor",
    "stream_teller",
    "tensor_key",
    "type_name_of",
]

_DEFAULT_STREAM = 1  # DLPack's name for CUDA's legacy default stream, whose handle is 0


class DeviceArray(NamedTuple):
    """A caller's array on a GPU, or one that stands in for it.

    ``strides`` are in bytes. ``device`` is its number, None for the current one; ``stream`` the
    handle of the stream that orders work on it, 0 for the default one. ``owner`` keeps the memory.
    ``empty`` makes another, of a shape and a type, its dimensions in memory in the order of these.
    """

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str
    writeable: bool
    device: int | None
    stream: int
    owner: Any
    empty: Callable[[tuple[int, ...], str], Any]


@lru_cache(maxsize=512)
def c_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The strides in bytes of an array whose last dimension varies fastest, without gaps."""
    strides: list[int] = []
    for length in reversed(shape):
        strides.insert(0, itemsize)
        itemsize *= max(length, 1)
    return tuple(strides)


@lru_cache(maxsize=512)
def _in_bytes(strides: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    return tuple([stride * itemsize for stride in strides])


def read_device_array(x: Any, stream: int | None = None) -> DeviceArray:
    """See an array on a CUDA device as addresses, without a copy.

    ``stream`` is the handle of the stream for work on it, in place of the one that is current.

    Raises
    ------
    ContainerError
        If it does not let itself be exported, is masked, or has elements at odd addresses.
    DtypeError
        If its type is none of the six.
    """
    if is_cuda_tensor(x):
        return read_tensor(x, stream)
    told = (_read_interface if has_interface(x) else _read_capsule)(x, stream)
    size = STORAGE[told.dtype].itemsize
    odd = told.address % size
    if told.strides != c_strides(told.shape, size):
        places = zip(told.strides, told.shape, strict=True)
        odd = odd or any(stride % size for stride, n in places if n > 1)
    if odd:
        raise _odd(x, size)
    return told


def _odd(x: Any, size: int) -> ContainerError:
    return ContainerError(
        f"{type(x).__name__} has elements at addresses that are no multiples of {size} bytes, from "
        "which a GPU cannot load; copy it first"
    )


def is_cuda_tensor(x: Any) -> bool:
    """Whether it is PyTorch's, in the memory of a CUDA device, which a ROCm device is not."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(x, getattr(torch, "Tensor", ())):
        return False
    tensor: Any = x
    return bool(tensor.is_cuda) and torch.version.hip is None


def is_plain_tensor(x: Any) -> bool:
    """Whether it is a CUDA tensor of PyTorch's that `read_tensor` takes as it stands in memory."""
    return (
        is_cuda_tensor(x)
        and not x.requires_grad
        and not x.is_neg()
        and x.layout is sys.modules["torch"].strided
    )


def tensor_key(x: Any) -> tuple[Any, ...]:
    """All that `read_tensor` and `is_plain_tensor` look at in a tensor but address and stream.

    Raises
    ------
    RuntimeError
        As tensors without strides or lengths do.
    """
    return (
        type(x), x.shape, x.dtype, x.stride(), x.device, x.layout, x.requires_grad, x.is_neg(),
    )  # fmt: skip


def stream_teller(x: Any) -> Callable[[], int]:
    """Return what tells the handle of the stream that is PyTorch's current one on x's device."""
    torch, index = sys.modules["torch"], x.device.index
    current = getattr(torch._C, "_cuda_getCurrentRawStream", None)
    if current is not None:
        return partial(current, index)
    return lambda: int(torch.cuda.current_stream(index).cuda_stream)


def has_interface(x: Any) -> bool:
    """Whether arrays of this kind export ``__cuda_array_interface__``, if they are on a GPU."""
    return hasattr(type(x), "__cuda_array_interface__")


def read_tensor(x: Any, stream: int | None = None) -> DeviceArray:
    """`read_device_array` for PyTorch's tensors; see `is_cuda_tensor`.

    Raises
    ------
    ContainerError, DtypeError
        As there, or if it requires a gradient.
    """
    if x.requires_grad:
        raise ContainerError(f"{type(x).__name__} requires a gradient; pass x.detach()")
    if x.layout is not sys.modules["torch"].strided:
        raise ContainerError(f"{type(x).__name__} is {x.layout}, without strides; pass a dense one")
    if x.is_neg():  # a view whose numbers stand negated in memory
        x = x.resolve_neg()
    dtype = type_name_of(x.dtype)
    size = STORAGE[dtype].itemsize
    strides = _in_bytes(x.stride(), size)
    try:
        address = x.data_ptr()
    except RuntimeError as error:  # as of tensors that are being traced
        raise ContainerError(f"{type(x).__name__} has no memory: {error}") from None
    if address % size:
        raise _odd(x, size)
    maker = _MAKERS["torch"]
    return DeviceArray(
        address, tuple(x.shape), strides, dtype, True, x.device.index,
        maker.stream(x) if stream is None else stream, x,
        partial(_empty_by, maker, x, strides, stream),
    )  # fmt: skip


def _read_interface(x: Any, stream: int | None) -> DeviceArray:
    kind, package = type(x).__name__, type(x).__module__.partition(".")[0]
    owner = x
    try:
        interface = x.__cuda_array_interface__
        address, read_only = interface["data"]
        shape, typestr = tuple(interface["shape"]), interface["typestr"]
        if interface.get("version", 0) < 3 and package not in _MAKERS and hasattr(x, "__dlpack__"):
            owner = x, _capsule_of(x, stream)
    except Exception as error:  # of many kinds, as each package has its own
        raise ContainerError(
            f"{kind} cannot be read through __cuda_array_interface__: {error}"
        ) from None
    if interface.get("mask") is not None:
        raise ContainerError(f"{kind} is masked; a filter would read what is masked: fill it first")
    if typestr[:1] == ">":
        raise DtypeError(f"{ARRAYS_TYPE} is {typestr!r}, in foreign byte order; convert it first")
    dtype = type_name_of(getattr(x, "dtype", typestr))
    strides = tuple(interface.get("strides") or c_strides(shape, STORAGE[dtype].itemsize))
    maker = _MAKERS.get(package, _Maker())
    ordered = stream
    if ordered is None:
        ordered = interface.get("stream") or maker.stream(x)
    return DeviceArray(
        address, shape, strides, dtype, not read_only, maker.device(x), ordered, owner,
        partial(_empty_by, maker, x, strides, stream),
    )  # fmt: skip


def _read_capsule(x: Any, stream: int | None) -> DeviceArray:
    """Through DLPack, which tells nothing of being writable; so nothing is written there."""
    kind, maker = type(x).__name__, _Maker()
    try:
        device = maker.device(x)
        capsule = _capsule_of(x, stream)
        told = describe(capsule)
    except Exception as error:  # of many kinds, as each package has its own
        raise ContainerError(f"{kind} cannot be read through DLPack: {error}") from None
    dtype = name_of(told.dtype, ARRAYS_TYPE)
    size = STORAGE[dtype].itemsize
    strides = c_strides(told.shape, size)
    if told.strides is not None:
        strides = _in_bytes(told.strides, size)
    return DeviceArray(
        told.address, told.shape, strides, dtype, False, device, stream or 0, (x, capsule),
        partial(_empty_by, maker, x, strides, stream),
    )  # fmt: skip


def _capsule_of(x: Any, stream: int | None) -> Any:
    """Export an array; the stream then waits for what has been asked of it before."""
    return x.__dlpack__(stream=stream or _DEFAULT_STREAM)


def _empty_by(
    maker: "_Maker",
    x: Any,
    strides: tuple[int, ...],
    stream: int | None,
    shape: tuple[int, ...],
    dtype: str,
) -> DeviceArray:
    """`DeviceArray.empty`, for an array and its maker."""
    order = sorted(range(len(strides)), key=lambda d: -abs(strides[d]))  # slowest first
    # Pools of memory belong to streams: what another stream freed it may still be using.
    with nullcontext() if stream is None else maker.on(x, stream):
        made = maker.empty(x, shape, dtype, order)
    return read_device_array(made, stream)


@lru_cache(maxsize=64)
def type_name_of(dtype: Any) -> str:
    """`name_of` of a type of arrays on a GPU."""
    return name_of(dtype, ARRAYS_TYPE)


class _Addresses:
    """What NumPy makes an array of, without a look at the memory."""

    def __init__(self, a: DeviceArray) -> None:
        self.__array_interface__ = {
            "data": (a.address, False),
            "shape": a.shape,
            "strides": a.strides,
            "typestr": STORAGE[a.dtype].str,
            "version": 3,
        }


def as_addresses(a: DeviceArray) -> NDArray[Any]:
    """A NumPy array of the same addresses, which are not the host's: for comparing them alone."""
    return np.asarray(_Addresses(a))


def lie_apart(a: DeviceArray, b: DeviceArray) -> bool:
    """Whether two arrays lie apart for sure, as whole ranges of addresses do."""
    (a_begin, a_end), (b_begin, b_end) = reach_of(a), reach_of(b)
    return a.address + a_end <= b.address + b_begin or b.address + b_end <= a.address + a_begin


def reach_of(a: DeviceArray) -> tuple[int, int]:
    """Where an array's bytes begin and end, from its address on."""
    return _reach(a.shape, a.strides, STORAGE[a.dtype].itemsize)


@lru_cache(maxsize=512)
def _reach(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> tuple[int, int]:
    begin, end = 0, itemsize
    for stride, length in zip(strides, shape, strict=True):
        if stride < 0:
            begin += stride * (length - 1)
        else:
            end += stride * (length - 1)
    return begin, end


class _Maker:
    """What is known of arrays of no known package: results are Numba's, on the default stream."""

    def device(self, x: Any) -> int | None:
        return int(x.__dlpack_device__()[1]) if hasattr(x, "__dlpack_device__") else None

    def stream(self, x: Any) -> int:
        return 0

    def on(self, x: Any, stream: int) -> AbstractContextManager[Any]:
        """Where a stream is the package's current one."""
        return nullcontext()

    def empty(self, x: Any, shape: tuple[int, ...], dtype: str, order: list[int]) -> Any:
        if dtype == "bfloat16":
            raise DtypeError("dtype is 'bfloat16', which Numba's device arrays cannot have")
        cuda, device = sys.modules["numba.cuda"], self.device(x)
        with nullcontext() if device is None else cuda.gpus[device]:
            return cuda.device_array(shape, dtype)


class _Numba(_Maker):
    def device(self, x: Any) -> int | None:
        return int(x.gpu_data.context.device.id)  # no protocol of these arrays tells it


class _Torch(_Maker):
    def stream(self, x: Any) -> int:
        torch = sys.modules["torch"]
        # The same handle, without an object of a stream: for a small array that takes long.
        current = getattr(torch._C, "_cuda_getCurrentRawStream", None)
        if current is not None:
            return int(current(x.device.index))
        return int(torch.cuda.current_stream(x.device).cuda_stream)

    def on(self, x: Any, stream: int) -> AbstractContextManager[Any]:
        cuda = sys.modules["torch"].cuda
        # For handle 0 ExternalStream would take a stream from a pool.
        known = cuda.ExternalStream(stream, x.device) if stream else cuda.default_stream(x.device)
        context: AbstractContextManager[Any] = cuda.stream(known)
        return context

    def empty(self, x: Any, shape: tuple[int, ...], dtype: str, order: list[int]) -> Any:
        torch = sys.modules["torch"]
        made = [shape[d] for d in order]
        made = torch.empty(made, dtype=getattr(torch, dtype), device=x.device)
        return made.permute([order.index(d) for d in range(len(order))])


class _CuPy(_Maker):
    def stream(self, x: Any) -> int:
        return int(sys.modules["cupy"].cuda.get_current_stream(self.device(x)).ptr)

    @contextmanager
    def on(self, x: Any, stream: int) -> Iterator[None]:
        cuda = sys.modules["cupy"].cuda
        with x.device:  # a stream becomes that of the current device
            if not stream:
                known = cuda.Stream.null
            elif hasattr(cuda.Stream, "from_external"):  # from CuPy 14, which deprecates the other
                known = cuda.Stream.from_external(_Handle(stream))
            else:
                known = cuda.ExternalStream(stream, self.device(x))
            with known:
                yield

    def empty(self, x: Any, shape: tuple[int, ...], dtype: str, order: list[int]) -> Any:
        if dtype == "bfloat16":
            raise DtypeError("dtype is 'bfloat16', which CuPy's arrays cannot have")
        with x.device:
            made = sys.modules["cupy"].empty([shape[d] for d in order], dtype)
        return made.transpose([order.index(d) for d in range(len(order))])


class _Handle:
    """A stream of which nothing is known but the handle."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._handle


_MAKERS = {"torch": _Torch(), "cupy": _CuPy(), "numba": _Numba()}
