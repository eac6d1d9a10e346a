"""How many threads, and how work is split among them.

Numba's own thread layers abort when two Python threads call at once (workqueue) or after a fork
(OpenMP). Compiled functions that release the GIL on a standard pool do neither.

The caller takes part: pieces of work are claimed one by one, by the caller and by helpers from the
pool, and the caller goes home when all are done. So work gets done however busy the pool is, after
a fork, and when the interpreter takes no new threads because it shuts down.
"""

import operator
import os
import re
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from threading import Condition, Lock
from typing import TYPE_CHECKING, Any

from ...errors import ThreadsError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["get_num_threads", "run_pieces", "set_num_threads"]

_VARIABLE = "AA_REF_NUM_THREADS"


class _State:
    """The pool and the thread count of this process."""

    def __init__(self, chosen: int | None) -> None:
        self.chosen = chosen
        self.lock = Lock()
        self.pool: ThreadPoolExecutor | None = None
        self.pool_size = 0


_state = _State(None)


def _after_fork_in_child() -> None:
    """Threads do not survive a fork; a lock may have been held by one that is gone."""
    global _state
    _state = _State(_state.chosen)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def get_num_threads() -> int:
    """How many threads a large call uses at most.

    Returns
    -------
    int
        What `set_num_threads` was given, else the environment's ``AA_REF_NUM_THREADS``, else the
        number of processors that this process may run on.

    Raises
    ------
    ThreadsError
        If the environment's value is not a positive integer.
    """
    if _state.chosen is None:
        text = os.environ.get(_VARIABLE)
        if text is not None:
            if not re.fullmatch(r"\s*0*[1-9]\d{0,5}\s*", text, re.ASCII):
                raise ThreadsError(f"{_VARIABLE} is {text!r}; set a positive integer, or unset it")
            return int(text)
        return _processors()
    return _state.chosen


def set_num_threads(n: int | None) -> None:
    """Set how many threads a large call uses at most, in this process.

    Parameters
    ----------
    n : int or None
        At least 1, which keeps all work on the calling thread. None goes back to the environment.

    Raises
    ------
    ThreadsError
        If it is not a positive integer.
    """
    try:
        chosen = None if n is None else operator.index(n)
    except TypeError:
        chosen = 0
    if isinstance(n, bool) or (chosen is not None and chosen < 1):
        raise ThreadsError(f"the thread count is {n!r}; pass a positive integer, or None")
    _state.chosen = chosen


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def _pool(size: int) -> "ThreadPoolExecutor":
    """The shared pool, grown to at least ``size`` threads."""
    from concurrent.futures import ThreadPoolExecutor

    with _state.lock:
        if _state.pool is None or _state.pool_size < size:
            if _state.pool is not None:
                _state.pool.shutdown(wait=False)
            _state.pool = ThreadPoolExecutor(size, thread_name_prefix="aa_ref")
            _state.pool_size = size
        return _state.pool
