"""An array on disk into another, a block at a time: what is there already is not made again.

Neither array is ever in memory as a whole. What computes a block may be a thread here, or a worker
elsewhere that sees the same files.
"""

import itertools
import math
import os
from asyncio import CancelledError
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import dask.array
import dask.threaded
import numpy as np
import zarr
from dask.callbacks import Callback
from numpy.typing import NDArray

import aa_ref
from aa_ref.dtypes import ARRAYS_TYPE, NAMES, name_of

from .errors import ClusterError, OtherTypeError
from .functional import downsample
from .pools import pool_that_ends
from .sources import Blocks, open_array

__all__ = [
    "Cut",
    "Get",
    "Job",
    "create_npy",
    "create_zarr",
    "cut",
    "fill",
    "on_cluster",
    "on_threads",
    "open_job",
]

Index = tuple[int, ...]
Get = Callable[[Any, list[Any], Callable[[int], None]], None]

_BLOCK = 64 << 20
"""Bytes of the input that a block of the result is made from, if the stored chunks allow it."""


class Cut(NamedTuple):
    """How arrays are cut into blocks.

    Attributes
    ----------
    inputs, outputs : tuple of int
        Samples along each axis in a block of the input, and in the block of the result whose
        centres lie in it.
    chunks : tuple of int
        Samples along each axis in a chunk of the result.
    shards : tuple of int or None
        The same of a file that holds many chunks; where there are none, each chunk is a file. A
        block writes whole files.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None

    @property
    def files(self) -> tuple[int, ...]:
        """Samples along each axis in a file of the result."""
        return self.shards or self.chunks


class Job(NamedTuple):
    """An array on disk, and what is to be made of it.

    Attributes
    ----------
    source : Blocks
    plan : Plan
    cut : Cut
    options : dict
        Arguments of `aa_ref.downsample`.
    """

    source: Blocks
    plan: aa_ref.Plan
    cut: Cut
    options: dict[str, Any]


def open_job(path: str, **options: Any) -> Job:
    """Open an array of Zarr or a ``.npy``, and plan what becomes of it. No sample is read.

    Parameters
    ----------
    path : str
    **options
        Those of `aa_ref.downsample`.

    Raises
    ------
    AaRefError
        `SourceError` if it cannot be read, `OtherTypeError` if it holds a type that is not taken;
        otherwise as `aa_ref.downsample`.
    """
    source = open_array(path)
    if source.dtype.name not in NAMES:
        taken = ", ".join(name for name in NAMES if name != "bfloat16")
        what = f"{path} holds {source.dtype}, which is none of the types taken ({taken})"
        raise OtherTypeError(what, source.dtype)
    known = {name: value for name, value in options.items() if name != "backend"}
    plan = aa_ref.plan(source.shape, input_dtype=name_of(source.dtype, ARRAYS_TYPE), **known)
    return Job(source, plan, cut(source, plan), options)


def cut(source: Blocks, plan: aa_ref.Plan) -> Cut:
    """Cut an array into blocks of some 64 MiB.

    They begin at multiples of what is read at once, chunks or shards, and of the stride, so that
    each is read once and outputs go with the block that their centres lie in.
    """
    shards = None if source.stored is None else source.stored.shards
    read = [min(c, max(1, n)) for c, n in zip(shards or source.chunks, source.shape, strict=True)]
    steps = [1] * len(read)
    for axis in plan.axes:
        steps[axis.axis] = axis.spacing or max(1, round(axis.step))
    inputs = _blocks(read, steps, source)
    outputs, chunks = list[int](), list[int]()
    for n, step, c, length, result in zip(
        inputs, steps, source.chunks, source.shape, plan.out_shape, strict=True
    ):
        whole = max(1, result)
        outputs.append(whole if n >= length else min(n // step, whole))
        if source.stored is None:  # which has no chunks that the result's could follow
            chunks.append(outputs[-1])
        else:
            chunks.append(min(c, whole) if outputs[-1] == whole else math.gcd(c, outputs[-1]))
    files = tuple(-(-n // c) * c for n, c in zip(outputs, chunks, strict=True))
    return Cut(tuple(inputs), tuple(outputs), tuple(chunks), files if shards else None)


def _blocks(read: list[int], steps: list[int], source: Blocks) -> list[int]:
    """Return the samples along each axis in a block of the input: whole chunks, whole strides."""
    inputs, room = list(read), _BLOCK // source.dtype.itemsize
    for i, step in enumerate(steps):
        common, others = math.lcm(read[i], step), math.prod(inputs) // inputs[i]
        small = min(common, source.shape[i]) * others <= 4 * room
        inputs[i] = common if small else -(-read[i] // step) * step
    for i in sorted(range(len(steps)), key=lambda i: (steps[i] > 1, i), reverse=True):
        while inputs[i] < source.shape[i] and 2 * math.prod(inputs) <= room:
            inputs[i] *= 2
    return inputs


def create_npy(path: Path, job: Job) -> None:
    """Create a ``.npy`` for the result, of zeros."""
    np.lib.format.open_memmap(path, "w+", np.dtype(job.plan.dtype), job.plan.out_shape).flush()
    if hasattr(os, "posix_fallocate"):  # so that a full disk shows now
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def create_zarr(path: Path, job: Job) -> None:
    """Create a Zarr array for the result, with no chunk in it.

    A Zarr input hands on its format, attributes, names of axes and, to the same type, compression.
    """
    shape, dtype = job.plan.out_shape, np.dtype(job.plan.dtype)
    kept: dict[str, Any] = {"zarr_format": 3}
    given = job.source.stored
    if given is not None:
        kept = {"zarr_format": given.metadata.zarr_format, "attributes": given.attrs.asdict()}
        if given.metadata.zarr_format == 3:
            kept["dimension_names"] = given.metadata.dimension_names
        if given.dtype == dtype:
            kept["compressors"] = given.compressors
    if kept["zarr_format"] == 3:
        kept["shards"] = job.cut.shards
    zarr.create_array(str(path), shape=shape, dtype=dtype, chunks=job.cut.chunks, **kept)


def fill(
    path: Path, job: Job, get: Get, show: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Compute and write the blocks that are not there yet in an array that was created.

    Parameters
    ----------
    path : Path
    job : Job
    get : callable
        Computes keys of a graph and tells how many are done: `on_threads` or `on_cluster`.
    show : callable
        Is told how many blocks are done, of how many.

    Raises
    ------
    SourceError
        If the input cannot be read somewhere.
    """
    outputs = job.cut.outputs
    missing, total = _missing(path, job)
    show(total - len(missing), total)
    if not missing:
        return
    source = job.source
    x = dask.array.from_array(
        source, chunks=job.cut.inputs, name=False, inline_array=True, fancy=False,
        meta=np.empty((0,) * source.ndim, source.dtype),
    )  # fmt: skip
    y = downsample(x, **job.options).rechunk(outputs)
    written = y.map_blocks(
        _write, path=str(path.absolute()), outputs=outputs, dtype=bool,
        chunks=[(1,) * n for n in y.numblocks], meta=np.empty((0,) * y.ndim, bool),
    )  # fmt: skip
    keys = [(written.name, *index) for index in missing]
    graph = dask.array.optimize(written.dask, keys)
    done = total - len(missing)
    get(graph, keys, lambda count: show(done + count, total))


def _missing(path: Path, job: Job) -> tuple[list[Index], int]:
    """Return the blocks that an array lacks, and how many it has with these."""
    shape, outputs, files = job.plan.out_shape, job.cut.outputs, job.cut.files
    counts = (range(-(-n // b)) for n, b in zip(shape, outputs, strict=True))
    every = list(itertools.product(*counts))
    if not path.is_dir():
        return every, len(every)
    there = set[str]()
    for above, _, names in os.walk(path):
        for name in names:
            if name.endswith(".partial"):  # a chunk whose writer was killed
                Path(above, name).unlink()
            there.add(Path(above, name).relative_to(path).as_posix())
    key = zarr.open_array(path, mode="r").metadata.encode_chunk_key

    def lacks(index: Index) -> bool:
        ranges = (
            range(i * b // c, -(-min((i + 1) * b, n) // c))
            for i, b, c, n in zip(index, outputs, files, shape, strict=True)
        )
        return any(key(chunk) not in there for chunk in itertools.product(*ranges))

    return [index for index in every if lacks(index)], len(every)


def _write(
    block: NDArray[Any], path: str, outputs: tuple[int, ...], block_id: Index
) -> NDArray[np.bool_]:
    target: Any
    if Path(path).is_dir():  # zeros are written, too: a chunk that is there is done
        target = zarr.open_array(path, mode="r+", config={"write_empty_chunks": True})
    else:
        target = np.load(path, mmap_mode="r+")
    target[
        tuple(
            slice(i * n, i * n + length)
            for i, n, length in zip(block_id, outputs, block.shape, strict=True)
        )
    ] = block
    return np.ones((1,) * block.ndim, bool)


def on_threads(threads: int) -> Get:
    """Compute in this process."""

    def get(graph: Any, keys: list[Any], show: Callable[[int], None]) -> None:
        wanted, ended = set(keys), itertools.count(1)

        def count(key: Any, *_: Any) -> None:
            if key in wanted:
                show(next(ended))

        with pool_that_ends(threads) as pool, Callback(posttask=count):
            dask.threaded.get(graph, keys, pool=pool)

    return get


def on_cluster(client: Any) -> Get:
    """Compute on the workers of a ``distributed`` client, which see the same files."""

    def get(graph: Any, keys: list[Any], show: Callable[[int], None]) -> None:
        from distributed import KilledWorker, as_completed

        try:
            with client.as_current():
                futures = client.get(graph, keys, sync=False)
                for count, future in enumerate(as_completed(futures), 1):
                    future.result()
                    show(count)
        except KilledWorker as error:
            raise ClusterError(str(error)) from None
        except CancelledError as error:
            raise ClusterError(f"the cluster has ended: {error}") from None

    return get
