"""How many operations the operators take, for `torch.utils.flop_counter.FlopCounterMode`.

Two for each multiplication of the plan, as torch counts its own convolutions: a product and a sum.
`aa_ref::convolve` has no row, since it is made up of convolutions, which torch counts.
"""

from typing import Any

import torch
from torch.utils.flop_counter import register_flop_formula

from . import operator
from .options import keywords, plan_for

__all__ = ["register_flops"]


def register_flops() -> None:
    """Tell torch's counter of the operators. To be called once."""
    for formula, of in (
        (_of_downsample, operator.forward),
        (_of_pyramid, operator.pyramid),
        (_of_adjoint, operator.adjoint),
        (_of_add_adjoint, operator.add_adjoint),
    ):
        register_flop_formula(of.overloadpacket, get_raw=True)(formula)


def _of_downsample(x: torch.Tensor, text: str, *_: Any, **__: Any) -> int:
    return 2 * plan_for(tuple(x.shape), text, x.dtype).multiplications


def _of_pyramid(x: torch.Tensor, texts: list[str], *_: Any, **__: Any) -> int:
    return sum(_of_downsample(x, text) for text in texts)  # no level is made from another


def _of_adjoint(g: torch.Tensor, lengths: list[int], text: str, *_: Any, **__: Any) -> int:
    """Return as many as the way there takes."""
    shape = list(g.shape)
    for axis, length in zip(keywords(text)["axes"], lengths, strict=True):
        shape[axis] = length
    return 2 * plan_for(tuple(shape), text, g.dtype).multiplications


def _of_add_adjoint(total: torch.Tensor, g: torch.Tensor, *options: Any, **_: Any) -> int:
    return _of_adjoint(g, *options) + total.numel()
