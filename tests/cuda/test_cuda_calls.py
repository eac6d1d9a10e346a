"""What a call asks of NVIDIA's driver, with a stand-in for the driver, in a process of its own."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

HERE = Path(__file__).parent


def test_calls(stand_in: dict[str, str]) -> None:
    arguments = [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*arguments, str(HERE / "driven_calls.py")],
        cwd=HERE.parent.parent,
        env=stand_in,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    left_out = set(re.findall(r"^SKIPPED .*: (.*)$", done.stdout, re.MULTILINE))
    assert left_out == (set() if find_spec("torch") else {"PyTorch is not installed"})


WITHOUT = """
import cuda.pathfinder

load = cuda.pathfinder.load_nvidia_dynamic_lib


def load_others(name):
    if name == {library!r}:
        raise RuntimeError("not found")
    return load(name)


cuda.pathfinder.load_nvidia_dynamic_lib = load_others
"""
SAY_WHY = """
import aa_ref

(info,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
assert not info.available
print(info.reason)
"""


@pytest.mark.parametrize(
    ("before", "variables", "reason"),
    [
        (WITHOUT.format(library="nvrtc"), {}, "numba-cuda does not find NVIDIA's nvrtc"),
        (WITHOUT.format(library="nvvm"), {}, "numba-cuda does not find NVIDIA's nvvm"),
        ("", {"STAND_IN_VERSION": "11080"}, "the NVIDIA driver is of CUDA 11.8, too old"),
        ("", {"STAND_IN_DEVICES": "0"}, "the NVIDIA driver finds no GPU"),
    ],
    ids=["no nvrtc", "no nvvm", "an old driver", "no GPU"],
)
def test_what_is_missing_beside_a_driver(
    stand_in: dict[str, str], before: str, variables: dict[str, str], reason: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", before + SAY_WHY],  # cuda-bindings warns of old drivers itself
        cwd=HERE.parent.parent,
        env=stand_in | variables,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.startswith(reason)
    assert "no GPU" in reason or "pip install 'aa-ref[cuda13]'" in done.stdout
