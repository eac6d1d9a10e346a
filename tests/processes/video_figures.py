"""How fast ``aa-ref run`` makes a video smaller, and how much memory that takes.

    python tests/processes/video_figures.py speed 600 7
    python tests/processes/video_figures.py memory 3000

``speed`` times, turn by turn in one process, making H.264 of 640×480 smaller to 1/4, and decoding
the same file and encoding as many frames of the result's size, with the same library, the same
settings of both codecs, and the frames ready beforehand. Beside it, that loop with the decoder's
own default of one thread a frame. ``memory`` measures the peak of the command as a process.
"""

import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from aa_ref.cli.conversion import Request
from aa_ref.cli.inputs import Input
from aa_ref.cli.videos.containers import ENCODERS
from aa_ref.cli.videos.conversion import convert_video
from aa_ref.cli.videos.planes import Planes
from aa_ref.cli.videos.writing import x264_options

OPTIONS: dict[str, Any] = {
    "scale": Fraction(1, 4), "sigma": None, "boundary": "reflect", "sampling": "slice",
    "dtype": None,
}  # fmt: skip


def write(path: Path, number: int, width: int = 640, height: int = 480) -> None:
    """Encode a scene that moves, with some noise as cameras have it."""
    rng = np.random.default_rng(2)
    coarse = rng.uniform(16, 235, (height // 20 + 4, width // 20 + 4))
    scene = np.kron(coarse, np.ones((20, 20)))
    for axis in (0, 1):
        scene = sum(np.roll(scene, shift, axis) for shift in range(9)) / 9
    noise = rng.normal(0, 3, (8, height, width))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(number):
            down, across = index % 40, (3 * index) % 40
            luma = scene[down : down + height, across : across + width] + noise[index % 8]
            luma = np.clip(np.rint(luma), 16, 235).astype(np.uint8)
            chroma = np.ascontiguousarray(luma[::2, ::2] // 2 + 64)
            planes = [luma.ravel(), chroma.ravel(), np.roll(chroma, 9).ravel()]
            together = np.concatenate(planes).reshape(-1, width)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(together, "yuv420p")))
        output.mux(stream.encode(None))


def floor(path: Path, frames: list[av.VideoFrame], threads: int, kind: str) -> None:
    """Decode all of it, and encode frames that are ready."""
    encoder = ENCODERS["h264"]
    with av.open(str(path)) as source, av.open(io.BytesIO(), "w", format="mp4") as output:
        decoded = source.streams.video[0]
        decoded.thread_type, decoded.thread_count = kind, threads
        options = x264_options() | {"crf": str(encoder.quality[3])}
        stream = output.add_stream(encoder.name, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = decoded.time_base
        stream.codec_context.thread_count = 1
        for frame, small in zip(source.decode(decoded), frames, strict=True):
            small.pts, small.time_base = frame.pts, decoded.time_base
            output.mux(stream.encode(small))
        output.mux(stream.encode(None))


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def speed(number: int, turns: int, threads: int) -> None:
    request = Request(OPTIONS, None, "numba", None, None, False, 1 << 28)
    with tempfile.TemporaryDirectory() as above:
        path = Path(above, "a.mp4")
        write(path, number)
        with av.open(str(path)) as source:
            first = next(source.decode(video=0))
        planes = Planes(str(path), first, OPTIONS, "numba")
        with av.open(str(path)) as source:
            frames = [planes.downsample(frame) for frame in source.decode(video=0)]
        runs: dict[str, Callable[[], object]] = {
            "run": lambda: convert_video(Input(str(path)), io.BytesIO(), "o.mp4", ".mp4", request),
            "floor": lambda: floor(path, frames, threads, "AUTO"),
            "floor by slices": lambda: floor(path, frames, threads, "SLICE"),
        }
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for work in runs.values():
            work()  # compiled, and in the cache of files
        for _ in range(turns):
            for name, work in runs.items():
                taken[name].append(seconds_of(work))
        filtering = seconds_of(lambda: [planes.downsample(first) for _ in range(number)])
        rates = {name: number / statistics.median(times) for name, times in taken.items()}
        print(", ".join(f"{name} {rate:.0f} frames/s" for name, rate in rates.items()))
        print(f"filtering alone {number / filtering:.0f} frames/s")
        for name in list(runs)[1:]:
            ratios = [f / r for f, r in zip(taken[name], taken["run"], strict=True)]
            print(f"run / {name}: median {statistics.median(ratios):.3f}, "
                  f"{min(ratios):.3f} to {max(ratios):.3f}")  # fmt: skip


_RUN = """
import atexit, re, pathlib
from aa_ref.cli import main
status = pathlib.Path("/proc/self/status")
atexit.register(lambda: print(*re.findall(r"VmHWM:.*", status.read_text("ascii"))))
main()
"""


def memory(number: int) -> None:
    with tempfile.TemporaryDirectory() as above:
        path = Path(above, "a.mp4")
        write(path, number)
        small = str(Path(above, "o.mp4"))
        subprocess.run(
            [sys.executable, "-c", _RUN, "run", str(path), "-o", small, "-s", "1/4"], check=True
        )


if __name__ == "__main__":
    import aa_ref

    what, how_many, *others = sys.argv[1:]
    if what == "memory":
        memory(int(how_many))
    else:
        speed(int(how_many), int(others[0]), aa_ref.get_num_threads())
