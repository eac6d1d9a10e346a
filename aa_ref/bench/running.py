"""Measures cases, one after the other, all in this process."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import aa_ref

from ..backends.numba.variants import from_the_first_call
from .cases import Case
from .contenders import Contender, backends_of, copies_of, first_levels_of
from .cuda.contenders import contenders_on, needed_bytes
from .cuda.device import Device
from .inputs import input_of
from .machine import available_memory, describe_machine, versions_of
from .peers import LIBRARIES, peers_of
from .peers.table import Peer
from .results import Block, Results, Row
from .timing import Clock, Effort, Entrant, interleave
from .yardsticks import yardsticks_of

__all__ = ["Run", "measure", "measure_case"]

_COPIES_IN_MEMORY = 6
"""How many arrays as large as the input a case may need at once."""


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

    Afterwards our number of threads is again the environment's.
    """
    machine = describe_machine()
    if run.device is not None:
        machine["gpu"] = run.device.facts()
    blocks = []
    try:
        for number, case in enumerate(run.cases, 1):
            announce(f"{number} of {len(run.cases)}: {case}")
            blocks.append(measure_case(case, run))
            show(blocks[-1])
    finally:
        aa_ref.set_num_threads(None)
    return Results(
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command,
        machine,
        versions_of(_distributions(run)),
        asdict(run.effort),
        tuple(blocks),
    )


def measure_case(case: Case, run: Run) -> Block:
    """All contenders of a case, in the same rounds."""
    left_out: dict[str, str] = {}
    needed = [(_COPIES_IN_MEMORY * case.large_bytes, available_memory(), "")]
    if run.device is not None:
        needed.append((needed_bytes(run.device, case), run.device.free_bytes(), " on the GPU"))
    for wanted, free, where in needed:
        if free is not None and wanted > free:
            return Block(
                case, (), {"all": f"{free >> 20} MiB of free memory{where} are too little"}
            )
    with from_the_first_call():
        contenders = _contenders(case, run, left_out)
        checks = [c.check() if c.check else None for c in contenders]
        entrants = [Entrant(c.call, c.before, c.settle, c.clock, c.calls) for c in contenders]
        clock = run.device.clock if run.device is not None else run.clock
        timings = interleave(entrants, run.effort, clock, run.wait)
    rows = [
        _row(c, timing, check) for c, timing, check in zip(contenders, timings, checks, strict=True)
    ]
    return Block(case, tuple(rows), left_out)


def _contenders(case: Case, run: Run, left_out: dict[str, str]) -> list[Contender]:
    x = input_of(case)
    if run.device is not None:
        return contenders_on(run.device, case, x, run.peers, left_out)
    ours = backends_of(case, x, run.backends, left_out)
    found = [*copies_of(case, x), *ours]
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
        return [library.distribution for library in LIBRARIES.values()]
    return ["numba-cuda", *(lib.distribution for lib in LIBRARIES.values() if lib.cuda)]


def _row(c: Contender, timing: Any, check: Any) -> Row:
    if check is None:
        return Row(c.name, c.kind, c.threads, timing)
    kind = c.kind if check.holds else "differs"
    return Row(c.name, kind, c.threads, timing, check.difference, check.of_bound)
