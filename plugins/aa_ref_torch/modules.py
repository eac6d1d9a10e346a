"""The layers of the First Order Motion Model, under their own names: change the import alone."""

import inspect
import operator
import warnings
from typing import Any

import torch
from torch import nn

import aa_ref
from aa_ref.errors import ContainerError, ScaleError

from . import standard
from .checkpoint import explain_mismatch, is_design, sigma_for
from .convolution import no_autocast, outer_product
from .errors import TensorLengthError, TensorShapeError
from .functional import apply, convolve, is_jit_tracing
from .memory import check_readable
from .options import LONG, describe, level_outside, one_if_equal, plan_for

__all__ = [
    "AntiAliasInterpolation2d",
    "AntiAliasInterpolation3d",
    "has_forward_of_its_own",
    "has_hooks",
]


_OTHER_WAYS = ("reflect", "replicate", "circular", "nearest", "bilinear", "bicubic", "area")
"""Words for boundaries and samplings, among the attributes of a fork's layer."""
_LENGTHS = {2: ("height", "width"), 3: ("depth", "height", "width")}


class _AntiAliasInterpolation(nn.Module):
    """What the layers for two and for three dimensions share."""

    dimensions: int
    weight: torch.Tensor
    standard_ops: bool = False
    _standard: list[standard.StandardAxis]
    __constants__ = ("acts_by_plan", "has_pass", "standard_ops")  # of torch.jit.script
    __jit_unused_properties__ = ("_plan",)

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
        self._settle(_positive(channels), scale, sigma, boundary, sampling)
        self.register_buffer("weight", self._design())

    def _design(self) -> torch.Tensor:
        """Return the weights of the options, as the original holds its own."""
        weight = torch.tensor(outer_product(self._plan.axes), dtype=torch.float32)
        return weight.repeat(self.groups, 1, *[1] * self.dimensions)

    def _settle(self, channels: int, scale: Any, sigma: Any, boundary: Any, sampling: Any) -> None:
        """Set all that is no weight."""
        axes = tuple(range(-self.dimensions, 0))
        self.options = describe(self.dimensions, scale, axes, sigma, boundary, sampling)
        self.scale = scale
        given = {"sigma": sigma, "boundary": boundary, "sampling": sampling}
        usual = {"sigma": None, "boundary": "zeros", "sampling": "slice"}
        self._given = [f"{key}={value!r}" for key, value in given.items() if value != usual[key]]
        self.groups = channels
        self.ka = self.kb = one_if_equal([a.radius for a in self._plan.axes])
        self.int_inv_scale = one_if_equal([a.stride for a in self._plan.axes])
        # At scale 1 the original returns its input, whatever its weight.
        self.has_pass = any(a.scale != 1 for a in self._plan.axes)
        self.acts_by_plan = True
        self._standard = standard.standard_axes(self.options) if self.has_pass else []

    @property
    def _plan(self) -> aa_ref.Plan:
        return plan_for((LONG,) * self.dimensions, self.options, torch.float64)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Call ``forward`` and hooks. The tensor may be named ``x``, as in some forks."""
        if not inputs and "x" in named and "input" not in named:
            named["input"] = named.pop("x")
        return super().__call__(*inputs, **named)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (the original's name)
        """Downsample a tensor (N, channels, ...) or (channels, ...). At scale 1, it is returned.

        `torch.jit.script` leaves what is not for it unread.
        """
        if not self.has_pass:
            return input
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            return self._forward(input)
        if self.standard_ops:
            weight = None if self.acts_by_plan else self.weight
            rank = self.weight.dim() - 2
            return standard.downsample(input, weight, self._standard, self.groups, rank)
        if self.acts_by_plan:
            return torch.ops.aa_ref.downsample(input, self.options, None, None)  # type: ignore[no-any-return]
        return torch.ops.aa_ref.convolve(input, self.weight, self.options, None)  # type: ignore[no-any-return]

    def _forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        if isinstance(input, torch.fx.Proxy):
            return self._in_graph(input)
        self.check(input)
        if self.standard_ops and not torch.onnx.is_in_onnx_export():
            return self._by_standard_ops(input)
        if self.acts_by_plan:
            return apply(input, self.options)
        return convolve(input, self.weight, self.options)

    def _by_standard_ops(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        if not (torch.compiler.is_compiling() or is_jit_tracing()):
            plan_for(tuple(input.shape), self.options, input.dtype)  # raises as the operator does
        weight = None if self.acts_by_plan else self.weight
        with no_autocast(input):
            return standard.downsample(input, weight, self._standard, self.groups, self.dimensions)

    def _in_graph(self, proxy: torch.fx.Proxy) -> Any:
        """Leave one call of an operator in a graph that `torch.fx` traces."""
        if self.standard_ops:
            raise ContainerError(
                "the layer has standard_ops set, but torch.fx.symbolic_trace knows neither types "
                "nor lengths; write torch.export.export(model, (x,)), or trace with standard_ops "
                "= False, which leaves one call of torch.ops.aa_ref.downsample"
            )
        if self.acts_by_plan:
            return torch.ops.aa_ref.downsample.default(proxy, self.options)
        return torch.ops.aa_ref.convolve.default(proxy, self.weight, self.options)

    def check(self, input: torch.Tensor) -> None:  # noqa: A002
        """See that a tensor has the layer's dimensions and channels, and samples to filter.

        Raises
        ------
        ContainerError
            If it is no tensor, or none of plain numbers.
        TensorShapeError, TensorLengthError
            If it has not. Both are a `RuntimeError`, as torch's convolutions raise it.
        """
        if is_jit_tracing():
            return
        if not isinstance(input, torch.Tensor):
            raise ContainerError(
                f"the input is a {type(input).__name__}, but layers take tensors; write "
                "torch.from_numpy(x), or aa_ref.downsample for other arrays"
            )
        check_readable(input)
        rank, names = self.dimensions + 1, _LENGTHS[self.dimensions]
        if input.dim() not in (rank, rank + 1) or input.shape[-rank] != self.groups:
            raise TensorShapeError(
                f"the tensor has shape {tuple(input.shape)}, but the layer takes "
                f"(N, {self.groups}, {', '.join(names)}); pass another number as channels, or "
                "write aa_ref_torch.downsample for tensors of any shape"
            )
        if not torch.compiler.is_compiling() and 0 in (lengths := input.shape[1 - rank :]):
            raise TensorLengthError(
                f"the tensor has shape {tuple(input.shape)}, whose {names[lengths.index(0)]} is 0: "
                "there are no samples to filter; leave such pictures out before the layer is "
                "called, while a batch of 0 pictures is taken"
            )

    def refresh(self) -> None:
        """Look at ``weight`` again, after it was changed in place or replaced.

        If it is the design, to within the original's rounding or rounded to a half, the core's taps
        act, which are the exact ones. Otherwise the weight acts as it stands, by a convolution.

        Raises
        ------
        TensorShapeError
            If its shape is another than the layer's.
        """
        if not self.has_pass:
            return
        design = outer_product(self._plan.axes)
        shape = self.groups, 1, *design.shape
        if self.weight.shape != shape:
            raise TensorShapeError(
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a pickle, be it that of the original's layer of the same name.

        Such a pickle knows neither sigma nor sampling: sigma is what gives the stored weights, and
        without ``int_inv_scale``, which came with ``"slice"``, sampling is ``"nearest"``. Where a
        fork's attributes name another boundary or sampling, that is warned of.
        """
        super().__setstate__(state)
        if "options" not in self.__dict__:
            self._adopt()
        elif "_standard" not in self.__dict__:  # of a pickle from before it was there
            self._standard = standard.standard_axes(self.options) if self.has_pass else []

    def _adopt(self) -> None:
        """Set what the original's layer does not have, from what it has."""
        held = self.__dict__
        other = {
            key: value
            for key, value in held.items()
            if isinstance(value, str) and value in _OTHER_WAYS
        }
        if "int_inv_scale" not in held:
            other = {key: value for key, value in other.items() if value != "nearest"}
        weight = self._buffers.get("weight")
        if weight is None:
            weight = self._parameters.get("weight")
        if held.get("scale") is None:
            raise ScaleError(
                f"the pickle holds a {type(self).__name__} without a scale, as the original's has; "
                "build the layer and load its state_dict"
            )
        channels = held.get("groups") if weight is None else weight.shape[0]
        sampling = "slice" if "int_inv_scale" in held else "nearest"
        own: dict[str, Any] = {
            key: held[key] for key in ("ka", "kb", "int_inv_scale") if key in held
        }
        options = _positive(channels), held["scale"]
        self._settle(*options, None, "zeros", sampling)
        design = outer_product(self._plan.axes)
        if weight is None:
            self.register_buffer("weight", self._design(), persistent=False)
        elif (sigma := sigma_for(weight, design)) is not None:
            self._settle(*options, sigma, "zeros", sampling)
        held.update(own)
        self.refresh()
        if other:
            said = ", ".join(f"{key}={value!r}" for key, value in other.items())
            warnings.warn(
                f"the pickled {type(self).__name__} has {said}, which the original has not, and a "
                f"pickle does not hold what its class makes of it: here it is {self!r}; run "
                "aa_ref_torch.replace on the model before the import is changed",
                UserWarning,
                stacklevel=level_outside(),
            )


def _positive(channels: Any) -> int:
    try:
        number = 0 if isinstance(channels, bool) else operator.index(channels)
    except TypeError:
        number = 0
    if number < 1:
        raise TensorShapeError(
            f"channels is {channels!r}; write how many channels the tensors have"
        )
    return number


class AntiAliasInterpolation2d(_AntiAliasInterpolation):
    """Band-limited downsampling of pictures, the layer of the First Order Motion Model.

    Takes (N, channels, H, W) and keeps every stride-th sample of every stride-th row, after a
    Gaussian low-pass; see `aa_ref.downsample`. At scale 1 it returns its input, as the original
    does, also with a sigma, which then says the shape of ``weight`` alone.

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
    standard_ops : bool
        False. Set to True, torch's standard operators compute, within rounding, so that files of
        `torch.jit.trace`, `torch.jit.script`, `torch.export` and AOTInductor open where this
        package is not installed.

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


def has_hooks(module: nn.Module) -> bool:
    """Whether something else is called with the module."""
    hooks = module._forward_hooks, module._forward_pre_hooks, module._backward_hooks
    return any(map(bool, (*hooks, module._backward_pre_hooks)))


def has_forward_of_its_own(module: nn.Module) -> bool:
    """Whether another ``forward`` was put in the place of its class's, as some wrappers do."""
    # The former alone would be no condition of a compiled graph.
    return "forward" in module.__dict__ or not inspect.ismethod(module.forward)
