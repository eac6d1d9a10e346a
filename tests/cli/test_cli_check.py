"""``aa-ref check``: exit status by verdict, the report on stdout and as JSON, questions refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_helpers import call

import aa_ref

PORT = """
import os
import time

import numpy as np

import aa_ref


def right(x):
    return aa_ref.downsample(x, 0.5, backend="numpy")


def transpose(g, shape):
    return aa_ref.downsample_adjoint(g, 0.5, shape[-2:], backend="numpy")


def wrong(x):
    return right(x)[..., ::-1, :]


def truncated(x):
    y = aa_ref.downsample(x, 0.25, backend="numpy")
    return (y.view("u4") & 0xFFFF0000).view("f4")


def reflects(x):
    return aa_ref.downsample(x, 0.5, axes=(0, 1), boundary="reflect", backend="numpy")


def crashes(x):
    os.abort()


def hangs(x):
    time.sleep(3600)
"""


@pytest.fixture
def port(tmp_path, monkeypatch):
    """A folder with somebody's module, which is the current one."""
    (tmp_path / "port_under_test.py").write_text(PORT, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("port_under_test", None)


def check(function, *options, scale="1/2"):
    """Judge a function of that module, as cheaply as can be."""
    layout = [] if "--layout" in options else ["--layout", "HW"]
    return call("check", f"port_under_test:{function}", "--scale", scale, *layout, *options)


@pytest.mark.parametrize(
    ("function", "options", "scale", "status", "words"),
    [
        ("right", (), "1/2", 0, "passed, with the bits of the contract"),
        ("right", ("--adjoint", "port_under_test:transpose"), "0.5", 0, "passed"),
        ("wrong", (), "1/2", 1, "FAILED"),
        ("right", ("--adjoint", "port_under_test:right"), "1/2", 1, "the adjoint raises"),
        ("truncated", ("--precision", "pure-bfloat16"), "1/4", 3, "not judged"),
        ("crashes", ("--isolate",), "1/2", 1, "error: "),
        ("hangs", ("--isolate", "--timeout", "1"), "1/2", 1, "timeout: "),
        ("hangs", ("--timeout", "0.2"), "1/2", 1, "timeout: "),
        ("reflects", ("--layout", "HWC", "--boundary", "reflect"), "1/2", 0, "passed"),
        ("reflects", ("--layout", "HWC"), "1/2", 1, "FAILED"),
        ("right", ("--dtype", "uint8"), "1/2", 0, "uint8"),
    ],
)
def test_the_status_is_the_verdict(port, function, options, scale, status, words):
    ending = check(function, *options, scale=scale)
    assert ending.status == status, ending
    assert words in ending.stdout
    assert f"port_under_test:{function}" in ending.stdout
    assert ending.stderr == ""


@pytest.mark.parametrize("backend", ["reference", "numpy", "numba"])
def test_our_own_backends(backend):
    ending = call("check", "--backend", backend, "--scale", "1/2", "--layout", "HWC")
    assert ending.status == 0, ending
    assert f"the backend {backend}: passed, with the bits of the contract" in ending.stdout


def test_the_report_as_json(port):
    ending = check("wrong", "--json", "report.json", "--seed", "3")
    assert ending.status == 1
    assert "wrote report.json" in ending.stdout
    data = json.loads((port / "report.json").read_text("utf-8"))
    assert data["name"] == "port_under_test:wrong"
    assert data["grade"] == "fails"
    assert data["terms"]["scale"] == "1/2"
    assert all(f["snippet"] for f in data["findings"])
    before = (port / "report.json").read_bytes()
    assert check("right", "--json", "report.json").status == 2
    assert check("right", "--json", "nowhere/report.json").status == 2
    assert (port / "report.json").read_bytes() == before
    assert check("right", "--json", "report.json", "--overwrite").status == 0
    assert (port / "report.json").read_bytes() != before


def test_the_report_as_a_page(port):
    ending = check("wrong", "--html", "report.html", "--json", "report.json")
    assert ending.status == 1
    assert "wrote report.json\nwrote report.html\n" in ending.stdout
    page = (port / "report.html").read_bytes()
    assert page.startswith(b"<!doctype html>")
    assert b"port_under_test:wrong" in page
    assert check("right", "--html", "report.html").status == 2
    assert (port / "report.html").read_bytes() == page
    assert check("right", "--html", "report.html", "--overwrite").status == 0
    assert (port / "report.html").read_bytes() != page
    ending = check("right", "--html", "both", "--json", "both")
    assert ending.status == 2
    assert "name two files" in ending.stderr
    assert not (port / "both").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name either a function"),
        (("port_under_test:right", "--backend", "numpy"), "name either a function"),
        (("--backend", "numpy", "--isolate"), "leave them out with --backend"),
        (("--backend", "numpy", "--adjoint", "port_under_test:right"), "--adjoint"),
        (("--backend", "abacus"), "abacus"),
        (("port_under_test",), "package.module:function"),
        (("port_under_test:left",), "left"),
        (("nowhere.at.all:right",), "cannot be imported"),
        (("port_under_test:right", "--layout", "WH"), "a letter for each dimension"),
        (("port_under_test:right", "--precision", "exact"), "binary32"),
        (("port_under_test:right", "--form", "round"), "separable"),
        (("port_under_test:right", "--dtype", "int8"), "int8"),
        (("port_under_test:right", "--adjoint", "port_under_test:up"), "up"),
        (("port_under_test:right", "--boundary", "wrap"), "circular"),
    ],
)
def test_wrong_questions(port, arguments, words):
    ending = call("check", *arguments, "--scale", "1/2")
    assert ending.status == 2, ending
    assert words in ending.stderr
    assert ending.stderr.startswith("aa-ref: ")
    assert len(ending.stderr.splitlines()) == 1


def test_as_it_is_typed(port):
    """The current folder is searched, and in it alone the module is."""
    done = subprocess.run(
        [sys.executable, "-m", "aa_ref.cli", "check", "port_under_test:wrong", "-s", "1/2",
         "--isolate"],
        cwd=port, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(aa_ref.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 1
    assert "from port_under_test import wrong" in done.stdout
    assert "Traceback" not in done.stderr
