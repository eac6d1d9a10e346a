"""The CUDA backend on a GPU: the table of properties, large arrays, and what PyTorch does with it.

``pytest -m gpu`` runs these alone. Without a GPU they are skipped; `test_simulator.py` and
`test_kernel_code.py` say what can be said then.
"""

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import FLOATS, Case
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import TYPES, assert_same_bits, sample
from test_backends import LARGE, PROPERTIES
from views import VIEWS, check_view

import aa_ref
from aa_ref import backends

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning"),
]


@pytest.fixture(params=["copied", "where they lie"])
def lying(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of the host are copied to the GPU without their gaps, or with them."""
    if request.param != "copied":
        pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")
        from lying import WhereTheyLie

        monkeypatch.setitem(backends._loaded, "cuda", WhereTheyLie())


@pytest.mark.usefixtures("lying")
@pytest.mark.parametrize(("check", "strategy"), PROPERTIES, ids=[p[0].__name__ for p in PROPERTIES])
def test_property(check: Callable[[str, Case], None], strategy: st.SearchStrategy[Case]) -> None:
    given(case=strategy)(lambda case: check("cuda", case))()


@pytest.mark.usefixtures("lying")
@pytest.mark.parametrize("lying", ["where they lie"], indirect=True)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("shape", "scale", "options"),
    [
        ((3, 301, 2052), 0.5, {}),
        ((2, 301, 1028), 0.125, {"boundary": "reflect"}),
        ((301, 644, 3), 0.25, {"axes": (0, 1)}),
        ((3, 301, 1021), 0.2, {"boundary": "circular"}),
        ((301, 643, 3), 0.2, {"axes": (0, 1)}),
    ],
)
def test_view(shape: tuple[int, ...], scale: float, options: dict[str, Any], view: str) -> None:
    check_view(shape, scale, options, view)


HUGE = [
    # label, shape, scale, options: whole strips and chunks, and beyond 65,535 planes
    ("planes", (3, 1021, 2048), 0.5, {}),
    ("planes, rows at any address", (3, 1021, 2047), 0.25, {}),
    ("planes, reflect", (2, 1500, 1537), 0.125, {"boundary": "reflect"}),
    ("planes, circular", (2, 700, 1536), 1 / 3, {"boundary": "circular"}),
    ("interleaved", (1021, 1023, 3), 0.5, {"axes": (0, 1)}),
    ("interleaved, replicate", (640, 512, 4), 0.25, {"axes": (0, 1), "boundary": "replicate"}),
    ("many planes", (70_001, 9, 16), 0.5, {}),
    ("planes in tiles", (3, 1021, 2047), 0.2, {}),
    ("planes in tiles, circular", (2, 700, 1536), 0.5, {"boundary": "circular", "sigma": 3}),
    (
        "planes in tiles, nearest",
        (2, 701, 1537),
        0.3,
        {"sampling": "nearest", "boundary": "reflect"},
    ),
    ("interleaved in tiles", (640, 513, 3), (0.2, 0.3), {"axes": (0, 1), "boundary": "replicate"}),
    ("many planes in tiles", (70_001, 9, 16), 0.2, {}),
    ("one axis after the other", (300, 1200), 1, {"sigma": (20, 200)}),
]


by_case = pytest.mark.parametrize(
    ("label", "shape", "scale", "options"), [*LARGE, *HUGE], ids=[c[0] for c in [*LARGE, *HUGE]]
)


@by_case
@pytest.mark.parametrize("dtype", TYPES)
def test_large_forward(
    label: str, shape: tuple[int, ...], scale: Any, options: dict[str, Any], dtype: str
) -> None:
    x = sample(shape, dtype)
    expected = aa_ref.downsample(x, scale, **options, backend="numba")
    assert_same_bits(aa_ref.downsample(x, scale, **options, backend="cuda"), expected)


@by_case
@pytest.mark.parametrize("dtype", FLOATS)
def test_large_adjoint(
    label: str, shape: tuple[int, ...], scale: Any, options: dict[str, Any], dtype: str
) -> None:
    p = aa_ref.plan(shape, scale, input_dtype=dtype, **options)
    g = sample(p.out_shape, dtype)
    assert_same_bits(p.adjoint(g, backend="cuda"), p.adjoint(g, backend="numba"))


def test_more_than_two_to_the_31_elements() -> None:
    shape = (3, 2**15 + 8, 2**15)
    x = np.zeros(shape, np.uint8)
    x[:, :40], x[:, -40:] = 7, sample((3, 40, 2**15), "uint8")
    y = aa_ref.downsample(x, 0.125, backend="cuda")
    assert_same_bits(y, aa_ref.downsample(x, 0.125, backend="numba"))


# ------------------------------------------------------------------------------ PyTorch


@pytest.fixture
def torch() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    return torch


def on_host(x: Any) -> NDArray[Any]:
    return x.float().cpu().numpy() if "bfloat16" in str(x.dtype) else x.cpu().numpy()


@pytest.mark.parametrize("dtype", TYPES)
def test_tensors_stay_on_the_device(torch: Any, dtype: str) -> None:
    x = torch.randn(2, 3, 70, 90, device="cuda")
    x = (x * 60 + 128).clamp(0, 255).to(getattr(torch, dtype))
    y = aa_ref.downsample(x, 0.25)
    assert (type(y), y.device, y.dtype) == (torch.Tensor, x.device, x.dtype)
    assert_same_bits(on_host(y), on_host(aa_ref.downsample(x.cpu(), 0.25)))


def test_channels_last_stays_so(torch: Any) -> None:
    x = torch.randn(2, 3, 64, 80, device="cuda").to(memory_format=torch.channels_last)
    y = aa_ref.downsample(x, 0.5)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert_same_bits(on_host(y), on_host(aa_ref.downsample(x.cpu(), 0.5)))


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
    assert_same_bits(on_host(y[5, 1]), on_host(expected[0, 0]))


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
    assert_same_bits(on_host(y[5, 1]), on_host(expected[0, 0]))


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
    assert_same_bits(on_host(out), on_host(expected))
    assert_same_bits(on_host(back), on_host(aa_ref.downsample_adjoint(expected, scale, (64, 64))))


def test_numbas_own_arrays() -> None:
    from aa_ref.backends.cuda.toolkit import cuda

    x = sample((3, 40, 50))
    y = aa_ref.downsample(cuda.to_device(x), 0.5)
    assert_same_bits(y.copy_to_host(), aa_ref.downsample(x, 0.5))
