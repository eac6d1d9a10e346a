"""Programs as implementations: started for each question or once, judged as functions are."""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from aa_ref import oracle
from aa_ref.oracle.calling import Question
from aa_ref.oracle.calling.programs import ByPrograms, Program
from aa_ref.oracle.errors import OracleError

TYPES = ("float64", "float32", "float16", "bfloat16", "uint8", "uint16")

COPIES = """
import shutil, sys, time, os

for number, line in enumerate(sys.stdin):
    given, result, *shape = line.rstrip("\\n").split("\\t")
    {fault}
    shutil.copyfile(given, result)
    print(result, flush=True)
"""


@pytest.fixture
def copies(tmp_path):
    """A program that is started once and copies files, which is right at scale 1."""

    def make(fault="pass"):
        script = tmp_path / "copies.py"
        script.write_text(COPIES.replace("{fault}", fault), "utf-8")
        return Program(shlex.join([sys.executable, "-S", str(script)]))

    return make


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Somebody's program in C, for float32, NCHW and 1/4, in both ways of being asked."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    program = tmp_path_factory.mktemp("port") / "port"
    source = Path(__file__).with_name("port.c")
    subprocess.run([compiler, "-std=c99", "-O2", "-o", program, source, "-lm"], check=True)
    return shlex.quote(str(program))


def small(fn, **options):
    return oracle.check(fn, **{"scale": 1, "layout": "HW", **options})


def found(report):
    return {f.code: f.message for f in report.findings}


@pytest.mark.parametrize("arguments", ["{input} {output}", ""])
def test_a_port_in_another_language(port, arguments):
    report = oracle.check(Program(f"{port} {arguments}"), 0.25, timeout=60)
    assert report.grade == "within-bound", str(report)
    assert report.name == f"{port} {arguments}"
    wrong = oracle.check(Program(f"{port} {arguments}"), 0.25, boundary="reflect")
    assert found(wrong) == {"boundary": "along H and W: the boundary is 'zeros', not 'reflect'"}
    assert wrong.calls < 400


@pytest.mark.parametrize("dtype", TYPES)
def test_files_hold_every_type(dtype):
    report = small(Program("cp {input} {output}"), dtype=dtype)
    assert report.grade == "bit-identical", str(report)


def test_files_of_other_orders_are_read(tmp_path):
    script = tmp_path / "turns.py"
    script.write_text(
        "import sys\nimport numpy as np\nfor line in sys.stdin:\n"
        "    given, result = line.split()\n    x = np.load(given)\n"
        "    np.save(result, np.asfortranarray(x.astype('>f4')))\n"
        "    print(result, flush=True)\n", "utf-8",
    )  # fmt: skip
    report = small(Program(f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"))
    assert report.grade == "bit-identical", str(report)


def test_an_adjoint_is_told_the_shape(copies):
    right = small(copies(), adjoint=copies(), layout="NCHW")
    assert right.grade == "bit-identical"
    program = copies("assert not shape or shape == ['2,3,4,5'], shape")
    caller = ByPrograms({"forward": program, "adjoint": program}, 60)
    x = np.zeros((2, 3, 4, 5), np.float32)
    try:
        assert caller.ask(Question("forward", x)).end == "returned"
        assert caller.ask(Question("adjoint", x, shape=(2, 3, 4, 5))).end == "returned"
        assert caller.ask(Question("adjoint", x, shape=(1, 2))).end == "died"
    finally:
        caller.close()
    said = Program("echo {shape} {input} {output}").arguments("a", "b", (1, 2))
    assert said == ["echo", "1,2", "a", "b"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("false {input} {output}", "the program ended with exit status 1"),
        ("sh -c 'echo; echo no luck; exit 3' {input} {output}", "exit status 3: no luck$"),
        ("true {input} {output}", "the output cannot be read: No such file"),
        ("sh -c 'echo text > {output}' {input}", "the output is no .npy file"),
        ("sh -c 'kill -ABRT $$' {input} {output}", "killed by SIGABRT"),
    ],
)
def test_how_a_process_for_one_question_fails(command, words):
    """It is a finding, and the next question is asked all the same."""
    report = small(Program(command))
    assert [*found(report)] == ["error"]
    assert re.match(f"gives no answer: .*{words}", found(report)["error"])
    assert report.calls > 20


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("time.sleep(99 * (number > 3))", "timeout", "within 0.5 s; does it flush"),
        ("if number > 3: os.abort()", "error", "the process dies in the call: killed by SIGABRT"),
        ("os.abort()", "error", "the process dies in the call: killed by SIGABRT"),
        ("if number > 3: print('error 7'); continue", "error", "gives no answer: error 7"),
        ("if number > 3: result += 'x'", "timeout", "no answer within"),
        ("if number > 3: print(result, flush=True); continue", "error", "No such file"),
        ("print('hello\\nthere')", None, ""),
        ("if number > 3: open(given, 'ab').write(b'more')", "mutates", "writes into its input"),
    ],
)
def test_how_a_process_for_all_questions_fails(copies, capsys, fault, code, words):
    report = small(copies(fault), timeout=0.5)
    told = found(report)
    assert report.passed == (code is None), str(report)
    assert words in told.get(code, "")
    printed = capsys.readouterr().err
    assert printed.count("there\n") == (report.calls if "hello" in fault else 0)
    assert "hello" in printed or "hello" not in fault


def test_a_process_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    names = tmp_path / "numbers"
    script = f"sleep 98 & echo $! >> {shlex.quote(str(names))}; wait; : {{input}} {{output}}"
    report = small(Program(f"sh -c {shlex.quote(script)}"), timeout=0.3)
    assert "no answer within 0.3 s" in found(report)["timeout"]
    assert report.calls == 1
    (number,) = names.read_text("utf-8").split()
    status = Path(f"/proc/{number}/stat")
    end = time.monotonic() + 5  # a process that is killed may run until its processor looks
    while (alive := status.exists() and status.read_text("utf-8").split()[2] != "Z") and (
        time.monotonic() < end
    ):
        time.sleep(0.01)
    assert not alive


def test_the_same_words_are_passed_on_once(capsys):
    assert small(Program("sh -c 'echo hello; cp {input} {output}'"))
    assert capsys.readouterr().err == "hello\n"


def test_a_snippet_runs_the_program(copies, tmp_path):
    """From a shell or not, and writes its files into the current folder."""
    cut_off = Program("sh -c 'head -c -1 {input} > {output}'")
    once = "data = open(given, 'r+b'); data.seek(-1, 2); data.write(b'?'); data.close()"
    for program, code, said in (
        (cut_off, "error", "Failed to read all data"),
        (copies(once), "mutates", "x after the call: ["),
    ):
        report = small(program, dtype="bfloat16")
        finding = next(f for f in report.findings if f.code == code)
        done = subprocess.run(
            [sys.executable, "-c", finding.snippet], cwd=tmp_path, capture_output=True, text=True
        )
        assert said in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"isolate": True}, "leave isolate out"),
        ({"adjoint": np.copy}, "write Program"),
        ({"fn": "numpy:copy", "adjoint": Program("cat")}, "write Program"),
    ],
)
def test_what_does_not_go_together(options, words):
    with pytest.raises(OracleError, match=words):
        small(**{"fn": Program("cat"), **options})


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", "is empty"),
        ("no-such-program-here {input} {output}", "no program that is found; write its path"),
        (f"{__file__} {{input}} {{output}}", "is not executable; try chmod"),
        ("cp {input}", "both {input} and {output}"),
        ("cat {input} | port {output}", "no shell runs it, which | is for; write sh -c"),
        ("cat 'one", "No closing quotation"),
    ],
)
def test_commands_that_are_none(command, words):
    with pytest.raises(OracleError, match=re.escape(words)):
        Program(command)


def test_a_file_that_cannot_be_run_is_no_finding(tmp_path):
    program = tmp_path / "port"
    program.write_bytes(b"\x7fELF of nothing")
    program.chmod(0o755)
    for arguments in ("", " {input} {output}"):
        with pytest.raises(OracleError, match="cannot be started: Exec format error"):
            small(Program(f"{shlex.quote(str(program))}{arguments}"))


def test_folders_are_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert small(Program("cp {input} {output}"))
    with pytest.raises(OracleError, match="ended with exit status 0 before its first answer"):
        small(Program("true"))
    assert [*tmp_path.iterdir()] == []
