"""OpenCV: pictures of H×W×C in one call, planes one by one."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .task import NotOfferedError, Prepared, Task

__all__ = ["area", "gaussian_blur", "pyr_down", "sep_filter", "set_threads"]

Act = Callable[[NDArray[Any], NDArray[Any]], Any]


def set_threads(cv2: Any, threads: int) -> None:
    """Set how many threads every call uses."""
    cv2.setNumThreads(threads)


def gaussian_blur(cv2: Any, task: Task, as_it_is: bool = False) -> Prepared:
    """Blur with zeros outside, then keep every stride-th sample.

    ``as_it_is``: with its own size of the filter, and its own border.
    """
    if as_it_is:
        return _filter_and_slice(
            task, lambda plane, full: cv2.GaussianBlur(plane, (0, 0), task.sigma, dst=full)
        )
    size = (len(task.taps),) * 2
    return _filter_and_slice(
        task,
        lambda plane, full: cv2.GaussianBlur(
            plane, size, task.sigma, dst=full, borderType=cv2.BORDER_CONSTANT
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


def pyr_down(cv2: Any, task: Task, once: bool = False) -> Prepared:
    """Halve with five binomial taps, edges reflected, as often as it takes; or ``once`` at most."""
    halvings = math.log2(1 / task.scale)
    if not halvings.is_integer() or (once and halvings != 1):
        raise NotOfferedError("it halves and nothing else")

    def act(plane: NDArray[Any], out: NDArray[Any]) -> None:
        for _ in range(int(halvings) - 1):
            plane = cv2.pyrDown(plane)
        if halvings:
            cv2.pyrDown(plane, dst=out, dstsize=out.shape[1::-1])
        else:
            np.copyto(out, plane)

    return _each_plane(task, act)


def area(cv2: Any, task: Task, to_size: bool = False) -> Prepared:
    """``resize`` with ``INTER_AREA``, the mean of each block: by the scale, or ``to_size``."""
    if to_size:
        return _each_plane(
            task,
            lambda plane, out: cv2.resize(
                plane, out.shape[1::-1], dst=out, interpolation=cv2.INTER_AREA
            ),
        )
    options = {"fx": task.scale, "fy": task.scale, "interpolation": cv2.INTER_AREA}
    return Prepared(lambda: [cv2.resize(p, (0, 0), **options) for p in task.planes], task.joined)


def _each_plane(task: Task, act: Act) -> Prepared:
    planes = task.planes
    outs = [task.new_plane(task.out_lengths) for _ in planes]

    def call() -> list[NDArray[Any]]:
        for plane, out in zip(planes, outs, strict=True):
            act(plane, out)
        return outs

    return Prepared(call, task.joined)


def _filter_and_slice(task: Task, act: Act) -> Prepared:
    full, s = task.new_plane(task.lengths), task.stride

    def filtered(plane: NDArray[Any], out: NDArray[Any]) -> None:
        act(plane, full)
        np.copyto(out, full[::s, ::s])

    return _each_plane(task, filtered)._replace(roundings=2 * (len(task.taps) + 1))
