"""The graph of one call: a task for each chunk of the result, two more for what neighbours take.

::

    block ──► chunk                    the whole block to the chunk that has its home there
      ├─► sides ──► chunks beside it   thin slabs, cut off once for all neighbours along an axis
      └─► corners ──► chunks across    and once for those across an edge or a corner
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, cast

from dask._task_spec import Task, TaskRef
from dask.array import Array
from dask.highlevelgraph import HighLevelGraph

from .chunking import Chunk, given_by
from .tasks import Job, cut_slabs, filter_chunk

__all__ = ["lazy"]


def lazy(x: Array, name: str, job: Job, axes: Sequence[Sequence[Chunk]], meta: Any) -> Array:
    """Return the array of a job's result, of which nothing has been computed.

    Parameters
    ----------
    x : dask Array
        What comes in.
    name : str
        Of the result, which tells it from all others.
    axes : sequence of sequence of Chunk
        The result's chunks along each dimension.
    meta : array
        An empty one of the result's kind and type.
    """
    layer = _chunk_tasks(x, name, job, axes)
    layer |= _slab_tasks(x, name, axes, set().union(*(t.dependencies for t in layer.values())))
    graph = HighLevelGraph.from_collections(name, layer, dependencies=[cast(Any, x)])
    chunks = tuple(tuple(c.hi - c.lo for c in chunks) for chunks in axes)
    return Array(graph, name, chunks, meta=meta)


def _chunk_tasks(x: Array, name: str, job: Job, axes: Sequence[Sequence[Chunk]]) -> dict[Any, Task]:
    tasks = {}
    found = _References([x.name, _slabs_of(name, 1), *[_slabs_of(name, 2)] * (x.ndim - 1)])
    columns = zip(*(_columns_of(chunks, x.ndim) for chunks in axes), strict=True)
    for index, chunks, blocks, thin in zip(*(product(*c) for c in columns), strict=True):
        key = (name, *index)
        refs = [found[at] for at in zip(product(*blocks), map(sum, product(*thin)), strict=True)]
        tasks[key] = Task(key, filter_chunk, job, index, chunks, *refs)
    return tasks


class _References(dict[tuple[tuple[int, ...], int], TaskRef]):
    """References by block and by the number of axes of which its stretch is thin, each made once.

    They are many: 27 for each chunk of a volume.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        super().__init__()
        self.sources = sources

    def __missing__(self, at: tuple[tuple[int, ...], int]) -> TaskRef:
        block, thin = at
        source = self.sources[thin if thin < len(self.sources) else 0]
        reference = self[at] = TaskRef((source, *block))
        return reference


def _columns_of(chunks: Sequence[Chunk], ndim: int) -> Iterator[Sequence[Any]]:
    """Yield, with an entry for each chunk along one axis, what its tasks need of it.

    Its number, itself, the blocks of its stretches, and 1 where these are thin; more than there
    are dimensions where the block has no home, so that no sum of these is one of slabs.
    """
    yield range(len(chunks))
    yield chunks
    yield [tuple(s.block for s in c.stretches) for c in chunks]
    yield [tuple(s.is_thin if s.has_home else ndim + 1 for s in c.stretches) for c in chunks]


def _slab_tasks(
    x: Array, name: str, axes: Sequence[Sequence[Chunk]], wanted: set[Any]
) -> dict[Any, Task]:
    """Return the tasks of those slabs that any chunk takes."""
    given = [
        [tuple(taken) for taken in given_by(chunks, blocks)]
        for chunks, blocks in zip(axes, x.numblocks, strict=True)
    ]
    reach = {_slabs_of(name, 1): (1, 1), _slabs_of(name, 2): (2, x.ndim)}
    tasks = {}
    for key in wanted:
        if key[0] in reach:
            block = key[1:]
            taken = tuple([given[d][i] for d, i in enumerate(block)])
            tasks[key] = Task(key, cut_slabs, TaskRef((x.name, *block)), taken, *reach[key[0]])
    return tasks


def _slabs_of(name: str, thin: int) -> str:
    """Return the name of what holds slabs that are thin along so many axes."""
    return f"{'sides' if thin == 1 else 'corners'}-of-{name}"
