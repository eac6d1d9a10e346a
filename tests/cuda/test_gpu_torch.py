"""The torch plugin on a GPU's tensors: derivatives, batching, compiling, streams, threads, graphs.

Each is held against the same on the CPU, to the bit. What needs no GPU is in ``tests/plugins``.
"""

import gc
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from support import assert_same_bits

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]  # torch's own are no failure

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

SCALES = {"strips": 0.5, "wide strips": 0.125, "tiles": 0.2, "nearest": (0.3, 0.4)}
LAYOUTS = {
    "plane by plane": torch.contiguous_format,
    "channels last": torch.channels_last,
}
by_scale = pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)


@pytest.fixture
def plugin() -> Any:
    return pytest.importorskip("aa_ref_torch", reason="the torch plugin is not installed")


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """Where tensors are; without a GPU, where `answering` stands in for it, on the CPU."""
    if request.config.pluginmanager.has_plugin("answering"):
        return "cpu"
    return on_a_gpu()


@pytest.fixture
def gpu(request: pytest.FixtureRequest) -> str:
    """Where tensors are, in tests of what only a GPU has."""
    if request.config.pluginmanager.has_plugin("answering"):
        pytest.skip("the stand-in for a GPU is none for PyTorch")
    return on_a_gpu()


def on_a_gpu() -> str:
    if torch.version.cuda is None:
        pytest.skip("this PyTorch was built without CUDA")
    assert torch.cuda.is_available(), "PyTorch cannot use the GPU"
    return "cuda"


def normal(*shape: int, seed: int = 0, dtype: Any = None) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def check(function: Callable[[Any], Any], x: Any, place: str) -> None:
    """Value and gradient for x, which lies on the CPU, have the bits that they have there."""
    found = []
    for where in (place, "cpu"):
        leaf = x.detach().to(where, copy=True).requires_grad_()
        y = function(leaf)
        assert y.device == leaf.device
        y.backward(normal(*y.shape, seed=1).to(y))
        found.append((y.cpu(), leaf.grad.cpu()))
    for got, expected in zip(*found, strict=True):
        assert_same_bits(got, expected)


@by_scale
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_autograd(plugin: Any, place: str, scale: Any, layout: Any) -> None:
    x = normal(2, 3, 70, 92).to(memory_format=layout)
    sampling = "nearest" if isinstance(scale, tuple) else "slice"
    check(lambda t: plugin.downsample(t, scale, sampling=sampling), x, place)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_autograd_of_other_types(plugin: Any, place: str, dtype: str) -> None:
    x = normal(2, 3, 35, 46).to(getattr(torch, dtype))
    check(lambda t: plugin.downsample(t, 0.25, boundary="reflect"), x, place)


def test_layers(plugin: Any, place: str) -> None:
    layer = plugin.AntiAliasInterpolation2d(3, 0.25)
    check(lambda t: layer.to(t.device)(t), normal(2, 3, 70, 92), place)


def test_pyramids(plugin: Any, place: str) -> None:
    layers = plugin.ImagePyramide((1, 0.5, 0.25, 0.125), 3)

    def joined(x: Any) -> Any:
        return torch.cat([level.flatten() for level in layers.to(x.device)(x).values()])

    check(joined, normal(2, 3, 64, 96), place)


def test_the_adjoint_is_an_operator_too(plugin: Any, place: str) -> None:
    check(lambda t: plugin.downsample_adjoint(t, 0.5, (31, 46)), normal(2, 3, 16, 23), place)


@by_scale
def test_gradients_of_gradients(plugin: Any, place: str, scale: Any) -> None:
    sampling = "nearest" if isinstance(scale, tuple) else "slice"
    x = normal(1, 2, 9, 11, dtype=torch.float64).to(place).requires_grad_()

    def function(t: Any) -> Any:
        return plugin.downsample(t, scale, sampling=sampling)

    assert torch.autograd.gradcheck(function, x, fast_mode=True, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(function, x, fast_mode=True)


def test_vmap(plugin: Any, place: str) -> None:
    x = normal(4, 3, 34, 46)
    batched = torch.func.vmap(lambda t: plugin.downsample(t, 0.5), in_dims=1, out_dims=1)
    assert_same_bits(batched(x.to(place)), plugin.downsample(x, 0.5))


def test_jvp(plugin: Any, place: str) -> None:
    x, tangent = normal(2, 34, 46), normal(2, 34, 46, seed=1)
    y, along = torch.func.jvp(
        lambda t: plugin.downsample(t, 0.5), (x.to(place),), (tangent.to(place),)
    )
    assert_same_bits(y, plugin.downsample(x, 0.5))
    assert_same_bits(along, plugin.downsample(tangent, 0.5))


def compiled_alike(plugin: Any, place: str, **options: Any) -> None:
    torch.compiler.reset()
    plain = plugin.downsample
    function = torch.compile(lambda t: plain(t * 2, 0.5).relu(), fullgraph=True, **options)
    for seed in range(3):  # graphs are captured in the second call
        x = normal(2, 3, 34, 46, seed=seed)
        leaf, host = (x.to(where, copy=True).requires_grad_() for where in (place, "cpu"))
        y, expected = function(leaf), plain(host * 2, 0.5).relu()
        assert_same_bits(y, expected)
        y.sum().backward()
        expected.sum().backward()
        assert_same_bits(leaf.grad, host.grad)


def test_compiled_without_code_of_its_own(plugin: Any, place: str) -> None:
    compiled_alike(plugin, place, backend="aot_eager")


@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_compiled(plugin: Any, gpu: str, mode: str) -> None:
    compiled_alike(plugin, gpu, mode=mode)


def test_streams(plugin: Any, gpu: str) -> None:
    expected = plugin.downsample(torch.ones(1, 1, 512, 512), 0.5)
    x = torch.zeros(64, 3, 512, 512, device=gpu)
    plugin.downsample(x, 0.5)  # compiles
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(200_000_000)  # a kernel that takes long, then the input's new values
        x.fill_(1)
        y = plugin.downsample(x, 0.5)
        assert not stream.query(), "the call waited"
    stream.synchronize()
    assert_same_bits(y[5, 1], expected[0, 0])


def test_threads(plugin: Any, place: str) -> None:
    """Each with a stream of its own, forward and backward."""
    wrong: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            x = normal(3, 64, 64, seed=seed)
            if place == "cuda":
                with torch.cuda.stream(torch.cuda.Stream()):
                    for _ in range(20):
                        check(lambda t: plugin.downsample(t, 0.5), x, place)
            else:
                check(lambda t: plugin.downsample(t, 0.5), x, place)
        except BaseException as error:
            wrong.append(error)

    threads = [Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@by_scale
def test_graphs(plugin: Any, gpu: str, scale: Any) -> None:
    """The layer's forward, captured once: see ``docs/torch.md``."""
    sampling = "nearest" if isinstance(scale, tuple) else "slice"
    x = normal(2, 3, 64, 64).to(gpu)
    plugin.downsample(x, scale, sampling=sampling)  # compiles
    torch.cuda.synchronize()
    gc.collect()  # what earlier tests left would be freed during the capture, and end it
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = plugin.downsample(x, scale, sampling=sampling)
    x.copy_(normal(2, 3, 64, 64, seed=1))
    graph.replay()
    torch.cuda.synchronize()
    assert_same_bits(y, plugin.downsample(x.cpu(), scale, sampling=sampling))


@pytest.mark.parametrize("scale", [0.5, 0.2], ids=["strips", "tiles"])
def test_a_layer_captured_in_a_graph(plugin: Any, gpu: str, scale: float) -> None:
    layer, x = plugin.AntiAliasInterpolation2d(3, scale).to(gpu), normal(8, 3, 64, 96).to(gpu)
    layer(x)  # compiles
    torch.cuda.synchronize()
    gc.collect()
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        y = layer(x)
    x.copy_(normal(8, 3, 64, 96, seed=1))
    graph.replay()
    torch.cuda.synchronize()
    assert_same_bits(y, plugin.downsample(x.cpu(), scale))


def test_training_in_a_graph(plugin: Any, gpu: str) -> None:
    def function(x: Any) -> Any:
        return plugin.downsample(x, 0.5)

    example = torch.randn(2, 3, 64, 64, device=gpu, requires_grad=True)
    captured = torch.cuda.make_graphed_callables(function, (example,))
    check(lambda t: (captured if t.is_cuda else function)(t), normal(2, 3, 64, 64), gpu)
