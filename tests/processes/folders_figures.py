"""How fast ``aa-ref run`` makes many JPEGs smaller, against decoding and encoding alone.

    python tests/processes/folders_figures.py 1000 2

times, turn by turn: the command at scale 1/4 with two jobs; decoding the same files and encoding
pictures of the results' size, with libvips in two threads, files read and written; and Pillow's
``resize`` with ``reducing_gap=2`` in two threads. The command's start counts apart.
"""

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyvips
from folders_faults import picture
from PIL import Image


def vips(source: Path, target: Path, small: pyvips.Image) -> None:
    """Decode all of it, encode as many samples as the result has, and write them."""
    pyvips.Image.new_from_file(str(source), access="sequential").numpy()
    target.write_bytes(small.jpegsave_buffer(Q=95, subsample_mode="off"))


def pillow(source: Path, target: Path, _: object) -> None:
    with Image.open(source) as image:
        smaller = image.resize((image.width // 4, image.height // 4), reducing_gap=2)
    stream = io.BytesIO()
    smaller.save(stream, "JPEG", quality=95, subsampling=0)
    target.write_bytes(stream.getvalue())


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(number: int, threads: int) -> None:
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    with tempfile.TemporaryDirectory() as above:
        source = Path(above, "in")
        source.mkdir()
        rng = np.random.default_rng(2)
        base = [picture(rng, 480, 640) for _ in range(20)]
        for index in range(number):
            base[index % 20].jpegsave(str(source / f"{index}.jpg"), Q=90)
        small = pyvips.Image.new_from_array(base[0].numpy()[::4, ::4].copy(), interpretation="srgb")
        files, turn = sorted(source.iterdir()), 0

        def command(folder: Path) -> None:
            subprocess.run(
                [sys.executable, "-m", "aa_ref.cli", "run", source, "-o", folder, "-s", "1/4",
                 "--jobs", str(threads), "--threads", str(threads)],
                check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip

        def in_threads(convert: Callable[[Path, Path, object], None], folder: Path) -> None:
            folder.mkdir()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda path: convert(path, folder / path.name, small), files))

        few = Path(above, "few")
        few.mkdir()
        for path in files[: 2 * threads]:
            (few / path.name).write_bytes(path.read_bytes())
        for turn in range(3):
            all_in = source
            source = few
            start = seconds_of(lambda t=turn: command(Path(above, f"s{t}")))
            source = all_in
            ours = seconds_of(lambda t=turn: command(Path(above, f"o{t}")))
            floor = seconds_of(lambda t=turn: in_threads(vips, Path(above, f"v{t}")))
            peer = seconds_of(lambda t=turn: in_threads(pillow, Path(above, f"p{t}")))
            print(
                f"turn {turn}: start {start:.2f} s; aa-ref {ours:.2f} s ({number / ours:.0f}/s), "
                f"without its start {number / (ours - start):.0f}/s; libvips decoding and encoding "
                f"{number / floor:.0f}/s; Pillow {number / peer:.0f}/s; rate against libvips "
                f"{floor / (ours - start):.2f} ({floor / ours:.2f} with the start), against Pillow "
                f"{peer / (ours - start):.2f}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
