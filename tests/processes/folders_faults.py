"""Faults of ``aa-ref run`` on folders: killed at random moments and resumed; damaged pictures.

What is killed has pictures, arrays (``.zarr`` and ``.npy``) and videos; ``kills-of-frames`` makes
folders of pictures of the videos.

    python tests/processes/folders_faults.py kills 20
    python tests/processes/folders_faults.py kills-of-frames 20
    python tests/processes/folders_faults.py damage 500

Ends with status 1 if anything is not as it should be.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import av
import numpy as np
import pyvips
import zarr


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "aa_ref.cli", "run", *map(str, arguments), "-s", "1/4"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    """All bytes of a folder, the record included and the lock left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def picture(rng: np.random.Generator, height: int, width: int) -> pyvips.Image:
    """Something smooth with some noise, as photographs are."""
    coarse = rng.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), np.uint8)
    smooth = pyvips.Image.new_from_array(coarse).resize(16).crop(0, 0, width, height)
    noise = pyvips.Image.new_from_array(rng.integers(-8, 8, (height, width, 3), np.int8))
    return (smooth + noise).cast("uchar").copy(interpretation="srgb")


def write(folder: Path, number: int, suffixes: tuple[str, ...] = ("jpg", "png", "tif")) -> None:
    rng = np.random.default_rng(5)
    for index in range(number):
        place = folder / f"{index % 7}"
        place.mkdir(parents=True, exist_ok=True)
        height, width = rng.integers(200, 500, 2).tolist()
        path = place / f"{index}.{suffixes[index % len(suffixes)]}"
        picture(rng, height, width).write_to_file(str(path))


def write_array(path: Path, chunks: int) -> None:
    """Write chunks so large that each is worked on alone."""
    shape = (2 * chunks, 2048, 2048)
    array = zarr.create_array(str(path), shape=shape, dtype="f4", chunks=(2, *shape[1:]))
    rng = np.random.default_rng(6)
    for i in range(0, shape[0], 2):
        array[i : i + 2] = rng.integers(0, 256, (2, *shape[1:]))


def write_videos(folder: Path) -> None:
    """Encode H.264 and VP9, some seconds each."""
    rng = np.random.default_rng(7)
    for index, (suffix, codec) in enumerate([("mp4", "libx264"), ("webm", "libvpx-vp9")] * 3):
        place = folder / f"{index % 7}"
        place.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(64, 192, (360, 320), np.uint8)
        with av.open(str(place / f"film{index}.{suffix}"), "w") as output:
            stream = output.add_stream(
                codec, rate=25, options={"cpu-used": "8"} if index % 2 else {}
            )
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for number in range(30 + 10 * index):
                planes = np.roll(noise, 3 * number, 1)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv420p")))
            output.mux(stream.encode(None))


def kills(times: int, frames: bool = False) -> int:
    """Kill a run after a random time, again and again; then let it end."""
    faults, seeds = 0, random.Random(3)
    options = ("--format", "png") if frames else ()
    with tempfile.TemporaryDirectory() as above:
        source, whole = Path(above, "in"), Path(above, "whole")
        write(source, 90)
        write_videos(source)
        if not frames:
            write_array(source / "3" / "stack.zarr", 8)
            x = np.random.default_rng(8).random((50, 480, 640), np.float32)
            np.save(source / "2" / "stack.npy", x)
        start = time.perf_counter()
        undisturbed = run(source, "-o", whole, *options)
        seconds = time.perf_counter() - start
        wanted = contents(whole)
        print(f"undisturbed: {len(wanted)} files in {seconds:.1f} s, {undisturbed.returncode}")
        faults += undisturbed.returncode != 0
        for number in range(times):
            out, kept = Path(above, f"out{number}"), []
            for _ in range(3):
                process = subprocess.Popen(
                    command(source, "-o", out, *options),
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                time.sleep(seconds * seeds.uniform(0.2, 0.9))
                process.send_signal(signal.SIGKILL)
                process.wait()
                there = {k: v for k, v in contents(out).items() if ".aa_ref" not in k}
                faults += not there.items() <= wanted.items()
                kept.append(len(there))
            done = run(source, "-o", out, *options)
            same = done.returncode == 0 and contents(out) == wanted
            faults += not same
            print(
                f"{number}: killed with {kept} files of {len(wanted)} there, then",
                "equal" if same else "WRONG", flush=True,
            )  # fmt: skip
            shutil.rmtree(out)
    return faults


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut, flip bits, or change a few bytes of the head, where sizes are."""
    kind = rng.integers(3)
    if kind == 0:
        return data[: rng.integers(1, len(data))]
    changed = bytearray(data)
    for _ in range(rng.integers(1, 20)):
        end = len(data) if kind == 1 else min(len(data), 200)
        changed[rng.integers(end)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def damage(number: int) -> int:
    """Convert damaged pictures of all formats: each is done or failed in one line."""
    rng = np.random.default_rng(11)
    with tempfile.TemporaryDirectory() as above:
        source, broken = Path(above, "in"), Path(above, "broken")
        broken.mkdir()
        write(source, 35, ("jpg", "png", "tif", "webp", "gif"))
        files = sorted(path for path in source.rglob("*") if path.is_file())
        for index in range(number):
            path = files[index % len(files)]
            data = damaged(path.read_bytes(), rng)
            (broken / f"{index}{path.suffix}").write_bytes(data)
        start = time.perf_counter()
        done = run(broken, "-o", Path(above, "out"), "--json")
        seconds = time.perf_counter() - start
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        told = [line["status"] for line in lines]
        named = all(line["reason"] and "\n" not in line["reason"] for line in lines
                    if line["status"] == "failed")  # fmt: skip
        clean = "Traceback" not in done.stderr and "Error:" not in done.stdout
        left = [p for p in Path(above, "out").rglob("*") if p.suffix == ".tmp"]
        made = [p for p in Path(above, "out").rglob("*") if p.suffix in {f.suffix for f in files}]
        print(f"{number} damaged: {told.count('done')} done, {told.count('failed')} failed in "
              f"{seconds:.1f} s, status {done.returncode}")  # fmt: skip
        for line in lines:
            if line["status"] == "failed" and "Error:" in line["reason"]:
                print(line)
        right = (
            named and clean and not left and len(lines) == number
            and len(made) == told.count("done") and done.returncode == 1
        )  # fmt: skip
    return int(not right)


COMMANDS = {"kills": kills, "kills-of-frames": partial(kills, frames=True), "damage": damage}

if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    what, how_many = sys.argv[1], int(sys.argv[2])
    sys.exit(min(1, COMMANDS[what](how_many)))
