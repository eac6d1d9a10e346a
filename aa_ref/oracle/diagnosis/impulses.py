"""Asking with impulses: the matrix that takes the samples of one axis to its outputs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..lengths import Reach
from .accuracy import Accuracy
from .rows import answers_everywhere, without_noise
from .subject import Subject

__all__ = ["Response", "Where", "amid_of", "ask_axes", "ask_axis", "lengths_for"]

Values = NDArray[np.float64]
Where = Literal["amid", "start", "everywhere"]
"""Where impulses lie along the other axes: in the middle, where an output should be centred; at
the start, where even an implementation of a large stride should have an output; or everywhere, as
lines, which every output sees that is on its way."""

_MOST = 1 << 24
"""Samples asked for one axis, all impulses together. More, only as long as axes are not longer than
four times what filters need."""


@dataclass(frozen=True)
class Response:
    """The answers along one axis to impulses along it.

    Attributes
    ----------
    matrix : ndarray of shape (outputs, inputs)
        On the line where they are largest. What the other axes do is a common factor.
    lengths : tuple of int
        Of the planes asked.
    at, line : tuple of int
        Where the impulses lie along the other axes, and where the line lies in the answers; this
        axis' entry is 0.
    where : {"amid", "start", "everywhere"}
    """

    matrix: Values
    lengths: tuple[int, ...]
    at: tuple[int, ...]
    line: tuple[int, ...]
    where: Where


def amid_of(lengths: Sequence[int], reach: Sequence[Reach]) -> tuple[int, ...]:
    """A place in the middle that an output is centred on, if the stride is right."""
    return tuple(n // 2 // a.step * a.step for n, a in zip(lengths, reach, strict=True))


def lengths_for(reach: Sequence[Reach], times: int) -> tuple[int, ...]:
    """Long enough for inner outputs even if the filter is twice as wide (or more, by ``times``)."""
    return tuple(
        a.whole(times * (4 * a.radius + 5 * a.step) + 3) + k * a.period for k, a in enumerate(reach)
    )


def ask_axes(
    subject: Subject,
    reach: Sequence[Reach],
    accuracy: Accuracy,
    amplitude: float,
    times: int,
    where: Where,
) -> list[Response | None]:
    """For every axis what it answers, or None if nothing comes back."""
    full = subject.accepts.nearest(lengths_for(reach, times))
    return [
        ask_axis(subject, reach, full, k, accuracy, amplitude, times, where)
        for k in range(len(full))
    ]


def ask_axis(
    subject: Subject,
    reach: Sequence[Reach],
    full: tuple[int, ...],
    axis: int,
    accuracy: Accuracy,
    amplitude: float,
    times: int,
    where: Where,
) -> Response | None:
    """What one axis answers in planes of these lengths, or None if nothing comes back."""
    lengths = full
    if math.prod(full) * full[axis] > _MOST:  # the other axes then play as small a part as can be
        lengths = subject.accepts.nearest(
            tuple(
                n if k == axis else max(a.least, a.step + 1)
                for k, (n, a) in enumerate(zip(full, reach, strict=True))
            )
        )
        if times > 4 and math.prod(lengths) * full[axis] > _MOST:
            return None
    amid = amid_of(lengths, reach)
    at = tuple(p if where == "amid" and k != axis else 0 for k, p in enumerate(amid))

    def impulses() -> Iterator[Values]:
        for r in range(lengths[axis]):
            x = np.zeros(lengths)
            line = tuple(slice(None) if where == "everywhere" else p for p in at)
            x[(*line[:axis], r, *line[axis + 1 :])] = amplitude
            yield x

    nothing = subject.plane(np.zeros(lengths))
    answers = list(subject.planes(impulses()))
    shapes = {y.shape for y in answers if y is not None}
    if nothing is None or not nothing.size:
        return None
    if any(y is None for y in answers) or shapes != {nothing.shape}:
        return None
    if not nothing.size:  # the answers hold no output at all
        return None
    y = (np.stack([y for y in answers if y is not None]) - nothing) / amplitude
    y = np.nan_to_num(np.moveaxis(y, axis + 1, 1), nan=0.0, posinf=0.0, neginf=0.0)
    y[np.abs(y) <= accuracy.steps * np.abs(nothing).max() / amplitude] = 0.0  # rounding of sums
    strength = np.abs(y).sum((0, 1))
    if not strength.any():
        return None
    line = tuple(int(v) for v in np.unravel_index(int(strength.argmax()), strength.shape))
    matrix = y.reshape(*y.shape[:2], -1)[..., int(strength.argmax())].T
    if times == 1 and not accuracy.floor and answers_everywhere(matrix):
        return None  # longer axes tell a wide filter from a transform's rounding
    return Response(
        without_noise(matrix, accuracy), lengths, at, (*line[:axis], 0, *line[axis:]), where
    )
