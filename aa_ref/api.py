"""The public functions: validate, plan, hand to a backend."""

import atexit
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import ready
from .adapters import adapter_of, folders, in_core
from .arrays import (
    Source,
    Storage,
    allocate,
    check_kind,
    native_name,
    read,
    read_out,
    share_memory,
    wrap,
)
from .backends import Backend, default_backend, get_backend
from .device_arrays import DeviceArray, is_cuda_tensor, is_plain_tensor, type_name_of
from .dtypes import ARRAYS_TYPE, FLOATING, NAMES, name_of
from .errors import ContainerError, DeviceError, DtypeError, OutError, ScaleError, ShapeError
from .explanations import note_of_sizes
from .options import as_axes, check_order, checked_shape
from .parts import carry_out_part
from .plans import Direction, Part, Plan, key_of_options, make_plan, set_executor
from .special import refuses_scripting
from .streams import stream_handle

__all__ = ["adapted", "downsample", "downsample_adjoint", "pyramid", "warn_of_sizes"]

P = ParamSpec("P")
R = TypeVar("R")
_PACKAGE = os.path.dirname(__file__) + os.sep  # noqa: PTH120 (pathlib costs 4 ms to import)


def adapted(*arrays: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let an adapter's function of the same name take a call over, if there is one for its arrays.

    Those of the first of these parameters come first, those of ``out`` last. See `aa_ref.adapters`.
    """
    first, *others = arrays

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__name__

        @refuses_scripting
        @wraps(function)
        def call(*arguments: P.args, **options: P.kwargs) -> R:
            adapter = adapter_of(arguments[0] if arguments else options.get(first))
            if adapter is None:
                for place, other in enumerate(others, 1):
                    if adapter is None:
                        array = arguments[place] if place < len(arguments) else options.get(other)
                        adapter = adapter_of(array)
                if adapter is None and "out" in options:
                    adapter = _adapter_of_out(options["out"])
                if adapter is None:
                    return function(*arguments, **options)
            result: R = getattr(adapter, name)(*arguments, **options)
            return result

        return call

    return decorate


def _adapter_of_out(out: Any) -> Any:
    outs = out if isinstance(out, list | tuple) else [out]
    return next((found for o in outs if (found := adapter_of(o)) is not None), None)


@adapted("x")
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
    """Low-pass with a Gaussian, then keep every stride-th sample.

    Along each filtered axis, with ``c`` the centre of output ``i``::

        y[i] = t[0] x[c-R] + t[1] x[c-R+1] + ... + t[2R] x[c+R]
        t[k] = exp(-(k-R)² / (2 sigma²)) / (sum of all)

    with ``sigma = (1/scale - 1)/2``, ``R = round(4 sigma)``, ``stride = int(1/scale)``: the layer
    ``AntiAliasInterpolation2d`` of the First Order Motion Model (Siarohin et al., 2019). Results
    are the same to the bit for all backends, layouts and thread counts; see ``docs/spec.md``.
    Output ``i`` lies on input ``i * stride``: see ``docs/where-are-my-samples.md``.

    Parameters
    ----------
    x : array
        NumPy, anything on the CPU that exports DLPack, or anything on a CUDA device that exports
        ``__cuda_array_interface__`` (PyTorch, CuPy, Numba). Of type float64, float32, float16,
        bfloat16, uint8 or uint16. Never written to. Refused, with what to write instead: what
        carries a mask, pictures of PIL, pyvips and wand, and arrays that JAX or torch.fx traces.
    scale : float, Fraction, or one for each axis
        Output size over input size, in (0, 1]. A Fraction is exact: write ``Fraction(1, 3)``.
    axes : int or sequence of int
        The filtered axes: ``(-2, -1)`` for ``(..., H, W)``, ``(0, 1)`` for ``(H, W, C)``,
        ``(-3, -2, -1)`` for volumes, ``-1`` for signals.
    sigma : float, Fraction, None, or one for each axis
        Standard deviation in input samples, instead of the one that follows from the scale.
    boundary : {"zeros", "replicate", "reflect", "circular"}, or one for each axis
        What stands beyond the ends.
    sampling : {"slice", "nearest"}, or one for each axis
        ``"slice"``: ``ceil(n / stride)`` outputs, centred on multiples of the stride.
        ``"nearest"``: ``floor(n * scale)`` outputs, centred where torch's
        ``interpolate(mode="nearest", scale_factor=scale)`` picks.
    dtype : str or dtype, optional
        Type of the result; by default that of ``x``. Rounded once, half to even; integers clipped.
    out : array, optional
        Where to put the result: a writable array of its exact shape and type.
    backend : {"reference", "numpy", "numba", "cuda"}, optional
        Which one computes. By default ``"cuda"`` for arrays on a GPU, on the stream that is current
        there, without waiting. Otherwise Numba; NumPy where that is missing, or as long as the work
        of the process would not repay loading it. ``"cuda"`` by name copies arrays of the CPU to
        the GPU and back. Never changes the result.
    stream : CUDA stream, optional
        Where a GPU's work goes, instead of the stream that is current there: a stream of PyTorch,
        CuPy or Numba, anything with ``__cuda_stream__``, or a handle as an integer. The call is
        then as if that stream were current, so what other streams do with the arrays, before and
        after, has to be ordered by the caller. Arrays of the CPU are copied on that stream, too,
        and the call returns when the result has been copied back.

    Returns
    -------
    array
        Of the same kind as ``x``, or ``out`` itself. A plain NumPy array from NumPy's subclasses
        (``np.matrix``, ``np.memmap``, astropy's ``Quantity``, without its unit) and from what only
        exports memory or ``__array__`` (pandas, without its index); a plain tensor from torch's
        subclasses.

    Raises
    ------
    AaRefError
        One subtype for each cause, see `aa_ref.errors`. ``out`` is then untouched.

    Warns
    -----
    UserWarning
        If a size is not what the scale says: ``"slice"`` keeps every sample above 0.5, and at 0.4,
        of stride 2, every second one. It is told where 1/stride is more than 1 % from the scale.

    Examples
    --------
    >>> import numpy as np, aa_ref
    >>> aa_ref.downsample(np.ones((3, 256, 250), np.float32), 0.25).shape
    (3, 64, 63)
    """
    handle = None if stream is None else stream_handle(stream)
    on_host = _may_be_ready_on_host(x, out, backend, stream)
    asked: Any = None
    if on_host and (name := native_name(x.dtype)) is not None:
        p = make_plan(x.shape, name, dtype, scale, axes, sigma, boundary, sampling)
        answer = ready.run_on_host(p, "forward", x, out)
        if answer is not None:
            return answer
    elif _may_be_ready(x, out, backend):
        asked = key_of_options(dtype, scale, axes, sigma, boundary, sampling)
        if asked is None and is_plain_tensor(x):
            lengths, kind = tuple(x.shape), type_name_of(x.dtype)
            asked = make_plan(lengths, kind, dtype, scale, axes, sigma, boundary, sampling)
        if asked is not None and ready.run(asked, "forward", x, out, handle):
            return out
    source = read(x, handle)
    p = make_plan(source.storage.shape, source.dtype, dtype, scale, axes, sigma, boundary, sampling)
    call = _Call(p, source, out, _backend(backend, handle, source, "forward", p), "forward")
    warn_of_sizes(p)
    answer = call.run()
    if on_host:
        call.keep_on_host(x)
    elif asked is not None:
        call.keep(asked, p, x)
    return answer


@adapted("g")
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
    """Apply the exact transpose of `downsample`: what carries gradients back to the input.

    For every ``x`` and ``g``, ``sum(downsample(x) * g)`` and ``sum(x * downsample_adjoint(g))``
    are the same real number up to the rounding of the sums. See ``docs/spec.md``, part 5.

    Parameters
    ----------
    g : array
        Of the shape that `downsample` gives, of type float64, float32, float16 or bfloat16, which
        sets the compute type.
    shape : sequence of int
        The lengths of `downsample`'s input along ``axes``, in their order.
    dtype : str or dtype, optional
        Type of the result; by default that of ``g``.
    scale, axes, sigma, boundary, sampling, out, backend, stream
        As in `downsample`.

    Returns
    -------
    array
        Of the same kind as ``g``, with ``shape`` along ``axes``, or ``out`` itself.

    Raises
    ------
    AaRefError
        As `downsample`; a `ShapeError` if ``shape`` does not lead to ``g``'s shape.

    Examples
    --------
    >>> import numpy as np, aa_ref
    >>> aa_ref.downsample_adjoint(np.ones((3, 64, 63)), 0.25, (256, 250)).shape
    (3, 256, 250)
    """
    handle = None if stream is None else stream_handle(stream)
    source = _read_floating(g, handle)
    lengths = checked_shape(shape)
    numbers = as_axes(axes, source.storage.shape)
    check_order(axes, shape=lengths)
    if len(lengths) != len(numbers):
        raise ShapeError(
            f"shape is {shape!r}: {len(lengths)} length(s) for {len(numbers)} filtered axes; "
            "give the input's length along each of axes, in their order"
        )
    full = list(source.storage.shape)
    for axis, length in zip(numbers, lengths, strict=True):
        full[axis] = length
    p = make_plan(tuple(full), source.dtype, dtype, scale, axes, sigma, boundary, sampling)
    if p.out_shape != source.storage.shape:
        raise ShapeError(
            f"lengths {lengths} lead to shape {p.out_shape}, but g has {source.storage.shape}; "
            "give the lengths of the array that was downsampled"
        )
    call = _Call(p, source, out, _backend(backend, handle, source, "adjoint", p), "adjoint")
    warn_of_sizes(p)
    return call.run()


@adapted("x")
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
    """`downsample` the same array to several scales, as perceptual losses do.

    Parameters
    ----------
    x : array
    scales : sequence
        One scale, or one tuple of scales, for each level.
    out : sequence of arrays, optional
        One for each level, None where a new one is wanted.
    axes, sigma, boundary, sampling, dtype, backend, stream
        As in `downsample`, the same for all levels.

    Returns
    -------
    list of arrays
        Level ``i`` equals ``downsample(x, scales[i], ...)``.

    Raises
    ------
    AaRefError
        As `downsample`. All levels are checked before the first is computed.

    Examples
    --------
    >>> import numpy as np, aa_ref
    >>> [y.shape for y in aa_ref.pyramid(np.ones((3, 64, 48)))]
    [(3, 64, 48), (3, 32, 24), (3, 16, 12), (3, 8, 6)]
    """
    handle = None if stream is None else stream_handle(stream)
    source = read(x, handle)
    if not isinstance(scales, Iterable):
        raise ScaleError(f"scales is {scales!r}, no sequence; write one scale for each level")
    levels = [
        make_plan(source.storage.shape, source.dtype, dtype, s, axes, sigma, boundary, sampling)
        for s in scales
    ]
    if out is not None and not isinstance(out, Iterable):
        raise OutError(
            f"out is a {type(out).__name__}, no sequence; give an array or None for each level"
        )
    outs = [None] * len(levels) if out is None else list(out)
    if len(outs) != len(levels):
        raise OutError(f"out has {len(outs)} arrays for {len(levels)} scales; give one for each")
    chosen = _backend(backend, handle, source, "forward", *levels)
    calls = [_Call(p, source, o, chosen, "forward") for p, o in zip(levels, outs, strict=True)]
    results = [call.result for call in calls]
    _check_apart(results)
    warn_of_sizes(*levels)
    chosen.pyramid(levels, source.storage, results)
    return [call.answer() for call in calls]


def _backend(
    name: str | None, stream: int | None, source: Source, direction: Direction, *plans: Plan
) -> Backend:
    on_gpu = isinstance(source.storage, DeviceArray)
    if name is None:
        backend = get_backend("cuda") if on_gpu else default_backend(*plans, direction=direction)
    else:
        backend = get_backend(name)
    if on_gpu and backend.devices == ("cpu",):
        raise DeviceError(
            f"backend is {name!r}, which computes on the CPU, but the array is on a GPU; "
            "leave backend out, or copy the array to the CPU first"
        )
    return backend if stream is None else backend.on_stream(stream)


def _may_be_ready(x: Any, out: Any, backend: str | None) -> bool:
    """Whether a call may be one of `aa_ref.ready`'s. NumPy's arrays are told apart at once."""
    return out is not None and backend is None and type(x) is not np.ndarray


def _may_be_ready_on_host(x: Any, out: Any, backend: str | None, stream: Any) -> bool:
    """Whether it may be one of those on NumPy's arrays."""
    return (
        type(x) is np.ndarray
        and (out is None or type(out) is np.ndarray)
        and backend is None
        and stream is None
    )


class _Call:
    """One direction of one plan on one array; what can fail fails before anything is written."""

    def __init__(
        self, p: Plan, source: Source, out: Any, backend: Backend, direction: Direction
    ) -> None:
        self.plan, self.source, self.out, self.backend = p, source, out, backend
        self.forward = direction == "forward"
        shape = p.out_shape if self.forward else p.shape
        self.result: Any
        if out is None:
            check_kind(source, p.dtype)
            self.result = allocate(shape, p.dtype, source.storage)
        else:
            self.result = read_out(out, shape, p.dtype, source)

    def run(self) -> Any:
        """Compute and answer."""
        act = self.backend.forward if self.forward else self.backend.adjoint
        act(self.plan, self.source.storage, self.result)
        return self.answer()

    def keep(self, asked: Any, p: Plan, x: Any) -> None:
        """Remember the call, which was of a plan on ``x``, for tensors like these.

        ``asked`` is `ready.run`'s.
        """
        if not (is_cuda_tensor(x) and is_cuda_tensor(self.out)):
            return
        storage, backend = self.source.storage, get_backend("cuda")
        direction: Direction = "forward" if self.forward else "adjoint"
        launch = backend.ready(self.plan, direction, storage, self.result)
        ready.keep(asked, p, direction, x, self.out, backend, launch, storage, self.result)

    def keep_on_host(self, x: NDArray[Any]) -> None:
        """Remember the call, which was on ``x``, for NumPy's arrays like these."""
        if self.source.storage is not x or (self.out is not None and self.result is not self.out):
            return
        direction: Direction = "forward" if self.forward else "adjoint"
        if "bfloat16" in (self.plan.input_dtype, self.plan.dtype):
            return
        launch = self.backend.ready_on_host(self.plan, direction, x.strides, self.result.strides)
        if launch is not None:
            backend = get_backend(self.backend.name)
            ready.keep_on_host(self.plan, direction, x, self.out, self.result, backend, launch)

    def answer(self) -> Any:
        """The computed result, in the caller's kind."""
        if self.out is not None:
            return self.out
        return wrap(self.source, self.result, self.plan.dtype)


def _carry_out(
    p: Plan | Part, x: Any, out: Any, backend: str | None, stream: Any, direction: Direction
) -> Any:
    """What calling a plan or a part does."""
    adapter = adapter_of(x)
    if adapter is not None and adapter.means_more(x):
        if isinstance(p, Part):
            raise _more_than_a_part_keeps(x, direction, direction == p.direction)
        return _carry_out_by(adapter, p, x, direction, out=out, backend=backend, stream=stream)
    on_host = _may_be_ready_on_host(x, out, backend, stream)
    if on_host and isinstance(p, Plan):
        answer = ready.run_on_host(p, direction, x, out)
        if answer is not None:
            return answer
    handle = None if stream is None else stream_handle(stream)
    asked = p if isinstance(p, Plan) and _may_be_ready(x, out, backend) else None
    if asked is not None and ready.run(asked, direction, x, out, handle):
        return out
    if isinstance(p, Part) and direction != p.direction == "adjoint":
        raise ShapeError(
            "this is a part of the adjoint, which cannot be called; write part.adjoint(g), or "
            "plan.part({axis: (lo, hi)}) for a range of outputs"
        )
    if direction == "forward":
        source, shape = read(x, handle), p.shape
        _check_input_type(p, source.dtype)
    else:
        source, shape = _read_floating(x, handle), p.out_shape
        if isinstance(p, Part) and p.direction == "adjoint":
            if source.dtype != p.input_dtype:
                raise DtypeError(
                    f"the part is for {p.input_dtype} arrays, this one is {source.dtype}; "
                    f"plan with input_dtype={source.dtype!r}"
                )
        elif (p.input_dtype, p.dtype) != (source.dtype, source.dtype):
            p = p.replace_input_dtype(source.dtype)
    if source.storage.shape != shape:
        raise _of_another_shape(shape, source.storage.shape)
    if isinstance(p, Part):
        chosen = _backend(backend, handle, source, direction, p.inner)
        return carry_out_part(p, source, out, chosen, handle, direction)
    call = _Call(p, source, out, _backend(backend, handle, source, direction, p), direction)
    warn_of_sizes(p)
    answer = call.run()
    if on_host:
        call.keep_on_host(x)
    elif asked is not None:
        call.keep(asked, asked, x)
    return answer


def _more_than_a_part_keeps(x: Any, direction: Direction, takes_range: bool) -> ContainerError:
    """The error for coordinates, gradients and lazy arrays, which parts would drop."""
    call, name = ("plan", "x") if direction == "forward" else ("plan.adjoint", "g")
    whole = f"write {call}({name}) and take the range of its result, or " if takes_range else ""
    return ContainerError(
        f"a part keeps no coordinates, gradients or tasks, and this {type(x).__name__} means more "
        f"than its memory says; {whole or 'write '}part{call[4:]}(...) with np.asarray({name}), or "
        f"{name}.detach() of a tensor"
    )


def _carry_out_by(adapter: Any, p: Any, x: Any, direction: Direction, **options: Any) -> Any:
    """Carry a plan out by the adapter's function that has its options."""
    forward = direction == "forward"
    shape = p.shape if forward else p.out_shape
    if tuple(x.shape) != shape:
        raise _of_another_shape(shape, tuple(x.shape))
    options["axes"] = tuple([a.axis for a in p.axes])
    options["sigma"] = tuple([a.sigma if a.has_pass else None for a in p.axes])
    options["boundary"] = tuple([a.boundary for a in p.axes])
    options["sampling"] = tuple([a.sampling for a in p.axes])
    scales = tuple([a.scale for a in p.axes])
    if not forward:
        return adapter.downsample_adjoint(x, scales, tuple([a.length for a in p.axes]), **options)
    _check_input_type(p, name_of(x.dtype, ARRAYS_TYPE))
    return adapter.downsample(x, scales, dtype=p.dtype, **options)


def _check_input_type(p: Plan | Part, dtype: str) -> None:
    if dtype != p.input_dtype:
        raise DtypeError(
            f"the plan is for {p.input_dtype} arrays, this one is {dtype}; "
            f"plan with input_dtype={dtype!r}"
        )


def _of_another_shape(expected: tuple[int, ...], shape: tuple[int, ...]) -> ShapeError:
    return ShapeError(
        f"the plan takes arrays of shape {expected} here, this one has {shape}; make a plan for "
        "this shape"
    )


set_executor(_carry_out)


def _read_floating(g: Any, stream: int | None) -> Source:
    source = read(g, stream)
    if source.dtype not in FLOATING:
        raise DtypeError(
            f"the adjoint takes floating-point arrays, this one is {source.dtype}; convert it "
            "first, for instance with g.astype('float32')"
        )
    return source


def _check_apart(results: list[Storage]) -> None:
    """No two results of a pyramid may share memory."""
    for i, a in enumerate(results):
        if any(share_memory(a, b) for b in results[:i]):
            raise OutError(f"out[{i}] overlaps another level's; give each memory of its own")


def warn_of_sizes(*plans: Plan) -> None:
    """Warn, at the caller's line, if an axis of any of them comes out larger than its scale says.

    That line is outside of this package and of all adapters.
    """
    for p in plans:  # any() of a generator takes longer than all else here that most calls need
        if p.keeps_all or p.misses_scale:
            break
    else:
        return
    level, frame = 2, sys._getframe(1)
    ours = _PACKAGE, *folders
    while frame.f_back is not None and frame.f_code.co_filename.startswith(ours):
        level, frame = level + 1, frame.f_back
    warnings.warn(note_of_sizes(plans), UserWarning, stacklevel=level)


@atexit.register
def _load_for_exit() -> None:
    """Load what a call needs from a ``__del__`` that runs when nothing can be imported any more.

    NumPy, too, imports parts of itself when they are first used.
    """
    for dtype in NAMES:
        if dtype != "bfloat16":
            x = np.zeros((2, 2), dtype)
            in_core(downsample)(x, 0.5, backend="numpy")
    in_core(downsample_adjoint)(np.zeros((1, 1)), 0.5, (2, 2), backend="numpy")
