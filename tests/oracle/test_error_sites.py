"""Which outputs are wrong: found in a mask, said in words; and what wrong inputs have in common."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aa_ref.oracle.calling.layouts import as_layout
from aa_ref.oracle.correlates import trait_of
from aa_ref.oracle.error_sites import changes_in_words, in_words, indices_of, joined, sites_of
from aa_ref.oracle.probes import Probe


def errors_at(shape: tuple[int, ...], *where: Any) -> Any:
    errors = np.zeros(shape)
    for place in where:
        errors[place] = -7.0
    return errors


@pytest.mark.parametrize(
    ("errors", "letters", "words"),
    [
        (errors_at((2, 5), np.s_[:]), "HW", "all 10 are wrong"),
        (errors_at((1, 1), np.s_[:]), "HW", "it is the only one"),
        (errors_at((2, 5), (1, 3)), "HW", "it alone of 10 is wrong"),
        (
            errors_at((1, 275), np.s_[:, 63::64]), "HW",
            "wrong: outputs 63, 127, 191, … (every 64th) along W, 4 of 275; all others right",
        ),
        (
            errors_at((3, 40), np.s_[:, 16::16]), "HW",
            "wrong: outputs 16 and 32 (every 16th) along W, 2 of 40; all others right",
        ),
        (
            errors_at((70, 3), np.s_[8:16], np.s_[40:48]), "HW",
            "wrong: outputs 8 to 15 and 40 to 47 (8 of 32) along H, 16 of 70; all others right",
        ),
        (
            errors_at((9, 70), np.s_[2:4, 32:]), "HW",
            "wrong: outputs 2 to 3 along H by outputs from 32 on along W, 76 of 630; "
            "all others right",
        ),
        (
            errors_at((40, 45), np.s_[15::16], np.s_[:, 15::16]), "HW",
            "wrong: outputs 15 and 31 (every 16th) along H and outputs 15 and 31 (every 16th) "
            "along W, 166 of 1,800; all others right",
        ),
        (
            errors_at((2, 3, 4, 5), np.s_[:, 2]), "NCHW",
            "wrong: channel 2, 1 of 3; all others right",
        ),
        (
            errors_at((4, 5, 2), np.s_[1:, 4]), "HWC",
            "outputs from 1 on along H by output 4 along W, 6 of 40",
        ),
        (errors_at((9, 9), (0, 1), (4, 7), (8, 3)), "HW", "3 of 81 are wrong, in no pattern"),
        (
            errors_at((20, 31), np.unravel_index(range(63, 620, 64), (20, 31))), "HW",
            "wrong: outputs 63, 127, 191, … (every 64th) in memory, 9 of 620; all others right",
        ),
        (
            errors_at((3, 5, 11), *((k // 5, k % 5) for k in range(0, 15, 4))), "CHW",
            "wrong: lines 0, 4, 8, … (every 4th) in memory, 4 of 15; all others right",
        ),
    ],
)  # fmt: skip
def test_error_sites_in_words(errors: Any, letters: str, words: str) -> None:
    assert words in in_words(errors, letters)


@given(
    start=st.integers(0, 70), step=st.integers(2, 64), width=st.integers(1, 63),
    more=st.integers(0, 63),
)  # fmt: skip
def test_a_period_is_found_wherever_it_begins_and_foretells_the_rest(
    start: int, step: int, width: int, more: int
) -> None:
    width = min(width, step - 1)
    length = start + 3 * step + width + more
    chosen = np.zeros(length, bool)
    chosen[start:] = np.arange(length - start) % step < width
    found, short = indices_of(chosen), indices_of(chosen[: start + step + width])
    assert found is not None
    assert short is not None
    assert found.period == step
    assert found.are_regular
    assert found.count == chosen.sum()
    assert found.foretell(short)
    longer = np.zeros(2 * length, bool)
    longer[start:] = np.arange(2 * length - start) % step < width
    beyond = indices_of(longer)
    assert beyond is not None
    assert found.foretell(beyond)
    other = np.zeros(length, bool)
    other[start + width] = True
    elsewhere = indices_of(other)
    assert elsewhere is not None
    assert not found.foretell(elsewhere)


@pytest.mark.parametrize("places", [(3, 10, 29), (3, 10), (0, 39), (0, 1, 3), (7, 9, 12, 20)])
def test_other_indices_have_no_period(places: tuple[int, ...]) -> None:
    chosen = np.zeros(40, bool)
    chosen[list(places)] = True
    found = indices_of(chosen)
    assert found is not None
    assert found.period == 0


def test_a_few_that_are_right_by_chance_do_not_hide_a_period() -> None:
    errors = errors_at((1, 400), np.s_[:, 15::16])
    errors[0, 31] = 0
    assert "(every 16th) along W" in in_words(errors, "HW")
    errors[0, 63::64] = 0
    assert "every" not in in_words(errors, "HW")


def test_many_outputs_in_no_pattern_take_no_time() -> None:
    """Each second of two million: as many runs, and as many distances, as there can be."""
    chance = np.random.default_rng(3).random((1000, 2000)) < 0.5
    assert "in no pattern" in in_words(np.where(chance, 9.0, 0.0), "HW")


def test_what_is_seen_may_cut_through_a_run() -> None:
    mask = np.zeros((1, 100), bool)
    mask[0, np.arange(100) % 32 < 8] = True
    sites = sites_of(mask, (slice(0, 1), slice(2, 98)))
    assert sites.words("HW") == "outputs 2 to 7, 32 to 39, 64 to 71, … (8 of 32) along W, 24 of 100"


def test_axes_are_told_by_the_answers_that_show_most_of_each() -> None:
    found = [
        sites_of(errors_at(shape, place) != 0)
        for shape, place in (
            ((20, 20), np.s_[15:16]), ((100, 1), np.s_[15::16]), ((1, 40), np.s_[:, 7:8]),
        )
    ]  # fmt: skip
    assert joined(found, (0, 1), "HW") == (
        "outputs 15, 31, 47, … (every 16th) along H, 6 of 100, and output 7 along W, 1 of 40"
    )


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (np.s_[:], "everywhere"),
        (np.s_[:, 7::8], "at outputs 7, 15, 23, … (every 8th) along W, 5 of 40"),
        (([0, 1, 1], [1, 2, 33]), "at 3 of 80 outputs, in no pattern"),
    ],
)
def test_where_a_second_answer_is_another_one(place: Any, words: str) -> None:
    first = np.full((2, 40), np.nan, np.float32)
    second = first.copy()
    second[place] = 1
    assert changes_in_words(first, second, "HW") == words


def probe(*shape: int) -> Probe:
    return Probe("", "", np.zeros(shape), "size")


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ([(1, 2, 9, 8)], [(1, 1, 9, 8), (1, 3, 9, 8)], "with 2 channels"),
        ([(1, 4, 9, 8), (1, 70, 9, 8)], [(1, 1, 9, 8), (1, 3, 9, 8)], "with 4 channels or more"),
        ([(4, 1, 9, 8)], [(3, 1, 9, 8), (1, 5, 9, 8)], "with 4 entries"),
        ([(1, 1, 9, 9), (1, 1, 8, 8)], [(1, 1, 9, 8)], "whose lengths are all the same"),
        ([(1, 1, 16, 8), (1, 1, 8, 40)], [(1, 1, 8, 12), (1, 1, 4, 8), (2, 3, 12, 4)],
         "whose lengths are multiples of 8"),
        ([(1, 1, 3, 8)], [(1, 1, 8, 12)], "whose length along W is a multiple of 8"),
        ([(1, 1, 7, 4099), (2, 3, 7, 5000)], [(1, 1, 7, 3001), (3, 5, 8, 512)],
         "of 4,099 samples or more along W"),
        ([(1, 1, 3, 5)], [(1, 1, 3, 5)], ""),
        ([(1, 1, 3, 5)], [], ""),
    ],
)  # fmt: skip
def test_what_wrong_inputs_have_in_common(wrong: Any, right: Any, words: str) -> None:
    layout = as_layout("NCHW")
    said = trait_of([probe(*s) for s in wrong], [probe(*s) for s in right], layout)
    assert said == words
