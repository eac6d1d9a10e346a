"""The benchmark on a GPU that a fake stands in for: events, rotation, who takes part."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from bench_helpers import GPU, TINY, Clock, FakeDevice, FakeEvent, case

from aa_ref.bench.cases import Case
from aa_ref.bench.cuda import contenders, host_calls, rotation, tensors
from aa_ref.bench.cuda import peer_contenders as peers_on_cuda
from aa_ref.bench.cuda.device import open_device
from aa_ref.bench.cuda.events import EventClock
from aa_ref.bench.cuda.issue import instructions, issue_rate
from aa_ref.bench.cuda.peer_contenders import replay_of
from aa_ref.bench.cuda.rotation import buffers_for, rotating
from aa_ref.bench.cuda.selections import HUNDREDS, SMALL, large, of_targets, quick, standard
from aa_ref.bench.errors import BenchError
from aa_ref.bench.inputs import input_of
from aa_ref.bench.page import page_of
from aa_ref.bench.peer_contenders import chosen, tried
from aa_ref.bench.running import Run, measure, measure_case
from aa_ref.bench.timing import Effort, Entrant, interleave


@pytest.fixture
def small(monkeypatch):
    """What takes hundreds of megabytes, with a few samples."""
    monkeypatch.setattr(rotation, "LEAST", 20_000)
    monkeypatch.setattr(host_calls, "LITTLE", 0)


@pytest.fixture(autouse=True)
def graphs(monkeypatch):
    """CUDA graphs are lists of calls; how many each has."""
    lengths = []

    def replay_of(torch, calls):
        lengths.append(len(calls))
        return lambda: [call() for call in calls][-1]

    for module in (peers_on_cuda, tensors):
        monkeypatch.setattr(module, "replay_of", replay_of)
    return lengths


def on_fake(of, *peers, device=None):
    return measure_case(of, Run([], peers, effort=TINY, device=device or FakeDevice()))


# ------------------------------------------------------------------------------ events


def test_moments_are_milliseconds_apart_and_the_later_is_waited_for():
    device = FakeDevice()
    begin = device.clock()
    device.now += 2.5
    end = device.clock()
    assert end - begin == 2.5


def test_a_turn_is_between_two_events_and_waited_for_once():
    log = []

    class Event(FakeEvent):
        def record(self):
            log.append("record")
            super().record()

        def synchronize(self):
            log.append("wait")
            super().synchronize()

    device = FakeDevice()

    def call():
        log.append("call")
        device.now += 0.25

    clock = EventClock(lambda: Event(device))
    (found,) = interleave([Entrant(call, lambda: None)], Effort(2, 0.26, 100.0, 1), clock)
    assert (found.median, found.repeats) == (0.25, 2)
    assert log[-5:] == ["record", "call", "call", "record", "wait"]


def test_a_call_that_does_it_many_times_is_divided():
    device = FakeDevice()

    def graph():
        device.now += 6.0

    (found,) = interleave(
        [Entrant(graph, lambda: None, calls=3)], Effort(4, 1.0, 100.0, 2), device.clock
    )
    assert (found.median, found.repeats, found.rounds) == (2.0, 3, 4)


def test_an_entrant_may_have_its_own_clock():
    own = Clock()
    entrant = Entrant(own.lasting(0.5), lambda: None, clock=own)
    (found,) = interleave([entrant], Effort(3, 0.1, 100.0, 1), FakeDevice().clock)
    assert found.median == 0.5


# ---------------------------------------------------------------------------- rotation


@pytest.mark.parametrize(
    ("size", "cache", "count"),
    [
        ((64, 1024, 1024), 50 << 20, 2),  # as large as all has to be, and still two
        ((16, 1024, 1024), 0, 4),  # 64 MiB, and 16 MiB of results
        ((16, 1024, 1024), 100 << 20, 5),
        ((1, 8, 8), 0, 256),
    ],
)
def test_buffers_exceed_the_cache_several_times(size, cache, count):
    of = case(size=size)
    assert buffers_for(of, cache) == count
    together = count * (of.large_bytes + of.small_bytes)
    assert together >= max(256 << 20, 4 * cache) or count == rotation.MOST


def test_calls_take_turns():
    seen = []
    call = rotating([lambda i=i: seen.append(i) for i in range(3)])
    for _ in range(7):
        call()
    assert seen == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("direction", ["forward", "adjoint", "pyramid"])
def test_no_call_has_the_buffers_of_the_one_before(direction, monkeypatch, small):
    of = case(direction, (3, 80, 100), (0.25, 0.5) if direction == "pyramid" else (0.25,))
    device, seen = FakeDevice(), []
    original = contenders._calls

    def noting(*arguments):
        calls = original(*arguments)
        return [lambda i=i, call=call: (seen.append(i), call()) for i, call in enumerate(calls)]

    monkeypatch.setattr(contenders, "_calls", noting)
    on_fake(of, device=device)
    assert set(seen) == {0, 1}
    assert all(a != b for a, b in pairwise(seen))
    copies = device.copied[1:]  # the first fills the second input
    assert len(set(copies)) == 2
    assert all(a != b for a, b in pairwise(copies))


# ----------------------------------------------------------------------- who takes part


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize("direction", ["forward", "adjoint", "pyramid"])
def test_the_copy_and_ours_take_part(direction, layout, dtype, small):
    if (direction, dtype) == ("adjoint", "uint8"):
        dtype = "float32"
    scales = (0.25, 0.5) if direction == "pyramid" else (0.25,)
    of = case(direction, (3, 80, 100), scales, layout=layout, dtype=dtype)
    block = on_fake(of)
    kinds = {r.name: r.kind for r in block.rows}
    first_level = {"numpy, largest level alone": "yardstick"} if direction == "pyramid" else {}
    assert kinds == {"copy": "copy", "numpy": "ours", **first_level}
    assert block.left_out == {}
    assert block.find("copy").median == of.large_bytes
    assert block.floor(1) == (of.large_bytes + of.small_bytes) / 2


def test_copied_samples_are_random_in_each_buffer(small):
    of, seen = case("adjoint", (3, 80, 100)), []

    class Looking(FakeDevice):
        def copy(self, source, target):
            super().copy(source, target)
            seen.append(target.std())

    on_fake(of, device=Looking())
    assert min(seen) > 0.1


@pytest.mark.parametrize("wrong_call", [0, 1])
def test_wrong_bits_are_not_timed(monkeypatch, small, wrong_call):
    class Wrong(FakeDevice):
        fetched = -1

        def fetch(self, a):
            self.fetched += 1
            return a if self.fetched != wrong_call else np.nextafter(a, np.float32(2))

    block = on_fake(case(size=(3, 32, 40)), device=Wrong())
    assert {r.name for r in block.rows} == {"copy"}
    assert block.left_out["numpy"] == "its bits differ from the CPU's"


def test_a_copy_of_little_says_nothing():
    block = on_fake(case(size=(3, 64, 64)))
    assert block.floor(1) is None
    assert "less time than asking" in block.left_out["copy"]


def test_python_calls_are_timed_by_the_host_on_an_idle_device(monkeypatch):
    device = FakeDevice()
    host = Clock()

    def perf_counter():
        host.now += 0.5
        return host.now

    monkeypatch.setattr(host_calls, "perf_counter", perf_counter)
    block = on_fake(case(size=(3, 16, 16)), device=device)
    row = block.find("Python call")
    assert (row.kind, row.median) == ("yardstick", 0.5 / row.timing.repeats)
    assert device.waits >= row.timing.rounds
    for other in (case(size=(3, 65, 64)), case("adjoint", (3, 16, 16))):
        assert on_fake(other).find("Python call") is None


def test_too_little_memory_on_the_device():
    block = on_fake(case(), device=FakeDevice(free=1 << 20))
    assert block.left_out == {"all": "about 2 MiB of the GPU's memory needed, 1 MiB free"}


def test_the_page_tells_what_ci_gpu_has_seen():
    run = measure(Run([case()], (), effort=TINY, device=FakeDevice()), ".ci/gpu")
    assert "has seen" not in page_of([run])
    stage = {"name": "kernels", "end": "passed", "seconds": 91.4, "passed": 400, "failed": 0,
             "skipped": 2}  # fmt: skip
    gpu = {**GPU, "stages": [stage], "first_calls": {"tiles-nothing compiled": 1.5}}
    page = page_of([replace(run, machine={**run.machine, "gpu": gpu})])
    assert "### What `.ci/gpu` has seen" in page
    assert "| kernels | passed | 91 | 400 | 0 | 2 |" in page
    assert "| tiles-nothing compiled | 1,500 |" in page


def test_measure_tells_which_gpu():
    run = measure(Run([case()], (), effort=TINY, device=FakeDevice()), "command")
    assert run.machine["gpu"] == GPU
    assert run.measured_on == GPU["name"]
    assert {"numba-cuda", "torch"} <= run.versions.keys()
    assert "Pillow" not in run.versions


# -------------------------------------------------------------------------------- torch


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture
def cudnn_as_before(torch):
    names = ("allow_tf32", "benchmark")
    before = [getattr(torch.backends.cudnn, name) for name in names]
    yield
    for name, value in zip(names, before, strict=True):
        setattr(torch.backends.cudnn, name, value)


@pytest.mark.usefixtures("cudnn_as_before")
@pytest.mark.parametrize("size", [(6, 48, 80), (4, 48, 80)])  # two pictures of three; four planes
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_peers_hold_what_they_claim_eagerly_and_in_a_graph(layout, size, graphs, monkeypatch):
    monkeypatch.setattr(rotation, "LEAST", 200_000)
    peers = [p for p in chosen(["torch"], on_cuda=True) if not p.adjoint]
    of = case(size=size, scales=(0.25,), layout=layout)
    block = on_fake(of, *peers)
    kinds = {r.name: r.kind for r in block.rows}
    for peer in peers:
        assert kinds[peer.name] == peer.label
    for name in ("original torch layer", "torch strided conv2d", "torch separable conv2d"):
        assert kinds[name + ", in a graph"] == "same result"
    assert kinds["numpy on torch tensors"] == kinds["numpy on torch tensors, in a graph"]
    assert set(graphs) == {buffers_for(of, 0)}
    assert block.find("original torch layer, in a graph").timing.repeats % graphs[0] == 0


@pytest.mark.usefixtures("cudnn_as_before", "torch")
def test_peers_of_the_adjoint(graphs):
    block = on_fake(case("adjoint", (6, 24, 40), (0.25,)), *chosen(["torch"]))
    kinds = {r.name: r.kind for r in block.rows}
    assert kinds["original torch layer backward"] == kinds["torch conv_transpose2d"]
    assert kinds["torch conv_transpose2d"] == "same result"
    assert graphs == []


@pytest.mark.usefixtures("cudnn_as_before")
def test_planes_are_dealt_out_to_pictures_of_three(torch):
    of = case(size=(6, 24, 40), scales=(0.5,))
    (task,) = peers_on_cuda._tasks(of, input_of(of), "cpu")
    assert task.channels == 3
    (peer,) = chosen(["original torch layer"])
    prepared = tried(peer, torch, task)
    assert prepared.call().shape == (2, 3, 12, 20)
    assert prepared.view(prepared.call()).shape == (6, 12, 20)


@pytest.mark.usefixtures("cudnn_as_before")
def test_convolutions_are_to_round_as_binary32_does(torch):
    torch.backends.cudnn.allow_tf32 = True
    peers_on_cuda.torch_on("cpu")
    assert not torch.backends.cudnn.allow_tf32


def test_torch_without_cuda_is_left_out(torch, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device = FakeDevice()
    device.tensors = "cuda"
    block = on_fake(case(size=(3, 32, 40)), *chosen(["torch"]), device=device)
    for name in ("original torch layer", "numpy on torch tensors"):
        assert "finds no GPU" in block.left_out[name]
    assert block.find("numpy")


@pytest.mark.usefixtures("cudnn_as_before", "torch")
def test_what_cannot_be_captured_is_left_out(monkeypatch):
    def refusing(torch, calls):
        raise RuntimeError("not while capturing\nand more")

    for module in (peers_on_cuda, tensors):
        monkeypatch.setattr(module, "replay_of", refusing)
    block = on_fake(case(size=(3, 32, 40)), *chosen(["original torch layer"]))
    for name in ("original torch layer", "numpy on torch tensors"):
        assert block.left_out[name + ", in a graph"] == "not while capturing"
        assert block.find(name)


@pytest.mark.usefixtures("cudnn_as_before", "torch")
def test_a_graph_that_does_nothing_is_seen(monkeypatch):
    for module in (peers_on_cuda, tensors):
        monkeypatch.setattr(module, "replay_of", lambda torch, calls: lambda: calls[-1]() * 0)
    block = on_fake(case(size=(3, 32, 40)), *chosen(["original torch layer"]))
    assert block.left_out["numpy on torch tensors, in a graph"] == "its bits differ from the CPU's"
    assert block.find("original torch layer, in a graph").kind == "differs"


def test_a_graph_is_captured_once_and_replayed():
    log = []

    class Graph:
        def replay(self):
            log.append("replay")

    class Capture:
        def __init__(self, graph):
            assert isinstance(graph, Graph)

        def __enter__(self):
            log.append("begin")

        def __exit__(self, *_):
            log.append("end")

    cuda = SimpleNamespace(synchronize=lambda: log.append("wait"), CUDAGraph=Graph, graph=Capture)
    calls = [lambda i=i: log.append(i) or i for i in range(2)]
    replay = replay_of(SimpleNamespace(cuda=cuda), calls)
    assert (replay(), replay()) == (1, 1)
    assert log == ["wait", "begin", 0, 1, "end", "replay", "replay"]


def test_peers_are_chosen_among_those_that_compute_on_a_gpu():
    assert {p.library for p in chosen(None, on_cuda=True)} == {"torch", "kornia", "CuPy"}
    assert "CuPy" not in {p.library for p in chosen(None)}
    with pytest.raises(BenchError, match=r"'opencv'.*on a GPU.*torch, kornia"):
        chosen(["opencv"], on_cuda=True)


# --------------------------------------------------------------------- cases, floor, device


@pytest.mark.parametrize("select", [standard, quick, of_targets])
def test_no_case_comes_twice(select):
    cases = select()
    bare = [(c.direction, c.size, c.layout, c.dtype, c.scales) for c in cases]
    assert len(set(bare)) == len(bare)
    assert all(Case.from_json(c.to_json()) == c and c.threads == (1,) for c in cases)


def test_the_targets_are_about_hundreds_of_megabytes():
    for layout in ("CHW", "HWC"):
        for dtype in HUNDREDS:
            assert case(size=large(layout, dtype), dtype=dtype).large_bytes >= 256_000_000
    assert large("CHW", "float32") == (32 * 3, 1024, 1024)
    wanted = {(c.direction, c.layout, c.dtype) for c in of_targets() if c.samples > 1e8}
    assert {("forward", "HWC", "uint8"), ("adjoint", "CHW", "float16")} <= wanted
    assert set(of_targets()) <= set(standard())


def test_small_pictures_come_before_what_takes_longest():
    """A run that is cut off has them: their own targets cost next to nothing to measure."""
    sizes = [c.size if (c.layout, c.dtype) == ("CHW", "float32") else None for c in of_targets()]
    assert sizes.index(SMALL) < sizes.index(None)


def test_instructions_are_counted_pass_by_pass():
    of = case(size=(2, 16, 24), scales=(0.5,), dtype="uint8")
    (plan,) = of.plans  # 5 taps
    assert instructions(plan) == 2 * (16 * 24 + 8 * 24 * 9 + 8 * 12 * 9 + 8 * 12)


def test_the_issue_rate_is_four_instructions_of_32_lanes_a_clock():
    assert issue_rate(GPU) == 100 * 4 * 32 * 2e9


def test_without_a_gpu_it_says_what_is_missing(monkeypatch):
    from aa_ref import backends

    def missing(name):
        raise ImportError("there is no working NVIDIA driver")

    monkeypatch.setattr(backends, "_load", missing)
    with pytest.raises(BenchError, match="no working NVIDIA driver"):
        open_device()
