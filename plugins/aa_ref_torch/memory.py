"""Tensors as the core takes them, and new tensors as torch's convolutions would lay them out."""

from typing import Any

import numpy as np
import torch

from aa_ref.pages import LARGE, fetch

__all__ = ["allocate", "allocate_pages", "as_array"]

_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def allocate(like: torch.Tensor, shape: Any, dtype: torch.dtype) -> torch.Tensor:
    """An uninitialised tensor beside another, from torch's allocator.

    With four or five dimensions, its memory format is the one that ``conv2d`` or ``conv3d`` would
    give to their result.
    """
    last = like.dim() in _FORMATS and _lies_channels_last(like)
    layout = _FORMATS[like.dim()] if last else torch.contiguous_format
    return torch.empty(shape, dtype=dtype, device=like.device, memory_format=layout)


def allocate_pages(like: torch.Tensor, shape: Any, dtype: torch.dtype) -> torch.Tensor:
    """`allocate` for what is written next, from end to end."""
    y = allocate(like, shape, dtype)
    if y.nbytes >= LARGE and y.device.type == "cpu":
        fetch(y.data_ptr(), y.nbytes)
    return y


def _lies_channels_last(x: torch.Tensor) -> bool:
    """Whether the strides, gaps allowed, are in that order: torch's own rule, not public there."""
    sizes, strides = x.shape, x.stride()
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
