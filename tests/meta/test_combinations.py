"""Ports with several faults at once, drawn by chance: a diagnosis names all of them."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from combinations import DTYPES, Asked, Draw, Port, Score, draw, scores, table
from mutants import half, renormalise, tf32

from aa_ref.oracle.diagnosis import diagnose


class Said(NamedTuple):
    code: str


class Found(NamedTuple):
    findings: list[Said]


def saying(change: Callable[[set[str]], set[str]]) -> Callable[[Draw], Score]:
    """The score of a diagnosis that knows the draw and says something else."""

    def scored(d: Draw) -> Score:
        found = Found([Said(code) for code in change(set(d.codes))])
        (score,) = scores(lambda port, **options: found, [d])
        return score

    return scored


@pytest.mark.parametrize("number", range(24))
def test_all_faults_of_a_port_are_named(number: int) -> None:
    (score,) = scores(diagnose, [draw(2, number)])
    assert score.grade == "right", score


def times(factor: float) -> Any:
    return lambda y: y * np.float32(factor)


def plus(more: float) -> Any:
    return lambda y: y + np.float32(more)


def bits(count: int) -> Any:
    return lambda t: np.rint(t * 2**count) / np.float32(2**count)


def transposed(y: Any) -> Any:
    return y.swapaxes(-1, -2)


def upside_down(y: Any) -> Any:
    return y[..., ::-1, :]


VALID, MORE = {"outputs": "valid"}, {"outputs": "one more"}
NARROW = {"sigma": 1.125, "radius": 4}
WIDE = {"sigma": 1.25, "radius": 5, "outside": 1.0}

# type, scale, what differs along H, along W, and in all; codes
COMPOUNDS: list[tuple[str, float, dict[str, Any], dict[str, Any], dict[str, Any], str]] = [
    # axes that changed places, with sizes of another rule
    ("uint8", 1 / 4, MORE, MORE, {"answer": (transposed,)}, "axes size"),
    ("float32", 1 / 4, {"stride": 5}, {"stride": 5}, {"answer": (transposed,)}, "axes stride"),
    ("uint16", 1 / 4, VALID, {}, {"answer": (transposed,)}, "axes boundary size"),
    # no padding, where integers do not show the outer taps
    ("uint8", 1 / 4, {}, VALID | NARROW, {"after": (plus(3),)}, "boundary sigma size values"),
    ("uint16", 1 / 6, VALID | {"rounded_taps": bits(12)}, VALID, {"answer": (upside_down,)},
     "boundary flip precision size"),
    # roundings between the passes, beside gains and what is added
    ("uint8", 1 / 2, {}, {}, {"between": np.rint, "after": (times(1.25),)},
     "normalisation precision"),
    ("uint8", 1 / 4, {}, {}, {"between": lambda y: np.rint(y * np.float32(0.9))},
     "normalisation precision"),
    ("uint8", 1 / 4, {}, {"sigma": 1.875}, {"between": np.rint, "after": (plus(3),)},
     "precision sigma values"),
    ("uint8", 1 / 4, {}, {"sigma": 1.875}, {"between": np.floor}, "precision sigma"),
    ("uint8", 1 / 4, {}, {"stride": 5},
     {"between": np.rint, "answer": (lambda y: y[:, ::-1],)}, "channels precision stride"),
    ("uint8", 1 / 4, NARROW, NARROW, {"after": (plus(3), times(0.8))},
     "normalisation sigma values"),
    # taps whose sum is no fault of its own
    ("uint16", 1 / 8, {"rounded_taps": bits(8), "rows": renormalise}, {"rounded_taps": bits(8)}, {},
     "boundary precision"),
    ("uint8", 1 / 3, {}, {"rounded_taps": bits(6), "outside": 255.0}, {}, "boundary precision"),
    # gains beside coarse numbers
    ("float32", 1 / 4, {"rounded_taps": half}, {}, {"after": (times(0.9),)},
     "normalisation precision"),
    ("float32", 1 / 4, {}, {}, {"before": tf32, "after": (times(1.25),)},
     "normalisation precision"),
    ("float32", 1 / 3, WIDE, WIDE, {"between": tf32}, "boundary precision sigma"),
    # two constants
    ("float32", 1 / 4, {"outside": 1.0}, {"outside": 1.0}, {"after": (plus(0.125),)},
     "boundary values"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "scale", "height", "width", "parts", "codes"),
    COMPOUNDS,
    ids=[f"{row[0]} {row[-1]} {k}" for k, row in enumerate(COMPOUNDS)],
)
def test_one_fault_hides_no_other(
    dtype: str,
    scale: float,
    height: dict[str, Any],
    width: dict[str, Any],
    parts: dict[str, Any],
    codes: str,
) -> None:
    right = Asked(scale, dtype, Random()).axis
    port = Port((replace(right, **height), replace(right, **width)), **parts)
    found = diagnose(port, scale=scale, dtype=dtype).findings
    assert {f.code for f in found} == set(codes.split()), found


LIMITS = {"[0, 1]": (0, 1), "to 1": (-np.inf, 1), "from 0": (0, np.inf), "from -1": (-1, np.inf)}


@pytest.mark.parametrize("constant", [1.0, 0.5, -1.0])
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("limits", LIMITS)
def test_limits_and_a_constant_beyond_the_ends_hide_no_filter(
    limits: str, place: str, constant: float
) -> None:
    """Zeros become another number at the ends, or are cut off there, in both of which cases all
    that lies between tells of the filter."""
    low, high = map(np.float32, LIMITS[limits])
    right = Asked(1 / 4, "float32", Random()).axis
    height = replace(right, sigma=1.875, outside=constant)
    width = replace(right, stride=5, outside=constant)

    def cut(x: Any) -> Any:
        return np.clip(x, low, high)

    port = Port((height, width), **{place: cut if place == "before" else (cut,)})
    found = diagnose(port, scale=1 / 4).findings
    assert {f.code for f in found} == {"boundary", "sigma", "stride", "values"}, found


@pytest.mark.parametrize(("seed", "number"), [(5, 18), (5, 54), (5, 66)])
def test_draws_of_a_limit_and_a_constant_beyond_the_ends_are_named(seed: int, number: int) -> None:
    (score,) = scores(diagnose, [draw(seed, number)])
    assert score.grade == "right", score


@pytest.mark.parametrize(("seed", "number"), [(4, 201), (7, 144)])
def test_draws_of_a_gain_of_0_95_beside_inputs_in_bfloat16_are_named(
    seed: int, number: int
) -> None:
    (score,) = scores(diagnose, [draw(seed, number)])
    assert score.grade == "right", score


def test_what_is_added_before_the_last_pass_is_no_other_boundary() -> None:
    right = Asked(1 / 4, "float32", Random()).axis
    found = diagnose(Port((right, right), between=plus(0.125)), scale=1 / 4).findings
    assert [f.code for f in found] == ["values"], found


def test_a_draw_is_the_same_each_time_and_has_as_many_faults_as_asked() -> None:
    for number in range(9):
        one, again = draw(3, number, [2]), draw(3, number, [2])
        assert one[2:] == again[2:]
        assert len(one.words) == 2
        assert one.dtype == DTYPES[number % 3]
    assert len({draw(3, number).words for number in range(9)}) == 9


def test_scores_tell_what_is_missing_and_what_is_too_much() -> None:
    d = draw(3, 0)
    first = min(d.codes)
    assert saying(lambda codes: codes)(d).grade == "right"
    assert saying(lambda codes: codes - {first})(d).grade == "fewer"
    assert saying(lambda codes: codes | {"timeout"})(d).grade == "more"
    assert saying(lambda codes: codes - {first} | {"timeout"})(d).grade == "other"
    assert saying(lambda codes: set())(d).grade == "fewer"
    rows = [*table([saying(lambda codes: codes | {"timeout"})(d)])]
    assert [row.split()[:6] for row in rows[1:]] == [
        [d.dtype, "1", "0", "1", "0", "0"], ["all", "1", "0", "1", "0", "0"]
    ]  # fmt: skip
