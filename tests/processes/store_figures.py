"""The figures of `docs/scale.md` for arrays on disk: time against reading and writing, and memory.

    python tests/processes/store_figures.py [GIB]

float32 in chunks of 64 MiB, 4 GiB by default, from Zarr and from a memory-mapped .npy, in a folder
that the environment variable TMPDIR names. Two threads work.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import dask.array as da
import numpy as np
import zarr

import aa_ref
from aa_ref_dask import blockwise

FRAMES, SIDE = 16, 1024  # of a chunk


def make(folder: Path, chunks: int) -> dict[str, Path]:
    """Write the same samples as Zarr and as .npy."""
    shape, size = (FRAMES * chunks, SIDE, SIDE), (FRAMES, SIDE, SIDE)
    stored = zarr.create_array(str(folder / "x.zarr"), shape=shape, dtype="f4", chunks=size)
    mapped = np.lib.format.open_memmap(folder / "x.npy", "w+", np.dtype("f4"), shape)
    rng = np.random.default_rng(0)
    for i in range(0, shape[0], FRAMES):
        stored[i : i + FRAMES] = mapped[i : i + FRAMES] = rng.random(size, np.float32)
    mapped.flush()
    return {"Zarr": folder / "x.zarr", ".npy": folder / "x.npy"}


def run(kind: str, source: str, target: str) -> None:
    """Filter an array, or read it and write as much as the result, and print what it took."""
    aa_ref.downsample(np.ones((2, 64, 64), np.float32), 0.25)  # what is compiled is, or is loaded
    job = blockwise.open_job(source, scale=0.25)
    if kind == "copy":
        blockwise.downsample = thinned
    blockwise.create_zarr(Path(target), job)
    began = time.perf_counter()
    blockwise.fill(Path(target), job, blockwise.on_threads(2))
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "MiB": peak()}))


def peak() -> float:
    """Read how much memory this process has had at most, without what its parent had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found
    return int(found[1]) / 1024


def thinned(x: da.Array, scale: float) -> da.Array:
    """Read all of every chunk, and give as many samples as the result has."""

    def rows(block: Any) -> Any:
        return np.ascontiguousarray(block[:, ::4, ::4])

    return x.map_blocks(rows, dtype=x.dtype, chunks=(x.chunks[0], (SIDE // 4,), (SIDE // 4,)))


def main(gib: float) -> None:
    """Print how many times as long filtering takes as reading and writing, turn by turn."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "y.zarr")
        for name, source in make(Path(folder), round(gib * 16)).items():
            turns: list[dict[str, Any]] = []
            for _ in range(4):
                turn = {}
                for kind in ("copy", "filter"):
                    shutil.rmtree(target, ignore_errors=True)
                    command = [sys.executable, __file__, kind, str(source), str(target)]
                    turn[kind] = json.loads(subprocess.check_output(command))
                turns.append(turn)
            ratio = median(t["filter"]["seconds"] / t["copy"]["seconds"] for t in turns[1:])
            seconds = median(t["filter"]["seconds"] for t in turns[1:])
            most = max(t["filter"]["MiB"] for t in turns)
            print(f"{gib:g} GiB {name}: {seconds:.1f} s, {ratio:.2f} x reading and writing, "
                  f"peak {most:.0f} MiB", flush=True)  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] in (["copy"], ["filter"]):
        run(*sys.argv[1:])
    else:
        main(float(sys.argv[1]) if sys.argv[1:] else 4)
