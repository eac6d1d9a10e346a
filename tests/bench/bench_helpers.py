"""What the tests of the benchmark share: a clock that obeys, tiny cases, made-up results."""

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from typer.testing import CliRunner

from aa_ref.bench.cases import Case
from aa_ref.bench.cuda.events import EventClock
from aa_ref.bench.results import Block, Results, Row
from aa_ref.bench.timing import Effort, Timing
from aa_ref.cli.app import app

TINY = Effort(rounds=3, turn=0.0, budget=10.0, fewest=1)


class Clock:
    """Time passes when a call says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def lasting(self, seconds):
        """A call that lasts so long."""

        def call():
            self.now += seconds

        return call


class Ending(NamedTuple):
    status: int
    stdout: str
    stderr: str


def call(*arguments, columns=220):
    """Run ``aa-ref bench`` in this process; nothing but exits may be raised."""
    environment = {"COLUMNS": columns and str(columns)}  # None unsets it
    result = CliRunner(env=environment).invoke(app, ["bench", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ending(result.exit_code, result.stdout, result.stderr)


def case(direction="forward", size=(3, 16, 20), scales=(0.5,), threads=(2,), **options):
    return Case(
        direction, size, options.get("layout", "CHW"), options.get("dtype", "float32"), scales,
        threads,
    )  # fmt: skip


def row(name, kind, milliseconds, threads=2, **options):
    median = milliseconds / 1000
    lower, upper, fastest = (round(part * median, 9) for part in (0.9, 1.1, 0.8))
    timing = Timing(median, lower, upper, fastest, 15, 4)
    return Row(name, kind, threads, timing, **options)


def results(*blocks, **options):
    return Results(
        options.get("date", "2026-01-02 03:04 UTC"),
        options.get("command", "aa-ref bench --quick"),
        {
            "cpu": "A processor", "cores": 2, "caches": {"L1 Data": "48K"}, "memory_bytes": 1 << 34,
            "system": "Linux x86_64", "load_before": 0.25, "gpu": None,
        },
        {"aa_ref": "0.1.0", "kornia": None},
        {"rounds": 15, "turn": 0.002, "budget": 1.5, "fewest": 3},
        blocks,
        options.get("planned", len(blocks)),
    )  # fmt: skip


def block(of, ours=1.0, copy=1.0, *others, **options):
    threads = max(of.threads)
    rows = [
        row("copy", "copy", copy, threads),
        row("limit", "limit", options.get("limit", copy), threads),
        row("numba", "ours", ours, threads), *others,
    ]  # fmt: skip
    return Block(of, tuple(rows), options.get("left_out", {}))


def words(text):
    return " ".join(re.sub(r"[^\x20-\x7e×²≥≤µ–]", " ", text).split())


class FakeEvent:
    def __init__(self, device):
        self.device, self.at, self.waited = device, None, False

    def record(self):
        self.device.now += self.device.tick
        self.at = self.device.now

    def synchronize(self):
        self.waited = True

    def elapsed_time(self, end):
        assert end.waited, "the device may not be there yet"
        return 1e3 * (end.at - self.at)


class FakeDevice:
    """A GPU in the host's memory: NumPy computes, in no time; a copy lasts 1 s for each byte.

    An event lasts ``tick`` seconds.
    """

    backend, tensors, cache_bytes, tick = "numpy", "cpu", 0, 0.0

    def __init__(self, free=1 << 40):
        self.now, self.free, self.copied, self.waits = 0.0, free, [], 0
        self.clock = EventClock(lambda: FakeEvent(self))

    def facts(self):
        return dict(GPU)

    def free_bytes(self):
        return self.free

    def send(self, x):
        return x.copy()

    def empty(self, shape, dtype):
        return np.full(shape, 77, dtype)

    def fetch(self, a):
        return a.copy()

    def copy(self, source, target):
        target[...] = source
        self.copied.append((id(source), id(target)))
        self.now += source.nbytes

    def wait(self):
        self.waits += 1


GPU = {
    "name": "A GPU, compute capability 9.0", "multiprocessors": 100, "clock_hz": 2_000_000_000,
    "cache_bytes": 50 << 20, "memory_bytes": 80 << 30, "driver": "580.95.05",
    "driver_cuda": "13.0", "toolkit": "13.1",
}  # fmt: skip


def on_gpu(*blocks):
    """Made-up results of a GPU."""
    run = results(*blocks)
    return replace(run, machine={**run.machine, "gpu": dict(GPU)})
