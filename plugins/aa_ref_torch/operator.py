"""The operators ``torch.ops.aa_ref``: kernels, shapes, derivatives, batching.

====================  ============================================================================
`downsample`          the core's function of that name
`downsample_adjoint`  its transpose, so that each is the other's derivative
`add_adjoint`         the same, added to a tensor in place: for the sum of a pyramid's gradients
`pyramid`             several results from one input; its transpose is the sum of the levels'
`convolve`            the same by torch's convolutions, of which it is made up for all purposes
====================  ============================================================================

Options come as text (see `aa_ref_torch.options`), so that graphs and files hold nothing else.
"""

import sys
from typing import Any

import numpy as np
import torch
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import forward_ad

import aa_ref
from aa_ref.adapters import in_core

from . import convolution
from .errors import TensorShapeError
from .memory import allocate, allocate_pages, as_array, as_if_beside, lies_channels_last
from .options import axes_of, keywords, lengths_of, out_shape, plan_for, shared_keywords

__all__ = [
    "add_adjoint",
    "adjoint",
    "are_plain",
    "call",
    "convolve",
    "forward",
    "is_differentiated",
    "pyramid",
]

_adjoint_in_core, _pyramid_in_core = in_core(aa_ref.downsample_adjoint), in_core(aa_ref.pyramid)
_OPTIONS = "ScalarType? dtype=None, str? backend=None"
_library = torch.library.Library("aa_ref", "DEF")
_library.define(f"downsample(Tensor x, str options, {_OPTIONS}) -> Tensor")
_library.define(
    f"downsample_adjoint(Tensor g, SymInt[] lengths, str options, {_OPTIONS}) -> Tensor"
)
_library.define(
    "add_adjoint(Tensor(a!) sum, Tensor g, SymInt[] lengths, str options, str? backend=None) -> ()"
)
_library.define(f"pyramid(Tensor x, str[] options, {_OPTIONS}) -> Tensor[]")

_library.define("convolve(Tensor x, Tensor? weight, str options, ScalarType? dtype=None) -> Tensor")

forward = torch.ops.aa_ref.downsample.default
adjoint = torch.ops.aa_ref.downsample_adjoint.default
add_adjoint = torch.ops.aa_ref.add_adjoint.default
pyramid = torch.ops.aa_ref.pyramid.default
convolve = torch.ops.aa_ref.convolve.default

_MIB_AT_ONCE = {"cpu": 2, "cuda": 64}
"""How much of a sum is added to in one step: little memory, more work than it takes to start it."""


# ---------------------------------------------------------------------------------- kernels


def _run_forward(
    x: torch.Tensor, text: str, dtype: torch.dtype | None = None, backend: str | None = None
) -> torch.Tensor:
    plan = plan_for(tuple(x.shape), text, x.dtype, dtype)
    y = allocate_pages(x, plan.out_shape, dtype or x.dtype)
    with aa_ref.limit_threads(torch.get_num_threads()):
        plan(as_array(x), out=as_array(y), backend=backend)
    return y


def _run_adjoint(
    g: torch.Tensor,
    lengths: list[int],
    text: str,
    dtype: torch.dtype | None = None,
    backend: str | None = None,
) -> torch.Tensor:
    plan = _plan_for_adjoint(g, lengths, text)
    x = allocate_pages(g, plan.shape, dtype or g.dtype)
    with aa_ref.limit_threads(torch.get_num_threads()):
        _write_adjoint(plan, g, x, lengths, text, backend)
    return x


def _write_adjoint(
    plan: aa_ref.Plan,
    g: torch.Tensor,
    out: torch.Tensor,
    lengths: list[int],
    text: str,
    backend: str | None,
) -> None:
    if out.dtype == g.dtype:
        plan.adjoint(as_array(g), out=as_array(out), backend=backend)
    else:  # which no plan does: the type of g would be that of the result
        _adjoint_in_core(
            as_array(g), shape=lengths, **keywords(text), dtype=out.dtype, out=as_array(out),
            backend=backend,
        )  # fmt: skip


def _run_add_adjoint(
    total: torch.Tensor, g: torch.Tensor, lengths: list[int], text: str, backend: str | None = None
) -> None:
    parts = _parts(total, g, total.dim() + min(a.axis for a in axes_of(text)))
    held = torch.empty_like(parts[0][0])
    with aa_ref.limit_threads(torch.get_num_threads()):
        for of_total, of_g in parts:
            level = held[tuple(map(slice, of_total.shape))]  # since the last part may be smaller
            plan = _plan_for_adjoint(of_g, lengths, text)
            _write_adjoint(plan, of_g, level, lengths, text, backend)
            _add(of_total, level)


def _add(total: torch.Tensor, level: torch.Tensor) -> None:
    """In place, and for the common types on this thread alone.

    Torch's other threads wait in a loop for what it may ask of them next, for milliseconds, on
    processors that the next piece's adjoint wants.
    """
    if total.device.type == "cpu" and total.dtype in (torch.float32, torch.float64):
        sums = as_array(total)
        with np.errstate(all="ignore"):  # infinities go through, as arithmetic says
            np.add(sums, as_array(level), out=sums)
    else:
        total.add_(level)


def _parts(
    total: torch.Tensor, g: torch.Tensor, unfiltered: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """A sum and what adds to it, cut along the first dimensions until the pieces are small."""
    most = _MIB_AT_ONCE.get(total.device.type, 0) << 20
    dim = next((d for d in range(unfiltered) if total.shape[d] > 1), None)
    if dim is None or total.nbytes <= most:
        return [(total, g)]
    step = max(1, total.shape[dim] * most // total.nbytes)
    pairs = zip(total.split(step, dim), g.split(step, dim), strict=True)
    return [part for pair in pairs for part in _parts(*pair, unfiltered)]


def _run_pyramid(
    x: torch.Tensor,
    texts: list[str],
    dtype: torch.dtype | None = None,
    backend: str | None = None,
) -> list[torch.Tensor]:
    options = shared_keywords(tuple(texts))
    if options is None:
        return [_run_forward(x, text, dtype, backend) for text in texts]
    shapes = [plan_for(tuple(x.shape), text, x.dtype, dtype).out_shape for text in texts]
    ys = [allocate_pages(x, shape, dtype or x.dtype) for shape in shapes]
    with aa_ref.limit_threads(torch.get_num_threads()):
        _pyramid_in_core(
            as_array(x), **options, dtype=dtype, out=[as_array(y) for y in ys], backend=backend
        )
    return ys


def _plan_for_adjoint(g: torch.Tensor, lengths: list[int], text: str) -> aa_ref.Plan:
    plan = plan_for(tuple(_input_shape(g, lengths, text)), text, g.dtype)
    if plan.out_shape != tuple(g.shape):
        raise TensorShapeError(
            f"lengths {tuple(lengths)} lead to shape {plan.out_shape}, but g has {tuple(g.shape)}; "
            "give the lengths of the tensor that was downsampled"
        )
    return plan


def _input_shape(g: torch.Tensor, lengths: Any, text: str) -> list[Any]:
    shape: list[Any] = list(g.shape)
    for n, axis in enumerate(keywords(text)["axes"]):
        shape[axis] = lengths[n]
    return shape


_KERNELS: dict[Any, Any] = {forward: _run_forward, adjoint: _run_adjoint, pyramid: _run_pyramid}

for _device in ("CPU", "CUDA"):
    _library.impl("downsample", _run_forward, _device)
    _library.impl("downsample_adjoint", _run_adjoint, _device)
    _library.impl("add_adjoint", _run_add_adjoint, _device)
    _library.impl("pyramid", _run_pyramid, _device)
_library.impl("convolve", convolution.downsample, "CompositeImplicitAutograd")


# -------------------------------------------------------------- shapes, without any samples


@torch.library.register_fake("aa_ref::downsample", lib=_library)
def _shape_forward(
    x: torch.Tensor, text: str, dtype: torch.dtype | None = None, backend: str | None = None
) -> torch.Tensor:
    if _is_known(x.shape):
        plan_for(tuple(x.shape), text, x.dtype, dtype)  # raises what the kernel would
    return allocate(x, out_shape(x.shape, text), dtype or x.dtype)


@torch.library.register_fake("aa_ref::downsample_adjoint", lib=_library)
def _shape_adjoint(
    g: torch.Tensor,
    lengths: list[int],
    text: str,
    dtype: torch.dtype | None = None,
    backend: str | None = None,
) -> torch.Tensor:
    if _is_known(g.shape) and _is_known(lengths):
        _plan_for_adjoint(g, lengths, text)
    return allocate(g, _input_shape(g, lengths, text), dtype or g.dtype)


@torch.library.register_fake("aa_ref::add_adjoint", lib=_library)
def _shape_add_adjoint(
    total: torch.Tensor, g: torch.Tensor, lengths: list[int], text: str, backend: str | None = None
) -> None:
    pass


@torch.library.register_fake("aa_ref::pyramid", lib=_library)
def _shape_pyramid(
    x: torch.Tensor,
    texts: list[str],
    dtype: torch.dtype | None = None,
    backend: str | None = None,
) -> list[torch.Tensor]:
    return [_shape_forward(x, text, dtype) for text in texts]


def _is_known(lengths: Any) -> bool:
    return all(type(n) is int for n in lengths)


# ------------------------------------------------------------------------------ derivatives
#
# Each operator has its own kernel for torch's Autograd key. What `register_autograd` would put
# there knows no forward mode: under `torch.func.jvp` tangents come out as zeros, without an error.
# To call an autograd.Function with a `jvp` in the operator's place would be a graph break to
# torch.compile, which does not look into operators.


class _Forward(torch.autograd.Function):
    """Keeps nothing but lengths for the way back."""

    @staticmethod
    def forward(x: Any, *options: Any) -> Any:
        return _below(forward, x, *options)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, ctx.text, _, ctx.backend = inputs
        ctx.options, ctx.dtype, ctx.lengths = inputs[1:], x.dtype, lengths_of(x.shape, ctx.text)
        ctx.last = _lies_channels_last(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        g = _as_the_input(g, ctx)
        return adjoint(g, ctx.lengths, ctx.text, ctx.dtype, ctx.backend), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Any, *_: None) -> Any:
        return forward(tangent, *ctx.options)


class _Adjoint(torch.autograd.Function):
    """The transpose of the transpose is the operation itself."""

    @staticmethod
    def forward(g: Any, *options: Any) -> Any:
        return _below(adjoint, g, *options)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        g, _, ctx.text, _, ctx.backend = inputs
        ctx.options, ctx.dtype, ctx.last = inputs[1:], g.dtype, _lies_channels_last(g)

    @staticmethod
    def backward(ctx: Any, x: Any) -> Any:
        x = _as_the_input(x, ctx)
        return forward(x, ctx.text, ctx.dtype, ctx.backend), None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Any, *_: None) -> Any:
        return adjoint(tangent, *ctx.options)


class _Pyramid(torch.autograd.Function):
    """Gradients of levels are added in the order of the levels."""

    @staticmethod
    def forward(x: Any, *options: Any) -> Any:
        return tuple(_below(pyramid, x, *options))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, ctx.texts, _, ctx.backend = inputs
        ctx.options, ctx.dtype, ctx.last = inputs[1:], x.dtype, _lies_channels_last(x)
        ctx.lengths = [lengths_of(x.shape, text) for text in ctx.texts]
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        total = None
        for g, lengths, text in zip(gs, ctx.lengths, ctx.texts, strict=True):
            if g is not None:
                g = _as_the_input(g, ctx)
                if total is not None and _is_ours_to_change(total, g):
                    add_adjoint(total, g, lengths, text, ctx.backend)
                else:
                    level = adjoint(g, lengths, text, ctx.dtype, ctx.backend)
                    total = level if total is None else total + level
        return total, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Any, *_: None) -> Any:
        texts, *options = ctx.options
        return tuple(forward(tangent, text, *options) for text in texts)


def _is_ours_to_change(total: torch.Tensor, g: torch.Tensor) -> bool:
    """Whether a sum so far can be added to in place: no transform, tracer or graph sees it."""
    plain = type(total) is type(g) is torch.Tensor and not torch.is_grad_enabled()
    return plain and not torch._C._are_functorch_transforms_active()


def _lies_channels_last(x: torch.Tensor) -> bool | None:
    """Unknown within transforms, where tensors have dimensions that are not seen."""
    return None if torch._C._are_functorch_transforms_active() else lies_channels_last(x)


def _as_the_input(g: torch.Tensor, ctx: Any) -> torch.Tensor:
    """A gradient in the type that the way there was computed in, and in the input's format."""
    if (g.dtype == torch.float64) != (ctx.dtype == torch.float64):
        g = g.to(torch.float64 if ctx.dtype == torch.float64 else torch.float32)
    if ctx.last is None or torch._C._are_functorch_transforms_active():
        return g
    return as_if_beside(g, ctx.last)


def _needs(x: torch.Tensor, dtype: torch.dtype | None) -> bool:
    """Whether a derivative has to be recorded at this level, or a tangent carried along."""
    if dtype is not None and not dtype.is_floating_point:
        return False  # rounding to integers has no derivative
    return is_differentiated(x)


def is_differentiated(x: torch.Tensor) -> bool:
    """Whether a tensor takes part in a derivative that is being recorded or carried along."""
    return (x.requires_grad and torch.is_grad_enabled()) or _has_tangent(x)


def _has_tangent(x: torch.Tensor) -> bool:
    # Levels do not nest, so it is 0; and compiled code enters it without telling forward_ad.
    if forward_ad._current_level < 0 and not torch._C._are_functorch_transforms_active():
        return False
    return forward_ad.unpack_dual(x, level=0).tangent is not None


def are_plain(x: Any, out: Any) -> bool:
    """Whether both are tensors that no derivative, transform, graph or mode can see written to."""
    return (
        type(x) is type(out) is torch.Tensor
        and not _is_compiling()
        and not (x.requires_grad or out.requires_grad)
        and forward_ad._current_level < 0
        and not _is_transforming()
        and not _is_tracing()
        and not _dispatch_modes()
        and not _function_modes()
    )


def _record(function: Any, *arguments: Any) -> Any:
    """Apply an autograd.Function. Within a transform, to the one level that is being worked on.

    There ``apply`` itself would begin at the outermost level once more.
    """
    if not torch._C._are_functorch_transforms_active():
        return function.apply(*arguments)
    with enable_single_level_autograd_function():
        return super(torch.autograd.Function, function).apply(*arguments)


def _below(operator: Any, *arguments: Any) -> Any:
    """The operator without this level's derivatives; those of outer transforms stay switched on."""
    if torch._C._are_functorch_transforms_active():
        with (
            torch.enable_grad(),
            forward_ad._set_fwd_grad_enabled(True),
            torch._C._AutoDispatchBelowAutograd(),
        ):
            return operator(*arguments)
    with torch._C._AutoDispatchBelowAutograd():
        return operator(*arguments)


def call(operator: Any, x: torch.Tensor, *options: Any) -> Any:
    """Call an operator: past its kernel for derivatives where there is none to keep.

    To enter that kernel, written in Python, and to leave it again costs more than the question.
    """
    traced = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    if not traced and sys.is_finalizing():  # when torch has taken the operators away
        return _KERNELS[operator](x, *options)
    if traced or _needs(x, options[-2]):
        return operator(x, *options)
    if _is_seen_by_nobody(x):
        # To look an operator up takes its hash, which is written in Python.
        kernel = _run_forward if operator is forward else _KERNELS[operator]
        return kernel(x, *options)
    return _below(operator, x, *options)


_is_compiling, _is_tracing = torch.compiler.is_compiling, torch._C._is_tracing
_is_transforming = torch._C._are_functorch_transforms_active
_keys, _included = torch._C._dispatch_keys, torch._C._dispatch_tls_local_include_set
_dispatch_modes = torch._C._len_torch_dispatch_stack
_function_modes = torch._C._len_torch_function_stack
_is_profiled = torch._C._autograd._profiler_enabled


def _dispatched(x: torch.Tensor) -> tuple[int, int]:
    """What torch's dispatcher goes by: the tensor's keys, and what this thread adds to them."""
    return _keys(x).raw_repr(), _included().raw_repr()


def _plain() -> frozenset[tuple[int, int]]:
    """What it goes by where it comes to the CPU's kernel at once, in inference mode or not."""
    found = []
    with torch.device("cpu"):
        for made in (False, True):
            with torch.inference_mode(made):
                x = torch.empty(0)
            for called in (False, True):
                with torch.inference_mode(called):
                    found.append(_dispatched(x))
    return frozenset(found)


_PLAIN = _plain()


def _is_seen_by_nobody(x: torch.Tensor) -> bool:
    """Whether a call comes to the CPU's kernel at once, past no mode, profiler or lazy negation.

    Then to call the kernel saves what torch takes to find it, which is a third of the plugin's own
    time for a small picture.
    """
    return (
        _dispatched(x) in _PLAIN
        and not _dispatch_modes()
        and not _function_modes()
        and not _is_profiled()
    )


def _autograd_forward(
    x: torch.Tensor, text: str, dtype: torch.dtype | None = None, backend: str | None = None
) -> Any:
    if _needs(x, dtype):
        return _record(_Forward, x, text, dtype, backend)
    return _below(forward, x, text, dtype, backend)


def _autograd_adjoint(
    g: torch.Tensor,
    lengths: list[int],
    text: str,
    dtype: torch.dtype | None = None,
    backend: str | None = None,
) -> Any:
    if _needs(g, dtype):
        return _record(_Adjoint, g, lengths, text, dtype, backend)
    return _below(adjoint, g, lengths, text, dtype, backend)


def _autograd_pyramid(
    x: torch.Tensor,
    texts: list[str],
    dtype: torch.dtype | None = None,
    backend: str | None = None,
) -> Any:
    if _needs(x, dtype):
        return list(_record(_Pyramid, x, texts, dtype, backend))
    return _below(pyramid, x, texts, dtype, backend)


_library.impl("downsample", _autograd_forward, "Autograd")
_library.impl("downsample_adjoint", _autograd_adjoint, "Autograd")
_library.impl("pyramid", _autograd_pyramid, "Autograd")


# --------------------------------------------------------------------------------- batching
#
# Axes are counted from the end, so a new first dimension changes nothing.


@torch.library.register_vmap("aa_ref::downsample", lib=_library)
def _batched_forward(info: Any, dims: Any, x: torch.Tensor, *options: Any) -> Any:
    return forward(x.movedim(dims[0], 0), *options), 0


@torch.library.register_vmap("aa_ref::downsample_adjoint", lib=_library)
def _batched_adjoint(info: Any, dims: Any, g: torch.Tensor, *options: Any) -> Any:
    return adjoint(g.movedim(dims[0], 0), *options), 0


@torch.library.register_vmap("aa_ref::pyramid", lib=_library)
def _batched_pyramid(info: Any, dims: Any, x: torch.Tensor, *options: Any) -> Any:
    ys = pyramid(x.movedim(dims[0], 0), *options)
    return ys, [0] * len(ys)
