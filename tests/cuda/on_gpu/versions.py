"""The first stage: which GPU, versions, modules that are missing; the end where there is no GPU.

It is found out by the way that users go, so whoever has a GPU and cannot use it learns why.
"""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from records import put

__all__ = ["MODULES", "asking", "missing"]

TESTS = Path(__file__).parents[2]
PACKAGES = (
    "numpy", "numba", "numba-cuda", "llvmlite", "cuda-bindings", "cuda-core", "cuda-pathfinder",
    "nvidia-nvjitlink", "nvidia-cuda-nvrtc", "nvidia-nvvm", "torch", "cupy-cuda13x", "cupy-cuda12x",
    "hypothesis", "pytest", "pytest-xdist", "ml-dtypes", "typer", "scipy", "triton",
)  # fmt: skip
MODULES = (
    "array_api_strict", "cupy", "hypothesis", "jsonschema", "kornia", "ml_dtypes", "numba_cuda",
    "pytest", "scipy", "torch", "typer", "xdist",
)  # fmt: skip
"""What tests ask for, besides NumPy and Numba."""
_SMI = ["nvidia-smi", "--query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit"]


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def missing() -> list[str]:
    """The modules that are not installed."""
    return [name for name in MODULES if find_spec(name) is None]


def asking(module: str) -> list[str]:
    """The files of tests that ask for a module."""
    imports = re.compile(
        rf"^\s*(?:import|from) {module}\b|importorskip\(\"{module}\"", re.MULTILINE
    )
    return [
        path.relative_to(TESTS).as_posix()
        for path in sorted(TESTS.rglob("*.py"))
        if imports.search(path.read_text("utf-8"))
    ]


def driver_says() -> str:
    try:
        told = subprocess.run(
            [*_SMI, "--format=csv,noheader"], capture_output=True, text=True, timeout=15
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}: {error}"
    return told.stdout.strip() or told.stderr.strip()


def main() -> None:
    """Record what there is.

    Raises
    ------
    SystemExit
        If there is no GPU that can be used.
    """
    put("python", version=platform.python_version(), at=sys.executable)
    put("versions", **{package: version_of(package) for package in PACKAGES})
    for module in missing():
        put("missing", module=module, asked_for_by=asking(module))
        print(f"the module {module} is missing, which these ask for: {', '.join(asking(module))}")
    put("driver", says=driver_says())
    if os.environ.get("AA_REF_GPU_SMALL") == "1":
        put("small", why="AA_REF_GPU_SMALL is set, so nothing here is a speed")
    import aa_ref
    from aa_ref.backends import get_backend

    (found,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
    if not found.available:
        raise SystemExit(f"no GPU can be used: {found.reason}")
    device = get_backend("cuda").details()["device"]
    if device == "simulator":
        raise SystemExit("NUMBA_ENABLE_CUDASIM is set: the simulator is no GPU; unset it")
    put("device", name=device)
    print(device)


if __name__ == "__main__":
    main()
