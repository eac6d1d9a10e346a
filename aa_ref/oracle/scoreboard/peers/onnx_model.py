"""A model of one convolution, run by onnxruntime."""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Function, axis_of, weights_of

__all__ = ["strided"]


def strided(onnxruntime: Any, scale: Any) -> Function:
    """A strided ``Conv`` of one channel: channels count as entries of a batch."""
    model = _model(import_module("onnx"), scale)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def fn(x: NDArray[Any]) -> NDArray[Any]:
        given = np.ascontiguousarray(x).reshape(-1, 1, *x.shape[-2:])
        (y,) = session.run(None, {"x": given})
        return np.asarray(y).reshape(*x.shape[:2], *y.shape[-2:])

    return fn


def _model(onnx: Any, scale: Any) -> bytes:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    axis, weights = axis_of(scale), weights_of(scale, 1)
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], strides=[axis.stride] * 2, pads=[axis.radius] * 4,
        kernel_shape=weights.shape[2:],
    )  # fmt: skip
    graph = helper.make_graph(
        [node], "downsample",
        [helper.make_tensor_value_info("x", kind, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("y", kind, ["n", 1, "a", "b"])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised
