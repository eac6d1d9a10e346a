"""Measuring: who takes part, with how many threads."""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product

import numpy as np
import pytest
from bench_helpers import TINY, case

import aa_ref
from aa_ref.bench import running, yardsticks
from aa_ref.bench.contenders import backends_of, copies_of
from aa_ref.bench.inputs import input_of
from aa_ref.bench.interrupts import remembered_interrupts
from aa_ref.bench.machine import caches, cpu_name, describe_machine
from aa_ref.bench.results import Block
from aa_ref.bench.running import Run, measure, measure_case


@pytest.fixture(autouse=True)
def _threads_as_before():
    yield
    aa_ref.set_num_threads(None)


def run(of, *backends, peers=()):
    return measure_case(of, Run([of], peers, backends or None, TINY))


@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16"])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize("direction", ["forward", "adjoint", "pyramid"])
def test_all_backends_compute_the_case(direction, layout, dtype):
    if (direction, dtype) == ("adjoint", "uint8"):
        dtype = "float64"
    scales = (0.5, 0.25) if direction == "pyramid" else (0.25,)
    of = case(direction, (3, 20, 27), scales, layout=layout, dtype=dtype)
    x = input_of(of)
    for contender in backends_of(of, x, None, {}):
        contender.before()
        results = contender.call()
        for plan, y in zip(of.plans, results if direction == "pyramid" else [results], strict=True):
            expected = plan.adjoint(x) if direction == "adjoint" else plan(x)
            assert np.array_equal(y, expected), contender.name


def test_results_go_to_memory_that_was_there_before():
    of = case()
    for contender in [*copies_of(of, input_of(of)), *backends_of(of, input_of(of), None, {})]:
        assert contender.call() is contender.call()


def test_threads_are_those_of_the_contender():
    seen = {}
    of = case(threads=(1, 3))
    for contender in backends_of(of, input_of(of), ["numba"], {}):
        contender.before()
        seen[contender.threads] = aa_ref.get_num_threads()
    assert seen == {1: 1, 3: 3}


def test_a_block_has_copy_limit_and_backends_for_each_number_of_threads():
    block = run(case(threads=(1, 2)), "numpy", "numba")
    assert {(r.name, r.threads) for r in block.rows if r.kind in ("copy", "limit", "ours")} == {
        *product(("copy", "limit", "numba"), (1, 2)), ("numpy", 1),
    }  # fmt: skip
    assert block.ours(2).threads == 2
    assert block.ours(2).name == "numba"


def test_the_reference_is_there_at_tiny_sizes_only():
    assert run(case(size=(1, 8, 8)), "reference").find("reference")
    block = run(case(size=(3, 130, 130)), "reference")
    assert block.find("reference") is None
    assert "too slow" in block.left_out["reference"]


def test_a_pyramid_has_its_largest_level_beside_it():
    block = run(case("pyramid", (3, 24, 24), (0.25, 0.5)), "numpy")
    assert block.find("numpy, largest level alone").kind == "yardstick"


def test_yardsticks_do_what_the_library_does():
    of = case(size=(2, 37, 41), scales=(0.25,))
    left_out = {}
    found = {c.name: c for c in yardsticks.yardsticks_of(of, input_of(of), left_out)}
    assert left_out == {}
    assert np.array_equal(found[yardsticks.LOOPS].call(), of.plans[0](input_of(of)))
    found[yardsticks.COMPILED].call()
    for other in (case("adjoint"), case(size=(3, 1024, 1024))):
        assert yardsticks.yardsticks_of(other, input_of(case()), {}) == []


def test_yardsticks_that_do_not_fit_are_left_out(monkeypatch):
    of, left_out = case(layout="HWC"), {}
    yardsticks.yardsticks_of(of, input_of(of), left_out)
    assert "C×H×W" in left_out[yardsticks.LOOPS]
    monkeypatch.setitem(sys.modules, "numba", None)
    left_out.clear()
    yardsticks.yardsticks_of(case(), input_of(case()), left_out)
    assert yardsticks.LOOPS in left_out


def test_measure_tells_what_comes_and_what_came():
    announced, shown = [], []
    cases = [case(), case("adjoint")]
    found = measure(Run(cases, (), ["numpy"], TINY), "command", announced.append, shown.append)
    assert len(announced) == 2
    assert announced[1].startswith("2 of 2: adjoint 3×16×20")
    assert tuple(shown) == found.blocks
    assert found.command == "command"
    assert found.versions["aa_ref"] == aa_ref.__version__
    assert {"numpy", "torch", "kornia"} <= found.versions.keys()


@pytest.mark.parametrize("swallowed", [True, False])
def test_ctrl_c_ends_a_run_even_where_it_is_swallowed(monkeypatch, swallowed):
    def measured(of, _run):
        try:
            if of.direction == "adjoint":
                signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if not swallowed:
                raise
        return Block(of, ())

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(running, "measure_case", measured)
    cases = [case(), case("adjoint"), case(size=(3, 8, 8))]
    found = measure(Run(cases, (), ["numpy"], TINY), "command")
    assert [b.case for b in found.blocks] == cases[: 1 + swallowed]
    assert (found.planned, found.complete) == (3, False)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_the_last_case_leaves_a_complete_run(monkeypatch):
    def measured(of, _run):
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return Block(of, ())

    monkeypatch.setattr(running, "measure_case", measured)
    assert measure(Run([case()], (), ["numpy"], TINY), "command").complete


def test_other_threads_and_other_handlers_are_left_alone():
    def hold():
        with remembered_interrupts() as check:
            check()
            return signal.getsignal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(hold).result() is before
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert hold() == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    facts = describe_machine()
    assert facts["compiled_for"] == "haswell"
    assert facts["cores"] >= 1
    assert facts["gpu"] is None
    for level, kind, size in (("1", "Data", "48K"), ("2", "Unified", "2M")):
        folder = tmp_path / f"index{level}"
        folder.mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(text + "\n")
    assert caches(tmp_path) == {"L1 Data": "48K", "L2 Unified": "2M"}
    assert caches(tmp_path / "nowhere") is None
    info = tmp_path / "info"
    info.write_text("processor\t: 0\nmodel name\t: Fast One\n")
    assert cpu_name(info) == "Fast One"
    assert cpu_name(tmp_path / "nowhere")
