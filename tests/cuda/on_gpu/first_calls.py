"""The first call in a process, the ready one, and whether bits are right: a gate for all else."""

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from support import assert_same_bits, sample

import aa_ref

pytestmark = pytest.mark.gpu

FIRST = """
import json
from time import perf_counter

import numpy as np
import aa_ref

p = aa_ref.plan((24, 256, 256), {scale})
began = perf_counter()
from aa_ref.backends.cuda.toolkit import cuda

loaded_in = perf_counter() - began
x = cuda.to_device(np.ones({given}, np.float32))
cuda.synchronize()
began = perf_counter()
p{method}(x)
cuda.synchronize()
seconds = loaded_in + perf_counter() - began
from aa_ref.backends.cuda.kernels import compiled, shipped

(kernel,) = [k for k in shipped() if k.name == {kernel!r}]
missed = compiled.cache_info().misses
loaded = compiled(kernel).stats.cache_hits
assert compiled.cache_info().misses == missed, "another kernel was launched"
print(json.dumps([seconds, loaded_in, bool(sum(loaded.values()))]))
"""
CALLS: dict[str, dict[str, Any]] = {
    "strips": {
        "scale": 0.5, "given": "p.shape", "method": "",
        "kernel": "forward_float32_stride_2_planar_aligned",
    },
    "adjoint strips": {
        "scale": 0.5, "given": "p.out_shape", "method": ".adjoint",
        "kernel": "adjoint_float32_stride_2_planar_aligned",
    },
    "tiles": {"scale": 0.2, "given": "p.shape", "method": "", "kernel": "forward_float32_tiles"},
}  # fmt: skip


@pytest.mark.parametrize(("dtype", "scale"), [("float32", 0.5), ("uint8", 0.5), ("float32", 0.2)])
def test_bits(dtype: str, scale: float) -> None:
    x = sample((3, 301, 516), dtype)
    y = aa_ref.downsample(x, scale, backend="cuda")
    assert_same_bits(y, aa_ref.downsample(x, scale, backend="numpy"))


def test_bits_of_the_adjoint() -> None:
    p = aa_ref.plan((3, 301, 516), 0.5)
    g = sample(p.out_shape)
    assert_same_bits(p.adjoint(g, backend="cuda"), p.adjoint(g, backend="numpy"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Numba keeps what it compiles: nothing yet."""
    return tmp_path_factory.mktemp("compiled")


@pytest.mark.parametrize("again", [False, True], ids=["nothing compiled", "cached on disk"])
@pytest.mark.parametrize("call", CALLS)
def test_first_call(call: str, again: bool, folder: Path, record_property: Any) -> None:
    """A new process' first call, on an array that is there: it loads Numba, and has a context."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST.format(**CALLS[call])],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    seconds, loaded_in, loaded = json.loads(done.stdout)
    assert loaded == again
    record_property("of which loading Numba", round(loaded_in, 4))
    record_property("seconds", round(seconds, 4))


def test_ready_call(record_property: Any) -> None:
    """How long Python takes to ask for a launch, of an array whose plan is ready."""
    from aa_ref.backends.cuda.toolkit import cuda

    x = cuda.to_device(np.ones((3, 32, 32), np.float32))
    p = aa_ref.plan(x.shape, 0.5)
    y = p(x)
    times = []
    for _ in range(20):
        cuda.synchronize()
        began = perf_counter()
        for _ in range(100):
            p(x, out=y)
        times.append((perf_counter() - began) / 100)
    cuda.synchronize()
    record_property("seconds", float(f"{np.median(times):.4g}"))
