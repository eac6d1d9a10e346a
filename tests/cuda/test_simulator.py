"""The CUDA backend in Numba's simulator, which has to be chosen before Numba is imported.

So each suite runs in a process of its own. The simulator runs kernels as Python: it shows that they
compute the right bits, and nothing of types, races, divergent barriers or registers.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

HERE = Path(__file__).parent
SUITES = {
    "the table of properties": [HERE / "simulated_table.py"],
    "every kernel for strips": [HERE / "simulated_kernels.py"],
    "every kernel for tiles": [HERE / "simulated_tiles.py"],
    "arrays on a GPU": [HERE / "simulated_arrays.py"],
    "parts on a GPU": [
        HERE / "simulated_dask.py",
        f"{HERE.parent / 'test_parts.py'}::test_a_part_has_the_bits_of_the_whole",
        f"{HERE.parent / 'test_parts.py'}::test_a_part_of_the_adjoint_has_the_bits_of_the_whole",
    ],
    "barriers": [HERE / "simulated_barriers.py"],
    "the benchmark": [HERE.parent / "bench" / "simulated_bench.py"],
}


@pytest.mark.parametrize("suite", SUITES)
def test_in_the_simulator(suite: str) -> None:
    environment = {
        **os.environ,
        "NUMBA_ENABLE_CUDASIM": "1",
        "AA_REF_TEST_BACKENDS": "cuda",
        "HYPOTHESIS_PROFILE": "simulator",
    }
    arguments = [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*arguments, *map(str, SUITES[suite])],
        cwd=HERE.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "CUDA: simulator" in done.stdout
    assert "skipped" not in done.stdout
