"""The core's functions on PyTorch's tensors on a GPU: types, strides, streams, graphs.

Where the CUDA backend has a GPU, a PyTorch that was built for CUDA and finds none is a failure.
"""

import gc
from typing import Any

import pytest
from support import TYPES, assert_same_bits

import aa_ref

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]  # torch's own are no failure


@pytest.fixture
def torch() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if torch.version.cuda is None:
        pytest.skip("this PyTorch was built without CUDA")
    assert torch.cuda.is_available(), "PyTorch cannot use the GPU"
    return torch


@pytest.mark.parametrize("dtype", TYPES)
def test_tensors_stay_on_the_device(torch: Any, dtype: str) -> None:
    x = torch.randn(2, 3, 70, 90, device="cuda")
    x = (x * 60 + 128).clamp(0, 255).to(getattr(torch, dtype))
    y = aa_ref.downsample(x, 0.25)
    assert (type(y), y.device, y.dtype) == (torch.Tensor, x.device, x.dtype)
    assert_same_bits(y, aa_ref.downsample(x.cpu(), 0.25))


def test_channels_last_stays_so(torch: Any) -> None:
    x = torch.randn(2, 3, 64, 80, device="cuda").to(memory_format=torch.channels_last)
    y = aa_ref.downsample(x, 0.5)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert_same_bits(y, aa_ref.downsample(x.cpu(), 0.5))


def test_the_current_stream_is_used_without_waiting(torch: Any) -> None:
    x = torch.zeros(64, 3, 512, 512, device="cuda")
    expected = aa_ref.downsample(torch.ones(1, 1, 512, 512), 0.5)
    aa_ref.downsample(x, 0.5)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(200_000_000)  # a kernel that takes long, then the input's new values
        x.fill_(1)
        y = aa_ref.downsample(x, 0.5)
        assert not stream.query(), "the call waited"
    stream.synchronize()
    assert_same_bits(y[5, 1], expected[0, 0])


def test_the_stream_given_is_used_without_waiting(torch: Any) -> None:
    x = torch.zeros(64, 3, 512, 512, device="cuda")
    expected = aa_ref.downsample(torch.ones(1, 1, 512, 512), 0.5)
    aa_ref.downsample(x, 0.5)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(200_000_000)
        x.fill_(1)
    y = aa_ref.downsample(x, 0.5, stream=stream)
    assert torch.cuda.current_stream().query(), "another stream has work"
    assert not stream.query(), "the call waited"
    stream.synchronize()
    assert_same_bits(y[5, 1], expected[0, 0])


@pytest.mark.parametrize("scale", [0.25, 0.2], ids=["strips", "tiles"])
def test_capture_in_a_graph(torch: Any, scale: float) -> None:
    x = torch.randn(2, 3, 64, 64, device="cuda")
    out = aa_ref.downsample(x, scale)  # compiles
    back = aa_ref.downsample_adjoint(out, scale, (64, 64))
    torch.cuda.synchronize()
    gc.collect()  # what earlier tests left would be freed during the capture, and end it
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        aa_ref.downsample(x, scale, out=out)
        aa_ref.downsample_adjoint(out, scale, (64, 64), out=back)
    x.copy_(torch.randn_like(x))
    graph.replay()
    torch.cuda.synchronize()
    expected = aa_ref.downsample(x.cpu(), scale)
    assert_same_bits(out, expected)
    assert_same_bits(back, aa_ref.downsample_adjoint(expected, scale, (64, 64)))
