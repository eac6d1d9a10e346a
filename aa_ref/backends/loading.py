"""Loads Numba beside the caller, in a thread, once a process has come to some work.

NumPy does what comes meanwhile. A fork waits until nothing is being imported: the child would find
modules locked for ever by a thread that it does not have. The interpreter's end waits, too.
"""

import atexit
import os
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import Lock, Thread

__all__ = ["worth_waiting"]

_SOON = 10_000_000
"""Multiplications that a process does before Numba is loaded for what may come: NumPy's 30 ms."""
_AT_ONCE = 100_000_000
"""Multiplications of one call that waits: NumPy takes as long for them as loading does."""

_PAIRED = ("logging", "concurrent.futures.thread")
"""Modules that Numba imports and that lock before a fork what they unlock after it: imported while
a fork waits, they would only do the latter."""

_done = 0
_thread: Thread | None = None
_importing = Lock()


def worth_waiting(work: int, load: Callable[[], object]) -> bool:
    """Whether a call of so many multiplications waits until Numba is loaded.

    Otherwise a thread calls ``load``, if there has been enough work of all calls together.
    """
    global _done, _thread
    _done += work
    if work >= _AT_ONCE:
        return True
    if _done >= _SOON and _thread is None:
        _thread = Thread(target=_load, args=(load,), name="aa_ref loads Numba", daemon=True)
        _let_forks_wait()
        with suppress(RuntimeError):  # the system has no more threads, or the interpreter ends
            _thread.start()
            atexit.register(_thread.join)
    return False


def _load(load: Callable[[], object]) -> None:
    with _importing, suppress(Exception):  # what is missing is told to those who ask by name
        load()


def _let_forks_wait() -> None:
    """Have a fork wait first of all, with no lock of those modules, which importing may need."""
    for name in _PAIRED:
        import_module(name)
    if hasattr(os, "register_at_fork"):  # what is registered last is called first
        os.register_at_fork(
            before=_importing.acquire,
            after_in_parent=_importing.release,
            after_in_child=_importing.release,
        )
