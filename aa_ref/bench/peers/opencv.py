"""OpenCV: pictures of H×W×C in one call, planes one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotOfferedError
from .task import Prepared, Task

__all__ = ["area", "gaussian_blur", "pyr_down", "sep_filter", "set_threads"]


def set_threads(cv2: Any, threads: int) -> None:
    """How many threads every call uses."""
    cv2.setNumThreads(threads)


def gaussian_blur(cv2: Any, task: Task) -> Prepared:
    """``GaussianBlur`` with zeros outside, at full resolution, then every stride-th sample."""
    size, sigma = (len(task.taps),) * 2, float(task.axis.sigma)
    return _filter_and_slice(
        task,
        lambda plane, full: cv2.GaussianBlur(
            plane, size, sigma, dst=full, borderType=cv2.BORDER_CONSTANT
        ),
    )


def sep_filter(cv2: Any, task: Task) -> Prepared:
    """``sepFilter2D`` with our taps and zeros outside, then every stride-th sample."""
    taps = np.array(task.taps)
    return _filter_and_slice(
        task,
        lambda plane, full: cv2.sepFilter2D(
            plane, -1, taps, taps, dst=full, borderType=cv2.BORDER_CONSTANT
        ),
    )


def pyr_down(cv2: Any, task: Task) -> Prepared:
    """``pyrDown``: five binomial taps, edges reflected, half the size."""
    if task.stride != 2:
        raise NotOfferedError("it halves and nothing else")
    return _each_plane(
        task, lambda plane, out: cv2.pyrDown(plane, dst=out, dstsize=out.shape[1::-1])
    )


def area(cv2: Any, task: Task) -> Prepared:
    """``resize`` with ``INTER_AREA``: the mean of each block."""
    return _each_plane(
        task,
        lambda plane, out: cv2.resize(
            plane, out.shape[1::-1], dst=out, interpolation=cv2.INTER_AREA
        ),
    )


def _each_plane(task: Task, act: Callable[[NDArray[Any], NDArray[Any]], Any]) -> Prepared:
    planes, outs = task.planes, task.new_planes(task.out_lengths)

    def call() -> list[NDArray[Any]]:
        for plane, out in zip(planes, outs, strict=True):
            act(plane, out)
        return outs

    return Prepared(call, task.join)


def _filter_and_slice(task: Task, act: Callable[[NDArray[Any], NDArray[Any]], Any]) -> Prepared:
    planes, outs = task.planes, task.new_planes(task.out_lengths)
    (full,) = task.new_planes(task.lengths)[:1]

    def call() -> list[NDArray[Any]]:
        for plane, out in zip(planes, outs, strict=True):
            act(plane, full)
            np.copyto(out, task.subsample(full))
        return outs

    return Prepared(call, task.join, 2 * (len(task.taps) + 1))
