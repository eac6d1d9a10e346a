"""A GPU as Numba shows it, on stand-ins for its modules."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

from aa_ref.bench.cuda import numba_device
from aa_ref.bench.cuda.numba_device import NumbaDevice, driver_version

CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023"
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (root)"


@pytest.mark.parametrize(
    ("text", "version"),
    [(CLOSED, "535.104.05"), (OPEN, "580.95.05"), ("GCC version:  gcc 12.3.0 \n", None)],
)
def test_the_drivers_version(tmp_path, text, version):
    file = tmp_path / "version"
    file.write_text(text + "\nGCC version:  gcc version 12.3.0 (Ubuntu)\n")
    assert driver_version(file) == version


def test_a_system_that_does_not_tell(tmp_path):
    assert driver_version(tmp_path / "nowhere") is None


@pytest.fixture
def device(monkeypatch, tmp_path):
    """One with 132 multiprocessors; it notes what is asked of it in ``log``."""
    log = []
    current = SimpleNamespace(L2_CACHE_SIZE=50 << 20, MULTIPROCESSOR_COUNT=132, CLOCK_RATE=1980000)
    memory = SimpleNamespace(free=70 << 30, total=80 << 30)
    cuda = SimpleNamespace(
        get_current_device=lambda: current,
        current_context=lambda: SimpleNamespace(get_memory_info=lambda: memory),
        cudadrv=SimpleNamespace(
            driver=SimpleNamespace(driver=SimpleNamespace(get_version=lambda: (13, 0)))
        ),
        runtime=SimpleNamespace(get_version=lambda: (13, 1)),
        event=SimpleNamespace,
        to_device=lambda x: log.append(("to_device", x.flags.c_contiguous)),
        device_array=lambda shape, dtype: log.append(("device_array", shape, dtype)),
        synchronize=lambda: log.append("synchronize"),
    )
    monkeypatch.setattr(numba_device, "cuda", cuda)
    monkeypatch.setattr(numba_device, "_DRIVER", tmp_path / "nowhere")
    named = SimpleNamespace(details=lambda: {"device": "A GPU, compute capability 9.0"})
    monkeypatch.setattr(numba_device, "get_backend", lambda name: named)
    made = NumbaDevice()
    made.log = log
    return made


def test_facts(device):
    assert device.facts() == {
        "name": "A GPU, compute capability 9.0", "multiprocessors": 132, "clock_hz": 1980 * 10**6,
        "cache_bytes": 50 << 20, "memory_bytes": 80 << 30, "driver": None, "driver_cuda": "13.0",
        "toolkit": "13.1",
    }  # fmt: skip
    assert device.free_bytes() == 70 << 30


def test_arrays(device):
    device.send(np.ones((4, 6), np.float32)[:, ::2])
    device.empty((2, 3), "float16")
    device.wait()
    assert device.log == [
        ("to_device", True), ("device_array", (2, 3), np.dtype(np.float16)), "synchronize",
    ]  # fmt: skip
