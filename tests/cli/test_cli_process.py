"""``aa-ref`` as a process of its own: signals, limits, missing extras."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from cli_helpers import PHOTOS, expected, pixels_of, samples
from compiled_code import copy_cached
from PIL import Image

import aa_ref
from aa_ref.backends.numba.levels import OCTAVES

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(aa_ref.__file__).parents[1])}
PHOTO = str(PHOTOS / "motorcycle_left.png")


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


@pytest.mark.parametrize(
    ("name", "status", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")]
)
def test_a_signal_while_writing_leaves_nothing(tmp_path, name, status, word):
    program = f"""
import os, signal, sys
from aa_ref.cli import main, output
output.os.fsync = lambda _: os.kill(os.getpid(), signal.{name})
sys.argv = ["aa-ref", "run", {PHOTO!r}, "-o", {str(tmp_path / "o.png")!r}, "-s", "1/4"]
main()
"""
    result = python(program)
    assert (result.returncode, result.stdout) == (status, "")
    assert result.stderr == f"aa-ref: {word}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy", ".jpg", ".webp"])
def test_no_space(tmp_path, suffix):
    """Limited within the process: to fork this one would warn where JAX has started threads."""
    program = f"""
import resource, sys
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
from aa_ref.cli import main
output = {str(tmp_path / f"o{suffix}")!r}
sys.argv = ["aa-ref", "run", {PHOTO!r}, "-o", output, "-s", "1/4", "--backend", "numpy"]
main()
"""
    result = python(program)
    status, stdout, stderr = result.returncode, result.stdout, result.stderr
    assert (status, stdout, len(stderr.splitlines())) == (1, "", 1)
    assert stderr.startswith("aa-ref: cannot write ")
    assert os.strerror(27) in stderr  # EFBIG: what a full disk's ENOSPC is to this limit
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["typer", "rich", "pyvips", "tifffile"])
def test_without_the_extra(missing):
    result = python(
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['aa-ref', 'info']\n"
        "from aa_ref.cli import main; main()"
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "aa-ref needs the extra 'cli': pip install 'aa-ref[cli]'\n"


def test_without_libvips():
    result = python("""
import sys
class Missing:
    def find_spec(self, name, *_):
        if name == "pyvips.vdecls":
            raise OSError("cannot load library 'libvips.so.42'")
sys.meta_path.insert(0, Missing())
sys.modules["_libvips"] = None
sys.argv = ["aa-ref", "info"]
from aa_ref.cli import main
main()
""")
    assert (result.returncode, result.stdout) == (2, "")
    assert "libvips.so.42" in result.stderr
    assert result.stderr.endswith("pip install 'pyvips[binary]' brings libvips\n")


def test_the_library_does_not_load_the_command_line():
    result = python(
        "import sys, aa_ref, numpy\n"
        "aa_ref.downsample(numpy.ones((8, 8)), 0.5, backend='numpy')\n"
        "names = ('typer', 'rich', 'pyvips', 'tifffile', 'aa_ref.cli')\n"
        "sys.exit(' '.join(name for name in names if name in sys.modules) or 0)"
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_info_shows_the_cache_folder_without_compiling(tmp_path):
    environment = ENVIRONMENT | {"NUMBA_CACHE_DIR": str(tmp_path / "here")}
    environment.pop("COLUMNS", None)
    for arguments in (["info"], ["info", "--json"]):
        result = subprocess.run(
            [sys.executable, "-m", "aa_ref.cli", *arguments],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert result.stderr == ""
        if "--json" in arguments:
            backends = {b["name"]: b for b in json.loads(result.stdout)["backends"]}
            details = backends["numba"]["details"]
            told = details.pop("cache folder")
            assert set(details.values()) == {"not compiled yet"}
        else:
            (told,) = re.findall("^numba: cache folder: (.+)$", result.stdout, re.MULTILINE)
        assert Path(told).is_relative_to(tmp_path / "here")
    assert not list(tmp_path.rglob("*.nb?"))


def test_info_finds_what_another_process_compiled(tmp_path):
    environment = ENVIRONMENT | {"NUMBA_CACHE_DIR": str(tmp_path)}
    copy_cached("levels", np.float32, OCTAVES[0], tmp_path)
    result = subprocess.run(
        [sys.executable, "-m", "aa_ref.cli", "info", "--json"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    backends = {b["name"]: b for b in json.loads(result.stdout)["backends"]}
    details = backends["numba"]["details"]
    found = [heading for heading, state in details.items() if state == "in the cache"]
    assert found == [f"levels, float32, {OCTAVES[0]}"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [("garbled", "table"), ("cut short", "EOI")],
)
def test_libraries_say_nothing_past_python(tmp_path, damage, words):
    path = tmp_path / "input.tif"
    Image.fromarray(samples((40, 56, 3))).save(path, compression="tiff_lzw")
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        offset, length, counts = page.dataoffsets[-1], page.databytecounts[-1], page.tags[279]
    data = bytearray(path.read_bytes())
    if damage == "garbled":
        data[offset + length // 2 : offset + length // 2 + 2000] = bytes(2000)
    else:
        at = counts.valueoffset + 4 * (counts.count - 1)
        data[at : at + 4] = (length // 2).to_bytes(4, "little")
    path.write_bytes(data)
    process = start("run", path, "-o", tmp_path / "o.tif", "-s", "1/4", "--backend", "numpy")
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, len(stderr.splitlines())) == (1, "", 1)
    assert stderr.startswith(f"aa-ref: cannot read {path}: ")
    assert words in stderr


def test_reading_works_where_stderr_is_closed(tmp_path):
    output = tmp_path / "o.png"
    result = subprocess.run(
        [
            *("sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-m", "aa_ref.cli"),
            *("run", PHOTO, "-o", str(output), "-s", "1/4", "--backend", "numpy"),
        ],
        env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0
    assert output.exists()


def test_the_backend_that_ran_is_named(tmp_path):
    """Little work in a new process is NumPy's, whatever it is in this one."""
    process = start("run", PHOTO, "-o", tmp_path / "o.png", "-s", "1/4")
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert stdout.endswith(" ms by numpy\n")
    process = start("run", PHOTO, "-o", tmp_path / "p.png", "-s", "1/4", "--backend", "numba")
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert "by numba, compiling or loading" in stdout


@pytest.mark.parametrize("module", ["typer", "pyvips", "aa_ref.cli.app"])
def test_interrupt_while_importing(module):
    result = python(f"""
import sys
class Interrupts:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
sys.argv = ["aa-ref", "info"]
from aa_ref.cli import main
main()
""")
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["plan", "9,9", "-s", "1/2"], ["info"], []]
)
def test_a_full_disk_behind_stdout(arguments):
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "aa_ref.cli", *arguments],
            env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert result.returncode in (1, 2)
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("aa-ref: ")
    assert "No space left" in result.stderr


def test_demo_writes_its_picture_though_the_reader_leaves(tmp_path):
    process = start("demo", cwd=tmp_path)
    process.stdout.close()
    process.stdout = None
    _, stderr = process.communicate(timeout=120)
    assert "Traceback" not in stderr
    with Image.open(tmp_path / "aa_ref_demo.png") as image:
        image.load()


def test_a_reader_that_leaves():
    process = start("plan", "3,256,256", "--scale", "1/4")
    process.stdout.close()
    process.stdout = None
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert process.returncode != 0
