"""`aa-ref run --scheduler`: folders and arrays done by a cluster, with workers lost or not."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
import zarr
from cli_helpers import call, expected, pixels_of, samples
from distributed import Client, LocalCluster
from PIL import Image

import aa_ref
from aa_ref.cli import cluster as cluster_module
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


@pytest.mark.parametrize(
    ("name", "status", "word", "options"),
    [("SIGINT", 130, "interrupted", ()), ("SIGTERM", 143, "terminated", ("--format", "png"))],
)
def test_a_signal_calls_back_what_is_worked_on(cluster, tmp_path, name, status, word, options):
    helpers = pytest.importorskip("video_helpers", reason="the extra 'video' is not installed")
    film = helpers.Film("mpeg4", 64, 48, times=tuple(range(0, 40_040, 40)), colours=(1, 1))
    for index in range(4):  # two of which wait
        path = tmp_path / "in" / f"{index}.mkv"
        path.parent.mkdir(exist_ok=True)
        if index:
            path.write_bytes((tmp_path / "in" / "0.mkv").read_bytes())
        else:
            helpers.write_film(path, film)
    out, address = tmp_path / "out", cluster.scheduler_address
    roots = Path(aa_ref.__file__).parents[1], Path(blockwise.__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "aa_ref.cli", "run", str(tmp_path / "in"), "-o", str(out), "-s",
         "1/4", "--backend", "numpy", "--scheduler", address, *options],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots))},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(out.glob(".aa_ref/*.tmp")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(getattr(signal, name))
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (status, "", f"aa-ref: {word}\n")
    assert [path.name for path in out.iterdir()] == [".aa_ref"]
    assert sorted(path.name for path in (out / ".aa_ref").iterdir()) == ["lock", "record.jsonl"]
    with Client(address, set_as_default=False) as client:
        there = client.run(lambda dask_worker: len(dask_worker.state.executing))
        assert set(there.values()) == {0}
        assert client.submit(sum, [1, 2]).result(timeout=60) == 3  # it can still be used


def test_a_client_that_gives_up_leaves_nobody_waiting(monkeypatch):
    """As `distributed` may, when the scheduler is lost: its tasks then never end."""

    class Given:
        def add_done_callback(self, function):
            pass

    class Lost:
        status = "running"

        def submit(self, *args, **options):
            return Given()

    monkeypatch.setattr(cluster_module, "_LOOK", 0.01)
    with cluster_module.Workers(Lost()) as pool:
        waiting = pool.submit(sum, [1, 2])
        pool._client.status = "closed"
        with pytest.raises(CancelledError):
            waiting.result(timeout=60)
        with pytest.raises(CancelledError):
            pool.submit(sum, [1, 2])
