"""Dask arrays of CuPy's chunks, and parts of plans on a GPU. Run by `test_simulator.py`.

The stand-in for CuPy's arrays has its samples in the host's memory, and can be indexed; as CuPy's,
it takes no arrays of NumPy as indices.
"""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import dask.array as da
import numpy as np
import pytest
from simulated_arrays import OnGpu
from support import assert_same_bits

import aa_ref
from aa_ref.backends.cuda import launch
from aa_ref.errors import DeviceError, StreamError


class Indexed(OnGpu):
    """With what Dask and this package ask of arrays besides."""

    __module__ = "cupy"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def ndim(self) -> int:
        return self.values.ndim

    @property
    def size(self) -> int:
        return self.values.size

    def copy(self) -> "Indexed":
        return Indexed(self.values.copy())

    def __getitem__(self, index: Any) -> "Indexed":
        assert not any(isinstance(i, np.ndarray) for i in np.atleast_1d(np.array(index, object)))
        return Indexed(self.values[index])

    def __setitem__(self, index: Any, values: Any) -> None:
        self.values[index] = values.values if isinstance(values, Indexed) else values

    def __array_function__(self, function: Any, _: Any, arguments: Any, options: Any) -> Any:
        plain = [a.values if isinstance(a, Indexed) else a for a in arguments]
        assert function in (np.empty_like, np.concatenate), function
        if function is np.concatenate:
            plain[0] = [b.values for b in plain[0]]
        return Indexed(function(*plain, **options))

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("CuPy copies nothing to the host unless told to")


@pytest.fixture(autouse=True)
def cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("cupy")
    package.empty = lambda shape, dtype: Indexed(np.full(shape, 77, dtype))
    package.cuda = SimpleNamespace(get_current_stream=lambda device: SimpleNamespace(ptr=71))
    monkeypatch.setitem(sys.modules, "cupy", package)
    monkeypatch.setattr(launch.cuda, "external_stream", lambda _: SimpleNamespace())


OPTIONS = [
    {"scale": 0.5, "boundary": "circular"},
    {"scale": 0.4, "sampling": "nearest", "boundary": "reflect"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=["slice", "nearest"])
def test_chunks_of_cupys(options: dict[str, Any]) -> None:
    x = np.random.default_rng(0).random((2, 19, 14), np.float32)
    chunks = (2, (8, 11), 7)
    lazy = da.from_array(Indexed(x), chunks=chunks, asarray=False, name="x", meta=Indexed(x[:0]))
    lazy = aa_ref.downsample(lazy, **options)
    assert isinstance(lazy._meta, Indexed)
    blocks = [b.compute(scheduler="sync") for b in lazy.to_delayed().ravel()]
    assert {type(b) for b in blocks} == {Indexed}
    rows = [np.concatenate([b.values for b in row], axis=2) for row in (blocks[:2], blocks[2:])]
    found = np.concatenate(rows, axis=1)
    assert_same_bits(found, aa_ref.downsample(x, **options, backend="numpy"))


@pytest.mark.parametrize("options", OPTIONS, ids=["slice", "nearest"])
def test_parts_on_a_gpu(options: dict[str, Any]) -> None:
    x = np.random.default_rng(0).random((2, 19, 14), np.float32)
    plan = aa_ref.plan(x.shape, **options)
    whole = plan(x, backend="numpy")
    part = plan.part({1: (3, 6), 2: (2, 4)})
    ((rows,), (columns,)) = part.inputs[1:]
    y = part(Indexed(x)[:, slice(*rows), slice(*columns)])
    assert_same_bits(y.values, whole[:, 3:6, 2:4])
    out = Indexed(np.zeros(part.out_shape, np.float32))
    assert part(Indexed(x)[:, slice(*rows), slice(*columns)], out=out) is out
    assert_same_bits(out.values, whole[:, 3:6, 2:4])
    g = np.zeros_like(whole)
    g[:, 3:6, 2:4] = whole[:, 3:6, 2:4]
    back = plan.adjoint(g, backend="numpy")[:, slice(*rows), slice(*columns)]
    assert_same_bits(part.adjoint(y).values, back)
    with pytest.raises(StreamError, match="copies arrays of a GPU"):
        part.adjoint(y, stream=71)
    with pytest.raises(DeviceError, match="on a GPU"):
        part.adjoint(y, backend="numba")
