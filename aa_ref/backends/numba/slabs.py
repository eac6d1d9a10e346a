"""Slabs: several steps done piece by piece, so that a cache holds what lies between them.

A slab is a range of outputs along the dimension that is outermost in memory. Where this is
filtered, the steps up to there take an excerpt (see `aa_ref.excerpts`), which gives some outputs
that are not the slab's; the others go on with those that are::

    inputs             . . a b c d e f g h i . .
    up to this axis          . B D F H .
    the other axes             B'D'F'H'
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dtypes import STORAGE
from ...excerpts import Range
from ...plans import Part, Plan
from .steps import Step, c_strides, make_steps, packed

__all__ = [
    "Place",
    "Slab",
    "Slabs",
    "Workplace",
    "are_large",
    "bytes_between",
    "make_slabs",
    "workplaces",
]

_BETWEEN = 1 << 22  # bytes between two steps of a slab; half or twice as many take as long
_LEAST = 1 << 20  # the same; with less, Python between the steps takes longer than they do
_MOST = 1 << 25  # the same, where planes are large; with more nothing is gained
_MOST_KEPT = 1 << 26  # for the next call: new pages, to be cleared, took 3 of 8 ms at 256³
_kept: list["Workplace"] = []
_FEWEST = 4  # of fewer, the first and the last take up what the others save


class Slab(NamedTuple):
    """A range of outputs, and what makes them."""

    inputs: tuple[Range, ...]  # several, one behind the other, where "circular" wraps round
    outputs: Range
    steps: tuple[Step, ...]
    places: slice  # among the results of these steps, the slab's
    others: tuple[Step, ...]  # which go on with them


class Slabs(NamedTuple):
    """A plan in slabs along a dimension."""

    axis: int
    slabs: tuple[Slab, ...]

    def along(self, array: NDArray[Any], begin: int, end: int) -> NDArray[Any]:
        """A range of an array's dimension."""
        return array[(*[slice(None)] * self.axis, slice(begin, end))]

    def inputs_of(self, slab: Slab, source: NDArray[Any], place: "Workplace") -> NDArray[Any]:
        """What a slab is made of."""
        first, *others = (self.along(source, *ends) for ends in slab.inputs)
        if not others:
            return first
        shape = list(source.shape)
        shape[self.axis] = sum(end - begin for begin, end in slab.inputs)
        # In C order, which `_slab` has laid its plans out for.
        gathered = place.take(Place.INPUTS, tuple(shape), range(len(shape)), source.dtype)
        return np.concatenate([first, *others], self.axis, out=gathered)


class Place(IntEnum):
    """What a thread needs memory for."""

    EVEN_STEPS = 0
    ODD_STEPS = 1
    INPUTS = 2
    SCRATCH = 3
    INDICES = 4


class Workplace:
    """Memory of one thread, so many bytes for each `Place`, which each of its slabs uses again."""

    def __init__(self) -> None:
        self._blocks = [np.empty(0, np.uint8)] * len(Place)

    @property
    def nbytes(self) -> int:
        """How much it holds."""
        return sum(block.nbytes for block in self._blocks)

    def grow(self, sizes: Sequence[int]) -> None:
        """Have at least so much for each place."""
        for place, size in enumerate(sizes):
            if self._blocks[place].nbytes < size:
                self._blocks[place] = np.empty(size, np.uint8)

    def take(
        self, place: int, shape: Sequence[int], order: Sequence[int], dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """An array without gaps, its dimensions in this order; what lay there before is lost."""
        block = self._blocks[place][: dtype.itemsize * math.prod(shape)]
        return block.view(dtype).reshape([shape[d] for d in order]).transpose(np.argsort(order))


@contextmanager
def workplaces(count: int, sizes: Sequence[int]) -> Iterator[list[Workplace]]:
    """Lend a workplace to each of so many threads."""
    lent: list[Workplace] = []
    while len(lent) < count:
        try:
            lent.append(_kept.pop())
        except IndexError:
            lent.append(Workplace())
    try:
        for place in lent:
            place.grow(sizes)
        yield lent
    finally:
        for place in lent:
            if place.nbytes + sum(other.nbytes for other in _kept) <= _MOST_KEPT:
                _kept.append(place)


def bytes_between(steps: Sequence[Step], itemsize: int) -> int:
    """The size of the largest array that a step gives the next."""
    return itemsize * max((math.prod(step.shape) for step in steps[:-1]), default=0)


def are_large(steps: Sequence[Step], itemsize: int) -> bool:
    """Whether so much lies between steps that it may be worth slabs."""
    return len(steps) > 1 and bytes_between(steps, itemsize) >= _FEWEST * _LEAST


@lru_cache(maxsize=128)
def make_slabs(
    plan: Plan, source: tuple[int, ...], result: tuple[int, ...], threads: int
) -> Slabs | None:
    """Cut a plan of several large steps, for arrays of these strides (in bytes).

    None if it is in vain: where threads would be idle or each slab small, excerpts would have more
    than half of their inputs in common, or centres are uneven.
    """
    between = bytes_between(make_steps(plan, True, source, result), plan.compute_dtype.itemsize)
    axis = max((d for d, n in enumerate(plan.shape) if n > 1), key=lambda d: abs(source[d]))
    most = length = plan.out_shape[axis]
    filtered = next((a for a in plan.passes if a.axis == axis), None)
    if filtered:
        if not filtered.spacing:
            return None
        if filtered.radius:
            most = min(length, length * filtered.spacing // (4 * filtered.radius))
    count = min(-(-max(between // _BETWEEN, threads) // threads), most // threads) * threads
    if count < _FEWEST or not count * _LEAST <= between <= count * _MOST:
        return None
    ranges = ((length * k // count, length * (k + 1) // count) for k in range(count))
    return Slabs(axis, tuple(_slab(plan.part({axis: r}), axis, source, result) for r in ranges))


def _slab(part: Part, axis: int, source: tuple[int, ...], result: tuple[int, ...]) -> Slab:
    inner, inputs, compute = part.inner, part.inputs[axis], part.whole.compute_dtype
    places, (outputs,) = part.excerpts[axis].places, part.outputs[axis]
    if len(inputs) > 1:
        source = c_strides(inner.shape, STORAGE[inner.input_dtype].itemsize)
    order = sorted(range(len(source)), key=lambda d: -abs(source[d]))
    passes = [a.axis for a in inner.passes]
    done = passes.index(axis) + 1 if axis in passes else len(passes)
    if done == len(passes):
        own = places.stop - places.start == inner.out_shape[axis]
        target = result if own else packed(inner.out_shape, order, STORAGE[inner.dtype].itemsize)
        return Slab(inputs, outputs, make_steps(inner, True, source, target), places, ())
    first = replace(inner, dtype=compute.name, axes=inner.passes[:done])
    between = packed(first.out_shape, order, compute.itemsize)
    shape = list(first.out_shape)
    shape[axis] = places.stop - places.start
    others = replace(inner, shape=tuple(shape), input_dtype=compute.name, axes=inner.passes[done:])
    return Slab(
        inputs, outputs, make_steps(first, True, source, between), places,
        make_steps(others, True, between, result),
    )  # fmt: skip
