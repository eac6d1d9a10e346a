"""Several plans of one input, band by band: all of them read a band while a cache holds it.

Units of work come in the order of the input's rows, whatever the plan. So the same fraction of each
plan's units reads about the same rows, and a band is such a fraction. In::

    rows      0 1 2 3 4 5 6 7 | 8 9 …
    stride 2  0   1   2   3   | 4          units
    stride 4  0       1       | 2

A band's last lines need rows of the next band, and the next band's first lines some of this one.
Those are still cached, and sums that were begun are kept from band to band: no row is summed twice.

Bands are short, and going from one to the next in Python would take a twentieth of the time. So a
compiled function does it, and is told the levels as records of addresses.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from .compiling import array_at
from .crew import run_pieces
from .geometry import GEOMETRY, Geometry

__all__ = ["LEVEL", "Level", "count_bands", "make_march", "run_bands"]

_BAND = 1 << 18  # bytes of input: an eighth of a second-level cache, for some are much smaller
_ARRAYS = ("y", "row_taps", "column_taps", "geometry", "outer", "lines", "indices")
LEVEL = np.dtype(
    [
        ("forward", "i8"),  # the compiled function's address
        ("units", "i8"),
        # Its arguments: where they begin, and how many items they have.
        *((word, "i8") for name in _ARRAYS for word in (name, name + "_size")),
    ]
)


class Level:
    """One plan's compiled forward function, and what is the same for all its calls."""

    def __init__(
        self, forward: int, geometry: Geometry, taps: Sequence[NDArray[Any]], y: NDArray[np.uint8]
    ) -> None:
        self.geometry = geometry
        # By bytes, because NumPy copies records field by field, which takes longer than all else.
        record = geometry.record.view(np.uint8).copy().view(GEOMETRY)
        record["goes_on"] = True
        self.arrays = (y, *taps, record, geometry.outer)
        self.record = (forward, geometry.units, *_places(*self.arrays))


def _places(*arrays: NDArray[Any]) -> list[int]:
    """Where arrays begin, and how many items they have."""
    return [number for a in arrays for number in (a.ctypes.data, len(a))]


def count_bands(size: int) -> int:
    """How many bands an input of so many bytes has."""
    return size // _BAND


def run_bands(
    march: Callable[..., Any], x: NDArray[np.uint8], levels: Sequence[Level],
    compute: np.dtype[Any], bands: int, threads: int, pieces: int,
) -> None:  # fmt: skip
    """Carry out all levels, in each band in the order given; a piece is some bands on end."""
    geometries = [level.geometry for level in levels]
    scratch = [
        [(np.empty(g.scratch, compute), np.empty(g.indices, np.int64)) for g in geometries]
        for _ in range(threads)
    ]
    records = [
        np.array(
            [(*level.record, *_places(*own)) for level, own in zip(levels, of_thread, strict=True)],
            LEVEL,
        )
        for of_thread in scratch
    ]
    none = np.empty(0, compute)

    def work(piece: int, worker: int) -> None:
        begin, end = (bands * p // pieces for p in (piece, piece + 1))
        march(x, records[worker], none, begin, end, bands)

    run_pieces(work, pieces, threads)


@intrinsic
def _call_at(
    typing_context: Any, function: Any, x: Any, y: Any, row_taps: Any, column_taps: Any,
    geometry: Any, outer: Any, lines: Any, indices: Any, begin: Any, end: Any,
) -> Any:  # fmt: skip
    """Call the compiled forward function at an address."""
    kinds = (x, y, row_taps, column_taps, geometry, outer, lines, indices, begin, end)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, *own = arguments
        convention = context.call_conv
        kind = convention.get_function_type(types.int64, kinds).as_pointer()
        # Its status says whether it raised; it never does.
        _, result = convention.call_function(
            builder, builder.inttoptr(at, kind), types.int64, kinds, own
        )
        return result

    return types.int64(function, *kinds), generate


def make_march(fingerprint: int, stride: int, width: int) -> Any:
    """The Python function to compile, for either compute type; see `make_forward`."""

    def march(x: Any, levels: Any, like: Any, begin: int, end: int, bands: int) -> int:
        """Bands ``begin..end`` out of ``bands``; ``like`` has the compute type."""
        for n in range(levels.size):
            indices = array_at(levels[n].indices, levels[n].indices_size, np.int64)
            indices[:] = -1
        for band in range(begin, end):
            for n in range(levels.size):
                level = levels[n]
                _call_at(
                    level.forward,
                    x,
                    array_at(level.y, level.y_size, np.uint8),
                    array_at(level.row_taps, level.row_taps_size, like.dtype),
                    array_at(level.column_taps, level.column_taps_size, like.dtype),
                    array_at(level.geometry, 1, GEOMETRY),
                    array_at(level.outer, 3 * level.outer_size, np.int64).reshape((-1, 3)),
                    array_at(level.lines, level.lines_size, like.dtype),
                    array_at(level.indices, level.indices_size, np.int64),
                    level.units * band // bands,
                    level.units * (band + 1) // bands,
                )
        return fingerprint

    return march
