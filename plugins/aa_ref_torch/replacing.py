"""The original's layers in a live model, swapped for the ones here."""

import copy
import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from aa_ref.errors import AaRefError, ContainerError

from .checkpoint import HALVES, ROUNDING
from .modules import (
    AntiAliasInterpolation2d,
    AntiAliasInterpolation3d,
    has_forward_of_its_own,
    has_hooks,
)

__all__ = ["Swap", "Swaps", "replace"]

_NAME = "AntiAliasInterpolation2d"
_FAMILY = "AntiAliasInterpolation"


class Swap(NamedTuple):
    """One layer: its name in the model, what took its place, or why nothing did."""

    name: str
    layer: AntiAliasInterpolation2d | None
    reason: str

    def __str__(self) -> str:
        name = self.name or "the model itself"
        return f"{name}: {self.reason if self.layer is None else self.layer}"


class Swaps(tuple[Swap, ...]):
    """All layers of that family, in the order of the model. ``print`` tells what became of each."""

    def __str__(self) -> str:
        if not self:
            return f"no layer named {_NAME} in the model"
        return "\n".join(map(str, self))


def replace(model: nn.Module) -> Swaps:
    """Swap every ``AntiAliasInterpolation2d`` of a model for the one of this package, in place.

    Layers are found by the name of their class. What samples a layer keeps is seen from what it
    does to small pictures, in training and in evaluation; one whose results are not those of its
    stand-in, or that holds more than the buffer ``weight``, is left as it is. So are others whose
    class, or a class that it derives from, has a name with that beginning; they are reported, too.
    The tensor ``weight`` itself passes to the new layer, with its type and device, and whatever
    else shares it still does. The training mode is kept. All layers are judged before any is
    swapped.

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
    if type(model).__name__ == _NAME and _is_of_family(model):
        raise ContainerError(
            "the model is the layer itself, which cannot be swapped in place; build "
            "aa_ref_torch.AntiAliasInterpolation2d and load its state_dict"
        )
    made: dict[nn.Module, Swap] = {}  # a layer that is in two places stays one
    swaps = []
    # Layers are tried on the CPU and as they are, whatever the caller has switched on around.
    with torch.device("cpu"), torch.autocast("cpu", enabled=False):
        for path, module in model.named_modules(remove_duplicate=False):
            if _is_of_family(module):
                if module not in made:
                    made[module] = _stand_in(path, module)
                swaps.append(made[module]._replace(name=path))
    for path, new, _ in swaps:
        if new is not None:
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, new)
    return Swaps(swaps)


def _is_of_family(module: nn.Module) -> bool:
    """Whether it is, or derives from, a layer of such a name that is not of this package."""
    if isinstance(module, (AntiAliasInterpolation2d, AntiAliasInterpolation3d)):
        return False
    return any(base.__name__.startswith(_FAMILY) for base in type(module).__mro__)


def _stand_in(name: str, layer: Any) -> Swap:
    """A layer that does the same, if there is one."""
    obstacle = _obstacle(layer)
    if obstacle:
        return Swap(name, None, f"{obstacle}: left")
    try:
        theirs = copy.deepcopy(layer).cpu()  # the modes that it is tried in are not the model's
    except Exception as error:  # whatever a layer raises that cannot be copied
        return Swap(name, None, f"cannot be copied to be tried, {_told(error)}: left")
    misfits = []
    try:
        for new in _candidates(layer):
            misfit = _misfit(theirs, copy.deepcopy(new).cpu())
            if misfit is None:
                return Swap(name, new.train(layer.training), "")
            misfits.append(misfit)
    except AaRefError as error:
        return Swap(name, None, f"{error}: left")
    nearest = min(misfits, default=_Misfit(np.inf, "another number of taps than its scale gives"))
    return Swap(name, None, f"does nothing that its stand-in could do, {nearest.words}: left")


def _obstacle(layer: Any) -> str:
    """What keeps a layer from being tried at all, or nothing."""
    named = type(layer).__name__
    if named != _NAME:
        return f"is a {named}, and only layers whose class is named {_NAME} are swapped"
    if any(map(has_hooks, layer.modules())):
        return "has hooks, which would be lost"
    if has_forward_of_its_own(layer):
        return "has a forward of its own, which would be lost"
    if "weight" in dict(layer.named_parameters(recurse=False)):
        return "has a parameter as its weight, which would no longer be trained"
    held = [key for key, _ in itertools.chain(layer.named_buffers(), layer.named_parameters())]
    if held != ["weight"] or list(layer.state_dict()) != held:
        return f"holds {', '.join(held) or 'nothing'}, and not one stored buffer named weight alone"
    weight = layer.weight
    if weight.dim() != 4 or weight.shape[1] != 1 or weight.is_meta:
        return f"has a weight {tuple(weight.shape)} on {weight.device}"
    if not weight.is_floating_point():
        return f"has a weight of type {weight.dtype}"
    return ""


def _candidates(layer: Any) -> Iterator[AntiAliasInterpolation2d]:
    """The layers with that weight, each of which may do the same."""
    weight, scale = layer.weight, getattr(layer, "scale", None)
    for sampling in ("slice", "nearest"):
        for sigma in (None, Fraction(weight.shape[-1] // 2, 4)):
            new = AntiAliasInterpolation2d(weight.shape[0], scale, sigma=sigma, sampling=sampling)
            if new.weight.shape == weight.shape:
                new.weight = weight
                new.refresh()
                yield new


class _Misfit(NamedTuple):
    """How far the results of two layers are apart, for the nearest to be told of."""

    how_far: float
    words: str


def _misfit(layer: nn.Module, new: AntiAliasInterpolation2d) -> _Misfit | None:
    """What tells both apart, unless it is rounding."""
    reach = max(new.weight.shape[2:]) + 2 * int(np.max(new.int_inv_scale))
    allowed, random = _rounding(new.weight), torch.Generator().manual_seed(0)
    try:
        if new.weight.dtype in HALVES:
            # torch takes minutes to convolve some halves on the CPU: only the kind is theirs
            x = torch.empty(
                (1, new.groups, reach, reach + 3), dtype=new.weight.dtype, device="meta"
            )
            kinds = [_kind(copy.deepcopy(one).to("meta")(x)) for one in (layer, new)]
            if kinds[0] != kinds[1]:
                return _other_kind(*kinds)
            layer, new = copy.deepcopy(layer).float(), copy.deepcopy(new).float()
        for extra in range(3):  # of some of these lengths, samplings keep different numbers
            shape = 1, new.groups, reach + 5 + extra, reach + 8 + extra
            x = torch.rand(shape, generator=random).to(new.weight.dtype)
            ours = new(x)
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                theirs = layer.train(extra % 2 == 1)(x.clone())
            if _kind(theirs) != _kind(ours):
                return _other_kind(_kind(theirs), _kind(ours))
            how_far = float((theirs.double() - ours.double()).abs().max())
            if not how_far <= allowed:  # a NaN is not
                words = (
                    f"their results being {how_far:.1e} apart and rounding at most {allowed:.1e}"
                )
                return _Misfit(np.inf if np.isnan(how_far) else how_far, words)
    except Exception as error:  # whatever a layer raises that takes no such picture
        return _Misfit(np.inf, _told(error))
    return None


def _other_kind(theirs: str, ours: str) -> _Misfit:
    return _Misfit(np.inf, f"which gives {ours} where it gives {theirs}")


def _rounding(weight: torch.Tensor) -> float:
    """How far rounding may carry the results of both apart, where samples are from 0 to 1.

    A sum of n products in any order is off by at most γ = nu/(1 - nu) times the sum of magnitudes,
    here the weights'; n + 2 for n leaves room for the denominator and for rounding the results.
    Sums are held in binary32 at least, by both. The weights may have been rounded to their own
    type; a small float16 by up to u of binary32, and not relative to it, which is one more n.
    """
    n = weight[0].numel()
    single, own = (torch.finfo(dtype).eps / 2 for dtype in (torch.float32, weight.dtype))
    magnitudes = float(weight.double().nan_to_num().abs().sum((1, 2, 3)).max())
    return magnitudes * (2 * (n + 2) * single + own + ROUNDING) + n * single * (own > single)


def _kind(result: Any) -> str:
    if not isinstance(result, torch.Tensor):
        return f"a {type(result).__name__}"
    return f"{result.dtype} {tuple(result.shape)} on {result.device}"


def _told(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"as it raises {type(error).__name__}: {lines[0]}"
