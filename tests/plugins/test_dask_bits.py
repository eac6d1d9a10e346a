"""Dask arrays have the bits of one call in memory, whatever the chunks, forward and adjoint."""

from itertools import pairwise
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from cases import FLOATS, Case, cases, gradient
from distributed import Client, LocalCluster
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import assert_same_bits

import aa_ref
from aa_ref_dask import tasks

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")


def chunked(x: NDArray[Any], data: st.DataObject) -> Any:
    """A Dask array of freely drawn chunks, some of one sample, some of none."""
    chunks = []
    for length in x.shape:
        cuts = data.draw(st.lists(st.integers(0, length), max_size=4))
        edges = [0, *sorted(cuts), length]
        chunks.append(tuple(b - a for a, b in pairwise(edges)))
    return da.from_array(x, chunks=tuple(chunks), name=False)


def assert_computes(lazy: Any, expected: NDArray[Any]) -> None:
    """See that what is promised, chunk by chunk, is what comes, and that its bits are right."""
    assert lazy.shape == expected.shape
    assert lazy.dtype == lazy._meta.dtype == expected.dtype
    blocks = dask.compute(lazy.to_delayed().ravel().tolist(), scheduler="sync")[0]
    assert [b.shape for b in blocks] == [lazy.blocks[i].shape for i in np.ndindex(lazy.numblocks)]
    assert_same_bits(lazy.compute(scheduler="sync"), expected)


@pytest.fixture(params=[1, tasks._LARGE], ids=["in pieces", "whole"], scope="module")
def _middles(request: pytest.FixtureRequest) -> Any:
    """Chunks with their middles filtered apart, as large ones are, and without."""
    before, tasks._LARGE = tasks._LARGE, request.param
    yield
    tasks._LARGE = before


@pytest.mark.usefixtures("_middles")
@given(cases(), st.data())
def test_forward(case: Case, data: st.DataObject) -> None:
    x = chunked(case.x, data)
    lazy = aa_ref.downsample(x, case.scale, **case.options, backend="numpy")
    assert_computes(lazy, case.run("numpy"))
    assert len(lazy.dask.layers[lazy.name]) <= 3 * lazy.npartitions


@given(cases(dtypes=FLOATS), st.sampled_from(["normal", "wide", "special"]), st.data())
def test_adjoint(case: Case, kind: str, data: st.DataObject) -> None:
    g = gradient(case, case.x.dtype.name, kind)
    lengths = [case.x.shape[a] for a in case.options["axes"]]
    options = {**case.options, "backend": "numpy"}
    lazy = aa_ref.downsample_adjoint(chunked(g, data), case.scale, lengths, **options)
    assert_computes(lazy, aa_ref.downsample_adjoint(g, case.scale, lengths, **options))
    assert len(lazy.dask.layers[lazy.name]) <= 3 * lazy.npartitions


def test_a_pyramid_reads_each_chunk_once():
    x = np.random.default_rng(0).random((5, 90, 70), np.float32)
    read = []

    def load(block, block_info=None):
        read.append(block_info[0]["chunk-location"])
        return block

    lazy = da.from_array(x, chunks=(2, 40, 25)).map_blocks(load, dtype=x.dtype)
    levels = aa_ref.pyramid(lazy, (1, 0.5, 0.25), boundary="circular")
    with dask.config.set({"optimization.fuse.active": True}):
        results = dask.compute(*levels, scheduler="sync")
    for result, expected in zip(
        results, aa_ref.pyramid(x, (1, 0.5, 0.25), boundary="circular"), strict=True
    ):
        assert_same_bits(result, expected)
    assert len(read) == len(set(read)) == lazy.npartitions


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_schedulers(scheduler):
    x = np.random.default_rng(0).integers(0, 256, (4, 90, 70, 3), np.uint8)
    lazy = da.from_array(x, chunks=(1, 40, 25, 3))
    options = {"axes": (1, 2), "boundary": ("circular", "reflect"), "dtype": "float16"}
    with dask.config.set(scheduler=scheduler, num_workers=2):
        y = aa_ref.downsample(lazy, 0.3, **options)
        assert_same_bits(y.compute(), aa_ref.downsample(x, 0.3, **options))


def test_a_cluster():
    x = np.random.default_rng(0).random((4, 90, 70), np.float32)
    lazy = da.from_array(x, chunks=(1, 40, 25))
    lengths, options = x.shape[1:], {"boundary": "circular"}
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster),
    ):
        levels = aa_ref.pyramid(lazy, (0.5, 0.25), **options)
        back = aa_ref.downsample_adjoint(levels[1], 0.25, lengths, **options)
        *results, gradient = dask.compute(*levels, back)
    expected = aa_ref.pyramid(x, (0.5, 0.25), **options)
    for result, level in zip(results, expected, strict=True):
        assert_same_bits(result, level)
    assert_same_bits(gradient, aa_ref.downsample_adjoint(expected[1], 0.25, lengths, **options))


def test_of_other_kinds_of_memory():
    x = np.random.default_rng(0).random((30, 40), np.float32)
    foreign = x.astype(">f4")
    lazy = aa_ref.downsample(da.from_array(foreign, chunks=(9, 40)), 0.5)
    assert lazy.dtype.isnative
    assert_computes(lazy, aa_ref.downsample(x, 0.5))
    broadcast = da.broadcast_to(da.from_array(x, chunks=16), (3, 30, 40))
    assert_computes(aa_ref.downsample(broadcast, 0.5), aa_ref.downsample(np.stack([x] * 3), 0.5))
