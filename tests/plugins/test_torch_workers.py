"""The plugin in workers, threads and processes: scripts of their own, ended if they hang."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support import assert_same_bits

import aa_ref
from aa_ref_torch import AntiAliasInterpolation2d

ROOT = Path(__file__).parents[2]
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])


def start(name, *arguments):
    """A script of ``processes/``, which imports only what it needs."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(ROOT / "tests/processes" / name), *arguments],
        env=os.environ | {"PYTHONPATH": PATHS},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def lines_of(*processes):
    """What they print, line by line; none is left behind."""
    printed = []
    try:
        for process in processes:
            out, errors = process.communicate(timeout=200)
            assert process.returncode == 0, errors
            printed += out.splitlines()
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return printed


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_data_loaders(context):
    """The reference's bits, by as many threads as torch has there: one, or what it is told."""
    printed = lines_of(start("torch_data_loader.py", context))
    assert printed == ["True 1"] * 4 + ["True 2"] * 4


def test_threads_that_call_at_once():
    assert lines_of(start("torch_threads.py")) == ["True " * 5 + "True"]


def test_processes_that_train_together(tmp_path):
    """Gradients are to the bit those of one process, as torch halves them, which is exact."""
    processes = [start("torch_distributed.py", str(n), str(tmp_path / "meeting")) for n in (0, 1)]
    assert lines_of(*processes) == ["2 True"] * 4


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells of peaks there")
def test_memory_beyond_inputs_and_results():
    """At most a megabyte for each of two threads, both ways; a copy would be seen.

    A pyramid's way back takes 2 MiB, or a picture if that is more, for each of two levels that are
    added: what the first gave back may lie where the second does not fit. Whole levels took 98 MB.
    """
    lines = lines_of(start("torch_peak_memory.py"))
    calls, of_copies, (of_pyramid,) = (list(map(int, line.split())) for line in lines)
    assert all(more <= 2 * 1024 for more in calls)
    assert all(more > 8 * 1024 for more in of_copies)
    picture = 4 * 1500 * 1400 // 1024
    assert of_pyramid <= 2 * max(2 * 1024, picture) + 2 * 1024


def test_inference_mode():
    """Tensors made there are computed on there, and elsewhere; nothing is recorded."""
    layer, x = AntiAliasInterpolation2d(3, 0.25), torch.randn(2, 3, 40, 33, requires_grad=True)
    with torch.inference_mode():
        made = x * 1
        ys = [layer(x), layer(made)]
        assert all(y.is_inference() for y in ys)
    ys.append(layer(made))
    expected = aa_ref.downsample(x.detach().numpy(), 0.25, backend="reference")
    for y in ys:
        assert not y.requires_grad
        assert_same_bits(y, expected)
