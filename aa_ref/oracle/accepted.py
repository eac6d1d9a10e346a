"""Lengths that an implementation accepts: any, multiples of a number, or those of a few shapes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import OracleError
from .layouts import Layout

__all__ = ["ANYTHING", "Accepted", "as_accepted", "in_batches"]

Lengths = tuple[int, ...]


@dataclass(frozen=True)
class Accepted:
    """Describes which arrays an implementation accepts.

    Attributes
    ----------
    multiple : int
        Every filtered axis is as long as a multiple of this.
    shapes : tuple of tuple of int
        If there are any, the only lengths of the filtered axes, the shortest first.
    batch, channels : int or None
        If not None, the only number of batch entries, and of channels.
    """

    multiple: int = 1
    shapes: tuple[Lengths, ...] = ()
    batch: int | None = None
    channels: int | None = None

    @property
    def anything(self) -> bool:
        """Tell whether all lengths are accepted."""
        return self.multiple == 1 and not self.shapes

    def takes(self, lengths: Lengths) -> bool:
        """Tell whether arrays with these lengths along the filtered axes are accepted."""
        if self.shapes:
            return lengths in self.shapes
        return all(n % self.multiple == 0 for n in lengths)

    def nearest(self, lengths: Lengths) -> Lengths:
        """Return lengths that are accepted: the next longer ones, or the longest there are.

        Unequal lengths stay unequal, where that can be.
        """
        if self.shapes:
            longer = (
                s for s in self.shapes if all(m >= n for m, n in zip(s, lengths, strict=True))
            )
            return next(longer, self.shapes[-1])
        found = tuple(-(-n // self.multiple) * self.multiple for n in lengths)
        if len(set(found)) == 1 < len(set(lengths)):
            found = (*found[:-1], found[-1] + self.multiple)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return what is not left to the implementation, as JSON takes it."""
        found: dict[str, Any] = {}
        if self.shapes:
            found["shapes"] = [list(s) for s in self.shapes]
        if self.multiple > 1:
            found["multiple_of"] = self.multiple
        if self.batch is not None:
            found["batch"] = self.batch
        return found

    def __str__(self) -> str:
        if self.shapes:
            entries = "" if self.batch is None else f" of {self.batch} entries"
            return f"shapes {', '.join('×'.join(map(str, s)) for s in self.shapes)}{entries}"
        return f"lengths that are multiples of {self.multiple}" if self.multiple > 1 else ""


ANYTHING = Accepted()
"""Of implementations that take arrays of any size."""


def as_accepted(shapes: Any, multiple_of: Any, layout: Layout) -> Accepted:
    """Check the shapes of `aa_ref.oracle.check`, each of filtered axes or of all.

    Raises
    ------
    OracleError
        If something is wrong with them.
    """
    if not (isinstance(multiple_of, int) and multiple_of >= 1):
        raise OracleError(f"multiple_of is {multiple_of!r}; write an integer from 1 on")
    if shapes is None:
        return Accepted(multiple_of)
    if multiple_of > 1:
        raise OracleError(
            f"multiple_of is {multiple_of}, but the shapes say all of that; leave one out"
        )
    listed = shapes if isinstance(shapes, list | tuple) else ()
    found = [read for shape in listed if (read := _read(shape, layout)) is not None]
    counts = {(batch, channels) for batch, channels, _ in found}
    if len(found) < len(listed) or len(counts) != 1:
        lengths = (256,) * len(layout.axes)
        whole = layout.shape(1, 3, lengths)
        raise OracleError(
            f"shapes is {shapes!r}; write lengths of the filtered axes, as [{lengths}], or whole "
            f"shapes, as [{whole}], of as many batch entries and channels each"
        )
    ordered = sorted(dict.fromkeys(lengths for *_, lengths in found), key=math.prod)
    return Accepted(1, tuple(ordered), *counts.pop())


def _read(shape: Any, layout: Layout) -> tuple[int | None, int | None, Lengths] | None:
    """Read batch entries, channels (if it is whole) and lengths of a shape, if it is one."""
    if not isinstance(shape, list | tuple) or not all(isinstance(n, int) and n > 0 for n in shape):
        return None
    if len(shape) == len(layout.axes):
        return None, None, tuple(shape)
    if len(shape) != len(layout.name):
        return None
    by_letter = dict(zip(layout.name, shape, strict=True))
    return by_letter.get("N"), by_letter.get("C"), tuple(shape[a] for a in layout.axes)


def in_batches(
    fn: Callable[[NDArray[Any]], NDArray[Any]], layout: Layout, batch: int | None
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Make a function of any number of batch entries out of one that takes just so many, if so."""
    if batch is None:
        return fn
    axis = layout.name.index("N")

    def act(x: NDArray[Any]) -> NDArray[Any]:
        entries = x.shape[axis]
        answers = [
            fn(np.take(x, np.arange(first, first + batch) % entries, axis))
            for first in range(0, entries, batch)
        ]
        if any(y.ndim != x.ndim or y.shape[axis] != batch for y in answers):
            return answers[0]
        return np.take(np.concatenate(answers, axis), np.arange(entries), axis)

    return act
