"""Graphs of layers that stand alone: traced by torch.fx, scripted, and files without this package.

With ``standard_ops``, layers leave torch's own operators, close to the bits of the core's.
"""

import copy
import importlib
import os
import pickle
import shutil
import subprocess
import sys
from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.export import Dim

import aa_ref_torch
from aa_ref.errors import ContainerError, LengthError
from aa_ref_torch import AntiAliasInterpolation2d, AntiAliasInterpolation3d, ImagePyramide

pytestmark = pytest.mark.usefixtures("fresh_compiler")

CLOSE = 2e-6
X, OTHER = torch.randn(2, 3, 33, 41), torch.randn(1, 3, 20, 77)


def doubled(layer):
    layer.weight.mul_(2)
    layer.refresh()
    return layer


def made_by(layer):
    return {str(n.target) for n in layer.graph.nodes if n.op == "call_function"}


# ------------------------------------------------------------------------------------- torch.fx


class Model(nn.Module):
    """Something to fuse around the layer."""

    def __init__(self, layer, x=None):
        super().__init__()
        self.first, self.norm, self.down = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), layer
        self.named = x

    def forward(self, image):
        image = self.norm(self.first(image))
        return self.down(image) if self.named is None else self.down(**{self.named: image})


@pytest.mark.parametrize(
    ("layer", "operator"),
    [
        (AntiAliasInterpolation2d(3, 0.25), "aa_ref.downsample.default"),
        (AntiAliasInterpolation2d(3, 1 / 3, boundary="reflect"), "aa_ref.downsample.default"),
        (doubled(AntiAliasInterpolation2d(3, 0.5)), "aa_ref.convolve.default"),
        (AntiAliasInterpolation2d(3, 1), None),
    ],
    ids=str,
)
@pytest.mark.parametrize("x", [None, "x", "input"])
def test_traced_by_fx(layer, operator, x):
    """One call of the operator, with the same bits, there and back."""
    model = Model(layer, x).eval()
    graph = torch.fx.symbolic_trace(model)
    assert made_by(graph) == ({operator} if operator else set())
    assert torch.equal(graph(OTHER), model(OTHER))
    image = X.clone().requires_grad_()
    (gx,), (also,) = (torch.autograd.grad(m(image).square().sum(), image) for m in (graph, model))
    assert torch.equal(gx, also)
    if x is None:
        alone = torch.fx.symbolic_trace(layer)
        assert torch.equal(alone(OTHER), layer(OTHER))


def test_pyramids_and_volumes_traced_by_fx():
    pyramid = ImagePyramide([1, 0.5, 0.25], 3)
    graph = torch.fx.symbolic_trace(pyramid)
    assert "aa_ref.pyramid.default" in made_by(graph)
    image = X.clone().requires_grad_()
    levels, expected = graph(image), pyramid(image)
    assert list(levels) == list(expected)
    assert all(torch.equal(levels[name], y) for name, y in expected.items())
    gs = [
        torch.autograd.grad(sum(y.square().sum() for y in made.values()), image)[0]
        for made in (levels, expected)
    ]
    assert torch.equal(*gs)
    layer, volume = AntiAliasInterpolation3d(2, 0.5), torch.randn(1, 2, 9, 8, 11)
    assert torch.equal(torch.fx.symbolic_trace(layer)(volume), layer(volume))


def test_fused_by_fx():
    from torch.fx.experimental.optimization import fuse

    model = Model(AntiAliasInterpolation2d(3, 0.5)).eval()
    fused = fuse(model)
    assert made_by(fused) == {"aa_ref.downsample.default"}
    assert (fused(X) - model(X)).abs().max() <= 1e-5 * model(X).abs().max()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Please use quant_min:UserWarning")
def test_prepared_by_fx():
    quantize_fx = pytest.importorskip(
        "torch.ao.quantization.quantize_fx", reason="torch has moved it away"
    )
    from torch.ao.quantization import get_default_qconfig_mapping

    # prepare_fx would import this while torch.fx has its own functions in `math`, and files of
    # torch.export could not be written in this process any more
    importlib.import_module("torch.export._trace")

    model = Model(AntiAliasInterpolation2d(3, 0.5)).eval()
    prepared = quantize_fx.prepare_fx(model, get_default_qconfig_mapping(), (X,))
    assert "aa_ref.downsample.default" in made_by(prepared)
    assert (prepared(X) - model(X)).abs().max() <= 1e-5 * model(X).abs().max()


def test_fx_is_told_what_it_lacks_for_standard_operators():
    layer = AntiAliasInterpolation2d(3, 0.5)
    layer.standard_ops = True
    with pytest.raises(ContainerError, match=r"neither types nor lengths; write torch\.export"):
        torch.fx.symbolic_trace(layer)


# --------------------------------------------------------------------------------- the switch


LAYERS = {
    "usual": lambda: AntiAliasInterpolation2d(3, 0.25),
    "nearest": lambda: AntiAliasInterpolation2d(3, 0.25, sampling="nearest"),
    "nearest without a stride": lambda: AntiAliasInterpolation2d(3, 0.3, sampling="nearest"),
    "nearest of a fraction": lambda: AntiAliasInterpolation2d(
        3, Fraction(2, 7), sampling="nearest", boundary="circular"
    ),
    "reflect": lambda: AntiAliasInterpolation2d(3, 0.125, boundary="reflect"),
    "replicate": lambda: AntiAliasInterpolation2d(3, 0.25, boundary="replicate"),
    "circular": lambda: AntiAliasInterpolation2d(3, (0.5, 0.25), boundary="circular"),
    "one axis": lambda: AntiAliasInterpolation2d(3, (1, 0.5), sigma=(None, 2.1)),
    "stored": lambda: doubled(AntiAliasInterpolation2d(3, 0.5, boundary="reflect")),
    "scale 1": lambda: AntiAliasInterpolation2d(3, 1, sigma=1.5),
}
by_layer = pytest.mark.parametrize("name", LAYERS)


def standard(name):
    layer = LAYERS[name]()
    expected = LAYERS[name]()
    layer.standard_ops = True
    return layer, expected


def assert_close(y, expected, within=CLOSE):
    assert y.dtype == expected.dtype
    assert y.shape == expected.shape
    assert (y - expected).abs().max() <= within * expected.abs().max()


@by_layer
def test_standard_operators_are_close(name):
    layer, expected = standard(name)
    for shape in ((2, 3, 33, 41), (3, 20, 77), (1, 3, 9, 8), (1, 3, 5, 4), (0, 3, 9, 10)):
        x = torch.rand(shape)
        if x.numel() and min(shape[-2:]) >= 4:
            assert_close(layer(x), expected(x))
        else:
            assert layer(x).shape == expected(x).shape
    one = torch.rand(1, 3, 1, 9)  # a reflection has nothing to reflect
    if "nearest" not in name:
        assert_close(layer(one), expected(one))
    x = X.clone().requires_grad_()
    (gx,), (also,) = (torch.autograd.grad(f(x).square().sum(), x) for f in (layer, expected))
    assert_close(gx, also, 1e-5)


@pytest.mark.parametrize(
    ("dtype", "within"),
    [
        (torch.float64, 1e-13),
        (torch.float16, 1e-3),
        (torch.bfloat16, 8e-3),
        (torch.uint8, 1 / 255),
    ],
)
@pytest.mark.parametrize("around", [False, True])
def test_standard_operators_take_the_other_types(dtype, within, around):
    layer, expected = standard("usual")
    x = (torch.rand(1, 3, 40, 31) * 255).to(dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=around):
        y = layer(x)
    assert y.dtype == dtype
    assert (y.double() - expected(x).double()).abs().max() <= within * x.double().max()


def test_standard_operators_raise_the_usual_errors():
    layer, expected = standard("nearest")
    for x in (X.int(), X[..., :3], X[:, :2], X[..., :0], X.numpy()):
        told = []
        for one in (layer, expected):
            with pytest.raises((RuntimeError, TypeError)) as caught:
                one(x)
            told.append((caught.type, str(caught.value)))
        assert told[0] == told[1]
    with pytest.raises(LengthError, match="is no sample at all"):
        layer(X[..., :3])


def test_the_switch_is_kept():
    """By load_state_dict, refresh, copies and pickles."""
    layer, other = standard("usual")
    for change in (
        lambda one: one.load_state_dict(other.state_dict()),
        lambda one: one.refresh(),
        lambda one: one.to(torch.float64).float(),
    ):
        change(layer)
        assert layer.standard_ops
    copied = nn.Sequential(layer)
    assert copy.deepcopy(copied)[0].standard_ops
    assert pickle.loads(pickle.dumps(copied))[0].standard_ops
    assert not other.standard_ops


def test_the_switch_of_a_pyramid_is_that_of_its_levels():
    pyramid, expected = ImagePyramide([1, 0.5, 0.25], 3), ImagePyramide([1, 0.5, 0.25], 3)
    pyramid.downs["0-125"] = nn.AvgPool2d(8)
    expected.downs["0-125"] = nn.AvgPool2d(8)
    assert not pyramid.standard_ops
    pyramid.standard_ops = True
    assert pyramid.standard_ops
    assert pyramid.downs["0-5"].standard_ops
    for name, y in pyramid(X).items():
        assert_close(y, expected(X)[name])
    pyramid.load_state_dict(expected.state_dict())
    assert pyramid.standard_ops
    pyramid.standard_ops = False
    assert torch.equal(pyramid(X)["prediction_0.25"], expected(X)["prediction_0.25"])


# ----------------------------------------------------------------------------- graphs and files


LENGTHS = ({0: Dim("n"), 2: Dim("h", min=9), 3: Dim("w", min=9)},)


def traced(layer, path):
    torch.jit.save(torch.jit.trace(layer, (X,)), path)


def scripted(layer, path):
    torch.jit.save(torch.jit.script(layer), path)


def exported(layer, path, strict=False):
    program = torch.export.export(layer, (X,), dynamic_shapes=LENGTHS, strict=strict)
    assert not any("aa_ref" in str(node.target) for node in program.graph.nodes)
    torch.export.save(program, path)


def exported_strictly(layer, path):
    exported(layer, path, strict=True)


WRITERS = {"trace": traced, "script": scripted, "export": exported, "strict": exported_strictly}
OPENER = """
import sys, torch
folder = sys.argv[1]
cases = torch.load(f"{folder}/cases.pt")
for name, (x, expected) in cases.items():
    if name.endswith(".pt"):
        opened = torch.jit.load(f"{folder}/{name}")
    elif name.endswith(".aoti.pt2"):
        opened = torch._inductor.aoti_load_package(f"{folder}/{name}")
    else:
        opened = torch.export.load(f"{folder}/{name}").module()
    y = opened(x)
    y = y if isinstance(y, dict) else {"": y}
    assert list(y) == list(expected), name
    for key, level in y.items():
        assert level.shape == expected[key].shape, name
        assert (level - expected[key]).abs().max() <= 2e-6 * expected[key].abs().max(), name
assert not any(module.startswith("aa_ref") for module in sys.modules)
assert not hasattr(torch.ops.aa_ref, "downsample")
print(len(cases), "files")
"""


def opened_elsewhere(folder, cases):
    """Open files in a process that has never heard of this package."""
    torch.save(cases, folder / "cases.pt")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPENER, str(folder)],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(cases)} files\n"


def test_files_open_where_this_package_is_not_installed(tmp_path):
    """Each of them at another size than it was written at."""
    cases = {}
    for kind, write in WRITERS.items():
        for name in LAYERS if kind != "strict" else ("nearest without a stride", "reflect"):
            layer, expected = standard(name)
            file = f"{kind} {name}.{'pt' if kind in ('trace', 'script') else 'pt2'}"
            write(layer, str(tmp_path / file))
            cases[file] = OTHER, {"": expected(OTHER)}
    pyramid, expected = ImagePyramide([1, 0.5, 0.25], 3), ImagePyramide([1, 0.5, 0.25], 3)
    pyramid.standard_ops = True
    for kind in ("script", "export"):
        file = f"{kind} pyramid.{'pt' if kind == 'script' else 'pt2'}"
        WRITERS[kind](pyramid, str(tmp_path / file))
        cases[file] = OTHER, expected(OTHER)
    volumes, volume = (
        AntiAliasInterpolation3d(2, 0.5, boundary="reflect"),
        torch.randn(1, 2, 9, 8, 7),
    )
    expected = {"": volumes(volume)}
    volumes.standard_ops = True
    torch.jit.save(torch.jit.trace(volumes, (volume,)), str(tmp_path / "volumes.pt"))
    torch.export.save(torch.export.export(volumes, (volume,)), str(tmp_path / "volumes.pt2"))
    cases |= {"volumes.pt": (volume, expected), "volumes.pt2": (volume, expected)}
    opened_elsewhere(tmp_path, cases)


@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("c++")), reason="no C++ compiler")
def test_packages_of_machine_code_open_where_this_package_is_not_installed(tmp_path):
    """By AOTInductor, at another size than they were made at."""
    layer, expected = standard("reflect")
    with torch.no_grad():
        program = torch.export.export(layer, (X,), dynamic_shapes=LENGTHS)
        torch._inductor.aoti_compile_and_package(
            program, package_path=str(tmp_path / "layer.aoti.pt2")
        )
    opened_elsewhere(tmp_path, {"layer.aoti.pt2": (OTHER, {"": expected(OTHER)})})


def test_the_same_files_without_the_switch_do_not_open(tmp_path):
    """Or the test above would show nothing."""
    layer = AntiAliasInterpolation2d(3, 0.25)
    traced(layer, str(tmp_path / "layer.pt"))
    with pytest.raises(AssertionError, match="Unknown builtin op: aa_ref::downsample"):
        opened_elsewhere(tmp_path, {"layer.pt": (OTHER, {"": layer(OTHER)})})


@pytest.mark.parametrize("name", ["nearest without a stride", "reflect", "stored"])
def test_standard_operators_compile(name):
    layer, expected = standard(name)
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    for x in (X, OTHER):
        assert_close(compiled(x), expected(x))


# ------------------------------------------------------------------------------------ scripting


@by_layer
def test_scripted(name):
    """The operator itself, with its bits; or the stored weights' convolution."""
    layer = LAYERS[name]()
    model = nn.Sequential(nn.Identity(), layer)
    compiled = torch.jit.script(model)
    assert model[1] is layer
    x = OTHER.clone().requires_grad_()
    y, expected = compiled(x), model(x)
    assert torch.equal(y, expected)
    (gx,), (also,) = (torch.autograd.grad(v.square().sum(), x) for v in (y, expected))
    assert torch.equal(gx, also)
    assert list(compiled.state_dict()) == list(model.state_dict())


def test_scripted_pyramids_and_volumes():
    pyramid = ImagePyramide([1, 0.5, 0.25, 1e-05], 3, sigma=1.5)
    levels, expected = torch.jit.script(pyramid)(X), pyramid(X)
    assert list(levels) == list(expected)
    assert all(torch.equal(levels[name], y) for name, y in expected.items())
    pyramid.downs["0-125"] = AntiAliasInterpolation2d(3, 0.125)
    assert "prediction_0.125" in torch.jit.script(pyramid)(X)
    layer, volume = AntiAliasInterpolation3d(2, 0.5), torch.randn(1, 2, 9, 8, 11)
    assert torch.equal(torch.jit.script(layer)(volume), layer(volume))


def test_functions_still_say_what_to_use_instead_of_scripting():
    with pytest.raises(ContainerError, match=r"write\s+torch\.export\.export"):
        torch.jit.script(aa_ref_torch.downsample)
