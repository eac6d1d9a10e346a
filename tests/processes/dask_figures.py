"""The figures of `docs/dask.md`: graphs, their time, and Dask against one call in memory.

``python tests/processes/dask_figures.py [FRAMES]``, of 16 MiB each; two threads work.
"""

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import dask
import dask.array as da
import numpy as np

import aa_ref

GRAPHS = {
    "frames": ((100_000, 64, 64), (1, 64, 64), (1, 2)),
    "tiles": ((1, 31_700, 31_700), (1, 100, 100), (1, 2)),
    "blocks of a volume": ((470, 470, 470), (10, 10, 10), (0, 1, 2)),
    "stretches of a signal": ((3_200_000,), (32,), (0,)),
}
CHUNKS = {
    "whole frames": (4, 2048, 2048),
    "tiles": (16, 1024, 1024),
    "odd tiles": (4, 2000, 2000),
}


def graphs() -> None:
    """Print how long it takes to build the graph of some 100,000 chunks."""
    for name, (shape, chunks, axes) in GRAPHS.items():
        x = da.zeros(shape, chunks=chunks, dtype="float32")
        began = time.perf_counter()
        y = aa_ref.downsample(x, 0.25, axes=axes)
        seconds = time.perf_counter() - began
        tasks = len(y.dask.layers[y.name]) / y.npartitions
        print(f"{name}: {y.npartitions:,} chunks in {seconds:.1f} s, {tasks:.0f} task(s) each")


def ratios(frames: int) -> None:
    """Print how long a call in memory takes, and Dask for the same, turn by turn."""
    aa_ref.set_num_threads(2)
    x = np.random.default_rng(0).random((frames, 2048, 2048), np.float32)
    for name, chunks in CHUNKS.items():
        y = aa_ref.downsample(da.from_array(x, chunks=chunks, name=False), 0.25)
        blocks = y.to_delayed().ravel().tolist()
        turns = [
            (
                timed(lambda: aa_ref.downsample(x, 0.25)),
                timed(lambda blocks=blocks: dask.compute(blocks, num_workers=2)),
            )
            for _ in range(10)
        ][1:]
        memory, lazy = (median(column) for column in zip(*turns, strict=True))
        ratio = median(b / a for a, b in turns)
        print(
            f"{name} {chunks}: {1e3 * memory:.1f} ms in memory, {1e3 * lazy:.1f} ms by Dask, "
            f"{ratio:.2f} times as long",
            flush=True,
        )


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    with dask.config.set(scheduler="threads"):
        graphs()
        ratios(int(sys.argv[1]) if sys.argv[1:] else 24)
