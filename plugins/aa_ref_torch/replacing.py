"""The original's layers in a live model, swapped for the ones here."""

import warnings
from typing import Any, NamedTuple

import torch
from torch import nn

from aa_ref.errors import ContainerError

from .carrying import carry
from .options import level_outside
from .probing import Layer, find_stand_in
from .recognising import as_classes, is_named, modules_to_look_at, obstacle

__all__ = ["Swap", "Swaps", "replace"]


class Swap(NamedTuple):
    """One layer: its name in the model, what took its place, or why nothing did."""

    name: str
    layer: Layer | None
    reason: str

    def __str__(self) -> str:
        name = self.name or "the model itself"
        return f"{name}: {self.reason if self.layer is None else self.layer}"


class Swaps(tuple[Swap, ...]):
    """All layers that were looked at, in the model's order. ``print`` tells what became of each."""

    def __str__(self) -> str:
        if not self:
            return (
                "no layer in the model that is named AntiAliasInterpolation2d or 3d, or that holds "
                "a low-pass filter; name others by classes="
            )
        return "\n".join(map(str, self))


def replace(model: nn.Module, *, classes: Any = ()) -> Swaps:
    """Swap every layer of a model that does what one of this package does, in place.

    Layers are found by the name of their class, ``AntiAliasInterpolation2d`` or ``3d``, and others
    by what they hold: one low-pass filter of each channel. Scale, sigma, boundary and sampling are
    seen from the weight and from what a layer does to small pictures, in training and in
    evaluation. One whose results are not those of its stand-in, or that holds more than ``weight``,
    is left as it is, and the reason told; so are layers of this package, and scripted and traced
    ones.

    The tensor ``weight`` itself passes to the new layer, with its type and device, and whatever
    else shares it still does. The training mode and all attributes are kept; a layer with methods
    or properties of its own, which would be lost, is left. All layers are judged before any is
    swapped.

    Parameters
    ----------
    model : Module
    classes : class, str, or sequence of these
        Further classes to look at, by themselves or by their names. What they hold need be no
        low-pass filter of the rule then.

    Returns
    -------
    Swaps
        A tuple with a `Swap` for each layer: its ``name``, the new ``layer`` or None, and then the
        ``reason``.

    Raises
    ------
    ContainerError
        If the model is no module, or is such a layer itself and cannot be changed in place; if
        ``classes`` has something else.

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
    named = as_classes(classes)
    made: dict[nn.Module, Swap] = {}  # a layer that is in two places stays one
    swaps, warned = [], dict[str, None]()
    # Layers are tried on the CPU and as they are, whatever the caller has switched on around.
    with torch.device("cpu"), torch.autocast("cpu", enabled=False):
        for path, module in modules_to_look_at(model, named):
            if module not in made:
                made[module], of_it = _swap(path, module, is_named(module, named))
                warned.update(dict.fromkeys(of_it))
            swaps.append(made[module]._replace(name=path))
    if swaps and swaps[0].name == "" and swaps[0].layer is not None:
        raise ContainerError(
            "the model is the layer itself, which cannot be swapped in place; build "
            f"{swaps[0].layer!r} of aa_ref_torch and load its state_dict"
        )
    for words in warned:
        warnings.warn(words, UserWarning, stacklevel=level_outside())
    for path, new, _ in swaps:
        if new is not None:
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, new)
    return Swaps(swaps)


def _swap(path: str, layer: Any, is_of_class: bool) -> tuple[Swap, tuple[str, ...]]:
    """Return what takes a layer's place, if anything does, and what is to be warned of."""
    reason = obstacle(layer)
    if reason:
        return Swap(path, None, f"{reason}: left"), ()
    new, reason, warned = find_stand_in(layer)
    if new is not None and not (is_of_class or new.acts_by_plan):
        reason = (
            f"does what {new!r} does, but is of a class of another name, and its weights are no "
            f"Gaussian; replace(model, classes={type(layer).__name__!r}) swaps it"
        )
    elif new is not None:
        reason = carry(layer, new)
    if new is None or reason:
        return Swap(path, None, f"{reason}: left"), ()
    return Swap(path, new.train(layer.training), ""), warned
