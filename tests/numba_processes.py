"""New processes in which the Numba backend shows how it loads, compiles and keeps code."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

__all__ = ["ROOT", "run_python", "small_package", "turned_bytes"]

ROOT = Path(__file__).parents[1]


def run_python(code: str, path: Path = ROOT, **environment: str) -> str:
    """The output of a new process that imports `aa_ref` from ``path`` and warns of nothing."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        cwd=path, env=os.environ | {"PYTHONPATH": str(path)} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert not result.stderr, result.stderr
    return result.stdout


SMALL = {
    "forward.py": """

from .turning import turned


def make_forward(fingerprint):
    def forward(x, y, rows, columns, geometry, outer, lines, indices, begin, end):
        for i in range(y.size):
            y[i] = turned(x[i])
        return fingerprint

    return forward
""",
    "turning.py": """
from .compiling import helper


@helper
def turned(byte):
    return byte ^ 255
""",
}
"""A function that compiles in a moment, for the end of the real one's file; its helper."""


@pytest.fixture
def small_package(tmp_path: Path) -> Path:
    """A copy of the package in which `forward` turns bits round, with nothing compiled.

    What it shows of caches holds for whatever is compiled; the real functions take long.
    """
    ignore = shutil.ignore_patterns("__pycache__")
    root = shutil.copytree(ROOT / "aa_ref", tmp_path / "copy/aa_ref", ignore=ignore)
    for name, text in SMALL.items():
        with (root / "backends/numba" / name).open("a", encoding="utf-8") as file:
            file.write(text)
    return root.parent


def turned_bytes(by: int) -> str:
    """What the small package's functions make of float32."""
    x = (np.arange(2 * 9 * 13) % 7).astype(np.float32)
    return bytes(byte ^ by for byte in x.tobytes()[: 2 * 5 * 7 * 4]).hex()
