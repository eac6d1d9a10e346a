"""The benchmark with the CUDA backend in Numba's simulator. Run by `tests/cuda/test_simulator.py`.

Arrays are the host's, shown as a device's; there is no speed, so a fake's clock runs.
"""

import numpy as np
import pytest
from bench_helpers import TINY, FakeDevice, call, case

from aa_ref.backends.cuda.toolkit import cuda
from aa_ref.bench.cuda import host_calls, rotation
from aa_ref.bench.cuda.device import open_device
from aa_ref.bench.cuda.numba_device import NumbaDevice
from aa_ref.bench.errors import BenchError
from aa_ref.bench.running import Run, measure_case


class Shown:
    """An array of the host as Numba's arrays show themselves."""

    def __init__(self, values):
        self.values, self.nbytes = values, values.nbytes

    @property
    def __cuda_array_interface__(self):
        told = self.values.__array_interface__
        return {"version": 3, **{n: told[n] for n in ("data", "shape", "strides", "typestr")}}


class SimulatedDevice(FakeDevice):
    backend = "cuda"

    def send(self, x):
        return Shown(x.copy())

    def empty(self, shape, dtype):
        return Shown(np.full(shape, 77, dtype))

    def fetch(self, a):
        return a.values.copy()

    def copy(self, source, target):
        super().copy(source.values, target.values)


@pytest.mark.parametrize(
    ("direction", "layout", "dtype"),
    [
        ("forward", "CHW", "float32"), ("forward", "HWC", "uint8"), ("forward", "CHW", "float16"),
        ("adjoint", "HWC", "float32"), ("pyramid", "CHW", "float32"),
    ],
)  # fmt: skip
def test_the_backend_gives_the_cpus_bits_and_is_timed(direction, layout, dtype, monkeypatch):
    monkeypatch.setattr(rotation, "LEAST", 1)
    monkeypatch.setattr(host_calls, "LITTLE", 0)
    scales = (0.5, 0.25) if direction == "pyramid" else (0.5,)
    of = case(direction, (3, 10, 14), scales, layout=layout, dtype=dtype)
    block = measure_case(of, Run([], (), effort=TINY, device=SimulatedDevice()))
    assert block.left_out == {}
    assert {"copy", "cuda"} <= {r.name for r in block.rows}
    assert (block.find("Python call") is None) == (direction != "forward")
    assert (block.find("cuda, largest level alone") is None) == (direction != "pyramid")


def test_numbas_memory(monkeypatch):
    current = type(cuda.get_current_device())
    monkeypatch.setattr(current, "L2_CACHE_SIZE", 1 << 20, raising=False)
    device = NumbaDevice()
    x = np.random.default_rng(0).standard_normal((3, 5, 7)).astype(np.float16)
    sent, other = device.send(x[:, ::-1]), device.empty(x.shape, "float16")
    device.copy(sent, other)
    device.wait()
    np.testing.assert_array_equal(device.fetch(other), x[:, ::-1])
    assert device.cache_bytes == 1 << 20


def test_the_simulator_has_no_speed():
    with pytest.raises(BenchError, match="simulator has no speed"):
        open_device()
    ending = call("--backend", "cuda", "--quick")
    assert (ending.status, ending.stdout) == (2, "")
    assert "NUMBA_ENABLE_CUDASIM" in ending.stderr
