"""The core's functions for tensors. `aa_ref.downsample` and the others send tensors here."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

import aa_ref
from aa_ref.adapters import adapter_of, in_core
from aa_ref.backends import get_backend
from aa_ref.errors import (
    AaRefError,
    ContainerError,
    MaskError,
    OutError,
    ScaleError,
    ShapeError,
    SigmaError,
)
from aa_ref.filters import no_gradient
from aa_ref.options import check_order, checked_shape
from aa_ref.special import refuse_special, refuses_scripting

from . import convolution, operator
from .errors import TensorDeviceError, TensorDtypeError, as_torch_raises
from .memory import check_readable
from .normalised import normalise
from .options import (
    as_dtype,
    axes_of,
    check_dtype,
    describe,
    describe_levels,
    describe_levels_traced,
    describe_traced,
)

__all__ = [
    "apply",
    "apply_pyramid",
    "convolve",
    "downsample",
    "downsample_adjoint",
    "downsample_masked",
    "is_jit_tracing",
    "means_more",
    "pyramid",
]

_downsample_in_core = in_core(aa_ref.downsample)
_increment_version = torch.autograd.graph.increment_version
_COMPUTED = ("cpu", "cuda", "meta")
"""Where the core's backends compute. Elsewhere, torch's convolutions do."""
_LONGEST = (1 << 63) - 1


@refuses_scripting
def downsample(
    x: Any,
    scale: Any,
    *,
    axes: Sequence[int] | int = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    out: Any = None,
    backend: str | None = None,
    stream: Any = None,
) -> Any:
    """`aa_ref.downsample` for tensors: differentiable, known to torch's transforms and compiler.

    Parameters
    ----------
    x : Tensor
        On the CPU or a CUDA device; the result is then the same to the bit as everywhere. On other
        devices (MPS, XPU) torch's convolutions compute it, which round in an order of their own.
        Under autocast, sums are held in binary32, and the result has the type of ``x``.
    dtype : torch.dtype or str, optional
        Type of the result. Gradients flow through floating types alone.
    out : Tensor, optional
        Where to put the result. No gradient flows then: tensors that require one are refused, but
        under ``torch.no_grad()``.
    stream : CUDA stream, optional
        Another than torch's current one. No gradient flows then, either.
    scale, axes, sigma, boundary, sampling, backend
        As in `aa_ref.downsample`.

    Returns
    -------
    Tensor
        With four or five dimensions in the memory format that ``conv2d`` or ``conv3d`` would give,
        else contiguous.

    Raises
    ------
    AaRefError
        As `aa_ref.downsample`.

    Warns
    -----
    UserWarning
        As `aa_ref.downsample`; while a graph is traced, once.

    Examples
    --------
    >>> import torch
    >>> from aa_ref_torch import downsample
    >>> x = torch.ones(2, 3, 64, 48, requires_grad=True)
    >>> downsample(x, 0.25).sum().backward()
    >>> x.grad.shape
    torch.Size([2, 3, 64, 48])
    """
    if out is not None and operator.are_plain(x, out):
        try:
            _downsample_in_core(
                x, scale, axes=axes, sigma=sigma, boundary=boundary, sampling=sampling,
                dtype=dtype, out=out, backend=backend, stream=stream,
            )  # fmt: skip
        except AaRefError as error:
            raise as_torch_raises(error) from None
        if not out.is_inference():
            _increment_version(out)
        return out
    if out is not None or stream is not None or not isinstance(x, torch.Tensor):
        return _in_core(
            aa_ref.downsample, x, scale, axes=axes, sigma=sigma, boundary=boundary,
            sampling=sampling, dtype=dtype, out=out, backend=backend, stream=stream,
        )  # fmt: skip
    text = _text(x, scale, axes, sigma, boundary, sampling)
    return apply(x, text, as_dtype(dtype), backend)


@refuses_scripting
def downsample_adjoint(
    g: Any,
    scale: Any,
    shape: Sequence[int] | int,
    *,
    axes: Sequence[int] | int = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    out: Any = None,
    backend: str | None = None,
    stream: Any = None,
) -> Any:
    """`aa_ref.downsample_adjoint` for tensors, differentiable: its own transpose is `downsample`.

    Parameters
    ----------
    g : Tensor
        Of a floating type.
    shape : sequence of int
        The lengths of `downsample`'s input along ``axes``, in their order. `torch.jit.trace` keeps
        them as they are, so that a traced adjoint takes tensors of one size alone.
    scale, axes, sigma, boundary, sampling, dtype, out, backend, stream
        As in `downsample`.

    Returns
    -------
    Tensor

    Raises
    ------
    AaRefError
        As `aa_ref.downsample_adjoint`.
    """
    if out is not None or stream is not None or not isinstance(g, torch.Tensor):
        return _in_core(
            aa_ref.downsample_adjoint, g, scale, shape, axes=axes, sigma=sigma, boundary=boundary,
            sampling=sampling, dtype=dtype, out=out, backend=backend, stream=stream,
        )  # fmt: skip
    text = _text(g, scale, axes, sigma, boundary, sampling)
    lengths = _lengths(shape)
    check_order(axes, shape=lengths)
    count = text.count("; ") + 1
    if len(lengths) != count:
        raise ShapeError(
            f"shape is {shape!r}: {len(lengths)} length(s) for {count} filtered axes; "
            "give the input's length along each of axes, in their order"
        )
    if not g.dtype.is_floating_point:
        raise TensorDtypeError(
            f"the adjoint takes floating-point tensors, this one is {g.dtype}; convert it first, "
            "for instance with g.float()"
        )
    if _convolves(g, backend):
        full: list[Any] = list(g.shape)
        for a, length in zip(axes_of(text), lengths, strict=True):
            full[a.axis] = length
        return convolution.adjoint(g, full, text, as_dtype(dtype))
    return operator.call(operator.adjoint, g, lengths, text, as_dtype(dtype), backend)


@refuses_scripting
def pyramid(
    x: Any,
    scales: Sequence[Any] = (1, 0.5, 0.25, 0.125),
    *,
    axes: Sequence[int] | int = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    out: Sequence[Any] | None = None,
    backend: str | None = None,
    stream: Any = None,
) -> list[Any]:
    """`aa_ref.pyramid` for tensors, differentiable: gradients of levels are added in their order.

    Parameters
    ----------
    x : Tensor
    scales : sequence
        One scale, or one tuple of scales, for each level.
    axes, sigma, boundary, sampling, dtype, out, backend, stream
        As in `downsample`, the same for all levels.

    Returns
    -------
    list of Tensor
        Level ``i`` equals ``downsample(x, scales[i], ...)``.

    Raises
    ------
    AaRefError
        As `aa_ref.pyramid`.
    """
    if out is not None or stream is not None or not isinstance(x, torch.Tensor):
        levels: list[Any] = _in_core(
            aa_ref.pyramid, x, scales, axes=axes, sigma=sigma, boundary=boundary,
            sampling=sampling, dtype=dtype, out=out, backend=backend, stream=stream,
        )  # fmt: skip
        return levels
    if not isinstance(scales, Iterable):
        raise ScaleError(f"scales is {scales!r}, no sequence; write one scale for each level")
    texts = _texts(x, scales, axes, sigma, boundary, sampling)
    return apply_pyramid(x, texts, as_dtype(dtype), backend)


@refuses_scripting
def downsample_masked(
    x: Any,
    mask: Any,
    scale: Any,
    *,
    axes: Sequence[int] | int = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    dtype: Any = None,
    least: float = 0.5,
    fill: float | None = None,
    backend: str | None = None,
) -> Any:
    """`aa_ref.downsample_masked` for tensors: differentiable, and on every device.

    What is hidden has the derivative 0, of ``x`` and of ``mask``; NaN there does not leak into
    gradients either.

    Parameters
    ----------
    x : Tensor
        As in `downsample`.
    mask : Tensor or array
        As in `aa_ref.downsample_masked`, on the device of ``x``. It may require a gradient. While
        a graph is traced, nobody looks whether its weights are from 0 to 1.
    scale, axes, sigma, boundary, sampling, dtype, least, fill, backend
        As in `aa_ref.downsample_masked`.

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    AaRefError
        As `aa_ref.downsample_masked`.
    """
    if not isinstance(x, torch.Tensor):
        if isinstance(mask, torch.Tensor) and operator.is_differentiated(mask):
            raise MaskError(
                f"the mask requires a gradient, but the array is a {type(x).__name__}, through "
                "which none flows; pass mask.detach(), or torch.as_tensor(x)"
            )
        return in_core(aa_ref.downsample_masked)(
            x, _bare(mask), scale, axes=axes, sigma=sigma, boundary=boundary, sampling=sampling,
            dtype=dtype, least=least, fill=fill, backend=backend,
        )  # fmt: skip
    text = _text(x, scale, axes, sigma, boundary, sampling)
    check_dtype(x.dtype)
    result = as_dtype(dtype) or x.dtype
    return normalise(x, _as_mask(mask, x), text, result, least, fill, backend)


def means_more(x: Any) -> bool:
    """Whether a tensor takes part in a derivative, a transform or a graph, or has no numbers."""
    return isinstance(x, torch.Tensor) and (
        torch.compiler.is_compiling()
        or is_jit_tracing()
        or torch._C._are_functorch_transforms_active()
        or operator.is_differentiated(x)
        or type(x) not in (torch.Tensor, torch.nn.Parameter)
        or not (x.is_cpu or x.is_cuda)
    )


def _as_mask(mask: Any, x: torch.Tensor) -> torch.Tensor:
    """See a mask as a tensor beside another."""
    if not isinstance(mask, torch.Tensor):
        refuse_special(mask, is_mask=True)
        if not hasattr(mask, "__array__"):
            raise ContainerError(
                f"an array is needed, got {type(mask).__name__}; write torch.as_tensor(mask)"
            )
        mask = torch.as_tensor(np.asarray(mask))
    found: torch.Tensor = mask
    check_readable(found)
    if found.dtype != torch.bool:
        check_dtype(found.dtype, of_mask=True)
    if found.device != x.device:
        raise TensorDeviceError(
            f"the mask is on {found.device}, the tensor on {x.device}; move the mask"
        )
    return found


def apply(
    x: torch.Tensor, text: str, dtype: torch.dtype | None = None, backend: str | None = None
) -> torch.Tensor:
    """Downsample by options as text: through the operator, or by convolutions where it is not."""
    if _convolves(x, backend):
        return convolve(x, None, text, dtype)
    y: torch.Tensor = operator.call(operator.forward, x, text, dtype, backend)
    return y


def apply_pyramid(
    x: torch.Tensor,
    texts: list[str],
    dtype: torch.dtype | None = None,
    backend: str | None = None,
) -> list[torch.Tensor]:
    """The same for several levels of one input."""
    if _convolves(x, backend) or is_jit_tracing():  # `torch.jit.trace` takes no list of options
        return [apply(x, text, dtype, backend) for text in texts]
    ys: list[torch.Tensor] = operator.call(operator.pyramid, x, texts, dtype, backend)
    return ys


def _in_core(function: Any, x: Any, *arguments: Any, out: Any, **options: Any) -> Any:
    """What operators do not do: to write into `out`, on another stream, or from no tensor."""
    if not isinstance(x, torch.Tensor) and not _is_ours(x):
        return function(x, *arguments, out=out, **options)  # which another adapter takes over
    several = isinstance(out, list | tuple)
    outs = list(out) if several else [out]
    _refuse_gradients(x, outs)
    compiling = torch.compiler.is_compiling()  # which cannot read the core
    if compiling and isinstance(x, torch.Tensor) and options["stream"] is None:
        return _copied(function(x.detach(), *arguments, **options), out)
    bare = [_bare(o) for o in outs]
    options["out"] = bare if several else bare[0]
    try:
        result = in_core(function)(_bare(x), *arguments, **options)
    except AaRefError as error:
        raise (as_torch_raises(error) if isinstance(x, torch.Tensor) else error) from None
    # The core wrote to the memory without torch's knowing. A derivative that needs what was there
    # is to be refused, as after any other change in place.
    torch.autograd.graph.increment_version([o for o in outs if _is_versioned(o)])
    if several:
        return [made if o is None else o for o, made in zip(outs, result, strict=True)]
    return result if out is None else out


def _is_ours(x: Any) -> bool:
    """Whether the core is to see for itself what this is: no adapter but this one would take it."""
    adapter = adapter_of(x)
    return adapter is None or adapter.__name__ == __name__


def _bare(x: Any) -> Any:
    """A tensor as plain numbers."""
    return x.detach() if isinstance(x, torch.Tensor) else x


def _refuse_gradients(x: Any, outs: list[Any]) -> None:
    """See that no derivative is lost, as torch's own functions with ``out`` do."""
    if isinstance(x, torch.Tensor) and operator.is_differentiated(x):
        raise ContainerError(
            "the tensor requires a gradient, and none flows to out or from another stream; "
            "pass x.detach(), or call under torch.no_grad()"
        )
    if any(isinstance(o, torch.Tensor) and operator.is_differentiated(o) for o in outs):
        raise OutError(
            "out requires a gradient, and none flows through it; pass out.detach(), or call under "
            "torch.no_grad()"
        )


def _copied(result: Any, out: Any) -> Any:
    """What was computed, copied into a caller's tensors."""
    if isinstance(result, list):
        if not isinstance(out, list | tuple) or len(out) != len(result):
            raise OutError(f"out is {type(out).__name__}; pass a list of {len(result)} tensors")
        return [
            made if o is None else _copied(made, o) for made, o in zip(result, out, strict=True)
        ]
    if not isinstance(out, torch.Tensor):
        raise OutError(f"out is a {type(out).__name__}; in a graph, pass a tensor")
    if (out.shape, out.dtype, out.device) != (result.shape, result.dtype, result.device):
        raise OutError(
            f"out has shape {tuple(out.shape)} and type {out.dtype}, on {out.device}; the result "
            f"has {tuple(result.shape)} and {result.dtype}, on {result.device}"
        )
    return out.copy_(result)


def _is_versioned(out: Any) -> bool:
    return isinstance(out, torch.Tensor) and not out.is_inference()


def _text(x: torch.Tensor, *options: Any) -> str:
    check_readable(x)
    if torch.compiler.is_compiling():
        return describe_traced(x.dim(), *options)
    _refuse_tangents("scale", options[0], ScaleError)
    _refuse_tangents("sigma", options[2], SigmaError)
    return describe(x.dim(), *options, shape=x.shape)


def _texts(x: torch.Tensor, scales: Iterable[Any], *options: Any) -> list[str]:
    """Return the options of a pyramid's levels as text."""
    check_readable(x)
    if torch.compiler.is_compiling():
        return describe_levels_traced(x.dim(), scales, *options)
    scales = list(scales)
    for scale in scales:
        _refuse_tangents("scale", scale, ScaleError)
    _refuse_tangents("sigma", options[1], SigmaError)
    return describe_levels(x.dim(), scales, *options, shape=x.shape)


def _refuse_tangents(name: str, value: Any, error: type[AaRefError]) -> None:
    """See that no derivative in forward mode is lost; the core sees what requires a gradient."""
    for one in value if isinstance(value, tuple | list) else (value,):
        if isinstance(one, torch.Tensor) and operator.is_differentiated(one):
            raise error(no_gradient(name, value))


def _lengths(shape: Any) -> list[Any]:
    """The lengths that a caller names, which may be symbols in a graph."""
    if torch.compiler.is_compiling():
        return [shape] if isinstance(shape, int | torch.SymInt) else list(shape)
    if is_jit_tracing() and isinstance(shape, Iterable):
        # Operators take no lists of tensors. Torch warns of it here; ours refuses other sizes.
        shape = [int(length) for length in shape]
    lengths = checked_shape(shape)
    if max(lengths, default=0) > _LONGEST:
        raise ShapeError(f"shape is {shape!r}, longer than any tensor; give the input's lengths")
    return list(lengths)


def is_jit_tracing() -> bool:
    """Whether `torch.jit.trace` is at work, to which lengths are tensors."""
    tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined]
    return tracing


def convolve(
    x: torch.Tensor,
    weight: torch.Tensor | None,
    text: str,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """Downsample by torch's convolutions, with given weights or with the options' own."""
    if torch.compiler.is_dynamo_compiling():  # which reads Python code, but not within operators
        y: torch.Tensor = operator.convolve(x, weight, text, dtype)
        return y
    return convolution.downsample(x, weight, text, dtype)


def _convolves(x: torch.Tensor, backend: str | None) -> bool:
    """Whether torch's convolutions take the operator's place."""
    if backend is not None and not isinstance(backend, str):
        get_backend(backend)  # which says what there is
    kind = x.device.type
    if kind in _COMPUTED:
        tracing = torch.compiler.is_compiling() or is_jit_tracing()
        return tracing and torch.onnx.is_in_onnx_export()
    if backend is not None:
        raise TensorDeviceError(
            f"backend is {backend!r}, but the tensor is on {kind}, which no backend reaches; "
            "leave backend out for torch's own convolutions, or copy the tensor to the CPU"
        )
    return True
