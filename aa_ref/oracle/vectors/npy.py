"""NumPy's ``.npy``, from bytes and to bytes: no file is mapped, and nothing in it is ever run."""

import io
import math
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from .errors import VectorsError

__all__ = ["decode_npy", "encode_npy"]


def encode_npy(array: NDArray[Any]) -> bytes:
    """The bytes of a file: version 1.0, little-endian, C order. The same array gives the same."""
    file = io.BytesIO()
    little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    npy_format.write_array(file, little, version=(1, 0), allow_pickle=False)
    return file.getvalue()


def decode_npy(data: bytes) -> NDArray[Any]:
    """The array in a file, of any version, order and byte order.

    Raises
    ------
    VectorsError
        If the file is damaged, cut off or too long, or holds Python objects.
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
