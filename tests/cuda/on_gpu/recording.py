"""A plugin for pytest (``-p recording``): what became of each test is a record at once.

With it what a test found, such as a time, by the fixture ``record_property``.
"""

import os
from typing import Any

import pytest
from records import put

LOST = (
    "CUDA_ERROR_ILLEGAL", "CUDA_ERROR_MISALIGNED", "CUDA_ERROR_LAUNCH", "CUDA_ERROR_HARDWARE",
    "illegal memory access", "misaligned address", "unspecified launch failure",
)  # fmt: skip
"""After these, nothing works on the device in that process any more."""
_MOST = 2000
"""Characters of a failure, its last ones."""


class Recording:
    """Writes records. ``worker``: in a process of pytest-xdist's, for which another one writes."""

    def __init__(self, worker: bool) -> None:
        self._worker, self._lost = worker, False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that has passed, and one that has failed or was skipped at any time."""
        text = report.longreprtext
        self._lost = self._lost or (report.failed and any(error in text for error in LOST))
        if not self._worker and (report.when == "call" or not report.passed):
            put(
                "test",
                name=report.nodeid,
                outcome=report.outcome,
                seconds=round(report.duration, 4),
                found=dict(report.user_properties),
                **({} if report.passed else {"why": _reason(report)}),
            )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that could not be read, or was left out as a whole."""
        if not (self._worker or report.passed):
            put("test", name=report.nodeid, outcome=report.outcome, why=_reason(report))

    def pytest_runtest_logfinish(self) -> None:
        """End a process that has lost its device: pytest-xdist begins another for other tests."""
        if self._lost:
            put("lost", why="the device can no longer be used in this process, which was ended")
            os._exit(3)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to write."""
    config.pluginmanager.register(Recording(hasattr(config, "workerinput")), "records")


def _reason(report: Any) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longreprtext)[-_MOST:]
