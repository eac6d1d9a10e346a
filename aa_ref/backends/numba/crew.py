"""How work is split among threads.

Numba's own thread layers abort when two Python threads call at once (workqueue) or after a fork
(OpenMP). Compiled functions that release the GIL on threads of our own do neither.

The caller takes part: pieces of work are taken one by one, by the caller and by helpers, and the
caller goes home when all are done. So work gets done however busy the helpers are, after a fork,
and when the interpreter takes no new threads because it shuts down.

An exception such as KeyboardInterrupt may come to the caller between any two of its bytecodes. What
is written in Python, as `threading.Condition` and `ThreadPoolExecutor` are, would then be left half
done: a lock held, a number wrong. So each step here that others see is one call of a function in C,
which is done or not, and may be done again: a name is written unless one is there, an item is
appended, put or got. Helpers are never interrupted, since Python runs signal handlers on the main
thread alone.
"""

import os
from _thread import get_ident, start_new_thread
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

__all__ = ["run_pieces"]

_CALLER, _NOBODY = 0, -1  # helpers have the numbers from 1 on


class _Pool:
    """The helpers of this process. They are there for good, and the interpreter ends without them.

    `threading` would wait for them at the end, and starts threads in Python.
    """

    def __init__(self) -> None:
        self.seats: dict[int, int] = {}  # each for one thread, which writes its own number there
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def call(self, crew: "_Crew", helpers: int) -> None:
        """Call as many helpers, or as many as can be had."""
        for worker in range(1, helpers + 1):
            if worker not in self.seats:
                try:
                    start_new_thread(self.serve, (worker,))
                except RuntimeError:  # the interpreter shuts down, or the system refuses
                    return
            self.calls.put(partial(crew.help, worker))

    def serve(self, seat: int) -> None:
        """What a helper's thread does."""
        if self.seats.setdefault(seat, get_ident()) != get_ident():
            return  # it was started twice, before the first one sat down
        while True:
            self.calls.get()()


_pool = _Pool()


def _after_fork_in_child() -> None:
    """Threads do not survive a fork."""
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def run_pieces(work: Callable[[int, int], Any], pieces: int, threads: int) -> None:
    """Call ``work(piece, worker)`` for each piece, each worker number on one thread at a time.

    Returns, or raises what ``work`` or a signal handler raised, only when no piece is being worked
    on any more.
    """
    crew = _Crew(work, pieces)
    try:
        try:
            try:
                _pool.call(crew, min(threads, pieces) - 1)
                crew.take_part(_CALLER)
            finally:
                crew.dismiss()
        finally:
            # Once more, since an interrupt may come on the way into the first one, which only then
            # expects any.
            crew.dismiss()
    finally:
        # And again: interrupts that wait while the processor is taken away come one at each step
        # afterwards. To get past all three, four would have to come within a microsecond.
        crew.dismiss()
    if crew.failures:
        raise crew.failures.pop()


def _nothing(piece: int, worker: int) -> None:
    raise AssertionError("all pieces have been taken")


class _Crew:
    """Those who work on one call's pieces. A piece belongs to whose number is written at it first.

    A helper that comes late, because the pool was busy, finds all pieces taken.
    """

    def __init__(self, work: Callable[[int, int], Any], pieces: int) -> None:
        self.work, self.pieces = work, pieces
        self.owners: dict[int, int] = {}
        self.finished: list[int] = []  # pieces of helpers
        self.news: SimpleQueue[None] = SimpleQueue()  # one for each of these, after it
        self.failures: list[BaseException] = []
        self.dismissed = False

    def take_part(self, worker: int) -> None:
        """Do pieces as long as there are any."""
        for piece in range(self.pieces):
            if self.owners.setdefault(piece, worker) == worker:
                self.work(piece, worker)

    def help(self, worker: int) -> None:
        """The same as a helper."""
        for piece in range(self.pieces):
            if self.owners.setdefault(piece, worker) == worker:
                try:
                    self.work(piece, worker)
                except BaseException as error:
                    self.failures = [error]  # one of them is enough; the caller raises it
                    self.stop()
                finally:
                    self.finished.append(piece)
                    self.news.put(None)

    def stop(self) -> None:
        """Let no more pieces be begun."""
        for piece in range(self.pieces):
            self.owners.setdefault(piece, _NOBODY)

    def dismiss(self) -> None:
        """Stop, and wait through interrupts until the helpers have finished the pieces they took.

        An interrupt may take away one of the news, but not what it was about; and as long as a
        piece is not finished, news of it are still to come.
        """
        interrupts: list[BaseException] = []
        while not self.dismissed:
            try:
                self.stop()
                helped = sum(owner > _CALLER for owner in self.owners.values())
                while len(self.finished) < helped:
                    self.news.get()
                self.work = _nothing  # for helpers still to come: they shall not keep its arrays
                self.dismissed = True
            except BaseException as error:
                interrupts = [error]
        if interrupts:
            raise interrupts.pop()
