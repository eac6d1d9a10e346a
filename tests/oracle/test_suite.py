"""A suite as pytest collects it: one test for each property, failures with finding and snippet."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import aa_ref
from aa_ref import oracle
from aa_ref.oracle.checking import PROPERTIES
from aa_ref.oracle.findings import CODES


@pytest.fixture
def outcome(tmp_path):
    """Run a test file in a pytest of its own."""

    def run(text, *options):
        (tmp_path / "test_port.py").write_text(HEAD + textwrap.dedent(text), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "-rA",
             "-W", "error", *options, "test_port.py"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(aa_ref.__file__).parents[1])},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout

    return run


HEAD = """
import aa_ref
from aa_ref import oracle


def right(x):
    return aa_ref.downsample(x, 0.5, backend="numpy")


"""


def test_a_right_function_passes_one_test_a_property(outcome):
    status, out = outcome(
        """
        def adjoint(g, shape):
            return aa_ref.downsample_adjoint(g, 0.5, shape, backend="numpy")


        test_mine = oracle.suite(right, scale=0.5, layout="HW", adjoint=adjoint)
        """
    )
    assert status == 0, out
    for name in PROPERTIES:
        assert f"PASSED test_port.py::test_mine[{name}]" in out
    assert f"{len(PROPERTIES) + 1} passed" in out


def test_a_failure_shows_the_finding_and_the_snippet(outcome):
    status, out = outcome(
        """
        def short(x):
            return right(x)[:-1]


        test_mine = oracle.suite(short, 0.5, layout="HW")
        """
    )
    assert status == 1, out
    assert "FAILED test_port.py::test_mine[returns-the-right-size]" in out
    assert f"1 failed, {len(PROPERTIES) - 1} passed" in out  # no adjoint, but whether it is judged
    assert "has-the-right-adjoint" not in out
    for part in ("size: ", "from test_port import short", "y = short(x)", "(0, 1)"):
        assert part in out
    assert "Traceback" not in out


def test_the_function_is_checked_once_and_only_if_asked(outcome):
    text = """
        from pathlib import Path


        def noted(x):
            with Path("calls").open("a") as file:
                file.write(".")
            return right(x)


        test_mine = oracle.suite(noted, 0.5, layout="HW")


        def test_nothing():
            print("calls:", Path("calls").exists())
        """
    status, out = outcome(text, "-k", "test_nothing")
    assert status == 0, out
    assert "calls: False" in out
    status, out = outcome(
        text + "\n\n        def test_later():\n            calls = Path('calls').stat().st_size"
        "\n            assert calls == oracle.check(right, 0.5, layout='HW').calls\n"
    )
    assert status == 0, out


def test_no_verdict_is_no_pass(outcome):
    status, out = outcome(
        """
        def bfloat16(x):
            y = aa_ref.downsample(x, 0.25, backend="numpy")
            return (y.view("u4") & 0xFFFF0000).view("f4")


        test_mine = oracle.suite(bfloat16, 0.25, layout="HW", precision="pure-bfloat16")
        """
    )
    assert status == 1, out
    assert "FAILED test_port.py::test_mine[can-be-judged]" in out


def test_every_code_belongs_to_one_property():
    claimed = [code for found in PROPERTIES.values() for code in found]
    assert sorted(claimed) == sorted(CODES)


test_ours = oracle.suite("test_check:right", 0.5, layout="HW", adjoint="test_check:transpose")
"""As anyone writes it."""
