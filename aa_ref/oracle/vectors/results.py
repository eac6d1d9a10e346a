"""What another program wrote: a folder of ``.npy``, a ``.npz`` or a ``.safetensors``."""

import io
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import VectorsError
from .npy import decode_npy
from .safetensors import Tensor, decode_safetensors

__all__ = ["ResultFiles", "open_results"]

_MOST_BYTES = 1 << 28
"""Of one file: right results are far smaller, so a larger file is another one."""


@dataclass(frozen=True)
class ResultFiles:
    """Arrays in a place: their names, and a function that reads one.

    That function raises a `VectorsError` whose message has no subject: "is cut off".
    """

    names: frozenset[str]
    read: Callable[[str], Tensor]


def open_results(path: str | os.PathLike[str]) -> ResultFiles:
    """Look into a place; what is wrong with one array is told when it is read.

    Raises
    ------
    VectorsError
        If it is not there, is of no known kind, or is damaged as a whole.
    """
    place = Path(path)
    if place.is_dir():
        return _folder(place)
    if not place.is_file():
        raise VectorsError(f"there is no folder or file {place}; name where the results are")
    readers = {".npz": _npz, ".safetensors": _safetensors}
    if place.suffix not in readers:
        raise VectorsError(
            f"{place} is no folder, .npz or .safetensors; name the folder with the .npy files"
        )
    try:
        return readers[place.suffix](_read(place))
    except VectorsError as error:
        raise VectorsError(f"{place} {error}") from None


def _folder(place: Path) -> ResultFiles:
    names = frozenset(path.stem for path in place.glob("*.npy"))
    return ResultFiles(names, lambda name: _array(_read(place / f"{name}.npy")))


def _npz(data: bytes) -> ResultFiles:
    damage = (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    )
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except damage as error:
        raise VectorsError(f"is no .npz file: {error}") from None

    def read(name: str) -> Tensor:
        try:
            member = archive.getinfo(f"{name}.npy")
            _check_size(member.file_size)
            return _array(archive.read(member))
        except VectorsError:
            raise
        except damage as error:
            raise VectorsError(f"is damaged: {error}") from None

    members = (name for name in archive.namelist() if name.endswith(".npy"))
    return ResultFiles(frozenset(name.removesuffix(".npy") for name in members), read)


def _safetensors(data: bytes) -> ResultFiles:
    tensors = decode_safetensors(data)
    return ResultFiles(frozenset(tensors), tensors.__getitem__)


def _read(path: Path) -> bytes:
    try:
        _check_size(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise VectorsError(f"cannot be read: {error.strerror or error}") from None


def _check_size(size: int) -> None:
    if size > _MOST_BYTES:
        raise VectorsError(f"has {size:,} bytes, and no right result is that large")


def _array(data: bytes) -> Tensor:
    array = decode_npy(data)
    return Tensor(array, array.dtype.name)
