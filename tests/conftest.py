"""How much hypothesis tries, what is skipped without a GPU, and how tests are shared out.

``HYPOTHESIS_PROFILE`` is dev (the default), ci, deep or simulator. `pytest` runs on as many workers
as there are cores (``-n 0``: none, to debug). A worker takes whole groups: the tests of one file,
unless the file says otherwise by a mark ``xdist_group``, or is in `APART`.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import aa_ref

HERE = Path(__file__).parent

# The machine may be busy with other work: neither deadlines nor slow generation are failures.
for _name, _examples in {"dev": 15, "ci": 60, "deep": 1000, "simulator": 8}.items():
    settings.register_profile(
        _name,
        max_examples=_examples,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

FIRST = ("cuda/test_simulator.py",)
"""Long tests and groups, the longest first: begun last, one would keep a worker busy alone."""

APART = {"cuda/test_simulator.py", "meta/test_mutants.py"}
"""Files whose tests are long and need nothing of one another: each is a group of its own."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before all tests are run, compile what the Numba backend compiles, once for all workers."""
    config = session.config
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if whole and not (hasattr(config, "workerinput") or config.option.collectonly):
        from compiled_code import fill

        fill()


def pytest_report_header() -> str:
    """What the CUDA backend runs on, if it does."""
    (info,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
    if not info.available:
        return f"CUDA: none, as {info.reason}"
    return f"CUDA: {aa_ref.backends.get_backend('cuda').details()['device']}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none; put tests into groups, long ones first."""
    _skip_without_a_gpu([item for item in items if item.get_closest_marker("gpu")])
    for item in items:
        file = _file_of(item)
        if file not in APART and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(file))
    places = {file: place for place, file in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(_file_of(item), len(places)))


def _file_of(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).as_posix()


def _skip_without_a_gpu(items: list[pytest.Item]) -> None:
    """The simulator is none."""
    header = pytest_report_header() if items else ""
    if header.startswith(("CUDA: none", "CUDA: simulator")):
        for item in items:
            item.add_marker(pytest.mark.skip(reason=f"there is no GPU: {header}"))
