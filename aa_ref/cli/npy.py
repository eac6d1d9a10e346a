"""NumPy's own format, which holds arrays and no pictures."""

import io
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ..dtypes import NAMES
from .endings import FileError
from .inputs import Input
from .refused_types import advice_on

__all__ = ["encode_npy", "is_npy", "read_npy"]

_MAGIC = b"\x93NUMPY"
_TAKEN = ", ".join(name for name in NAMES if name != "bfloat16")


def is_npy(source: Input) -> bool:
    """Tell whether the bytes begin as a ``.npy`` file does."""
    with source.open() as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_npy(source: Input) -> NDArray[Any]:
    """Map the array in a ``.npy`` file, or take it from what came through a pipe.

    A header that claims more than is there costs no memory, and nothing in it is ever run.

    Raises
    ------
    FileError
        If it is broken or cut off, or holds a type that is not taken.
    """
    try:
        with source.open() as file:
            _check_header(source, file)
        with source.open() as file:
            if source.content is not None:
                array: NDArray[Any] = np.load(file, allow_pickle=False)
            else:
                array = np.load(source.name, mmap_mode="r", allow_pickle=False)
        _refuse_other_types(source, array.dtype)
        return array
    except FileError:
        raise
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, OverflowError) as error:
        raise FileError(f"cannot read {source.name}: {error}") from None


def _check_header(source: Input, file: Any) -> None:
    version = npy_format.read_magic(file)
    read = {
        (1, 0): npy_format.read_array_header_1_0,
        (2, 0): npy_format.read_array_header_2_0,
    }.get(version)
    if read is None:
        return  # 3.0 differs only in how the names of fields are written
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise FileError(
            f"{source.name} is refused, since it holds Python objects, and reading those may run "
            "any program; save it as an array of numbers"
        )
    _refuse_other_types(source, dtype)
    claimed = dtype.itemsize
    for length in shape:
        claimed *= length
    here = file.tell()
    left = file.seek(0, io.SEEK_END) - here
    if claimed > left:
        raise FileError(
            f"cannot read {source.name}: its header claims {claimed:,} bytes of samples, and "
            f"{left:,} are there"
        )


def _refuse_other_types(source: Input, dtype: np.dtype[Any]) -> None:
    if dtype.name not in NAMES:
        raise FileError(
            f"{source.name} holds {dtype}, which is none of the types taken ({_TAKEN}); "
            f"{advice_on(dtype)}"
        )


def encode_npy(array: NDArray[Any]) -> list[bytes | memoryview]:
    """Give the file's bytes: header and samples."""
    array = np.ascontiguousarray(array)
    header = io.BytesIO()
    npy_format.write_array_header_1_0(header, npy_format.header_data_from_array_1_0(array))
    return [header.getvalue(), array.reshape(-1).view(np.uint8).data]
