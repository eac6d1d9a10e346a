"""What becomes of tests that need a GPU, on machines with and without one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gpus
import pytest

ONE = "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-0)\n"


def answer(text: str, status: int = 0) -> Any:
    return lambda command, **_: subprocess.CompletedProcess(command, status, text, "")


def raising(error: Exception) -> Any:
    def ask(*_: Any, **__: Any) -> Any:
        raise error

    return ask


NO_PROGRAM = raising(FileNotFoundError("nvidia-smi"))


@pytest.mark.parametrize(
    ("files", "ask", "variables", "expected"),
    [
        ([], NO_PROGRAM, {}, ""),
        ([], raising(subprocess.TimeoutExpired("nvidia-smi", 60)), {}, ""),
        ([], answer("No devices were found\n"), {}, ""),
        ([], answer("GPU access blocked by the operating system", 9), {}, ""),
        (["nvidiactl", "nvidia-uvm", "nvidia-modeset"], NO_PROGRAM, {}, ""),
        (["nvidia0"], NO_PROGRAM, {}, "nvidia0"),
        (["nvidiactl", "nvidia7"], NO_PROGRAM, {}, "nvidia7"),
        ([], answer(ONE), {}, "nvidia-smi (GPU 0: NVIDIA H100"),
        (["nvidia0"], answer(ONE), {"CUDA_VISIBLE_DEVICES": ""}, ""),
        (["nvidia0"], answer(ONE), {"CUDA_VISIBLE_DEVICES": "-1"}, ""),
        (["nvidia0"], NO_PROGRAM, {"CUDA_VISIBLE_DEVICES": "1"}, "nvidia0"),
    ],
)
def test_what_shows_a_device(
    tmp_path: Path, files: list[str], ask: Any, variables: dict[str, str], expected: str
) -> None:
    for name in files:
        (tmp_path / name).touch()
    found = gpus.shown(variables, tmp_path, ask)
    assert expected in found
    assert bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("runs_on", "unavailable", "shown_by", "what"),
    [
        ("NVIDIA H100", "", "/dev/nvidia0", "run"),
        ("Stand-in", "", "", "run"),
        ("", "no driver", "", "skip"),
        ("", "no driver", "/dev/nvidia0", "fail"),
        ("", "numba-cuda is not installed", "nvidia-smi (GPU 0: H100)", "fail"),
        ("simulator", "", "/dev/nvidia0", "skip"),
    ],
)
def test_verdict(runs_on: str, unavailable: str, shown_by: str, what: str) -> None:
    found, why = gpus.verdict(runs_on, unavailable, shown_by)
    assert found == what
    assert unavailable in why
    assert what != "fail" or shown_by in why


SUITE = """
import pytest
pytestmark = pytest.mark.gpu

def test_of_a_gpu():
    pass
"""
HIDE = """
import gpus
gpus.shown = lambda: {shown!r}
import sys
sys.modules["numba_cuda"] = None
from suite import *
"""


@pytest.mark.parametrize(("shown", "status"), [("", 0), ("/dev/nvidia0", 1)])
def test_a_device_that_cannot_be_used_fails_the_run(
    tmp_path: Path, shown: str, status: int
) -> None:
    (tmp_path / "conftest.py").write_text(HIDE.format(shown=shown))
    tests = Path(gpus.__file__).parent
    (tmp_path / "suite.py").write_text((tests / "conftest.py").read_text("utf-8"), "utf-8")
    (tmp_path / "test_it.py").write_text(SUITE)
    path = os.pathsep.join([str(tests), str(tmp_path), os.environ.get("PYTHONPATH", "")])
    hidden = {"NUMBA_ENABLE_CUDASIM", "HYPOTHESIS_PROFILE", "CUDA_VISIBLE_DEVICES"}
    environment = {k: v for k, v in os.environ.items() if k not in hidden} | {"PYTHONPATH": path}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, "-o", "markers=gpu", "--rootdir", tmp_path, "test_it.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    assert ("cannot use: the package numba-cuda is not installed" in done.stdout) == bool(shown)
    assert ("1 skipped" in done.stdout) == (not shown)
