"""What a peer is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan, Plan

__all__ = ["Prepared", "Task"]


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
    """One direction of one plan, both filtered axes alike, for an array of three dimensions.

    Torch's tensors live in ``place``; there planes are dealt out to ``batch`` pictures.
    """

    plan: Plan
    x: NDArray[Any]
    layout: str
    direction: str
    place: str = "cpu"
    batch: int = 1

    @property
    def axis(self) -> AxisPlan:
        """The first filtered axis; the other has the same filter."""
        return self.plan.axes[0]

    @property
    def stride(self) -> int:
        """Of both axes."""
        return self.axis.stride

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
        return self.plan.shape[0] // self.batch if self.layout == "CHW" else self.plan.shape[2]

    @property
    def planes(self) -> list[NDArray[Any]]:
        """Each channel as a picture of its own where they are apart; else the one picture."""
        return list(self.x) if self.layout == "CHW" else [self.x]

    def new_planes(self, lengths: tuple[int, int], dtype: Any = None) -> list[NDArray[Any]]:
        """Empty arrays of other lengths, beside `planes`."""
        target = self.x.dtype if dtype is None else dtype
        inner = () if self.layout == "CHW" else (self.channels,)
        return [np.empty((*lengths, *inner), target) for _ in self.planes]

    def subsample(self, full: NDArray[Any]) -> NDArray[Any]:
        """Every stride-th sample of a plane."""
        return full[:: self.stride, :: self.stride]

    def join(self, planes: list[NDArray[Any]]) -> NDArray[Any]:
        """Planes to one array of the task's layout."""
        return np.stack(planes) if self.layout == "CHW" else planes[0]
