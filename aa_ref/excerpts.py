"""Excerpts of an axis: a shorter signal that gives a range of outputs, or of inputs, to the bit.

An excerpt leaves samples of the axis out, whole strides of them, so that the centres that are left
still are multiples of the spacing, and the boundary folds its ends as those of the whole::

    whole      | a b c d e f g h i j k l m |      spacing 2, radius 2, outputs 2 and 3 wanted
    excerpt        | c d e f g h i |              of which outputs 1 and 2 are these
    circular   | a b c |     | k l m |            for output 0: what is wrapped round comes along

Other outputs of the excerpt may be wrong, and are dropped. In the adjoint, terms of outputs that do
not reach an input add nothing, and what the excerpt's own ends spoil is dropped.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Excerpt", "Range", "excerpt_of_inputs", "excerpt_of_outputs"]

Range = tuple[int, int]


class _Axis(Protocol):
    """The attributes of `aa_ref.plans.AxisPlan` that are read here."""

    @property
    def length(self) -> int: ...
    @property
    def out_length(self) -> int: ...
    @property
    def radius(self) -> int: ...
    @property
    def boundary(self) -> str: ...
    @property
    def has_pass(self) -> bool: ...
    @property
    def spacing(self) -> int | None: ...
    @property
    def centres(self) -> NDArray[np.int64]: ...


class Excerpt(NamedTuple):
    """A shorter axis, and how it lies in the whole one. Ranges are half open.

    Attributes
    ----------
    inputs, outputs : tuple of Range
        Of the whole: the inputs that the excerpt is made of, one range behind the other, and the
        outputs that it gives, or in the adjoint takes.
    length, out_length : int
        Samples of the excerpt before and after.
    spacing : int or None
        Of the excerpt's centres; None where the excerpt is the whole axis.
    places : slice or ndarray
        Where ``outputs`` are among the excerpt's own.
    kept : Range
        What the adjoint gives of the excerpt's inputs.
    """

    inputs: tuple[Range, ...]
    outputs: tuple[Range, ...]
    length: int
    out_length: int
    spacing: int | None
    places: Any
    kept: Range


def excerpt_of_outputs(a: _Axis, lo: int, hi: int) -> Excerpt:
    """Return the excerpt that gives outputs ``lo..hi`` of an axis, a range that is not empty."""
    if not a.has_pass:
        return _untouched(lo, hi)
    if (lo, hi) == (0, a.out_length):
        return _whole(a, slice(0, a.out_length), (0, a.length))
    centres = _centres(a, lo, hi)
    first, last, n = int(centres[0]) - a.radius, int(centres[-1]) + a.radius, a.length
    needed = [(max(0, first), min(last + 1, n))]
    if a.boundary == "circular":  # the others fold to where the range is already
        needed += [(max(0, n + first), n)] * (first < 0)
        needed += [(0, min(last + 1 - n, n))] * (last >= n)
    inputs = _merged(needed, a.spacing or 1)
    length = sum(end - begin for begin, end in inputs)
    places = centres - _skipped(inputs, int(centres[0]))
    if a.spacing is None:
        return Excerpt(inputs, ((lo, hi),), length, length, 1, places, (0, length))
    begin = int(places[0]) // a.spacing
    stop = begin + hi - lo
    return Excerpt(inputs, ((lo, hi),), length, stop, a.spacing, slice(begin, stop), (0, length))


def excerpt_of_inputs(a: _Axis, lo: int, hi: int) -> Excerpt:
    """Return the excerpt whose adjoint gives inputs ``lo..hi`` of an axis, a range not empty.

    Its outputs are all those that reach any of these inputs, directly or folded at an end.
    """
    if not a.has_pass:
        return _untouched(lo, hi)
    n, radius = a.length, a.radius
    whole = _whole(a, slice(0, a.out_length), (lo, hi))
    if (lo, hi) == (0, n):
        return whole
    # Ends that are not the whole's may fold what was spread over them as far as the radius.
    needed = [(max(0, lo - radius - 1), min(n, hi + radius + 1))]
    if a.boundary == "circular" and radius:
        needed += [(max(0, n - radius), n)] * (lo < radius)
        needed += [(0, min(radius, n))] * (hi > n - radius)
    centres = None if a.spacing is not None else a.centres
    needed = [(_centre_before(a, centres, begin), end) for begin, end in needed]
    inputs = _merged(needed, a.spacing or 1)
    length = sum(end - begin for begin, end in inputs)
    if length == n:
        return whole
    shift = _skipped(inputs, lo)
    kept = lo - shift, hi - shift
    reaching = [tuple(_first_output(a, centres, end) for end in ends) for ends in inputs]
    outputs = tuple((begin, end) for begin, end in reaching if begin < end)
    if centres is None:
        count = sum(end - begin for begin, end in outputs)
        return Excerpt(inputs, outputs, length, count, a.spacing, slice(0, count), kept)
    places = np.concatenate(
        [
            centres[begin:end] - _skipped(inputs, start)
            for (begin, end), (start, _) in zip(reaching, inputs, strict=True)
        ]
    )
    if (np.diff(places) == 0).any():  # two outputs in one place, which no excerpt has
        return whole
    return Excerpt(inputs, outputs, length, length, 1, places, kept)


def _untouched(lo: int, hi: int) -> Excerpt:
    """Of an axis without a pass, each sample stands for itself."""
    size = hi - lo
    return Excerpt(((lo, hi),), ((lo, hi),), size, size, 1, slice(0, size), (0, size))


def _whole(a: _Axis, places: slice, kept: Range) -> Excerpt:
    inputs, outputs = ((0, a.length),), ((0, a.out_length),)
    return Excerpt(inputs, outputs, a.length, a.out_length, None, places, kept)


def _centres(a: _Axis, lo: int, hi: int) -> NDArray[np.int64]:
    if a.spacing is None:
        return a.centres[lo:hi]
    return np.arange(lo, hi, dtype=np.int64) * (a.spacing if a.out_length > 1 else 1)


def _centre_before(a: _Axis, centres: NDArray[np.int64] | None, position: int) -> int:
    """Return the last centre at or before a position."""
    if centres is not None:
        return int(centres[np.searchsorted(centres, position, side="right") - 1])
    assert a.spacing is not None
    return min(position // a.spacing, a.out_length - 1) * a.spacing


def _first_output(a: _Axis, centres: NDArray[np.int64] | None, position: int) -> int:
    """Return the first output whose centre is at or beyond a position; how many, if none is."""
    if centres is not None:
        return int(np.searchsorted(centres, position, side="left"))
    assert a.spacing is not None
    return min(-(-position // a.spacing), a.out_length)


def _merged(needed: Iterable[Range], spacing: int) -> tuple[Range, ...]:
    """Join ranges until all that lies before and between them is whole spacings."""
    joined: list[Range] = []
    for begin, end in sorted(needed):
        last = joined[-1][1] if joined else 0
        if begin > last:
            begin -= (begin - last) % spacing
        if joined and begin <= last:
            joined[-1] = (joined[-1][0], max(last, end))
        else:
            joined.append((begin, end))
    return tuple(joined)


def _skipped(inputs: tuple[Range, ...], position: int) -> int:
    """Return how many samples before a position are left out; the position is not."""
    skipped, last = 0, 0
    for begin, end in inputs:
        skipped += begin - last
        if position < end:
            break
        last = end
    return skipped
