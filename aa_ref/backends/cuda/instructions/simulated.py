"""The instructions of `device`, as Python for the simulator.

Values are Python floats. Those of binary32 are multiplied and added in binary64, then rounded. That
gives what one rounding would: binary64 has more than twice the digits and two (Figueroa, 1995).
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ....dtypes import STORAGE, narrow, widen

__all__ = ["ADD", "MULTIPLY", "make_load", "make_load_run", "make_store", "make_store_run"]

_MEMORY: dict[str, Any] = {
    "float64": ctypes.c_double,
    "float32": ctypes.c_float,
    "float16": ctypes.c_uint16,
    "bfloat16": ctypes.c_uint16,
    "uint16": ctypes.c_uint16,
    "uint8": ctypes.c_uint8,
}


def _round(value: float) -> float:
    return ctypes.c_float(value).value


def _multiply_single(a: Any, b: Any) -> float:
    return _round(float(a) * float(b))


def _add_single(a: Any, b: Any) -> float:
    return _round(float(a) + float(b))


def _multiply_double(a: Any, b: Any) -> float:
    return float(a) * float(b)


def _add_double(a: Any, b: Any) -> float:
    return float(a) + float(b)


MULTIPLY = {"float32": _multiply_single, "float64": _multiply_double}
ADD = {"float32": _add_single, "float64": _add_double}


def make_load(kind: str) -> Callable[[int], float]:
    """See `device.make_load`."""
    memory = _MEMORY[kind]
    widened = _widened_halves(kind) if kind in ("float16", "bfloat16") else None

    def load(address: int) -> float:
        value = memory.from_address(_checked(address, kind, 1)).value
        return widened[value] if widened else value

    return load


def make_load_run(kind: str, count: int) -> Callable[[int, Any, int], None]:
    """See `device.make_load_run`."""
    load, size = make_load(kind), STORAGE[kind].itemsize

    def load_run(address: int, values: Any, at: int) -> None:
        _checked(address, kind, count)
        for lane in range(count):
            values[at + lane] = load(address + lane * size)

    return load_run


def make_store(kind: str, compute: str) -> Callable[[int, Any], None]:
    """See `device.make_store`."""
    storage = STORAGE[kind]

    def store(address: int, value: Any) -> None:
        _checked(address, kind, 1)
        rounded = narrow(np.array([value], compute), kind)
        ctypes.memmove(int(address), rounded.tobytes(), storage.itemsize)

    return store


def make_store_run(kind: str, compute: str, count: int) -> Callable[[int, Any, int], None]:
    """See `device.make_store_run`."""
    store, size = make_store(kind, compute), STORAGE[kind].itemsize

    def store_run(address: int, values: Any, at: int) -> None:
        _checked(address, kind, count)
        for lane in range(count):
            store(address + lane * size, values[at + lane])

    return store_run


def _checked(address: Any, kind: str, count: int) -> int:
    """Like the device, take no address that is no multiple of what is moved."""
    size = count * STORAGE[kind].itemsize
    if address % size:
        raise ValueError(f"{size} bytes at {address:#x}")
    return int(address)


@cache
def _widened_halves(kind: str) -> list[float]:
    return widen(np.arange(1 << 16).astype(np.uint16).view(STORAGE[kind]), kind).tolist()
