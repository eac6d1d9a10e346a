"""What a lazy call promises: small graphs, stable names, right chunks and kinds, worded errors."""

import pickle
import warnings
from fractions import Fraction

import dask
import dask.array as da
import numpy as np
import pytest
import xarray
from dask.base import tokenize
from support import assert_same_bits

import aa_ref
import aa_ref_dask
from aa_ref_dask.chunking import chunks_of_outputs


def tasks_of(lazy):
    return len(lazy.dask.layers[lazy.name])


def test_graphs_are_small():
    frames = da.zeros((60, 64, 48), chunks=(1, 64, 48), dtype="float32")
    y = aa_ref.downsample(frames, 0.25)
    assert (y.npartitions, tasks_of(y)) == (60, 60)
    tiles = da.zeros((400, 400), chunks=40, dtype="float32")
    assert tasks_of(aa_ref.downsample(tiles, 0.25)) == 3 * 100
    assert tasks_of(aa_ref.downsample(tiles, 0.25, sigma=0)) == 100  # nobody has neighbours
    volume = da.zeros((160, 160, 160), chunks=40, dtype="float32")
    assert tasks_of(aa_ref.downsample(volume, 0.25, axes=(0, 1, 2))) == 3 * 64
    small = da.zeros((60, 60), chunks=3, dtype="float32")
    y = aa_ref.downsample(small, 0.25)
    assert tasks_of(y) <= 3 * y.npartitions


def test_chunks_follow_the_inputs():
    x = da.zeros((3, 100, 90), chunks=(1, 30, 45), dtype="uint8")
    y = aa_ref.downsample(x, 0.25, dtype="float32")
    assert y.chunks == ((1, 1, 1), (8, 7, 8, 2), (12, 11))
    assert (y.dtype, type(y._meta), y._meta.shape) == (np.float32, np.ndarray, (0, 0, 0))
    back = aa_ref.downsample_adjoint(y, 0.25, (100, 90))
    assert back.chunks == ((1, 1, 1), (32, 28, 32, 8), (48, 42))
    tiny = da.zeros(20, chunks=2)
    assert aa_ref.downsample(tiny, 0.25, axes=0).chunks == ((1,) * 5,)  # half hold no centre


def test_a_chunk_takes_slabs_of_its_neighbours():
    seen = []

    def note(block):
        return block

    x = da.from_array(np.ones((200, 300), np.float32), chunks=100).map_blocks(note)
    y = aa_ref.downsample(x, 0.25)
    graph = dict(y.dask.layers[y.name])
    for key, task in graph.items():
        if key[0] == y.name:
            seen += [d[0] for d in task.dependencies if d[0] == x.name]
            assert (x.name, *key[1:]) in task.dependencies
    assert len(seen) == 6  # its own block, of the six there are
    slabs = [v for k, v in y.dask.items() if str(k[0]).startswith(("sides", "corners"))]
    assert len(slabs) == 12
    key = (f"sides-of-{y.name}", 0, 1)
    values = dask.get(y.dask, key)
    assert sum(v.size for v in values.values()) < 4 * 100 * 11


@pytest.mark.parametrize("boundary", ["zeros", "replicate", "reflect", "circular"])
@pytest.mark.parametrize(("scale", "sampling"), [(0.25, "slice"), (0.3, "slice"), (0.4, "nearest")])
def test_the_middle_of_a_chunk_reads_its_home_alone(boundary, scale, sampling):
    plan = aa_ref.plan((200,), scale, axes=0, boundary=boundary, sampling=sampling)
    sizes = (50, 37, 63, 50)
    edges = np.cumsum((0, *sizes))
    for chunk in chunks_of_outputs(plan, 0, sizes):
        lo, hi = chunk.middle
        at_end = chunk.home in (0, len(sizes) - 1)
        if boundary == "circular" and at_end:  # two ranges, copied together
            continue
        ((begin, end),) = plan.part({0: (lo, hi)}).inputs[0]
        assert edges[chunk.home] <= begin < end <= edges[chunk.home + 1]
        most = (chunk.hi - chunk.lo) - (hi - lo)
        assert most <= 2 * (plan.axes[0].radius // plan.axes[0].stride + 1)


def test_names_are_those_of_the_call():
    x = da.zeros((64, 64), chunks=20, dtype="float32")
    one, same = aa_ref.downsample(x, 0.25), aa_ref.downsample(x, 0.25, sigma=None)
    assert one.name == same.name
    assert tokenize(one) == tokenize(same)
    others = [
        aa_ref.downsample(x, Fraction(1, 4)),
        aa_ref.downsample(x, 0.25, boundary="reflect"),
        aa_ref.downsample(x, 0.25, dtype="float64"),
        aa_ref.downsample(x, 0.25, backend="numpy"),
        aa_ref.downsample(x + 1, 0.25),
        aa_ref.downsample_adjoint(one, 0.25, (64, 64)),
    ]
    assert len({one.name, *(y.name for y in others)}) == 1 + len(others)
    again = pickle.loads(pickle.dumps(one))
    assert again.name == one.name
    assert_same_bits(again.compute(), one.compute())


def test_only_wanted_chunks_are_computed():
    x = da.from_array(np.ones((400, 400), np.float32), chunks=100)
    y = aa_ref.downsample(x, 0.25)[:10, :10]
    (optimised,) = dask.optimize(y)
    names = {k[:1] for k in optimised.dask if isinstance(k, tuple) and k[0] == x.name}
    assert len(names) <= 4
    assert_same_bits(
        y.compute(), aa_ref.downsample(np.ones((400, 400), np.float32), 0.25)[:10, :10]
    )


def test_in_a_task_one_thread_works(monkeypatch):
    seen = []
    call = aa_ref.Part.__call__

    def noting(self, *arguments, **options):
        seen.append(aa_ref.get_num_threads())
        return call(self, *arguments, **options)

    monkeypatch.setattr(aa_ref.Part, "__call__", noting)
    aa_ref.downsample(da.zeros((4, 30, 30), chunks=(1, 30, 30)), 0.5).compute(scheduler="threads")
    assert seen == [1] * 4


def test_one_warning_at_the_callers_line():
    x = da.zeros((40, 30), chunks=10)
    with pytest.warns(UserWarning, match="keep all their samples") as caught:
        y = aa_ref.downsample(x, 0.75)
    assert [w.filename for w in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y.compute()


def test_xarray():
    values = np.random.default_rng(0).random((3, 64, 50), np.float32)
    x = xarray.DataArray(values, dims=("time", "y", "x")).chunk(time=1, y=20, x=50)
    y = xarray.apply_ufunc(
        aa_ref.downsample, x, 0.25, input_core_dims=[["y", "x"], []], dask="allowed",
        output_core_dims=[["y", "x"]], exclude_dims={"y", "x"},
    )  # fmt: skip
    assert isinstance(y.data, da.Array)
    assert y.chunksizes["time"] == (1, 1, 1)
    assert_same_bits(y.compute().values, aa_ref.downsample(values, 0.25))


X, G = da.zeros((40, 30), chunks=10, dtype="float32"), da.zeros((20, 15), chunks=10)
UNKNOWN = X[X[:, 0] >= 0]
ERRORS = [
    (lambda: aa_ref.downsample(UNKNOWN, 0.5), "ShapeError", ["nan", "unknown", "compute_chunk_si"]),
    (lambda: aa_ref.downsample_adjoint(UNKNOWN, 0.5, (40, 60)), "ShapeError", ["unknown sizes"]),
    (lambda: aa_ref.pyramid(UNKNOWN), "ShapeError", ["unknown sizes", "compute_chunk_sizes"]),
    (lambda: aa_ref.downsample(X, 0.5, out=np.zeros(1)), "OutError", ["out is given", "to_zarr"]),
    (lambda: aa_ref.downsample(np.ones((9, 9)), 0.5, out=X), "OutError", ["Dask array", "leave"]),
    (lambda: aa_ref.pyramid(X, (1, 0.5), out=[None, X]), "OutError", ["out is given", "store"]),
    (lambda: aa_ref.downsample(X, 0.5, stream=0), "StreamError", ["stream is given", "leave it"]),
    (lambda: aa_ref.downsample(X, 0.5, backend="fast"), "UnknownBackendError", ["fast", "numba"]),
    (lambda: aa_ref.downsample(X.astype("int64"), 0.5), "DtypeError", ["array's type", "int64"]),
    (lambda: aa_ref.downsample(X, 2), "ScaleError", ["2", "(0, 1]", "1/2"]),
    (lambda: aa_ref.pyramid(X, 0.5), "ScaleError", ["0.5", "no sequence", "each level"]),
    (lambda: aa_ref.downsample(da.ma.masked_equal(X, 0), 0.5), "ContainerError", ["ma.filled"]),
    (
        lambda: aa_ref.downsample_adjoint(G.astype("uint8"), 0.5, (40, 30)),
        "DtypeError",
        ["floating-point", "uint8", "astype"],
    ),
    (lambda: aa_ref.downsample_adjoint(G, 0.5, (40,)), "ShapeError", ["(40,)", "1 length(s)", "2"]),
    (
        lambda: aa_ref.downsample_adjoint(G, 0.5, (42, 30)),
        "ShapeError",
        ["(42, 30)", "(21, 15)", "(20, 15)"],
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), ERRORS, ids=range(len(ERRORS)))
def test_errors_come_at_once_and_say_what_to_write(call, error, words):
    with pytest.raises(getattr(aa_ref.errors, error)) as raised:
        call()
    for word in words:
        assert word in str(raised.value)


def test_arrays_of_no_graph_go_where_they_belong():
    x = np.random.default_rng(0).random((30, 40), np.float32)
    assert_same_bits(aa_ref_dask.downsample(x, 0.5), aa_ref.downsample(x, 0.5))
    assert_same_bits(aa_ref_dask.pyramid(x, [0.5])[0], aa_ref.downsample(x, 0.5))
    g = aa_ref.downsample(x, 0.5)
    ours = aa_ref_dask.downsample_adjoint(g, 0.5, x.shape)
    assert_same_bits(ours, aa_ref.downsample_adjoint(g, 0.5, x.shape))
