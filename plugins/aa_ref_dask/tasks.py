"""What runs in the workers: stretches are cut off blocks, put together, and filtered."""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

import aa_ref

from .chunking import Chunk, Given, Range, Stretch

__all__ = ["Job", "Slabs", "cut_slabs", "filter_chunk"]

_LARGE = 1 << 18
"""From so many samples on, to copy them takes longer than to filter thin sides apart."""


class Job(NamedTuple):
    """One call: what all tasks of it have in common."""

    plan: aa_ref.Plan
    is_forward: bool
    backend: str | None


class Slabs(dict[tuple[tuple[int, int], ...], Any]):
    """Copies of parts of one block, by the chunks that take them.

    A key has, for each dimension, the chunk's number and which of the chunk's stretches it is.
    """


def cut_slabs(block: Any, given: tuple[tuple[Given, ...], ...], least: int, most: int) -> Slabs:
    """Copy what other chunks take of a block.

    Parameters
    ----------
    block : array
    given : tuple of tuple of Given
        For each dimension, the stretches that are taken of the block.
    least, most : int
        Of how many dimensions less than all may be taken: 1 for what the neighbours along an axis
        take, more for those across a corner.
    """
    slabs = Slabs()
    for taken in product(*given):
        if least <= sum(t.is_thin for t in taken) <= most:
            box = block[tuple(slice(t.begin, t.end) for t in taken)]
            slabs[tuple((t.chunk, t.number) for t in taken)] = box.copy()
    return slabs


def filter_chunk(job: Job, index: tuple[int, ...], chunks: tuple[Chunk, ...], *blocks: Any) -> Any:
    """Compute one chunk of the result, on the calling thread alone: others run beside it.

    Parameters
    ----------
    index : tuple of int
        The chunk's number, for each dimension.
    chunks : tuple of Chunk
        The chunk itself, for each dimension.
    *blocks : array or Slabs
        Where each combination of its stretches is found, the last dimension's fastest.
    """
    whole = tuple((c.lo, c.hi) for c in chunks)
    sources = _Sources(index, chunks, blocks)
    with aa_ref.limit_threads(1):
        boxes = [whole]
        if job.is_forward and sources.size >= _LARGE:
            boxes = _boxes(whole, [c.middle for c in chunks])
        if len(boxes) == 1:
            return _filtered(job, whole, sources)
        result = None
        for box in boxes:
            y = _filtered(job, box, sources)
            if result is None:
                result = np.empty_like(y, shape=tuple(hi - lo for lo, hi in whole))
            at = tuple(slice(lo - c.lo, hi - c.lo) for (lo, hi), c in zip(box, chunks, strict=True))
            result[at] = y
        return result


def _filtered(job: Job, ranges: Sequence[Range], sources: "_Sources") -> Any:
    make = job.plan.part if job.is_forward else job.plan.adjoint_part
    part = make(dict(enumerate(ranges)))
    if job.is_forward:
        return part(sources.read(part.inputs), backend=job.backend)
    return part.adjoint(sources.read(part.outputs), backend=job.backend)


def _boxes(whole: tuple[Range, ...], middles: Sequence[Range]) -> list[tuple[Range, ...]]:
    """Cut a chunk into the middle, for which no block need be copied, and thin sides of it."""
    boxes: list[tuple[Range, ...]] = []
    left = list(whole)
    for axis, ((lo, hi), (first, last)) in enumerate(zip(whole, middles, strict=True)):
        sides = [side for side in ((lo, first), (last, hi)) if side[0] < side[1]]
        boxes += [(*left[:axis], side, *left[axis + 1 :]) for side in sides]
        left[axis] = first, last
    return [tuple(left), *boxes]


class _Sources:
    """All that one chunk takes, wherever it lies, as if it were one array."""

    def __init__(
        self, index: tuple[int, ...], chunks: tuple[Chunk, ...], blocks: tuple[Any, ...]
    ) -> None:
        self.index, self.chunks = index, chunks
        numbers = product(*(range(len(c.stretches)) for c in chunks))
        self.blocks = dict(zip(numbers, blocks, strict=True))
        self.size = prod(sum(s.end - s.begin for s in c.stretches) for c in chunks)

    def read(self, ranges: Sequence[Sequence[Range]]) -> Any:
        """Return ranges of the whole array along each dimension, one behind the other."""
        found = [
            _overlaps(several, c.stretches) for several, c in zip(ranges, self.chunks, strict=True)
        ]
        x = None
        for box in product(*found):
            here = self._at(tuple(box))
            if all(len(several) == 1 for several in found):
                return here
            if x is None:
                shape = tuple(sum(hi - lo for lo, hi in several) for several in ranges)
                x = np.empty_like(here, shape=shape)
            x[tuple(slice(o.at, o.at + o.end - o.begin) for o in box)] = here
        return x

    def _at(self, box: "tuple[_Overlap, ...]") -> Any:
        block = self.blocks[tuple(o.number for o in box)]
        stretches = [c.stretches[o.number] for c, o in zip(self.chunks, box, strict=True)]
        if isinstance(block, Slabs):
            key = tuple((i, o.number) for i, o in zip(self.index, box, strict=True))
            return block[key][tuple(slice(o.begin, o.end) for o in box)]
        return block[
            tuple(
                slice(s.begin + o.begin, s.begin + o.end)
                for s, o in zip(stretches, box, strict=True)
            )
        ]


class _Overlap(NamedTuple):
    """A range of one stretch, counted from its begin, and where it comes to lie."""

    number: int
    begin: int
    end: int
    at: int


def _overlaps(ranges: Sequence[Range], stretches: Sequence[Stretch]) -> list[_Overlap]:
    """Return the pieces of stretches of which ranges are made, in order."""
    overlaps: list[_Overlap] = []
    at = 0
    for lo, hi in ranges:
        for s in stretches:
            begin, end = max(lo, s.start), min(hi, s.start + s.end - s.begin)
            if begin < end or lo == hi:
                overlaps.append(_Overlap(s.number, begin - s.start, end - s.start, at))
                at += end - begin
    if at != sum(hi - lo for lo, hi in ranges):  # the graph has left something out
        raise RuntimeError(f"{ranges} are not within {stretches}")
    return overlaps
