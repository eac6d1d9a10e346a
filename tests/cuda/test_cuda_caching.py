"""Compiled kernels are kept between processes, and used as long as what they come from stays."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

from aa_ref.backends.cuda import caching

LAUNCH = """
import ctypes
import sys

import numpy as np

import aa_ref
from aa_ref.backends.cuda import caching, calls, kernels

sys.path.insert(0, {folder!r})
{before}
made = []
compiled = caching.Compiled


def noting(*arguments):
    made.append(compiled(*arguments))
    return made[-1]


kernels.Compiled = noting
driver = ctypes.CDLL("libcuda.so.1")
x = np.ones((3, 40, 64), np.float32)
aa_ref.downsample(x, 0.5, backend="cuda")
text = ctypes.create_string_buffer(1 << 16)
driver.stand_in_called(text, ctypes.c_size_t(len(text)))
assert "cuLaunchKernel" in text.value.decode().split()
(one,) = made
print("loaded" if one.loaded else "compiled", one.cache_folder, one.not_kept, sep="|")
"""


@pytest.fixture
def launch(stand_in: dict[str, str], tmp_path: Path):
    """Launch a kernel in a new process: whether it was loaded, from where, and why not."""

    def launch(before: str = "") -> tuple[str, str, str]:
        done = subprocess.run(
            [sys.executable, "-c", LAUNCH.format(folder=str(Path(__file__).parent), before=before)],
            env=stand_in | {"NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        found, folder, why = done.stdout.rstrip("\n").split("|")
        return found, folder, why

    return launch


ANOTHER_DEVICE = "caching.compute_capability = lambda: (8, 0)"


def test_the_next_process_loads_what_one_has_compiled(launch, tmp_path: Path) -> None:
    found, folder, why = launch()
    assert (found, why) == ("compiled", "")
    assert tmp_path in Path(folder).parents
    assert launch()[0] == "loaded"
    assert launch(ANOTHER_DEVICE)[0] == "compiled"
    assert [launch()[0], launch(ANOTHER_DEVICE)[0]] == ["loaded", "loaded"]


def test_a_damaged_file_is_told_and_not_used(launch, tmp_path: Path) -> None:
    launch()
    (path,) = tmp_path.rglob("*.nbc")
    path.write_bytes(path.read_bytes()[:100])
    found, folder, why = launch()
    assert (found, folder) == ("compiled", "")
    assert "Error" in why


def fresh() -> str:
    return caching.fingerprint.__wrapped__()


def test_the_key_has_all_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parts = set(caching._parts())
    for name in ("filters.py", "backends/cuda/rows.py", "backends/cuda/instructions/__init__.py"):
        assert name.encode() in parts
    read = Path.read_bytes
    before = fresh()
    for name in ("filters.py", "rows.py", "kernels.py", "__init__.py"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", lambda p, n=name: read(p) + b"#" * (p.name == n))
            assert fresh() != before
    assert fresh() == before


@pytest.mark.parametrize("package", ["numba", "numba-cuda", "numpy"])
def test_the_key_has_versions(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    before = fresh()
    monkeypatch.setattr(
        caching, "version", lambda name: "0" if name == package else metadata.version(name)
    )
    assert fresh() != before


def test_the_key_has_the_compilers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = caching.compilers()
    assert any("nvvm" in path.name for path in files)
    before = fresh()
    for n in range(len(files)):
        another = tmp_path / files[n].name
        another.write_bytes(b"another")
        changed = [*files[:n], another, *files[n + 1 :]]
        monkeypatch.setattr(caching, "compilers", lambda changed=changed: changed)
        assert fresh() != before
