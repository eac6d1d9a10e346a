"""Torch's layers in the benchmark: who takes part, what is held against what, what is shown."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from bench_helpers import TINY, block, call, case, results, row, words

import aa_ref
from aa_ref.bench.inputs import input_of
from aa_ref.bench.layers import contenders
from aa_ref.bench.layers.contenders import CORE, ORIGINAL, layers_of
from aa_ref.bench.layers.plugin import PLUGIN, layers_of_plugin
from aa_ref.bench.layers.tables import layers_tables
from aa_ref.bench.layers.targets import outcomes_of
from aa_ref.bench.layers.tensors import Tensors
from aa_ref.bench.memory import needed_memory
from aa_ref.bench.page import page_of
from aa_ref.bench.peer_contenders import chosen
from aa_ref.bench.results import Block, Results
from aa_ref.bench.running import Run, measure_case
from aa_ref.bench.tables import cost_against, peers_against_ours, targets_table
from aa_ref.peers.original import levels as levels_of_original
from aa_ref.peers.original import roundings

CASES = [
    case("layer", (6, 20, 27), (0.25,)),
    case("layer", (3, 20, 27), (0.5,), dtype="float16"),
    case("layer", (3, 20, 27), (0.5,), layout="HWC"),
    case("layer-training", (6, 20, 27), (0.25,)),
    case("layer-training", (4, 20, 27), (0.5,), layout="HWC"),
    case("pyramid-training", (6, 20, 27), (1.0, 0.5, 0.25)),
]


@pytest.fixture
def torch():
    """Torch with the plugin; afterwards its threads, and ours, are as before."""
    module = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip(PLUGIN, reason=f"{PLUGIN} is not installed")
    before = module.get_num_threads()
    yield module
    module.set_num_threads(before)
    aa_ref.set_num_threads(None)


def contenders_of(of, peers=(ORIGINAL,)):
    left_out = {}
    found = layers_of(of, input_of(of), None, chosen(list(peers)), left_out)
    return {(c.name, c.threads): c for c in found}, left_out


@pytest.mark.parametrize("of", CASES, ids=str)
def test_who_takes_part(torch, of):
    found, left_out = contenders_of(replace(of, threads=(1, 2)))
    names = {PLUGIN, ORIGINAL} | ({CORE} if of.direction == "layer" else set())
    assert set(found) == {(name, n) for name in names for n in (1, 2)}
    assert left_out == {}
    assert {c.name: c.kind for c in found.values()}.items() <= {
        (PLUGIN, "ours"), (CORE, "yardstick"), (ORIGINAL, "same result"),
    }  # fmt: skip
    assert found[ORIGINAL, 2].check().holds
    assert contenders_of(of, ["none"])[0].keys() == {(n, 2) for n in names - {ORIGINAL}}


def test_threads_are_set_for_torch_and_for_the_core(torch):
    found, _ = contenders_of(replace(CASES[0], threads=(1, 3)))
    for (name, threads), contender in found.items():
        torch.set_num_threads(2)
        contender.before()
        assert aa_ref.get_num_threads() == threads
        assert torch.get_num_threads() == (2 if name == CORE else threads)


@pytest.mark.parametrize("of", CASES, ids=str)
def test_gradients_are_asked_for_in_training_alone(torch, of):
    tensors, seen = Tensors(torch, of, input_of(of)), []
    original = levels_of_original(torch, tensors.tasks, tensors.x)

    def levels(x):
        seen.append((torch.is_grad_enabled(), x.requires_grad))
        return original(x)

    tensors.call_of(levels)()
    assert seen == [(of.direction != "layer",) * 2]


def test_the_core_takes_the_very_memory_of_the_tensor(torch):
    of = CASES[0]
    x = input_of(of)
    core = {c.name: c for c in layers_of(of, x, None, (), {})}[CORE]
    x[:] = 1
    expected = aa_ref.downsample(np.ones_like(x), 0.25)
    np.testing.assert_array_equal(core.call(), expected.reshape(2, 3, 5, 7))


@pytest.mark.parametrize("name", [PLUGIN, ORIGINAL])
@pytest.mark.parametrize("of", [CASES[3], CASES[5]], ids=str)
def test_training_gives_the_gradient_of_all_levels(torch, of, name):
    (found,) = contenders_of(of)[0][name, 2].call()
    adjoint = replace(of, direction="adjoint")
    gradients = [input_of(replace(adjoint, scales=(s,))) for s in of.scales]
    parts = [p.adjoint(g) for p, g in zip(of.plans, gradients, strict=True)]
    spread = sum(p.adjoint(np.abs(g)) for p, g in zip(of.plans, gradients, strict=True))
    difference = np.abs(found.numpy().reshape(of.shape) - np.sum(parts, 0, np.float64))
    # K * K products and sums of the original's weights, which saw 20 roundings; 3 sums of levels
    assert (difference <= 1.01 * (13 * 13 + 1 + 20 + 3 + 14) * 2.0**-24 * spread).all()
    assert found.shape == (2, 3, 20, 27)


def wrongly(levels, change):
    return lambda x: change(levels(x))


WRONG = {
    "another scale": lambda ys: [y * 1.001 for y in ys],
    "a shift": lambda ys: [y.roll(1, -1) for y in ys],
    "no gradient of some": lambda ys: [y.detach() + 0 * y for y in ys],
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("of", [CASES[3], CASES[5]], ids=str)
def test_wrong_layers_are_seen(torch, of, change):
    tensors = Tensors(torch, of, input_of(of))
    ours = layers_of_plugin(of, 3)
    original = levels_of_original(torch, tensors.tasks, tensors.x)
    assert tensors.has_our_bits(ours)
    assert tensors.worst_agreement(original, roundings).holds
    assert not tensors.has_our_bits(wrongly(ours, change))
    assert not tensors.worst_agreement(wrongly(original, change), roundings).holds


def test_a_scale_named_twice_gives_two_levels(torch):
    of = case("pyramid-training", (3, 20, 27), (0.5, 0.25, 0.5))
    tensors = Tensors(torch, of, input_of(of))
    assert tensors.has_our_bits(layers_of_plugin(of, 3))
    assert [y.shape[-1] for y in layers_of_plugin(of, 3)(tensors.x)] == [14, 7, 14]


@pytest.mark.parametrize("of", [CASES[0], CASES[3]], ids=str)
def test_what_differs_is_told_and_is_no_speed_of_ours(torch, monkeypatch, of):
    for name in ("layers_of_plugin", "levels_of_original"):
        right = getattr(contenders, name)
        monkeypatch.setattr(
            contenders, name, lambda *of, right=right: wrongly(right(*of), WRONG["another scale"])
        )
    measured = measure_case(of, Run([], chosen(["torch"]), effort=TINY))
    assert measured.left_out == {PLUGIN: "its bits differ from the core's"}
    assert measured.ours(2) is None
    assert measured.find(ORIGINAL).kind == "differs"


@pytest.mark.parametrize(
    ("missing", "said"),
    [("torch", "torch is not installed"), (PLUGIN, "aa_ref_torch is not installed")],
)
def test_without_torch_or_the_plugin_nothing_is_measured(torch, monkeypatch, missing, said):
    monkeypatch.setitem(sys.modules, missing, None)
    measured = measure_case(CASES[0], Run([], chosen(None), effort=TINY))
    assert measured.rows == ()
    assert said in measured.left_out[PLUGIN]
    assert {(o.measured, o.met) for o in outcomes_of(results(measured))} == {(None, None)}


def test_layers_choose_their_backend_themselves(torch):
    measured = measure_case(CASES[0], Run([], (), ["numpy"], TINY))
    assert measured.rows == ()
    assert "choose their backend themselves" in measured.left_out[PLUGIN]
    assert measure_case(CASES[0], Run([], (), ["numpy", "numba"], TINY)).find(PLUGIN)


def test_every_turn_of_torch_is_followed_by_a_rest(torch):
    rests = []
    run = Run([], chosen([ORIGINAL]), effort=replace(TINY, rounds=4), wait=rests.append)
    measured = measure_case(CASES[0], run)
    turns = sum(r.timing.rounds for r in measured.rows if r.name != CORE)
    warming_up = 2
    assert len(rests) == turns + warming_up
    assert min(rests) >= 0.01  # its threads were seen to spin for 5 ms


def test_the_original_is_not_waited_for_where_arrays_are_large(torch, monkeypatch):
    monkeypatch.setattr(contenders, "_MOST", CASES[0].samples - 1)
    found, left_out = contenders_of(CASES[0])
    assert (ORIGINAL, 2) not in found
    assert "too slow for this size" in left_out[ORIGINAL]


def test_memory_beside_the_original_is_that_of_full_resolution():
    of = case("layer-training", (24, 1024, 1024))
    assert needed_memory(of) == 92 * of.samples
    assert needed_memory(replace(of, peers=False)) < needed_memory(of)


# ------------------------------------------------------------------- what is shown of them


def layer_block(direction, size, scales, ours, original, *others):
    of = case(direction, size, scales)
    peer = row(ORIGINAL, "same result", original, difference=3e-7, of_bound=0.03)
    return Block(of, (row(PLUGIN, "ours", ours), *others, peer))


def sample():
    return results(
        layer_block("layer", (3, 256, 256), (0.25,), 0.08, 4.0, row(CORE, "yardstick", 0.062)),
        layer_block("layer-training", (24, 256, 256), (0.25,), 2.0, 38.0),
        layer_block("layer-training", (24, 1024, 1024), (0.25,), 30.0, 1230.0),
        layer_block("pyramid-training", (24, 256, 256), (1.0, 0.5, 0.25, 0.125), 5.0, 100.0),
    )


def test_targets():
    found = outcomes_of(sample())
    assert [o.what for o in found] == [
        "layer 1×3×256² at 0.25: a call beyond that of aa_ref.downsample",
        "layer 1×3×256² at 0.25: original torch layer / ours",
        "layer-training 8×3×256² at 0.25: original torch layer / ours",
        "layer-training 8×3×1024² at 0.25: original torch layer / ours",
        "pyramid-training 8×3×256² at 1, 0.5, 0.25, 0.125: original torch layer / ours",
    ]
    # quotients and differences of times, in binary64
    assert [o.measured for o in found] == pytest.approx([18, 50, 19, 41, 20])
    assert [(o.wanted, o.met) for o in found] == [
        (20, True), (10, True), (20, False), (40, True), (20, True),
    ]  # fmt: skip


def test_targets_are_about_two_threads():
    of = case("layer", (3, 256, 256), (0.25,), threads=(4,))
    rows = (row(PLUGIN, "ours", 1.0, 4), row(ORIGINAL, "same result", 50.0, 4))
    assert {o.met for o in outcomes_of(results(Block(of, rows)))} == {None}


def test_targets_of_layers_stand_below_those_of_arrays():
    rows = targets_table(sample()).rows
    assert [r[2:] for r in rows[-5:]] == [
        ("18 µs", "met"), ("50", "met"), ("19", "not met"), ("41", "met"), ("20", "met"),
    ]  # fmt: skip
    assert {r[2] for r in rows[:-5]} == {"not measured"}
    assert {r[2] for r in targets_table(results()).rows} == {"not measured"}


def test_tables():
    beside_original, beside_core = layers_tables(sample())
    assert beside_original.rows[1] == (
        "layer-training", "8×3×256²", "CHW", "float32", "0.25", "2",
        "2", "1.8–2.2", "38", "34.2–41.8", "19",
    )  # fmt: skip
    assert [r[-1] for r in beside_original.rows] == ["50", "19", "41", "20"]
    assert [(r[0], r[-1]) for r in beside_core.rows] == [("layer", "18")]
    assert beside_core.headings[-1] == "beyond it, µs"
    assert layers_tables(results(block(case()))) == []


def test_layers_are_not_among_the_arrays():
    sizes = [layer_block("layer", (3, n, n), (0.25,), 1.0, 9.0) for n in (8, 16, 32, 64)]
    assert peers_against_ours(results(*sizes)) == []
    assert cost_against(results(*sizes), "size") == []


def test_the_page_has_a_section_of_layers():
    page = page_of([sample(), results(block(case()))])
    assert page.count("\n### Torch's layers\n") == 1
    assert "| layer-training | 8×3×1024² | CHW | float32 | 0.25 | 2 | 30 |" in page
    assert "| pyramid-training 8×3×256² at 1, 0.5, 0.25, 0.125: original torch layer / ours" in page
    assert "**Torch's layers.** *Layer* is a call" in page
    assert page.count("### Against the floor") == 1
    assert page_of([Results.from_json(sample().to_json(), "")]) == page_of([sample()])


def test_a_run_without_torch_says_what_is_missing_and_blames_no_size(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    ending = call("--direction", "layer", "--size", "16", "--scale", "0.5", "--rounds", "1")
    assert ending.status == 2
    assert "left out: aa_ref_torch: torch is not installed" in words(ending.stdout)
    assert ending.stderr == "aa-ref: nothing could be measured, as said above\n"


@pytest.mark.filterwarnings("default")  # other people's, on import
def test_a_run_by_its_command(torch, tmp_path):
    path = tmp_path / "r.json"
    ending = call("--direction", "layer,pyramid-training", "--size", "6x16", "--scale", "0.5,1/4",
                  "--rounds", "1", "--threads", "2", "--json", path)  # fmt: skip
    assert ending.status == 0, ending.stderr
    for text in ("layer 2×3×16² CHW float32, s = 0.5", "layer 2×3×16² CHW float32, s = 1/4",
                 "pyramid-training 2×3×16² CHW float32, s = 0.5, 1/4"):  # fmt: skip
        assert text in words(ending.stdout)
    shown = words(call(path).stdout)
    assert "aa_ref_torch beside original torch layer" in shown
    assert "aa_ref_torch beside aa_ref.downsample" in shown
