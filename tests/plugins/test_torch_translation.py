"""Programs that hold the operators already, written as ONNX and run by another runtime."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.export import Dim

import aa_ref_torch
from aa_ref_torch import AntiAliasInterpolation2d, ImagePyramide, onnx_translations

pytest.importorskip("onnxscript", reason="onnxscript is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

FIXED, OTHER = (2, 3, 33, 41), (1, 3, 20, 77)
LENGTHS = ({0: Dim("n"), 2: Dim("h", min=9), 3: Dim("w", min=9)},)
by_dynamic = pytest.mark.parametrize("dynamic", [False, True])


def exported(module, dynamic):
    """The operators in the file of a ready program, and what runs it."""
    program = torch.export.export(
        module.eval(), (torch.randn(FIXED),), dynamic_shapes=LENGTHS if dynamic else None
    )
    assert any("aa_ref" in str(node.target) for node in program.graph.nodes)
    file = torch.onnx.export(
        program, dynamo=True, verbose=False, custom_translation_table=onnx_translations()
    )
    session = onnxruntime.InferenceSession(
        file.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (source,) = session.get_inputs()
    nodes = file.model_proto.graph.node
    assert {node.domain for node in nodes} <= {""}
    operators = Counter(node.op_type for node in nodes)
    return operators, lambda x: session.run(None, {source.name: x.numpy()})


def assert_close(y, function, x):
    """Within what binary32 convolutions may be away, both ways: see `bound` of the exporting tests.

    Here for 13 taps along two axes, the most that occur.
    """
    most = 2 * np.expm1((2 * 13**2 + 4) * 2.0**-24) * function(x.abs()).numpy()
    expected = function(x).numpy()
    assert y.shape == expected.shape
    assert (np.abs(y - expected) <= most).all()


@pytest.mark.parametrize(
    ("scale", "options", "operators", "of_any_size"),
    [
        (0.5, {}, {"Conv": 1}, {"Conv": 1}),
        (0.25, {}, {"Conv": 2}, {"Conv": 2}),
        ((1, 0.25), {}, {"Conv": 1}, {"Conv": 1}),
        (0.25, {"boundary": "reflect"}, {"Conv": 2, "Gather": 2}, {"Conv": 2, "Pad": 2}),
        (0.25, {"boundary": "replicate"}, {"Conv": 2, "Gather": 2}, {"Conv": 2, "Pad": 2}),
        (
            0.25, {"boundary": "circular"}, {"Conv": 2, "Gather": 2},
            {"Conv": 2, "Slice": 4, "Concat": 2},
        ),
        (
            0.25, {"sampling": "nearest"}, {"Conv": 2, "Slice": 2},
            {"Conv": 2, "Slice": 2, "Shape": 2, "Cast": 4, "Mul": 2, "Floor": 2},
        ),
        (
            Fraction(1, 3), {"sampling": "nearest"}, {"Conv": 2, "Slice": 2},
            {"Conv": 2, "Slice": 2, "Shape": 2, "Mul": 2, "Div": 2},
        ),
        (0.4, {"sampling": "nearest"}, {"Conv": 2, "Gather": 2}, None),
    ],
)  # fmt: skip
@by_dynamic
def test_layers(scale, options, operators, of_any_size, dynamic):
    layer = AntiAliasInterpolation2d(3, scale, **options)
    if dynamic and of_any_size is None:
        with pytest.raises(Exception, match="no stride: export with fixed lengths"):
            exported(layer, dynamic)
        return
    found, run = exported(layer, dynamic)
    assert found == (of_any_size if dynamic else operators)
    for shape in (FIXED, OTHER) if dynamic else (FIXED,):
        x = torch.randn(shape)
        assert_close(run(x)[0], layer, x)


@by_dynamic
def test_pyramids(dynamic):
    pyramid = ImagePyramide([1, 0.5, 0.25], 3)
    found, run = exported(pyramid, dynamic)
    assert found == {"Conv": 3, "Identity": 1}
    for shape in (FIXED, OTHER) if dynamic else (FIXED,):
        x = torch.randn(shape)
        for y, key in zip(run(x), pyramid(x), strict=True):
            assert_close(y, lambda x, key=key: pyramid(x)[key], x)


class Calls(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


FUNCTIONS = {
    "a batch": (0,),
    "channels and columns": (1, -1),
    "volumes": (1, 2, 3),
}


@pytest.mark.parametrize("axes", FUNCTIONS.values(), ids=FUNCTIONS)
def test_any_axes(axes):
    function = lambda x: aa_ref_torch.downsample(x, 0.5, axes=axes)  # noqa: E731
    for dynamic in (False, True) if axes == (1, -1) else (False,):
        _, run = exported(Calls(function), dynamic)
        x = torch.randn(OTHER if dynamic else FIXED)
        assert_close(run(x)[0], function, x)


def test_types_of_results():
    """Far from where rounding would decide, they are the same."""
    x = torch.randint(-300, 600, FIXED).float()
    x[0, 0, 0, 0] = torch.nan
    for dtype in ("uint8", "float16", "float64"):
        function = lambda x, dtype=dtype: aa_ref_torch.downsample(x, 1, axes=(2, 3), dtype=dtype)  # noqa: E731
        _, run = exported(Calls(function), False)
        np.testing.assert_array_equal(run(x)[0], function(x).numpy())
