"""The benchmark on a GPU: that its clock is one, and that every contender takes part."""

from time import perf_counter

import numpy as np
import pytest
from bench_helpers import TINY, case

from aa_ref.bench.cuda.device import open_device
from aa_ref.bench.cuda.selections import SMALL
from aa_ref.bench.peer_contenders import chosen
from aa_ref.bench.running import Run, measure, measure_case

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]  # torch's and numba's


def test_events_tell_the_time_of_what_lies_between():
    device = open_device()
    x = np.random.default_rng(0).standard_normal(1 << 24).astype(np.float32)
    source, target = device.send(x), device.empty(x.shape, "float32")
    device.copy(source, target)
    device.wait()
    begin, first = perf_counter(), device.clock()
    for _ in range(100):
        device.copy(source, target)
    seconds = device.clock() - first
    assert 0 < seconds <= perf_counter() - begin
    assert seconds > 100 * 2 * x.nbytes / 100e12  # no GPU's memory moves 100 TB/s
    np.testing.assert_array_equal(device.fetch(target), x)


@pytest.mark.parametrize("direction", ["forward", "adjoint", "pyramid"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_copy_and_ours(direction, dtype):
    scales = (0.5, 0.25, 0.125) if direction == "pyramid" else (0.5,)
    of = case(direction, (12, 2048, 2048), scales, (1,), dtype=dtype)
    block = measure_case(of, Run([], (), effort=TINY, device=open_device()))
    assert block.left_out == {}
    assert block.find("cuda").median > 0
    assert block.floor(1) > 0


def test_everything_that_torch_has():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    of = case(size=SMALL, scales=(0.25,), threads=(1,))
    peers = chosen(["torch"], on_cuda=True)
    block = measure_case(of, Run([], peers, effort=TINY, device=open_device()))
    kinds = {r.name: r.kind for r in block.rows}
    for name in ("original torch layer", "torch strided conv2d"):
        assert kinds[name] == kinds[name + ", in a graph"] == "same result"
    assert {"cuda", "cuda on torch tensors", "cuda on torch tensors, in a graph"} <= kinds.keys()


def test_which_gpu_it_was():
    run = measure(Run([case(threads=(1,))], (), effort=TINY, device=open_device()), "command")
    facts = run.machine["gpu"]
    assert facts["multiprocessors"] > 0
    assert facts["clock_hz"] > 1e8
    assert facts["cache_bytes"] > 1e5
    assert run.blocks[0].find("Python call").median > 0
