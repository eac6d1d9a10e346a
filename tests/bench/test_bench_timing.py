"""Rounds, on a clock that obeys."""

from itertools import pairwise

import pytest
from bench_helpers import Clock

from aa_ref.bench.timing import Effort, Entrant, Timing, interleave, orders


def nothing():
    pass


def entrants(clock, *seconds):
    return [Entrant(clock.lasting(s), nothing) for s in seconds]


def test_medians_are_those_of_the_calls():
    clock = Clock()
    found = interleave(entrants(clock, 1.0, 0.25), Effort(5, 0.1, 100.0, 3), clock)
    assert [t.median for t in found] == [1.0, 0.25]
    assert [(t.lower, t.upper, t.fastest, t.rounds) for t in found] == [
        (1.0, 1.0, 1.0, 5), (0.25, 0.25, 0.25, 5),
    ]  # fmt: skip


def test_the_warm_up_is_not_counted():
    clock, times = Clock(), iter([50.0, *[1.0] * 9])

    def slow_at_first():
        clock.now += next(times)

    (found,) = interleave([Entrant(slow_at_first, nothing)], Effort(5, 0.1, 100.0, 3), clock)
    assert (found.median, found.upper) == (1.0, 1.0)


def test_quick_calls_are_repeated_within_a_turn():
    clock = Clock()
    quick, slow = interleave(entrants(clock, 0.001, 0.5), Effort(4, 0.1, 100.0, 3), clock)
    assert quick.repeats * 0.001 >= 0.1
    assert slow.repeats == 1
    assert quick.median == pytest.approx(0.001)  # differences of sums of 0.001, in binary64


def test_a_turn_of_several_calls_begins_with_one_that_is_not_timed():
    clock, rested = Clock(), []

    def slow_after_a_rest():
        clock.now += 5.0 if rested else 0.01
        rested.clear()

    entrant = Entrant(slow_after_a_rest, nothing, settle=1.0)
    (found,) = interleave([entrant], Effort(5, 0.1, 100.0, 3), clock, rested.append)
    assert found.repeats > 1
    assert found.upper == pytest.approx(0.01)  # differences of sums of 0.01, in binary64


def test_a_turn_of_one_call_is_that_call():
    clock, calls = Clock(), []

    def slow():
        calls.append(clock.now)
        clock.now += 1.0

    (found,) = interleave([Entrant(slow, nothing)], Effort(5, 0.1, 100.0, 3), clock)
    warming_up = 2
    assert (found.repeats, found.median, len(calls)) == (1, 1.0, 5 + warming_up)


def test_a_clock_that_stands_still_ends_all_the_same():
    (found,) = interleave([Entrant(nothing, nothing)], Effort(1, 1e-9, 1.0, 1), lambda: 0.0)
    assert found.median == 0.0


def test_slow_entrants_sit_out_but_have_the_fewest_turns():
    clock = Clock()
    slow, quick = interleave(entrants(clock, 5.0, 0.1), Effort(10, 0.1, 6.0, 3), clock)
    assert (slow.rounds, quick.rounds) == (3, 10)
    clock = Clock()
    (some,) = interleave(entrants(clock, 1.0), Effort(10, 0.1, 6.0, 3), clock)
    assert some.rounds == 6


def test_each_takes_one_turn_a_round_and_the_order_changes():
    found = orders(4, 8)
    assert all(sorted(order) == [0, 1, 2, 3] for order in found)
    assert {order[0] for order in found} == {0, 1, 2, 3}
    before = {i: {a for o in found for a, b in pairwise(o) if b == i} for i in range(4)}
    assert all(len(others) > 1 for others in before.values())


def test_preparation_and_settling_are_not_timed():
    clock, waited = Clock(), []

    def prepare():
        clock.now += 100.0

    def wait(seconds):
        waited.append(seconds)
        clock.now += 100.0

    entrant = Entrant(clock.lasting(1.0), prepare, settle=0.02)
    (found,) = interleave([entrant], Effort(4, 0.1, 1000.0, 3), clock, wait)
    assert found.median == 1.0
    assert set(waited) == {0.02}


def test_quartiles():
    timing = Timing.of([5.0, 1.0, 3.0, 2.0, 4.0], 7)
    assert timing == Timing(3.0, 2.0, 4.0, 1.0, 5, 7)
