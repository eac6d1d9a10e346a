"""What a call asks of NVIDIA's driver, with a stand-in for the driver, in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")
COMPILER = shutil.which(os.environ.get("CC", "cc"))

HERE = Path(__file__).parent


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-in is a library for Linux")
@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
def test_calls(tmp_path: Path) -> None:
    library, source = tmp_path / "libcuda.so.1", HERE / "stand_in_driver.c"
    command = [COMPILER, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]
    subprocess.run([str(part) for part in command], check=True, timeout=60)
    hidden = {"NUMBA_ENABLE_CUDASIM", "CUDA_VISIBLE_DEVICES"}
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    paths = [str(tmp_path), environment.get("LD_LIBRARY_PATH", "")]
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, paths))
    arguments = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*arguments, str(HERE / "driven_calls.py")],
        cwd=HERE.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout
