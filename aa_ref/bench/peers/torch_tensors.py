"""Torch tensors of a task: channels where torch wants them, without a copy on the CPU."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .task import Task

__all__ = ["array_of", "set_threads", "tensor_of"]


def set_threads(torch: Any, threads: int) -> None:
    """How many threads every call uses."""
    torch.set_num_threads(threads)


def tensor_of(torch: Any, task: Task, x: NDArray[Any] | None = None) -> Any:
    """The input as (N, C, H, W); H×W×C lies in memory as torch's channels-last."""
    t = torch.from_numpy(task.x if x is None else x).to(task.place)
    if task.layout == "CHW":
        return t.view(task.batch, task.channels, *t.shape[1:])
    return t.permute(2, 0, 1)[None]


def array_of(task: Task, tensor: Any) -> NDArray[Any]:
    """An (N, C, H, W) result in the task's layout."""
    t = tensor.detach().cpu()
    return np.asarray(t.flatten(0, 1) if task.layout == "CHW" else t[0].permute(1, 2, 0))
