"""The six array types: how they are named, stored, widened to the compute type and rounded back.

``bfloat16`` is no NumPy type, so inside the library its values travel as their ``uint16`` bits: the
*storage*. The name says which of the two a ``uint16`` array holds.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DtypeError

__all__ = [
    "ARRAYS_TYPE",
    "FLOATING",
    "MASKS_TYPE",
    "NAMES",
    "STORAGE",
    "compute_type",
    "conversion_of",
    "name_of",
    "narrow",
    "widen",
]

NAMES = ("float64", "float32", "float16", "bfloat16", "uint8", "uint16")
FLOATING = NAMES[:4]
STORAGE: dict[str, np.dtype[Any]] = {
    name: np.dtype("uint16" if name == "bfloat16" else name) for name in NAMES
}
ARRAYS_TYPE, MASKS_TYPE = "the array's type", "the mask's type"
_BINARY32, _BINARY64 = np.dtype(np.float32), np.dtype(np.float64)


def compute_type(name: str) -> np.dtype[Any]:
    """The type in which sums are held: binary64 for float64 input, else binary32."""
    return _BINARY64 if name == "float64" else _BINARY32


def name_of(dtype: Any, argument: str = "dtype") -> str:
    """The name of one of the six types, from a name, a NumPy type or another library's type.

    Raises
    ------
    DtypeError
        If it is none of the six.
    """
    name = dtype if isinstance(dtype, str) else ""
    if type(dtype).__module__ == "torch":  # first, since its compiler cannot see NumPy refuse it
        name = str(dtype).rpartition(".")[2]
    if name not in NAMES:
        try:
            name = np.dtype(dtype).name  # 'f4', float, np.float32, '>f4', ml_dtypes.bfloat16
        except Exception:  # of many kinds, as NumPy parses text: 'f4,,', 'a8', {'names': 1}
            if type(dtype).__name__.lower() == "dtype":
                name = str(dtype).rpartition(".")[2]  # torch.float32, array_api_strict.float32
    if name not in NAMES or dtype is None:
        shown = repr(dtype) if isinstance(dtype, str) else str(dtype)
        advice = "name one of them"
        if argument == ARRAYS_TYPE:
            advice = conversion_of(dtype)
        elif argument == MASKS_TYPE:
            advice = "write mask != 0 for truth values, or weights from 0 to 1 of one of these"
        raise DtypeError(
            f"{argument} is {shown}, which is none of the types taken: {', '.join(NAMES)}; {advice}"
        )
    return name


def conversion_of(dtype: Any, array: str = "x") -> str:
    """Say how an array of a type that is not taken can be converted without losing anything.

    Parameters
    ----------
    dtype : dtype
        NumPy's or another library's.
    array : str
        What the array is called.
    """
    torch = type(dtype).__module__ == "torch"
    name = str(dtype).rpartition(".")[2] if torch else str(getattr(dtype, "name", dtype))
    try:
        known = np.dtype(name if torch else dtype)
    except Exception:  # of many kinds, as NumPy parses what other libraries call their types
        known = np.dtype(object)
    if known.names:
        return f"filter each field apart, for instance {array}[{known.names[0]!r}]"
    parts = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}.get(name)
    if parts is not None:
        return f"filter {array}.real and {array}.imag apart, which are {parts}"
    fitting = "float64" if name in ("int32", "uint32") else ""
    if name in ("bool", "int8", "int16") or re.match(r"float[468]_|u?int[24]$", name):
        fitting = "float32"
    if fitting:
        cast = f"to(torch.{fitting})" if torch else f"astype({fitting!r})"
        return f"convert first, with {array}.{cast}, which loses nothing"
    if name in ("int64", "uint64"):
        cast = "to(torch.float64)" if torch else "astype('float64')"
        return (
            "none of these holds all of its numbers; where yours are at most 2**53, write "
            f"{array}.{cast}, which then loses nothing"
        )
    if known.kind in "fc":
        return "none of these holds its numbers without a loss, so decide yourself what may go"
    return "none of these holds what it means; pass an array of numbers"


def widen(storage: NDArray[Any], name: str) -> NDArray[Any]:
    """Storage to compute type, exactly. May return its argument."""
    if name == "bfloat16":
        return (storage.astype(np.uint32) << np.uint32(16)).view(np.float32)
    with np.errstate(all="ignore"):
        return storage.astype(compute_type(name), copy=False)


def narrow(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Compute type to storage, rounded once: half to even, integers clipped, NaN to integer 0."""
    target = STORAGE[name]
    with np.errstate(all="ignore"):
        if name == "bfloat16":
            return _bfloat16_bits(values)
        if target.kind == "f":
            return values.astype(target)
        clipped = np.clip(np.rint(values), 0, np.iinfo(target).max)
        return np.where(np.isnan(clipped), 0, clipped).astype(target)


def _bfloat16_bits(values: NDArray[Any]) -> NDArray[np.uint16]:
    single = values.astype(np.float32)
    bits = single.view(np.uint32).astype(np.int64)
    if values.dtype == np.float64:
        # Two roundings in a row can differ from one. So the first goes to the *odd* neighbour
        # whenever it is inexact, which keeps for the second what was lost (Boldo & Melquiond 2008).
        even_and_inexact = (single != values) & (bits & 1 == 0)
        away = np.where(np.abs(single.astype(np.float64)) > np.abs(values), -1, 1)
        bits = np.where(even_and_inexact & ~np.isnan(values), bits + away, bits)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)
