"""Inputs of pyramids: Zarr, OME-Zarr, ``.npy``, TIFF and arrays, each as blocks that are read once.

==================  ================================================================
input               axes, spacings and units
==================  ================================================================
OME-Zarr 0.4, 0.5   from its metadata; its full resolution is read
Zarr 3              names from ``dimension_names``
Zarr 2              names from ``_ARRAY_DIMENSIONS``, as xarray writes it
TIFF                names from tifffile; spacings from OME-XML or ImageJ's tags
``.npy``, an array  of two axes y, x; otherwise as ``dims`` says
==================  ================================================================
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import dask.array
import numpy as np
import zarr

from .calibration import dimensions_named
from .errors import SourceError
from .ngff import Described, describes_image, read_image

__all__ = ["Blocks", "Source", "as_dask", "open_array", "open_source"]

_BLOCK = 64 << 20
"""Bytes of a block that is read at once, if the stored chunks are no larger."""

_NPY = b"\x93NUMPY"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class Source(NamedTuple):
    """An input, of which no sample has been read.

    Attributes
    ----------
    name : str
        For messages.
    array : Blocks or dask Array
    said : Described
    labels : zarr Group or None
        What an OME-Zarr image has under ``labels``.
    """

    name: str
    array: Any
    said: Described
    labels: zarr.Group | None = None

    def close(self) -> None:
        """Close what is open of it."""
        if isinstance(self.array, Blocks):
            self.array.close()


class Blocks:
    """An array on disk, as Dask reads it: opened where a block is read, in each process once.

    Parameters
    ----------
    name : str
        For messages.
    opened : callable
        Gives the array and a function that closes it. It can be pickled.
    """

    def __init__(self, name: str, opened: Callable[[], tuple[Any, Callable[[], None]]]) -> None:
        self.name, self._opened = name, opened
        self._array, self.close = opened()
        self.shape: tuple[int, ...] = self._array.shape
        self.dtype: np.dtype[Any] = self._array.dtype
        self.ndim = len(self.shape)
        self.stored: zarr.Array[Any] | None = (
            self._array if isinstance(self._array, zarr.Array) else None
        )
        chunks = getattr(self._array, "chunks", None) or (1,) * self.ndim
        self.chunks: tuple[int, ...] = tuple(chunks)

    def __reduce__(self) -> tuple[Any, ...]:
        return Blocks, (self.name, self._opened)

    def __getitem__(self, index: Any) -> Any:
        try:
            return np.array(self._array[index])
        except Exception as error:
            raise SourceError(
                f"cannot read {self.name} at {_shown(index)}: {type(error).__name__}: {error}"
            ) from error


def open_source(source: Any, dims: Sequence[str] | None) -> Source:
    """Open what a pyramid is to be made of.

    Parameters
    ----------
    source : path, URL, zarr Array or Group, dask Array, or NumPy array
    dims : str or sequence of str, optional
        The names of its axes, if the input does not name them or names them wrongly.

    Raises
    ------
    SourceError
        If it is nothing of these, cannot be read, or does not say what its axes are.
    AxesError
        If ``dims`` does not fit.
    """
    if isinstance(source, zarr.Array):
        return _of_zarr_array(source, dims, _name_of(source))
    if isinstance(source, zarr.Group):
        return _of_zarr_group(source, dims, _name_of(source))
    if isinstance(source, dask.array.Array):
        return Source("the array", source, _named(source, dims, None, "the array"))
    if isinstance(source, np.ndarray):
        array = dask.array.from_array(source, chunks=_read_chunks(source, (), None), name=False)
        return Source("the array", array, _named(source, dims, None, "the array"))
    if isinstance(source, str) and "://" in source:
        return _of_zarr(source, dims)
    if not isinstance(source, str | Path):
        raise SourceError(
            f"the input is of type {type(source).__name__}; pass a path, or an array of Zarr, "
            "Dask or NumPy"
        )
    path = Path(source)
    if path.is_dir():
        return _of_zarr(str(path), dims)
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from None
    if magic.startswith(_NPY):
        return _of_npy(path, dims)
    if magic.startswith(_TIFF):
        return _of_tiff(path, dims)
    raise SourceError(
        f"cannot read {path}: it is no .npy, no TIFF and no folder of Zarr; convert it to one of "
        "these"
    )


def open_array(path: str) -> Blocks:
    """Open an array of Zarr or a ``.npy``, whatever its axes are.

    Raises
    ------
    SourceError
        If it cannot be read, or is a group of arrays.
    """
    if not Path(path).is_dir():
        return _blocks_of_npy(path)
    found = _opened_zarr(path)
    if isinstance(found, zarr.Group):
        inside = ", ".join(f"{path}/{key}" for key in sorted(found.array_keys())[:8])
        raise SourceError(
            f"{path} holds a group of arrays; name one of them" + (f": {inside}" if inside else "")
        )
    return Blocks(path, _Opened(found))


def as_dask(source: Source, axes: Sequence[int]) -> dask.array.Array:
    """Return a source's array with blocks of whole chunks, long along the filtered axes."""
    x = source.array
    if isinstance(x, dask.array.Array):
        return x
    chunks = _read_chunks(x, axes, x.chunks)
    meta = np.empty((0,) * x.ndim, x.dtype)
    blocks: dask.array.Array = dask.array.from_array(
        x, chunks=chunks, name=False, fancy=False, meta=meta
    )
    return blocks


def _read_chunks(x: Any, axes: Sequence[int], stored: Sequence[int] | None) -> tuple[int, ...]:
    """Return the shape of a block: stored chunks, as many as have room, the filtered axes first."""
    sizes = [max(1, min(s, n)) for s, n in zip(stored or (1,) * x.ndim, x.shape, strict=True)]
    for axis in sorted(range(x.ndim), key=lambda a: (a in axes, a), reverse=True):
        room = _BLOCK // (prod(sizes) * x.dtype.itemsize)
        if room > 1:
            sizes[axis] = max(1, min(x.shape[axis], sizes[axis] * room))
    return tuple(sizes)


def _named(x: Any, dims: Any, found: Sequence[str | None] | None, name: str) -> Described:
    """Describe an array of which no more than the axes' names are known."""
    if dims is None and found and all(found):
        dims = list(found)
    if dims is None and x.ndim == 2:
        dims = "yx"
    if dims is None:
        raise SourceError(
            f"{name} has {x.ndim} axes, {x.shape}, and does not say which they are; name them, "
            f"such as dims={'tczyx'[-x.ndim :]!r}"
        )
    return Described(dimensions_named(dims, x.ndim))


def _of_zarr(where: str, dims: Any) -> Source:
    found = _opened_zarr(where)
    if isinstance(found, zarr.Array):
        return _of_zarr_array(found, dims, where)
    return _of_zarr_group(found, dims, where)


def _opened_zarr(where: str) -> zarr.Array[Any] | zarr.Group:
    try:
        return zarr.open(where, mode="r")
    except Exception as error:
        raise SourceError(
            f"cannot read {where}: it is no Zarr array or group ({type(error).__name__}: {error})"
        ) from None


def _of_zarr_array(x: zarr.Array[Any], dims: Any, name: str) -> Source:
    found = getattr(x.metadata, "dimension_names", None) or x.attrs.get("_ARRAY_DIMENSIONS")
    names: Any = found if isinstance(found, list | tuple) else None
    return Source(name, Blocks(name, _Opened(x)), _named(x, dims, names, name))


def _of_zarr_group(group: zarr.Group, dims: Any, name: str) -> Source:
    attributes = group.attrs.asdict()
    if not describes_image(attributes):
        inside = ", ".join(sorted(str(key) for key in group)[:8]) or "nothing"
        raise SourceError(
            f"{name} is a Zarr group and no OME-Zarr image; name an array or an image in it, such "
            f"as {name}/... (it holds {inside})"
        )
    path, said = read_image(attributes, name)
    try:
        x = group[path]
    except KeyError:
        x = None
    if not isinstance(x, zarr.Array) or x.ndim != len(said.dimensions):
        raise SourceError(
            f"cannot read {name}: its OME-Zarr metadata names an array {path!r} of "
            f"{len(said.dimensions)} axes, and there is none"
        )
    labels = group.get("labels")
    return Source(
        name, Blocks(name, _Opened(x)), _renamed(said, dims),
        labels if isinstance(labels, zarr.Group) else None,
    )  # fmt: skip


def _renamed(said: Described, dims: Any) -> Described:
    """Return what is said of an image, with the axes' names replaced if there are others."""
    if dims is None:
        return said
    named = dimensions_named(dims, len(said.dimensions))
    return said._replace(
        dimensions=tuple(
            d._replace(name=n.name, kind=n.kind)
            for d, n in zip(said.dimensions, named, strict=True)
        )
    )


@dataclass(frozen=True)
class _Opened:
    """An array of Zarr, which pickles by where it lies, and needs no closing."""

    array: Any

    def __call__(self) -> tuple[Any, Callable[[], None]]:
        return self.array, _nothing


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class _Mapped:
    """A ``.npy`` file; memory is mapped anew for each block, so that no page of it stays."""

    path: str

    def __call__(self) -> tuple[Any, Callable[[], None]]:
        return _MappedAnew(self.path), _nothing


class _MappedAnew:
    def __init__(self, path: str) -> None:
        self.path = path
        mapped = self._map()
        self.shape, self.dtype, self.ndim = mapped.shape, mapped.dtype, mapped.ndim

    def __getitem__(self, index: Any) -> Any:
        return self._map()[index]

    def _map(self) -> Any:
        return np.load(self.path, mmap_mode="r", allow_pickle=False)


def _of_npy(path: Path, dims: Any) -> Source:
    blocks = _blocks_of_npy(str(path))
    return Source(str(path), blocks, _named(blocks, dims, None, str(path)))


def _blocks_of_npy(path: str) -> Blocks:
    try:
        return Blocks(path, _Mapped(path))
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, OverflowError) as error:
        raise SourceError(f"cannot read {path}: {error}") from None


def _of_tiff(path: Path, dims: Any) -> Source:
    try:
        from .tiff import OpenedTiff, describe_tiff
    except ImportError:
        raise SourceError(
            f"{path} is a TIFF, which needs the package tifffile; pip install tifffile"
        ) from None
    said = _renamed(Described(describe_tiff(path)), dims)
    return Source(str(path), Blocks(str(path), OpenedTiff(str(path))), said)


def _name_of(x: Any) -> str:
    return str(x.store_path)


def _shown(index: Any) -> str:
    return ", ".join(f"{s.start}:{s.stop}" for s in index if isinstance(s, slice))
