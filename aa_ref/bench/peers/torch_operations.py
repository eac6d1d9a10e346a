"""Torch's own operations: strided convolutions with our taps, and anti-aliased resizing."""

from typing import Any

from ..errors import NotOfferedError
from .task import Prepared, Task
from .torch_tensors import array_of, tensor_of

__all__ = ["interpolate", "separable", "strided", "transposed"]


def strided(torch: Any, task: Task) -> Prepared:
    """One grouped ``conv2d`` of K×K taps that computes only what is kept."""
    x, taps = _input_and_taps(torch, task)
    weight = (taps[:, None] * taps).expand(task.channels, 1, -1, -1).contiguous()
    options = {"stride": task.stride, "padding": task.axis.radius, "groups": task.channels}
    return _prepared(
        task, lambda: torch.nn.functional.conv2d(x, weight, **options), weight.shape[-1] ** 2 + 1
    )


def separable(torch: Any, task: Task) -> Prepared:
    """Two grouped ``conv2d``, columns then rows, each with its stride."""
    x, taps = _input_and_taps(torch, task)
    down = taps.view(1, 1, -1, 1).expand(task.channels, -1, -1, -1).contiguous()
    across = taps.view(1, 1, 1, -1).expand(task.channels, -1, -1, -1).contiguous()
    conv, s, r, c = torch.nn.functional.conv2d, task.stride, task.axis.radius, task.channels

    def call() -> Any:
        columns = conv(x, down, stride=(s, 1), padding=(r, 0), groups=c)
        return conv(columns, across, stride=(1, s), padding=(0, r), groups=c)

    return _prepared(task, call, 2 * (len(taps) + 1))


def transposed(torch: Any, task: Task) -> Prepared:
    """One grouped ``conv_transpose2d``: the adjoint of `strided`."""
    g, taps = _input_and_taps(torch, task)
    weight = (taps[:, None] * taps).expand(task.channels, 1, -1, -1).contiguous()
    missing = [
        n - 1 - (m - 1) * task.stride for n, m in zip(task.lengths, task.out_lengths, strict=True)
    ]
    options = {
        "stride": task.stride, "padding": task.axis.radius, "output_padding": missing,
        "groups": task.channels,
    }  # fmt: skip
    return _prepared(
        task,
        lambda: torch.nn.functional.conv_transpose2d(g, weight, **options),
        weight.shape[-1] ** 2 + 1,
    )


def interpolate(torch: Any, task: Task) -> Prepared:
    """``interpolate(mode="bilinear", antialias=True)``: a triangle as wide as two strides."""
    x, size = tensor_of(torch, task), task.out_lengths
    return _prepared(
        task,
        lambda: torch.nn.functional.interpolate(x, size=size, mode="bilinear", antialias=True),
        0,
    )


def _input_and_taps(torch: Any, task: Task) -> tuple[Any, Any]:
    x = tensor_of(torch, task)
    if not x.is_floating_point():
        raise NotOfferedError("its convolutions take floating-point arrays")
    return x, torch.tensor(task.taps.tolist(), dtype=torch.float32).to(x)


def _prepared(task: Task, call: Any, roundings: int) -> Prepared:
    return Prepared(call, lambda y: array_of(task, y), roundings)
