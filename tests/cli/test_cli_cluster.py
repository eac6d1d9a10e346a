"""`aa-ref run --scheduler`: folders and arrays done by a cluster, with workers lost or not."""

import json
import os
import signal

import numpy as np
import pytest
import zarr
from cli_helpers import call, expected, pixels_of, samples
from distributed import LocalCluster
from PIL import Image

import aa_ref
from aa_ref_dask import blockwise


@pytest.fixture(scope="module")
def cluster():
    """Two workers in processes of their own, which are started anew when they end."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


def run(cluster, source, output, *options):
    address = cluster.scheduler_address
    return call("run", source, "-o", output, "-s", "1/4", "--scheduler", address, *options)


def save(path, shape, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(samples(shape, seed=seed)).save(path)


def lose_a_worker(cluster):
    """End one worker's process with no time to say goodbye."""
    nanny = next(iter(cluster.workers.values()))
    os.kill(nanny.pid, signal.SIGKILL)


def test_a_folder(cluster, tmp_path, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "out"
    for i in range(12):
        save(folder / f"{i % 3}" / f"{i}.png", (40 + i, 60, 3), i)
    (folder / "broken.png").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)  # the workers are elsewhere
    ending = run(cluster, "in", "out", "--json")
    assert ending.status == 1
    lines = {line["input"]: line for line in map(json.loads, ending.stdout.splitlines())}
    assert lines.pop("in/broken.png")["status"] == "failed"
    assert len(lines) == 12
    assert {line["status"] for line in lines.values()} == {"done"}
    for path in folder.rglob("*/*.png"):
        result = pixels_of(out / path.relative_to(folder))
        np.testing.assert_array_equal(result, expected(pixels_of(path)))
    assert sorted(p.name for p in (out / ".aa_ref").iterdir()) == ["lock", "record.jsonl"]


def test_a_worker_is_lost_in_the_middle(cluster, tmp_path, monkeypatch):
    x = samples((60, 90, 70), "float32")
    stored = zarr.create_array(
        str(tmp_path / "x.zarr"), shape=x.shape, dtype=x.dtype, chunks=(1, 45, 70)
    )
    stored[...] = x
    monkeypatch.setattr(blockwise, "_BLOCK", 1)
    fill, lost = blockwise.fill, []

    def filling(path, job, get, show):
        def showing(done, total):
            show(done, total)
            assert total == 120
            if done >= 10 and not lost:
                lost.append(done)
                lose_a_worker(cluster)

        fill(path, job, get, showing)

    monkeypatch.setattr(blockwise, "fill", filling)
    ending = run(cluster, tmp_path / "x.zarr", tmp_path / "y.zarr")
    assert ending.status == 0, ending.stderr
    assert lost
    y = zarr.open_array(tmp_path / "y.zarr", mode="r")
    np.testing.assert_array_equal(y[...], aa_ref.downsample(x, 0.25))


def test_one_picture_stays_here(cluster, tmp_path):
    save(tmp_path / "a.png", (40, 60, 3), 1)
    ending = run(cluster, tmp_path / "a.png", tmp_path / "b.png")
    assert ending.status == 0
    assert "one file alone is worked on here" in ending.stderr


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "no address"])
def test_a_scheduler_that_is_not_there(tmp_path, address):
    save(tmp_path / "in" / "a.png", (40, 60, 3), 1)
    ending = call(
        "run", tmp_path / "in", "-o", tmp_path / "out", "-s", "1/4", "--scheduler", address
    )
    assert ending.status == 1
    assert f"no scheduler answers at {address}" in ending.stderr
    assert "`dask scheduler` starts one" in ending.stderr
