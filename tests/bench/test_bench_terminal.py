"""The tables of ``aa-ref bench`` in terminals of several widths, and in files."""

import json
import os
import re
import subprocess
import sys

import pytest
from bench_helpers import block, call, case, results, row

NAMES = ("original torch layer", "SciPy gaussian_filter + slice", "OpenCV sepFilter2D + slice")
BOUND = {"difference": 6e-8, "of_bound": 0.043}


@pytest.fixture
def stored(tmp_path):
    peers = [row(name, "same result", 12.3, **BOUND) for name in NAMES]
    blocks = [block(case(size=(3, n, n)), 1.5, 2.0, *peers) for n in (64, 128, 1024, 8192)]
    path = tmp_path / "r.json"
    path.write_text(results(*blocks).to_json(), "utf-8")
    return path


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
def test_tables_fit_and_no_number_and_no_word_is_broken(stored, columns):
    ending = call(stored, columns=columns)
    assert ending.status == 0, ending.stderr
    lines = [line.rstrip() for line in ending.stdout.splitlines()]
    tables = [line for line in lines if line.startswith(tuple("┏┃┡│└"))]
    assert max(map(len, tables)) <= columns
    cells = {cell.strip() for line in tables for cell in re.split("[│┃]", line)}
    for whole in ("12.3", "8.2× (12.3 ms)", "3×8192²", "same result", "ours"):
        assert whole in cells
    for name in NAMES:
        assert name in " ".join(cells) or set(name.split()) <= set(" ".join(cells).split())


def test_what_there_is_no_room_for_is_told(stored):
    narrow, wide = (call(stored, columns=columns).stdout for columns in (80, 220))
    assert "no room for: difference, quartiles" in narrow
    assert "6e-08, 0.043 of bound" in wide
    assert "no room for" not in wide


def test_columns_that_tell_rows_apart_stay(tmp_path):
    of = case(threads=(1, 2))
    path = tmp_path / "r.json"
    path.write_text(results(block(of, 1.0, 1.0, row("numba", "ours", 2.0, 1))).to_json(), "utf-8")
    assert "│ numba │ ours  │ 1       │" in call(path, columns=60).stdout


def test_a_wide_table_goes_on_below(stored):
    text = call(stored, columns=60).stdout
    peers = text[text.index("Peers:") : text.index("Cost against")]
    assert peers.count("Peers: forward, s = 0.5, CHW, float32, 2") == peers.count("┏") > 1
    assert peers.count("SciPy") == peers.count("┏")


def test_files_have_no_width(stored):
    assert call(stored, columns=None).stdout == call(stored, columns=500).stdout


def bench(arguments, **environment):
    """Start the command in a process of its own, its output in a pipe."""
    command = [sys.executable, "-m", "aa_ref.cli", "bench", *map(str, arguments)]
    keep = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    return subprocess.Popen(
        command, env=keep | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_an_output_that_knows_ascii_only(stored):
    stdout, stderr = bench([stored], PYTHONIOENCODING="ascii").communicate(timeout=60)
    assert stderr == b""
    assert b"forward 3?64? CHW float32" in stdout


def test_a_reader_that_leaves_costs_no_results(tmp_path):
    path = tmp_path / "r.json"
    sizes = ",".join(map(str, range(8, 40, 2)))
    process = bench(["--quick", "--size", sizes, "--scale", "0.5", "--rounds", "1", "--backend",
                     "numpy", "--peer", "none", "--json", path])  # fmt: skip
    process.stdout.readline()
    process.stdout.close()
    process.wait(timeout=60)
    process.stderr.close()
    assert len(json.loads(path.read_text("utf-8"))["blocks"]) == 16
