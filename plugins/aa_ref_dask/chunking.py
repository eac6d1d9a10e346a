"""Chunks along one axis: which outputs a chunk gives, and which stretches of blocks it takes.

A *block* is a chunk of the array that comes in. The chunk of outputs whose centres lie in a block
has its *home* there; of its neighbours it takes a stretch as long as the filter reaches::

    blocks       |     0     |     1     |     2     |
    chunk 1               [..|...........|..]
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

import aa_ref

__all__ = [
    "Chunk",
    "Given",
    "Range",
    "Stretch",
    "chunks_of_inputs",
    "chunks_of_outputs",
    "given_by",
]


Range = tuple[int, int]


class Stretch(NamedTuple):
    """A stretch of one block that one chunk takes.

    Attributes
    ----------
    block, begin, end : int
        The block, and the stretch's ends within it.
    start : int
        Where it begins in the whole array.
    number : int
        Counts the chunk's stretches.
    is_thin : bool
        Whether it is less than the block, and the block another chunk's home: then it is cut off
        there, once, so that the block itself need not be carried to where the chunk is computed.
    has_home : bool
        Whether the block is the home of any chunk.
    """

    block: int
    begin: int
    end: int
    start: int
    number: int
    is_thin: bool
    has_home: bool


class Chunk(NamedTuple):
    """One chunk of the result along one axis.

    Attributes
    ----------
    lo, hi : int
        Its range.
    home : int
        The block where it has its home.
    middle : (int, int)
        A range within that, which takes nothing but a stretch of the home; all where that is none.
    stretches : tuple of Stretch
    """

    lo: int
    hi: int
    home: int
    middle: Range
    stretches: tuple[Stretch, ...]


class Given(NamedTuple):
    """A stretch as its block sees it: for which chunk, and which of that chunk's stretches."""

    chunk: int
    number: int
    begin: int
    end: int
    is_thin: bool


def chunks_of_outputs(plan: aa_ref.Plan, axis: int, sizes: Sequence[int]) -> list[Chunk]:
    """Return the chunks of the result along one axis, of an input with blocks of these sizes."""
    edges = [0, *accumulate(sizes)]
    filtered = _filtered(plan, axis)
    if filtered is None:
        return _in_blocks(edges, edges, lambda lo, hi: ((lo, hi),))
    ends = np.searchsorted(filtered.centres, edges).tolist()
    chunks = _in_blocks(ends, edges, lambda lo, hi: plan.part({axis: (lo, hi)}).inputs[axis])
    begins, spacing = np.array(edges[:-1]), filtered.spacing or 1
    begins = np.where(begins > 0, -(-begins // spacing) * spacing + filtered.radius, 0)
    stops = np.array(edges[1:]) - filtered.radius
    stops[-1] = filtered.length
    firsts, lasts = (np.searchsorted(filtered.centres, at).tolist() for at in (begins, stops))
    return [_with_middle(chunk, firsts[chunk.home], lasts[chunk.home]) for chunk in chunks]


def chunks_of_inputs(plan: aa_ref.Plan, axis: int, sizes: Sequence[int]) -> list[Chunk]:
    """Return the chunks of the adjoint's result along one axis, for blocks of these sizes.

    A chunk begins at the centre of its block's first output.
    """
    edges = [0, *accumulate(sizes)]
    filtered = _filtered(plan, axis)
    if filtered is None:
        return _in_blocks(edges, edges, lambda lo, hi: ((lo, hi),))
    ends = np.r_[0, filtered.centres[1:], filtered.length][edges].tolist()
    return _in_blocks(ends, edges, lambda lo, hi: plan.adjoint_part({axis: (lo, hi)}).outputs[axis])


def given_by(chunks: Sequence[Chunk], blocks: int) -> list[list[Given]]:
    """Return for each block the stretches that are taken of it."""
    given: list[list[Given]] = [[] for _ in range(blocks)]
    for i, chunk in enumerate(chunks):
        for s in chunk.stretches:
            given[s.block].append(Given(i, s.number, s.begin, s.end, s.is_thin))
    return given


def _filtered(plan: aa_ref.Plan, axis: int) -> Any:
    """Return the plan's axis of that number, None if it is left as it is."""
    return next((a for a in plan.passes if a.axis == axis), None)


def _with_middle(chunk: Chunk, first: int, last: int) -> Chunk:
    """Return a chunk, of which the home alone gives outputs ``first..last`` unless ends wrap."""
    wraps = any(a.start + a.end - a.begin != b.start for a, b in pairwise(chunk.stretches))
    lo, hi = max(chunk.lo, first), min(chunk.hi, last)
    return chunk if wraps or lo >= hi else chunk._replace(middle=(lo, hi))


def _in_blocks(
    ends: Sequence[int], edges: Sequence[int], needed: Callable[[int, int], Sequence[Range]]
) -> list[Chunk]:
    """Return a chunk for each block between whose ends there is something, at least one in all."""
    wanted = [(lo, hi, home) for home, (lo, hi) in enumerate(pairwise(ends)) if lo < hi]
    wanted = wanted or [(0, 0, 0)]
    homes = {home for _, _, home in wanted}
    chunks = []
    for lo, hi, home in wanted:
        stretches: list[Stretch] = []
        for begin, end in needed(lo, hi):
            block = bisect_right(edges, begin) - 1 if begin < end else 0
            while begin < end or not stretches:
                start, stop = edges[block], edges[block + 1]
                last = min(end, stop)
                if begin < last or begin == end:
                    thin = block != home and block in homes and last - begin < stop - start
                    stretches.append(
                        Stretch(
                            block, begin - start, last - start, begin, len(stretches), thin,
                            block in homes,
                        )
                    )  # fmt: skip
                begin, block = last, block + 1
        chunks.append(Chunk(lo, hi, home, (lo, hi), tuple(stretches)))
    return chunks
