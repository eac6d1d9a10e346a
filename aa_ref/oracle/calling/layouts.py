"""Layouts: what an array's dimensions are, a letter for each, and how it lies in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LayoutError

__all__ = ["ARRANGEMENTS", "Layout", "arrangements_of", "as_layout"]

_SPATIAL = ("L", "W", "HW", "DHW")


@dataclass(frozen=True)
class Layout:
    """The meaning of an array's dimensions."""

    # a letter for each dimension: ``N`` batch entries, ``C`` channels, ``D``, ``H`` and ``W``
    # depth, height and width, ``L`` the length of a signal
    name: str
    axes: tuple[int, ...]  # the filtered dimensions, in the order of the letters ``DHW``

    @property
    def has_batch(self) -> bool:
        """Whether arrays may hold several entries."""
        return "N" in self.name

    @property
    def has_channels(self) -> bool:
        """Whether arrays may hold several channels."""
        return "C" in self.name

    def shape(self, batch: int, channels: int, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an array with these lengths along `axes`."""
        spatial = "".join(self.name[a] for a in self.axes)
        by_letter = {"N": batch, "C": channels, **dict(zip(spatial, lengths, strict=True))}
        return tuple(by_letter[letter] for letter in self.name)

    def arrange(self, x: NDArray[Any]) -> NDArray[Any]:
        """An array of shape (batch, channels, *lengths) in this layout, C-contiguous.

        What the layout has no letter for must have length 1.
        """
        letters = "NC" + "".join(self.name[a] for a in self.axes)
        missing = tuple(k for k, letter in enumerate(letters) if letter not in self.name)
        kept = [letter for letter in letters if letter in self.name]
        order = [kept.index(letter) for letter in self.name]
        return np.ascontiguousarray(x.squeeze(missing).transpose(order))


def as_layout(layout: Any) -> Layout:
    """Return a `Layout` from its name, or raise `LayoutError` if it is none.

    Any order of ``N`` and ``C``, each once or left out, and one of ``L``, ``W``, ``HW`` and
    ``DHW``, whose letters keep their order but may stand apart: NCHW, NHWC, HWC, HW, NCDHW, NCL, …
    """
    name = layout if isinstance(layout, str) else ""
    spatial = name.replace("N", "", 1).replace("C", "", 1)
    if spatial not in _SPATIAL:
        raise LayoutError(
            f"layout is {layout!r}; write a letter for each dimension: N and C, at most once, for "
            "batch and channels, and L, W, HW or DHW for what is filtered, such as 'NCHW', 'HWC' "
            "or 'NCDHW'"
        )
    return Layout(name, tuple(name.index(letter) for letter in spatial))


def _every_second(x: NDArray[Any]) -> NDArray[Any]:
    wider = np.repeat(x, 2, axis=-1)
    wider[..., 1::2] = 1  # what is skipped is not what is read
    return wider[..., ::2]


def _of_wider_rows(x: NDArray[Any]) -> NDArray[Any]:
    wider = np.ones((*x.shape[:-1], x.shape[-1] + 5), x.dtype)
    wider[..., :-5] = x
    return wider[..., :-5]


def _crop(x: NDArray[Any]) -> NDArray[Any]:
    larger = np.ones([n + 3 * (n > 1) for n in x.shape], x.dtype)  # a single one has no pitch
    inner = larger[tuple(slice(1, -2) if n > 1 else slice(1) for n in x.shape)]
    inner[...] = x
    return inner


ARRANGEMENTS: MappingProxyType[str, Callable[[NDArray[Any]], NDArray[Any]]] = MappingProxyType(
    {
        "contiguous": lambda x: x.copy("C"),
        "Fortran order": lambda x: x.copy("F"),
        "every second sample of a wider array": _every_second,
        "reversed in memory": lambda x: x[::-1, ...].copy("C")[::-1, ...],
        "rows of a wider array": _of_wider_rows,
        "a crop of a larger array": _crop,
        "second axis last in memory": lambda x: np.moveaxis(np.moveaxis(x, 1, -1).copy("C"), -1, 1),
    }
)
"""How an array lies in memory: functions that give the same values in memory of their own."""

_LEAST_AXES = {
    "Fortran order": 2, "rows of a wider array": 2, "a crop of a larger array": 2,
    "second axis last in memory": 3,
}  # fmt: skip
"""What it takes to be arranged otherwise than contiguous, if that is more than one axis."""


def arrangements_of(dimensions: int) -> Iterator[str]:
    """Name the arrangements that are not contiguous for arrays of so many dimensions."""
    for name in ARRANGEMENTS:
        if name != "contiguous" and dimensions >= _LEAST_AXES.get(name, 1):
            yield name
