"""Arrays on disk, block by block: Zarr and .npy to either; what was broken off goes on."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from cli_helpers import call, samples

import aa_ref
from aa_ref.cli import stores
from aa_ref_dask import blockwise

HERE = Path(aa_ref.__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE / 'plugins'}"}


def run(source, output, *options, scale="1/2"):
    return call("run", source, "-o", output, "--scale", scale, "--backend", "numpy", *options)


def to_zarr(path, x, chunks, **options):
    stored = zarr.create_array(str(path), shape=x.shape, dtype=x.dtype, chunks=chunks, **options)
    stored[...] = x
    return path


def read(path):
    return np.load(path) if path.suffix == ".npy" else zarr.open_array(path, mode="r")[...]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few samples, so that small arrays have many; every .npy counts as large."""
    monkeypatch.setattr(blockwise, "_BLOCK", 4096)
    monkeypatch.setattr(stores, "_LARGE", 0)


CHUNKS = {
    "odd chunks": {"chunks": (1, 13, 20)},
    "chunks of the whole": {"chunks": (3, 61, 83)},
    "tiny chunks": {"chunks": (1, 5, 4)},
    "shards": {"chunks": (1, 8, 5), "shards": (1, 24, 20)},
    "version 2": {"chunks": (2, 16, 30), "zarr_format": 2},
}


@pytest.mark.parametrize("stored", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("options", [(), ("--boundary", "reflect", "--axes", "0,2")])
@pytest.mark.usefixtures("small_blocks")
def test_zarr_has_the_bits_of_one_call(tmp_path, stored, options):
    x = samples((3, 61, 83), "float32")
    source = to_zarr(tmp_path / "x.zarr", x, attributes={"who": "me"}, **stored)
    ending = run(source, tmp_path / "y.zarr", *options)
    assert ending.status == 0, ending.stderr
    assert ending.stdout.startswith(f"{source} (3, 61, 83) float32 -> {tmp_path / 'y.zarr'} (")
    axes, rule = ((0, 2), "reflect") if options else ((-2, -1), "zeros")
    assert f"boundary {rule}, in blocks of (" in ending.stdout
    y = zarr.open_array(tmp_path / "y.zarr", mode="r")
    expected = aa_ref.downsample(x, 0.5, axes=axes, boundary=rule, backend="numpy")
    np.testing.assert_array_equal(y[...], expected)
    assert y.attrs.asdict() == {"who": "me"}
    assert y.metadata.zarr_format == stored.get("zarr_format", 3)
    assert all(ours <= theirs for ours, theirs in zip(y.chunks, stored["chunks"], strict=True))
    assert (y.shards is None) == ("shards" not in stored)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.zarr", "y.zarr"]


@pytest.mark.parametrize(("sampling", "scale"), [("slice", "1/3"), ("nearest", "2/5")])
@pytest.mark.parametrize(("before", "after"), [("npy", "zarr"), ("zarr", "npy"), ("npy", "npy")])
@pytest.mark.usefixtures("small_blocks")
def test_npy_and_zarr_to_either(tmp_path, before, after, sampling, scale):
    x = samples((50, 7, 45), "uint8")
    source, output = tmp_path / f"x.{before}", tmp_path / f"y.{after}"
    if before == "npy":
        np.save(source, x)
    else:
        to_zarr(source, x, (20, 7, 45))
    options = ("--axes", "0,2", "--sampling", sampling, "--dtype", "float32")
    ending = run(source, output, *options, scale=scale)
    assert ending.status == 0, ending.stderr
    assert "by Dask" in ending.stdout
    numerator, denominator = map(int, scale.split("/"))
    expected = aa_ref.downsample(
        x, numerator / denominator, axes=(0, 2), sampling=sampling, dtype="float32"
    )
    np.testing.assert_array_equal(read(output), expected)
    if after == "zarr":  # not one chunk for each sample, as a .npy may be read
        job = blockwise.open_job(
            str(source), scale=numerator / denominator, axes=(0, 2), sampling=sampling
        )
        assert zarr.open_array(output, mode="r").chunks == job.cut.outputs


def test_small_npy_files_need_no_dask(tmp_path):
    x = samples((50, 45), "float32")
    np.save(tmp_path / "x.npy", x)
    ending = run(tmp_path / "x.npy", tmp_path / "y.npy")
    assert "by numpy" in ending.stdout
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), aa_ref.downsample(x, 0.5))


@pytest.fixture
def broken_off(tmp_path, monkeypatch, small_blocks):
    """A run that ended after five blocks, and how many blocks each run has written since."""
    x = samples((4, 61, 83), "float32")
    source = to_zarr(tmp_path / "x.zarr", x, (1, 16, 16))
    write, written = blockwise._write, []

    @functools.wraps(write)  # Dask looks which arguments there are
    def failing(block, *args, **options):
        if len(written) >= 5:
            raise OSError(28, "No space left on device")
        written.append(block.shape)
        return write(block, *args, **options)

    @functools.wraps(write)
    def counting(block, *args, **options):
        written.append(block.shape)
        return write(block, *args, **options)

    monkeypatch.setattr(blockwise, "_write", failing)
    ending = run(source, tmp_path / "y.zarr", "--threads", "1")
    assert ending.status == 1
    assert f"cannot write {tmp_path / 'y.zarr'}: No space left on device" in ending.stderr
    assert not (tmp_path / "y.zarr").exists()
    assert len(written) == 5
    monkeypatch.setattr(blockwise, "_write", counting)
    written.clear()
    return x, source, written


def blocks_of(source):
    job = blockwise.open_job(str(source), scale=0.5, axes=(-2, -1))
    return np.prod([-(-n // b) for n, b in zip(job.plan.out_shape, job.cut.outputs, strict=True)])


def test_what_was_broken_off_goes_on(tmp_path, broken_off):
    x, source, written = broken_off
    ending = run(source, tmp_path / "y.zarr")
    assert ending.status == 0, ending.stderr
    assert "was broken off; what is there of it is kept" in ending.stderr
    np.testing.assert_array_equal(read(tmp_path / "y.zarr"), aa_ref.downsample(x, 0.5))
    assert len(written) == blocks_of(source) - 5 > 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.zarr", "y.zarr"]


def test_of_another_input_or_other_parameters_nothing_is_kept(tmp_path, broken_off):
    x, source, written = broken_off
    zarr.open_array(source, mode="r+")[0, 0, 0] = 7
    x[0, 0, 0] = 7
    ending = run(source, tmp_path / "y.zarr")
    assert "broken off" not in ending.stderr
    np.testing.assert_array_equal(read(tmp_path / "y.zarr"), aa_ref.downsample(x, 0.5))
    assert len(written) == blocks_of(source)


def test_a_chunk_whose_writer_was_killed_is_made_anew(tmp_path, broken_off):
    x, source, _ = broken_off
    (partial,) = tmp_path.glob(".*")
    chunk = next(p for p in partial.rglob("c/*/*/*"))
    chunk.rename(chunk.with_suffix(".12ab.partial"))
    assert run(source, tmp_path / "y.zarr").status == 0
    np.testing.assert_array_equal(read(tmp_path / "y.zarr"), aa_ref.downsample(x, 0.5))
    assert not list((tmp_path / "y.zarr").rglob("*.partial"))


def test_a_run_that_was_killed_goes_on(tmp_path):
    x = samples((40, 300, 200), "float32")
    source, output = to_zarr(tmp_path / "x.zarr", x, (1, 300, 200)), tmp_path / "y.zarr"
    code = (
        "import functools, sys, time\n"
        "from aa_ref.cli import main\n"
        "from aa_ref_dask import blockwise\n"
        "blockwise._BLOCK, write = 1, blockwise._write\n"
        "@functools.wraps(write)\n"
        "def slow(*a, **k): time.sleep(0.05); return write(*a, **k)\n"
        "blockwise._write = slow; main()"
    )
    command = ["run", source, "-o", output, "-s", "1/2", "--backend", "numpy", "--threads", "1"]
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, command)])
    until = time.monotonic() + 120
    while len(list(tmp_path.rglob(".*/array/c/*/*/*"))) < 3:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not output.exists()
    (partial,) = tmp_path.glob(".*")
    assert 3 <= len(list(partial.rglob("c/*/*/*"))) < 40
    shutil.copytree(partial, tmp_path / "copy")
    process = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert "was broken off" in process.stderr
    np.testing.assert_array_equal(read(output), aa_ref.downsample(x, 0.5))
    kept = list((tmp_path / "copy" / "array").rglob("c/*/*/*"))
    assert kept
    for chunk in kept:
        place = output / chunk.relative_to(tmp_path / "copy" / "array")
        assert place.stat().st_mtime_ns == chunk.stat().st_mtime_ns


@pytest.mark.usefixtures("small_blocks")
def test_results_that_are_there(tmp_path):
    source = to_zarr(tmp_path / "x.zarr", samples((40, 50), "uint8"), (20, 20))
    output = tmp_path / "y.zarr"
    assert run(source, output).status == 0
    ending = run(source, output)
    assert ending.status == 1
    assert f"{output} exists; add --overwrite to replace it" in ending.stderr
    assert run(source, output, "--overwrite", scale="1/4").status == 0
    assert read(output).shape == (10, 13)
    shutil.rmtree(output)
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    ending = run(source, output, "--overwrite")
    assert ending.status == 1
    assert "is no folder of Zarr, so it is not replaced" in ending.stderr
    assert (output / "mine.txt").exists()


@pytest.mark.usefixtures("small_blocks")
def test_folders_hold_arrays_too(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    x, z = samples((40, 50), "uint8"), samples((33, 21), "float32", seed=1)
    to_zarr(folder / "sub" / "x.zarr", x, (20, 20))
    to_zarr(folder / "no suffix", x, (20, 20))
    np.save(folder / "z.npy", z)
    ending = run(folder, out, "--json")
    assert ending.status == 0, ending.stderr
    lines = [json.loads(line) for line in ending.stdout.splitlines()]
    assert [line["status"] for line in lines] == ["done"] * 3
    np.testing.assert_array_equal(read(out / "sub" / "x.zarr"), aa_ref.downsample(x, 0.5))
    np.testing.assert_array_equal(
        zarr.open_array(out / "no suffix", mode="r")[...], aa_ref.downsample(x, 0.5)
    )
    np.testing.assert_array_equal(np.load(out / "z.npy"), aa_ref.downsample(z, 0.5))
    again = run(folder, out)
    assert "0 done, 3 kept, 0 failed" in again.stdout
    zarr.open_array(folder / "sub" / "x.zarr", mode="r+")[0, 0] = 9
    assert "1 done, 2 kept, 0 failed" in run(folder, out).stdout
    zarr.create_array(str(out / "sub" / "x.zarr" / "more"), shape=(3,), dtype="u1")
    zarr.open_array(folder / "sub" / "x.zarr", mode="r+")[0, 0] = 8
    ending = run(folder, out)
    assert "0 done, 2 kept, 1 failed" in ending.stdout
    assert "is not what an earlier run made there" in ending.stderr


def test_what_is_refused(tmp_path, refused):
    source = to_zarr(tmp_path / "x.zarr", samples((40, 50), "uint8"), (20, 20))
    group = zarr.create_group(str(tmp_path / "group.zarr"))
    group.create_array("inner", shape=(4, 6), dtype="u1")
    to_zarr(tmp_path / "int64.zarr", np.ones((4, 6), np.int64), (2, 6))
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    output = tmp_path / "y.zarr"
    for name, target, words, options in [
        ("x.zarr", tmp_path / "y.png", ["write a .npy or a .zarr"], ()),
        ("x.zarr", output, ["--linear-light is given"], ("--linear-light",)),
        ("x.zarr", output, ["--format is png", "leave it out"], ("--format", "png")),
        ("x.zarr", output, ["--quality is 3"], ("--quality", "3")),
        ("x.zarr", output, ["axes"], ("--axes", "4")),
        ("x.zarr", tmp_path / "no" / "y.zarr", ["there is no folder"], ()),
        ("group.zarr", output, ["holds a group of arrays", "group.zarr/inner"], ()),
        ("int64.zarr", output, ["none of the types taken", "save it as float64, which"], ()),
        ("x.zarr", output, ["--nodata is given", "save the array as .npy"], ("--nodata", "3")),
        ("empty.zarr", output, ["cannot read", "no Zarr array or group"], ()),
        ("photo.png", output, ["is no array; name a picture or a video"], ()),
        ("nothing.zarr", output, ["nothing.zarr", "is no array"], ()),
    ]:
        refused(tmp_path / name, target, words, *options)
    assert source.exists()


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.usefixtures("small_blocks")
def test_samples_without_data_are_left_out_of_large_npy_files_too(tmp_path, folder):
    x = samples((40, 50), "float32")
    x[3:20, 10:30] = np.nan
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "x.npy", x)
    source, output = tmp_path / "in" / "x.npy", tmp_path / "y.npy"
    if folder:
        source, output = source.parent, tmp_path / "out"
    ending = run(source, output, "--nodata", "nan")
    assert ending.status == 0, ending.stderr
    y, _ = aa_ref.downsample_masked(x, ~np.isnan(x), 0.5)
    assert 0 < np.isnan(y).sum() < 300
    np.testing.assert_array_equal(np.load(output / "x.npy" if folder else output), y)


@pytest.mark.parametrize("asked", ["auto", "ignore"])
def test_arrays_name_nothing_that_marks_holes(tmp_path, asked):
    x = samples((40, 50), "uint8")
    source = to_zarr(tmp_path / "x.zarr", x, (20, 20))
    assert run(source, tmp_path / "y.zarr", "--nodata", asked).status == 0
    np.testing.assert_array_equal(read(tmp_path / "y.zarr"), aa_ref.downsample(x, 0.5))


def test_damage_is_told(tmp_path):
    source = to_zarr(tmp_path / "x.zarr", samples((40, 50), "uint8"), (20, 20))
    (source / "c" / "1" / "1").write_bytes(b"no chunk")
    ending = run(source, tmp_path / "y.zarr")
    assert ending.status == 1
    assert f"cannot read {source} at 0:40, 0:50: " in ending.stderr
    assert "Traceback" not in ending.stderr
    assert not (tmp_path / "y.zarr").exists()


@pytest.mark.parametrize(
    ("command", "change", "status", "word"),
    [
        (("run", "-s", "1/2"), "damage", 1, "cannot read x.zarr at "),
        (("pyramid", "-s", "1"), "damage", 1, "cannot read x.zarr at "),
        (("run", "-s", "1/2"), "SIGINT", 130, "interrupted"),
    ],
)
def test_chunks_beside_the_one_that_fails_are_told_of_by_nobody(
    tmp_path, command, change, status, word
):
    """zarr works on them on a loop of its own, which the process's end breaks off."""
    source = to_zarr(tmp_path / "x.zarr", samples((160, 160), "float32"), (8, 8))
    if change == "damage":
        (source / "c" / "9" / "9").write_bytes(b"no chunk")
    program = f"""
import os, signal, sys
from aa_ref.cli import main
from aa_ref_dask import sources
read = sources.Blocks.__getitem__
left = [signal.SIGINT] if {change!r} == "SIGINT" else []
def interrupted(self, index):
    if left:
        os.kill(os.getpid(), left.pop())
    return read(self, index)
sources.Blocks.__getitem__ = interrupted
sys.argv = ["aa-ref", *{command!r}, "x.zarr", "-o", "y.zarr", "--backend", "numpy"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=ENVIRONMENT, cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (status, "")
    *notes, line = done.stderr.splitlines()  # a note if some of it was done before
    assert all(note.startswith("note: ") and note.endswith("is kept") for note in notes)
    assert line.startswith(f"aa-ref: {word}")
