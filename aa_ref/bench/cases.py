"""What is measured: one direction on one shape, layout and type, to one or several scales.

On arrays there are three directions, ``forward``, ``adjoint`` and ``pyramid``. On torch's tensors
there are a ``layer``'s call where no gradients are asked for, ``layer-training``, which is its call
and the way back, and ``pyramid-training``, the same for a pyramid's layers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..dtypes import STORAGE
from ..plans import Plan, plan

__all__ = [
    "DIRECTIONS",
    "LAYERS",
    "LAYOUTS",
    "PYRAMIDS",
    "Case",
    "scale_text",
    "scales_text",
    "size_text",
    "threads_text",
]

LAYERS = ("layer", "layer-training", "pyramid-training")
"""The directions of torch's layers."""
DIRECTIONS = ("forward", "adjoint", "pyramid", *LAYERS)
PYRAMIDS = ("pyramid", "pyramid-training")
"""Those that make all scales from one input; the others have one scale."""
LAYOUTS = ("CHW", "HWC")
Scale = Fraction | float
_PICTURE = 3
"""Channels that torch's layers are used with."""


@dataclass(frozen=True)
class Case:
    """One thing to time. All contenders of a case take turns.

    Attributes
    ----------
    direction : str
        One of `DIRECTIONS`.
    size : tuple of int
        Channels, height and width, whatever the layout.
    layout : str
        ``"CHW"`` or ``"HWC"``: how they lie in memory.
    dtype : str
    scales : tuple of float or Fraction
    threads : tuple of int
        Each contender that can is timed with each of these.
    peers : bool
        Whether other libraries take part, or the floor is all to compare with.
    """

    direction: str
    size: tuple[int, int, int]
    layout: str
    dtype: str
    scales: tuple[Scale, ...]
    threads: tuple[int, ...]
    peers: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array to be downsampled."""
        channels, height, width = self.size
        return self.size if self.layout == "CHW" else (height, width, channels)

    @property
    def axes(self) -> tuple[int, int]:
        """The filtered axes."""
        return (1, 2) if self.layout == "CHW" else (0, 1)

    @property
    def pictures(self) -> int:
        """How many pictures a tensor has: where planes can be dealt out in threes, they are."""
        planes = self.size[0]
        of_tensors = self.direction in LAYERS and self.layout == "CHW"
        return planes // _PICTURE if of_tensors and planes % _PICTURE == 0 else 1

    @property
    def size_words(self) -> str:
        """The size, the pictures of tensors apart."""
        planes, *lengths = self.size
        one = size_text((planes // self.pictures, lengths[0], lengths[1]))
        return f"{self.pictures}×{one}" if self.direction in LAYERS else one

    @property
    def plans(self) -> tuple[Plan, ...]:
        """A plan for each scale."""
        return tuple(
            plan(self.shape, s, input_dtype=self.dtype, axes=self.axes) for s in self.scales
        )

    @property
    def result_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each result: at full resolution for the adjoint."""
        adjoint = self.direction == "adjoint"
        return tuple(p.shape if adjoint else p.out_shape for p in self.plans)

    @property
    def samples(self) -> int:
        """How many samples the array to be downsampled has."""
        return math.prod(self.size)

    @property
    def large_bytes(self) -> int:
        """Bytes of the array at full resolution: read forward, written by the adjoint."""
        return self.samples * STORAGE[self.dtype].itemsize

    @property
    def small_bytes(self) -> int:
        """Bytes of the downsampled arrays."""
        itemsize = STORAGE[self.dtype].itemsize
        return sum(math.prod(p.out_shape) for p in self.plans) * itemsize

    def __str__(self) -> str:
        array = f"{self.size_words} {self.layout} {self.dtype}"
        return f"{self.direction} {array}, {scales_text(self.scales)}"

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "direction": self.direction,
            "size": list(self.size),
            "layout": self.layout,
            "dtype": self.dtype,
            "scales": [str(s) for s in self.scales],
            "threads": list(self.threads),
            "peers": self.peers,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Case":
        """What `to_json` gave."""
        channels, height, width = data["size"]
        scales = tuple(Fraction(s) if "/" in s else float(s) for s in data["scales"])
        return cls(
            data["direction"], (channels, height, width), data["layout"], data["dtype"], scales,
            tuple(data["threads"]), data["peers"],
        )  # fmt: skip


def size_text(size: tuple[int, int, int]) -> str:
    """Channels and lengths, the way they are spoken of.

    Examples
    --------
    >>> size_text((3, 256, 256)), size_text((3, 480, 640))
    ('3×256²', '3×480×640')
    """
    channels, height, width = size
    return f"{channels}×{height}²" if height == width else f"{channels}×{height}×{width}"


def scale_text(scale: Scale) -> str:
    """A scale as it is written; of a long float four digits.

    Examples
    --------
    >>> scale_text(Fraction(1, 3)), scale_text(1 / 3), scale_text(0.125)
    ('1/3', '0.3333', '0.125')
    """
    return str(scale) if isinstance(scale, Fraction) else f"{scale:.4g}"


def scales_text(scales: Sequence[Scale]) -> str:
    """Scales by the letter that they have in formulas.

    Examples
    --------
    >>> scales_text((0.5, Fraction(1, 3)))
    's = 0.5, 1/3'
    """
    return "s = " + ", ".join(map(scale_text, scales))


def threads_text(threads: int) -> str:
    """A number of threads in words."""
    return "1 thread" if threads == 1 else f"{threads} threads"
