"""``aa-ref`` as a process of its own: signals, limits, missing extras."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import PHOTOS, expected, pixels_of

import aa_ref

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(aa_ref.__file__).parents[1])}
PHOTO = str(PHOTOS / "coffee.png")


def start(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "aa_ref.cli", *map(str, arguments)],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def python(program):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_run(tmp_path):
    process = start("run", PHOTO, "-o", tmp_path / "o.png", "-s", "1/4", "--backend", "numpy")
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr, len(stdout.splitlines())) == (0, "", 1)
    np.testing.assert_array_equal(pixels_of(tmp_path / "o.png"), expected(pixels_of(PHOTO)))


def test_interrupt_while_reading(tmp_path):
    pipe = tmp_path / "input.png"
    os.mkfifo(pipe)
    process = start("run", pipe, "-o", tmp_path / "o.png", "--scale", "1/4")
    with pipe.open("wb"):  # opens when the command has
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (130, "", "aa-ref: interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["input.png"]


def test_interrupt_while_writing(tmp_path):
    program = f"""
import os, signal, sys
from aa_ref.cli import main, output
output.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["aa-ref", "run", {PHOTO!r}, "-o", {str(tmp_path / "o.png")!r}, "-s", "1/4"]
main()
"""
    result = python(program)
    assert (result.returncode, result.stdout) == (130, "")
    assert result.stderr == "aa-ref: interrupted\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy", ".jpg", ".webp"])
def test_no_space(tmp_path, suffix):
    def limit_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    process = start(
        "run", PHOTO, "-o", tmp_path / f"o{suffix}", "-s", "1/4", "--backend", "numpy",
        preexec_fn=limit_files,
    )  # fmt: skip
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, len(stderr.splitlines())) == (1, "", 1)
    assert stderr.startswith("aa-ref: cannot write ")
    assert os.strerror(27) in stderr  # EFBIG: what a full disk's ENOSPC is to this limit
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["typer", "rich", "PIL", "tifffile"])
def test_without_the_extra(missing):
    result = python(
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['aa-ref', 'info']\n"
        "from aa_ref.cli import main; main()"
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "aa-ref needs the extra 'cli': pip install 'aa-ref[cli]'\n"


def test_the_library_does_not_load_the_command_line():
    result = python(
        "import sys, aa_ref, numpy\n"
        "aa_ref.downsample(numpy.ones((8, 8)), 0.5, backend='numpy')\n"
        "names = ('typer', 'rich', 'PIL', 'tifffile', 'aa_ref.cli')\n"
        "sys.exit(' '.join(name for name in names if name in sys.modules) or 0)"
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_a_reader_that_leaves():
    process = start("plan", "3,256,256", "--scale", "1/4")
    process.stdout.close()
    process.stdout = None
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert process.returncode != 0
