"""Torch: strided convolutions with our taps, and its own ways to make a picture smaller."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .task import NotOfferedError, Prepared, Task

__all__ = [
    "array_of",
    "average",
    "floating",
    "interpolate",
    "prepared",
    "separable",
    "set_threads",
    "strided",
    "tensor_of",
    "transposed",
]


def set_threads(torch: Any, threads: int) -> None:
    """Set how many threads every call uses."""
    torch.set_num_threads(threads)


def tensor_of(torch: Any, task: Task) -> Any:
    """Return the input as (N, C, H, W), without a copy on the CPU.

    H×W×C lies in memory as torch's channels-last.
    """
    t = torch.from_numpy(np.ascontiguousarray(task.x)).to(task.place)
    if task.layout == "HWC":
        return t.permute(2, 0, 1)[None]
    return t.view(task.batch, task.channels, *t.shape[1:]) if task.layout == "CHW" else t


def array_of(task: Task, tensor: Any) -> NDArray[Any]:
    """Return an (N, C, H, W) result in the task's layout."""
    t = tensor.detach().cpu()
    if task.layout == "HWC":
        return np.asarray(t[0].permute(1, 2, 0))
    return np.asarray(t.flatten(0, 1) if task.layout == "CHW" else t)


def prepared(task: Task, call: Callable[[], Any], roundings: int = 0) -> Prepared:
    """Make a peer of a call that gives a tensor."""
    return Prepared(call, lambda y: array_of(task, y), roundings)


def floating(torch: Any, task: Task) -> Any:
    """Return the input for what takes numbers in floating point alone.

    Raises
    ------
    NotOfferedError
        If it has integers.
    """
    x = tensor_of(torch, task)
    if not x.is_floating_point():
        raise NotOfferedError("it takes floating-point arrays")
    return x


def strided(torch: Any, task: Task) -> Prepared:
    """One grouped ``conv2d`` of K×K taps that computes only what is kept."""
    x, weight = floating(torch, task), _table(torch, task)
    options = {"stride": task.stride, "padding": task.axis.radius, "groups": task.channels}
    return prepared(
        task, lambda: torch.nn.functional.conv2d(x, weight, **options), weight.shape[-1] ** 2 + 1
    )


def separable(torch: Any, task: Task) -> Prepared:
    """Two grouped ``conv2d``, columns then rows, each with its stride."""
    x, taps = floating(torch, task), _taps(torch, task)
    down = taps.view(1, 1, -1, 1).expand(task.channels, -1, -1, -1).contiguous()
    across = taps.view(1, 1, 1, -1).expand(task.channels, -1, -1, -1).contiguous()
    conv, s, r, c = torch.nn.functional.conv2d, task.stride, task.axis.radius, task.channels

    def call() -> Any:
        columns = conv(x, down, stride=(s, 1), padding=(r, 0), groups=c)
        return conv(columns, across, stride=(1, s), padding=(0, r), groups=c)

    return prepared(task, call, 2 * (len(taps) + 1))


def transposed(torch: Any, task: Task) -> Prepared:
    """One grouped ``conv_transpose2d``: the adjoint of `strided`."""
    g, weight = floating(torch, task), _table(torch, task)
    missing = [
        n - 1 - (m - 1) * task.stride for n, m in zip(task.lengths, task.out_lengths, strict=True)
    ]
    options = {
        "stride": task.stride, "padding": task.axis.radius, "output_padding": missing,
        "groups": task.channels,
    }  # fmt: skip
    return prepared(
        task,
        lambda: torch.nn.functional.conv_transpose2d(g, weight, **options),
        weight.shape[-1] ** 2 + 1,
    )


def interpolate(torch: Any, task: Task, to_size: bool = False, **options: Any) -> Prepared:
    """``interpolate``: by the scale, or to our size."""
    x = tensor_of(torch, task)
    if to_size:
        options["size"] = task.out_lengths
    else:
        options["scale_factor"] = (task.scale,) * 2
    return prepared(task, lambda: torch.nn.functional.interpolate(x, **options))


def average(torch: Any, task: Task) -> Prepared:
    """``avg_pool2d``: the mean of each whole block."""
    x = tensor_of(torch, task)
    return prepared(task, lambda: torch.nn.functional.avg_pool2d(x, task.stride))


def _taps(torch: Any, task: Task) -> Any:
    """The taps in the type and on the device of the input."""
    return torch.tensor(task.taps.tolist(), dtype=torch.float32).to(tensor_of(torch, task))


def _table(torch: Any, task: Task) -> Any:
    """The K×K taps of each channel: (C, 1, K, K)."""
    taps = _taps(torch, task)
    return (taps[:, None] * taps).expand(task.channels, 1, -1, -1).contiguous()
