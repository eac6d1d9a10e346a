"""How work is split among threads.

Numba's own thread layers abort when two Python threads call at once (workqueue) or after a fork
(OpenMP). Compiled functions that release the GIL on a standard pool do neither.

The caller takes part: pieces of work are claimed one by one, by the caller and by helpers from the
pool, and the caller goes home when all are done. So work gets done however busy the pool is, after
a fork, and when the interpreter takes no new threads because it shuts down.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from threading import Condition, Lock
from typing import Any

__all__ = ["run_pieces"]


class _State:
    """The pool of this process."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.pool: ThreadPoolExecutor | None = None
        self.pool_size = 0


_state = _State()


def _after_fork_in_child() -> None:
    """Threads do not survive a fork; a lock may have been held by one that is gone."""
    global _state
    _state = _State()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def run_pieces(work: Callable[[int, int], Any], pieces: int, threads: int) -> None:
    """Call ``work(piece, worker)`` for each piece, each worker number on one thread at a time.

    Returns, or raises what ``work`` raised, only when nothing is running any more.
    """
    crew = _Crew(work, pieces)
    try:
        # RuntimeError: the interpreter shuts down, or no thread can be had. Those there are do it.
        with suppress(RuntimeError):
            for worker in range(1, min(threads, pieces)):
                _pool(threads - 1).submit(crew.help, worker)
        crew.claim(0)
    except BaseException:
        crew.stopped = True
        raise
    finally:
        crew.dismiss()
    if crew.failure is not None:
        raise crew.failure


class _Crew:
    """Those who work on one call's pieces. Helpers count themselves in and out.

    A helper that comes late, because the pool was busy, finds the crew dismissed and does nothing.
    """

    def __init__(self, work: Callable[[int, int], Any], pieces: int) -> None:
        self.work, self.pieces, self.claims = work, pieces, count()
        self.stopped = self.dismissed = False
        self.failure: BaseException | None = None
        self.helpers = 0
        self.changed = Condition()

    def claim(self, worker: int) -> None:
        """Do pieces as long as there are any."""
        while not self.stopped and (piece := next(self.claims)) < self.pieces:
            self.work(piece, worker)

    def help(self, worker: int) -> None:
        """The same on a thread of the pool."""
        with self.changed:
            if self.dismissed:
                return
            self.helpers += 1
        try:
            self.claim(worker)
        except BaseException as error:  # the caller raises it
            self.stopped, self.failure = True, error
        finally:
            with self.changed:
                self.helpers -= 1
                self.changed.notify()

    def dismiss(self) -> None:
        """Wait, through interrupts, until no helper is at work in the caller's memory."""
        interrupt: BaseException | None = None
        while True:
            try:
                with self.changed:
                    self.dismissed = True
                    self.changed.wait_for(lambda: self.helpers == 0)
                break
            except KeyboardInterrupt as error:
                self.stopped, interrupt = True, error
        if interrupt is not None:
            raise interrupt


def _pool(size: int) -> ThreadPoolExecutor:
    """The shared pool, grown to at least ``size`` threads."""
    with _state.lock:
        if _state.pool is None or _state.pool_size < size:
            if _state.pool is not None:
                _state.pool.shutdown(wait=False)
            _state.pool = ThreadPoolExecutor(size, thread_name_prefix="aa_ref")
            _state.pool_size = size
        return _state.pool
