"""How much hypothesis tries: ``HYPOTHESIS_PROFILE`` is dev (the default), ci, deep or simulator."""

import os

import pytest
from hypothesis import HealthCheck, settings

import aa_ref

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


def pytest_report_header() -> str:
    """What the CUDA backend runs on, if it does."""
    (info,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
    if not info.available:
        return f"CUDA: none, as {info.reason}"
    return f"CUDA: {aa_ref.backends.get_backend('cuda').details()['device']}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none; the simulator is none."""
    header = pytest_report_header()
    if header.startswith(("CUDA: none", "CUDA: simulator")):
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason=f"there is no GPU: {header}"))
