"""The options of a call as one line of text, which operators take, graphs show and files keep.

For instance ``"-2 0.25 None zeros slice; -1 1/4 3/2 reflect nearest"``: for each filtered axis,
counted from the end, its scale, sigma, boundary and sampling. Fractions are written as such and
floats as ``repr`` writes them, so that both are read back exactly.
"""

import math
import operator
import sys
import warnings
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import torch

import aa_ref
from aa_ref.dtypes import conversion_of
from aa_ref.errors import AaRefError, ScaleError
from aa_ref.explanations import note_of_sizes

from .errors import TensorDtypeError, as_torch_raises

__all__ = [
    "LONG",
    "Axis",
    "as_dtype",
    "as_integers",
    "axes_of",
    "axis_plan",
    "check_dtype",
    "describe",
    "describe_levels",
    "describe_levels_traced",
    "describe_traced",
    "from_integers",
    "keywords",
    "lengths_of",
    "level_outside",
    "one_if_equal",
    "out_shape",
    "plan_for",
    "shared_keywords",
]

LONG = 1 << 1023
"""A length that is enough for any scale, and the longest that a float can say."""
_NUMBERS = (int, float, Fraction, type(None))
_INTEGER = frozenset({int})
_TYPES = {
    name: getattr(torch, name)
    for name in ("float64", "float32", "float16", "bfloat16", "uint8", "uint16")
}
_INSIDE = ("aa_ref", "aa_ref_torch", "aa_ref_xarray", "torch")


class Axis(NamedTuple):
    """One filtered axis, counted from the end. Without a sigma, the rule's."""

    axis: int
    scale: float | Fraction
    sigma: float | Fraction | None
    boundary: str
    sampling: str
    stride: int

    def out_length(self, length: Any) -> Any:
        """Samples along the axis afterwards, also of a length that is a symbol."""
        if self.sampling == "slice":
            return -(-length // self.stride)
        if isinstance(self.scale, Fraction):
            return length * self.scale.numerator // self.scale.denominator
        if isinstance(length, torch.Tensor):  # of a graph that is traced; the same binary64 product
            return torch.floor(length.double() * self.scale).long()
        return math.floor(length * self.scale)


def describe(
    ndim: int,
    scale: Any,
    axes: Any,
    sigma: Any,
    boundary: Any,
    sampling: Any,
    *,
    shape: Sequence[int] | None = None,
) -> str:
    """The options as a line of text, for arrays of so many dimensions.

    It is the same for arrays of every shape; errors name the one that is given.

    Raises
    ------
    AaRefError
        As `aa_ref.plan`.

    Warns
    -----
    UserWarning
        As `aa_ref.downsample`, at the line from which this package was called.
    """
    text, _, note = _described(ndim, scale, axes, sigma, boundary, sampling, shape)
    if note:
        warnings.warn(note, UserWarning, stacklevel=level_outside())
    return text


def describe_levels(
    ndim: int,
    scales: Iterable[Any],
    axes: Any,
    sigma: Any,
    boundary: Any,
    sampling: Any,
    *,
    shape: Sequence[int] | None = None,
) -> list[str]:
    """`describe` for the levels of a pyramid, with one warning for all.

    Raises
    ------
    AaRefError
        As `aa_ref.plan`.

    Warns
    -----
    UserWarning
        As `aa_ref.pyramid`, at the line from which this package was called.
    """
    levels = [_described(ndim, s, axes, sigma, boundary, sampling, shape) for s in scales]
    if any(note for _, _, note in levels):
        note = note_of_sizes([plan for _, plan, _ in levels])
        warnings.warn(note, UserWarning, stacklevel=level_outside())
    return [text for text, _, _ in levels]


def _described(
    ndim: int, scale: Any, axes: Any, sigma: Any, boundary: Any, sampling: Any, shape: Any
) -> tuple[str, aa_ref.Plan, str]:
    """Return the options as text, their plan, and what is to be warned of."""
    arguments = (ndim, scale, axes, sigma, boundary, sampling)
    try:
        return (_kept if _plain(*arguments) else _fresh)(*arguments)
    except AaRefError:
        if shape is not None:
            aa_ref.plan(
                tuple(map(int, shape)), scale, axes=axes, sigma=sigma, boundary=boundary,
                sampling=sampling,
            )  # fmt: skip
        raise


def describe_traced(
    ndim: int, scale: Any, axes: Any, sigma: Any, boundary: Any, sampling: Any
) -> str:
    """`describe` within a graph that `torch.compile` traces.

    The compiler may hold numbers as symbols, and hands neither these nor fractions within tuples on
    to a function with a constant result. So they go there as integers, which are made constants.
    """
    numbers = as_integers(scale), as_integers(axes), as_integers(sigma)
    return _describe_integers(ndim, *numbers, boundary, sampling)


def describe_levels_traced(
    ndim: int, scales: Iterable[Any], axes: Any, sigma: Any, boundary: Any, sampling: Any
) -> list[str]:
    """`describe_levels` within a graph, as `describe_traced`: constants are texts, not lists."""
    numbers = as_integers(tuple(scales)), as_integers(axes), as_integers(sigma)
    lines = _describe_levels_of_integers(ndim, *numbers, boundary, sampling)
    return lines.split("\n") if lines else []


def as_integers(value: Any) -> Any:
    """Write numbers as integers: what the compiler makes constants of."""
    if isinstance(value, tuple | list):
        return tuple([as_integers(v) for v in value])
    if isinstance(value, Fraction):
        return "fraction", operator.index(value.numerator), operator.index(value.denominator)
    if isinstance(value, float) and -math.inf < value < math.inf:
        exponent = 0
        while abs(value) >= 1:
            value, exponent = value / 2, exponent + 1
        while 0 < abs(value) < 0.5:
            value, exponent = value * 2, exponent - 1
        return "float", operator.index(int(value * 2.0**53)), exponent
    return operator.index(value) if type(value) is int else value


def _describe_integers(
    ndim: int, scale: Any, axes: Any, sigma: Any, boundary: Any, sampling: Any
) -> str:
    scale, axes, sigma = map(from_integers, (scale, axes, sigma))
    return describe(ndim, scale, axes, sigma, boundary, sampling)


def _describe_levels_of_integers(
    ndim: int, scales: Any, axes: Any, sigma: Any, boundary: Any, sampling: Any
) -> str:
    scales, axes, sigma = map(from_integers, (scales, axes, sigma))
    return "\n".join(describe_levels(ndim, scales, axes, sigma, boundary, sampling))


_describe_integers._dynamo_marked_constant = True  # type: ignore[attr-defined]
_describe_levels_of_integers._dynamo_marked_constant = True  # type: ignore[attr-defined]
# What `torch.compiler.assume_constant_result` does, without importing the compiler.


def from_integers(value: Any) -> Any:
    """Return the numbers that `as_integers` wrote."""
    if not isinstance(value, tuple):
        return value
    if value[:1] == ("fraction",):
        return Fraction(value[1], value[2])
    if value[:1] == ("float",):
        return math.ldexp(value[1], value[2] - 53)
    return tuple(map(from_integers, value))


def _plain(ndim: int, scale: Any, axes: Any, sigma: Any, boundary: Any, sampling: Any) -> bool:
    """Whether equal arguments mean the same: Fraction(3, 4) within a tuple poses as 0.75."""
    return (
        type(scale) in _NUMBERS
        and type(sigma) in _NUMBERS
        and type(axes) is tuple
        and set(map(type, axes)) <= _INTEGER
        and type(boundary) is str
        and type(sampling) is str
    )


def _fresh(
    ndim: int, scale: Any, axes: Any, sigma: Any, boundary: Any, sampling: Any
) -> tuple[str, aa_ref.Plan, str]:
    plan = aa_ref.plan(
        (LONG,) * ndim, scale, axes=axes, sigma=sigma, boundary=boundary, sampling=sampling
    )
    parts = []
    for a in plan.axes:
        # What has been warned of is written as the scale of its stride, which is not warned of.
        told = a in plan.keeps_all or a in plan.misses_scale
        number = Fraction(1, a.stride) if told else a.scale
        width = a.sigma if a.has_pass else None
        written = map(_written, (number, width))
        parts.append(" ".join((str(a.axis - ndim), *written, a.boundary, a.sampling)))
    return "; ".join(parts), plan, note_of_sizes([plan])


_kept = lru_cache(maxsize=512, typed=True)(_fresh)


def _written(number: float | Fraction | None) -> str:
    if isinstance(number, Fraction):
        return f"{number.numerator}/{number.denominator}"
    return repr(number)


def _read(text: str) -> float | Fraction | None:
    if text == "None":
        return None
    return Fraction(text) if "/" in text else float(text)


def level_outside() -> int:
    """The level, for `warnings.warn` in the calling function, of the first frame from outside."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _INSIDE:
            break
        level, frame = level + 1, frame.f_back
    return level


@lru_cache(maxsize=512)
def axes_of(text: str) -> tuple[Axis, ...]:
    """The axes that a line of text describes."""
    axes = []
    for part in text.split("; "):
        number, scale, sigma, boundary, sampling = part.split(" ")
        exact = _read(scale)
        if exact is None:
            raise ScaleError(f"the options are {text!r}, without a scale for axis {number}")
        width = _read(sigma)
        stride = aa_ref.plan((LONG,), exact, axes=0, sigma=width).axes[0].stride
        axes.append(Axis(int(number), exact, width, boundary, sampling, stride))
    return tuple(axes)


@lru_cache(maxsize=512)
def axis_plan(axis: Axis, length: int) -> Any:
    """The plan of one axis alone, with taps in binary64."""
    return aa_ref.plan(
        (length,), axis.scale, axes=0, sigma=axis.sigma, boundary=axis.boundary,
        sampling=axis.sampling, input_dtype="float64",
    ).axes[0]  # fmt: skip


@lru_cache(maxsize=512)
def keywords(text: str) -> dict[str, Any]:
    """The options as the core's functions take them, one value for all axes where that will do."""
    axes = axes_of(text)
    options: dict[str, Any] = {"axes": tuple(a.axis for a in axes)}
    for name in ("scale", "sigma", "boundary", "sampling"):
        values = tuple(getattr(a, name) for a in axes)
        same = len({(type(value), value) for value in values}) == 1
        options[name] = values[0] if same else values
    return options


@lru_cache(maxsize=512)
def shared_keywords(texts: tuple[str, ...]) -> dict[str, Any] | None:
    """The options of a pyramid's levels, ``scales`` in place of ``scale``.

    None if something else differs, too.
    """
    options = [dict(keywords(text)) for text in texts]
    scales = [of_level.pop("scale") for of_level in options]
    if not options or any(of_level != options[0] for of_level in options):
        return None
    return options[0] | {"scales": scales}


@lru_cache(maxsize=1024)
def plan_for(
    shape: tuple[int, ...], text: str, dtype: torch.dtype, result: torch.dtype | None = None
) -> aa_ref.Plan:
    """The plan for a tensor's shape and type.

    Raises
    ------
    TensorDtypeError
        If the type is none of the six that the library takes.
    AaRefError
        As `aa_ref.plan`; a `RuntimeError`, too, where the tensor is at fault.
    """
    check_dtype(dtype)
    try:
        return aa_ref.plan(shape, input_dtype=dtype, dtype=result, **keywords(text))
    except AaRefError as error:
        raise as_torch_raises(error) from None


def check_dtype(dtype: torch.dtype, *, of_mask: bool = False) -> None:
    """See that the type of a tensor, or of a mask of weights, is one of the six.

    Raises
    ------
    TensorDtypeError
        If it is none.
    """
    if dtype not in _TYPES.values():
        advice = conversion_of(dtype)
        if of_mask:
            advice = "write mask != 0 for truth values, or weights from 0 to 1 of one of these"
        raise TensorDtypeError(
            f"the {'mask' if of_mask else 'tensor'}'s type is {dtype}, which is none of the types "
            f"taken: {', '.join(_TYPES)}; {advice}"
        )


def as_dtype(dtype: Any) -> torch.dtype | None:
    """A result type as torch's, from its name, torch's own, or NumPy's.

    Raises
    ------
    DtypeError
        If it is none of the six.
    """
    if dtype is None or isinstance(dtype, torch.dtype):
        return dtype
    if isinstance(dtype, str) and dtype in _TYPES:  # the compiler reads no plan
        of_name: torch.dtype = _TYPES[dtype]
        return of_name
    result: torch.dtype = _TYPES[aa_ref.plan((1,), 1, axes=0, dtype=dtype).dtype]
    return result


def out_shape(shape: Any, text: str) -> list[Any]:
    """The result's shape, also of lengths that are symbols."""
    result = list(shape)
    for a in axes_of(text):
        result[a.axis] = a.out_length(result[a.axis])
    return result


def one_if_equal(values: Sequence[Any]) -> Any:
    """Return one value for all axes where that will do, otherwise a tuple of all."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def lengths_of(shape: Any, text: str) -> list[Any]:
    """The lengths of a shape along the axes of a text, in their order."""
    return [shape[a.axis] for a in axes_of(text)]
