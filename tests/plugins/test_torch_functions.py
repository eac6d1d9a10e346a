"""The functions as torch's users call them: modes, types, devices, mistakes."""

import warnings

import numpy as np
import pytest
import torch
from support import assert_same_bits
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import aa_ref
import aa_ref_torch
from aa_ref import errors as E  # noqa: N812
from aa_ref_torch import AntiAliasInterpolation2d, functional

X = torch.randn(2, 3, 33, 41, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("autocast", [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing(dtype, autocast):
    """Sums are held in binary32 and the result has the input's type, with or without."""
    layer, x = AntiAliasInterpolation2d(3, 0.25), X.detach().to(dtype).requires_grad_()
    expected = layer(x)
    (g,) = torch.autograd.grad(expected.sum(), x)
    with torch.autocast("cpu", autocast):
        y = layer(x)
        (also,) = torch.autograd.grad(y.sum(), x)
    assert y.dtype == dtype
    assert torch.equal(y, expected)
    assert torch.equal(also, g)
    layer.weight.mul_(2)
    layer.refresh()
    with torch.autocast("cpu", autocast):
        assert layer(x).dtype == dtype
        assert torch.equal(layer(x), layer(x))
    stored, within = layer(x), max(2e-6, 4 * torch.finfo(dtype).eps)  # weights are binary32
    assert (stored - 2 * expected).abs().max() <= within * stored.abs().max()


def test_deterministic_algorithms_are_asked_for():
    torch.use_deterministic_algorithms(True)
    try:
        x = X.clone().requires_grad_()
        aa_ref_torch.downsample(x, 0.25).sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(
        x.grad, aa_ref_torch.downsample_adjoint(torch.ones(2, 3, 9, 11), 0.25, (33, 41))
    )


class Calls(TorchDispatchMode):
    """Notes the operators that are called."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


class FunctionCalls(TorchFunctionMode):
    """The same of functions."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("mode", [Calls, FunctionCalls])
def test_modes_see_the_operator(mode):
    """It is passed by where nobody looks."""
    x = torch.rand(1, 3, 24, 20)
    expected = aa_ref_torch.downsample(x, 0.25)
    with mode() as watched:
        assert torch.equal(aa_ref_torch.downsample(x, 0.25), expected)
    assert any("aa_ref.downsample" in name for name in watched.seen)


def test_a_profiler_sees_the_operator():
    x = torch.rand(1, 3, 24, 20)
    with torch.profiler.profile() as profile:
        aa_ref_torch.downsample(x, 0.25)
    assert "aa_ref::downsample" in [event.key for event in profile.key_averages()]


@pytest.mark.parametrize("inference", [False, True])
def test_lazily_negated_numbers_are_negated(inference):
    with torch.inference_mode(inference):
        x = torch.view_as_complex(torch.rand(1, 3, 24, 20, 2)).conj().imag
        assert x.is_neg()
        y = aa_ref_torch.downsample(x, 0.25)
        assert torch.equal(y, aa_ref_torch.downsample(x.resolve_neg(), 0.25))


def test_meta():
    x = X.to("meta")
    assert aa_ref_torch.downsample(x, 0.25, dtype="float16").dtype == torch.float16
    assert [y.shape[2:] for y in aa_ref_torch.pyramid(x)] == [(33, 41), (17, 21), (9, 11), (5, 6)]
    assert aa_ref_torch.downsample_adjoint(x, 0.5, (66, 81)).shape == (2, 3, 66, 81)
    with pytest.raises(E.ShapeError, match="lengths"):
        aa_ref_torch.downsample_adjoint(x, 0.5, (80, 66))


@pytest.mark.parametrize("shape", [(0, 3, 8, 9), (2, 0, 8, 9)])
def test_nothing_to_do(shape):
    x = torch.empty(shape, requires_grad=True)
    y = aa_ref_torch.downsample(x, 0.5)
    assert y.shape == (*shape[:2], 4, 5)
    y.sum().backward()
    assert x.grad.shape == shape


def test_out():
    out = torch.empty(2, 3, 9, 11)
    assert aa_ref_torch.downsample(X, 0.25, out=out) is out
    assert torch.equal(out, aa_ref_torch.downsample(X, 0.25))
    levels = [torch.empty(2, 3, 33, 41), None]
    made = aa_ref_torch.pyramid(X, (1, 0.5), out=levels)
    assert made[0] is levels[0]
    back = torch.empty_like(X)
    assert aa_ref_torch.downsample_adjoint(out, 0.25, (33, 41), out=back) is back


WRITES = {
    "downsample": lambda of, x, out: of.downsample(x, 0.25, out=out),
    "adjoint": lambda of, x, out: of.downsample_adjoint(x[..., :3, :3], 0.25, (9, 11), out=out),
    "pyramid": lambda of, x, out: of.pyramid(x, (0.25,), out=[out])[0],
}
by_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@by_write
@pytest.mark.parametrize("of", [aa_ref, aa_ref_torch], ids=lambda of: of.__name__)
@pytest.mark.parametrize("x", [X, X.numpy()], ids=["tensor", "array"])
def test_a_derivative_that_needs_what_out_held_is_refused(write, of, x):
    out, factor = torch.ones(2, 3, 9, 11), torch.ones(2, 3, 9, 11, requires_grad=True)
    total = (factor * out).sum()
    assert write(of, x, out) is out
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


@by_write
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_gradient_flows_through_out(write, dtype):
    x, out = X.to(dtype), torch.empty(2, 3, 9, 11, dtype=dtype)
    wants, also = x.clone().requires_grad_(), out.clone().requires_grad_()
    expected = write(aa_ref_torch, x, out)
    with pytest.raises(E.ContainerError, match=r"pass x\.detach\(\)"):
        write(aa_ref_torch, wants, out)
    with pytest.raises(E.OutError, match=r"pass out\.detach\(\)"):
        write(aa_ref_torch, x, also)
    with torch.no_grad():  # as torch's own functions
        assert write(aa_ref_torch, wants, also) is also
    assert also.requires_grad
    assert torch.equal(also, expected)
    with forward_ad.dual_level(), pytest.raises(E.ContainerError, match="requires a gradient"):
        write(aa_ref_torch, forward_ad.make_dual(x, x), out)


def test_modes_see_a_call_with_out():
    seen, out = [], torch.empty(2, 3, 9, 11)

    class Functions(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, arguments=(), options=None):
            seen.append(function.__name__)
            return function(*arguments, **(options or {}))

    class Operators(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            seen.append(function.__name__)
            return function(*arguments, **(options or {}))

    with Functions():
        aa_ref_torch.downsample(X, 0.25, out=out)
    assert "detach" in seen
    seen.clear()
    with Operators():
        aa_ref_torch.downsample(X, 0.25, out=out)
    assert "detach.default" in seen


def test_out_and_stream_are_torchs_where_x_is_a_tensor():
    with pytest.raises(E.StreamError, match="where there is none"):
        aa_ref.downsample(X, 0.25, stream=1)
    with pytest.raises(E.OutError, match="out has shape"):
        aa_ref.downsample(X, 0.25, out=torch.empty(3))


@pytest.mark.parametrize("thing", [torch.nn.Linear(2, 3), X.shape, torch.float32])
def test_torchs_other_things_are_no_arrays(thing):
    for of in (aa_ref, aa_ref_torch):
        for call in (
            lambda of=of: of.downsample(thing, 0.5),
            lambda of=of: of.downsample_adjoint(thing, 0.5, (8, 9)),
            lambda of=of: of.pyramid(thing),
        ):
            with pytest.raises(E.ContainerError, match=f"got {type(thing).__name__}"):
                call()


def test_out_in_inference_mode():
    with torch.inference_mode():
        out = torch.empty(2, 3, 9, 11)
        assert torch.equal(aa_ref_torch.downsample(X, 0.25, out=out), aa_ref.downsample(X, 0.25))
    aa_ref_torch.downsample(X, 0.25, out=out)


def test_other_arrays_go_to_the_core():
    x = X.numpy()
    assert type(aa_ref_torch.downsample(x, 0.25)) is np.ndarray
    assert type(aa_ref_torch.downsample_adjoint(x, 0.5, (66, 81))) is np.ndarray
    assert type(aa_ref_torch.pyramid(x)[1]) is np.ndarray


INTEGERS = torch.arange(20, dtype=torch.uint8).reshape(4, 5)
enlarge = aa_ref_torch.downsample_adjoint


def shrink(*arguments, **options):
    return aa_ref_torch.downsample(X, *arguments, **options)


MISTAKES = {
    "scale": (E.ScaleError, "was 1/4 meant", lambda: shrink(4)),
    "sigma": (E.SigmaError, "sigma is -1", lambda: shrink(0.5, sigma=-1)),
    "axes": (E.AxesError, "axis 4", lambda: shrink(0.5, axes=4)),
    "boundary": (
        E.BoundaryError, "what numpy.pad calls", lambda: shrink(0.5, boundary="edge"),
    ),
    "sampling": (E.SamplingError, "area", lambda: shrink(0.5, sampling="area")),
    "length": (E.LengthError, "length 0", lambda: aa_ref_torch.downsample(X[..., :0], 0.5)),
    "type": (E.DtypeError, "torch.int32", lambda: aa_ref_torch.downsample(X.int(), 0.5)),
    "result type": (E.DtypeError, "int8", lambda: shrink(0.5, dtype=torch.int8)),
    "name of type": (E.DtypeError, "'int8'", lambda: shrink(0.5, dtype="int8")),
    "backend": (E.UnknownBackendError, "fast", lambda: shrink(0.5, backend="fast")),
    "integers' adjoint": (
        E.DtypeError, "torch.uint8", lambda: enlarge(INTEGERS, 0.5, (8, 9)),
    ),
    "lengths": (E.ShapeError, "lead to", lambda: enlarge(X, 0.5, (8, 9))),
    "count of lengths": (
        E.ShapeError, r"1 length\(s\) for 2", lambda: enlarge(X, 0.5, 8),
    ),
    **{
        f"shape {shape!r}": (E.ShapeError, "shape is ", lambda s=shape: enlarge(X, 0.5, s))
        for shape in (None, 1.5, "ab", (66, "a"), (66.0, 81.0), (-1, 81), (1 << 70, 81))
    },
    **{
        f"backend {backend!r}": (
            E.UnknownBackendError, "backend is", lambda b=backend: shrink(0.5, backend=b),
        )
        for backend in (3, b"numpy", ["numpy"])
    },
    "adjoint's backend": (
        E.UnknownBackendError, "backend is 3", lambda: enlarge(X, 0.5, (66, 81), backend=3),
    ),
    "pyramid's backend": (
        E.UnknownBackendError, "backend is 3", lambda: aa_ref_torch.pyramid(X, backend=3),
    ),
    "scales": (E.ScaleError, "no sequence", lambda: aa_ref_torch.pyramid(X, 0.5)),
    "array": (E.ContainerError, "got str", lambda: aa_ref_torch.downsample("x", 0.5)),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told(mistake):
    error, words, call = MISTAKES[mistake]
    with pytest.raises(error, match=words):
        call()


UNREADABLE = {
    "sparse": (X.to_sparse, "to_dense"),
    "blocked": (X.to_mkldnn, "to_dense"),
    "quantized": (lambda: torch.quantize_per_tensor(X, 0.1, 0, torch.quint8), "dequantize"),
    "nested": (lambda: torch.nested.nested_tensor([X[0], X[0, :, 1:]]), "to_padded_tensor"),
}
STORED = AntiAliasInterpolation2d(3, 0.5)
STORED.weight.mul_(2)
STORED.refresh()


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize(
    "call",
    [
        lambda x: aa_ref_torch.downsample(x, 0.5),
        lambda x: aa_ref_torch.downsample_adjoint(x, 0.5, (66, 81)),
        aa_ref_torch.pyramid,
        aa_ref_torch.ImagePyramide([1, 0.5, 0.25], 3),
        AntiAliasInterpolation2d(3, 0.5),
        STORED,
    ],
    ids=["downsample", "adjoint", "pyramid", "pyramide", "layer", "stored weights"],
)
def test_tensors_that_are_not_plain_numbers(kind, call):
    make, words = UNREADABLE[kind]
    with pytest.raises(E.ContainerError, match=words):
        call(make())


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.complex64])
def test_stored_weights_take_the_six_types_alone(dtype):
    with pytest.raises(E.DtypeError, match=str(dtype)):
        STORED(X.to(dtype))


def test_errors_name_lengths_and_axes_as_the_tensor_has_them():
    """A layer knows neither when it is made, nor does the text that operators take."""
    for stored in (False, True):
        layer = AntiAliasInterpolation2d(3, 1e-30, sigma=1, sampling="nearest")
        layer.acts_by_plan = not stored
        with pytest.raises(E.LengthError, match=r"axis 2 has length 33, and floor\(33 \* 1e-30\)"):
            layer(X)
    for call, words in (
        (lambda: shrink(0.5, axes=4), r"shape \(2, 3, 33, 41\)"),
        (lambda: shrink(0.5, axes=(1, 1)), r"shape \(2, 3, 33, 41\)"),
        (lambda: shrink(1e-30, sigma=1, sampling="nearest"), "axis 2 has length 33"),
        (lambda: STORED(X[..., :0]), r"shape \(2, 3, 33, 0\), whose width is 0"),
        (
            lambda: torch.ops.aa_ref.convolve(X[..., :0], STORED.weight, STORED.options),
            "axis 3 has length 0",
        ),
    ):
        with pytest.raises(E.AaRefError, match=words):
            call()


def test_a_scale_that_drops_nothing_is_warned_of_at_the_callers_line():
    for call in (aa_ref_torch.downsample, aa_ref.downsample):
        with pytest.warns(UserWarning, match=r"scale 0\.75 has stride") as caught:
            call(X, 0.75)
        assert [warning.filename for warning in caught] == [__file__]
    x = X.clone().requires_grad_()
    with pytest.warns(UserWarning, match="stride") as caught:
        y = aa_ref_torch.downsample(x, 0.75)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y.sum().backward()  # which is silent
    assert len(caught) == 1


# ------------------------------------------------------------------- devices without a backend


@pytest.fixture
def no_backend_reaches_the_cpu(monkeypatch):
    """The CPU stands for a device like MPS, where torch's convolutions compute."""
    monkeypatch.setattr(functional, "_COMPUTED", ("cuda", "meta"))


CLOSE = {torch.float64: 1e-13, torch.float32: 2e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
CALLS = [
    ((2, 3, 33, 41), 0.25, {}),
    ((2, 3, 33, 41), 0.125, {"boundary": "reflect"}),
    ((2, 3, 9, 41), 0.125, {"boundary": "reflect"}),
    ((2, 3, 9, 41), (0.125, 0.3), {"boundary": ("circular", "replicate"), "sampling": "nearest"}),
    ((33, 41), 0.4, {"sampling": ("slice", "nearest")}),
    ((19, 2, 17, 21), 0.5, {"axes": (0, 2, 3), "sigma": 1.5}),
    ((40,), 0.25, {"axes": 0}),
    ((2, 7, 9, 11, 10), 0.5, {"axes": (1, 2, 3, 4), "boundary": "replicate"}),
    ((3, 8, 9), (1, 0.5), {"axes": (1, 2)}),
    ((3, 8, 9), 1, {}),
]


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@pytest.mark.usefixtures("no_backend_reaches_the_cpu")
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize(("shape", "scale", "options"), CALLS)
def test_convolutions_are_close(shape, scale, options, dtype):
    x = torch.randn(shape).to(dtype).requires_grad_()
    plain = x.detach()
    if dtype == torch.bfloat16:
        plain = plain.float()
    expected = torch.from_numpy(aa_ref.downsample(plain.numpy(), scale, **options)).double()
    y = aa_ref_torch.downsample(x, scale, **options)
    assert y.dtype == dtype
    assert y is not x
    assert (y.double() - expected).abs().max() <= CLOSE[dtype] * plain.abs().max()
    if dtype in (torch.float64, torch.float32):
        g = torch.randn(y.shape, dtype=dtype)
        axes = options.get("axes", (-2, -1))
        lengths = [shape[a] for a in (axes if isinstance(axes, tuple) else (axes,))]
        options = {"scale": scale, "shape": lengths, **options}
        expected = torch.from_numpy(aa_ref.downsample_adjoint(g.numpy(), **options))
        (gx,) = torch.autograd.grad(y, x, g)
        for back in (gx, aa_ref_torch.downsample_adjoint(g, **options)):
            assert (back - expected).abs().max() <= 2 * CLOSE[dtype] * g.abs().max()


@pytest.mark.usefixtures("no_backend_reaches_the_cpu")
def test_convolutions_round_to_integers_as_the_core_does():
    x = torch.tensor([[-7.0, 0.4], [float("nan"), 999.0]]).repeat(1, 1)
    y = aa_ref_torch.downsample(x, 1, dtype=torch.uint8)
    assert_same_bits(y, aa_ref.downsample(x.numpy(), 1, dtype="uint8"))
    assert aa_ref_torch.downsample(INTEGERS, 0.5).dtype == torch.uint8


@pytest.mark.usefixtures("no_backend_reaches_the_cpu")
def test_the_adjoint_by_convolutions_is_differentiable_and_looks_at_lengths():
    g = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    options = {"boundary": "reflect", "sampling": ("nearest", "slice")}
    assert torch.autograd.gradcheck(lambda g: enlarge(g, (0.3, 0.25), (10, 13), **options), g)
    with pytest.raises(E.ShapeError, match="length 14 leads to 4 samples along axis -2, but g has"):
        enlarge(g, (0.3, 0.25), (14, 13), **options)


@pytest.mark.usefixtures("no_backend_reaches_the_cpu")
def test_a_named_backend_has_to_reach_the_device():
    with pytest.raises(E.DeviceError, match="which no backend reaches"):
        aa_ref_torch.downsample(X, 0.5, backend="numpy")
    assert [y.shape[-1] for y in aa_ref_torch.pyramid(X)] == [41, 21, 11, 6]
