"""How much hypothesis tries, what is skipped without a GPU, and how tests are shared out.

``HYPOTHESIS_PROFILE`` is dev (the default), ci, deep or simulator. `pytest` runs on as many workers
as there are cores (``-n 0``: none, to debug). A worker takes whole groups: see `group_of`.
"""

import gc
import os
from typing import Any

import gpus
import pytest

import aa_ref

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # tests that draw cases are left out then: see `cuda/on_gpu/stages.py`
    settings = None

if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    import lockstep

    lockstep.install()

# The machine may be busy with other work: neither deadlines nor slow generation are failures.
if settings:
    for _name, _examples in {"dev": 15, "ci": 60, "deep": 1000, "simulator": 8}.items():
        settings.register_profile(
            _name,
            max_examples=_examples,
            deadline=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow],
        )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

FIRST = (
    "cuda/test_simulator.py",
    "plugins/test_torch_compiling.py",
    "oracle/test_integer_diagnosis.py",
    "test_numba.py",
    "test_numba_variants.py",
    "cli/test_cli_process.py",
    "bench/test_bench_command.py",
    "cuda/test_kernel_code.py",
    "cuda/on_gpu/test_stages.py",
)
"""The longest groups, which go first: begun last, one would keep a worker busy alone."""

APART = {
    "cuda/test_gpu_golden.py",
    "cuda/test_gpu_kernels.py",
    "cuda/test_gpu_torch.py",
    "cuda/test_on_a_gpu.py",
    "cuda/test_simulator.py",
    "meta/test_combinations.py",
    "meta/test_mutants.py",
    "meta/test_wrong_ports.py",
    "oracle/test_check.py",
    "oracle/test_diagnosis.py",
    "test_backends.py",
    "test_parts.py",
}
"""Files whose tests need nothing of one another, and take long together: each is a group."""

_UNUSABLE = pytest.StashKey[str]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before all tests are run, compile what the Numba backend compiles, once for all workers."""
    config = session.config
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if whole and not (hasattr(config, "workerinput") or config.option.collectonly):
        from compiled_code import fill

        fill(config.get_terminal_writer().line)


def pytest_report_header() -> str:
    """What the CUDA backend runs on, if it does."""
    (info,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
    if not info.available:
        return f"CUDA: none, as {info.reason}"
    return f"CUDA: {aa_ref.backends.get_backend('cuda').details()['device']}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none; begin with what takes longest."""
    _skip_without_a_gpu([item for item in items if item.get_closest_marker("gpu")])
    places = {file: place for place, file in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(_file_of(item.nodeid), len(places)))


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out groups. (Marks ``xdist_group`` do nothing with pytest-xdist 3.8 and pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Scheduling(config, log)


def group_of(nodeid: str) -> str:
    """Return which tests one worker runs, one after the other, together with this one.

    Those of its file, so that what forks, counts threads or shares a fixture stays together. Of
    kernels, those that look at the same one, which is compiled once. Of files in `APART`, none.
    """
    file, parameter = _file_of(nodeid), nodeid.partition("[")[2].rstrip("]")
    if file in APART:
        return nodeid
    return f"{file} {parameter}" if file == "cuda/test_kernel_code.py" else file


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail what needs a GPU that is there and cannot be used."""
    if _UNUSABLE in item.stash:
        pytest.fail(item.stash[_UNUSABLE], pytrace=False)


def pytest_collection_finish() -> None:
    """Keep what stays until the end from Python's collector, which would look at it ever again."""
    gc.collect()
    gc.freeze()


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0].removeprefix("tests/")


def _skip_without_a_gpu(items: list[pytest.Item]) -> None:
    """Where a device is shown that the backend cannot use, they fail: see `gpus.verdict`."""
    if not items:
        return
    (info,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
    runs_on = aa_ref.backends.get_backend("cuda").details()["device"] if info.available else ""
    what, why = gpus.verdict(runs_on, info.reason, gpus.shown())
    for item in items:
        if what == "skip":
            item.add_marker(pytest.mark.skip(reason=why))
        elif what == "fail":
            item.stash[_UNUSABLE] = why
