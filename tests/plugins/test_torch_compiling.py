"""Graphs: compiled without a break, exported, traced; and ONNX files, run by another runtime."""

import io
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.export import Dim
from torch.func import jvp

import aa_ref
import aa_ref_torch
from aa_ref.errors import LengthError
from aa_ref_torch import AntiAliasInterpolation2d, AntiAliasInterpolation3d, ImagePyramide

pytestmark = pytest.mark.usefixtures("fresh_compiler")

PYRAMID = ImagePyramide([1, 0.5, 0.25], 3)
FUNCTIONS = {
    "downsample": lambda x: aa_ref_torch.downsample(x, 0.25),
    "the core's": lambda x: aa_ref.downsample(x, 0.25, boundary="reflect"),
    "fractions": lambda x: aa_ref_torch.downsample(x, (Fraction(1, 3), 0.3), sigma=(None, 0.7)),
    "nearest": lambda x: aa_ref_torch.downsample(x, 0.3, sampling="nearest"),
    "other axes": lambda x: aa_ref_torch.downsample(x, 0.5, axes=(1, -1), dtype=torch.float64),
    "adjoint": lambda g: aa_ref_torch.downsample_adjoint(
        g, 0.5, (2 * g.shape[-2], 2 * g.shape[-1])
    ),
    "pyramid": lambda x: torch.cat([y.flatten() for y in aa_ref_torch.pyramid(x)]),
    "layer": AntiAliasInterpolation2d(3, 0.25),
    "pyramide": lambda x: torch.cat([y.flatten() for y in PYRAMID(x).values()]),
    "stored weights": AntiAliasInterpolation2d(3, 0.5),
}
with torch.no_grad():
    FUNCTIONS["stored weights"].weight.mul_(2)
    FUNCTIONS["stored weights"].refresh()


DYNAMIC = ("downsample", "nearest", "adjoint", "pyramide", "stored weights")


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@pytest.mark.parametrize(
    ("name", "dynamic"), [*((f, False) for f in FUNCTIONS), *((f, True) for f in DYNAMIC)]
)
def test_compiled_without_a_break(name, dynamic):
    """Forward and backward, with what the compiler fuses around it; the same bits as without."""
    function = FUNCTIONS[name]
    compiled = torch.compile(function, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for shape in ((2, 3, 33, 41), (1, 3, 20, 30)) if dynamic else ((2, 3, 33, 41),):
        x = torch.randn(shape, requires_grad=True)
        y, expected = compiled(x), function(x)
        assert torch.equal(y, expected)
        assert y.stride() == expected.stride()
        (gx,), (also,) = (torch.autograd.grad(v.square().sum(), x) for v in (y, expected))
        assert torch.equal(gx, also)


STORED = [
    (0.25, {"boundary": "replicate"}),
    (0.25, {"boundary": "reflect"}),
    (0.25, {"boundary": "circular"}),
    (0.25, {"sampling": "nearest"}),
    (0.3, {"sampling": "nearest", "boundary": "reflect"}),
    (Fraction(2, 7), {"sampling": "nearest", "boundary": "circular"}),
]
LENGTHS = [(2, 3, 33, 41), (1, 3, 20, 30), (2, 3, 9, 8)]  # the last is shorter than the extension
by_stored = pytest.mark.parametrize(("scale", "options"), STORED)


def of_small_integers(scale, options):
    """A layer of stored weights with which all sums are exact, in whichever order."""
    layer = AntiAliasInterpolation2d(3, scale, **options)
    layer.weight.copy_(torch.arange(layer.weight.numel()).reshape(layer.weight.shape) % 5)
    layer.refresh()
    return layer


@by_stored
def test_stored_weights_compile_with_lengths_that_change(scale, options):
    layer = of_small_integers(scale, options)
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    for shape in LENGTHS:
        x = torch.randint(-9, 9, shape).float().requires_grad_()
        y, expected = compiled(x), layer(x)
        assert torch.equal(y, expected)
        g = torch.randint(-9, 9, y.shape).float()
        (gx,), (also,) = (torch.autograd.grad(v, x, g) for v in (y, expected))
        assert torch.equal(gx, also)


@by_stored
@pytest.mark.parametrize("strict", [False, True])
def test_stored_weights_export_with_lengths_that_change(scale, options, strict):
    layer = of_small_integers(scale, options)
    lengths = {0: Dim("n"), 2: Dim("h", min=8), 3: Dim("w", min=8)}
    program = torch.export.export(
        layer, (torch.ones(2, 3, 33, 41),), dynamic_shapes=(lengths,), strict=strict
    )
    for shape in LENGTHS:
        x = torch.randint(-9, 9, shape).float()
        assert torch.equal(program.module()(x), layer(x))


@pytest.mark.parametrize("dynamic", [False, True])
def test_compiled_by_inductor(dynamic):
    """Which makes machine code of what is around the operator."""
    function = lambda x: (aa_ref_torch.downsample(x * 2 + 1, 0.25) ** 2).sum()  # noqa: E731
    compiled = torch.compile(function, fullgraph=True, dynamic=dynamic)
    for shape in ((2, 3, 33, 41), (1, 3, 20, 30)) if dynamic else ((2, 3, 33, 41),):
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        y, expected = compiled(x), function(x)
        torch.testing.assert_close(y, expected)  # a sum in another order
        (gx,), (also,) = (torch.autograd.grad(v, x) for v in (y, expected))
        torch.testing.assert_close(gx, also)


def test_a_level_whose_forward_is_replaced_is_compiled_again():
    pyramid, x = ImagePyramide([0.5, 0.25], 3), torch.randn(1, 3, 24, 20)
    compiled = torch.compile(pyramid, fullgraph=True, backend="aot_eager")
    before, forward = compiled(x), pyramid.downs["0-5"].forward
    pyramid.downs["0-5"].forward = lambda x: 2 * forward(x)
    after = compiled(x)
    assert torch.equal(after["prediction_0.5"], 2 * before["prediction_0.5"])
    assert torch.equal(after["prediction_0.25"], before["prediction_0.25"])


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
def test_a_scale_may_be_an_argument_of_the_graph():
    compiled = torch.compile(aa_ref_torch.downsample, fullgraph=True, backend="aot_eager")
    x = torch.randn(3, 40, 50)
    for scale in (0.5, 0.25, 0.3, 0.1234567890123, 1, Fraction(1, 3)):
        assert torch.equal(compiled(x, scale), aa_ref_torch.downsample(x, scale))
    sigma = 2.7182818284590455
    assert torch.equal(compiled(x, 0.5, sigma=sigma), aa_ref_torch.downsample(x, 0.5, sigma=sigma))


def test_a_fraction_may_be_closed_over():
    third = Fraction(1, 3)
    function = lambda x: aa_ref_torch.downsample(x, third)  # noqa: E731
    compiled = torch.compile(function, fullgraph=True, dynamic=True, backend="aot_eager")
    x = torch.randn(3, 40, 50)
    assert torch.equal(compiled(x), function(x))


def test_a_type_may_be_named_in_a_graph():
    function = lambda x: aa_ref_torch.downsample(x, 0.5, dtype="float16")  # noqa: E731
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    x = torch.randn(3, 40, 50)
    assert torch.equal(compiled(x), function(x))


@pytest.mark.parametrize("of", [aa_ref, aa_ref_torch], ids=lambda of: of.__name__)
def test_out_in_a_graph(of):
    def function(x, out, levels, back):
        y = of.downsample(x, 0.5, out=out)
        of.pyramid(x, (0.5, 0.25), out=levels)
        return of.downsample_adjoint(y + 1, 0.5, (40, 50), out=back) + 1

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    x, written = torch.randn(3, 40, 50), []
    for call in (compiled, function):
        out, back = torch.empty(3, 20, 25), torch.empty(3, 40, 50)
        levels = [torch.empty(3, 20, 25), torch.empty(3, 10, 13)]
        written.append([call(x, out, levels, back), out, back, *levels])
    assert all(map(torch.equal, *written))
    for out, words in (
        (torch.empty(3, 1, 1), "has shape"),
        (torch.empty(3, 20, 25).half(), "type"),
    ):
        with pytest.raises(Exception, match=words):
            compiled(x, out, levels, back)


def test_forward_mode_in_a_graph():
    function = lambda x, t: jvp(FUNCTIONS["downsample"], (x,), (t,))[1]  # noqa: E731
    x, t = torch.randn(3, 20, 30), torch.randn(3, 20, 30)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x, t), aa_ref_torch.downsample(t, 0.25))


def test_mistakes_in_a_graph_are_told():
    for scale, words in ((4, "was 1/4 meant"), (True, "not a number")):
        with pytest.raises(Exception, match=words):
            torch.compile(lambda x, s=scale: aa_ref_torch.downsample(x, s), fullgraph=True)(
                torch.ones(3, 4)
            )


@pytest.mark.parametrize("strict", [False, True])
def test_export(strict, tmp_path):
    lengths = {0: Dim("n"), 2: Dim("h", min=5), 3: Dim("w", min=5)}
    layer, x = AntiAliasInterpolation2d(3, 0.25), torch.randn(2, 3, 33, 41)
    program = torch.export.export(layer, (x,), dynamic_shapes=(lengths,), strict=strict)
    calls = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert [call for call in calls if "sym" not in call] == ["aa_ref.downsample.default"]
    torch.export.save(program, tmp_path / "layer.pt2")
    loaded = torch.export.load(tmp_path / "layer.pt2").module()
    other = torch.randn(1, 3, 20, 77)
    assert torch.equal(loaded(other), layer(other))


@pytest.mark.parametrize("name", ["downsample", "the core's", "nearest", "layer", "stored weights"])
def test_trace(name, tmp_path):
    layer = FUNCTIONS[name]
    traced = torch.jit.trace(layer, (torch.randn(2, 3, 33, 41),))
    torch.jit.save(traced, str(tmp_path / "layer.pt"))
    loaded = torch.jit.load(tmp_path / "layer.pt")
    x = torch.randn(1, 3, 20, 77, requires_grad=True)
    assert torch.equal(loaded(x), layer(x))
    (gx,), (also,) = (torch.autograd.grad(y.square().sum(), x) for y in (loaded(x), layer(x)))
    assert torch.equal(gx, also)


@pytest.mark.parametrize(
    "levels",
    [lambda x: tuple(aa_ref_torch.pyramid(x)), lambda x: tuple(PYRAMID(x).values())],
    ids=["function", "layer"],
)
def test_traced_pyramids(levels):
    """Each level has its bits; autograd alone decides in which order their gradients are added."""
    traced = torch.jit.trace(levels, (torch.randn(2, 3, 33, 41),))
    x = torch.randn(1, 3, 20, 77, requires_grad=True)
    for y, expected in zip(traced(x), levels(x), strict=True):
        assert torch.equal(y, expected)
        (gx,), (also,) = (torch.autograd.grad(v.square().sum(), x) for v in (y, expected))
        assert torch.equal(gx, also)


def test_a_traced_adjoint_takes_its_size_alone():
    g = torch.randn(1, 3, 20, 30)
    with pytest.warns(torch.jit.TracerWarning, match="Python integer"):
        traced = torch.jit.trace(FUNCTIONS["adjoint"], (g,), check_trace=False)
    assert torch.equal(traced(g), FUNCTIONS["adjoint"](g))
    with pytest.raises(RuntimeError, match=r"lengths \(40, 60\) lead to shape"):
        traced(g[..., 1:])


@pytest.mark.parametrize("scale", [0.5, 0.25, 1 / 3, Fraction(1, 3), 0.2])
def test_traced_stored_weights_sample_as_many_at_any_size(scale):
    """The length is a binary64 product in the graph, too; 1/3 is not a third, nor 0.2 a fifth."""
    layer = AntiAliasInterpolation2d(3, scale, sampling="nearest")
    layer.weight.mul_(2)
    layer.refresh()
    traced = torch.jit.trace(layer, (torch.randn(1, 3, 33, 41),))
    for shape in ((1, 3, 20, 30), (2, 3, 47, 77), (1, 3, 33, 3000)):
        x = torch.randn(shape)
        assert torch.equal(traced(x), layer(x))


# ------------------------------------------------------------------------------------- ONNX


def exported(module, x, dynamic_shapes=None):
    """The operators of the ONNX file, and what runs it."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    program = torch.onnx.export(
        module.eval(), (x,), dynamo=True, dynamic_shapes=dynamic_shapes, verbose=False
    )
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (source,) = session.get_inputs()
    operators = Counter(node.op_type for node in program.model_proto.graph.node)
    return operators, lambda x: session.run(None, {source.name: x.numpy()})


def bound(layer, x):
    """How far binary32 convolutions may be from the same numbers, for each element.

    Both ways round taps and their product (3 u for two taps and their product), products and sums
    (a convolution at most 2 K² of them in any order, two passes at most 4 K): within (1 + u)^n of
    the sum of absolute terms each, n below 2 K² + 4 for K taps.
    """
    taps = max(layer.weight.shape[2:])
    terms = layer(x.abs()).numpy()
    return 2 * np.expm1((2 * taps**2 + 4) * 2.0**-24) * terms


@pytest.mark.parametrize(
    ("scale", "options", "operators"),
    [
        (0.5, {}, {"Conv": 1}),
        (0.25, {}, {"Conv": 2}),
        (0.125, {}, {"Conv": 2}),
        ((1, 0.25), {}, {"Conv": 1}),
        (0.5, {"sampling": "nearest"}, {"Conv": 1, "Slice": 2}),
        (0.5, {"boundary": "reflect"}, {"Conv": 1, "Pad": 2}),
        (0.4, {"sampling": "nearest", "boundary": "circular"}, {"Conv": 2, "Pad": 2, "Gather": 2}),
        (1, {}, {"Identity": 1}),
    ],
)
def test_onnx_files_hold_standard_operators_alone(scale, options, operators):
    layer = AntiAliasInterpolation2d(3, scale, **options)
    x = torch.randn(2, 3, 65, 51)
    found, run = exported(layer, x)
    assert found == operators
    (y,) = run(x)
    assert (np.abs(y - layer(x).numpy()) <= bound(layer, x)).all()


def test_onnx_files_of_any_size():
    layer = AntiAliasInterpolation2d(3, 0.25)
    lengths = {0: Dim("n"), 2: Dim("h", min=5), 3: Dim("w", min=5)}
    found, run = exported(layer, torch.randn(2, 3, 33, 41), (lengths,))
    assert found == {"Conv": 2}
    for shape in ((1, 3, 20, 77), (3, 3, 256, 250)):
        x = torch.randn(shape)
        (y,) = run(x)
        assert (np.abs(y - layer(x).numpy()) <= bound(layer, x)).all()


def test_onnx_files_of_volumes_and_pyramids():
    layer = AntiAliasInterpolation3d(2, 0.5)
    x = torch.randn(1, 2, 11, 12, 13)
    found, run = exported(layer, x)
    assert found == {"Conv": 3}
    np.testing.assert_allclose(run(x)[0], layer(x).numpy(), rtol=0, atol=1e-6)
    pyramid, x = ImagePyramide([1, 0.5, 0.25], 3), torch.randn(1, 3, 33, 41)
    found, run = exported(pyramid, x)
    assert found == {"Conv": 3, "Identity": 1}
    for y, expected in zip(run(x), pyramid(x).values(), strict=True):
        np.testing.assert_allclose(y, expected.numpy(), rtol=0, atol=1e-6)


class Adjoint(torch.nn.Module):
    """Back to lengths that are 4 to a sample."""

    def __init__(self, options):
        super().__init__()
        self.options = options

    def forward(self, g):
        lengths = 4 * g.shape[2], 4 * g.shape[3]
        return aa_ref_torch.downsample_adjoint(g, 0.25, lengths, **self.options)


FOLDED = {"ConvTranspose": 2, "Pad": 2, "ConstantOfShape": 2, "ScatterElements": 2}


@pytest.mark.parametrize(
    ("options", "operators"),
    [
        ({}, {"ConvTranspose": 2, "Pad": 2, "Slice": 2}),
        ({"sampling": "nearest"}, {"ConvTranspose": 2, "Pad": 2, "Slice": 2}),
        ({"boundary": "reflect"}, FOLDED),
        ({"boundary": "circular"}, FOLDED),
        ({"boundary": "replicate"}, FOLDED),
    ],
)
def test_onnx_files_of_the_adjoint(options, operators):
    """Within a bound as of 13 taps: an axis folds 7 positions of 4 terms onto one at the most."""
    module, x = Adjoint(options), torch.randn(2, 3, 13, 16)
    most = 2 * np.expm1((2 * 13**2 + 4) * 2.0**-24)
    found, run = exported(module, x)
    assert found == operators
    assert (np.abs(run(x)[0] - module(x).numpy()) <= most * module(x.abs()).numpy()).all()
    if "boundary" not in options:
        lengths = {0: Dim("n"), 2: Dim("h", min=5), 3: Dim("w", min=5)}
        _, run = exported(module, x, (lengths,))
        x = torch.randn(1, 3, 9, 20)
        assert (np.abs(run(x)[0] - module(x).numpy()) <= most * module(x.abs()).numpy()).all()


def exported_by_the_older(layer, **options):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    file = io.BytesIO()
    torch.onnx.export(
        layer.eval(), (torch.randn(1, 3, 33, 41),), file, dynamo=False, opset_version=17,
        input_names=["x"], **options,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x.numpy()})[0]


def test_onnx_by_the_older_exporter():
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    file = io.BytesIO()
    layer = AntiAliasInterpolation2d(3, 0.5).eval()
    torch.onnx.export(layer, (torch.randn(1, 3, 33, 41),), file, dynamo=False)
    nodes = onnx.load_from_string(file.getvalue()).graph.node
    assert {node.domain for node in nodes} == {""}
    assert [node.op_type for node in nodes].count("Conv") == 1


@pytest.mark.parametrize(
    ("scale", "options"),
    [
        (0.25, {}),
        (0.25, {"boundary": "reflect"}),
        (0.5, {"sampling": "nearest"}),
        (0.125, {"sampling": "nearest"}),
    ],
)
def test_the_older_exporters_files_run_at_any_size(scale, options):
    layer = AntiAliasInterpolation2d(3, scale, **options)
    run = exported_by_the_older(layer, dynamic_axes={"x": {0: "n", 2: "h", 3: "w"}})
    for shape in ((1, 3, 33, 41), (2, 3, 21, 50), (1, 3, 64, 40)):
        x = torch.randn(shape)
        y = run(x)
        assert y.shape == layer(x).shape
        assert (np.abs(y - layer(x).numpy()) <= bound(layer, x)).all()


def test_the_older_exporter_refuses_what_has_no_stride():
    with pytest.raises(LengthError, match="dynamo=True"):
        exported_by_the_older(AntiAliasInterpolation2d(3, 0.3, sampling="nearest"))
