"""Cases and which of them a run takes."""

import pytest
from bench_helpers import case

from aa_ref.bench.cases import DIRECTIONS, LAYERS, PYRAMIDS, Case
from aa_ref.bench.errors import BenchError
from aa_ref.bench.inputs import input_of
from aa_ref.bench.selections import Filters, of_targets, product_of, quick, standard


def test_shapes():
    assert case(size=(3, 8, 12)).plans[0].out_shape == (3, 4, 6)
    assert case(size=(3, 8, 12), layout="HWC").plans[0].out_shape == (4, 6, 3)
    assert case("pyramid", (3, 8, 12), (0.5, 0.25)).plans[1].out_shape == (3, 2, 3)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_inputs_are_the_same_each_time_and_spread(dtype):
    x = input_of(case(dtype=dtype))
    assert x.dtype == dtype
    assert (x == input_of(case(dtype=dtype))).all()
    assert x.std() > (50 if dtype == "uint8" else 0.5)


@pytest.mark.parametrize("select", [standard, quick, of_targets])
def test_no_case_comes_twice(select):
    cases = select((1, 2))
    bare = [(c.direction, c.size, c.layout, c.dtype, c.scales) for c in cases]
    assert len(set(bare)) == len(bare)
    assert all(Case.from_json(c.to_json()) == c for c in cases)


def test_the_standard_run_covers_what_it_should():
    cases = standard((1, 2))
    assert {c.direction for c in cases} == set(DIRECTIONS)
    assert {c.layout for c in cases} == {"CHW", "HWC"}
    assert {c.dtype for c in cases} == {"float32", "uint8", "float16"}
    assert {64, 128, 256, 512, 1024, 2048, 4096, 8192} <= {c.size[1] for c in cases}
    assert any(c.threads == (1, 2) for c in cases)
    wanted = {(c.direction, c.size, c.layout, c.dtype, c.scales) for c in of_targets((2,))}
    assert wanted <= {(c.direction, c.size, c.layout, c.dtype, c.scales) for c in cases}


def test_the_quick_run_is_small():
    assert max(c.samples for c in quick((2,))) <= 3 * 512 * 512


def test_targets_are_about_two_threads_even_where_there_are_more():
    assert {n for c in of_targets((16,)) for n in c.threads} == {1, 2}
    assert {n for c in of_targets((1,)) for n in c.threads} == {1}


def test_a_product_of_what_was_asked_for():
    filters = Filters(sizes=[(3, 8, 8), (3, 9, 9)], dtypes=["uint8"], scales=[0.5, 0.25])
    cases = product_of(filters, (2,))
    assert len(cases) == 4
    assert {(c.direction, c.layout, c.dtype) for c in cases} == {("forward", "CHW", "uint8")}


def test_scales_of_a_pyramid_go_together():
    for direction in PYRAMIDS:
        (only,) = product_of(Filters(directions=[direction], scales=[0.5, 0.25]), (2,))
        assert only.scales == (0.5, 0.25)


@pytest.mark.parametrize("direction", ["adjoint", *LAYERS])
def test_gradients_and_layers_have_no_integers(direction):
    filters = Filters(directions=["forward", direction], dtypes=["uint8"], scales=[0.5])
    assert [c.direction for c in product_of(filters, (2,))] == ["forward"]
    with pytest.raises(BenchError, match=rf"{direction} was.*uint8.*--dtype float32"):
        product_of(Filters(directions=[direction], dtypes=["uint8"]), (2,))


@pytest.mark.parametrize(
    ("of", "pictures", "words"),
    [
        (case("layer", (24, 8, 8)), 8, "8×3×8²"),
        (case("layer-training", (3, 8, 12)), 1, "1×3×8×12"),
        (case("pyramid-training", (6, 8, 8), (1.0, 0.5)), 2, "2×3×8²"),
        (case("layer", (4, 8, 8)), 1, "1×4×8²"),
        (case("layer", (24, 8, 8), layout="HWC"), 1, "1×24×8²"),
        (case("forward", (24, 8, 8)), 1, "24×8²"),
    ],
    ids=lambda value: str(value),
)
def test_planes_of_tensors_are_dealt_out_to_pictures_of_three(of, pictures, words):
    assert (of.pictures, of.size_words) == (pictures, words)
    assert words in str(of)
