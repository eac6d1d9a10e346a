"""What the tests of kernels share."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of processes that find a stand-in for NVIDIA's driver."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if sys.platform != "linux" or compiler is None:
        pytest.skip("the stand-in for the driver is a library for Linux, and takes a C compiler")
    folder = tmp_path_factory.mktemp("driver")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", folder / "libcuda.so.1"]
    command += [Path(__file__).parent / "stand_in_driver.c", "-ldl"]
    subprocess.run([str(part) for part in command], check=True, timeout=60)
    hidden = {"NUMBA_ENABLE_CUDASIM", "CUDA_VISIBLE_DEVICES"}
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    paths = [str(folder), environment.get("LD_LIBRARY_PATH", "")]
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, paths))
    return environment


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The kernels launched so far."""
    from aa_ref.backends.cuda.calls import Call

    found: list[Any] = []
    launch = Call.__call__

    def noting(call: Any, stream: int, *addresses: int) -> None:
        launch(call, stream, *addresses)
        found.append(call.kernel)

    monkeypatch.setattr(Call, "__call__", noting)
    return found
