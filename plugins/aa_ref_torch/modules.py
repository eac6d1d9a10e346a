"""The layers of the First Order Motion Model, under their own names: change the import alone."""

import inspect
import operator
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import torch
from torch import nn

import aa_ref
from aa_ref.errors import ContainerError, ScaleError, ShapeError

from .checkpoint import explain_mismatch, is_design
from .convolution import outer_product
from .functional import apply, apply_pyramid, convolve, is_jit_tracing
from .memory import check_readable
from .options import LONG, describe, plan_for

__all__ = [
    "AntiAliasInterpolation2d",
    "AntiAliasInterpolation3d",
    "ImagePyramide",
    "has_forward_of_its_own",
    "has_hooks",
]


class _AntiAliasInterpolation(nn.Module):
    """What the layers for two and for three dimensions share."""

    dimensions: int
    weight: torch.Tensor

    def __init__(
        self,
        channels: int,
        scale: Any,
        *,
        sigma: Any = None,
        boundary: Any = "zeros",
        sampling: Any = "slice",
    ) -> None:
        super().__init__()
        axes = tuple(range(-self.dimensions, 0))
        self.options = describe(self.dimensions, scale, axes, sigma, boundary, sampling)
        self.scale = scale
        given = {"sigma": sigma, "boundary": boundary, "sampling": sampling}
        usual = {"sigma": None, "boundary": "zeros", "sampling": "slice"}
        self._given = [f"{key}={value!r}" for key, value in given.items() if value != usual[key]]
        self.groups = _positive(channels)
        self.ka = self.kb = _one_if_equal([a.radius for a in self._plan.axes])
        self.int_inv_scale = _one_if_equal([a.stride for a in self._plan.axes])
        self.has_pass = bool(self._plan.passes)
        self.acts_by_plan = True
        weight = torch.tensor(outer_product(self._plan.axes), dtype=torch.float32)
        self.register_buffer("weight", weight.repeat(self.groups, 1, *[1] * self.dimensions))

    @property
    def _plan(self) -> aa_ref.Plan:
        return plan_for((LONG,) * self.dimensions, self.options, torch.float64)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (the original's name)
        """Downsample a tensor (N, channels, ...) or (channels, ...). At scale 1, it is returned."""
        if not self.has_pass:
            return input
        self.check(input)
        if self.acts_by_plan:
            return apply(input, self.options)
        return convolve(input, self.weight, self.options)

    def check(self, input: torch.Tensor) -> None:  # noqa: A002
        """See that a tensor has the layer's dimensions and channels.

        Raises
        ------
        ContainerError
            If it is no tensor, or none of plain numbers.
        ShapeError
            If it has not.
        """
        if is_jit_tracing():
            return
        if not isinstance(input, torch.Tensor):
            raise ContainerError(
                f"the input is a {type(input).__name__}, but layers take tensors; write "
                "torch.from_numpy(x), or aa_ref.downsample for other arrays"
            )
        check_readable(input)
        rank = self.dimensions + 1
        if input.dim() not in (rank, rank + 1) or input.shape[-rank] != self.groups:
            lengths = "height, width" if self.dimensions == 2 else "depth, height, width"
            raise ShapeError(
                f"the tensor has shape {tuple(input.shape)}, but the layer takes "
                f"(N, {self.groups}, {lengths}); pass another number as channels, or write "
                "aa_ref_torch.downsample for tensors of any shape"
            )

    def refresh(self) -> None:
        """Look at ``weight`` again, after it was changed in place or replaced.

        If it is the design, to within the original's rounding or rounded to a half, the core's taps
        act, which are the exact ones. Otherwise the weight acts as it stands, by a convolution.

        Raises
        ------
        ShapeError
            If its shape is another than the layer's.
        """
        if not self.has_pass:
            return
        design = outer_product(self._plan.axes)
        shape = self.groups, 1, *design.shape
        if self.weight.shape != shape:
            raise ShapeError(
                f"weight has shape {tuple(self.weight.shape)}, but that of {self!r} has {shape}; "
                "build a layer with these channels and taps, for instance by another sigma"
            )
        self.acts_by_plan = self.weight.is_meta or is_design(self.weight, design)

    def extra_repr(self) -> str:
        """What ``print`` shows of the layer."""
        shown = [str(self.groups), f"scale={self.scale!r}", *self._given]
        return ", ".join(shown if self.acts_by_plan else [*shown, "by its stored weights"])

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, *arguments: Any, **keywords: Any
    ) -> None:
        *_, error_messages = arguments
        before = len(error_messages)
        super()._load_from_state_dict(state_dict, prefix, *arguments, **keywords)
        key = f"{prefix}weight"
        stored = getattr(state_dict.get(key), "shape", self.weight.shape)
        if stored != self.weight.shape:
            words = explain_mismatch(key, stored, self.weight.shape, self.scale)
            error_messages[before:] = [words]
        self.refresh()


def _positive(channels: Any) -> int:
    try:
        number = 0 if isinstance(channels, bool) else operator.index(channels)
    except TypeError:
        number = 0
    if number < 1:
        raise ShapeError(f"channels is {channels!r}; write how many channels the tensors have")
    return number


def _one_if_equal(values: Sequence[int]) -> int | tuple[int, ...]:
    return values[0] if len(set(values)) == 1 else tuple(values)


class AntiAliasInterpolation2d(_AntiAliasInterpolation):
    """Band-limited downsampling of pictures, the layer of the First Order Motion Model.

    Takes (N, channels, H, W) and keeps every stride-th sample of every stride-th row, after a
    Gaussian low-pass; see `aa_ref.downsample`. At scale 1 without a sigma it returns its input.

    Parameters
    ----------
    channels : int
    scale : float, Fraction, or one for each axis
        Output size over input size, in (0, 1].
    sigma : float, Fraction, None, or one for each axis
        Standard deviation instead of the one that follows from the scale.
    boundary : {"zeros", "replicate", "reflect", "circular"}, or one for each axis
    sampling : {"slice", "nearest"}, or one for each axis
        ``"slice"`` as in the original since December 2020; ``"nearest"`` as before, and in some
        of its descendants.

    Attributes
    ----------
    weight : Tensor
        (channels, 1, K, K), the original's buffer. Which weights act is decided when they are
        loaded: see `refresh`.
    ka, kb, groups, scale, int_inv_scale
        The original's: samples before and after the middle tap, channels, scale, stride. With a
        scale for each axis, ``ka``, ``kb`` and ``int_inv_scale`` may be tuples.
    options : str
        What the operator is told.
    has_pass, acts_by_plan : bool
        Whether anything is filtered; whether the core's taps do it.

    Raises
    ------
    AaRefError
        As `aa_ref.plan`.

    Examples
    --------
    >>> import torch
    >>> from aa_ref_torch import AntiAliasInterpolation2d
    >>> AntiAliasInterpolation2d(3, 0.25)(torch.ones(1, 3, 256, 250)).shape
    torch.Size([1, 3, 64, 63])
    """

    dimensions = 2


class AntiAliasInterpolation3d(_AntiAliasInterpolation):
    """The same for volumes: (N, channels, D, H, W), with ``weight`` (channels, 1, K, K, K).

    Parameters and attributes as in `AntiAliasInterpolation2d`.

    Examples
    --------
    >>> import torch
    >>> from aa_ref_torch import AntiAliasInterpolation3d
    >>> AntiAliasInterpolation3d(2, 0.5)(torch.ones(1, 2, 16, 32, 30)).shape
    torch.Size([1, 2, 8, 16, 15])
    """

    dimensions = 3


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
        self.downs = nn.ModuleDict(
            {
                key: AntiAliasInterpolation2d(
                    num_channels, by_name[name], sigma=sigma, boundary=boundary, sampling=sampling
                )
                for key, name in self.names.items()
            }
        )

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The levels, under ``"prediction_"`` and their scale; those that can be are made at once.

        At scale 1 it is the input itself.
        """
        layers = dict(self.downs.items())
        together = {key: layer for key, layer in layers.items() if _is_plain(layer)}
        made: dict[str, torch.Tensor] = {}
        if len(together) > 1:
            for layer in together.values():
                layer.check(x)
            levels = apply_pyramid(x, [layer.options for layer in together.values()])
            made = dict(zip(together, levels, strict=True))
        names = {key: self.names.get(key, key.replace("-", ".")) for key in layers}
        return {
            f"prediction_{names[key]}": made[key] if key in made else layer(x)
            for key, layer in layers.items()
        }


def _is_plain(layer: nn.Module) -> TypeGuard[AntiAliasInterpolation2d]:
    """Whether to call the layer is nothing but to downsample by its options."""
    return (
        type(layer) is AntiAliasInterpolation2d
        and layer.has_pass
        and layer.acts_by_plan
        and not has_hooks(layer)
        and not has_forward_of_its_own(layer)
        and not _has_hooks_of_all()
    )


def has_hooks(module: nn.Module) -> bool:
    """Whether something else is called with the module."""
    hooks = module._forward_hooks, module._forward_pre_hooks, module._backward_hooks
    return any(map(bool, (*hooks, module._backward_pre_hooks)))


def has_forward_of_its_own(module: nn.Module) -> bool:
    """Whether another ``forward`` was put in the place of its class's, as some wrappers do."""
    # The former alone would be no condition of a compiled graph.
    return "forward" in module.__dict__ or not inspect.ismethod(module.forward)


def _has_hooks_of_all() -> bool:
    """Whether something is called with every module there is."""
    every = nn.modules.module
    hooks = every._global_forward_hooks, every._global_forward_pre_hooks
    return any(map(bool, (*hooks, every._global_backward_hooks, every._global_backward_pre_hooks)))
