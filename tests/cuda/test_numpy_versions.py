"""The CUDA backend compiles with versions of NumPy that numba-cuda itself does not compile with."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import support

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

AS_IN_NUMPY_2_5 = """
import numpy as np

if vars(np).pop("row_stack", None):
    np.__all__.remove("row_stack")
"""
COMPILE = """
from numba import types
from numba.cuda import compile_ptx


def double(x):
    x[0] = 2 * x[0]


ptx, _ = compile_ptx(double, (types.float32[::1],), cc=(9, 0))
assert "double" in ptx
"""
LOAD = """
import aa_ref.backends.cuda.toolkit

assert not hasattr(np, "row_stack")
"""


WARN = """
import sys
import warnings


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "numba.cuda":
            warnings.warn("of NumPy", DeprecationWarning)


sys.meta_path.insert(0, Finder())
"""


def run(code: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run in a new process, with warnings as errors."""
    hidden = {"NUMBA_ENABLE_CUDASIM"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={k: v for k, v in os.environ.items() if k not in hidden} | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_row_stack_kernels_are_compiled() -> None:
    done = run(AS_IN_NUMPY_2_5 + LOAD + COMPILE)
    assert done.returncode == 0, done.stderr


def test_with_row_stack_numpy_is_left_as_it_is() -> None:
    done = run("""
import numpy as np

before = vars(np).get("row_stack")
import aa_ref.backends.cuda.toolkit

assert vars(np).get("row_stack") is before
""")
    assert done.returncode == 0, done.stderr


def test_numbas_own_import_of_what_numpy_deprecates_is_no_error() -> None:
    """A module that warns, in place of `numba.cuda`, as with NumPy 2.5 that warns."""
    done = run(
        WARN
        + """
import aa_ref.backends.cuda.toolkit

try:
    warnings.warn("of others", DeprecationWarning)
except DeprecationWarning:
    sys.exit(0)
sys.exit("the caller's filters are gone")
"""
    )
    assert done.returncode == 0, done.stderr


def test_nor_is_the_simulators() -> None:
    path = os.pathsep.join([str(Path(support.__file__).parent), os.environ.get("PYTHONPATH", "")])
    code = WARN + "import lockstep\nlockstep.install()\n"
    done = run(code, NUMBA_ENABLE_CUDASIM="1", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(np, "row_stack"), reason="NumPy itself is without row_stack")
def test_deleting_row_stack_is_what_stops_numba_cuda() -> None:
    """If this fails, numba-cuda has mended itself: what the toolkit lends is no longer needed."""
    done = run(AS_IN_NUMPY_2_5 + COMPILE)
    assert "row_stack" in done.stderr
