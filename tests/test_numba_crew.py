"""How the Numba backend splits work among threads, whatever comes in between."""

import gc
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event
from time import sleep
from types import FrameType
from typing import Any

import pytest

from aa_ref.backends.numba import crew
from aa_ref.backends.numba.crew import run_pieces


def test_each_piece_is_done_once_and_no_worker_does_two_at_a_time() -> None:
    done: list[int] = []
    busy: set[int] = set()

    def work(piece: int, worker: int) -> None:
        assert worker not in busy
        busy.add(worker)
        done.append(piece)
        busy.discard(worker)

    for count in (1, 2, 7):
        done.clear()
        run_pieces(work, 50, count)
        assert sorted(done) == list(range(50))


def work_together(threads: int) -> None:
    """Pieces that wait for one another need a thread each."""
    all_of_them = Barrier(threads)
    run_pieces(lambda piece, worker: all_of_them.wait(60), threads, threads)


def test_helpers_are_as_many_as_are_needed_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = crew._Pool()
    monkeypatch.setattr(crew, "_pool", pool)
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda _: run_pieces(lambda *_: None, 6, 3), range(50)))
    assert sorted(pool.seats) == [1, 2]
    for threads in (2, 5, 3):
        work_together(threads)
    assert sorted(pool.seats) == [1, 2, 3, 4]


# ------------------------------------------------------------------------------------- no helpers


def test_threads_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller does all, and nobody is called who would never come."""

    def refuse(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    pool = crew._Pool()
    monkeypatch.setattr(crew, "_pool", pool)
    monkeypatch.setattr(crew, "start_new_thread", refuse)
    done: list[tuple[int, int]] = []
    run_pieces(lambda *args: done.append(args), 5, 3)
    assert done == [(piece, 0) for piece in range(5)]
    assert pool.calls.empty()


class BusyPool:
    """All helpers are busy until long after."""

    def __init__(self) -> None:
        self.late: list[Callable[[], None]] = []

    def call(self, called: Any, helpers: int) -> None:
        self.late += [partial(called.help, worker) for worker in range(1, helpers + 1)]


def test_a_helper_that_comes_too_late_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = BusyPool()
    monkeypatch.setattr(crew, "_pool", pool)
    done: list[int] = []
    run_pieces(lambda piece, worker: done.append(piece), 5, 3)
    assert done == [0, 1, 2, 3, 4]
    assert len(pool.late) == 2
    for come in pool.late:
        come()
    assert done == [0, 1, 2, 3, 4]


class Memory:
    """What a call works in."""

    def touch(self, piece: int, worker: int) -> None:
        """Work, so that every worker gets some."""
        sleep(0.001)


def test_nothing_keeps_a_calls_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither helpers that wait for the next call, nor calls that wait for helpers."""
    for pool in (crew._Pool(), BusyPool()):
        monkeypatch.setattr(crew, "_pool", pool)
        memory = Memory()
        left = weakref.ref(memory)
        gc.disable()
        try:
            run_pieces(memory.touch, 6, 3)
            del memory
            for _ in range(1000):  # a helper may still be on its way home
                if left() is None:
                    break
                sleep(0.01)
            assert left() is None
        finally:
            gc.enable()


# ----------------------------------------------------------------------------------------- errors


def test_an_error_in_a_helper_reaches_the_caller() -> None:
    for _ in range(10):
        begun = Event()

        def work(piece: int, worker: int, begun: Event = begun) -> None:
            begun.wait(60) if worker == 0 else begun.set()
            if worker:
                raise MemoryError(f"piece {piece}")

        with pytest.raises(MemoryError, match="piece"):
            run_pieces(work, 10, 3)
    work_together(3)


def test_an_error_stops_the_rest() -> None:
    done: list[int] = []

    def work(piece: int, worker: int) -> None:
        done.append(piece)
        if len(done) == 10:
            raise MemoryError
        sleep(0.001)

    with pytest.raises(MemoryError):
        run_pieces(work, 10_000, 3)
    assert len(done) < 20


# ------------------------------------------------------------------------------------- interrupts


class Interrupted:
    """A call with two helpers, and KeyboardInterrupts between bytecodes of `crew`.

    The first comes before bytecode ``steps[0]``, the second so many bytecodes later, and so on.
    """

    def __init__(self, *steps: int) -> None:
        self.steps, self.passed = list(steps), 0
        self.busy: set[int] = set()

    def work(self, piece: int, worker: int) -> None:
        self.busy.add(piece)
        sleep(0.005 if worker else 0.001)
        self.busy.discard(piece)

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != crew.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and self.steps:
            self.passed += 1
            if self.passed == self.steps[0]:
                sleep(0.001)  # helpers that have been called begin
                self.steps.pop(0)
                self.passed = 0
                raise KeyboardInterrupt
        return self.trace

    def tracing(self, method: Any) -> Any:
        """Tracing ends with each interrupt; this method goes on with it, and who called it too."""

        def call(own: Any) -> None:
            if self.steps:
                sys._getframe(1).f_trace = self.trace
                sys.settrace(self.trace)
            method(own)

        return call

    def run(self) -> bool:
        """Returns whether all interrupts came; they came to the caller, with no helper at work."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("dismiss", "stop"):
                patch.setattr(crew._Crew, name, self.tracing(getattr(crew._Crew, name)))
            before, planned = sys.gettrace(), len(self.steps)
            sys.settrace(self.trace)
            try:
                run_pieces(self.work, 4, 3)
            except KeyboardInterrupt:
                raised = True
            else:
                raised = False
            finally:
                busy = self.busy.copy()
                sys.settrace(before)
        assert not busy
        assert raised == (len(self.steps) < planned)
        return not self.steps


def test_an_interrupt_between_any_two_bytecodes() -> None:
    work_together(3)
    step = 1
    while Interrupted(step).run():
        step += 1
        work_together(3)
    assert step > 200


@pytest.mark.parametrize("share", [0.15, 0.3, 0.45, 0.6, 0.75])
def test_a_second_interrupt_between_any_two_bytecodes(share: float) -> None:
    """That is, of what is done after the first: while helpers are called, at work, dismissed."""
    work_together(3)
    whole = Interrupted(1_000_000)
    assert not whole.run()
    then = 1
    while Interrupted(int(share * whole.passed), then).run():
        then += 1
        work_together(3)
    assert then > 60
