"""Pyramids on disk: OME-Zarr 0.5, every level from the full resolution, the input read once."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from fractions import Fraction
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import dask
import dask.array
import numpy as np
import zarr

import aa_ref
from aa_ref.dtypes import ARRAYS_TYPE, name_of
from aa_ref.errors import DtypeError, ScaleError, ShapeError

from .calibration import Dimension, in_order, numbers_of, of_level
from .folders import check_folder, new_folder
from .functional import pyramid
from .labels import copy_labels
from .ngff import Described, attributes_of_pyramid
from .pools import pool_that_ends
from .sources import Source, as_dask, open_source

__all__ = ["write_pyramid"]

_FEW, _MANY = 1 << 14, 1 << 22
"""Samples of a stored chunk that viewers get along with."""


def write_pyramid(
    source: Any,
    path: str | Path,
    scales: Sequence[Any] = (1, 0.5, 0.25, 0.125),
    *,
    dims: str | Sequence[str] | None = None,
    axes: str | Sequence[str | int] | int | None = None,
    sigma: Any = None,
    boundary: Any = "reflect",
    sampling: Any = "slice",
    dtype: Any = None,
    chunks: Sequence[int] | None = None,
    shards: Sequence[int] | None = None,
    overwrite: bool = False,
    backend: str | None = None,
) -> zarr.Group:
    """Write a pyramid as OME-Zarr 0.5, for images larger than memory.

    Every level is made from the full resolution, with the bits of `aa_ref.pyramid` in memory; each
    block of the input is read once for all of them. The folder gets its name when all of it is
    written. Dask's scheduler computes: threads, unless another is set or a ``distributed`` client
    is there.

    Parameters
    ----------
    source : path, zarr Array or Group, dask Array, or NumPy array
        A path or URL of a Zarr array (version 2 or 3), an OME-Zarr image (0.4 or 0.5), a ``.npy``
        or a TIFF. OME-Zarr's names, units, spacings, offsets, channels and labels are kept, and
        what TIFF says of axes and spacings.
    path : str or Path
        The folder to make, customarily ``*.ome.zarr``.
    scales : sequence
        One scale, or one tuple of scales, for each level, the largest first. 1 is a copy of the
        full resolution.
    dims : str or sequence of str, optional
        The names of the input's axes in its order, ``"tczyx"``, where it does not say them itself.
        OME-Zarr orders time, channel, space: other orders are transposed, such as ``"yxc"``.
    axes : str, sequence of str or int, optional
        What is filtered, by name or by number in the input's order; by default y and x.
    sigma, boundary, sampling, dtype, backend
        As in `aa_ref.pyramid`, but for the boundary ``"reflect"``, which keeps white edges white.
    chunks : sequence of int, optional
        The shape of stored chunks, in the order of the axes that are written. By default that of a
        Zarr input, if it has 2**14 to 2**22 samples; otherwise tiles of some 2**20 samples.
    shards : sequence of int, optional
        The shape of shards, which hold many chunks in a file: multiples of ``chunks``.
    overwrite : bool
        Replace a folder of Zarr that has this name.

    Returns
    -------
    zarr Group
        What has been written, to be read. Levels are its arrays "0", "1", ...

    Raises
    ------
    AaRefError
        As `aa_ref.pyramid`; `SourceError` if the input cannot be read, or its axes are not known or
        not such as OME-Zarr takes.
    FileExistsError
        If there is something of this name, and it may not be replaced.
    FileNotFoundError
        If there is no folder to write in.

    Examples
    --------
    >>> import tempfile, numpy as np, aa_ref_dask
    >>> x = np.ones((3, 500, 400), np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     image = aa_ref_dask.write_pyramid(x, f"{folder}/x.ome.zarr", (0.5, 0.25), dims="cyx")
    ...     print([image[level].shape for level in ("0", "1")])
    [(3, 250, 200), (3, 125, 100)]
    """
    path = Path(path)
    check_folder(path, overwrite)
    with closing(open_source(source, dims)) as opened:
        _see_that_they_are_apart(source, path)
        dimensions = opened.said.dimensions
        numbers = numbers_of(_spatial(dimensions) if axes is None else axes, dimensions)
        order = in_order(dimensions)
        x = as_dask(opened, numbers).transpose(order)
        said = opened.said._replace(dimensions=tuple(dimensions[i] for i in order))
        options = {
            "axes": tuple(order.index(n) for n in numbers), "sigma": sigma, "boundary": boundary,
            "sampling": sampling, "dtype": dtype,
        }  # fmt: skip
        plans = _plans(x, scales, options)
        attributes = _attributes(said, plans, scales, options)
        stored = _chunks(chunks, opened, order, plans)
        levels = pyramid(x, scales, **options, backend=backend)
        with new_folder(path, overwrite) as folder:
            group = zarr.create_group(folder, zarr_format=3, attributes=attributes)
            targets: list[Any] = [
                _create(group, str(i), plan, said, stored, shards) for i, plan in enumerate(plans)
            ]
            aligned = [
                level.rechunk(_on_grid(level, target), method="tasks")
                for level, target in zip(levels, targets, strict=True)
            ]
            with _threads_that_end():
                dask.array.store(aligned, targets, lock=False)
                if opened.labels is not None:
                    copy_labels(opened.labels, group)
    return zarr.open_group(path, mode="r")


def _see_that_they_are_apart(source: Any, path: Path) -> None:
    """See that neither lies within the other: one would be written into, or removed."""
    if (isinstance(source, str) and "://" in source) or not isinstance(source, str | Path):
        return
    ours, theirs = path.resolve(), Path(source).resolve()
    if ours == theirs or ours in theirs.parents or theirs in ours.parents:
        raise FileExistsError(
            f"{path} and the input {source} lie one within the other; name a folder beside it"
        )


def _spatial(dimensions: Sequence[Dimension]) -> Sequence[str | int]:
    """Return what is filtered by default."""
    names = [d.name for d in dimensions]
    return ("y", "x") if {"y", "x"} <= set(names) else (-2, -1)


def _plans(x: dask.array.Array, scales: Any, options: dict[str, Any]) -> list[aa_ref.Plan]:
    if isinstance(scales, str) or not isinstance(scales, Sequence) or not scales:
        raise ScaleError(f"scales is {scales!r}; write one scale for each level, (1, 0.5, 0.25)")
    given = name_of(x.dtype, ARRAYS_TYPE)
    plans = [aa_ref.plan(x.shape, scale, input_dtype=given, **options) for scale in scales]
    if plans[0].dtype == "bfloat16":
        raise DtypeError("dtype is 'bfloat16', which Zarr has no name for; pass dtype='float32'")
    for (one, before), (two, after) in pairwise(zip(scales, plans, strict=True)):
        if any(a < b for a, b in zip(before.out_shape, after.out_shape, strict=True)):
            raise ScaleError(
                f"scales is {scales!r}, in which {two} is larger than {one} before it; write the "
                "largest first"
            )
    return plans


def _attributes(
    said: Described, plans: Sequence[aa_ref.Plan], scales: Sequence[Any], options: dict[str, Any]
) -> dict[str, Any]:
    levels = [(str(i), of_level(said.dimensions, plan)) for i, plan in enumerate(plans)]
    axes = [said.dimensions[number].name for number in options["axes"]]
    details = {
        "scales": _plain(scales), "axes": axes, "sigma": _plain(options["sigma"]),
        "boundary": _plain(options["boundary"]), "sampling": _plain(options["sampling"]),
    }  # fmt: skip
    return attributes_of_pyramid(said, levels, details)


def _plain(value: Any) -> Any:
    """Return an option as JSON holds it; a fraction as text, ``"1/3"``."""
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Fraction):
        return str(value)
    return value if value is None or isinstance(value, str | int) else float(value)


def _chunks(
    wanted: Any, source: Source, order: Sequence[int], plans: Sequence[aa_ref.Plan]
) -> tuple[int, ...]:
    """Return the shape of stored chunks, in the order of the axes that are written."""
    ndim = len(order)
    if wanted is not None:
        return _checked(wanted, ndim, "chunks")
    found = getattr(source.array, "chunks", ())
    if isinstance(source.array, dask.array.Array) or not found:
        found = (0,) * ndim
    if _FEW <= prod(found) <= _MANY:
        return tuple(found[i] for i in order)
    space = [d.kind == "space" for d in (source.said.dimensions[i] for i in order)]
    deep = sum(space) == 3 and len(plans[0].axes) == 3
    tile = [64, 128, 128] if deep else [1, 1024, 1024]
    sizes = [1] * ndim
    sizes[-min(3, sum(space)) :] = tile[-min(3, sum(space)) :]
    return tuple(sizes)


def _checked(sizes: Any, ndim: int, name: str) -> tuple[int, ...]:
    sizes = tuple(sizes)
    if len(sizes) != ndim or not all(isinstance(s, int | np.integer) and s > 0 for s in sizes):
        raise ShapeError(f"{name} is {sizes}; give a positive size for each of {ndim} axes")
    return tuple(map(int, sizes))


def _create(
    group: zarr.Group, name: str, plan: aa_ref.Plan, said: Described, chunks: Sequence[int],
    shards: Any,
) -> zarr.Array[Any]:  # fmt: skip
    """Create the array of one level; chunks and shards are no larger than it needs."""
    sizes = tuple(max(1, min(c, n)) for c, n in zip(chunks, plan.out_shape, strict=True))
    if shards is not None:
        large = _checked(shards, len(sizes), "shards")
        if any(s % c for s, c in zip(large, chunks, strict=True)):
            raise ShapeError(
                f"shards is {large}, which chunks of {tuple(chunks)} do not divide; give multiples "
                "of these"
            )
        shards = tuple(
            min(s, -(-n // c) * c) for s, c, n in zip(large, sizes, plan.out_shape, strict=True)
        )
        shards = tuple(s // c * c for s, c in zip(shards, sizes, strict=True))
    return group.create_array(
        name, shape=plan.out_shape, dtype=plan.dtype, chunks=sizes, shards=shards,
        dimension_names=[d.name for d in said.dimensions],
    )  # fmt: skip


def _on_grid(level: dask.array.Array, target: zarr.Array[Any]) -> tuple[tuple[int, ...], ...]:
    """Return chunks of a level with edges of stored ones, so that no two tasks write one file."""
    grid = target.shards or target.chunks
    found = []
    for sizes, length, step in zip(level.chunks, level.shape, grid, strict=True):
        edges, at = [0], 0
        for size in sizes:
            at += size
            edge = length if at == length else at // step * step
            if edge > edges[-1]:
                edges.append(edge)
        found.append(tuple(b - a for a, b in pairwise(edges)))
    return tuple(found)


@contextmanager
def _threads_that_end() -> Iterator[None]:
    """Have tasks that were begun end before anything is cleared away, also after Ctrl-C."""
    if dask.base.get_scheduler() is not None or dask.config.get("pool", None) is not None:
        yield
        return
    threads = dask.config.get("num_workers", None) or dask.system.CPU_COUNT
    with pool_that_ends(threads) as pool, dask.config.set(pool=pool):
        yield
