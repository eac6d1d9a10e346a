"""A run on a GPU in stages, each with a limit of its own: what a quarter of an hour can tell.

``python -m stages OUT`` runs them one after the other, and leaves in the folder OUT

=================  ============================================================================
``records.jsonl``  a line for all that was found; see `records`
``log.txt``        what the stages printed
=================  ============================================================================

A stage that is not done at its limit is ended, and the next one begins; what it had found stays. If
a gate fails, the run ends: there is no GPU, or its bits are wrong.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from time import perf_counter, time
from typing import IO, Any, NamedTuple

from records import put, read
from versions import missing

__all__ = ["STAGES", "Stage", "main", "run"]

HERE = Path(__file__).parent
CUDA, ROOT = HERE.parent, HERE.parents[2]
GRACE = 5
"""Seconds of a limit that are left to what was interrupted, before it is killed."""
MOST_WORKERS = 12


class Stage(NamedTuple):
    """One process, and how long it may take.

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
    gate : bool
        Whether the run ends if it fails.
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
    gate: bool = False
    spread: bool = False
    optional: bool = False
    tool: str = ""


_KERNELS = str(CUDA / "test_gpu_kernels.py")
_SANITIZED = "(float32 or uint8) and not to and not axes_1"

STAGES = (
    Stage("versions", 25, (str(HERE / "versions.py"),), script=True, gate=True),
    Stage("first calls", 60, (str(HERE / "first_calls.py"),), gate=True),
    Stage("kernels", 130, (str(CUDA / "test_gpu_golden.py"), _KERNELS), spread=True),
    Stage("speeds", 150, (str(HERE / "speeds.py"),)),
    Stage(
        "plugin", 65,
        tuple(str(CUDA / f"test_gpu_{name}.py") for name in ("tensors", "torch", "cupy")),
        spread=True, optional=True,
    ),
    Stage("memcheck", 40, (_KERNELS, "-k", _SANITIZED), tool="memcheck"),
    Stage("racecheck", 40, (_KERNELS, "-k", _SANITIZED), tool="racecheck"),
    Stage("properties", 60, (str(CUDA / "test_on_a_gpu.py"),), ("hypothesis",), spread=True),
)  # fmt: skip
"""What is most worth knowing comes first."""


def run(stages: Sequence[Stage], out: Path) -> dict[str, str]:
    """Run stages one after the other; tell what became of each."""
    records = out / "records.jsonl"
    os.environ["AA_REF_RECORDS"] = str(records)
    lacking, ends = set(missing()), {}
    with (out / "log.txt").open("ab") as log:
        for stage in stages:
            os.environ["AA_REF_STAGE"] = stage.name
            began = perf_counter()
            ends[stage.name] = end = _lack(stage, lacking) or _run(stage, records, log)
            seconds = round(perf_counter() - began, 1)
            put("end", end=end, seconds=seconds, limit=stage.seconds)
            print(f"{stage.name:<12} {seconds:6.1f} s of {stage.seconds:3}: {end}", flush=True)
            if stage.gate and not _passes(stage, end, records):
                break
    return ends


def _passes(stage: Stage, end: str, records: Path) -> bool:
    """Whether what comes after a gate is worth its time: one that is late has failed nothing."""
    counted = _counts(stage, records)
    return end == "passed" or (counted["passed"] > 0 and not counted["failed"] and "limit" in end)


def _lack(stage: Stage, lacking: set[str]) -> str:
    """Why a stage is left out; nothing if it is not."""
    if stage.tool and not sanitizer():
        return "left out: there is no compute-sanitizer on PATH or in /usr/local/cuda/bin"
    absent = sorted(lacking & {"pytest", *stage.needs} if not stage.script else ())
    return f"left out: the module {' and '.join(absent)} is missing" if absent else ""


def _run(stage: Stage, records: Path, log: IO[bytes]) -> str:
    log.write(f"\n=== {stage.name}\n".encode())
    log.flush()
    process = subprocess.Popen(
        command_of(stage), cwd=ROOT, env=environment_of(stage), stdout=log, stderr=log,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        status = process.wait(stage.seconds - GRACE)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"ended at its limit of {stage.seconds} s, {_counted(stage, records)}"
    except BaseException:  # the run itself is interrupted
        _end(process)
        raise
    if stage.script:
        return "passed" if status == 0 else f"failed: {_last_line(Path(log.name))}"
    counted = _counts(stage, records)
    if status == 0 and counted["passed"]:
        return "passed"
    if status in (0, 5) and counted["skipped"] and stage.optional:
        reasons = {r["why"]: None for r in _tests(stage, records)}
        return f"left out: all {counted['skipped']} skipped, as {'; '.join(reasons)}"
    return f"failed with status {status}, {_counted(stage, records)}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt a stage and all that it has begun, and kill what does not end of itself."""
    for number, patience in ((signal.SIGINT, GRACE), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue


def command_of(stage: Stage) -> list[str]:
    """What is run. New versions of packages may warn of much that is no failure."""
    if stage.script:
        return [sys.executable, *stage.arguments]
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    command += ["--rootdir", str(ROOT), "-o", "addopts=-ra --strict-config --strict-markers"]
    command += ["-W", "default", "-p", "recording", "-p", "no:cacheprovider", "-q", "--tb=short"]
    if "hypothesis" not in missing():
        command += ["-p", "hypothesispytest"]
    if stage.spread and "xdist" not in missing():
        workers = min(len(os.sched_getaffinity(0)), MOST_WORKERS)
        command += ["-p", "xdist", "-n", str(workers)]
        command += ["--dist=loadscope", "--no-loadscope-reorder"]
    if stage.tool:
        checked = [str(sanitizer()), "--tool", stage.tool, "--error-exitcode", "9"]
        command = [*checked, "--report-api-errors", "no", "--target-processes", "all", *command]
    return [*command, "-m", "gpu", *stage.arguments]


def environment_of(stage: Stage) -> dict[str, str]:
    """What it runs in."""
    found = {"HYPOTHESIS_PROFILE": "ci", **os.environ}
    if stage.spread:
        found = {"NUMBA_NUM_THREADS": "4", "OMP_NUM_THREADS": "2", **found}
    found["PYTHONUNBUFFERED"] = "1"
    found["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others may be installed, too
    found["AA_REF_STAGE_UNTIL"] = str(time() + stage.seconds - GRACE)
    if stage.tool:
        found["AA_REF_GPU_SMALL"] = "1"
    return found


def sanitizer() -> str | None:
    """The program compute-sanitizer; None where there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/cuda/bin"])
    return which("compute-sanitizer", path=path)


def _tests(stage: Stage, records: Path) -> list[dict[str, Any]]:
    found = read(records) if records.exists() else ()
    return [r for r in found if (r["stage"], r["what"]) == (stage.name, "test")]


def _counts(stage: Stage, records: Path) -> Counter[str]:
    return Counter(record["outcome"] for record in _tests(stage, records))


def _counted(stage: Stage, records: Path) -> str:
    counts = _counts(stage, records)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def main(out: Path) -> int:
    """Run all stages; the exit status tells whether all passed that were not left out.

    ``AA_REF_GPU_PATIENCE`` multiplies their limits, for a machine that is busy with other work.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in ("records.jsonl", "log.txt"):
        (out / name).unlink(missing_ok=True)  # of a run before
    patience = float(os.environ.get("AA_REF_GPU_PATIENCE", "1"))
    ends = run([s._replace(seconds=round(patience * s.seconds)) for s in STAGES], out)
    passed = [end for end in ends.values() if end == "passed"]
    failed = [end for end in ends.values() if not end.startswith(("passed", "left out"))]
    print(f"{len(passed)} stages passed, {len(failed)} failed; {out} has the records and the log")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
