"""What several test modules share: the table of backends, and equality of bits."""

import math
import os
import re
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

BACKENDS = tuple(os.environ.get("AA_REF_TEST_BACKENDS", "reference numpy numba").split())
"""All that run everywhere, unless the process is to test others: cuda in a simulator, on a GPU."""
MOST_SAMPLES = 4_000 if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1" else 100_000_000
"""More than a property may make of a small case; the simulator takes 0.1 ms for each."""
TYPES = ("float64", "float32", "float16", "bfloat16", "uint8", "uint16")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_BITS = {1: np.dtype(np.uint8), 2: np.dtype(np.uint16), 4: np.dtype(np.uint32), 8: np.dtype("u8")}
_INFINITY = {"float64": 0x7FF << 52, "float32": 0xFF << 23, "float16": 0x7C00, "bfloat16": 0x7F80}


def shown(value: object) -> str:
    """Its ``repr`` without an address: all workers of a run must call a test the same."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def numpy_type(name: str) -> np.dtype[Any]:
    """The NumPy type of that name; bfloat16 is the one that ml_dtypes registers."""
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


def sample(shape: tuple[int, ...], dtype: str = "float32") -> NDArray[Any]:
    """Normal numbers, the same for a shape each time; of integers from 0 to 255."""
    x = np.random.default_rng(math.prod(shape)).standard_normal(shape)
    target = numpy_type(dtype)
    return (x * 60 + 128).clip(0, 255).astype(target) if target.kind == "u" else x.astype(target)


def values(dtype: str, size: int, kind: str, rng: np.random.Generator) -> NDArray[Any]:
    """Samples of one type: integers all over the range; floats as the kind says."""
    target = numpy_type(dtype)
    if target.kind == "u":
        return rng.integers(0, np.iinfo(target).max, size, target, endpoint=True)
    x = rng.standard_normal(size)
    if kind == "wide":  # over the whole range of exponents, so sums cancel and overflow
        low, high = {"float64": (-1070, 1023), "float16": (-24, 15)}.get(dtype, (-148, 127))
        x = np.ldexp(x, rng.integers(low, high, size))
    elif kind == "subnormal":
        tiny = {"float64": 2.0**-1022, "float16": 2.0**-14}.get(dtype, 2.0**-126)
        x = x * tiny
    elif kind == "special":
        some = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e300, -1e-300, 1e38, 1e-40])
        x = np.where(rng.random(size) < 0.2, rng.choice(some, size), x)
    with np.errstate(all="ignore"):
        return x.astype(np.float32).astype(target) if target == BFLOAT16 else x.astype(target)


def as_numpy(x: Any) -> NDArray[Any]:
    """A NumPy array of the same bits, from an array of any kind; bfloat16 becomes ml_dtypes'."""
    if isinstance(x, np.ndarray):
        return x
    if hasattr(x, "detach"):  # torch, which exports no bfloat16 to NumPy, and nothing from a GPU
        x = x.detach().cpu()
        return x.float().numpy().astype(BFLOAT16) if "bfloat16" in str(x.dtype) else x.numpy()
    return np.asarray(x)


def bits(x: Any) -> NDArray[Any]:
    """The elements as unsigned integers, every NaN as the same one."""
    x = as_numpy(x)
    raw = np.ascontiguousarray(x).reshape(x.shape)  # ascontiguousarray makes 0-d arrays 1-d
    raw = raw.view(_BITS[x.dtype.itemsize])
    infinity = _INFINITY.get(x.dtype.name)
    if infinity is None:
        return raw
    sign = 1 << (8 * x.dtype.itemsize - 1)
    return np.where(raw & raw.dtype.type(sign - 1) > infinity, raw.dtype.type(sign - 1), raw)


def assert_same_bits(actual: Any, expected: Any, dtype: str | None = None) -> None:
    """The same type, shape and bits, -0.0 apart from +0.0; only the bits of a NaN are free.

    Arrays of any kind that NumPy or torch knows. With ``dtype="bfloat16"``, uint16 arrays on either
    side hold bfloat16 bits; any other ``dtype`` is the type that both must have.
    """
    a, e = as_numpy(actual), as_numpy(expected)
    if dtype == "bfloat16":
        a, e = (y.view(BFLOAT16) if y.dtype == np.uint16 else y for y in (a, e))
    assert a.dtype.isnative, f"byte order of {a.dtype}"
    assert a.dtype.name == e.dtype.name, f"type {a.dtype}, expected {e.dtype}"
    assert dtype in (None, a.dtype.name), f"type {a.dtype}, expected {dtype}"
    assert a.shape == e.shape, f"shape {a.shape}, expected {e.shape}"
    left, right = bits(a), bits(e)
    if (left != right).any():
        wrong = np.argwhere(left != right)
        first = tuple(map(int, wrong[0]))
        raise AssertionError(
            f"{len(wrong)} of {a.size} elements differ, the first at {first}: "
            f"{a[first]!s} ({left[first]:#x}), expected {e[first]!s} ({right[first]:#x})"
        )
