"""The ``.safetensors`` format: the length of a JSON header in eight bytes, the header, raw samples.

Written here by hand, since the oracle needs NumPy alone; a test reads what is written with the
library of that name. NumPy has no bfloat16, so such tensors are the ``uint16`` of their bits.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dtypes import STORAGE
from .errors import VectorsError

__all__ = ["Tensor", "decode_safetensors", "encode_safetensors"]

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
    """The tensors of a file.

    Raises
    ------
    VectorsError
        If the file is damaged or cut off, or has a type that NumPy has not.
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
