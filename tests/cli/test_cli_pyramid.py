"""``aa-ref pyramid``: options, what is printed, errors in one line, and signals."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from cli_helpers import call, samples
from support import assert_same_bits

import aa_ref

HERE = Path(aa_ref.__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE / 'plugins'}"}


@pytest.fixture
def stack(tmp_path):
    """A ``.npy`` of axes t, y, x."""
    x = samples((3, 70, 50), "uint16")
    np.save(tmp_path / "in.npy", x)
    return tmp_path / "in.npy", x


def levels(path):
    group = zarr.open_group(path, mode="r")
    return [group[d["path"]][:] for d in group.attrs["ome"]["multiscales"][0]["datasets"]]


@pytest.mark.parametrize(("dtype", "mark"), [("float32", "-9999"), ("uint16", "0"), ("int16", "x")])
def test_marks_of_samples_without_data_are_refused(tmp_path, dtype, mark):
    """A pyramid would average them into their neighbours; what to write instead works."""
    tifffile = pytest.importorskip("tifffile")
    source = tmp_path / "dem.tif"
    x = np.full((40, 30), 5, dtype)
    x[10:20, 5:15] = 0 if mark == "x" else float(mark)
    tifffile.imwrite(source, x, extratags=[(42113, "s", 0, mark, True)])
    ending = call("pyramid", source, "-o", tmp_path / "o.ome.zarr")
    assert ending.status == 1
    for word in (f"without data as {mark} (GDAL_NODATA)", "--nodata auto", "--nodata ignore"):
        assert word in ending.stderr
    assert not (tmp_path / "o.ome.zarr").exists()
    if dtype != "int16":
        bare = tmp_path / "bare.tif"
        assert call("run", source, "-o", bare, "-s", "1", "--nodata", "ignore").status == 0
        assert call("pyramid", bare, "-o", tmp_path / "o.ome.zarr").status == 0


def test_scales_and_types_are_told_in_the_commands_words(tmp_path, stack):
    source, _ = stack
    ending = call("pyramid", source, "-o", tmp_path / "o.zarr", "--dims", "tyx", "-s", "1", "0,5")
    assert ending.status == 2
    assert "write 1/2, or 0.5" in ending.stderr
    for dtype, said in (("int16", "save it as float32"), ("int64", "save it as float64")):
        np.save(tmp_path / "in.npy", np.ones((9, 8), dtype))
        ending = call("pyramid", source, "-o", tmp_path / "o.zarr")
        assert said in ending.stderr
        assert "astype" not in ending.stderr


@pytest.mark.parametrize(
    ("spelt", "scales"),
    [
        (["--scales", "1/2", "1/4", "1/8"], (0.5, 0.25, 0.125)),
        (["-s", "1", "-s", "0.5", "1/2,1/4"], (1, 0.5, (0.5, 0.25))),
        (["--scales=1/2", "1/4"], (0.5, 0.25)),
        ([], (1, 0.5, 0.25, 0.125)),
    ],
)
def test_scales(tmp_path, stack, spelt, scales):
    source, x = stack
    output = tmp_path / "o.ome.zarr"
    after = [source, "-o", output, "--dims", "tyx", "--backend", "numpy"]
    for arguments in ([*after, *spelt], [*spelt, *after]):
        ending = call("pyramid", *arguments, "--overwrite")
        assert ending.status == 0, ending.stderr
        expected = aa_ref.pyramid(x, scales, boundary="reflect")
        for ours, theirs in zip(levels(output), expected, strict=True):
            assert_same_bits(ours, theirs)
        first, *lines = ending.stdout.splitlines()
        assert first == (
            f"{source} -> {output}: boundary reflect, sampling slice, filtered along y,x"
        )
        assert len(lines) == len(scales)
        assert lines[0].startswith("  0  scale ")
        assert lines[0].endswith(f"t 3, y {expected[0].shape[1]}, x {expected[0].shape[2]}; uint16")
        assert ("full resolution is not among" in ending.stderr) == (1 not in scales)


def test_options(tmp_path, stack):
    source, x = stack
    ending = call(
        "pyramid", source, "-o", tmp_path / "o.zarr", "-s", "2/5", "--dims", "zyx", "--axes", "zyx",
        "--boundary", "zeros,circular,reflect", "--sampling", "nearest", "--sigma", "1",
        "--dtype", "float32", "--chunks", "1,8,8", "--shards", "1,16,16", "--threads", "1",
    )  # fmt: skip
    assert ending.status == 0, ending.stderr
    (level,) = levels(tmp_path / "o.zarr")
    expected = aa_ref.downsample(
        x, 0.4, axes=(0, 1, 2), boundary=("zeros", "circular", "reflect"), sampling="nearest",
        sigma=1, dtype="float32",
    )  # fmt: skip
    assert_same_bits(level, expected)
    assert "boundary zeros,circular,reflect, sampling nearest" in ending.stdout
    array = zarr.open_group(tmp_path / "o.zarr", mode="r")["0"]
    assert (array.chunks, array.shards) == ((1, 8, 8), (1, 16, 16))


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["in.npy", "-o", "o.zarr"], 1, ["3 axes", "--dims zyx"]),
        (["missing", "-o", "o.zarr"], 1, ["No such file"]),
        (["in.npy", "-o", "old.zarr", "--dims", "tyx"], 1, ["exists; add --overwrite"]),
        (["in.npy", "-o", "in.npy", "--overwrite"], 1, ["no folder of Zarr"]),
        (["in.npy", "-o", "no/o.zarr"], 1, ["there is no folder"]),
        (["in.npy", "-o", "o.zarr", "--dims", "tyx", "--axes", "q"], 2, ["--axes is", "t, y, x"]),
        (["in.npy", "-o", "o.zarr", "--dims", "tyx", "-s", "2"], 2, ["1/2 meant"]),
        (["in.npy", "-o", "o.zarr", "--dims", "tyx", "--chunks", "8"], 2, ["each of 3 axes"]),
        (["in.npy", "-o", "o.zarr", "--backend", "x"], 2, ["--backend"]),
    ],
)
def test_errors(tmp_path, stack, monkeypatch, arguments, status, words):
    monkeypatch.chdir(tmp_path)
    zarr.create_group("old.zarr")
    before = sorted(tmp_path.rglob("*"))
    ending = call("pyramid", *arguments)
    assert (ending.status, ending.stdout) == (status, "")
    (last,) = (line for line in ending.stderr.splitlines() if not line.startswith("note: "))
    assert last.startswith("aa-ref: ")
    for word in words:
        assert word in last
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "status", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")]
)
def test_a_signal_leaves_nothing_half(tmp_path, stack, name, status, word):
    """It comes while a level is being written, by several threads."""
    program = f"""
import os, signal, sys, time
from aa_ref.cli import main
from aa_ref_dask import sources
sources._BLOCK = 70 * 50 * 2
before = sources.Blocks.__getitem__
def slowly(self, index):
    if index[0].start == 1:
        os.kill(os.getpid(), signal.{name})
    time.sleep(0.1)
    return before(self, index)
sources.Blocks.__getitem__ = slowly
sys.argv = ["aa-ref", "pyramid", "in.npy", "-o", "o.zarr", "--dims", "tyx", "--threads", "2"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=ENVIRONMENT, cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == f"aa-ref: {word}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]


def test_a_stack_that_is_cut_off_is_told_in_one_line(tmp_path):
    """Whatever tifffile says of it beside."""
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        for page in samples((6, 40, 50), "uint8"):
            file.write(page, compression="zlib", metadata=None)
    data = (tmp_path / "in.tif").read_bytes()
    (tmp_path / "in.tif").write_bytes(data[: len(data) // 2])
    done = subprocess.run(
        [sys.executable, "-m", "aa_ref.cli", "pyramid", "in.tif", "-o", "o.zarr", "-s", "1"],
        env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("aa-ref: cannot read in.tif: it is cut off or damaged; after image ")
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_a_full_disk_is_told(tmp_path):
    """A limit to the size of files stands for it; its signal is ignored by Python."""
    np.save(tmp_path / "in.npy", samples((300, 400), "float32"))
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
        "from aa_ref.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", limited, "pyramid", "in.npy", "-o", "o.zarr", "-s", "1"],
        env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"aa-ref: cannot write o.zarr: {os.strerror(27)}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]


@pytest.mark.parametrize("missing", ["dask", "zarr", "ome_zarr_models"])
def test_without_the_extra(tmp_path, monkeypatch, missing):
    from aa_ref.cli import pyramid_command

    monkeypatch.setattr(
        pyramid_command, "find_spec", lambda name: None if name == missing else "there"
    )
    ending = call("pyramid", "in.npy", "-o", tmp_path / "o.zarr")
    assert (ending.status, ending.stderr) == (
        2,
        "aa-ref: pyramid needs the extra 'dask': pip install 'aa-ref[cli,dask]'\n",
    )
