"""The layer that does what another does, found by trying both on small pictures.

What scale, sigma, boundary and sampling a layer has is seen from its weight, its attribute
``scale`` and its answers. Nothing but rounding may tell it from its stand-in, neither in training
nor in evaluation.
"""

import copy
import itertools
import warnings
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

import aa_ref
from aa_ref.boundary import BOUNDARIES
from aa_ref.errors import AaRefError

from .checkpoint import HALVES, ROUNDING, sigma_for
from .convolution import outer_product
from .modules import AntiAliasInterpolation2d, AntiAliasInterpolation3d
from .options import LONG, one_if_equal

__all__ = ["Layer", "Trial", "find_stand_in"]

Layer = AntiAliasInterpolation2d | AntiAliasInterpolation3d
_LAYERS: dict[int, Any] = {2: AntiAliasInterpolation2d, 3: AntiAliasInterpolation3d}
_SAMPLINGS = ("slice", "nearest")
_CHANNELS = ("groups", "channels", "num_channels", "in_channels")
"""Attributes that tell the channels of a layer that holds no weight."""
_TAPS = 13  # of the original at its usual scale: for pictures where a layer holds no weight


class Trial(NamedTuple):
    """The stand-in for a layer, or why there is none. What was warned of while it was made."""

    layer: Layer | None
    reason: str
    warned: tuple[str, ...] = ()


def find_stand_in(layer: Any) -> Trial:
    """Find the layer of this package that does what another does."""
    try:
        original = _Original(layer)
    except Exception as error:  # whatever a layer raises that cannot be copied
        return Trial(None, f"cannot be copied to be tried, {_told(error)}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            new, reason = _first_that_fits(layer, original)
        except AaRefError as error:
            return Trial(None, str(error))
    of_scale = (str(w.message) for w in caught if "scale" in str(w.message))
    return Trial(new, reason, tuple(dict.fromkeys(of_scale)) if new else ())


class _Original:
    """A copy of a layer on the CPU, so that the modes it is tried in are not the model's own."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = copy.deepcopy(layer).cpu()
        self._answers: dict[Any, Any] = {}

    def answer(self, shape: tuple[int, ...], dtype: torch.dtype, training: bool) -> Any:
        """Return what the layer makes of noise; it is asked the same only once."""
        key = shape, dtype, training
        if key not in self._answers:
            layer = copy.deepcopy(self.layer).float() if dtype in HALVES else self.layer
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                self._answers[key] = layer.train(training)(noise(shape, dtype))
        return self._answers[key]

    def kind(self, shape: tuple[int, ...], dtype: torch.dtype) -> str:
        """Return what kind of result it gives, without computing it."""
        return _kind_on_meta(self.layer, shape, dtype)


def noise(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Return a picture of numbers from 0 to 1, the same for the same shape.

    Torch takes minutes to convolve some halves on the CPU: for these it is in binary32.
    """
    random = torch.Generator().manual_seed(0)
    return torch.rand(shape, generator=random).to(torch.float32 if dtype in HALVES else dtype)


def _first_that_fits(layer: Any, original: _Original) -> tuple[Layer | None, str]:
    """Try the stand-ins one after the other, those with mixed boundaries last."""
    misfits: list[tuple[_Misfit, Layer]] = []
    for bare in _bare_layers(layer, original):
        if isinstance(bare, str):
            return None, bare
        for mixed in (False, True):
            if mixed and not any(np.isfinite(misfit.how_far) for misfit, _ in misfits):
                break
            for new in _with_samplings_and_boundaries(bare, mixed):
                misfit = _misfit(original, new)
                if misfit is None:
                    other = _other_channels(original, new)
                    return (None, other) if other else (new, "")
                if misfit.is_of_original:
                    return None, f"cannot be tried, {misfit.words}"
                misfits.append((misfit, new))
    misfit, new = min(misfits, key=lambda pair: pair[0].how_far)
    return None, f"does nothing that a stand-in does; the nearest, {new!r}, {misfit.words}"


class _Bare(NamedTuple):
    """A stand-in's options but for sampling and boundary, and what holds its weight."""

    dimensions: int
    channels: int
    scale: Any
    sigma: Any
    original: Any


def _bare_layers(layer: Any, original: _Original) -> Iterator[_Bare | str]:
    """Yield options with which a layer has that weight; words, if there are none."""
    weight = getattr(layer, "weight", None)
    if weight is not None:
        kinds = [(weight.dim() - 2, weight.shape[0])]
    else:
        named = [n for n in (getattr(layer, key, None) for key in _CHANNELS) if type(n) is int]
        first = (3, 2) if "3d" in type(layer).__name__.lower() else (2, 3)
        kinds = list(itertools.product(first, named[:1] or (3, 1)))
    words, found = "", False
    for dimensions, channels in kinds:
        shape = (1, channels, *(_TAPS,) * dimensions) if weight is None else weight.shape
        try:
            scale = _scale_of(layer, original, tuple(shape))
        except Exception as error:  # whatever a layer raises that takes no such picture
            words = words or f"cannot be tried, {_told(error)}"
            continue
        for sigma in _sigmas(layer, weight, dimensions, scale):
            found = True
            yield _Bare(dimensions, channels, scale, sigma, layer)
    if not found:
        yield words


def _scale_of(layer: Any, original: _Original, weight: tuple[int, ...]) -> Any:
    """Return a layer's scale: what it says, or what its answers say."""
    scale, dimensions = getattr(layer, "scale", None), len(weight) - 2
    if isinstance(scale, torch.Tensor | np.generic) and np.ndim(scale) == 0:
        scale = float(scale)
    try:
        aa_ref.plan((LONG,) * dimensions, scale, axes=tuple(range(dimensions)))
    except (AaRefError, TypeError):
        return _scale_by_asking(layer, original, weight)
    return scale


def _scale_by_asking(layer: Any, original: _Original, weight: tuple[int, ...]) -> Any:
    """Return the scale that the lengths of a large picture and of its answer stand for."""
    dimensions = len(weight) - 2
    reach = (16 if dimensions == 2 else 5) * max(weight[2:])
    shape = 1, weight[0], *(reach + 3 * d for d in range(dimensions))
    held = getattr(layer, "weight", None)
    y = original.answer(shape, torch.float32 if held is None else held.dtype, False)
    pairs = zip(shape[2:], y.shape[2:], strict=True)
    strides = [max(1, round(n / max(1, m))) for n, m in pairs]
    scales = [1 / s if int(1 / (1 / s)) == s else Fraction(1, s) for s in strides]
    return one_if_equal(scales)


def _sigmas(layer: Any, weight: Any, dimensions: int, scale: Any) -> list[Any]:
    """Return the sigmas to try: that of the weight, or those that a layer without one may have."""
    design = outer_product(_LAYERS[dimensions](1, scale)._plan.axes)
    if weight is not None:
        return [sigma_for(weight, design)]
    told = getattr(layer, "sigma", None)
    return [None, *([told] if isinstance(told, int | float | Fraction) else []), 1.5]


def _with_samplings_and_boundaries(bare: _Bare, mixed: bool) -> Iterator[Layer]:
    """Yield layers with each sampling and each boundary, or with each other one for each axis."""
    boundaries: list[Any] = list(BOUNDARIES)
    if mixed:
        several = itertools.product(BOUNDARIES, repeat=bare.dimensions)
        boundaries = [chosen for chosen in several if len(set(chosen)) > 1]
    for boundary, sampling in itertools.product(boundaries, _SAMPLINGS):
        new = _LAYERS[bare.dimensions](
            bare.channels, bare.scale, sigma=bare.sigma, boundary=boundary, sampling=sampling
        )
        _share_weight(bare.original, new)
        yield new


def _share_weight(layer: Any, new: Layer) -> None:
    """Give a stand-in the weight itself, stored in checkpoints if it was."""
    weight = getattr(layer, "weight", None)
    if weight is None:
        new.register_buffer("weight", new.weight, persistent=False)
        return
    if isinstance(weight, nn.Parameter):
        new.weight = weight
    else:
        new.register_buffer("weight", weight, persistent="weight" in layer.state_dict())
    new.refresh()


class _Misfit(NamedTuple):
    """How far the results of two layers are apart, for the nearest to be told of."""

    how_far: float
    words: str
    is_of_original: bool = False


def _misfit(original: _Original, layer: Layer) -> _Misfit | None:
    """Say what tells both apart, unless it is rounding."""
    new = copy.deepcopy(layer).cpu()
    dtype, allowed = new.weight.dtype, _rounding(new.weight)
    reach = max(new.weight.shape[2:]) + 2 * int(np.max(new.int_inv_scale))
    lengths = [reach + 5 + 3 * d for d in range(new.dimensions)]
    if dtype in HALVES:
        shape = 1, new.groups, *lengths
        try:
            theirs = original.kind(shape, dtype)
        except Exception as error:  # whatever a layer raises that takes no such picture
            return _Misfit(np.inf, _told(error), True)
        ours = _kind_on_meta(new, shape, dtype)
        if theirs != ours:
            return _other_kind(theirs, ours)
        new = new.float()
    for extra in range(3):  # of some of these lengths, samplings keep different numbers
        shape = 1, new.groups, *(n + extra for n in lengths)
        try:
            y = original.answer(shape, dtype, extra % 2 == 1)
        except Exception as error:  # the same
            return _Misfit(np.inf, _told(error), True)
        expected = new(noise(shape, dtype)).detach()
        if _kind(y) != _kind(expected):
            return _other_kind(_kind(y), _kind(expected))
        how_far = float((y.double() - expected.double()).abs().max())
        if not how_far <= allowed:  # a NaN is not
            words = f"their results being {how_far:.1e} apart and rounding at most {allowed:.1e}"
            return _Misfit(np.inf if np.isnan(how_far) else how_far, words)
    return None


def _other_channels(original: _Original, layer: Layer) -> str:
    """Say whether a layer takes other numbers of channels, which its stand-in would refuse."""
    if not layer.has_pass:
        return ""
    size = max(layer.weight.shape[2:]) + 5
    for channels in (layer.groups + 1, layer.groups - 1):
        shape = 1, channels, *(size + 3 * d for d in range(layer.dimensions))
        try:
            y = original.answer(shape, layer.weight.dtype, False) if channels else None
        except Exception:  # whatever a layer raises that takes no such picture
            continue
        if isinstance(y, torch.Tensor):
            return (
                f"takes pictures of {channels} channels, too, and {layer!r} no others than "
                f"{layer.groups}; write aa_ref_torch.downsample, which takes any number"
            )
    return ""


def _other_kind(theirs: str, ours: str) -> _Misfit:
    return _Misfit(np.inf, f"gives {ours} where it gives {theirs}")


def _rounding(weight: torch.Tensor) -> float:
    """How far rounding may carry the results of both apart, where samples are from 0 to 1.

    A sum of n products in any order is off by at most γ = nu/(1 - nu) times the sum of magnitudes,
    here the weights'; n + 2 for n leaves room for the denominator and for rounding the results.
    Sums are held in binary32 at least, by both. The weights may have been rounded to their own
    type; a small float16 by up to u of binary32, and not relative to it, which is one more n.
    """
    n = weight[0].numel()
    single, own = (torch.finfo(dtype).eps / 2 for dtype in (torch.float32, weight.dtype))
    magnitudes = float(weight.detach().double().nan_to_num().abs().flatten(1).sum(1).max())
    return magnitudes * (2 * (n + 2) * single + own + ROUNDING) + n * single * (own > single)


def _kind_on_meta(layer: nn.Module, shape: tuple[int, ...], dtype: torch.dtype) -> str:
    x = torch.empty(shape, dtype=dtype, device="meta")
    return _kind(copy.deepcopy(layer).to("meta")(x))


def _kind(result: Any) -> str:
    if not isinstance(result, torch.Tensor):
        return f"a {type(result).__name__}"
    return f"{result.dtype} {tuple(result.shape)} on {result.device}"


def _told(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"as it raises {type(error).__name__}: {lines[0]}"
