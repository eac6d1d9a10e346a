"""Layouts: what the dimensions of an implementation's arrays are, a letter for each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import LayoutError

__all__ = ["Layout", "as_layout"]

_SPATIAL = ("L", "W", "HW", "DHW")


@dataclass(frozen=True)
class Layout:
    """The meaning of an array's dimensions.

    Attributes
    ----------
    name : str
        A letter for each dimension: ``N`` batch entries, ``C`` channels, ``D``, ``H`` and ``W``
        depth, height and width, ``L`` the length of a signal.
    axes : tuple of int
        The filtered dimensions, in the order of the letters ``DHW``.
    """

    name: str
    axes: tuple[int, ...]

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
    """A `Layout`, from its name.

    Any order of ``N`` and ``C``, each once or left out, and one of ``L``, ``W``, ``HW`` and
    ``DHW``, whose letters keep their order but may stand apart: NCHW, NHWC, HWC, HW, NCDHW, NCL, …

    Raises
    ------
    LayoutError
        If it is none.
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
