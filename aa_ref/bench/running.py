"""Measures cases, one after the other, all in this process."""

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import aa_ref

from ..backends.numba.variants import from_the_first_call
from ..peers import Peer
from .cases import LAYERS, Case
from .contenders import Contender, backends_of, copies_of, first_levels_of, limits_of
from .cuda.contenders import contenders_on, needed_bytes, needed_on_host
from .cuda.device import Device
from .inputs import input_of
from .interrupts import remembered_interrupts
from .layers.contenders import layers_of
from .machine import describe_machine, versions_of
from .memory import available_memory, needed_memory
from .peer_contenders import TIMED_LIBRARIES, peers_of
from .results import Block, Results, Row
from .timing import Clock, Effort, Entrant, interleave
from .yardsticks import yardsticks_of

__all__ = ["Run", "measure", "measure_case"]


@dataclass(frozen=True)
class Run:
    """What to measure with how much effort.

    ``backends`` is None for all, ``peers`` says which. With a ``device`` the cases are measured
    there, by its clock. ``clock`` and ``wait`` are there for tests.
    """

    cases: Sequence[Case]
    peers: Sequence[Peer]
    backends: Collection[str] | None = None
    effort: Effort = field(default_factory=Effort)
    clock: Clock = perf_counter
    wait: Callable[[float], None] | None = None
    device: Device | None = None


def measure(
    run: Run,
    command: str,
    announce: Callable[[str], None] = lambda _: None,
    show: Callable[[Block], None] = lambda _: None,
) -> Results:
    """Measure all cases. ``announce`` is told what comes next, ``show`` gets what came out.

    Ctrl-C ends it early: the results are then those of the cases that were complete, and are not
    `complete` themselves. Afterwards our number of threads is again the environment's.

    Raises
    ------
    KeyboardInterrupt
        At Ctrl-C before any case was complete.
    """
    machine = describe_machine()
    if run.device is not None:
        machine["gpu"] = run.device.facts()
    blocks: list[Block] = []
    try:
        with remembered_interrupts() as check_for_interrupt:
            for number, case in enumerate(run.cases, 1):
                announce(f"{number} of {len(run.cases)}: {case}")
                blocks.append(measure_case(case, run))
                show(blocks[-1])
                check_for_interrupt()
    except KeyboardInterrupt:
        if not blocks:
            raise
    finally:
        aa_ref.set_num_threads(None)
    return Results(
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command,
        machine,
        versions_of(_distributions(run)),
        asdict(run.effort),
        tuple(blocks),
        len(run.cases),
    )


def measure_case(case: Case, run: Run) -> Block:
    """All contenders of a case, in the same rounds; no more of them than fit into memory."""
    left_out: dict[str, str] = {}
    taken = replace(case, peers=case.peers and bool(run.peers))
    lack = _lack_of_memory(taken, run)
    if lack and taken.peers:
        left_out["peers"] = lack
        taken = replace(taken, peers=False)
        lack = _lack_of_memory(taken, run)
    if lack:
        return Block(case, (), {"all": lack})
    try:
        return Block(case, tuple(_rows(taken, run, left_out)), left_out)
    except MemoryError:
        return Block(case, (), {"all": "there was not enough memory"})


def _lack_of_memory(case: Case, run: Run) -> str | None:
    """In words, or None where there is enough, or nobody can tell."""
    needed = [(needed_memory(case), available_memory(), "memory")]
    if run.device is not None:
        needed = [
            (needed_on_host(case), available_memory(), "memory"),
            (needed_bytes(run.device, case), run.device.free_bytes(), "the GPU's memory"),
        ]
    for wanted, free, where in needed:
        if free is not None and wanted > free:
            return f"about {wanted >> 20:,} MiB of {where} needed, {free >> 20:,} MiB free"
    return None


def _rows(case: Case, run: Run, left_out: dict[str, str]) -> list[Row]:
    with from_the_first_call(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is no part of how long they take
        contenders = _contenders(case, run, left_out)
        checks = [c.check() if c.check else None for c in contenders]
        entrants = [Entrant(c.call, c.before, c.settle, c.clock, c.calls) for c in contenders]
        clock = run.device.clock if run.device is not None else run.clock
        timings = interleave(entrants, run.effort, clock, run.wait)
    return [
        _row(c, timing, check) for c, timing, check in zip(contenders, timings, checks, strict=True)
    ]


def _contenders(case: Case, run: Run, left_out: dict[str, str]) -> list[Contender]:
    x = input_of(case)
    if run.device is not None:
        return contenders_on(run.device, case, x, run.peers, left_out)
    if case.direction in LAYERS:
        return layers_of(case, x, run.backends, run.peers if case.peers else (), left_out)
    ours = backends_of(case, x, run.backends, left_out)
    found = [*copies_of(case, x), *limits_of(case, x, left_out), *ours]
    if case.direction == "pyramid":
        found += first_levels_of(case, x, ours)
    if run.backends is None or "numba" in run.backends:
        found += yardsticks_of(case, x, left_out)
    if case.peers:
        found += peers_of(case, x, run.peers, left_out)
    return found


def _distributions(run: Run) -> list[str]:
    """Those whose versions matter."""
    if run.device is None:
        return [library.distribution for library in TIMED_LIBRARIES if library.cpu]
    return ["numba-cuda", *(lib.distribution for lib in TIMED_LIBRARIES if lib.cuda)]


def _row(c: Contender, timing: Any, check: Any) -> Row:
    if check is None:
        return Row(c.name, c.kind, c.threads, timing)
    kind = c.kind if check.holds else "differs"
    return Row(c.name, kind, c.threads, timing, check.difference, check.of_bound)
