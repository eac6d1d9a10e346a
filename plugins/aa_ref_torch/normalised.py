"""Normalised filtering of tensors: the core's steps, each of them differentiable."""

from typing import Any

import torch

from aa_ref.errors import AaRefError, MaskError
from aa_ref.normalised import checked_limits, mask_shape

from . import convolution, operator
from .errors import as_torch_raises
from .options import LONG, as_integers, axes_of, from_integers, plan_for

__all__ = ["normalise"]

_IN_CORE = ("cpu", "cuda", "meta")
_UNFILTERED = "-1 1.0 None zeros slice"
"""The options that leave an array as it is, but for its type."""


def normalise(
    x: torch.Tensor,
    mask: torch.Tensor,
    text: str,
    result: torch.dtype,
    least: Any,
    fill: Any,
    backend: str | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Filter a tensor and its mask by options as text, and divide: ``docs/spec.md``, part 9."""
    compute = torch.float64 if x.dtype == torch.float64 else torch.float32
    if torch.compiler.is_compiling():  # which may hold numbers as symbols
        least, fill = as_integers(least), as_integers(fill)
    axes, least, fill = _settled(x.dim(), text, x.dtype, result, least, fill)
    try:
        shape = mask_shape(tuple(mask.shape), tuple(x.shape), axes)
    except AaRefError as error:
        raise as_torch_raises(error) from None
    m = _as_weights(mask, compute).expand(shape)
    ones = [n if d in axes else 1 for d, n in enumerate(x.shape)]
    shown = torch.where(m > 0, x.to(compute), 0)
    data = _filtered(shown * m, text, backend)
    weights = _filtered(m, text, backend)
    counts = _filtered(torch.ones(ones, dtype=compute, device=x.device), text, backend)
    weight = (weights / counts).expand(data.shape).contiguous()
    seen = (weight >= least) & (weights > 0)
    y = data / torch.where(weights > 0, weights, 1)
    if result != compute:  # by the operator, which rounds once, also from binary64 to bfloat16
        y = _rounded(y, result, backend)
    hidden = torch.zeros((), dtype=result, device=x.device)
    if result.is_floating_point or fill == fill:
        hidden = torch.full((), fill, dtype=result, device=x.device)
    return torch.where(seen, y, hidden), weight


def _settled(
    ndim: int, text: str, dtype: torch.dtype, result: torch.dtype, least: Any, fill: Any
) -> tuple[tuple[int, ...], float, float]:
    """Return the filtered axes, counted from the front, and the limits: nothing of a tensor's."""
    least, fill = from_integers(least), from_integers(fill)
    limits = checked_limits(least, fill, plan_for((LONG,) * ndim, text, dtype, result))
    return tuple(a.axis % ndim for a in axes_of(text)), *limits


_settled._dynamo_marked_constant = True  # type: ignore[attr-defined]
# As in `aa_ref_torch.options`: the compiler reads no plan.


def _as_weights(mask: torch.Tensor, compute: torch.dtype) -> torch.Tensor:
    """Return a mask's weights in a compute type."""
    if mask.dtype != torch.bool and not torch.compiler.is_compiling():
        # uint16 has no comparisons in torch
        plain = _without_transforms(mask)
        plain = plain.to(torch.float64 if mask.dtype == torch.float64 else torch.float32)
        if not bool(((plain >= 0) & (plain <= 1)).all()):
            raise MaskError(
                f"the mask has weights outside 0..1, from {plain.min()} to {plain.max()}; pass "
                "True or 1 where a sample counts, False or 0 where not, for instance mask != 0"
            )
    return mask.to(compute)


def _without_transforms(x: torch.Tensor) -> torch.Tensor:
    """Return the numbers that `torch.func`'s transforms have wrapped, all that are batched."""
    plain = x.detach()
    while torch._C._functorch.is_functorch_wrapped_tensor(plain):
        plain = torch._C._functorch.get_unwrapped(plain)
    return plain.detach()


def _filtered(x: torch.Tensor, text: str, backend: str | None) -> torch.Tensor:
    if x.device.type not in _IN_CORE:
        return convolution.downsample(x, None, text, None)
    y: torch.Tensor = operator.call(operator.forward, x, text, None, backend)
    return y


def _rounded(y: torch.Tensor, dtype: torch.dtype, backend: str | None) -> torch.Tensor:
    if y.device.type not in _IN_CORE:
        return convolution.downsample(y, None, _UNFILTERED, dtype)
    rounded: torch.Tensor = operator.call(operator.forward, y, _UNFILTERED, dtype, backend)
    return rounded
