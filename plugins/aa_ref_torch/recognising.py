"""Which modules of a live model may be the original's layer, and what keeps one from being tried.

A module is looked at if its class, or one that it derives from, bears the original's name or was
named by the caller; if all that it holds is one low-pass filter of each channel, whatever its name;
and if another module of its class is looked at.
"""

import itertools
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from aa_ref.errors import ContainerError

from .modules import (
    AntiAliasInterpolation2d,
    AntiAliasInterpolation3d,
    has_forward_of_its_own,
    has_hooks,
)

__all__ = ["Classes", "as_classes", "is_named", "modules_to_look_at", "obstacle"]

Classes = tuple[type | str, ...]
_FAMILY = "AntiAliasInterpolation"
_OURS = (AntiAliasInterpolation2d, AntiAliasInterpolation3d)
_GAIN = 2e-2
"""How far from 1 the sum of a filter's weights may be, also in 16 bits, for it to be a low-pass."""


def as_classes(classes: Any) -> Classes:
    """Return the classes that a caller names, by themselves or by their names.

    Raises
    ------
    ContainerError
        If something else is named.
    """
    if isinstance(classes, type | str):
        return (classes,)
    if not isinstance(classes, Iterable):
        classes = (classes,)
    found = tuple(classes)
    for one in found:
        if not isinstance(one, type | str):
            raise ContainerError(
                f"classes has {one!r}, a {type(one).__name__}; write the class of the layers to "
                "look at, or its name, for instance classes='AntiAliasDownsample2d'"
            )
    return found


def modules_to_look_at(model: nn.Module, classes: Classes) -> list[tuple[str, nn.Module]]:
    """Return the modules that may be the layer, each with its name, as often as it is in the model.

    Modules of this package are among them, so that nobody looks for them in vain, and a script that
    shows none: `torch.jit.freeze` puts its modules into its code.
    """
    everywhere = list(model.named_modules(remove_duplicate=False))
    kinds = {type(one) for _, one in everywhere if not _is_torchs(one) and _holds_low_pass(one)}
    found = [
        (path, one)
        for path, one in everywhere
        if isinstance(one, _OURS)
        or is_named(one, classes)
        or type(one) in kinds
        or _holds_low_pass(one)
    ]
    is_script = isinstance(model, torch.jit.ScriptModule)
    return [("", model)] if is_script and not found else found


def is_named(module: nn.Module, classes: Classes) -> bool:
    """Whether a module's class, or a base of it, is of the family or among those named."""
    if isinstance(module, torch.jit.ScriptModule):  # whose class is torch's
        names = {_kind(module)}
    else:
        names = {base.__name__ for base in type(module).__mro__}
    if any(name.startswith(_FAMILY) for name in names):
        return True
    return any(one in names if isinstance(one, str) else isinstance(module, one) for one in classes)


def obstacle(module: Any) -> str:
    """Say what keeps a module from being tried at all; nothing if it may be."""
    if isinstance(module, _OURS):
        return f"is an {_kind(module)} of aa_ref_torch already"
    if isinstance(module, torch.jit.ScriptModule):
        return (
            f"is {_kind(module)} as torch.jit has compiled or traced it, whose code cannot be "
            "changed; replace the layers of the model first, then script or trace it"
        )
    if _is_made_by_a_tracer(module):
        return (
            "is what torch.fx or torch.export has kept of a layer, whose code is in the graph; "
            "replace the layers of the model first, then trace or export it"
        )
    if any(map(has_hooks, module.modules())):
        return "has hooks, which would be lost"
    if has_forward_of_its_own(module):
        return "has a forward of its own, which would be lost"
    trained = module._parameters.get("weight")
    if trained is not None and trained.requires_grad:
        return "has a parameter as its weight, which would no longer be trained"
    named = itertools.chain(module.named_buffers(), module.named_parameters())
    held = dict.fromkeys([*(key for key, _ in named), *module.state_dict()])
    if set(held) - {"weight"}:
        return f"holds {', '.join(held)}, and a stand-in nothing but weight"
    return _obstacle_of_weight(getattr(module, "weight", None))


def _obstacle_of_weight(weight: Any) -> str:
    if weight is None:
        return ""
    if not isinstance(weight, torch.Tensor):
        return f"has a weight that is a {type(weight).__name__}"
    if weight.is_meta or not _is_of_each_channel(weight):
        return (
            f"has a weight {tuple(weight.shape)} on {weight.device}, and a stand-in one filter of "
            "two or three odd lengths for each channel, which can be read"
        )
    if not weight.is_floating_point():
        return f"has a weight of type {weight.dtype}"
    return ""


def _kind(module: nn.Module) -> str:
    """The name of a module's class, also of one that was scripted or traced."""
    return str(getattr(module, "original_name", type(module).__name__))


def _is_torchs(module: nn.Module) -> bool:
    return type(module).__module__.partition(".")[0] == "torch"


def _holds_low_pass(module: nn.Module) -> bool:
    """Whether one low-pass filter of each channel, which is not trained, is all that it holds.

    Torch's own modules do not count, but for those that tracers make.
    """
    if _is_torchs(module) and not _is_made_by_a_tracer(module):
        return False
    all_of_it = not _is_made_by_a_tracer(module)
    held = [*module.parameters(all_of_it), *module.buffers(all_of_it)]
    if len(held) != 1 or held[0].requires_grad or not _is_low_pass(held[0]):
        return False
    return all(_is_torchs(one) for one in module.modules() if one is not module)


def _is_made_by_a_tracer(module: nn.Module) -> bool:
    made = torch.fx.GraphModule, torch.jit.ScriptModule
    return type(module) is nn.Module or isinstance(module, made)


def _is_of_each_channel(weight: torch.Tensor) -> bool:
    lengths = weight.shape[2:]
    return len(lengths) in (2, 3) and weight.shape[1] == 1 and all(n % 2 == 1 for n in lengths)


def _is_low_pass(weight: torch.Tensor) -> bool:
    """Whether the filter of each channel sums to 1. The original's of a single tap is NaN."""
    if weight.is_meta or not weight.is_floating_point() or not _is_of_each_channel(weight):
        return False
    if weight[0].numel() == 1:
        return bool(weight.isnan().all())
    sums = weight.detach().double().flatten(1).sum(1)
    return bool(((sums - 1).abs() <= _GAIN).all())
