"""A model of one convolution, run by onnxruntime."""

from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .task import Prepared, Task

__all__ = ["strided"]


def strided(onnxruntime: Any, task: Task) -> Prepared:
    """A strided ``Conv`` of one channel: channels count as entries of a batch."""
    session = _session(onnxruntime, task.stride, task.axis.radius, tuple(task.taps.tolist()))
    *lead, height, width = task.x.shape
    given = np.ascontiguousarray(task.x).reshape(-1, 1, height, width)

    def view(results: list[NDArray[Any]]) -> NDArray[Any]:
        (y,) = results
        return np.asarray(y).reshape(*lead, *y.shape[-2:])

    return Prepared(lambda: session.run(None, {"x": given}), view)


@lru_cache(4)
def _session(onnxruntime: Any, stride: int, radius: int, taps: tuple[float, ...]) -> Any:
    """Make the model ready to run."""
    onnx = import_module("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weights = np.outer(*[np.array(taps, np.float32)] * 2)[None, None]
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], strides=[stride] * 2, pads=[radius] * 4,
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
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
