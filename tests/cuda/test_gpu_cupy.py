"""CuPy's arrays on a GPU: types, layouts, results of the caller's, streams, memory of CuPy's."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import TYPES, assert_same_bits, sample

import aa_ref

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("error::DeprecationWarning:aa_ref")]

SHAPE = (3, 70, 92)
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "whole": lambda x: x,
    "a part": lambda x: x[1:, 2:63:3, 1:],
    "backwards": lambda x: x[:, ::-1, ::-2],
    "first axis last in memory": lambda x: x.transpose(1, 2, 0).copy().transpose(2, 0, 1),
}


@pytest.fixture(scope="module")
def cupy(request: pytest.FixtureRequest) -> Any:
    if request.config.pluginmanager.has_plugin("answering"):
        pytest.skip("the stand-in for a GPU is none for CuPy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it imports is none of ours
        found = pytest.importorskip("cupy", reason="CuPy is not installed")
        assert found.cuda.runtime.getDeviceCount(), "CuPy finds no GPU"
        found.zeros(1)  # loads what it compiles with
    return found


def on_host(cupy: Any, y: Any) -> NDArray[Any]:
    assert type(y) is cupy.ndarray
    return np.asarray(cupy.asnumpy(y))


@pytest.mark.parametrize("dtype", [name for name in TYPES if name != "bfloat16"])
def test_arrays_stay_on_the_device(cupy: Any, dtype: str) -> None:
    x = sample(SHAPE, dtype)
    y = aa_ref.downsample(cupy.asarray(x), 0.25)
    assert_same_bits(on_host(cupy, y), aa_ref.downsample(x, 0.25, backend="numpy"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_there_and_back(cupy: Any, layout: str) -> None:
    x = sample(SHAPE)
    there, here = LAYOUTS[layout](cupy.asarray(x)), LAYOUTS[layout](x)
    p = aa_ref.plan(here.shape, 0.5, boundary="reflect")
    y, expected = p(there), p(here, backend="numpy")
    assert_same_bits(on_host(cupy, y), expected)
    back = p.adjoint(y)
    assert_same_bits(on_host(cupy, back), p.adjoint(expected, backend="numpy"))


def test_pyramids_into_arrays_of_the_callers(cupy: Any) -> None:
    x, scales = sample(SHAPE), (0.5, 0.25, 0.125)
    expected = aa_ref.pyramid(x, scales, backend="numpy")
    outs = [cupy.zeros(level.shape, level.dtype) for level in expected]
    found = aa_ref.pyramid(cupy.asarray(x), scales, out=outs)
    for got, out, level in zip(found, outs, expected, strict=True):
        assert got is out
        assert_same_bits(on_host(cupy, out), level)


@pytest.mark.parametrize("given", [False, True], ids=["the current one", "a given one"])
def test_streams(cupy: Any, given: bool) -> None:
    """What a stream still has to write is what a later call on that stream reads."""
    big = sample((32, 512, 512))
    x, filled = cupy.zeros(big.shape, big.dtype), cupy.asarray(big)
    aa_ref.downsample(x, 0.5)  # compiles
    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.Device().synchronize()
    with stream:
        for _ in range(50):
            cupy.copyto(x, filled + cupy.float32(1))
        cupy.copyto(x, filled)
        y = None if given else aa_ref.downsample(x, 0.5)
    if given:
        y = aa_ref.downsample(x, 0.5, stream=stream)
    stream.synchronize()
    expected = aa_ref.downsample(big, 0.5, backend="numpy")
    assert_same_bits(on_host(cupy, y), expected)
