"""The original's layers in a live model, swapped for the ones here."""

from fractions import Fraction
from typing import Any, NamedTuple

import torch
from torch import nn

from aa_ref.errors import AaRefError, ContainerError

from .modules import AntiAliasInterpolation2d, has_hooks

__all__ = ["Swap", "Swaps", "replace"]

_NAME = "AntiAliasInterpolation2d"
_CLOSE = 2e-6
"""How far, relative to the largest value, the results of a layer and of its stand-in may differ."""
_HALF = 2e-2
"""The same where the layer computes in float16 or bfloat16."""


class Swap(NamedTuple):
    """One layer: its name in the model, what took its place, or why nothing did."""

    name: str
    layer: AntiAliasInterpolation2d | None
    reason: str

    def __str__(self) -> str:
        name = self.name or "the model itself"
        return f"{name}: {self.reason if self.layer is None else self.layer}"


class Swaps(tuple[Swap, ...]):
    """All layers of that name, in the order of the model. ``print`` tells what became of each."""

    def __str__(self) -> str:
        if not self:
            return f"no layer named {_NAME} in the model"
        return "\n".join(map(str, self))


def replace(model: nn.Module) -> Swaps:
    """Swap every ``AntiAliasInterpolation2d`` of a model for the one of this package, in place.

    Layers are found by the name of their class and by their buffer ``weight``. What samples a layer
    keeps is seen from what it does to a small picture; and one whose results are not those of its
    stand-in is left as it is. Weights, their type and device are kept, as is the training mode.

    Parameters
    ----------
    model : Module

    Returns
    -------
    Swaps
        A tuple with a `Swap` for each layer: its ``name``, the new ``layer`` or None, and then the
        ``reason``.

    Raises
    ------
    ContainerError
        If the model is no module, or is such a layer itself and cannot be changed in place.

    Examples
    --------
    >>> from torch import nn
    >>> class AntiAliasInterpolation2d(nn.Module):  # stands for the original
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.scale = 0.5
    ...         self.register_buffer("weight", torch.full((3, 1, 5, 5), 1 / 25))
    ...
    ...     def forward(self, x):
    ...         x = nn.functional.conv2d(x, self.weight, padding=2, groups=3)
    ...         return x[:, :, ::2, ::2]
    >>> import torch
    >>> from aa_ref_torch import replace
    >>> print(replace(nn.Sequential(AntiAliasInterpolation2d())))
    0: AntiAliasInterpolation2d(3, scale=0.5, by its stored weights)
    """
    if not isinstance(model, nn.Module):
        raise ContainerError(f"the model is a {type(model).__name__}; pass a torch.nn.Module")
    if _is_original(model):
        raise ContainerError(
            "the model is the layer itself, which cannot be swapped in place; build "
            "aa_ref_torch.AntiAliasInterpolation2d and load its state_dict"
        )
    made: dict[nn.Module, Swap] = {}  # a layer that is in two places stays one
    swaps = []
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if not _is_original(module):
            continue
        if module not in made:
            made[module] = _stand_in(path, module)
        swap = made[module]._replace(name=path)
        if swap.layer is not None:
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, swap.layer)
        swaps.append(swap)
    return Swaps(swaps)


def _is_original(module: nn.Module) -> bool:
    weight = dict(module.named_buffers(recurse=False)).get("weight")
    named = type(module).__name__ == _NAME and not isinstance(module, AntiAliasInterpolation2d)
    return named and weight is not None


def _stand_in(name: str, layer: Any) -> Swap:
    """A layer that does the same, if there is one."""
    weight, scale = layer.weight, getattr(layer, "scale", None)
    if has_hooks(layer):
        return Swap(name, None, "has hooks, which would be lost: left")
    if weight.dim() != 4 or weight.shape[1] != 1 or weight.is_meta:
        return Swap(name, None, f"has a weight {tuple(weight.shape)} on {weight.device}: left")
    reason = "does nothing that its stand-in could do: left"
    for sampling in ("slice", "nearest"):
        for sigma in (None, Fraction(weight.shape[-1] // 2, 4)):
            try:
                new = AntiAliasInterpolation2d(
                    weight.shape[0], scale, sigma=sigma, sampling=sampling
                )
            except AaRefError as error:
                reason = f"{error}: left"
                continue
            if new.weight.shape != weight.shape:
                continue
            new.to(weight.device, weight.dtype)
            new.load_state_dict({"weight": weight})
            if _do_the_same(layer, new):
                return Swap(name, new.train(layer.training), "")
    return Swap(name, None, reason)


def _do_the_same(layer: nn.Module, new: AntiAliasInterpolation2d) -> bool:
    """Whether both give results of the same shape, and of the same values but for rounding."""
    taps, weight = max(new.weight.shape[2:]), new.weight
    random = torch.Generator().manual_seed(0)
    for extra in range(3):  # of some of these lengths, samplings keep different numbers
        shape = 1, new.groups, 2 * taps + 5 + extra, 3 * taps + 8 + extra
        x = torch.rand(shape, generator=random).to(weight.device, weight.dtype)
        with torch.no_grad():
            try:
                theirs, ours = layer(x), new(x)
            except Exception:  # whatever a layer raises that takes no such picture
                return False
        allowed = _CLOSE if weight.dtype in (torch.float32, torch.float64) else _HALF
        if theirs.shape != ours.shape or (theirs - ours).abs().max() > allowed * ours.abs().max():
            return False
    return True
