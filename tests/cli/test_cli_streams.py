"""Standard input and output, pipes, names of any bytes, machines without a temporary folder."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import PHOTOS, call, call_with_input, expected, pixels_of, samples
from PIL import Image

import aa_ref

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(aa_ref.__file__).parents[1])}
PHOTO = PHOTOS / "motorcycle_left.png"


def run(*arguments, stdin=b"", environment=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "aa_ref.cli", "run", *arguments, "-s", "1/4", "--backend", "numpy"],
        env=ENVIRONMENT | (environment or {}), input=stdin, check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )  # fmt: skip


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "gif", "avif"])
def test_standard_input_and_output(tmp_path, suffix):
    pixels = samples((40, 56, 3))
    Image.fromarray(pixels).save(tmp_path / f"input.{suffix}")
    data = (tmp_path / f"input.{suffix}").read_bytes()
    ending = call_with_input(data, "run", "-", "-o", "-", "--format", "png", "-s", "1/4")
    assert ending.status == 0, ending.stderr
    with Image.open(io.BytesIO(ending.stdout)) as image:
        assert image.size == (14, 10)
        if suffix in ("png", "tif"):
            np.testing.assert_array_equal(np.asarray(image), expected(pixels))
    assert "(40, 56, " in ending.stderr


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_pipes_of_a_shell(name):
    result = run(name, "-o", "-", "--format", "png", stdin=PHOTO.read_bytes())
    assert result.returncode == 0, result.stderr
    with Image.open(io.BytesIO(result.stdout)) as image:
        np.testing.assert_array_equal(np.asarray(image), expected(pixels_of(PHOTO)))


def test_arrays_through_pipes():
    x = samples((3, 40, 56), "float32")
    stream = io.BytesIO()
    np.save(stream, x)
    arguments = ("run", "-", "-o", "-", "--format", "npy", "-s", "1/4")
    ending = call_with_input(stream.getvalue(), *arguments)
    assert ending.status == 0, ending.stderr
    np.testing.assert_array_equal(np.load(io.BytesIO(ending.stdout)), aa_ref.downsample(x, 0.25))
    assert "boundary zeros" in ending.stderr


@pytest.mark.parametrize("several", [False, True], ids=["folder", "list"])
def test_a_named_pipe_among_others_is_refused_at_once(tmp_path, several):
    """Nobody may ever write into it."""
    folder = tmp_path / "in"
    folder.mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder / "photo.png").write_bytes(PHOTO.read_bytes())
    names = sorted(folder.iterdir()) if several else [folder]
    result = run(*names, "-o", tmp_path / "out", timeout=60)
    assert result.returncode == 1
    assert b"pipe.png: it is a pipe or a device" in result.stderr
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["photo.png"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
@pytest.mark.parametrize("json", [["--json"], []], ids=["json", "words"])
def test_a_full_standard_output_is_named(tmp_path, json):
    with Path("/dev/full").open("wb") as full:
        result = run(PHOTO, "-o", tmp_path / "o.png", *json, stdout=full)
    assert result.returncode == 1
    assert b"aa-ref: cannot write standard output: No space left" in result.stderr


def test_a_named_pipe_is_read_as_a_stream(tmp_path):
    pipe = tmp_path / "input"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(PHOTO.read_bytes()))
    writer.start()
    ending = call("run", pipe, "-o", tmp_path / "o.png", "--scale", "1/4")
    writer.join(10)
    assert ending.status == 0, ending.stderr
    np.testing.assert_array_equal(pixels_of(tmp_path / "o.png"), expected(pixels_of(PHOTO)))


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["-", "-o", "-"], b"", ["OUTPUT is -", "--format png"]),
        (["-", "-o", "-", "--format", "png"], b"", ["standard input", "empty"]),
        (["-", "-o", "-", "--format", "png"], b"no picture", ["standard input", "picture (PNG"]),
        ([PHOTO, "-o", "-", "--format", "npz"], b"", ["--format is npz", "npy"]),
    ],
)
def test_streams_that_cannot_be(arguments, stdin, words):
    ending = call_with_input(stdin, "run", *arguments, "-s", "1/4")
    assert (ending.status in (1, 2), ending.stdout) == (True, b"")
    assert len(ending.stderr.splitlines()) == 1
    for word in words:
        assert word in ending.stderr


def test_the_format_may_be_named_apart_from_the_suffix(tmp_path, downsampled):
    output, _ = downsampled(PHOTO, ".picture", "--format", "tiff")
    with Image.open(output) as image:
        assert image.format == "TIFF"
        np.testing.assert_array_equal(np.asarray(image), expected(pixels_of(PHOTO)))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_standard_output():
    with Path("/dev/full").open("w") as full:
        result = run(PHOTO, "-o", "-", "--format", "png", stdout=full)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert b"cannot write standard output: No space left" in result.stderr


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"a[1] %d.png"])
def test_names_of_any_bytes(tmp_path, name):
    """Names that are not UTF-8, and such as libvips would take for options."""
    folder = os.fsencode(tmp_path)
    Path(os.fsdecode(folder + b"/" + name)).write_bytes(PHOTO.read_bytes())
    output = folder + b"/small-" + name
    result = run(folder + b"/" + name, "-o", output, environment={"LC_ALL": "C.UTF-8"})
    assert result.returncode == 0, result.stderr
    assert os.path.exists(output)  # noqa: PTH110
    shown = result.stdout.decode()
    assert ("caf\\udce9.png" in shown) == (name[:3] == b"caf")
    assert result.stderr == b""


CONTROLS = {
    "a\nnote: b": "a\\nnote: b",
    "\r\t \x1b]0;title\x07": "\\r\\t \\x1b]0;title\\x07",
    "\x7f\x85two  spaces": "\\x7f\\x85two  spaces",
    "\u2028line\u202egnp.": "\\u2028line\\u202egnp.",
    "é日本\u3000語": "é日本\u3000語",
}


@pytest.mark.parametrize(("name", "shown"), CONTROLS.items(), ids=ascii)
def test_control_characters_in_names_are_shown_as_escapes(tmp_path, name, shown):
    folder, small = tmp_path / name, tmp_path / f"small {name}"
    folder.mkdir()
    Image.fromarray(samples((40, 56))).save(folder / "picture.jpg", comment=b"a note")
    (folder / f"{name}.png").write_bytes(b"none")
    (folder / "stack.npy").write_bytes(b"\x93NUMPY")
    options = ("-s", "1/4", "--backend", "numpy", "--format", "tif")
    endings = [
        call("run", folder / "picture.jpg", "-o", f"{small}.tif", *options),  # one, with a note
        call("run", folder / "picture.jpg", "-o", f"{small}.tif", *options),  # exists
        call("run", folder / f"{name}.png", "-o", f"{small}.png", "-s", "1/4"),  # no picture
        call("run", f"{folder}.jpg", "-o", f"{small}.tif", *options, "--overwrite"),  # none there
        call("run", folder, "-o", f"{small}/", *options),  # several, two of which fail
        call("pyramid", folder / "stack.npy", "-o", f"{small}.zarr"),  # damaged
    ]
    assert [ending.status for ending in endings] == [0, 1, 1, 1, 1, 1]
    for ending in endings:
        for text in (ending.stdout, ending.stderr):
            assert all(c.isprintable() or c == "\u3000" for c in text.replace("\n", ""))
        said = ending.stdout + ending.stderr
        assert f"/{shown}" in said or f"/small {shown}" in said
        assert not any(line.startswith("note: b") for line in said.split("\n"))
    assert f"/{shown}/{shown}.png: cannot read" in endings[4].stderr.replace("  ", " ", 1)


@pytest.mark.parametrize("command", [["info"], ["plan", "9,9", "-s", "1/2"]])
def test_output_in_an_encoding_of_few_letters(command):
    result = subprocess.run(
        [sys.executable, "-m", "aa_ref.cli", *command],
        env=ENVIRONMENT | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout


@pytest.mark.parametrize(
    ("suffix", "orientation"), [(".png", 1), (".tif", 1), (".webp", 1), (".jpg", 6)]
)
def test_no_folder_for_temporary_files_is_needed(tmp_path, orientation, suffix):
    """Above 100 MB libvips would take one, were the rows not read in one pass."""
    path, output = tmp_path / f"input{suffix}", tmp_path / f"output{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (7000, 5000), (9, 8, 7)).save(path, exif=exif)
    nowhere = str(tmp_path / "nowhere")
    variables = {"TMPDIR": nowhere, "TMP": nowhere, "TEMP": nowhere}
    result = run(path, "-o", output, environment=variables)
    assert result.returncode == 0, result.stderr
    assert pixels_of(output).shape == ((1250, 1750, 3) if orientation == 1 else (1750, 1250, 3))
