"""A run on a GPU in stages, each with a limit of its own: what a quarter of an hour can tell.

``python -m stages OUT`` runs them one after the other, and leaves in the folder OUT

=================  ============================================================================
``records.jsonl``  a line for all that was found; see `records`
``log.txt``        what the stages printed
=================  ============================================================================

Those of an earlier run are kept, with a number in their names. A stage that is not done at its
limit is ended, and the next one begins; what it had found stays. If a gate fails, the run ends:
there is no GPU, or its bits are wrong.
"""

import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import IO, Any

import processes
from processes import Stage, run_process, sanitizer
from records import put, read
from versions import missing

__all__ = ["STAGES", "main", "run"]

HERE = Path(__file__).parent
CUDA = HERE.parent
_KERNELS = str(CUDA / "test_gpu_kernels.py")
_SANITIZED = "(float32 or uint8) and not to and not axes_1"

STAGES = (
    Stage("versions", 25, (str(HERE / "versions.py"),), script=True, gate="a GPU"),
    Stage("first calls", 60, (str(HERE / "first_calls.py"),), gate="test_bits"),
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

_TOLD = 2000
"""Characters of the log, its last ones, that stand in the record of a stage that has failed."""
_NAMED = 20
"""Tests that have failed, named at the end of the run."""


def run(stages: Sequence[Stage], out: Path) -> dict[str, str]:
    """Run stages one after the other; tell what became of each."""
    records = out / "records.jsonl"
    os.environ["AA_REF_RECORDS"] = str(records)
    os.environ["AA_REF_OUTPUT"] = f"/proc/{os.getpid()}/fd/1"
    lacking, ends = set(missing()), {}
    with (out / "log.txt").open("ab", buffering=0) as log:
        for stage in stages:
            os.environ["AA_REF_STAGE"] = stage.name
            began, printed, end = monotonic(), Path(log.name).stat().st_size, "interrupted"
            try:
                ends[stage.name] = end = _lack(stage, lacking) or _run(stage, records, log)
            finally:
                seconds = round(monotonic() - began, 1)
                failed = not end.startswith(("passed", "left out"))
                told = {"log": _said_since(printed, Path(log.name))} if failed else {}
                put("end", end=end, seconds=seconds, limit=stage.seconds, **told)
            print(f"{stage.name:<12} {seconds:6.1f} s of {stage.seconds:3}: {end}", flush=True)
            if not _goes_on(stage, end, records):
                break
    return ends


def _goes_on(stage: Stage, end: str, records: Path) -> bool:
    """Whether what comes after a stage is worth its time: only what a gate asks for ends a run."""
    if not stage.gate:
        return True
    if stage.script or end.startswith("left out"):
        return not end.startswith(("failed", "left out"))
    failed = [name for name, outcome in _outcomes(stage, records).items() if outcome == "failed"]
    return not any(stage.gate in name or "::" not in name for name in failed)


def _lack(stage: Stage, lacking: set[str]) -> str:
    """Why a stage is left out; nothing if it is not."""
    if stage.tool and not sanitizer():
        return "left out: there is no compute-sanitizer on PATH or in /usr/local/cuda/bin"
    absent = sorted(lacking & {"pytest", *stage.needs} if not stage.script else ())
    return f"left out: the module {' and '.join(absent)} is missing" if absent else ""


def _run(stage: Stage, records: Path, log: IO[bytes]) -> str:
    """Run a stage; as long as its process ends before its tests do, another one goes on."""
    until, status = monotonic() + stage.seconds - processes.GRACE, 0
    while True:
        _head(log, stage)
        before = _names("begun", stage, records), len(_tests(stage, records, "lost"))
        ended = run_process(stage, until, log)
        running = _names("begun", stage, records) - _names("test", stage, records)
        if ended is None:
            amid = f", amid {_some(running)}" if running else ""
            return f"ended at its limit of {stage.seconds} s, {_counted(stage, records)}{amid}"
        for name in sorted(running):
            why = f"its process ended with status {ended}; log.txt has more"
            put("test", name=name, outcome="failed", seconds=None, found={}, why=why)
        status = status or ended
        lost = not stage.dealt_out and len(_tests(stage, records, "lost")) > before[1]
        if not (running or lost) or _names("begun", stage, records) == before[0]:
            break
    if stage.script:
        return "passed" if status == 0 else f"failed: {_last_line(Path(log.name))}"
    outcomes = set(_outcomes(stage, records).values())
    if status == 0 and "passed" in outcomes and "failed" not in outcomes:
        return "passed"
    if status in (0, 5) and stage.optional and outcomes == {"skipped"}:
        tests = _tests(stage, records)
        reasons = {test["why"]: None for test in tests}
        return f"left out: all {len(tests)} skipped, as {'; '.join(reasons)}"
    return f"failed with status {status}, {_counted(stage, records)}"


def _head(log: IO[bytes], stage: Stage) -> None:
    try:
        log.write(f"\n=== {stage.name}\n".encode())
    except OSError as error:  # the disk is full: what is found is printed
        print(f"{log.name}: {error.strerror}", flush=True)


def _tests(stage: Stage, records: Path, what: str = "test") -> list[dict[str, Any]]:
    found = read(records) if records.exists() else ()
    return [r for r in found if (r["stage"], r["what"]) == (stage.name, what)]


def _names(what: str, stage: Stage, records: Path) -> set[str]:
    return {r["name"] for r in _tests(stage, records, what)}


def _outcomes(stage: Stage, records: Path) -> dict[str, str]:
    """What became of each test: it may have failed more than once, also after it had passed."""
    order, found = ("passed", "skipped", "failed"), dict[str, str]()
    for record in _tests(stage, records):
        name, outcome = record["name"], record["outcome"]
        found[name] = max(found.get(name, outcome), outcome, key=order.index)
    return found


def _counted(stage: Stage, records: Path) -> str:
    found = list(_outcomes(stage, records).values())
    return ", ".join(
        f"{found.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped")
    )


def _some(names: Iterable[str], most: int = 3) -> str:
    """Return a few names, without their files, and how many more there are."""
    short = sorted(name.rpartition("::")[2] for name in names)
    more = f" and {len(short) - most} more" if len(short) > most else ""
    return ", ".join(short[:most]) + more


def _said_since(start: int, log: Path) -> str:
    """Return the end of what the log has from a place on."""
    with log.open("rb") as said:
        said.seek(max(start, log.stat().st_size - _TOLD))
        return said.read().decode("utf-8", errors="replace")


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def _keep(file: Path) -> None:
    """Give what an earlier run has left another name."""
    number = 1
    while (other := file.with_stem(f"{file.stem}-{number}")).exists():
        number += 1
    if file.exists():
        file.rename(other)


def _stop(number: int, _: object) -> None:
    raise SystemExit(128 + number)  # which ends the stage, too


def main(out: Path) -> int:
    """Run all stages; the exit status tells whether all passed that were not left out.

    ``AA_REF_GPU_PATIENCE`` multiplies their limits, for a machine that is busy with other work.
    """
    out = out.resolve()  # stages run elsewhere
    out.mkdir(parents=True, exist_ok=True)
    for name in ("records.jsonl", "log.txt"):
        _keep(out / name)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a shell may have them ignored
        signal.signal(number, _stop)
    patience = float(os.environ.get("AA_REF_GPU_PATIENCE", "1"))
    stages = [s._replace(seconds=round(patience * s.seconds)) for s in STAGES]
    ends = run(stages, out)
    passed = [name for name, end in ends.items() if end == "passed"]
    failed = [end for end in ends.values() if not end.startswith(("passed", "left out"))]
    for stage in stages:
        outcomes = _outcomes(stage, out / "records.jsonl")
        wrong = [name for name, outcome in outcomes.items() if outcome == "failed"]
        if wrong:
            print(f"{stage.name}: failed are {_some(wrong, _NAMED)}")
    print(f"{len(passed)} stages passed, {len(failed)} failed; {out} has the records and the log")
    tested = {stage.name for stage in stages if not stage.script} & set(passed)
    if not tested:
        print("no test has passed")
    return 1 if failed or not tested else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
