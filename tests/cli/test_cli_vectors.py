"""``aa-ref vectors``: written, judged, and an exit status for each verdict."""

import json
import re
import shutil

import numpy as np
import pytest
from cli_helpers import call

from aa_ref.oracle.vectors import write_vectors
from aa_ref.oracle.vectors.cases import CASES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("vectors") / "few"
    write_vectors(place, [case for case in CASES if re.match("half-s|quarter-n", case.name)])
    return place


@pytest.fixture
def results(folder, tmp_path):
    place = tmp_path / "results"
    place.mkdir()
    for path in [*folder.glob("*.y.npy"), *folder.glob("*.gx.npy")]:
        shutil.copy(path, place)
    return place


def scaled(path, factor):
    np.save(path, np.load(path) * np.float32(factor))


def refused(ending, status, *words):
    (line,) = ending.stderr.splitlines()
    assert ending.status == status
    assert line.startswith("aa-ref: ")
    for word in words:
        assert str(word) in line


def test_write_and_judge_every_case(tmp_path):
    folder, results = tmp_path / "vectors", tmp_path / "results"
    ending = call("vectors", "write", folder)
    assert ending == (0, f"wrote {len(CASES)} cases to {folder}\n", "")
    results.mkdir()
    shutil.copy(folder / "volume.gx.npy", results)
    ending = call("vectors", "judge", folder, results)
    assert (ending.status, ending.stderr) == (0, "")
    assert re.search(r"^volume +bit-identical", ending.stdout, re.MULTILINE)
    assert "passed: 1 bit-identical, 63 missing" in ending.stdout
    shutil.copy(folder / "volume.y.npy", results)
    ending = call("vectors", "judge", folder, results)
    assert re.search(r"^volume +bit-identical 0.* bit-identical", ending.stdout, re.MULTILINE)
    assert "passed: 2 bit-identical, 135 missing" in ending.stdout
    ending = call("vectors", "judge", folder, results, "--direction", "forward", "--all")
    assert ending.status == 1
    assert "fails: 1 bit-identical, 72 missing" in ending.stdout


@pytest.mark.parametrize(
    ("factor", "options", "status", "verdict"),
    [
        (1, [], 0, "passed: 8 bit-identical"),
        (1 + 2**-23, [], 0, "passed: 7 bit-identical, 1 within the bound"),
        (1.01, [], 1, "fails: 7 bit-identical, 1 wrong"),
        (1.01, ["--precision", "bfloat16"], 0, "(bfloat16, form any, taps recomputed)"),
        (1.01, ["--taps", "given", "--form", "separable"], 1, "form separable, taps given)"),
    ],
)
def test_the_status_tells_the_verdict(folder, results, factor, options, status, verdict):
    scaled(results / "half-short.y.npy", factor)
    ending = call("vectors", "judge", folder, results, *options)
    assert (ending.status, ending.stderr) == (status, "")
    assert verdict in ending.stdout.splitlines()[-1]


def test_status_3_where_the_bound_says_nothing(folder, results):
    path = results / "quarter-normal.y.npy"
    np.save(path, np.nextafter(np.load(path), np.float32(9)))
    ending = call(
        "vectors", "judge", folder, results, "--precision", "pure-bfloat16", "--form", "direct"
    )
    assert ending.status == 3
    assert ending.stdout.splitlines()[-1].startswith("cannot-judge: 7 bit-identical, 1 without")


def test_a_missing_result_fails_if_all_are_asked_for(folder, results):
    (results / "half-short.gx.npy").unlink()
    assert call("vectors", "judge", folder, results).status == 0
    ending = call("vectors", "judge", folder, results, "--all")
    assert ending.status == 1
    assert "fails: 7 bit-identical, 1 missing" in ending.stdout


def test_a_file_that_fits_no_case_fails(folder, results):
    (results / "half-short.gx.npy").rename(results / "half-shart.gx.npy")
    ending = call("vectors", "judge", folder, results)
    assert (ending.status, ending.stderr) == (1, "")
    assert "half-shart.gx fits no case; rename it if half-short.gx is meant" in ending.stdout


def test_json(folder, results, tmp_path):
    file = tmp_path / "verdicts.json"
    scaled(results / "half-short.y.npy", np.nan)
    assert call("vectors", "judge", folder, results, "--json", file).status == 1
    said = json.loads(file.read_text("utf-8"))
    assert (said["grade"], said["passed"], len(said["verdicts"])) == ("fails", False, 8)
    wrong = [v for v in said["verdicts"] if v["grade"] == "fails"]
    assert [(v["case"], v["direction"], v["worst"]) for v in wrong] == [
        ("half-short", "forward", None)
    ]
    refused(call("vectors", "judge", folder, results, "--json", file), 1, file, "--overwrite")
    scaled(results / "half-single.y.npy", 2)
    call("vectors", "judge", folder, results, "--json", file, "--overwrite")
    assert json.loads(file.read_text("utf-8")) != said


def test_arguments_that_do_not_fit(folder, results, tmp_path):
    refused(call("vectors", "write", folder), 1, folder, "is not empty")
    refused(call("vectors", "write", ""), 2, "DIR is empty")
    refused(call("vectors", "write", tmp_path / "no" / "folder"), 1, "there is no folder")
    refused(call("vectors", "judge", tmp_path / "none", results), 2, "there is no folder")
    refused(call("vectors", "judge", results, results), 2, "cannot read", "manifest.json")
    refused(call("vectors", "judge", folder, tmp_path / "none"), 2, "there is no folder or file")
    refused(call("vectors", "judge", folder, tmp_path), 2, "has none of the 8 results")
    for option in ("--precision", "--form", "--taps", "--direction"):
        ending = call("vectors", "judge", folder, results, option, "rough")
        refused(ending, 2, f"{option[2:]} is 'rough'", "write ")


@pytest.mark.parametrize("command", [["vectors"], ["vectors", "write"], ["vectors", "judge"]])
def test_help(command):
    ending = call(*command, "--help")
    assert ending.status == 0
    assert "Usage" in ending.stdout
