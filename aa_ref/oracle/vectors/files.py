"""Arrays in files: ``.npy`` and ``.safetensors`` as bytes, and the places where results lie.

No file is mapped, and nothing in one is ever run. Both formats are read and written here, since
the oracle needs NumPy alone; tests read what is written with the library of the other's name.
"""

import io
import json
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ...dtypes import STORAGE
from ..errors import VectorsError

__all__ = [
    "ResultFiles", "Tensor", "decode_npy", "decode_safetensors", "encode_npy", "encode_safetensors",
    "open_results",
]  # fmt: skip


def encode_npy(array: NDArray[Any]) -> bytes:
    """The bytes of a file: version 1.0, little-endian, C order. The same array gives the same."""
    file = io.BytesIO()
    little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    npy_format.write_array(file, little, version=(1, 0), allow_pickle=False)
    return file.getvalue()


def decode_npy(data: bytes) -> NDArray[Any]:
    """Return the array in a file, of any version, order and byte order.

    `VectorsError` if the file is damaged, cut off or too long, or holds Python objects.
    """
    file = io.BytesIO(data)
    try:
        version = npy_format.read_magic(file)
        first = version == (1, 0)  # 2.0 has longer headers; 3.0 other letters in names of fields
        read = npy_format.read_array_header_1_0 if first else npy_format.read_array_header_2_0
        shape, by_columns, dtype = read(file)
    except Exception as error:  # of many kinds, as NumPy parses the header's text
        raise VectorsError(f"is no .npy file: {_first_line(error)}") from None
    if dtype.hasobject:
        raise VectorsError("holds Python objects; write an array of numbers")
    claimed, left = math.prod(shape) * dtype.itemsize, len(data) - file.tell()
    if claimed != left:
        raise VectorsError(f"claims {claimed:,} bytes of samples in its header, and has {left:,}")
    flat = (
        np.frombuffer(data, dtype, math.prod(shape), file.tell()) if claimed else np.empty(0, dtype)
    )
    return flat.reshape(shape, order="F" if by_columns else "C")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]


_CODES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "bool": "BOOL",
}  # fmt: skip
"""Written are the six types; others are read, so that a wrong one can be called by its name."""
_NAMES = {code: name for name, code in _CODES.items()}


class Tensor(NamedTuple):
    """An array as it is stored, and the name of its type."""

    storage: NDArray[Any]
    dtype: str


def encode_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a file. The widest types come first, so every tensor is aligned."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    parts, end = [], 0
    for key in sorted(tensors, key=lambda k: (-STORAGE[tensors[k].dtype].itemsize, k)):
        storage, dtype = tensors[key]
        samples = storage.astype(STORAGE[dtype].newbyteorder("<")).tobytes()
        begin, end = end, end + len(samples)
        header[key] = {
            "dtype": _CODES[dtype], "shape": list(storage.shape), "data_offsets": [begin, end],
        }  # fmt: skip
        parts.append(samples)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def decode_safetensors(data: bytes) -> dict[str, Tensor]:
    """Return the tensors of a file.

    `VectorsError` if the file is damaged or cut off, or has a type that NumPy has not.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise VectorsError("is no .safetensors file, or is cut off")
    samples = memoryview(data)[8 + length :]
    try:
        header = dict(json.loads(data[8 : 8 + length]))
        header.pop("__metadata__", None)
        return {
            key: Tensor(_storage(entry, samples), _NAMES[entry["dtype"]])
            for key, entry in header.items()
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise VectorsError(f"has a damaged header ({reason})") from None


def _storage(entry: Mapping[str, Any], samples: memoryview) -> NDArray[Any]:
    if entry["dtype"] not in _NAMES:
        raise ValueError(f"type {entry['dtype']!r}, which is none of {', '.join(_NAMES)}")
    name = _NAMES[entry["dtype"]]
    dtype = np.dtype(STORAGE.get(name, name)).newbyteorder("<")
    begin, end = map(int, entry["data_offsets"])
    shape = tuple(map(int, entry["shape"]))
    if not 0 <= begin <= end <= len(samples) or min(shape, default=0) < 0:
        raise ValueError(f"samples {begin}..{end} of {len(samples)}, shape {shape}")
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise ValueError(f"{end - begin} bytes of samples for shape {shape}")
    return np.frombuffer(samples[begin:end], dtype).reshape(shape)


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

    `VectorsError` if it is not there, is of no known kind, or is damaged as a whole.
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
