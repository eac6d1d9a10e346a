"""The same operation written in torch's own convolutions.

A convolution rounds its sums in an order of its own, so that results are close but not the same to
the bit. It serves where the core cannot: on devices that no backend reaches, in files for other
runtimes, and for a layer whose stored weights are not the core's Gaussian.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import aa_ref
from aa_ref.boundary import fold
from aa_ref.errors import AaRefError, LengthError

from . import indices
from .errors import TensorLengthError, TensorShapeError, as_torch_raises
from .options import Axis, axes_of, axis_plan, check_dtype, keywords

__all__ = ["adjoint", "downsample", "groups", "no_autocast", "outer_product"]

_CONVOLUTIONS: dict[int, Any] = {
    1: torch.nn.functional.conv1d,
    2: torch.nn.functional.conv2d,
    3: torch.nn.functional.conv3d,
}
_TRANSPOSES: dict[int, Any] = {
    1: torch.nn.functional.conv_transpose1d,
    2: torch.nn.functional.conv_transpose2d,
    3: torch.nn.functional.conv_transpose3d,
}
_MOST_TAPS = 25
"""More taps than this for one output, and there is a convolution for each axis, which takes less
time: in onnxruntime, 3×256² at 0.25 takes 0.2 ms that way, and 1.1 ms with 13×13 taps at once.
"""
_ANY = 1 << 23  # a length that stands for those that are symbols


class _Pass(NamedTuple):
    """One filtered axis, counted from the end, of a length that may be a symbol."""

    axis: int
    plan: Any
    length: Any
    out_length: Any
    cut: bool  # whether a convolution may give more outputs than there are
    text: str

    @property
    def is_symbolic(self) -> bool:
        """Whether operators may find indices when the length is known. ONNX has none of ours."""
        return isinstance(self.length, torch.SymInt) and not torch.onnx.is_in_onnx_export()


def downsample(
    x: torch.Tensor, weight: torch.Tensor | None, text: str, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """`aa_ref.downsample` by convolutions, differentiable as they are.

    With a weight, (channels, 1, ...), that takes the place of the outer product of taps, and the
    axes are the last ones.
    """
    check_dtype(x.dtype)
    passes = _passes(x.shape, text)
    with no_autocast(x):
        y = _wide(x)
        if weight is None:
            for group in groups(passes):
                y = _filtered(y, group)
        elif y.dim() == weight.dim():
            y = _convolved(y, weight.to(y.dtype), passes)
        else:
            y = _convolved(y[None], weight.to(y.dtype), passes)[0]
        return _narrow(y.clone() if y is x else y, dtype or x.dtype)


def adjoint(
    g: torch.Tensor, shape: Sequence[int], text: str, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """`aa_ref.downsample_adjoint` by the transposes of the same convolutions, differentiable."""
    passes = _passes(shape, text)
    for a in axes_of(text):
        length, given = a.out_length(shape[a.axis]), g.shape[a.axis]
        if type(length) is int and type(given) is int and length != given:
            raise TensorShapeError(
                f"length {shape[a.axis]} leads to {length} samples along axis {a.axis}, but g has "
                f"{given}; give the lengths of the tensor that was downsampled"
            )
    with no_autocast(g):
        x = _wide(g)
        for group in reversed(groups(passes)):
            x = _filtered(x, group, _transposed)
        return _narrow(x.clone() if x is g else x, dtype or g.dtype)


# ------------------------------------------------------------------------------------- axes


def _passes(shape: Sequence[Any], text: str) -> list[_Pass]:
    passes = []
    for axis, part in zip(axes_of(text), text.split("; "), strict=True):
        length = shape[axis.axis]
        plan = _plan(axis, length if type(length) is int else _ANY, shape, text)
        if plan.has_pass:
            cut = axis.sampling == "nearest"
            passes.append(_Pass(axis.axis, plan, length, axis.out_length(length), cut, part))
    return sorted(passes)


def _plan(axis: Axis, length: int, shape: Sequence[Any], text: str) -> Any:
    try:
        return axis_plan(axis, length)
    except LengthError:
        try:
            aa_ref.plan(tuple(shape), **keywords(text))  # which names the axis as the tensor has it
        except AaRefError as error:
            raise as_torch_raises(error) from None
        raise


def groups(passes: list[Any]) -> list[list[Any]]:
    """The axes that one convolution filters together, with outer products of taps as weights."""
    taps = int(np.prod([2 * p.plan.radius + 1 for p in passes]))
    if len(passes) in _CONVOLUTIONS and taps <= _MOST_TAPS:
        return [passes]
    return [[p] for p in passes]


# ------------------------------------------------------------------------------- convolving


def _filtered(
    x: torch.Tensor, passes: list[_Pass], convolved: Callable[..., torch.Tensor] | None = None
) -> torch.Tensor:
    """Any axes of a tensor of any rank, moved to where convolutions want them."""
    convolved = convolved or _convolved
    axes, rank = [p.axis for p in passes], x.dim() - 2
    if rank in _CONVOLUTIONS and axes[0] >= -rank and type(x.shape[1]) is int:
        weight = _weight(passes, rank, x)
        return convolved(x, weight.expand(x.shape[1], *weight.shape[1:]), passes)
    rank = len(passes)
    end = [*range(-rank, 0)]
    # Counted from the start, since the older ONNX exporter writes axes as they are given.
    there, back = [x.dim() + axis for axis in axes], [x.dim() + axis for axis in end]
    moved = x.movedim(there, back)
    planes = moved.reshape(-1, 1, *moved.shape[x.dim() - rank :])
    passes = [p._replace(axis=axis) for p, axis in zip(passes, end, strict=True)]
    y = convolved(planes, _weight(passes, rank, x), passes)
    return y.reshape(*moved.shape[: x.dim() - rank], *y.shape[2:]).movedim(back, there)


def outer_product(plans: Sequence[Any]) -> NDArray[Any]:
    """The weights that several axes stand for, in binary64."""
    product: NDArray[Any] = reduce(np.multiply.outer, [plan.taps for plan in plans])
    return product


def _weight(passes: list[_Pass], rank: int, x: torch.Tensor) -> torch.Tensor:
    """(1, 1, ...): the outer product of the taps, rounded once; 1 tap along the other axes."""
    weight = outer_product([p.plan for p in passes])
    shape = [1] * (rank + 2)
    for p in passes:
        shape[p.axis] = len(p.plan.taps)
    return _constant(weight.reshape(shape), x)


def _constant(values: Any, like: torch.Tensor) -> torch.Tensor:
    """An array beside a tensor, of its type if it is floating."""
    if values.dtype.kind == "f":
        values = values.astype(np.float64 if like.dtype == torch.float64 else np.float32)
    return torch.from_numpy(values).to(like.device)


def _convolved(x: torch.Tensor, weight: torch.Tensor, passes: list[_Pass]) -> torch.Tensor:
    """(N, C, ...), each channel with weights of its own, (C, 1, ...)."""
    rank = x.dim() - 2
    strides, padding = [1] * rank, [0] * rank
    for p in passes:
        # A stride beyond the length keeps the first sample alone, as the length itself does.
        strides[p.axis] = min(p.plan.spacing or 1, _ANY)
        if p.plan.boundary == "zeros":
            padding[p.axis] = p.plan.radius
        else:
            x = _extended(x, p)
    y: torch.Tensor = _CONVOLUTIONS[rank](x, weight, None, strides, padding, 1, x.shape[1])
    for p in passes:
        if p.plan.spacing is None:
            y = y.index_select(p.axis, _centres(p, y))
        elif p.cut and p.is_symbolic:  # to narrow it would bound the lengths
            y = y.index_select(p.axis, torch.arange(p.out_length, device=y.device))
        elif p.cut:
            y = y.narrow(p.axis, 0, p.out_length)
    return y


def _transposed(g: torch.Tensor, weight: torch.Tensor, passes: list[_Pass]) -> torch.Tensor:
    """The transpose of `_convolved`: onto the extended signal, then folded back."""
    rank = g.dim() - 2
    strides = [1] * rank
    for p in passes:
        if p.plan.spacing is None:
            g = _added(g, p.axis, _centres(p, g), p.length)
        else:
            strides[p.axis] = min(p.plan.spacing, _ANY)
    x: torch.Tensor = _TRANSPOSES[rank](g, weight, None, strides, groups=g.shape[1])
    for p in passes:
        radius = p.plan.radius
        missing = p.length + 2 * radius - x.shape[p.axis]  # beyond what the last output reaches
        x = torch.nn.functional.pad(x, [0, 0] * (-1 - p.axis) + [0, missing])
        if p.plan.boundary == "zeros":
            x = x.narrow(p.axis, radius, p.length)
        else:
            x = _added(x, p.axis, _folded(p, x), p.length)
    return x


def _added(x: torch.Tensor, axis: int, index: torch.Tensor, length: Any) -> torch.Tensor:
    """Each sample along an axis added to that of its index."""
    shape = list(x.shape)
    shape[axis] = length
    index = index.reshape(-1, *[1] * (-1 - axis)).expand(x.shape)
    return x.new_zeros(shape).scatter_add(axis, index, x)


def _folded(p: _Pass, like: torch.Tensor) -> torch.Tensor:
    """The indices that stand for the positions of an extended signal."""
    radius, boundary = p.plan.radius, p.plan.boundary
    if p.is_symbolic:
        index: torch.Tensor = indices.extended(p.length, radius, boundary).to(like.device)
        return index
    if type(p.length) is not int:
        raise TensorLengthError(
            f"axis {p.axis} has a length that is not fixed, with which ONNX cannot fold a boundary "
            "back: export the adjoint with fixed lengths, or with boundary='zeros'"
        )
    return _constant(fold(np.arange(-radius, p.length + radius), p.length, boundary), like)


def _extended(x: torch.Tensor, p: _Pass) -> torch.Tensor:
    radius = p.plan.radius
    known = type(p.length) is int
    if p.is_symbolic or (known and radius >= p.length):  # torch's own `pad` goes no further
        return x.index_select(p.axis, _folded(p, x))
    padding = [0, 0] * (-1 - p.axis) + [radius, radius]
    padding += [0, 0] * (x.dim() - 2 - len(padding) // 2)
    return torch.nn.functional.pad(x, padding, p.plan.boundary)


def _centres(p: _Pass, y: torch.Tensor) -> torch.Tensor:
    if p.is_symbolic:
        centres: torch.Tensor = indices.centres(p.length, p.text).to(y.device)
        return centres
    if type(p.length) is not int:
        raise TensorLengthError(
            f"axis {p.axis} has a length that is not fixed, and with sampling='nearest' at scale "
            f"{p.plan.scale} no stride: export with fixed lengths (to ONNX with dynamo=True, since "
            "torch.jit.trace fixes none), or with sampling='slice'"
        )
    return _constant(p.plan.centres.copy(), y)


# ------------------------------------------------------------------------------------ types


def _wide(x: torch.Tensor) -> torch.Tensor:
    return x if x.dtype in (torch.float32, torch.float64) else x.to(torch.float32)


def _narrow(y: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if not dtype.is_floating_point:
        y = y.round().nan_to_num(0.0).clamp(0, torch.iinfo(dtype).max)
    return y.to(dtype)


def no_autocast(x: torch.Tensor) -> AbstractContextManager[Any]:
    """Return a context in which convolutions of a tensor keep its type."""
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()
