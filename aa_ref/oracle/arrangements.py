"""Arrangements: how an array lies in memory when it is handed over."""

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARRANGEMENTS", "arrangements_of"]


def _every_second(x: NDArray[Any]) -> NDArray[Any]:
    wider = np.repeat(x, 2, axis=-1)
    wider[..., 1::2] = 1  # what is skipped is not what is read
    return wider[..., ::2]


def _of_wider_rows(x: NDArray[Any]) -> NDArray[Any]:
    wider = np.ones((*x.shape[:-1], x.shape[-1] + 5), x.dtype)
    wider[..., :-5] = x
    return wider[..., :-5]


def _crop(x: NDArray[Any]) -> NDArray[Any]:
    larger = np.ones([n + 3 * (n > 1) for n in x.shape], x.dtype)  # a single one has no pitch
    inner = larger[tuple(slice(1, -2) if n > 1 else slice(1) for n in x.shape)]
    inner[...] = x
    return inner


ARRANGEMENTS: MappingProxyType[str, Callable[[NDArray[Any]], NDArray[Any]]] = MappingProxyType(
    {
        "contiguous": lambda x: x.copy("C"),
        "Fortran order": lambda x: x.copy("F"),
        "every second sample of a wider array": _every_second,
        "reversed in memory": lambda x: x[::-1, ...].copy("C")[::-1, ...],
        "rows of a wider array": _of_wider_rows,
        "a crop of a larger array": _crop,
        "second axis last in memory": lambda x: np.moveaxis(np.moveaxis(x, 1, -1).copy("C"), -1, 1),
    }
)
"""How an array lies in memory: functions that give the same values in memory of their own."""

_LEAST_AXES = {
    "Fortran order": 2, "rows of a wider array": 2, "a crop of a larger array": 2,
    "second axis last in memory": 3,
}  # fmt: skip
"""What it takes to be arranged otherwise than contiguous, if that is more than one axis."""


def arrangements_of(dimensions: int) -> Iterator[str]:
    """Name the arrangements that are not contiguous for arrays of so many dimensions."""
    for name in ARRANGEMENTS:
        if name != "contiguous" and dimensions >= _LEAST_AXES.get(name, 1):
            yield name
