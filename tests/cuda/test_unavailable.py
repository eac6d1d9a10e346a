"""What is said where the CUDA backend cannot run: which part is missing, how to get it."""

import os
import subprocess
import sys

import numpy as np
import pytest

import aa_ref
from aa_ref.errors import BackendUnavailableError


def reason_in_a_process(before: str) -> str:
    """The reason that `list_backends` gives in a process that does something before."""
    code = f"""
import sys
{before}
import aa_ref
(info,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
assert not info.available and info.devices == () and info.dtypes == ()
print(info.reason)
"""
    hidden = {"NUMBA_ENABLE_CUDASIM", "NUMBA_CUDA_DRIVER"}
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    environment["CUDA_VISIBLE_DEVICES"] = ""  # a GPU, if there is one, is out of sight
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout


def test_without_the_package() -> None:
    reason = reason_in_a_process("sys.modules['numba_cuda'] = None")
    assert "numba-cuda is not installed" in reason
    assert "pip install 'aa-ref[cuda13]'" in reason
    assert "aa-ref[cuda12]" in reason


def test_without_a_driver_or_a_gpu() -> None:
    pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")
    reason = reason_in_a_process("")
    assert "driver" in reason
    assert "\n" not in reason.strip()


def test_asked_for_by_name_it_runs_or_raises() -> None:
    (info,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
    x = np.random.default_rng(0).standard_normal((3, 20, 30)).astype(np.float32)
    if info.available:
        y = aa_ref.downsample(x, 0.5, backend="cuda")
        np.testing.assert_array_equal(y, aa_ref.downsample(x, 0.5))
        return
    with pytest.raises(BackendUnavailableError) as raised:
        aa_ref.downsample(x, 0.5, backend="cuda")
    assert info.reason in str(raised.value)
    assert "'cuda' cannot run here" in str(raised.value)
