"""A folder of vectors, read back: every byte is the one that was written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...dtypes import STORAGE, narrow
from ..patterns import recipe
from .errors import VectorsError
from .manifest import ARCHIVE, MANIFEST, Entry, File, digest, read_manifest
from .npy import decode_npy, encode_npy

__all__ = ["Vectors", "read_vectors"]


@dataclass(frozen=True)
class Vectors:
    """One case: its entry in the manifest, and its arrays by role, as storage."""

    entry: Entry
    arrays: Mapping[str, NDArray[Any]]


def read_vectors(folder: str | os.PathLike[str]) -> list[Vectors]:
    """All cases of a folder that `write_vectors` wrote.

    Raises
    ------
    VectorsError
        If it is none, or if any file is missing or is not the one that the manifest names.
    """
    place = Path(folder)
    if not place.is_dir():
        raise VectorsError(f"there is no folder {place}; name one that aa-ref vectors write made")
    text = _read(place / MANIFEST).decode("utf-8", "replace")
    sha256, entries = read_manifest(text, str(place / MANIFEST))
    _checked(place, ARCHIVE, sha256)
    return [
        Vectors(entry, {role: _array(place, file) for role, file in entry.files.items()})
        for entry in entries
    ]


def _array(place: Path, file: File) -> NDArray[Any]:
    if file.recipe is not None:
        made = narrow(recipe(file.shape, file.dtype, file.recipe), file.dtype)
        if digest(encode_npy(made)) != file.sha256:
            raise VectorsError(
                f"{file.name}, which is made by its recipe, has another SHA-256 than the manifest "
                "says; write the vectors again"
            )
        return made
    data = _checked(place, file.name, file.sha256)
    try:
        array = decode_npy(data)
    except VectorsError as error:
        raise VectorsError(f"{place / file.name} {error}") from None
    if array.dtype != STORAGE[file.dtype] or array.shape != file.shape:
        raise VectorsError(
            f"{place / file.name} holds {array.dtype} {array.shape}, the manifest says "
            f"{file.dtype} {file.shape}; write the vectors again"
        )
    return array


def _checked(place: Path, name: str, sha256: str) -> bytes:
    data = _read(place / name)
    if digest(data) != sha256:
        raise VectorsError(
            f"{place / name} is not the file that the manifest names: its SHA-256 differs; "
            "write the vectors again"
        )
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VectorsError(f"cannot read {path}: {error.strerror or error}") from None
