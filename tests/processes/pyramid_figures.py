"""The figures of `docs/pyramids.md`: time and memory of pyramids on disk.

``python tests/processes/pyramid_figures.py FOLDER [MEGABYTES]`` makes an image of float32 in
FOLDER, of 1,024 MB unless told otherwise, and writes pyramids of it, each in a process of its own,
turn by turn; two threads work. FOLDER needs room for two such images.
"""

import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import dask
import dask.array as da
import numpy as np
import zarr

import aa_ref
from aa_ref_dask import write_pyramid

LEVELS = {"level 1 alone": (0.5,), "3 levels": (0.5, 0.25, 0.125)}
SIDE = 2048
STORED = {"chunks of 2048×2048": (1, 2048, 2048), "chunks of 512×512": (1, 512, 512)}
TURNS = 5


def make(path: Path, megabytes: int, chunks: tuple[int, ...]) -> None:
    """Write frames of noise, 16 MiB each."""
    frames = max(1, megabytes * 10**6 // (4 * SIDE * SIDE))
    x = da.random.default_rng(0).random((frames, SIDE, SIDE), "f4", chunks=(1, SIDE, SIDE))
    target = zarr.create_array(
        path, shape=x.shape, dtype="f4", chunks=chunks, dimension_names=["t", "y", "x"]
    )
    da.store(x, target, lock=False)


def measure(source: str, output: str, levels: str) -> None:
    """Print the seconds that it takes, and the process' peak memory in MiB."""
    aa_ref.downsample(np.ones((64, 64), np.float32), 0.5)  # what is compiled is loaded
    began = time.perf_counter()
    if levels == "reading":
        dask.compute(da.from_zarr(source).map_blocks(lambda block: block[:1, :1, :1].copy()))
    else:
        write_pyramid(source, output, LEVELS[levels])
    seconds = time.perf_counter() - began
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(source: Path, output: Path, levels: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, __file__, "measure", source, output, levels],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    shutil.rmtree(output, ignore_errors=True)
    return [float(figure) for figure in done.stdout.split()]


def main(folder: Path, megabytes: int) -> None:
    """Print a line for each way to store the input."""
    source, output = folder / "figures.zarr", folder / "figures.ome.zarr"
    for name, chunks in STORED.items():
        make(source, megabytes, chunks)
        try:
            turns = [
                [measured(source, output, levels) for levels in ("reading", *LEVELS)]
                for _ in range(TURNS)
            ]
        finally:
            shutil.rmtree(source)
        reading, alone, three = (median(t[i][0] for t in turns) for i in range(3))
        ratio = median(t[2][0] / t[1][0] for t in turns)
        peak = max(t[2][1] for t in turns)
        print(
            f"{name}: read in {reading:.1f} s; level 1 alone {alone:.1f} s, "
            f"3 levels {three:.1f} s, {ratio:.2f} times as long; peak {peak:.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    with dask.config.set(num_workers=2):
        if sys.argv[1] == "measure":
            measure(*sys.argv[2:])
        else:
            main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 1024)
