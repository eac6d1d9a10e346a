"""``aa-ref check``: exit status by verdict, the report on stdout and as JSON, questions refused."""

import json
import os
import re
import select
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from cli_helpers import call

import aa_ref

PORT = """
import ctypes
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


def prints(x):
    print("by Python")
    os.write(1, b"past Python\\n")
    ctypes.CDLL(None).printf(b"by C\\n")
    return right(x)


def by_sixteen(x):
    assert x.shape[0] % 16 == x.shape[1] % 16 == 0, x.shape
    return right(x)


def of_one_size(x):
    assert x.shape == (3, 48, 64), x.shape
    return aa_ref.downsample(x, 0.5, boundary="reflect", backend="numpy")


def wrong_when_large(x):
    by_recipe = x.shape[0] == x.shape[1] or any(n % 8 == 0 for n in x.shape)
    y = aa_ref.downsample(x, 0.25, backend="numpy")
    return y if len(np.unique(x)) < 500 or by_recipe else 2 * y


def slow(x):
    time.sleep(0.05)
    return right(x)


def hangs(x):
    time.sleep(3600)
"""


@pytest.fixture
def port(tmp_path, monkeypatch):
    """A folder with somebody's module, which is the current one."""
    (tmp_path / "port_under_test.py").write_text(PORT, "utf-8")
    (tmp_path / "a_program").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("port_under_test", None)


def check(function, *options, scale="1/2"):
    """Judge a function of that module, as cheaply as can be."""
    layout = [] if "--layout" in options else ["--layout", "HW"]
    here = [] if "--isolate" in options else ["--no-isolate"]
    return call("check", f"port_under_test:{function}", "--scale", scale, *layout, *here, *options)


def typed(*arguments, **options):
    """Run ``aa-ref check`` as a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120,
        env=ENVIRONMENT, **options,
    )  # fmt: skip


COMMAND = [sys.executable, "-m", "aa_ref.cli", "check"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(aa_ref.__file__).parents[1])}


@pytest.mark.parametrize(
    ("function", "options", "scale", "status", "words"),
    [
        ("right", (), "1/2", 0, "passed, with the bits of the contract"),
        ("right", ("--adjoint", "port_under_test:transpose"), "0.5", 0, "passed"),
        ("wrong", (), "1/2", 1, "FAILED"),
        ("right", ("--adjoint", "port_under_test:right"), "1/2", 1, "the adjoint raises"),
        ("truncated", ("--precision", "pure-bfloat16"), "1/4", 3, "not judged"),
        ("hangs", ("--isolate", "--timeout", "1"), "1/2", 1, "timeout: "),
        ("hangs", ("--timeout", "0.2"), "1/2", 1, "timeout: "),
        ("reflects", ("--layout", "HWC", "--boundary", "reflect"), "1/2", 0, "passed"),
        ("reflects", ("--layout", "HWC"), "1/2", 1, "FAILED"),
        ("right", ("--dtype", "uint8"), "1/2", 0, "uint8"),
        ("by_sixteen", (), "1/2", 1, "AssertionError: (1, 1)"),
        ("by_sixteen", ("--multiple-of", "16"), "1/2", 0, "multiples of 16"),
        ("of_one_size", ("--layout", "CHW", "--shapes", "3x48x64"), "1/2", 1, "is 'reflect'"),
        (
            "of_one_size",
            ("--layout", "CHW", "--shapes", "48×64", "--channels", "3", "--boundary", "reflect"),
            "1/2",
            0,
            "shapes 48×64",
        ),
        ("right", ("--thorough", "--minutes", "0.002"), "1/2", 0, "not asked: anything larger"),
        (
            "right",
            ("--thorough", "--minutes", "0.002", "--shapes", "48x64"),
            "1/2",
            0,
            "shapes 48×64 alone",
        ),
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
        (("port_under_test:right", "--command", "cp {input} {output}"), "name either a function"),
        (("--backend", "numpy", "--isolate"), "--isolate is for functions; leave it out"),
        (("--command", "cat", "--no-isolate"), "--no-isolate is for functions; leave it out"),
        (("--backend", "numpy", "--adjoint", "port_under_test:right"), "--adjoint"),
        (("--backend", "abacus"), "abacus"),
        (("port_under_test:right", "--minutes", "1"), "--thorough"),
        (("port_under_test",), "package.module:function"),
        (("port_under_test.right",), "package.module:function, port_under_test:right perhaps"),
        (("port_under_test.py:right",), "write port_under_test:right"),
        (("./port_under_test.py",), "write port_under_test:function"),
        (("folder/port.py:right",), "write folder.port:right"),
        (("/a/folder/port.py:right",), "write port:right, in the folder /a/folder"),
        (("../port:right", "--no-isolate"), "write port:right, in the folder .."),
        (("a_program",), "a program is judged as --command 'a_program {input} {output}'"),
        (("port_under_test:left",), "has no attribute 'left'"),
        (("port_under_test:left", "--no-isolate"), "has no attribute 'left'"),
        (("nowhere.at.all:right",), "cannot be imported"),
        (("port_under_test:right", "--layout", "WH"), "a letter for each dimension"),
        (("port_under_test:right", "--precision", "exact"), "binary32"),
        (("port_under_test:right", "--form", "round"), "separable"),
        (("port_under_test:right", "--dtype", "int8"), "int8"),
        (("port_under_test:right", "--adjoint", "port_under_test:up"), "up"),
        (("port_under_test:right", "--boundary", "wrap"), "circular"),
        (("port_under_test:right", "--shapes", "64,48"), "--shapes is 64, 48; write lengths"),
        (("port_under_test:right", "--shapes", "64by48"), "--shapes is '64by48'; write lengths"),
        (("port_under_test:right", "--shapes", "64x48,1x3x64x48"), "--shapes is 64x48, 1x3x64x48"),
        (("port_under_test:right", "--shapes", "64x48", "--multiple-of", "16"), "--multiple-of is"),
        (("--command", "./no-port {input} {output}"), "no program that is found"),
        (("--command", "cp {input}"), "both {input} and {output}"),
        (("--command", "cat {input} > {output}"), "write sh -c 'cat {input} > {output}'"),
        (("--command", "true"), "exit status 0 before its first answer"),
        (("--command", ""), "the command is empty"),
        (("--command", "cat", "--adjoint", "cat '"), "No closing quotation"),
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
    done = typed("port_under_test:wrong", "-s", "1/2", cwd=port)
    assert done.returncode == 1
    assert "from port_under_test import wrong" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="aborts have other names elsewhere than on POSIX")
def test_a_crash_is_a_finding_unless_it_is_asked_for(port):
    asked = ("port_under_test:crashes", "-s", "1/2", "--layout", "HW")
    done = typed(*asked, cwd=port)
    assert done.returncode == 1
    assert "error: the process dies in the call: killed by SIGABRT" in done.stdout
    assert re.search('port_under_test.py", line .* in crashes', done.stderr)
    alone = typed(*asked, "--no-isolate", cwd=port)
    assert (alone.returncode, alone.stdout) == (-6, "")
    assert re.search('port_under_test.py", line .* in crashes', alone.stderr)


@pytest.mark.skipif(os.name != "posix", reason="the C library has no other name on POSIX")
@pytest.mark.parametrize("where", ["--isolate", "--no-isolate"])
def test_what_a_port_prints_goes_to_stderr(port, where):
    done = typed("port_under_test:prints", "-s", "1/2", "--layout", "HW", where, cwd=port)
    assert done.returncode == 0, done
    assert re.match("port_under_test:prints: passed.*\n.*\n.*its bound\n\nasked: ", done.stdout)
    printed = {"by Python", "past Python", "by C"}
    assert printed == set(done.stderr.split("\n")) - {""}
    assert not any(words in done.stdout for words in printed)


def test_a_printed_report_is_short(port):
    """And whole with --all: all code is left out at most, and where it is, that is told."""
    short, whole = (
        check("wrong_when_large", "--dtype", "float64", *options, scale="1/4")
        for options in ((), ("--all",))
    )
    lines = short.stdout.splitlines()
    assert len(lines) <= 60 < len(whole.stdout.splitlines())
    assert lines[-2].startswith("left out here: the code of")
    assert lines[-1].startswith("--all prints all of it")
    for line in whole.stdout.splitlines():
        assert line.startswith("   ") or line in lines
    assert check("right").stdout.splitlines()[4].startswith("asked: ")


def on_a_terminal(arguments, folder, interrupt=None):
    """Run ``aa-ref check`` on a terminal: its status, and what is seen there, without colours.

    Ctrl-C is typed as soon as ``interrupt`` is seen.
    """
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, env={**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "90"},
        preexec_fn=partial(os.login_tty, slave),
    )  # fmt: skip
    os.close(slave)
    seen, until = b"", time.monotonic() + 100
    while select.select([master], [], [], max(until - time.monotonic(), 0))[0]:
        try:
            seen += os.read(master, 1 << 16)
        except OSError:  # the other end is closed
            break
        if interrupt is not None and interrupt.encode() in seen:
            os.write(master, b"\x03")
            interrupt = None
    os.close(master)
    return process.wait(60), re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", seen.decode())


@pytest.mark.skipif(os.name != "posix", reason="there are such terminals on POSIX alone")
def test_progress_is_shown_on_a_terminal(port):
    status, seen = on_a_terminal(["port_under_test:wrong", "-s", "1/2"], port)
    assert status == 1
    assert re.search(r"asking \S+ +[1-9]\d*/\d\d+ ", seen)
    assert re.search(r"finding out why \S+ +\d+/\? ", seen)
    assert "FAILED" in seen
    status, seen = on_a_terminal(["port_under_test:slow", "-s", "1/2"], port, "9/")
    assert status == 130
    assert seen.split()[-2:] == ["aa-ref:", "interrupted"]
