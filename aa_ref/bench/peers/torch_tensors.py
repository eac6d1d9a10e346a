"""Torch tensors of a task: one batch, channels where torch wants them, no copy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .task import Task

__all__ = ["array_of", "set_threads", "tensor_of"]


def set_threads(torch: Any, threads: int) -> None:
    """How many threads every call uses."""
    torch.set_num_threads(threads)


def tensor_of(torch: Any, task: Task, x: NDArray[Any] | None = None) -> Any:
    """The input as (1, C, H, W); H×W×C lies in memory as torch's channels-last."""
    t = torch.from_numpy(task.x if x is None else x)
    return (t if task.layout == "CHW" else t.permute(2, 0, 1))[None]


def array_of(task: Task, tensor: Any) -> NDArray[Any]:
    """A (1, C, H, W) result in the task's layout."""
    t = tensor.detach()[0]
    return np.asarray(t if task.layout == "CHW" else t.permute(1, 2, 0))
