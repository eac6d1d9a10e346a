"""The same operation in nothing but torch's standard operators, for files that stand alone.

One strided convolution for each axis; boundaries other than zeros are gathered by index before it.
`torch.jit.script`, `torch.jit.trace`, `torch.export` and `torch.compile` all read these functions,
at lengths that change. Sums are rounded in the order of a convolution's own: results are close to
the core's, not the same to the bit.
"""

import math
from fractions import Fraction
from typing import Any, NamedTuple, Optional

import torch

from .options import LONG, axes_of, axis_plan

__all__ = ["StandardAxis", "downsample", "standard_axes"]

_ANY = 1 << 23  # a stride beyond the length keeps the first sample alone, as the length itself does


class StandardAxis(NamedTuple):
    """One filtered axis, as numbers that every tracer and compiler of torch takes.

    `numerator` and `denominator` are the scale, 0 and 0 where it is a float; `step` is 1/scale in
    binary32 where centres are ``"nearest"`` and not evenly spaced, otherwise 0.
    """

    dim: int
    taps: torch.Tensor
    radius: int
    boundary: str
    sampling: str
    stride: int
    step: float
    scale: float
    numerator: int
    denominator: int


def standard_axes(text: str) -> list[StandardAxis]:
    """Return the axes that options as text filter, the first dimension first."""
    axes = []
    for a in axes_of(text):
        plan = axis_plan(a, LONG)
        if not plan.has_pass:
            continue
        exact = a.scale if isinstance(a.scale, Fraction) else Fraction(0, 1)
        stride, step = plan.stride, 0.0
        if a.sampling == "nearest":
            even = plan.step == int(plan.step)
            stride, step = (int(plan.step), 0.0) if even else (1, float(plan.step))
        axes.append(
            StandardAxis(
                a.axis, torch.tensor(plan.taps, dtype=torch.float64, device="cpu"), plan.radius,
                a.boundary, a.sampling, min(stride, _ANY), step, float(a.scale), exact.numerator,
                exact.denominator if exact else 0,
            )
        )  # fmt: skip
    return sorted(axes, key=lambda axis: axis.dim)


def downsample(
    x: torch.Tensor,
    weight: Optional[torch.Tensor],  # noqa: UP045 (torch.jit.script reads annotations)
    axes: list[StandardAxis],
    channels: int,
    rank: int,
) -> torch.Tensor:
    """Downsample the last ``rank`` axes of (channels, ...) or (N, channels, ...).

    With a weight, (channels, 1, ...), in place of the axes' taps. The result has the input's type.
    """
    y = x
    if x.dtype != torch.float32 and x.dtype != torch.float64:
        y = x.to(torch.float32)
    if weight is not None:
        y = _convolved(y, weight.to(y), axes, channels, rank)
    else:
        for a in axes:
            shape = [1] * (rank + 2)
            shape[a.dim] = 2 * a.radius + 1
            taps = a.taps.to(y).reshape(shape)
            shape[0], shape[a.dim] = channels, -1
            y = _convolved(y, taps.expand(shape), [a], channels, rank)
    if not x.is_floating_point():
        y = y.round().nan_to_num(0.0).clamp(0.0, 255.0 if x.dtype == torch.uint8 else 65535.0)
    return y.to(x.dtype)


def _convolved(
    x: torch.Tensor, weight: torch.Tensor, axes: list[StandardAxis], channels: int, rank: int
) -> torch.Tensor:
    strides, padding = [1] * rank, [0] * rank
    y = x
    for a in axes:
        strides[a.dim] = a.stride
        if a.boundary == "zeros":
            padding[a.dim] = a.radius
        else:
            y = y.index_select(a.dim, _folded(x, a))
    if rank == 2:
        y = torch.nn.functional.conv2d(y, weight, None, strides, padding, 1, channels)
    else:
        y = torch.nn.functional.conv3d(y, weight, None, strides, padding, 1, channels)
    for a in axes:
        if a.sampling == "nearest":
            y = y.index_select(a.dim, _centres(x, a))
    return y


def _folded(x: torch.Tensor, a: StandardAxis) -> torch.Tensor:
    """Return the indices that stand for the positions of the extended signal."""
    n = x.shape[a.dim]
    e = torch.arange(-a.radius, n + a.radius, device=x.device)
    if a.boundary == "replicate":
        return e.clamp(min=0).clamp(max=n - 1)
    if a.boundary == "circular":
        return torch.remainder(e, n)
    period = 2 * (n - 1)
    k = torch.remainder(e, _at_least_one(period))
    return torch.minimum(k, period - k)


def _at_least_one(period: int) -> int:
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return max(period, 1)
    else:  # noqa: RET505 (which torch.jit.script then leaves unread)
        return _traced_at_least_one(period)


def _traced_at_least_one(period: Any) -> int:
    """Do the same for lengths that are symbols, or tensors while `torch.jit.trace` is at work."""
    found: Any = (
        period.clamp(min=1) if isinstance(period, torch.Tensor) else torch.sym_max(period, 1)
    )
    return found  # type: ignore[no-any-return]


def _centres(x: torch.Tensor, a: StandardAxis) -> torch.Tensor:
    """Return the outputs of the convolution that are kept."""
    n = x.shape[a.dim]
    exact = a.denominator > 0
    kept = n * a.numerator // a.denominator if exact else _floor_of_product(n, a.scale)
    i = torch.arange(kept, device=x.device)
    if a.step == 0.0:
        return i
    return (i.to(torch.float32) * a.step).floor().to(torch.int64).clamp(max=n - 1)


def _floor_of_product(n: int, scale: float) -> int:
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return math.floor(n * scale)
    else:  # noqa: RET505
        return _traced_floor_of_product(n, scale)


def _traced_floor_of_product(n: Any, scale: float) -> int:
    """Do the same, with the same binary64 product, for lengths that are symbols or tensors."""
    found: Any
    if isinstance(n, torch.Tensor):
        found = torch.floor(n.double() * scale).long()
    else:
        found = torch.sym_int(n * scale)  # files of torch.export hold it, but not math.floor
    return found  # type: ignore[no-any-return]
