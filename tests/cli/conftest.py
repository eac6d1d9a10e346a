"""What the tests of the command line share."""

from pathlib import Path

import pytest
from cli_helpers import call

import aa_ref


@pytest.fixture(autouse=True)
def _thread_count_is_forgotten():
    """A process runs one command; here, many share one, and ``--threads`` would stay."""
    yield
    aa_ref.set_num_threads(None)


@pytest.fixture
def downsampled(tmp_path):
    """Run ``aa-ref run`` successfully and give the output's path and what was said."""

    def run(source, suffix=None, *options, scale="1/4"):
        output = tmp_path / f"output{suffix or Path(source).suffix}"
        ending = call("run", source, "-o", output, "--scale", scale, *options)
        assert ending.status == 0, ending.stderr
        assert len(ending.stdout.splitlines()) == 1
        assert str(output) in ending.stdout
        return output, ending

    return run


@pytest.fixture
def refused(tmp_path):
    """Run ``aa-ref run``, which must fail with one line that holds all ``words``."""

    def run(source, output, words, *options, scale="1/4", status=None):
        before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
        ending = call("run", source, "-o", output, "--scale", scale, *options)
        assert ending.status != 0
        assert status is None or ending.status == status, ending
        last = ending.stderr.splitlines()[-1]
        assert last.startswith("aa-ref: ")
        assert "Traceback" not in ending.stderr
        assert sum(line.startswith("aa-ref:") for line in ending.stderr.splitlines()) == 1
        for word in words:
            assert word in last
        assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before
        return ending

    return run
