"""The speeds that are wanted of a GPU, on made-up results."""

from dataclasses import replace

import pytest
from bench_helpers import case, on_gpu, results, row

from aa_ref.bench.cuda.selections import SMALL, TINY, large, of_targets
from aa_ref.bench.cuda.targets import outcomes_of
from aa_ref.bench.results import Block
from aa_ref.bench.tables import targets_table

OCTAVES = (0.5, 0.25, 0.125)


def block(of, ours, copy=None, *others):
    rows = [row("cuda", "ours", ours, 1), *others]
    return Block(of, tuple(rows if copy is None else [row("copy", "copy", copy, 1), *rows]))


def at(size, *scales, direction="forward", **options):
    return case(direction, size, scales or (0.5,), (1,), **options)


def outcome(run, start):
    (found,) = [o for o in outcomes_of(run) if o.what.startswith(start)]
    return found


def test_targets_are_all_there_and_say_what_was_not_measured():
    found = outcomes_of(on_gpu())
    assert len({o.what for o in found}) == len(found) == 21 + 15 + 2 + 24 + 2 + 2
    assert {(o.measured, o.met) for o in found} == {(None, None)}


def test_every_target_has_its_case():
    blocks = [
        block(
            of, 1.0, 1.0,
            *(row(name, "yardstick", 2.0, 1) for name in (
                "cuda, largest level alone", "Python call", "Python call on torch tensors",
                "original torch layer", "original torch layer, in a graph", "torch strided conv2d",
                "CuPy correlate1d + slice",
                "cuda on torch tensors", "cuda on torch tensors, in a graph",
            )),
        )
        for of in of_targets()
    ]  # fmt: skip
    run = of_first_calls(on_gpu(*blocks))
    assert [o.what for o in outcomes_of(run) if o.measured is None] == []


def of_first_calls(run):
    """The same, measured by ``.ci/gpu``."""
    calls = {"strips-nothing compiled": 2.5, "tiles-nothing compiled": 4.5, "ready": 7e-6,
             "strips-cached on disk": 0.5, "tiles-cached on disk": 0.25}  # fmt: skip
    gpu = {**run.machine["gpu"], "first_calls": calls}
    return replace(run, machine={**run.machine, "gpu": gpu})


@pytest.mark.parametrize(
    ("start", "measured", "met"),
    [("first call, nothing compiled", 4.5, False), ("first call, cached on disk", 0.5, True)],
)
def test_of_first_calls_the_slowest_counts(start, measured, met):
    found = outcome(of_first_calls(on_gpu()), start)
    assert (found.measured, found.met, found.unit) == (measured, met, "s")


PLANES, PIXELS = large("CHW", "float32"), large("HWC", "float16")
BYTES = large("CHW", "uint8")


@pytest.mark.parametrize(
    ("run", "start", "measured", "met"),
    [
        (block(at(PLANES), 5.0, 8.0), "forward 96×1024² CHW float32 at 0.5", 1.0, True),
        (block(at(PLANES), 6.0, 8.0), "forward 96×1024² CHW float32 at 0.5", 5 / 6, False),
        (block(at(PIXELS, direction="adjoint", layout="HWC", dtype="float16"), 6.25, 8.0),
         "adjoint 3×8192² HWC float16 at 0.5", 0.8, False),
        (block(at(PLANES, *OCTAVES, direction="pyramid"), 2.5, 8.0,
               row("cuda, largest level alone", "yardstick", 2.0, 1)),
         "pyramid 96×1024² CHW", 1.25, True),
        (block(at(PLANES, *OCTAVES, direction="pyramid"), 2.8, 8.0,
               row("cuda, largest level alone", "yardstick", 2.0, 1)),
         "pyramid 96×1024² CHW", 1.4, False),
        (block(at(PLANES), 2.0, 1.0, row("original torch layer", "same result", 19.0, 1)),
         "96×1024² at 0.5: original torch layer /", 9.5, False),
        (block(at(PLANES, 0.25), 2.0, 1.0, row("torch strided conv2d", "same result", 7.0, 1)),
         "96×1024² at 0.25: torch strided conv2d", 3.5, True),
        (block(at(SMALL), 9.0, None, row("original torch layer, in a graph", "differs", 6.0, 1),
               row("cuda on torch tensors, in a graph", "yardstick", 1.5, 1)),
         "24×256² at 0.5: original torch layer, in a graph", 4.0, True),
        (block(at(SMALL), 9.0, None, row("original torch layer", "same result", 6.0, 1),
               row("cuda on torch tensors", "yardstick", 8.0, 1)),
         "24×256² at 0.5: original torch layer /", 0.75, False),
        (block(at(TINY), 9.0, None, row("Python call", "yardstick", 0.0075, 1)),
         "3×32²: Python call, ready plan", 7.5, True),
    ],
)  # fmt: skip
def test_targets(run, start, measured, met):
    found = outcome(on_gpu(run), start)
    assert found.measured == pytest.approx(measured)  # quotients of times, in binary64
    assert found.met is met


@pytest.mark.parametrize(
    ("copy", "least", "note"),
    [
        (1.0, 0.625, ""),
        (0.1, 1e3 * 384 * 1024**2 * (1 + 9 / 2 + 9 / 4 + 1 / 4) / (100 * 4 * 32 * 2e9),
         "of instructions"),
    ],
)  # fmt: skip
def test_the_floor_of_bytes_is_the_slower_of_two(copy, least, note):
    run = on_gpu(block(at(BYTES, dtype="uint8"), 1.0, copy))
    found = outcome(run, "forward 384×1024² CHW uint8 at 0.5")
    assert found.measured == pytest.approx(least)  # quotients of times, in binary64
    assert found.note == note


def test_the_table_of_a_run_is_that_of_its_machine():
    gpu, processor = ([r[0] for r in targets_table(run).rows] for run in (on_gpu(), results()))
    assert "3×32²: Python call, ready plan" in gpu
    assert not set(gpu) & set(processor)
