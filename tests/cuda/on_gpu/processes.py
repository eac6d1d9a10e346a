"""The processes of a stage: what is run, how long it may take, and how it is ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import which
from threading import Thread
from time import monotonic, time
from typing import IO, NamedTuple

from versions import missing

__all__ = ["GRACE", "Stage", "command_of", "environment_of", "run_process", "sanitizer"]

ROOT = Path(__file__).parents[3]
GRACE = 5
"""Seconds of a limit that are left to what was interrupted, before it is killed."""
MOST_WORKERS = 12
MOST_SAID = 1 << 20
"""Bytes that a process may add to the log, which has to be small enough to be taken along."""
SHARES = {False: 0.45, True: 0.75}
"""Of a stage's time, what one test may take; more where others run beside it."""


class Stage(NamedTuple):
    """Tests, or a script, and how long they may take.

    Attributes
    ----------
    name : str
    seconds : int
    arguments : tuple of str
        Pytest's, or Python's for a script.
    needs : tuple of str
        Modules without which it is left out.
    script : bool
        Whether it is none of tests: it records what it likes.
    gate : str
        What the names of those tests have whose failure ends the run; of a script any text.
    spread : bool
        Whether tests are dealt out to several processes.
    optional : bool
        Whether all of its tests may be skipped.
    tool : str
        One of compute-sanitizer's, under which it runs; small arrays alone then.
    """

    name: str
    seconds: int
    arguments: tuple[str, ...]
    needs: tuple[str, ...] = ()
    script: bool = False
    gate: str = ""
    spread: bool = False
    optional: bool = False
    tool: str = ""

    @property
    def dealt_out(self) -> bool:
        """Whether tests are indeed dealt out, for which a package is needed."""
        return self.spread and "xdist" not in missing()


def run_process(stage: Stage, until: float, log: IO[bytes]) -> int | None:
    """Run a stage's tests, or those left of them, until that time of `monotonic` at the latest.

    Return the exit status, None if it was late. What it has begun is ended, too.
    """
    process = subprocess.Popen(
        command_of(stage), cwd=ROOT, env=environment_of(stage, until), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    copying = Thread(target=_copy, args=(process.stdout, log), daemon=True)
    copying.start()
    ends: Sequence[tuple[int, float]] = [(signal.SIGKILL, 1)]
    try:
        return process.wait(max(until - monotonic(), 0))
    except subprocess.TimeoutExpired:
        ends = [(signal.SIGINT, GRACE), *ends]
        return None
    except BaseException:  # the run itself is interrupted
        ends = [(signal.SIGINT, GRACE), *ends]
        raise
    finally:
        for number, patience in ends:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience)
        copying.join(1)  # what a driver does not let end may hold the pipe


def _copy(said: IO[bytes], log: IO[bytes]) -> None:
    """Write what a process says to the log, as far as there is room: it would end if it waited."""
    room = MOST_SAID
    with said:
        while part := os.read(said.fileno(), 1 << 16):
            with suppress(OSError):  # the disk is full
                log.write(part[:room])
            room = max(room - len(part), 0)


def command_of(stage: Stage) -> list[str]:
    """What is run. New versions of packages may warn of much that is no failure."""
    if stage.script:
        return [sys.executable, *stage.arguments]
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    command += ["--rootdir", str(ROOT), "-o", "addopts=-ra --strict-config --strict-markers"]
    command += ["-W", "default", "-p", "recording", "-p", "no:cacheprovider", "-q", "--tb=short"]
    if "hypothesis" not in missing():
        command += ["-p", "hypothesispytest"]
    if stage.dealt_out:
        workers = min(len(os.sched_getaffinity(0)), MOST_WORKERS)
        command += ["-p", "xdist", "-n", str(workers), "--max-worker-restart=1000"]
        command += ["--dist=loadscope", "--no-loadscope-reorder"]
    if stage.tool:
        checked = [str(sanitizer()), "--tool", stage.tool, "--error-exitcode", "9"]
        command = [*checked, "--report-api-errors", "no", "--target-processes", "all", *command]
    return [*command, "-m", "gpu", *stage.arguments]


def environment_of(stage: Stage, until: float) -> dict[str, str]:
    """What it runs in."""
    found = {"HYPOTHESIS_PROFILE": "ci", **os.environ}
    if stage.spread:
        found = {"NUMBA_NUM_THREADS": "4", "OMP_NUM_THREADS": "2", **found}
    found["PYTHONUNBUFFERED"] = "1"
    found["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others may be installed, too
    found["AA_REF_STAGE_UNTIL"] = str(time() + until - monotonic())
    found["AA_REF_TEST_SECONDS"] = str(round(SHARES[stage.dealt_out] * stage.seconds, 1))
    if stage.tool:
        found["AA_REF_GPU_SMALL"] = "1"
    return found


def sanitizer() -> str | None:
    """The program compute-sanitizer; None where there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/cuda/bin"])
    return which("compute-sanitizer", path=path)
