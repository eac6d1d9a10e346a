"""Pillow: pictures of bytes, or planes of binary32. Arrays become images before the clock runs."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .task import NotOfferedError, Prepared, Task

__all__ = ["reduce", "resize"]


def reduce(pillow: Any, task: Task) -> Prepared:
    """``reduce``: the mean of each block."""
    return _prepared(pillow, task, lambda image: image.reduce(task.stride))


def resize(pillow: Any, task: Task, how: str, to_size: bool = False) -> Prepared:
    """``resize`` with one of its filters: to a size by the scale, or to our size."""
    height, width = task.out_lengths if to_size else (round(n * task.scale) for n in task.lengths)
    method = pillow.Resampling[how]
    return _prepared(pillow, task, lambda image: image.resize((width, height), method))


def _prepared(pillow: Any, task: Task, act: Callable[[Any], Any]) -> Prepared:
    kind = task.x.dtype.name
    if kind not in ("uint8", "float32"):
        raise NotOfferedError(f"it has no {kind} pictures")
    if task.layout == "HWC" and (kind != "uint8" or task.channels not in (3, 4)):
        raise NotOfferedError("it has pictures of 3 or 4 bytes a pixel only")
    images = [pillow.fromarray(plane) for plane in task.planes]

    def view(results: list[Any]) -> NDArray[Any]:
        return task.joined([np.asarray(image) for image in results])

    return Prepared(lambda: [act(image) for image in images], view)
