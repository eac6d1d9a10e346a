"""Interleaved rounds: one turn of each contender a round, so that all meet the same machine.

Whatever slows the machine for a while, slows all contenders. Every second round has the order of
the one before turned around, and then it is rotated, so that none always follows the same other.

What one contender leaves behind is no part of another's time: who has threads that go on spinning
is followed by a rest; and since after a rest or another's turn threads sleep and caches hold other
things, a turn of several calls begins with one that is not timed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Effort", "Entrant", "Timing", "busy_wait", "interleave", "orders"]

Clock = Callable[[], Any]
"""Gives readings; the later one minus the earlier one is the seconds between them."""
_MOST_REPEATS = 1 << 20


@dataclass(frozen=True)
class Effort:
    """How much is spent. Times in seconds.

    Attributes
    ----------
    rounds : int
        Turns of each entrant, unless its time is up before.
    turn : float
        How long a turn lasts at least: quick calls are repeated within it.
    budget : float
        An entrant whose turns have taken this long sits out the remaining rounds,
    fewest : int
        but has had this many turns at least.
    """

    rounds: int = 15
    turn: float = 2e-3
    budget: float = 1.5
    fewest: int = 3


class Entrant(NamedTuple):
    """What takes part: the call, what comes untimed before a turn, and how long to wait after one.

    Some libraries leave threads spinning for a while after a call; without the wait, the next
    entrant would pay for that. ``clock`` is its own, if not that of all; ``calls`` tells how many
    calls of the thing timed one ``call`` makes.
    """

    call: Callable[[], Any]
    before: Callable[[], None]
    settle: float = 0.0
    clock: Clock | None = None
    calls: int = 1


@dataclass(frozen=True)
class Timing:
    """Seconds a call, over the turns of one entrant: quartiles, and the fastest turn."""

    median: float
    lower: float
    upper: float
    fastest: float
    rounds: int
    repeats: int

    @classmethod
    def of(cls, seconds: Sequence[float], repeats: int) -> "Timing":
        """Summarise turns of ``repeats`` calls each, given in seconds a call."""
        lower, median, upper = (float(q) for q in np.percentile(seconds, [25, 50, 75]))
        return cls(median, lower, upper, float(min(seconds)), len(seconds), repeats)


def interleave(
    entrants: Sequence[Entrant],
    effort: Effort,
    clock: Clock = perf_counter,
    wait: Callable[[float], None] | None = None,
) -> list[Timing]:
    """Time all entrants in interleaved rounds, after a warm-up that is not counted."""
    pause = busy_wait if wait is None else wait
    repeats = [_warm_up(e, effort.turn, clock, pause) for e in entrants]
    turns: list[list[float]] = [[] for _ in entrants]
    for order in orders(len(entrants), effort.rounds):
        for i in order:
            if _has_time(turns[i], effort):
                turns[i].append(_turn(entrants[i], repeats[i], clock, pause))
    calls = [n * e.calls for n, e in zip(repeats, entrants, strict=True)]
    return [Timing.of([s / n for s in seconds], n) for seconds, n in zip(turns, calls, strict=True)]


def orders(entrants: int, rounds: int) -> list[list[int]]:
    """Who comes when: each order, then the same turned around, then rotated by one.

    Examples
    --------
    >>> orders(3, 4)
    [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]]
    """
    found = []
    for r in range(rounds):
        order = [(r // 2 + i) % entrants for i in range(entrants)]
        found.append(order[::-1] if r % 2 else order)
    return found


def busy_wait(seconds: float) -> None:
    """Let time pass without giving the processor away, so that it does not slow down."""
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


def _has_time(turns: list[float], effort: Effort) -> bool:
    return len(turns) < effort.fewest or sum(turns) < effort.budget


def _warm_up(entrant: Entrant, turn: float, clock: Clock, wait: Callable[[float], None]) -> int:
    """Call until nothing is compiled or allocated any more; how many calls make a turn."""
    entrant.before()
    entrant.call()
    repeats = 1
    while repeats < _MOST_REPEATS:
        seconds = _turn(entrant, repeats, clock, wait)
        if seconds >= turn:
            break
        repeats = min(_MOST_REPEATS, max(2 * repeats, _enough(repeats, seconds, turn)))
    return repeats


def _enough(repeats: int, seconds: float, turn: float) -> int:
    """How many calls should last a turn, when ``repeats`` of them lasted ``seconds``."""
    return _MOST_REPEATS if seconds <= 0 else int(1.1 * repeats * turn / seconds) + 1


def _turn(entrant: Entrant, repeats: int, clock: Clock, wait: Callable[[float], None]) -> float:
    entrant.before()
    call, clock = entrant.call, entrant.clock or clock
    if repeats > 1:
        call()
    begin = clock()
    for _ in range(repeats):
        call()
    seconds: float = clock() - begin
    if entrant.settle:
        wait(entrant.settle)
    return seconds
