"""The perceptual pyramid of the First Order Motion Model, under its own name."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import torch
from torch import nn

from aa_ref.errors import ScaleError

from .functional import apply_pyramid
from .modules import (
    AntiAliasInterpolation2d,
    AntiAliasInterpolation3d,
    has_forward_of_its_own,
    has_hooks,
)
from .options import describe_levels

__all__ = ["ImagePyramide"]


class ImagePyramide(nn.Module):
    """The same picture at several scales, for perceptual losses.

    Parameters
    ----------
    scales : sequence of float
    num_channels : int
    sigma, boundary, sampling
        As in `AntiAliasInterpolation2d`, the same for all levels.

    Attributes
    ----------
    downs : ModuleDict
        A layer for each scale, under the original's keys, such as ``"0-25"``. Levels may be added
        and taken away.
    standard_ops : bool
        As in `AntiAliasInterpolation2d`, of all levels together.
    names : dict
        What each key was before its points became hyphens: ``"0.25"``. A level that was added is
        named as the original names it, with points for all hyphens.

    Examples
    --------
    >>> import torch
    >>> from aa_ref_torch import ImagePyramide
    >>> levels = ImagePyramide([1, 0.5], num_channels=3)(torch.ones(1, 3, 64, 48))
    >>> {key: tuple(level.shape) for key, level in levels.items()}
    {'prediction_1': (1, 3, 64, 48), 'prediction_0.5': (1, 3, 32, 24)}
    """

    __jit_unused_properties__ = ("standard_ops",)

    def __init__(
        self,
        scales: Sequence[Any],
        num_channels: int,
        *,
        sigma: Any = None,
        boundary: Any = "zeros",
        sampling: Any = "slice",
    ) -> None:
        super().__init__()
        if isinstance(scales, str) or not isinstance(scales, Iterable):
            raise ScaleError(f"scales is {scales!r}, no sequence; write one scale for each level")
        by_name = {str(scale): scale for scale in scales}
        self.names = {name.replace(".", "-"): name for name in by_name}
        describe_levels(2, by_name.values(), (-2, -1), sigma, boundary, sampling)
        with warnings.catch_warnings():  # all levels have been warned of together
            warnings.filterwarnings("ignore", "scale .* has stride", UserWarning)
            self.downs = nn.ModuleDict(
                {
                    key: AntiAliasInterpolation2d(
                        num_channels, by_name[name], sigma=sigma, boundary=boundary,
                        sampling=sampling,
                    )
                    for key, name in self.names.items()
                }
            )  # fmt: skip

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The levels, under ``"prediction_"`` and their scale; those that can be are made at once.

        At scale 1 it is the input itself. `torch.jit.script` leaves what is not for it unread.
        """
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            return self._forward(x)
        levels: dict[str, torch.Tensor] = {}
        for key, layer in self.downs.items():
            name = self.names[key] if key in self.names else key.replace("-", ".")
            levels["prediction_" + name] = layer(x)
        return levels

    def _forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        layers = dict(self.downs.items())
        together = {key: layer for key, layer in layers.items() if _is_plain(layer)}
        made: dict[str, torch.Tensor] = {}
        if len(together) > 1:
            options = [layer.options for layer in together.values()]
            if isinstance(x, torch.fx.Proxy):
                levels = torch.ops.aa_ref.pyramid.default(x, options)
            else:
                for layer in together.values():
                    layer.check(x)
                levels = apply_pyramid(x, options)
            made = {key: levels[n] for n, key in enumerate(together)}
        names = {key: self.names.get(key, key.replace("-", ".")) for key in layers}
        return {
            f"prediction_{names[key]}": made[key] if key in made else layer(x)
            for key, layer in layers.items()
        }

    @property
    def standard_ops(self) -> bool:
        """Whether torch's standard operators alone compute, in any level that could."""
        return any(layer.standard_ops for layer in self._levels())

    @standard_ops.setter
    def standard_ops(self, value: bool) -> None:
        for layer in self._levels():
            layer.standard_ops = value

    def _levels(self) -> list[AntiAliasInterpolation2d | AntiAliasInterpolation3d]:
        ours = AntiAliasInterpolation2d, AntiAliasInterpolation3d
        return [one for one in self.downs.values() if isinstance(one, ours)]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a pickle, be it that of the original's of the same name."""
        super().__setstate__(state)
        if "names" not in self.__dict__:
            self.names = {key: key.replace("-", ".") for key in self.downs}


def _is_plain(layer: nn.Module) -> TypeGuard[AntiAliasInterpolation2d]:
    """Whether to call the layer is nothing but to downsample by its options."""
    return (
        type(layer) is AntiAliasInterpolation2d
        and layer.has_pass
        and layer.acts_by_plan
        and not layer.standard_ops
        and not has_hooks(layer)
        and not has_forward_of_its_own(layer)
        and not _has_hooks_of_all()
    )


def _has_hooks_of_all() -> bool:
    """Whether something is called with every module there is."""
    every = nn.modules.module
    hooks = every._global_forward_hooks, every._global_forward_pre_hooks
    return any(map(bool, (*hooks, every._global_backward_hooks, every._global_backward_pre_hooks)))
