"""Tensors as the core takes them, and new tensors as torch's convolutions would lay them out."""

from typing import Any

import numpy as np
import torch

from aa_ref.errors import ContainerError
from aa_ref.pages import LARGE, fetch
from aa_ref.special import refuse_special

__all__ = [
    "allocate",
    "allocate_pages",
    "as_array",
    "as_if_beside",
    "check_readable",
    "lies_channels_last",
]

_PLAIN = (torch.Tensor, torch.nn.Parameter)
_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def allocate(like: torch.Tensor, shape: Any, dtype: torch.dtype) -> torch.Tensor:
    """An uninitialised tensor beside another, from torch's allocator.

    With four or five dimensions, its memory format is the one that ``conv2d`` or ``conv3d`` would
    give to their result.
    """
    last = lies_channels_last(like)
    layout = _FORMATS[like.dim()] if last else torch.contiguous_format
    return torch.empty(shape, dtype=dtype, device=like.device, memory_format=layout)


def allocate_pages(like: torch.Tensor, shape: Any, dtype: torch.dtype) -> torch.Tensor:
    """`allocate` for what is written next, from end to end."""
    y = allocate(like, shape, dtype)
    if y.nbytes >= LARGE and y.device.type == "cpu":
        fetch(y.data_ptr(), y.nbytes)
    return y


def lies_channels_last(x: torch.Tensor) -> bool:
    """Whether the strides, gaps allowed, are in that order: torch's own rule, not public there."""
    sizes, strides = x.shape, x.stride()
    if len(sizes) not in _FORMATS:
        return False
    if strides[1] == 0 or strides[1] > strides[-1]:  # the latter of nearly all tensors
        return False
    least: Any = 0
    for d in (1, *range(x.dim() - 1, 1, -1), 0):
        if sizes[d] == 0 or strides[d] < least:
            return False
        if d == 0 and least == strides[1]:  # one pixel, or one channel: contiguous as well
            return False
        least = strides[d] * (sizes[d] if sizes[d] > 1 else 1)
    return True


def as_if_beside(g: torch.Tensor, last: bool) -> torch.Tensor:
    """A gradient laid out as its tensor was, channels last or not, since `allocate` looks at it.

    As convolutions do: theirs have the input's memory format, whatever that of the gradient.
    """
    if g.dim() not in _FORMATS or lies_channels_last(g) == last:
        return g
    return g.contiguous(memory_format=_FORMATS[g.dim()] if last else torch.contiguous_format)


def check_readable(x: torch.Tensor) -> None:
    """See that a tensor is plain numbers at strides.

    Raises
    ------
    ContainerError
        If it is masked, sparse, nested, quantized, or in a format of some library's own.
    """
    if type(x) not in _PLAIN and not torch.compiler.is_compiling():
        refuse_special(x)
    if x.layout is torch.strided and not x.is_nested and not x.is_quantized:
        return
    if x.is_nested:
        kind, instead = "nested", "x.to_padded_tensor(0.0), or each of x.unbind()"
    elif x.is_quantized:
        kind, instead = "quantized", "x.dequantize()"
    else:
        kind, instead = str(x.layout), "x.to_dense()"
    raise ContainerError(f"the tensor is {kind}, which no backend reads; write {instead}")


def as_array(x: torch.Tensor) -> Any:
    """What the core reads a tensor from, or writes it into; they share their memory.

    On the CPU a NumPy array, by way of DLPack, since ``Tensor.numpy`` would leave a tensor that can
    never be resized. Elsewhere, and for bfloat16, which NumPy lacks, a tensor without gradient.
    """
    if x.device.type != "cpu" or x.dtype == torch.bfloat16:
        return x.detach()
    return np.from_dlpack(x.detach() if _capsule_of is None else _Exported(x))


class _Exported:
    """A tensor on the CPU that exports itself at once.

    ``Tensor.__dlpack__`` ends in the same function, after checks that take most of its time.
    """

    __slots__ = ("tensor",)

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def __dlpack__(self, **_: Any) -> Any:
        return _capsule_of(self.tensor)

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU


_CPU = 1, 0
_capsule_of: Any = getattr(torch._C, "_to_dlpack_versioned", None)
