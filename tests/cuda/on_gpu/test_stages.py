"""The stages of a run on a GPU: all of them with a stand-in for the driver; limits, gates."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

import records
import report
import stages
import versions
from shipped_calls import SHIPPED
from stages import STAGES, Stage

from aa_ref.bench.results import Results

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
    assert ends == dict.fromkeys([stage.name for stage in STAGES], "passed")
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
    told = []
    for records_of_a_run in (None, found, [r for r in found if r["what"] != "small"]):
        if records_of_a_run is not None:
            lines = "\n".join(map(json.dumps, records_of_a_run))
            (out / "records.jsonl").write_text(lines, "utf-8")
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120)
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
    monkeypatch.setattr(stages, "GRACE", 1)
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
    told = "ended at its limit of 3 s, 1 passed, 0 failed, 0 skipped"
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
         "failed with status 3, 0 passed, 1 failed, 0 skipped"),
    ],
    ids=["a failure", "all skipped", "no tests", "not to be read", "a lost device"],
)  # fmt: skip
def test_ends(out: Path, lines: list[str], end: str) -> None:
    assert stages.run([stage_of(out, *lines)], out) == {"some": end}
    assert [r["what"] for r in found_by(out)][-1] == "end"
    assert any(r["what"] == "lost" for r in found_by(out)) == ("ILLEGAL" in "".join(lines))


@pytest.mark.parametrize(
    ("lines", "goes_on"),
    [(["def test_a(): pass"], True), (["def test_a(): assert not 1"], False)],
    ids=["right so far", "wrong"],
)
def test_a_gate_that_is_late_ends_the_run_if_anything_has_failed(
    out: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], goes_on: bool
) -> None:
    monkeypatch.setattr(stages, "GRACE", 1)
    late = [*lines, "def test_z(): time.sleep(60)"]
    gate = stage_of(out, *late, name="gate", seconds=3, gate=True)
    ends = stages.run([gate, stage_of(out, "def test_c(): pass")], out)
    assert ("some" in ends) == goes_on


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
