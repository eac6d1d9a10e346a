"""Every error of part 6 of the spec: its type, what its message names, and ``out`` untouched.

Each row of the tables says what is passed and three things that the message must hold: what was
passed, why it is wrong, what to write instead.
"""

import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from support import TYPES, assert_same_bits, numpy_type

import aa_ref
from aa_ref import backends, errors

BACKENDS = ("reference", "numpy", None)
SHAPE, OUT_SHAPE = (6, 9), (3, 5)  # at scale 0.5


class Arrays(NamedTuple):
    """What a call works on: x and g are inputs, y and z outputs of these shapes."""

    x: NDArray[Any]
    g: NDArray[Any]
    y: NDArray[Any]
    z: NDArray[Any]

    def bytes(self) -> list[bytes]:
        return [a.tobytes() for a in self]


def fresh() -> Arrays:
    """Inputs with numbers, outputs with a pattern that no call would write."""
    rng = np.random.default_rng(7)
    return Arrays(
        rng.standard_normal(SHAPE, np.float32),
        rng.standard_normal(OUT_SHAPE, np.float32),
        np.full(OUT_SHAPE, 12345.678, np.float32),
        np.full(SHAPE, -98765.43, np.float32),
    )


# How to call each of the functions, with defaults where a row says nothing.


def downsample(a: Arrays, **given: Any) -> Any:
    return aa_ref.downsample(
        given.pop("array", a.x), given.pop("scale", 0.5), **{"out": a.y, **given}
    )


def downsample_adjoint(a: Arrays, **given: Any) -> Any:
    array, scale, shape = (
        given.pop("array", a.g), given.pop("scale", 0.5), given.pop("shape", SHAPE),
    )  # fmt: skip
    return aa_ref.downsample_adjoint(array, scale, shape, **{"out": a.z, **given})


def pyramid(a: Arrays, **given: Any) -> Any:
    """With the wrong level last, after one that could be computed."""
    array, scale, out = given.pop("array", a.x), given.pop("scale", 0.5), given.pop("out", a.y)
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != SHAPE:
        first = None
    else:
        first = a.z
    return aa_ref.pyramid(array, (1, scale), **{"out": [first, out], **given})


def plan(a: Arrays, **given: Any) -> Any:
    given.pop("backend")
    return aa_ref.plan(given.pop("shape", SHAPE), given.pop("scale", 0.5), **given)


def call_plan(a: Arrays, **given: Any) -> Any:
    p = aa_ref.plan(SHAPE, 0.5)
    return p(given.pop("array", a.x), **{"out": a.y, **given})


def call_plan_adjoint(a: Arrays, **given: Any) -> Any:
    p = aa_ref.plan(SHAPE, 0.5)
    return p.adjoint(given.pop("array", a.g), **{"out": a.z, **given})


Function = Callable[..., Any]
OPTIONS: tuple[Function, ...] = (downsample, downsample_adjoint, pyramid, plan)
ARRAYS: tuple[Function, ...] = (
    downsample, downsample_adjoint, pyramid, call_plan, call_plan_adjoint,
)  # fmt: skip
FORWARD: tuple[Function, ...] = (downsample, pyramid, call_plan)
ADJOINT: tuple[Function, ...] = (downsample_adjoint, call_plan_adjoint)


class Row(NamedTuple):
    """``given`` may be a function of the arrays, where what is passed is made from them."""

    error: type[errors.AaRefError]
    functions: tuple[Function, ...]
    given: dict[str, Any] | Callable[[Arrays], dict[str, Any]]
    passed: str
    why: str
    instead: str


class Unexportable:
    """An array that does not let itself be exported, as a tensor that requires a gradient."""

    dtype = np.dtype(np.float32)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def __dlpack__(self, **_: Any) -> Any:
        raise BufferError("it requires a gradient")


class NoDevice(Unexportable):
    """An array without memory, as on torch's meta device."""

    def __dlpack_device__(self) -> tuple[int, int]:
        raise BufferError("it has no memory")


class Elsewhere(Unexportable):
    """An array in the memory of a device that no backend reaches."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return 10, 0


class Learned(float):
    """A number that takes a gradient, as a tensor may."""

    requires_grad = True


class NewerStream:
    """A stream by a protocol of the future."""

    def __cuda_stream__(self) -> tuple[int, int]:
        return 1, 0


def read_only(a: Arrays) -> NDArray[Any]:
    view = a.y.view()
    view.flags.writeable = False
    return view


IN_RANGE = r"output size over input size, in \(0, 1\]"
HAS_NO_VALUE, FILLED = "what is masked has no value", r"plain numbers, or \w+\.filled\(value\)"
NOT_A_NUMBER = "which is not a number"
NUMBER_INSTEAD = r"write one like 0\.25 or Fraction\(1, 3\)"
DEVIATION = "a standard deviation is finite and at least 0"
TOO_WIDE = "a radius above 32,767"
PER_AXIS = r"write one for all, or one for each of axes"
BOUNDARIES = "write one of 'zeros', 'replicate', 'reflect', 'circular'"
SAMPLINGS = "write 'slice' .* or 'nearest'"
SIX = "none of the types taken: float64, float32, float16, bfloat16, uint8, uint16"
IN_SINGLE = r"convert first, with x\.astype\('float32'\), which loses nothing$"
IN_DOUBLE = r"convert first, with x\.astype\('float64'\), which loses nothing$"
AT_MOST = r"where yours are at most 2\*\*53, write x\.astype\('float64'\)"
A_LOSS = "none of these holds its numbers without a loss"
NO_NUMBERS = "none of these holds what it means; pass an array of numbers"
MAKE_AN_ARRAY = r"np\.asarray\(x, dtype=np\.float32\)"

E = errors
ROWS: list[Row] = [
    # Scales
    Row(E.ScaleError, OPTIONS, {"scale": 4}, "scale is 4", IN_RANGE, "was 1/4 meant"),
    Row(E.ScaleError, OPTIONS, {"scale": 2.5}, r"scale is 2\.5", IN_RANGE, r"was 1/2\.5 meant"),
    Row(E.ScaleError, OPTIONS, {"scale": Fraction(3)}, "Fraction", IN_RANGE, "was 1/3 meant"),
    Row(E.ScaleError, OPTIONS, {"scale": 0}, "scale is 0", "but", IN_RANGE),
    Row(E.ScaleError, OPTIONS, {"scale": -0.5}, r"scale is -0\.5", "but", IN_RANGE),
    Row(E.ScaleError, OPTIONS, {"scale": float("nan")}, "scale is nan", "but", IN_RANGE),
    Row(E.ScaleError, OPTIONS, {"scale": float("inf")}, "scale is inf", "but", f"{IN_RANGE}$"),
    Row(E.ScaleError, OPTIONS, {"scale": True}, "scale is True", NOT_A_NUMBER, NUMBER_INSTEAD),
    Row(E.ScaleError, OPTIONS, {"scale": "1/2"}, "scale is '1/2'", NOT_A_NUMBER, NUMBER_INSTEAD),
    Row(E.ScaleError, OPTIONS, {"scale": None}, "scale is None", NOT_A_NUMBER, NUMBER_INSTEAD),
    Row(E.ScaleError, OPTIONS, {"scale": 0.5j}, r"scale is 0\.5j", NOT_A_NUMBER, NUMBER_INSTEAD),
    Row(E.ScaleError, OPTIONS, {"scale": 1e-310}, "scale is 1e-310", "not finite", "larger scale"),
    Row(E.ScaleError, OPTIONS, {"scale": 1e-5}, "scale is 1e-05", TOO_WIDE, "larger scale"),
    Row(E.ScaleError, OPTIONS, {"scale": Fraction(1, 10**9)}, "Fraction", TOO_WIDE, "larger scale"),
    Row(E.ScaleError, OPTIONS, {"scale": (0.5,)}, r"scale is \(0\.5,\)", r"1 value.* 2 ", PER_AXIS),
    Row(E.ScaleError, OPTIONS, {"scale": [0.5] * 3}, r"\[0\.5, 0", r"3 value.* 2 ", PER_AXIS),
    Row(E.ScaleError, OPTIONS, {"scale": (0.5, 8)}, "scale is 8", IN_RANGE, "was 1/8 meant"),
    # Sigmas
    Row(E.SigmaError, OPTIONS, {"sigma": -1}, "sigma is -1", DEVIATION, "leave it out"),
    Row(E.SigmaError, OPTIONS, {"sigma": float("nan")}, "sigma is nan", DEVIATION, "leave it out"),
    Row(E.SigmaError, OPTIONS, {"sigma": float("inf")}, "sigma is inf", DEVIATION, "leave it out"),
    Row(E.SigmaError, OPTIONS, {"sigma": True}, "sigma is True", NOT_A_NUMBER, r"1\.5 or None"),
    Row(E.SigmaError, OPTIONS, {"sigma": "1"}, "sigma is '1'", NOT_A_NUMBER, r"1\.5 or None"),
    Row(E.SigmaError, OPTIONS, {"sigma": 1j}, "sigma is 1j", NOT_A_NUMBER, r"1\.5 or None"),
    Row(E.SigmaError, OPTIONS, {"sigma": 1e4}, "sigma is 10000", TOO_WIDE, "smaller sigma"),
    Row(E.SigmaError, OPTIONS, {"sigma": 1e308}, r"sigma is 1e\+308", TOO_WIDE, "smaller sigma"),
    Row(E.SigmaError, OPTIONS, {"sigma": (1,)}, r"sigma is \(1,\)", r"1 value.* 2 ", PER_AXIS),
    Row(
        E.SigmaError, OPTIONS, {"sigma": Learned(1.5)}, "sigma is", "requires a gradient",
        r"sigma\.detach\(\)",
    ),
    Row(
        E.ScaleError, OPTIONS, {"scale": (0.5, Learned(0.5))}, "scale is", "requires a gradient",
        r"scale\.detach\(\)",
    ),
    *(
        Row(E.SigmaError, OPTIONS, {"sigma": sigma}, f"as sigma.*{kind}", HAS_NO_VALUE, FILLED)
        for sigma, kind in (
            (np.ma.array([1.0, 2.0], mask=[True, False]), "MaskedArray"),
            (np.ma.array([1.0, 2.0]), "MaskedArray"),
            (np.ma.array(1.0, mask=True), "MaskedArray"),
            ((1.0, np.ma.masked), "MaskedConstant"),
        )
    ),
    Row(
        E.ScaleError, OPTIONS, {"scale": np.ma.array([0.5, 0.5], mask=[False, True])},
        "as scale.*MaskedArray", HAS_NO_VALUE, FILLED,
    ),
    Row(
        E.ScaleError, OPTIONS, {"scale": (0.5, np.ma.masked)},
        "as scale.*MaskedConstant", HAS_NO_VALUE, FILLED,
    ),
    Row(E.SigmaError, OPTIONS, {"sigma": (None, -2)}, "sigma is -2", DEVIATION, "leave it out"),
    # Axes
    Row(E.AxesError, OPTIONS, {"axes": ()}, "axes is", "empty", r"axes=\(-2, -1\)"),
    Row(E.AxesError, OPTIONS, {"axes": None}, "axes is None", "integers", r"axes=\(-2, -1\)"),
    Row(E.AxesError, OPTIONS, {"axes": True}, "axes is True", "integers", r"axes=\(-2, -1\)"),
    Row(E.AxesError, OPTIONS, {"axes": (0, np.True_)}, "True", "integers", r"axes=\(-2, -1\)"),
    Row(E.AxesError, OPTIONS, {"axes": (0.5, 1)}, r"\(0\.5, 1\)", "integers", r"axes=\(-2, -1\)"),
    Row(
        E.AxesError, OPTIONS, {"axes": {0, 1}, "scale": (0.5, 1)}, r"\{0, 1\}, a set", "no order",
        "tuple, in the order of (scale|shape)",
    ),
    Row(
        E.AxesError, OPTIONS, {"axes": frozenset({0, 1}), "sigma": np.array([1.0, 2.0])},
        r"frozenset\(\{0, 1\}\), a set", "no order", "tuple, in the order of (sigma|shape)",
    ),
    Row(E.AxesError, OPTIONS, {"axes": (0, 2)}, "axis 2", r"out of range.*\(", r"axes=\(-1,\)"),
    Row(E.AxesError, OPTIONS, {"axes": (-3, 1)}, "axis -3", "out of range", r"axes=\(-1,\)"),
    Row(E.AxesError, OPTIONS, {"axes": (1, 1)}, r"axes is \(1, 1\)", "twice", "each"),
    Row(E.AxesError, OPTIONS, {"axes": (0, -2)}, r"axes is \(0, -2\)", "twice", "each"),
    Row(E.AxesError, FORWARD[:2], {"array": np.float32(1)}, "axis -2", "0 dimension", "axes="),
    # Lengths
    Row(E.LengthError, FORWARD[:2], {"array": np.ones((0, 9), "f4")}, "axis 0", "length 0", "axes"),
    Row(E.LengthError, (downsample_adjoint, plan), {"shape": (6, 0)}, "axis 1", "length 0", "axes"),
    Row(
        E.LengthError, OPTIONS, {"scale": 0.125, "sampling": "nearest"}, "length 6",
        r"floor\(6 \* 0\.125\) is no sample", "larger scale, or sampling='slice'",
    ),
    # Boundaries
    Row(
        E.BoundaryError, OPTIONS, {"boundary": "edge"}, "boundary is 'edge'", BOUNDARIES,
        r"numpy\.pad calls 'edge' is 'replicate'",
    ),
    Row(
        E.BoundaryError, OPTIONS, {"boundary": ("zeros", "mirror")}, "boundary is 'mirror'",
        BOUNDARIES, r"scipy\.ndimage calls 'mirror' is 'reflect'",
    ),
    Row(
        E.BoundaryError, OPTIONS, {"boundary": "BORDER_REFLECT_101"}, "'BORDER_REFLECT_101'",
        BOUNDARIES, "OpenCV calls .* is 'reflect'",
    ),
    Row(E.BoundaryError, OPTIONS, {"boundary": "Zeros"}, "'Zeros'", "boundary is", BOUNDARIES),
    Row(E.BoundaryError, OPTIONS, {"boundary": None}, "None", "boundary is", BOUNDARIES),
    Row(E.BoundaryError, OPTIONS, {"boundary": 0}, "0", "boundary is", BOUNDARIES),
    Row(E.BoundaryError, OPTIONS, {"boundary": ("zeros",)}, "zeros", r"1 value.* 2 ", PER_AXIS),
    # Samplings
    Row(E.SamplingError, OPTIONS, {"sampling": "stride"}, "'stride'", "sampling is", SAMPLINGS),
    Row(E.SamplingError, OPTIONS, {"sampling": None}, "None", "sampling is", SAMPLINGS),
    Row(
        E.SamplingError, OPTIONS, {"sampling": ("slice", "bilinear")}, "'bilinear'", "sampling is",
        SAMPLINGS,
    ),
    Row(E.SamplingError, OPTIONS, {"sampling": ["slice"]}, "slice", r"1 value.* 2 ", PER_AXIS),
    # Types
    Row(E.DtypeError, OPTIONS, {"dtype": "int8"}, "dtype is .int8.", SIX, "name one of them"),
    Row(E.DtypeError, OPTIONS, {"dtype": np.int64}, r"dtype is .*int64", SIX, "name one of them"),
    Row(E.DtypeError, OPTIONS, {"dtype": bool}, "dtype is .*bool", SIX, "name one of them"),
    Row(E.DtypeError, OPTIONS, {"dtype": "half-ish"}, "half-ish", SIX, "name one of them"),
    Row(E.DtypeError, OPTIONS, {"dtype": "f4,,"}, "f4,,", SIX, "name one of them"),
    Row(E.DtypeError, OPTIONS, {"dtype": object()}, "object object", SIX, "name one of them"),
    Row(E.DtypeError, (plan,), {"input_dtype": "i1"}, "input_dtype is .i1.", SIX, "name one of"),
    Row(E.DtypeError, (plan,), {"input_dtype": None}, "input_dtype is None", SIX, "name one of"),
    *(
        Row(E.DtypeError, ARRAYS, {"array": np.ones(1).astype(kind)}, f"type is {shown}", SIX,
            instead)
        for kind, shown, instead in (
            ("i1", "int8", IN_SINGLE), ("i2", "int16", IN_SINGLE), ("?", "bool", IN_SINGLE),
            ("i4", "int32", IN_DOUBLE), ("u4", "uint32", IN_DOUBLE),
            ("i8", "int64", AT_MOST), ("u8", "uint64", AT_MOST),
            ("c8", "complex64", r"filter x\.real and x\.imag apart, which are float32$"),
            ("c16", "complex128", r"filter x\.real and x\.imag apart, which are float64$"),
            ("f4,f4", r".*f4", r"filter each field apart, for instance x\['f0'\]$"),
            ("O", "object", NO_NUMBERS), ("U3", "<U3", NO_NUMBERS), ("S3", r"\|S3", NO_NUMBERS),
            ("m8[s]", r"timedelta64\[s\]", NO_NUMBERS),
            *([("g", "float128", A_LOSS), ("G", "complex256", A_LOSS)]
              if np.dtype("g").itemsize == 16 else []),
        )
    ),
    *(
        Row(
            E.DtypeError, ADJOINT, {"array": np.ones(OUT_SHAPE, kind)}, f"this one is {kind}",
            "adjoint takes floating-point arrays", r"g\.astype\('float32'\)",
        )
        for kind in ("uint8", "uint16")
    ),
    Row(
        E.DtypeError, (call_plan,), {"array": np.ones(SHAPE)}, "this one is float64",
        "plan is for float32 arrays", "input_dtype='float64'",
    ),
    # What is no array
    *(
        Row(E.ContainerError, ARRAYS, {"array": thing}, f"got {kind}", "array is needed",
            MAKE_AN_ARRAY)
        for thing, kind in (
            ([[1.0]], "list"), (((1.0,),), "tuple"), (None, "NoneType"), (1.0, "float"),
            ("x", "str"),
        )
    ),
    Row(
        E.ContainerError, ARRAYS, {"array": np.ma.ones(SHAPE)}, "masked arrays", "what is masked",
        r"aa_ref\.downsample_masked\(x\.data, ~np\.ma\.getmaskarray\(x\), scale\), or x\.filled\(",
    ),
    Row(
        E.ContainerError, ARRAYS, {"array": Unexportable()}, "Unexportable",
        "cannot be read through DLPack", "requires a gradient",
    ),
    Row(
        E.ContainerError, ARRAYS, {"array": NoDevice()}, "NoDevice",
        "cannot be read through DLPack", "has no memory",
    ),
    # Shapes
    Row(E.ShapeError, (plan,), {"shape": (6, -9)}, r"\(6, -9\)", "shape is", "non-negative"),
    Row(E.ShapeError, (plan,), {"shape": (6, 9.5)}, r"\(6, 9\.5\)", "shape is", "non-negative"),
    Row(
        E.ShapeError, (plan, downsample_adjoint), {"shape": (6, True)}, r"\(6, True\)",
        "shape is", "non-negative",
    ),
    Row(E.ShapeError, (plan,), {"shape": None}, "None", "shape is", "non-negative integers"),
    Row(
        E.ShapeError, (downsample_adjoint,), {"shape": (6, -9)}, r"\(6, -9\)", "shape is",
        "non-negative",
    ),
    Row(
        E.ShapeError, (downsample_adjoint,), {"shape": 6}, "shape is 6",
        r"1 length\(s\) for 2 filtered axes", "along each of axes",
    ),
    Row(
        E.ShapeError, (downsample_adjoint,), {"shape": (6, 11)}, r"lengths \(6, 11\)",
        r"lead to shape \(3, 6\), but g has \(3, 5\)", "lengths of the array that was downsampled",
    ),
    Row(
        E.ShapeError, (call_plan,), {"array": np.ones((9, 6), np.float32)}, r"has \(9, 6\)",
        r"takes arrays of shape \(6, 9\)", "make a plan for this shape",
    ),
    Row(
        E.ShapeError, (call_plan_adjoint,), {"array": np.ones(SHAPE, np.float32)},
        r"has \(6, 9\)", r"takes arrays of shape \(3, 5\)", "make a plan for this shape",
    ),
    # Devices
    Row(E.DeviceError, ARRAYS, {"array": Elsewhere()}, "rocm", "no backend", "copy it to the CPU"),
    Row(E.DeviceError, ARRAYS, {"out": Elsewhere()}, "rocm", "no backend", "CPU"),
    Row(
        E.StreamError, ARRAYS, {"stream": 0}, "stream is given", "computes on the CPU",
        "leave stream out, or ask for backend='cuda'",
    ),
    *(
        Row(E.StreamError, ARRAYS, {"stream": stream}, named, why, "pass a PyTorch, CuPy or Numba")
        for stream, named, why in (
            (True, "stream is True", "no stream"),
            (-1, "stream is -1", "no address"),
            (1 << 64, "stream is 18446744073709551616", "no address"),
            ("s", "stream is a str", "tells no handle"),
            (2.0, "stream is a float", "tells no handle"),
        )
    ),
    Row(
        E.StreamError, ARRAYS, {"stream": NewerStream()}, "NewerStream with version 1",
        "version 0 is understood", "pass its handle as an integer",
    ),
    # What results are to be written to
    Row(
        E.OutError, FORWARD, lambda a: {"out": np.ones((5, 3), "f4")}, r"shape \(5, 3\)",
        r"result has shape \(3, 5\)", "but the result has",
    ),
    Row(
        E.OutError, ADJOINT, lambda a: {"out": a.y}, r"shape \(3, 5\)",
        r"result has shape \(6, 9\)", "but the result has",
    ),
    Row(
        E.OutError, FORWARD, lambda a: {"out": np.ones(OUT_SHAPE)}, "type float64",
        "result is float32", "pass dtype='float64'",
    ),
    Row(
        E.OutError, FORWARD, lambda a: {"out": a.y.astype(">f4")}, "type >f4",
        "result is float32 in native byte order", "pass an array",
    ),
    Row(
        E.OutError, (downsample, pyramid, downsample_adjoint), {"dtype": "float64"},
        "type float32", "result is float64", "pass dtype='float32'",
    ),
    Row(E.OutError, ARRAYS, {"out": [[1.0]]}, "list", "cannot be written", "pass an array of"),
    Row(E.OutError, ARRAYS, {"out": 3}, "int", "cannot be written", "pass an array of shape"),
    Row(E.OutError, ARRAYS, {"out": Unexportable()}, "Unexport", "cannot be written", "gradient"),
    Row(
        E.OutError, FORWARD, lambda a: {"out": np.ma.array(a.y)}, "masked", "cannot be written",
        "value",
    ),
    Row(E.OutError, FORWARD, lambda a: {"out": read_only(a)}, "out", "read-only", "pass an array"),
    Row(
        E.OutError, FORWARD, lambda a: {"out": a.x[3:, :5]}, "out", "overlaps the input",
        "memory of its own",
    ),
    Row(
        E.OutError, (downsample_adjoint,),
        lambda a: {"array": a.z[:3, :5]}, "out", "overlaps the input", "memory of its own",
    ),
    Row(
        E.OutError, FORWARD, lambda a: {"out": as_strided(a.y, OUT_SHAPE, (0, 4))}, "out",
        r"overlaps itself \(strides \(0, 4\)\)", "pass a plain array",
    ),
    Row(
        E.OutError, FORWARD, lambda a: {"out": as_strided(a.y, OUT_SHAPE, (8, 4))}, "out",
        r"overlaps itself \(strides \(8, 4\)\)", "pass a plain array",
    ),
    Row(
        E.OutError, (pyramid,), lambda a: {"out": a.z[:3, :5]}, r"out\[1\]",
        "overlaps another level's", "memory of its own",
    ),
    # Backends
    *(
        Row(E.UnknownBackendError, ARRAYS, {"backend": name}, re.escape(f"backend is {name!r}"),
            "write one of", "'reference', 'numpy', 'numba'.*None")
        for name in ("numpi", "NumPy", "", 3, ["numpy"])
    ),
    Row(
        E.BackendUnavailableError, ARRAYS, {"backend": "absent"}, "backend 'absent'",
        "cannot run here: No module named 'no_such_package'", "install what is missing, or leave",
    ),
]  # fmt: skip


def cases() -> list[Any]:
    """Each row with each of its functions and, where the row names none, each backend."""
    found = []
    for number, row in enumerate(ROWS):
        for function in row.functions:
            free = function is not plan and (callable(row.given) or "backend" not in row.given)
            for backend in BACKENDS if free else (None,):
                name = f"{row.error.__name__}-{number}-{function.__name__}-{backend}"
                found.append(pytest.param(row, function, backend, id=name))
    return found


@pytest.mark.parametrize(("row", "function", "backend"), cases())
def test_error(
    row: Row, function: Function, backend: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(backends._CLASSES, "absent", ("no_such_package.backend", "Backend"))
    a = fresh()
    before = a.bytes()
    given = row.given(a) if callable(row.given) else row.given
    mine = [v for v in given.values() if isinstance(v, np.ndarray)]
    mine_before = [v.tobytes() for v in mine]
    with pytest.raises(errors.AaRefError) as caught:
        function(a, **{"backend": backend, **given})
    assert caught.type is row.error
    message = str(caught.value)
    for expected in (row.passed, row.why, row.instead):
        assert re.search(expected, message), f"{expected!r} not in {message!r}"
    assert a.bytes() == before
    assert [v.tobytes() for v in mine] == mine_before


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", [*ARRAYS, plan], ids=lambda f: f.__name__)
def test_without_a_mistake_the_same_calls_succeed(function: Function, backend: str | None) -> None:
    """Otherwise the rows above could fail for another reason than the one they give."""
    a = fresh()
    before = a.bytes()
    function(a, backend=backend)
    changed = [old != new for old, new in zip(before, a.bytes(), strict=True)]
    expected = {plan: [], pyramid: [2, 3], downsample_adjoint: [3], call_plan_adjoint: [3]}
    assert np.flatnonzero(changed).tolist() == expected.get(function, [2])


# Errors that belong to one function alone.


class Call(NamedTuple):
    error: type[errors.AaRefError]
    call: Callable[[Arrays], Any]
    passed: str
    why: str
    instead: str


THREADS = "positive integer"
CALLS: dict[str, Call] = {
    "pyramid: one scale": Call(
        E.ScaleError, lambda a: aa_ref.pyramid(a.x, 0.5), r"scales is 0\.5", "sequence", "write"
    ),
    "adjoint: axes without an order": Call(
        E.AxesError, lambda a: aa_ref.downsample_adjoint(a.g, 0.5, SHAPE, axes={0, 1}),
        r"\{0, 1\}, a set", "no order", "tuple, in the order of shape",
    ),
    "pyramid: text": Call(
        E.ScaleError, lambda a: aa_ref.pyramid(a.x, "1/2"), "'1'|'1/2'", "not", "write"
    ),
    "pyramid: too few outs": Call(
        E.OutError, lambda a: aa_ref.pyramid(a.x, (1, 0.5), out=[a.z]), "1 array", "2 scales",
        "give one for each",
    ),
    "pyramid: one out": Call(
        E.OutError, lambda a: aa_ref.pyramid(a.x, (0.5,), out=3), "out is", "sequence|each", "give"
    ),
    "input_range: too far": Call(
        E.LengthError, lambda a: aa_ref.plan(SHAPE, 0.5).axes[0].input_range(1, 4),
        r"outputs 1\.\.4", "not a range", r"within 0\.\.3",
    ),
    "input_range: a truth value": Call(
        E.LengthError, lambda a: aa_ref.plan(SHAPE, 0.5).axes[0].input_range(True, 5),
        r"outputs True\.\.5", "not a range of integers", r"write two within 0\.\.3",
    ),
    "output_range: text": Call(
        E.LengthError, lambda a: aa_ref.plan(SHAPE, 0.5).axes[0].output_range(0, "6"),
        r"inputs 0\.\.'6'", "not a range of integers", r"write two within 0\.\.6",
    ),
    **{
        f"downsample_masked: {name}": Call(
            E.MaskError,
            lambda a, given=given: aa_ref.downsample_masked(  # type: ignore[misc]
                a.x, **{"mask": np.ones(SHAPE, bool), "scale": 0.5} | given
            ),
            passed, why, instead,
        )
        for name, given, passed, why, instead in (
            ("weights", {"mask": np.full(SHAPE, 2.0)}, "from 2.0 to 2.0", "outside 0", "mask != 0"),
            ("negative", {"mask": np.full(SHAPE, -0.1)}, "from -0.1", "outside 0", "mask != 0"),
            ("NaN", {"mask": np.full(SHAPE, np.nan)}, "nan", "outside 0", "mask != 0"),
            ("255", {"mask": np.full(SHAPE, 255, "u1")}, "255", "outside 0", "mask != 0"),
            ("least", {"least": 1.5}, "least is 1.5", "from 0 to 1", "write one like"),
            ("least NaN", {"least": np.nan}, "least is nan", "from 0 to 1", "write one like"),
            ("least text", {"least": "0.5"}, "least is '0.5'", "from 0 to 1", "write one like"),
            ("fill text", {"fill": "0"}, "fill is '0'", "not a number", "leave it out"),
            ("fill", {"fill": -1, "dtype": "uint8"}, "fill is -1", "does not have", "dtype="),
            ("fill NaN", {"fill": np.nan, "dtype": "uint8"}, "nan", "does not have", "dtype="),
            ("fill 0.1", {"fill": 0.1, "dtype": "uint8"}, r"is 0\.1", "does not have", "dtype="),
            ("fill 1e39", {"fill": 1e39}, "fill is 1e", "float32 does not have", "dtype="),
        )
    },
    "downsample_masked: shape": Call(
        E.ShapeError, lambda a: aa_ref.downsample_masked(a.x, np.ones((9, 6), bool), 0.5),
        r"\(9, 6\)", r"does not broadcast to the array's \(6, 9\)", "pass one of that shape",
    ),
    "downsample_masked: type": Call(
        E.DtypeError, lambda a: aa_ref.downsample_masked(a.x, np.ones(SHAPE, "i8"), 0.5),
        "mask's type is int64", SIX, "mask != 0",
    ),
    "downsample_masked: list": Call(
        E.ContainerError, lambda a: aa_ref.downsample_masked(a.x, [[True]], 0.5),
        "list", "array is needed", "np.asarray",
    ),
    "part: a truth value": Call(
        E.LengthError, lambda a: aa_ref.plan(SHAPE, 0.5).part({0: (False, True)}),
        r"\(False, True\)", "outputs of axis 0", "two integers",
    ),
    "output_range: backwards": Call(
        E.LengthError, lambda a: aa_ref.plan(SHAPE, 0.5).axes[0].output_range(4, 2),
        r"inputs 4\.\.2", "not a range", r"within 0\.\.6",
    ),
    **{
        f"set_num_threads: {n!r}": Call(
            E.ThreadsError, lambda a, n=n: aa_ref.set_num_threads(n),  # type: ignore[misc]
            re.escape(f"thread count is {n!r}"), THREADS, "or None",
        )
        for n in (0, -1, True, 2.0, "2")
    },
    "limit_threads: 0": Call(
        E.ThreadsError, lambda a: aa_ref.limit_threads(0).__enter__(),
        "thread count is 0", THREADS, "or None",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_error_of_one_function(name: str) -> None:
    row, a, threads = CALLS[name], fresh(), aa_ref.get_num_threads()
    before = a.bytes()
    with pytest.raises(errors.AaRefError) as caught:
        row.call(a)
    assert caught.type is row.error
    for expected in (row.passed, row.why, row.instead):
        assert re.search(expected, str(caught.value)), f"{expected!r} not in {caught.value}"
    assert a.bytes() == before
    assert aa_ref.get_num_threads() == threads


def test_every_error_has_a_row() -> None:
    types = {getattr(errors, name) for name in errors.__all__} - {errors.AaRefError}
    assert {row.error for row in [*ROWS, *CALLS.values()]} == types


@pytest.fixture
def threads_from_environment() -> Iterator[None]:
    """Whatever was set before is forgotten, so that the environment counts."""
    aa_ref.set_num_threads(None)
    yield
    aa_ref.set_num_threads(None)


@pytest.mark.usefixtures("threads_from_environment")
@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "", " ", "²"])
def test_bad_thread_count_in_the_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AA_REF_NUM_THREADS", value)
    with pytest.raises(errors.ThreadsError, match=THREADS) as caught:
        aa_ref.get_num_threads()
    assert f"AA_REF_NUM_THREADS is {value!r}" in str(caught.value)
    assert "unset it" in str(caught.value)


@pytest.mark.usefixtures("threads_from_environment")
def test_bad_thread_count_in_the_environment_leaves_out_untouched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("numba")
    monkeypatch.setenv("AA_REF_NUM_THREADS", "many")
    x, out = np.ones((4, 1024, 1024), np.float32), np.full((4, 512, 512), 7, np.float32)
    with pytest.raises(errors.ThreadsError, match="AA_REF_NUM_THREADS is 'many'"):
        aa_ref.downsample(x, 0.5, out=out, backend="numba")
    assert (out == 7).all()


@pytest.mark.usefixtures("threads_from_environment")
def test_thread_count_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AA_REF_NUM_THREADS", " 3 ")
    assert aa_ref.get_num_threads() == 3
    aa_ref.set_num_threads(2)
    assert aa_ref.get_num_threads() == 2


def test_without_numba() -> None:
    """By name it raises and says what is missing; left out, NumPy does the work."""
    code = """
import sys
sys.modules["numba"] = None
import numpy as np, aa_ref
x, out = np.ones((6, 9)), np.full((3, 5), 7.0)
try:
    aa_ref.downsample(x, 0.5, backend="numba", out=out)
except aa_ref.errors.BackendUnavailableError as error:
    assert "backend 'numba' cannot run here" in str(error) and "numba" in str(error.__cause__)
else:
    raise SystemExit("no error")
assert (out == 7).all()
(numba,) = [b for b in aa_ref.list_backends() if b.name == "numba"]
assert not numba.available and "numba" in numba.reason
assert aa_ref.downsample(x, 0.5).shape == (3, 5)
"""
    parent = Path(aa_ref.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=parent, check=True, timeout=120)


# A scale below 1 that drops nothing: one warning a call, at the line of the caller.

WARNING_CALLS = {
    "downsample": "downsample(x, 0.75, backend=backend, out=z)",
    "downsample, one axis": "downsample(x, (0.5, 0.75), backend=backend)",
    "downsample_adjoint": "downsample_adjoint(x, 0.75, (6, 9), backend=backend, out=z)",
    "pyramid": "pyramid(x, (0.5, 0.75, 0.9), backend=backend, out=[y, z, None])",
    "Plan.__call__": "plan((6, 9), 0.75)(x, backend=backend, out=z)",
    "Plan.adjoint": "plan((6, 9), 0.75).adjoint(x, backend=backend, out=z)",
}


def run_at(file: str, call: str, backend: str | None, a: Arrays) -> None:
    """Make the call from line 4 of a file of that name, by way of nothing else."""
    names = {"backend": backend, **vars(aa_ref), **a._asdict()}
    exec(compile(f"\n\n\n{call}", file, "exec"), names)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", WARNING_CALLS)
def test_one_warning_at_the_callers_line(name: str, backend: str | None) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_at("caller.py", WARNING_CALLS[name], backend, fresh())
    assert [(w.category, w.filename, w.lineno) for w in caught] == [(UserWarning, "caller.py", 4)]
    message = str(caught[0].message)
    for expected in (
        r"scale 0\.75",
        r"keeps? all (its|their) samples, only blurred",
        "sampling='nearest'",
    ):
        assert re.search(expected, message), message


def test_making_a_plan_does_not_warn_but_tells() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = aa_ref.plan(SHAPE, (0.5, 0.75))
    assert [a.axis for a in p.keeps_all] == [1]


@pytest.mark.parametrize("name", ["_user.py", "_plugin/module.py"])
def test_warning_at_the_line_of_a_caller_whose_path_begins_as_the_package_does(name: str) -> None:
    file = str(Path(aa_ref.__file__).parent) + name
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_at(file, "downsample(x, 0.75)", None, fresh())
    assert [(w.filename, w.lineno) for w in caught] == [(file, 4)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", WARNING_CALLS)
def test_warning_turned_into_an_error_leaves_out_untouched(name: str, backend: str | None) -> None:
    a = fresh()
    before = a.bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=r"keeps? all (its|their) samples"):
            run_at("caller.py", WARNING_CALLS[name], backend, a)
    assert a.bytes() == before


@pytest.mark.parametrize(
    "options", [{"scale": 0.9}, {"scale": 0.875}, {"scale": 0.75, "sigma": 0}], ids=str
)
def test_warning_says_when_the_call_changes_nothing(options: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match="all their samples, unchanged"):
        aa_ref.downsample(fresh().x, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"scale": 0.5},
        {"scale": 1},
        {"scale": 1, "sigma": 1},
        {"scale": 0.75, "sampling": "nearest"},
        {"scale": Fraction(1, 2)},
        {"scale": (1, 0.25)},
    ],
    ids=str,
)
def test_no_warning_where_samples_are_dropped_or_the_scale_is_one(options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aa_ref.plan(SHAPE, **options)
        aa_ref.downsample(fresh().x, **options)


# A scale whose stride gives another size: the same kind of warning, with both numbers.

MISSED_CALLS = {name: call.replace("0.75", "0.4") for name, call in WARNING_CALLS.items()} | {
    "downsample_adjoint": "downsample_adjoint(y, 0.4, (6, 9), backend=backend, out=z)",
    "Plan.__call__": "plan((6, 9), 0.4)(x, backend=backend, out=y)",
    "Plan.adjoint": "plan((6, 9), 0.4).adjoint(y, backend=backend, out=z)",
    "downsample": "downsample(x, 0.4, backend=backend, out=y)",
    "pyramid": "pyramid(x, (0.5, 0.4, 1), backend=backend, out=[y, None, z])",
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MISSED_CALLS)
def test_one_warning_of_a_size_that_the_stride_does_not_give(
    name: str, backend: str | None
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_at("caller.py", MISSED_CALLS[name], backend, fresh())
    assert [(w.category, w.filename, w.lineno) for w in caught] == [(UserWarning, "caller.py", 4)]
    advice = {
        "pyramid": r" samples$",  # of whose levels one sigma is that of all
        "downsample, one axis": r"; along axis \d scale Fraction\(1, 2\) with sigma 0\.75 gives",
    }.get(name, r"; scale=Fraction\(1, 2\), sigma=0\.75 gives the same")
    assert re.search(
        r"scale 0\.4 has stride int\(1/scale\) = 2, so .* out at 1/2 = 0\.5 of the length, not at "
        r"0\.4; sampling='nearest' gives .*" + advice,
        str(caught[0].message),
    )


@pytest.mark.parametrize(
    ("scale", "stride", "told"),
    [
        (0.4, 2, "1/2 = 0.5 of the length, not at 0.4"),
        (51 / 110, 2, "1/2 = 0.5 of the length, not at 0.4636363636363636"),
        (Fraction(51, 110), 2, "1/2 = 0.5 of the length, not at 51/110 = 0.4636"),
        (0.16, 6, "1/6 = 0.1667 of the length, not at 0.16"),
        (1 / 93, 92, "1/92 = 0.01087 of the length, not at 0.010752688172043012"),
        (Fraction(100, 202), 2, ""),  # just 1 %
        (Fraction(1000, 2021), 2, "not at 1000/2021"),
        (Fraction(1000, 2019), 2, ""),
        (1 / 3, 3, ""),
        (Fraction(1, 93), 93, ""),
        (0.125, 8, ""),
        (1 / 99, 98, "1/98"),
        (1 / 105, 104, ""),  # a stride that is short of one, but 1 % is more
    ],
)
def test_where_sizes_are_told_of(scale: Any, stride: int, told: str) -> None:
    plan = aa_ref.plan((930,), scale, axes=-1)
    assert plan.axes[0].stride == stride
    assert [a.axis for a in plan.misses_scale] == [0] * bool(told)
    lines = [line for line in str(plan).splitlines() if line.startswith("mind: ")]
    assert len(lines) == bool(told)
    assert told in "".join(lines)
    assert not aa_ref.plan((930,), scale, axes=-1, sampling="nearest").misses_scale
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        aa_ref.downsample(np.ones(930, np.float32), scale, axes=-1)
    assert [f"mind: {w.message}" for w in caught] == lines


@pytest.mark.parametrize("scale", [0.4, Fraction(51, 110), 0.16, 1 / 93])
def test_what_a_warning_of_a_size_says_instead_gives_the_same(scale: Any) -> None:
    x = np.random.default_rng(0).standard_normal(500)
    with pytest.warns(UserWarning, match="gives the same as now") as caught:
        y = aa_ref.downsample(x, scale, axes=-1)
    found = re.search(r"scale=(Fraction\(.*?\)), sigma=(.*) gives", str(caught[0].message))
    assert found is not None
    twin = [eval(text, {"Fraction": Fraction}) for text in found.groups()]
    assert_same_bits(aa_ref.downsample(x, twin[0], sigma=twin[1], axes=-1), y)


@pytest.mark.parametrize(
    ("scale", "options"),
    [
        ((0.4, 0.5), {}),
        ((0.4, 0.3), {}),
        ((0.3, 1), {}),
        (0.4, {"sampling": ("nearest", "slice")}),
        (0.4, {"sigma": (1.0, 2.0)}),
    ],
)
def test_it_says_so_of_each_axis_where_they_differ(scale: Any, options: dict[str, Any]) -> None:
    x = np.random.default_rng(0).standard_normal((31, 43))
    with pytest.warns(UserWarning, match="gives the same as now") as caught:
        y = aa_ref.downsample(x, scale, **options)
    found = re.findall(
        r"along axis (\d) scale (\S+ \d+\)) with sigma ([\d.]+)", str(caught[0].message)
    )
    scales = list(scale) if isinstance(scale, tuple) else [scale] * 2
    sigmas = list(options.pop("sigma", (None, None)))
    assert found
    for axis, number, sigma in found:
        scales[int(axis)] = eval(number, {"Fraction": Fraction})
        sigmas[int(axis)] = float(sigma)
    again = aa_ref.downsample(x, tuple(scales), sigma=tuple(sigmas), **options)
    assert_same_bits(again, y)


def test_a_pyramid_is_not_told_of_a_sigma_for_all_levels() -> None:
    with pytest.warns(UserWarning, match="not at 0.4") as caught:
        aa_ref.pyramid(fresh().x, (1, 0.4))
    assert "sigma" not in str(caught[0].message)


def test_both_kinds_of_sizes_are_one_warning() -> None:
    with pytest.warns(UserWarning, match=r"axis 0 keeps .*; scale 0\.4 .* axis 1 comes") as caught:
        aa_ref.downsample(fresh().x, (0.75, 0.4))
    assert len(caught) == 1


# No floating-point warning, whatever the values.


def extremes(name: str) -> NDArray[Any]:
    """All that could raise a flag, in one type: shape (6, 9)."""
    dtype = numpy_type(name)
    if dtype.kind == "u":
        values = np.array([0, 1, np.iinfo(dtype).max], dtype)
    else:
        info = ml_dtypes.finfo(dtype)
        with np.errstate(all="ignore"):
            values = np.array(
                [np.inf, -np.inf, np.nan, info.max, -info.max, info.max,
                 info.smallest_subnormal, -info.smallest_subnormal, info.tiny, -0.0, 1, 1e5, -1],
            ).astype(dtype)  # fmt: skip
    return np.resize(values, SHAPE)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("result", TYPES)
@pytest.mark.parametrize("name", TYPES)
def test_no_floating_point_warning(name: str, result: str, backend: str | None) -> None:
    x = extremes(name)
    g = np.ascontiguousarray(x[:3, :5])

    def results(backend: str | None) -> list[Any]:
        found = [
            aa_ref.downsample(x, 0.5, dtype=result, backend=backend),
            aa_ref.downsample(
                x, 0.4, dtype=result, backend=backend, sampling="nearest", boundary="reflect"
            ),
        ]
        if not name.startswith("uint"):
            found.append(
                aa_ref.downsample_adjoint(
                    g, 0.5, SHAPE, dtype=result, backend=backend, boundary="circular"
                )
            )
        return found

    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        state = np.geterr()
        found = results(backend)
        assert np.geterr() == state
    for actual, expected in zip(found, results("reference"), strict=True):
        assert_same_bits(actual, expected, result)
