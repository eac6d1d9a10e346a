"""What a peer is given, and what it gives back."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..plans import AxisPlan, Plan

__all__ = ["NotOfferedError", "Prepared", "Task"]


class NotOfferedError(Exception):
    """A peer has nothing for a task: the message says why, ``reason`` the same in two words."""

    def __init__(self, message: str, reason: str = "not offered") -> None:
        super().__init__(message)
        self.reason = reason


class Prepared(NamedTuple):
    """A call, and how to see what it returns as an array laid out as the task's input.

    ``roundings`` counts those that a term of its sums passes at most, its weight's apart; it
    matters for peers that claim the same result.
    """

    call: Callable[[], Any]
    view: Callable[[Any], NDArray[Any]]
    roundings: int = 0


@dataclass(frozen=True)
class Task:
    """One direction of one plan, both filtered axes alike.

    ``layout`` is CHW, HWC or NCHW. Torch's tensors live in ``place``; there the planes of CHW are
    dealt out to ``batch`` pictures.
    """

    plan: Plan
    x: NDArray[Any]
    layout: str
    direction: str = "forward"
    place: str = "cpu"
    batch: int = 1

    @property
    def axis(self) -> AxisPlan:
        """The first filtered axis; the other has the same filter."""
        return self.plan.axes[0]

    @property
    def scale(self) -> float:
        """Of both axes."""
        return float(self.axis.scale)

    @property
    def stride(self) -> int:
        """Of both axes."""
        return self.axis.stride

    @property
    def sigma(self) -> float:
        """Of both axes."""
        return float(self.axis.sigma)

    @property
    def taps(self) -> NDArray[Any]:
        """The filter of both axes, in binary32."""
        return self.axis.taps

    @property
    def lengths(self) -> tuple[int, int]:
        """Height and width of the input."""
        rows, columns = self.plan.axes
        return rows.length, columns.length

    @property
    def out_lengths(self) -> tuple[int, int]:
        """Height and width of the result."""
        rows, columns = self.plan.axes
        return rows.out_length, columns.out_length

    @property
    def channels(self) -> int:
        """How many planes a picture has, or samples a pixel."""
        if self.layout == "CHW":
            return self.plan.shape[0] // self.batch
        return self.plan.shape[self.layout.index("C")]

    @property
    def planes(self) -> list[NDArray[Any]]:
        """Each channel as a picture of its own where they are apart; else the one picture."""
        if self.layout == "HWC":
            return [self.x]
        *lead, height, width = self.x.shape
        return list(np.ascontiguousarray(self.x).reshape(math.prod(lead), height, width))

    def new_plane(self, lengths: tuple[int, int]) -> NDArray[Any]:
        """Return an empty array like one of `planes`, of other lengths."""
        inner = (self.channels,) if self.layout == "HWC" else ()
        return np.empty((*lengths, *inner), self.x.dtype)

    def kept(self) -> tuple[slice, ...]:
        """Return the index of every stride-th sample along both axes of an array like the input."""
        filtered = [a.axis for a in self.plan.axes]
        steps = [self.stride if d in filtered else 1 for d in range(self.x.ndim)]
        return tuple(slice(None, None, step) for step in steps)

    def joined(self, planes: list[NDArray[Any]]) -> NDArray[Any]:
        """Put planes together to one array of the task's layout."""
        if self.layout == "HWC":
            return planes[0]
        together = np.stack(planes)
        return together.reshape(*self.x.shape[:-2], *together.shape[-2:])
