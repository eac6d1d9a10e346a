"""Types of samples that are not taken, and how to save them so that nothing is lost.

`aa_ref.dtypes.conversion_of` says the same of arrays, in Python's words.
"""

from typing import Any

import numpy as np

__all__ = ["advice_on", "advice_on_kind"]

_WHOLE = "save it as {}, which holds all of its values"
_PARTS = "save the real and the imaginary parts apart, as {}, which holds all of their values"
_LOSES = "no type taken holds all of its values; save it as float64 if 53 bits are enough"
_ADVICE = {
    "bool": _WHOLE.format("float32"),
    "int8": _WHOLE.format("float32"),
    "int16": _WHOLE.format("float32"),
    "int32": _WHOLE.format("float64"),
    "uint32": _WHOLE.format("float64"),
    "int64": "save it as float64, which holds its whole numbers up to 2**53",
    "uint64": "save it as float64, which holds its whole numbers up to 2**53",
    "complex64": _PARTS.format("float32"),
    "complex128": _PARTS.format("float64"),
    "void16": "if it is bfloat16, save it as float32, which holds all of its values",
}
_KINDS = {
    # NumPy's letters
    "f": _LOSES,
    "c": "save the real and the imaginary parts apart, as float64 if 53 bits of each are enough",
    "i": _LOSES,
    "u": _LOSES,
    "U": "it holds text; save numbers",
    "S": "it holds text; save numbers",
    "T": "it holds text; save numbers",
    "M": "it holds times; save them as numbers of a unit, in float64",
    "m": "it holds times; save them as numbers of a unit, in float64",
    "V": "save its bytes as the numbers that they mean",
}


def advice_on(dtype: np.dtype[Any]) -> str:
    """Say how to save samples of a type that is not taken, losing nothing where that can be."""
    if dtype.names:
        fields = ", ".join(f"{name} ({dtype[name]})" for name in dtype.names)
        return f"save each of its fields apart: {fields}"
    return _ADVICE.get(dtype.name, "") or advice_on_kind(dtype.kind)


def advice_on_kind(kind: str) -> str:
    """Say so of a type that NumPy may not have, by NumPy's letter for its kind."""
    return _KINDS.get(kind, "save it as an array of numbers")
