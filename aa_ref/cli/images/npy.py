"""NumPy's own format, which holds arrays and no pictures."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ..endings import FileError

__all__ = ["encode_npy", "read_npy"]


def read_npy(path: Path) -> NDArray[Any]:
    """The array in a ``.npy`` file.

    The file is mapped, so that a header which claims more than is there costs no memory, and
    nothing in it is ever run.

    Raises
    ------
    FileError
        If it is broken or cut off, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            _check_header(path, file)
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    except FileError:
        raise
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, OverflowError) as error:
        raise FileError(f"cannot read {path}: {error}") from None


def _check_header(path: Path, file: Any) -> None:
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
            f"{path} is refused, since it holds Python objects, and reading those may run any "
            "program; save it as an array of numbers"
        )
    claimed = dtype.itemsize
    for length in shape:
        claimed *= length
    left = path.stat().st_size - file.tell()
    if claimed > left:
        raise FileError(
            f"cannot read {path}: its header claims {claimed:,} bytes of samples, and {left:,} "
            "are there"
        )


def encode_npy(array: NDArray[Any]) -> list[bytes | memoryview]:
    """The file's bytes: header and samples."""
    array = np.ascontiguousarray(array)
    header = io.BytesIO()
    npy_format.write_array_header_1_0(header, npy_format.header_data_from_array_1_0(array))
    return [header.getvalue(), array.reshape(-1).view(np.uint8).data]
