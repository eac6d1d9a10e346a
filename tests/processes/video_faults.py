"""Damaged videos through ``aa-ref run``: each is done, or failed in one line.

    python tests/processes/video_faults.py 100
    python tests/processes/video_faults.py 100 frames

``frames`` makes folders of pictures of them.
Ends with status 1 if anything is not as it should be.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

HERE = Path(__file__)
sys.path.insert(0, str(HERE.parents[1] / "cli"))
from video_helpers import Film, damaged, write_film  # noqa: E402

FILMS = (
    (".mp4", "libx264", "aac"),
    (".webm", "libvpx-vp9", "libopus"),
    (".mkv", "ffv1", None),
    (".ts", "libx264", "aac"),
    (".avi", "mpeg4", None),
    (".mov", "prores_ks", "pcm_s16le"),
    (".webm", "libvpx", None),
    (".mp4", "libx265", None),
    (".mkv", "libsvtav1", "libopus"),
    (".avi", "mjpeg", "libmp3lame"),
)
SECONDS = 20
"""One video may take, else it hangs."""


def write(folder: Path) -> list[Path]:
    films = []
    for number, (suffix, codec, audio) in enumerate(FILMS):
        pix_fmt = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        film = Film(
            codec, 320, 256, pix_fmt, base=Fraction(1, 25), times=tuple(range(31)),
            colours=(2, 5) if codec == "mjpeg" else None,
            options=(("x265-params", "log-level=none"),) if codec == "libx265" else (),
        )  # fmt: skip
        films.append(write_film(folder / f"{number}{suffix}", film, audio=audio))
    return films


def main(number: int, options: tuple[str, ...] = ()) -> int:
    rng = np.random.default_rng(7)
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[2]), "SVT_LOG": "0"}
    with tempfile.TemporaryDirectory() as above:
        whole, broken, out = (Path(above, name) for name in ("whole", "broken", "out"))
        whole.mkdir()
        broken.mkdir()
        films = write(whole)
        for index in range(number):
            path = films[index % len(films)]
            data = damaged(path.read_bytes(), rng)
            (broken / f"{index}{path.suffix}").write_bytes(data)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "aa_ref.cli", "run", str(broken), "-o", str(out), "-s", "1/4",
             "--json", *options],
            capture_output=True, text=True, check=False, env=environment, timeout=SECONDS * number,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        told = [line["status"] for line in lines]
        failed = [line for line in lines if line["status"] == "failed"]
        left = list(out.rglob("*.tmp"))
        made = [path for path in out.iterdir() if path.name != ".aa_ref"]
        frames = sum(path.is_file() for path in out.glob("*/*.png"))
        print(
            f"{number} damaged: {told.count('done')} done, {len(failed)} failed in {seconds:.1f} s"
            f", status {done.returncode}" + (f", {frames} frames" if options else "")
        )
        for reason in sorted({line["reason"].split(": ", 1)[-1] for line in failed}):
            print("   ", reason)
        if "Traceback" in done.stderr or done.returncode not in (0, 1):
            print(done.stderr)
        right = (
            "Traceback" not in done.stderr
            and done.returncode == int(bool(failed))
            and len(lines) == number
            and len(made) == told.count("done")
            and all(path.is_dir() == bool(options) for path in made)
            and not left
            and all(line["reason"] and "Error:" not in line["reason"] for line in failed)
        )
    return int(not right)


if __name__ == "__main__":
    wanted = ("--format", "png") if "frames" in sys.argv[2:] else ()
    sys.exit(main(int(sys.argv[1]), wanted))
