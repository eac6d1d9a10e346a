"""The stages of a run on a GPU: all of them with a stand-in for the driver; limits, gates."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from time import sleep
from typing import Any

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

import processes
import records
import report
import stages
import versions
from shipped_calls import SHIPPED
from stages import STAGES, Stage

from aa_ref.bench.cases import Case
from aa_ref.bench.results import Block, Results

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

SANITIZER = """#!/bin/sh
while [ "$1" != {python} ]; do shift; done
exec "$@"
"""


@pytest.fixture
def environment(stand_in: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """That of a machine with a stand-in for the driver, and for compute-sanitizer."""
    program = tmp_path / "bin" / "compute-sanitizer"
    program.parent.mkdir()
    program.write_text(SANITIZER.format(python=sys.executable))
    program.chmod(0o755)
    hidden = {"PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "NUMBA_CACHE_DIR"}
    return {
        **{name: value for name, value in stand_in.items() if name not in hidden},
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
        "OUT": str(tmp_path / "out"),
        "AA_REF_GPU_SMALL": "1",
        "AA_REF_GPU_PATIENCE": "4",
        "HYPOTHESIS_PROFILE": "simulator",
    }


def run_all(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ROOT / ".ci" / "gpu"], env=environment, capture_output=True, text=True, timeout=1500
    )


def found_by(out: Path) -> list[dict[str, Any]]:
    return list(records.read(out / "records.jsonl"))


def test_from_beginning_to_end(environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run_all({**environment, "PYTEST_ADDOPTS": "-p answering"})
    assert done.returncode == 0, done.stdout + done.stderr + (out / "log.txt").read_text()[-8000:]
    found = found_by(out)
    ends = {r["stage"]: r["end"] for r in found if r["what"] == "end"}
    expected = dict.fromkeys([stage.name for stage in STAGES], "passed")
    if find_spec("torch") is None:
        expected["plugin"] = ends["plugin"]
        assert re.match(r"left out: all \d+ skipped, as .*PyTorch is not installed", ends["plugin"])
    assert ends == expected
    tests = [r for r in found if r["what"] == "test"]
    passed = {r["name"] for r in tests if r["outcome"] == "passed"}
    for kernel in SHIPPED:
        assert f"tests/cuda/test_gpu_kernels.py::test_kernel[{kernel.name}]" in passed
    reasons = {r["why"] for r in tests if r["outcome"] != "passed"}
    assert all("stand-in" in why or "CUDA" in why or "not installed" in why or "SMALL" in why
               for why in reasons), reasons  # fmt: skip
    times = [r["found"]["seconds"] for r in tests if "seconds" in r.get("found", ())]
    assert len(times) == 7
    assert all(times)
    assert sum("results" in r.get("found", ()) for r in tests) > 10
    check_report(found, tmp_path)


def check_report(found: list[dict[str, Any]], folder: Path) -> None:
    """The command makes results and a page of a run, if that was none of small arrays."""
    out, docs = folder / "large", folder / "docs"
    out.mkdir()
    copytree(ROOT / "docs" / "results", docs / "results")
    command = [sys.executable, "-m", "report", str(out), str(docs)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    told = []
    for records_of_a_run in (None, found, [r for r in found if r["what"] != "small"]):
        if records_of_a_run is not None:
            lines = "\n".join(map(json.dumps, records_of_a_run))
            (out / "records.jsonl").write_text(lines, "utf-8")
        done = subprocess.run(
            command, cwd=HERE, env=os.environ | {"PYTHONPATH": path}, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip
        told.append(done.stderr if done.returncode else done.stdout)
    assert "run .ci/gpu first" in told[0]
    assert "small arrays" in told[1]
    assert f"wrote {docs / 'performance.md'}" in told[2]
    assert "| racecheck | passed |" in (docs / "performance.md").read_text("utf-8")
    (file,) = (docs / "results").glob("*-stand-in.json")
    run = Results.from_json(file.read_text("utf-8"), file.name)
    assert run.complete
    assert {"strips-nothing compiled", "ready"} <= run.machine["gpu"]["first_calls"].keys()


def test_without_a_gpu_it_says_so(environment: dict[str, str], tmp_path: Path) -> None:
    done = run_all({**environment, "STAND_IN_DEVICES": "0"})
    assert done.returncode == 1
    assert "failed: no GPU can be used: the NVIDIA driver finds no GPU" in done.stdout
    assert [r["stage"] for r in found_by(tmp_path / "out") if r["what"] == "end"] == ["versions"]


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where records go; what runs has pytest-xdist's own variables no more."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AA_REF_RECORDS", "AA_REF_STAGE"):
        monkeypatch.setenv(name, "")  # and set back afterwards
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    return tmp_path


def stage_of(
    out: Path, *lines: str, name: str = "some", seconds: int = 60, **options: Any
) -> Stage:
    """One with a file of tests."""
    file = out / f"{name}.py"
    head = "import os, signal, time\nimport pytest\npytestmark = pytest.mark.gpu\n"
    file.write_text(head + "\n".join(lines) + "\n")
    return Stage(name, seconds, (str(file),), **options)


def test_wrong_bits_end_the_run(
    environment: dict[str, str], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers here, so the stand-in leaves results as they were."""
    monkeypatch.setenv("LD_LIBRARY_PATH", environment["LD_LIBRARY_PATH"])
    (first,) = (stage for stage in STAGES if stage.name == "first calls")
    assert first.gate
    tiles = first._replace(arguments=(*first.arguments, "-k", "test_bits and 0.2"))
    ends = stages.run([tiles, stage_of(out, "def test_it(): pass")], out)
    assert list(ends) == ["first calls"]
    assert ends["first calls"] == "failed with status 1, 0 passed, 1 failed, 0 skipped"
    (test,) = (r for r in found_by(out) if r["what"] == "test")
    assert "elements differ" in test["why"]


def test_a_stage_that_is_late_is_ended_and_the_next_begins(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE", 1)
    monkeypatch.setattr(processes, "SHARES", dict.fromkeys(processes.SHARES, 1))
    late = ["def test_a(): pass", "def test_b():"]
    deaf = [*late, "    signal.signal(signal.SIGINT, signal.SIG_IGN)", "    time.sleep(60)"]
    ends = stages.run(
        [
            stage_of(out, *late, "    time.sleep(60)", name="late", seconds=3),
            stage_of(out, *deaf, name="deaf", seconds=3),
            stage_of(out, "def test_c(): pass"),
        ],
        out,
    )
    told = "ended at its limit of 3 s, 1 passed, 0 failed, 0 skipped, amid test_b"
    assert ends == {"late": told, "deaf": told, "some": "passed"}
    seconds = [r["seconds"] for r in found_by(out) if r["what"] == "end"]
    assert max(seconds) < 40  # they would sleep for 60


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        (["def test_a(): pass", "def test_b(): assert not 1"],
         "failed with status 1, 1 passed, 1 failed, 0 skipped"),
        (["def test_a(): pytest.skip('why')"],
         "failed with status 0, 0 passed, 0 failed, 1 skipped"),
        ([], "failed with status 5, 0 passed, 0 failed, 0 skipped"),
        (["raise RuntimeError"], "failed with status 2, 0 passed, 1 failed, 0 skipped"),
        (["def test_a(): raise RuntimeError('CUDA_ERROR_ILLEGAL_ADDRESS')", "def test_b(): pass"],
         "failed with status 3, 1 passed, 1 failed, 0 skipped"),
        (["def test_a(): os.kill(os.getpid(), signal.SIGSEGV)", "def test_b(): pass"],
         "failed with status -11, 1 passed, 1 failed, 0 skipped"),
        (["def test_a(): pass", "def test_b(): os._exit(0)"],
         "failed with status 0, 1 passed, 1 failed, 0 skipped"),
    ],
    ids=["a failure", "all skipped", "no tests", "not to be read", "a lost device", "a crash",
         "an end"],
)  # fmt: skip
def test_ends(out: Path, lines: list[str], end: str) -> None:
    assert stages.run([stage_of(out, *lines)], out) == {"some": end}
    assert [r["what"] for r in found_by(out)][-1] == "end"
    assert any(r["what"] == "lost" for r in found_by(out)) == ("ILLEGAL" in "".join(lines))


LATE = "def test_z(): time.sleep(60)"


@pytest.mark.parametrize(
    ("lines", "goes_on"),
    [
        (["def test_bits(): pass", LATE], True),
        (["def test_bits(): assert not 1", LATE], False),
        (["def test_bits(): pass", "def test_first(): assert not 1"], True),
        (["def test_bits(): raise RuntimeError('CUDA_ERROR_ILLEGAL_ADDRESS')"], False),
        (["def test_bits(): os.kill(os.getpid(), signal.SIGSEGV)"], False),
        (["raise RuntimeError"], False),
    ],
    ids=["late", "late and wrong", "right and slow", "an illegal address", "a crash", "no tests"],
)
def test_only_bits_that_are_wrong_end_the_run(
    out: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], goes_on: bool
) -> None:
    monkeypatch.setattr(processes, "GRACE", 1)
    seconds = 3 if LATE in lines else 60
    gate = stage_of(out, *lines, name="gate", seconds=seconds, gate="test_bits")
    ends = stages.run([gate, stage_of(out, "def test_c(): pass")], out)
    assert ("some" in ends) == goes_on


def test_a_driver_that_is_slow_to_begin_ends_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE", 1)
    script = out / "slow.py"
    script.write_text("import time\ntime.sleep(60)\n")
    slow = Stage("slow", 2, (str(script),), script=True, gate="a GPU")
    ends = stages.run([slow, stage_of(out, "def test_c(): pass")], out)
    assert list(ends) == ["slow", "some"]


@pytest.mark.parametrize(
    "fault",
    ["raise RuntimeError('an illegal memory access was encountered')", "os._exit(1)",
     "time.sleep(60)"],
    ids=["a lost device", "a crash", "a hung kernel"],
)  # fmt: skip
@pytest.mark.parametrize("spread", [False, True], ids=["one process", "several"])
def test_what_one_test_breaks_costs_no_other(
    out: Path, monkeypatch: pytest.MonkeyPatch, fault: str, spread: bool
) -> None:
    """It is run once, and all others are, by processes that take over."""
    monkeypatch.setattr(processes, "SHARES", {False: 0.05, True: 0.05})
    monkeypatch.setattr(processes, "MOST_WORKERS", 2)
    stage = stage_of(
        out, "@pytest.mark.parametrize('n', range(6))", "def test_it(n):",
        "    time.sleep(0.1)", "    if n == 2:", f"        {fault}", seconds=60, spread=spread,
    )  # fmt: skip
    other = out / "other.py"
    text = (out / "some.py").read_text().replace("n == 2", "n == 6")
    other.write_text(text.replace("test_it", "test_others"))
    ends = stages.run([stage._replace(arguments=(*stage.arguments, str(other)))], out)
    assert ends["some"].endswith(", 11 passed, 1 failed, 0 skipped")
    found = found_by(out)
    begun = [r["name"] for r in found if r["what"] == "begun"]
    assert begun.count("::test_it[2]") == 1
    assert any("test_it[2]" in r["name"] for r in found if r.get("outcome") == "failed")


def test_what_says_without_end_leaves_a_log_that_can_be_read(out: Path) -> None:
    floods = ["def test_a():", "    for _ in range(100):", "        os.write(2, bytes(1 << 17))"]
    stage = stage_of(out, *floods)
    ends = stages.run([stage._replace(arguments=("-s", *stage.arguments))], out)
    assert ends == {"some": "passed"}
    assert 1 << 20 <= (out / "log.txt").stat().st_size < 2 << 20


def test_what_is_running_beside_a_stage_that_has_ended_is_ended(out: Path) -> None:
    """Such as a first call in a process of its own, which waits for the device."""
    left = ["import subprocess, sys", "def test_a():",
            "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
            f"    open({str(out / 'child')!r}, 'w').write(str(child.pid))"]  # fmt: skip
    stages.run([stage_of(out, *left)], out)
    child = Path("/proc", (out / "child").read_text(), "stat")
    for _ in range(100):
        if not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        sleep(0.1)
    else:
        pytest.fail("it still runs")


def test_what_needs_a_package_may_be_left_out_as_a_whole(out: Path) -> None:
    skipping = stage_of(out, "def test_a(): pytest.skip('PyTorch is not installed')", optional=True)
    told = "left out: all 1 skipped, as PyTorch is not installed"
    assert stages.run([skipping], out) == {"some": told}


def test_what_is_missing_is_named(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "missing", lambda: ["kornia", "hypothesis"])
    monkeypatch.setattr(stages, "sanitizer", lambda: None)
    ends = stages.run(
        [
            stage_of(out, "def test_a(): pass", needs=("hypothesis", "torch")),
            stage_of(out, "def test_a(): pass", name="checked", tool="memcheck"),
        ],
        out,
    )
    assert ends["some"] == "left out: the module hypothesis is missing"
    assert ends["checked"].startswith("left out: there is no compute-sanitizer")
    assert "test_gpu_cupy.py" in " ".join(versions.asking("cupy"))
    assert "bench/test_bench_peers.py" not in versions.asking("jsonschema")


HIDDEN = """
import sys
import pytest


class Hiding:
    def find_spec(name, path, target=None):
        if name in {names}:
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Hiding)
raise SystemExit(pytest.main({arguments}))
"""


def test_other_stages_need_no_package_that_may_be_missing() -> None:
    files = {f for stage in STAGES if not stage.needs for f in stage.arguments if "/test_" in f}
    arguments = [*sorted(files), "--collect-only", "-q", "-n0", "-p", "no:cacheprovider"]
    names = ["hypothesis", "kornia", "jsonschema", "array_api_strict", "torch", "cupy", "typer"]
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN.format(names=names, arguments=arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "test_kernel[convert_uint8]" in done.stdout


def test_records_without_speeds_are_no_report() -> None:
    with pytest.raises(SystemExit, match="no speeds"):
        report.results_of([{"stage": "speeds", "what": "test", "outcome": "failed"}])


def test_a_run_that_was_killed_is_reported_as_far_as_it_came() -> None:
    tests = [
        {"what": "test", "stage": "b", "outcome": "passed", "seconds": s} for s in (1, None, 2)
    ]
    unread = {"what": "test", "stage": "b", "outcome": "skipped", "why": "CuPy is not installed"}
    found = [{"what": "end", "stage": "a", "end": "passed", "seconds": 5}, unread, *tests]
    ends = [(r["stage"], r["end"], r["seconds"]) for r in report._ends(found)]
    assert ends == [("a", "passed", 5), ("b", "cut off", 3)]


def test_a_run_that_was_killed_is_not_complete(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three cases the first was measured."""
    block = Block(Case("forward", (3, 8, 8), "CHW", "float32", (0.5,), (1,)), (), {})
    machine = {"gpu": {"name": "A GPU"}}
    run = Results("2026-01-02 03:04 UTC", ".ci/gpu", machine, {}, {}, (block,), 1)
    monkeypatch.setenv("MEASURED", run.to_json())
    measured = "record_property('results', json.loads(os.environ['MEASURED']))"
    killed = "os.kill(os.getppid(), signal.SIGKILL), os.kill(os.getpid(), signal.SIGKILL)"
    lines = ["import json", f"def test_a(record_property): {measured}", f"def test_b(): {killed}",
             "def test_c(): pass"]  # fmt: skip
    process = begin_main(out, f"stage_of(out, *{lines!r}, name='speeds')")
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    found = report.results_of(found_by(out))
    assert (len(found.blocks), found.planned, found.complete) == (1, 3, False)


def test_all_limits_together_are_570_seconds() -> None:
    assert sum(stage.seconds for stage in STAGES) <= 570
    assert len({stage.name for stage in STAGES}) == len(STAGES)
    assert [stage.name for stage in STAGES if stage.gate] == ["versions", "first calls"]


def test_a_record_that_was_cut_off_is_left_out(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = out / "records.jsonl"
    monkeypatch.setenv("AA_REF_RECORDS", str(file))
    records.put("one", value=1)
    with file.open("a") as lines:
        lines.write('{"what": "tw')
    assert [r["what"] for r in records.read(file)] == ["one"]
    monkeypatch.delenv("AA_REF_RECORDS")
    records.put("three")
    assert len(found_by(out)) == 1


RUN = """
import sys
from pathlib import Path
import stages
from stages import Stage
from test_stages import stage_of

out = Path(sys.argv[1])
{before}
stages.STAGES = [{stages}]
sys.exit(stages.main(out))
"""


def begin_main(out: Path, *made: str, before: str = "", **options: Any) -> "subprocess.Popen[str]":
    """Begin a run of a few stages in a process of its own, which takes signals as one."""
    folders = [HERE, HERE.parent, HERE.parents[1], os.environ["PYTHONPATH"]]
    return subprocess.Popen(
        [sys.executable, "-c", RUN.format(before=before, stages=", ".join(made)), str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}, **options,
    )  # fmt: skip


PASSES = "stage_of(out, 'def test_a(): pass')"


def test_records_of_an_earlier_run_are_kept(out: Path) -> None:
    for _ in range(3):
        process = begin_main(out, PASSES)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    for name in ("records", "records-1", "records-2"):
        found = list(records.read(out / f"{name}.jsonl"))
        assert [r["what"] for r in found] == ["collected", "begun", "test", "end"]
    assert (out / "log-2.txt").exists()


def test_a_folder_is_where_the_run_was_begun(out: Path) -> None:
    """Stages have another folder than the caller."""
    process = begin_main(
        Path("found"), f"stage_of(Path({str(out)!r}), 'def test_a(): pass')", cwd=out
    )
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, said + errors
    assert [r["what"] for r in found_by(out / "found")] == ["collected", "begun", "test", "end"]


def test_a_run_without_tests_has_failed(out: Path) -> None:
    script = "Stage('versions', 60, ('-c', ''), script=True)"
    process = begin_main(out, script, PASSES, before="stages.missing = lambda: ['pytest']")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "no test has passed" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_told_to_end_ends_its_stage(out: Path, number: int) -> None:
    slow = "stage_of(out, 'def test_a(): pass', 'def test_b(): time.sleep(60)', name='slow')"
    process = begin_main(out, slow)
    for _ in range(600):
        file = out / "records.jsonl"
        if file.exists() and [r["what"] for r in records.read(file)].count("begun") == 2:
            break
        sleep(0.1)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    last = found_by(out)[-1]
    assert (last["what"], last["end"]) == ("end", "interrupted")


def test_what_the_disk_has_no_room_for_is_printed(out: Path) -> None:
    """And the run goes on: each line is cut off where no more fits, or comes to the output."""
    tests = ", ".join(f"'def test_{n}(): pass'" for n in range(9))
    made = [f"stage_of(out, {tests}, name={name!r})" for name in ("some", "another")]
    process = begin_main(out, *made, preexec_fn=lambda: full_at(500))
    said, _ = process.communicate(timeout=120)
    on_disk = found_by(out)
    assert 0 < len(on_disk) < 18
    lines = said.splitlines()
    printed = [json.loads(line[line.index("{") :]) for line in lines if ": {" in line]
    for name in ("some", "another"):
        told = {
            r["name"] for r in [*on_disk, *printed] if (r["stage"], r["what"]) == (name, "test")
        }
        assert told == {f"::test_{n}" for n in range(9)}


def full_at(size: int) -> None:
    """Let files have no more bytes, as where a disk is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
