"""A plugin for pytest (``-p recording``): what became of each test is a record at once.

With it what a test found, such as a time, by the fixture ``record_property``. A test that takes
longer than ``AA_REF_TEST_SECONDS`` ends its process, also where that waits for the device for ever;
so does one after which the device cannot be used any more. Another process goes on with the tests
that were not begun: pytest-xdist's next worker, or the stage's next process.
"""

import faulthandler
import os
from typing import Any

import pytest
from records import begun, put

LOST = (
    "CUDA_ERROR_ILLEGAL", "CUDA_ERROR_MISALIGNED", "CUDA_ERROR_LAUNCH", "CUDA_ERROR_HARDWARE",
    "CUDA_ERROR_ECC", "CUDA_ERROR_ASSERT", "CUDA_ERROR_UNKNOWN", "illegal memory access",
    "misaligned address", "unspecified launch failure", "device-side assert",
)  # fmt: skip
"""After these, nothing works on the device in that process any more."""
_MOST = 2000
"""Characters of a failure, its last ones."""


class Recording:
    """Writes records: what it runs begins, what becomes of it.

    Attributes
    ----------
    worker, hands_out : bool
        Whether this process is one of pytest-xdist's, for which another one writes what becomes of
        tests; whether it is that other one, which runs none itself.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.worker = hasattr(config, "workerinput")
        self.hands_out = not self.worker and config.getoption("dist", "no") != "no"
        self._seconds = float(os.environ.get("AA_REF_TEST_SECONDS", "0"))
        self._log = os.fdopen(os.dup(2), "w")  # pytest's own capture takes what tests say
        self._lost = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note how many tests there are, so that a run that is cut off tells how many it lacks."""
        if not (self.worker or self.hands_out):
            put("collected", tests=len(session.items))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Leave out a test that has ended a process before; note that another one begins."""
        if item.nodeid in begun():
            return True
        put("begun", name=item.nodeid)
        if self._seconds:
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._log)
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that has passed, and one that has failed or was skipped at any time."""
        text = report.longreprtext
        self._lost = self._lost or (report.failed and any(error in text for error in LOST))
        if not self.worker and (report.when == "call" or not report.passed):
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
        if not (self.worker or report.passed):
            put("test", name=report.nodeid, outcome=report.outcome, why=_reason(report))

    def pytest_runtest_logfinish(self) -> None:
        """End a process that has lost its device."""
        faulthandler.cancel_dump_traceback_later()
        if self._lost and not self.hands_out:
            put("lost", why="the device can no longer be used in this process, which was ended")
            os._exit(3)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to write."""
    config.pluginmanager.register(Recording(config), "records")


def _reason(report: Any) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longreprtext)[-_MOST:]
