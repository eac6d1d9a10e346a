"""Plans: everything that follows from shapes and options alone, before any sample is read.

A plan is plain data: frozen, hashable, picklable. Backends read it, caches are keyed by it,
``print`` explains it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .boundary import as_boundary, fold
from .dtypes import compute_type, name_of
from .errors import (
    BoundaryError,
    LengthError,
    SamplingError,
    ScaleError,
    SigmaError,
)
from .excerpts import Excerpt, Range, excerpt_of_inputs, excerpt_of_outputs
from .explanations import explain
from .filters import (
    Number,
    as_scale,
    as_sigma,
    nearest_float,
    radius_of,
    sigma_of,
    stride_of,
    taps_of,
)
from .options import as_axes, as_index, as_sampling, check_order, checked_shape, per_axis
from .special import refuses_scripting

__all__ = [
    "AxisPlan",
    "Direction",
    "Part",
    "Plan",
    "key_of_options",
    "make_plan",
    "plan",
    "set_executor",
]

Direction = Literal["forward", "adjoint"]
_BINARY32 = np.dtype(np.float32)
_NUMBERS = (float, int, Fraction, np.float64, np.float32)
_INTEGERS = frozenset({int})


@dataclass(frozen=True)
class AxisPlan:
    """One filtered axis. Lengths, positions, sigma and radius are in input samples.

    Attributes
    ----------
    axis : int
        The dimension, counted from the front.
    length, out_length : int
        Samples along the axis before and after.
    scale, sigma : float or Fraction
    radius, stride : int
    boundary, sampling : str
    has_pass : bool
        False where the scale is 1 and no sigma was given: the axis is left alone.
    step : float
        For ``sampling="nearest"``: 1/scale rounded to binary32. Otherwise 0.
    compute_dtype : dtype
        The type of the taps.
    """

    axis: int
    length: int
    out_length: int
    scale: Number
    sigma: Number
    radius: int
    stride: int
    boundary: str
    sampling: str
    has_pass: bool
    step: float
    compute_dtype: np.dtype[Any]

    def __getstate__(self) -> dict[str, Any]:
        return _fields_only(self)

    @cached_property
    def taps(self) -> NDArray[Any]:
        """The filter: shape (2 radius + 1,), in the compute type, read-only, normalised."""
        return taps_of(self.sigma, self.compute_dtype)

    @property
    def spacing(self) -> int | None:
        """Centre ``i`` is ``i * spacing``; None where the centres are not evenly spaced."""
        if self.sampling == "slice" or not self.has_pass:
            return self.stride
        even = self.step == int(self.step) and self.length <= 1 << 24
        if even and (self.out_length - 1) * int(self.step) < self.length:
            return int(self.step)
        return None

    @property
    def centres(self) -> NDArray[np.int64]:
        """The input index under the middle tap of each output: shape (out_length,), read-only."""
        centres = self._centres(np.arange(self.out_length, dtype=np.int64))
        centres.flags.writeable = False
        return centres

    def _centres(self, outputs: NDArray[np.int64]) -> NDArray[Any]:
        if self.spacing is not None:
            # Output 0 is centred on 0, and alone if the spacing exceeds 64 bits.
            return outputs * (self.spacing if self.out_length > 1 else 1)
        product = outputs.astype(np.float32) * np.float32(self.step)
        centres: NDArray[np.int64] = np.floor(product).astype(np.int64)
        return np.minimum(centres, self.length - 1)

    def input_range(self, lo: int, hi: int) -> tuple[int, int]:
        """The smallest range of inputs that holds all that outputs ``lo..hi`` (exclusive) read.

        The boundary is taken into account: with ``"circular"``, the first output reads the far
        end too. An empty range gives (0, 0).

        Raises
        ------
        LengthError
            If they are not two integers, or not a range of the axis's outputs.
        """
        lo, hi = _checked_range(lo, hi, self.out_length, "outputs")
        if lo == hi:
            return 0, 0
        low, high = self._centres(np.array([lo, hi - 1])).tolist()
        first, last = low - self.radius, high + self.radius
        beyond = np.concatenate([np.arange(first, 0), np.arange(self.length, last + 1)])
        folded = fold(beyond, self.length, self.boundary)
        read = [max(first, 0), min(last, self.length - 1), *folded[folded >= 0].tolist()]
        return min(read), max(read) + 1

    def output_range(self, lo: int, hi: int) -> tuple[int, int]:
        """The smallest range of outputs that holds all that read any of inputs ``lo..hi``.

        (0, 0) if none does, as happens where the stride is larger than the filter.

        Raises
        ------
        LengthError
            If they are not two integers, or not a range of the axis's inputs.
        """
        lo, hi = _checked_range(lo, hi, self.length, "inputs")
        if lo == hi:
            return 0, 0
        beyond = np.concatenate(
            [
                np.arange(-self.radius, 0),
                np.arange(self.length, self.length + self.radius),
            ]
        )
        folded = fold(beyond, self.length, self.boundary)
        beyond = beyond[(folded >= lo) & (folded < hi)]
        first = np.append(beyond, lo) - self.radius  # centres in first..last reach the position
        last = np.append(beyond, hi - 1) + self.radius
        centres = self.centres
        begin = np.searchsorted(centres, first, side="left")
        end = np.searchsorted(centres, last, side="right")
        reached = begin < end
        if not reached.any():
            return 0, 0
        return int(begin[reached].min()), int(end[reached].max())


@dataclass(frozen=True)
class Plan:
    """What one call does to arrays of one shape and type. Made by `plan`, carried out by a call.

    Attributes
    ----------
    shape, out_shape : tuple of int
    input_dtype, dtype : str
        Names of the input's and the result's type.
    axes : tuple of AxisPlan
        As written by the caller. `passes` are those that filter, in ascending dimension index.
    """

    shape: tuple[int, ...]
    input_dtype: str
    dtype: str
    axes: tuple[AxisPlan, ...]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.shape, self.input_dtype, self.dtype, self.axes))

    def __getstate__(self) -> dict[str, Any]:
        return _fields_only(self)

    @cached_property
    def compute_dtype(self) -> np.dtype[Any]:
        """The type in which taps, products and sums are held."""
        return compute_type(self.input_dtype)

    @cached_property
    def passes(self) -> tuple[AxisPlan, ...]:
        """The axes that have a pass, in ascending dimension index: the order of filtering."""
        return tuple(sorted((a for a in self.axes if a.has_pass), key=lambda a: a.axis))

    @cached_property
    def out_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        shape = list(self.shape)
        for a in self.axes:
            shape[a.axis] = a.out_length
        return tuple(shape)

    @cached_property
    def multiplications(self) -> int:
        """Multiplications by taps, one pass an axis and only where an output is kept."""
        shape, total = list(self.shape), 0
        for a in self.passes:
            shape[a.axis] = a.out_length
            total += math.prod(shape) * len(a.taps)
        return total

    @cached_property
    def full_multiplications(self) -> int:
        """The same for the full-resolution way: K×K taps at each input sample, then subsampling."""
        return math.prod(self.shape) * math.prod(len(a.taps) for a in self.passes)

    @cached_property
    def keeps_all(self) -> tuple[AxisPlan, ...]:
        """The axes with scale below 1 that keep every sample all the same."""
        return tuple(
            a for a in self.axes if a.sampling == "slice" and a.stride == 1 and a.scale < 1
        )

    @cached_property
    def misses_scale(self) -> tuple[AxisPlan, ...]:
        """The axes with ``"slice"`` whose 1/stride is more than 1 % from the scale asked for.

        Those of `keeps_all` are not among them.
        """
        return tuple(
            a for a in self.axes if a.sampling == "slice" and a.stride > 1 and _misses_scale(a)
        )

    def replace_input_dtype(self, input_dtype: str) -> "Plan":
        """The same plan for another type, of input and result."""
        return self.replace_array(self.shape, input_dtype)

    def replace_array(self, shape: tuple[int, ...], input_dtype: str) -> "Plan":
        """The same options for another shape, and another type of input and result."""
        axes = tuple(
            _AxisKey.of(a.axis, a.scale, a.sigma if a.has_pass else None, a.boundary, a.sampling)
            for a in self.axes
        )
        return _plan(shape, input_dtype, input_dtype, axes)

    def __call__(
        self, x: Any, *, out: Any = None, backend: str | None = None, stream: Any = None
    ) -> Any:
        """Downsample an array of this plan's shape and input type; see `aa_ref.downsample`."""
        return _carry_out(self, x, out, backend, stream, "forward")

    def adjoint(
        self, g: Any, *, out: Any = None, backend: str | None = None, stream: Any = None
    ) -> Any:
        """Apply the transpose to a floating-point array of shape `out_shape`.

        The type of ``g`` sets the compute type and the result type. See
        `aa_ref.downsample_adjoint`.
        """
        return _carry_out(self, g, out, backend, stream, "adjoint")

    def part(self, outputs: Mapping[int, Range]) -> "Part":
        """Make a plan of a range of the outputs, which takes the inputs that these need.

        Parameters
        ----------
        outputs : mapping of int to (int, int)
            By dimension, the outputs wanted: from the first up to, not including, the last. Any
            dimension may be named, filtered or not; of those that are not, all are wanted.

        Returns
        -------
        Part
            Called with the inputs that its `Part.inputs` name, it gives the bits of the whole.

        Raises
        ------
        AxesError
            If there is no such dimension.
        LengthError
            If a range is none, holds nothing, or passes an end.

        Examples
        --------
        >>> import numpy as np, aa_ref
        >>> x = np.ones((3, 256, 250), np.float32)
        >>> part = aa_ref.plan(x.shape, 0.25).part({1: (10, 20)})
        >>> part.inputs[1]
        ((32, 83),)
        >>> part(x[:, 32:83]).shape
        (3, 10, 63)
        """
        return Part(self, _checked_ranges(outputs, self.out_shape, "outputs"), "forward")

    def adjoint_part(self, inputs: Mapping[int, Range]) -> "Part":
        """Make a plan of a range of what the adjoint gives, which takes the outputs that reach it.

        A `part` goes the other way: its adjoint takes a range of outputs, and gives what these
        alone add to the inputs. Such sums of several parts are not the whole's to the bit, since
        they are added in another order. This one takes all outputs that reach a range of inputs.

        Parameters
        ----------
        inputs : mapping of int to (int, int)
            By dimension, the range of inputs for which the adjoint is wanted.

        Returns
        -------
        Part
            Its `Part.adjoint`, of the outputs that its `Part.outputs` name, gives the bits of the
            whole. It cannot be called.

        Raises
        ------
        AxesError, LengthError
            As `part`.
        """
        return Part(self, _checked_ranges(inputs, self.shape, "inputs"), "adjoint")

    def __str__(self) -> str:
        return explain(self)


@dataclass(frozen=True)
class Part:
    """A range of a plan's outputs, or of what its adjoint gives. See `Plan.part`.

    Carrying out a part warns of nothing: that a scale keeps all samples is said of the whole.

    Attributes
    ----------
    whole : Plan
    ranges : tuple of (int, int, int)
        The dimensions of which less than all is wanted, each with its range.
    direction : {"forward", "adjoint"}
        Whether the ranges are of outputs (`Plan.part`) or of inputs (`Plan.adjoint_part`).
    """

    whole: Plan
    ranges: tuple[tuple[int, int, int], ...]
    direction: Direction

    def __getstate__(self) -> dict[str, Any]:
        return _fields_only(self)

    @cached_property
    def excerpts(self) -> tuple[Excerpt, ...]:
        """For each dimension the excerpt that is computed: see `aa_ref.excerpts`."""
        ranges = {axis: (lo, hi) for axis, lo, hi in self.ranges}
        forward = self.direction == "forward"
        excerpts = []
        axes: dict[int, AxisPlan | _Free] = {a.axis: a for a in self.whole.axes}
        for axis, length in enumerate(self.whole.shape):
            a = axes.get(axis, _Free(length))
            lo, hi = ranges.get(axis, (0, a.out_length if forward else length))
            excerpts.append((excerpt_of_outputs if forward else excerpt_of_inputs)(a, lo, hi))
        return tuple(excerpts)

    @property
    def inputs(self) -> tuple[tuple[Range, ...], ...]:
        """For each dimension, the ranges of the whole's inputs, one behind the other.

        It is a single range but where ``"circular"`` wraps round. It begins on a multiple of the
        stride, so may hold a few samples in front that `AxisPlan.input_range` does not name.
        """
        if self.direction == "forward":
            return tuple(e.inputs for e in self.excerpts)
        return tuple(((lo, hi),) for lo, hi in self._ranges_of(self.whole.shape))

    @property
    def outputs(self) -> tuple[tuple[Range, ...], ...]:
        """For each dimension, the ranges of the whole's outputs, one behind the other."""
        return tuple(e.outputs for e in self.excerpts)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the part's input, which is what its adjoint gives."""
        return tuple(sum(hi - lo for lo, hi in ranges) for ranges in self.inputs)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The shape of the part's result, which is what its adjoint takes."""
        return tuple(sum(hi - lo for lo, hi in ranges) for ranges in self.outputs)

    @property
    def input_dtype(self) -> str:
        """The name of the input's type."""
        return self.whole.input_dtype

    @property
    def dtype(self) -> str:
        """The name of the result's type."""
        return self.whole.dtype

    @cached_property
    def inner(self) -> Plan:
        """The plan that is carried out, of the excerpts: among its outputs are the part's."""
        excerpts, axes = self.excerpts, []
        for a in self.whole.axes:
            e = excerpts[a.axis]
            if e.spacing is not None:
                a = replace(
                    a, length=e.length, out_length=e.out_length, stride=e.spacing,
                    sampling="slice", step=0.0,
                )  # fmt: skip
            axes.append(a)
        return replace(self.whole, shape=tuple(e.length for e in excerpts), axes=tuple(axes))

    def replace_input_dtype(self, input_dtype: str) -> "Part":
        """Return the same part for another type, of input and result."""
        return replace(self, whole=self.whole.replace_input_dtype(input_dtype))

    def part(self, ranges: Mapping[int, Range]) -> "Part":
        """Make a plan of a smaller range: of the outputs, or of the adjoint's inputs, of this one.

        Positions are counted within this part. Parameters and errors are those of `Plan.part`.
        """
        forward = self.direction == "forward"
        shape, what = (self.out_shape, "outputs") if forward else (self.shape, "inputs")
        smaller = {axis: (lo, hi) for axis, lo, hi in _checked_ranges(ranges, shape, what)}
        full = self.whole.out_shape if forward else self.whole.shape
        found = []
        for axis, (begin, end) in enumerate(self._ranges_of(full)):
            lo, hi = smaller.get(axis, (0, end - begin))
            found.append((axis, begin + lo, begin + hi))
        return replace(self, ranges=_less_than_all(found, full))

    def __call__(
        self, x: Any, *, out: Any = None, backend: str | None = None, stream: Any = None
    ) -> Any:
        """Compute these outputs from an array of the inputs that `inputs` names.

        Raises
        ------
        AaRefError
            As calling a plan does, where the part is of the adjoint, and of DataArrays, Dask arrays
            and tensors that carry a gradient: a part would lose what these mean.
        """
        return _carry_out(self, x, out, backend, stream, "forward")

    def adjoint(
        self, g: Any, *, out: Any = None, backend: str | None = None, stream: Any = None
    ) -> Any:
        """Apply the transpose to an array of the outputs that `outputs` names.

        Of a part of the outputs, the result is that of the whole for a ``g`` that is zero outside
        of it, at the inputs that it takes, and the type of ``g`` sets all types as in
        `Plan.adjoint`. Of a part of the adjoint, it is the whole's, and the types are the plan's.
        """
        return _carry_out(self, g, out, backend, stream, "adjoint")

    def __str__(self) -> str:
        lines = [f"{self.shape} -> {self.out_shape}, a part of the {self.direction} of"]
        lines.append(str(self.whole))
        for axis, e in enumerate(self.excerpts):
            if any(axis == named for named, _, _ in self.ranges):
                inputs, outputs = (
                    " and ".join(f"{lo} .. {hi - 1}" for lo, hi in ranges) or "none"
                    for ranges in (self.inputs[axis], e.outputs)
                )
                lines.append(f"axis {axis}: inputs {inputs}, outputs {outputs}")
        return "\n".join(lines)

    def _ranges_of(self, shape: tuple[int, ...]) -> list[Range]:
        """Return the wanted range of each dimension."""
        ranges = [(0, length) for length in shape]
        for axis, lo, hi in self.ranges:
            ranges[axis] = lo, hi
        return ranges


def _misses_scale(a: AxisPlan) -> bool:
    got, asked = Fraction(1, a.stride), Fraction(a.scale)
    return abs(got - asked) > asked / 100


class _Free:
    """A dimension that is not filtered, as `aa_ref.excerpts` sees it."""

    radius, boundary, has_pass, spacing = 0, "zeros", False, 1

    def __init__(self, length: int) -> None:
        self.length = self.out_length = length
        self.centres = np.empty(0, np.int64)  # has_pass is False: not looked at


def _fields_only(instance: Any) -> dict[str, Any]:
    """What to pickle and copy: not what is cached beside the fields, which can be had again."""
    return {f.name: instance.__dict__[f.name] for f in fields(instance)}


@refuses_scripting
def plan(
    shape: Sequence[int],
    scale: Any,
    *,
    input_dtype: Any = "float32",
    dtype: Any = None,
    axes: Sequence[int] | int = (-2, -1),
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
) -> Plan:
    """Work out what `aa_ref.downsample` does to an array of this shape, without an array.

    Parameters
    ----------
    shape : sequence of int
        The input's shape.
    scale, axes, sigma, boundary, sampling, dtype
        As in `aa_ref.downsample`.
    input_dtype : str or dtype
        The input's type: one of the six types.

    Returns
    -------
    Plan
        Frozen and hashable; ``print(plan)`` explains it, ``plan(x)`` carries it out.

    Raises
    ------
    AaRefError
        One subtype for each cause, see `aa_ref.errors`.
    """
    return make_plan(
        checked_shape(shape), name_of(input_dtype, "input_dtype"), dtype, scale, axes, sigma,
        boundary, sampling,
    )  # fmt: skip


def make_plan(
    shape: tuple[int, ...],
    input_dtype: str,
    dtype: Any,
    scale: Any,
    axes: Any,
    sigma: Any,
    boundary: Any,
    sampling: Any,
) -> Plan:
    """`plan` for a checked shape and type. Plans are kept, so asking again costs a look-up."""
    arguments = (shape, input_dtype, dtype, scale, axes, sigma, boundary, sampling)
    return _kept(*arguments) if _plain(*arguments[2:]) else _fresh(*arguments)


def _plain(dtype: Any, scale: Any, axes: Any, sigma: Any, boundary: Any, sampling: Any) -> bool:
    """Whether a plan may be looked up by these arguments: by values that neither change nor pose.

    A tensor as a scale may change; Fraction(3, 4) in a tuple poses as 0.75, and 1.0 as 1.
    """
    return (
        type(scale) in _NUMBERS
        and (sigma is None or type(sigma) in _NUMBERS)
        and (type(axes) is int or (type(axes) is tuple and _INTEGERS.issuperset(map(type, axes))))
        and (dtype is None or isinstance(dtype, str | type | np.dtype))
        and type(boundary) is str
        and type(sampling) is str
    )


def key_of_options(
    dtype: Any, scale: Any, axes: Any, sigma: Any, boundary: Any, sampling: Any
) -> tuple[Any, ...] | None:
    """Return what tells a plan's options from all others; None where they change or pose."""
    if _plain(dtype, scale, axes, sigma, boundary, sampling):
        return dtype, scale, axes, sigma, boundary, sampling, type(scale), type(sigma), type(dtype)
    return None


def _fresh(
    shape: tuple[int, ...],
    input_dtype: str,
    dtype: Any,
    scale: Any,
    axes: Any,
    sigma: Any,
    boundary: Any,
    sampling: Any,
) -> Plan:
    result = input_dtype if dtype is None else name_of(dtype)
    numbers = as_axes(axes, shape)
    check_order(axes, scale=scale, sigma=sigma, boundary=boundary, sampling=sampling)
    options = zip(
        numbers,
        map(as_scale, per_axis("scale", scale, numbers, ScaleError)),
        (None if s is None else as_sigma(s) for s in per_axis("sigma", sigma, numbers, SigmaError)),
        map(as_boundary, per_axis("boundary", boundary, numbers, BoundaryError)),
        map(as_sampling, per_axis("sampling", sampling, numbers, SamplingError)),
        strict=True,
    )
    return _plan(shape, input_dtype, result, tuple(_AxisKey.of(*o) for o in options))


_kept = lru_cache(maxsize=512, typed=True)(_fresh)


class _AxisKey(NamedTuple):
    """The options of one axis, with the types that equality of numbers would not see."""

    axis: int
    scale: Number
    sigma: Number | None
    boundary: str
    sampling: str
    exact: tuple[bool, bool]

    @classmethod
    def of(
        cls, axis: int, scale: Number, sigma: Number | None, boundary: str, sampling: str
    ) -> "_AxisKey":
        exact = isinstance(scale, Fraction), isinstance(sigma, Fraction)
        return cls(axis, scale, sigma, boundary, sampling, exact)


@lru_cache(maxsize=512)
def _plan(shape: tuple[int, ...], input_dtype: str, dtype: str, axes: tuple[_AxisKey, ...]) -> Plan:
    compute = compute_type(input_dtype)
    return Plan(
        shape, input_dtype, dtype, tuple(_axis_plan(key, shape[key.axis], compute) for key in axes)
    )


def _axis_plan(key: _AxisKey, length: int, compute: np.dtype[Any]) -> AxisPlan:
    scale, sigma = key.scale, key.sigma
    if length == 0:
        raise LengthError(
            f"axis {key.axis} has length 0; there is nothing to filter, so leave it out of axes"
        )
    has_pass = not (scale == 1 and sigma is None)
    if sigma is None:
        sigma = sigma_of(scale)
        try:
            radius = radius_of(sigma)
        except SigmaError as error:
            raise ScaleError(f"scale is {scale!r}, too small: its {error}") from None
    else:
        radius = radius_of(sigma)
    stride, step = stride_of(scale), 0.0
    if not has_pass:
        out_length = length
    elif key.sampling == "slice":
        out_length = -(-length // stride)
    else:
        out_length = math.floor(length * scale)
        if out_length < 1:
            raise LengthError(
                f"axis {key.axis} has length {length}, and floor({length} * {scale}) is no sample "
                "at all; use a larger scale, or sampling='slice', which keeps the first"
            )
        step = nearest_float(Fraction(1 / scale), _BINARY32)
    return AxisPlan(
        key.axis, length, out_length, scale, sigma, radius, stride, key.boundary, key.sampling,
        has_pass, step, compute,
    )  # fmt: skip


def _checked_range(lo: int, hi: int, length: int, what: str) -> tuple[int, int]:
    try:
        lo, hi = as_index(lo), as_index(hi)
    except TypeError:
        raise LengthError(
            f"{what} {lo!r}..{hi!r} are not a range of integers; write two within 0..{length}, the "
            "first and the one behind the last"
        ) from None
    if not 0 <= lo <= hi <= length:
        raise LengthError(f"{what} {lo}..{hi} are not a range within 0..{length}")
    return lo, hi


def _checked_ranges(
    ranges: Any, shape: tuple[int, ...], what: str
) -> tuple[tuple[int, int, int], ...]:
    """Return (dimension, lo, hi) for each range that is less than all, in ascending order."""
    if not isinstance(ranges, Mapping):
        raise LengthError(
            f"{what} is {ranges!r}; write a range for each dimension, for instance {{-1: (0, 10)}}"
        )
    axes = as_axes(tuple(ranges), shape) if ranges else ()
    found = []
    for axis, given in zip(axes, ranges.values(), strict=True):
        try:
            lo, hi = map(as_index, given)
        except (TypeError, ValueError):
            raise LengthError(
                f"{what} of axis {axis} are {given!r}; write two integers, the first and the one "
                f"behind the last, for instance (0, {shape[axis]})"
            ) from None
        _checked_range(lo, hi, shape[axis], f"{what} of axis {axis},")
        if lo == hi and shape[axis]:
            raise LengthError(
                f"{what} of axis {axis} are {lo}..{hi}, which holds none; a part has one at least"
            )
        found.append((axis, lo, hi))
    return _less_than_all(found, shape)


def _less_than_all(
    ranges: Sequence[tuple[int, int, int]], shape: tuple[int, ...]
) -> tuple[tuple[int, int, int], ...]:
    return tuple(sorted(r for r in ranges if r[1:] != (0, shape[r[0]])))


_Executor = Callable[[Plan | Part, Any, Any, str | None, Any, Direction], Any]
_carry_out: _Executor


def set_executor(function: _Executor) -> None:
    """Tell plans who carries them out; `aa_ref.api` does so, since it imports this module."""
    global _carry_out
    _carry_out = function
