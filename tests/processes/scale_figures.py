"""The figures of `docs/scale.md`: a cluster's time as the model has it, and as it is.

    python tests/processes/scale_figures.py [MIB]

Workers of one thread each, on this machine: more of them than it has processors are no faster. The
model takes two figures from one worker, what a block and what a task take, and tells the rest.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import video_figures
import zarr
from distributed import Client, LocalCluster, wait

from aa_ref_dask import blockwise

LAYOUTS = {
    # name: chunks of pictures of 2048x2048
    "whole frames": (4, 2048, 2048),
    "tiles": (16, 1024, 1024),
}
TURNS = 3
VIDEOS, FRAMES = 40, 250  # of 10 s


def nothing(number: int) -> int:
    return number


def seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def seconds_a_task(client: Client) -> float:
    """Measure what the scheduler and a worker take for a task that does nothing."""
    times = [seconds(lambda n=n: wait(client.map(nothing, range(n, n + 2000)))) for n in (0, 5000)]
    return min(times) / 2000


def make(path: Path, chunks: tuple[int, ...], mib: int) -> str:
    frames = -(-mib // 16 // chunks[0]) * chunks[0]
    array = zarr.create_array(str(path), shape=(frames, 2048, 2048), dtype="f4", chunks=chunks)
    rng = np.random.default_rng(0)
    for i in range(0, frames, 4):
        array[i : i + 4] = rng.random((min(4, frames - i), 2048, 2048), np.float32)
    return str(path)


def halo_of(job: blockwise.Job) -> float:
    """Compute how many samples blocks need of their neighbours, as a share of the array."""
    share = 1.0
    for axis in job.plan.axes:
        block, length = job.cut.inputs[axis.axis], job.plan.shape[axis.axis]
        if block < length:
            share *= 1 + 2 * axis.radius * (-(-length // block) - 1) / length
    return share - 1


def short_videos(folder: Path) -> None:
    """Print what one of many videos in a folder takes, start of the command aside."""
    video_figures.write(folder / "clip.mp4", FRAMES)
    times = list[float]()
    for number in (2, VIDEOS + 2, 2, VIDEOS + 2):
        few, out = folder / "clips", folder / "small"
        few.mkdir()
        for i in range(number):
            shutil.copyfile(folder / "clip.mp4", few / f"{i}.mp4")
        command = f"{sys.executable} -m aa_ref.cli run {few} -o {out} --scale 1/4".split()
        times.append(seconds(lambda c=command: subprocess.run(c, check=True, capture_output=True)))
        sizes = [(place / "0.mp4").stat().st_size for place in (few, out)]
        line = len((out / ".aa_ref" / "record.jsonl").read_bytes()) // number
        shutil.rmtree(few)
        shutil.rmtree(out)
    each = (times[3] - times[2]) / VIDEOS
    print(f"a video of 640x480 and {FRAMES} frames, at 1/4: {each:.2f} s, {sizes[0] // 1000} kB to "
          f"{sizes[1] // 1000} kB, {line} bytes of record", flush=True)  # fmt: skip


def main(mib: int) -> None:
    """Print, for each layout, what the model says and what was measured."""
    processors = len(os.sched_getaffinity(0))
    print(f"{processors} processors; {mib} MiB of float32, scale 1/4, Zarr to Zarr")
    with tempfile.TemporaryDirectory() as folder:
        short_videos(Path(folder))
        jobs = {
            name: blockwise.open_job(make(Path(folder, f"{i}.zarr"), chunks, mib), scale=0.25)
            for i, (name, chunks) in enumerate(LAYOUTS.items())
        }
        measured, a_task = dict[tuple[str, int], float](), 0.0
        for workers in (1, 2, 4):
            with (
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=None
                ) as cluster,
                Client(cluster) as client,
            ):
                a_task = a_task or seconds_a_task(client)
                for name, job in jobs.items():
                    times = []
                    for turn in range(TURNS + 1):
                        path = Path(folder, f"{name} {workers} {turn}")
                        blockwise.create_zarr(path, job)
                        get = blockwise.on_cluster(client)
                        times.append(seconds(lambda p=path, j=job, g=get: blockwise.fill(p, j, g)))
                    measured[name, workers] = median(times[1:])  # the first loads what is compiled
        print(f"a task that does nothing: {1e6 * a_task:.0f} us")
        for name, job in jobs.items():
            pairs = zip(job.plan.out_shape, job.cut.outputs, strict=True)
            blocks = prod(-(-n // b) for n, b in pairs)
            print(f"{name}: {blocks} blocks, halo {halo_of(job):.1%}")
            for workers in (1, 2, 4):
                told = measured[name, 1] / min(workers, processors)
                told = max(told, 3 * blocks * a_task)
                print(f"  {workers} workers: model {told:.2f} s, measured "
                      f"{measured[name, workers]:.2f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1024)
