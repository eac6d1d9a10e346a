"""How many threads the Numba backend uses.

Apart from `crew`, which splits the work, since ``import aa_ref`` needs these and no threads.
"""

import operator
import os
import re
import warnings
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token

from ...errors import ThreadsError

__all__ = ["get_num_threads", "limit_threads", "set_num_threads", "warn_of_environment"]

_VARIABLE = "AA_REF_NUM_THREADS"
_COUNT = re.compile(r"\s*0*[1-9]\d{0,5}\s*", re.ASCII)
_chosen: int | None = None
_limit: ContextVar[int | None] = ContextVar("aa_ref's limit of threads", default=None)


def get_num_threads() -> int:
    """How many threads a large call uses at most.

    Returns
    -------
    int
        What `set_num_threads` was given, else the environment's ``AA_REF_NUM_THREADS``, else the
        number of processors that this process may run on; inside `limit_threads` at most its limit.

    Raises
    ------
    ThreadsError
        If the environment's value is not a positive integer.
    """
    number, limit = _number(), _limit.get()
    return number if limit is None else min(number, limit)


def _number() -> int:
    if _chosen is not None:
        return _chosen
    text = os.environ.get(_VARIABLE)
    if text is None:
        return _processors()
    if not _COUNT.fullmatch(text):
        raise ThreadsError(_complaint(text))
    return int(text)


def warn_of_environment() -> None:
    """Warn, at the line that imports the package, if the environment's value is no thread count.

    The first call that wants threads would be too late: a program may run for hours before it.
    """
    text = os.environ.get(_VARIABLE)
    if text is not None and not _COUNT.fullmatch(text):
        warnings.warn(
            f"{_complaint(text)}: until then, or until set_num_threads, large calls raise",
            UserWarning,
            stacklevel=3,
        )


def _complaint(text: str) -> str:
    return f"{_VARIABLE} is {text!r}; set a positive integer, or unset it"


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
    global _chosen
    _chosen = None if n is None else _checked(n)


def limit_threads(n: int | None) -> AbstractContextManager[None]:
    """Within a ``with`` block, let calls of this thread or task use no more than ``n`` threads.

    A generator has its caller's context: one that is suspended inside the block leaves the limit in
    force for its caller until it is resumed and leaves the block. So do not ``yield`` inside, or
    hand over results when the block has ended.

    Parameters
    ----------
    n : int or None
        At least 1; None sets no limit. Of nested limits the smallest holds.

    Returns
    -------
    context manager

    Raises
    ------
    ThreadsError
        If it is not a positive integer.
    """
    return _Limit(None if n is None else _checked(n))


class _Limit:
    """What `contextlib.contextmanager` would make of five lines, at half of its cost a call."""

    __slots__ = ("n", "tokens")

    def __init__(self, n: int | None) -> None:
        self.n = n
        self.tokens: list[Token[int | None]] = []

    def __enter__(self) -> None:
        n, outer = self.n, _limit.get()
        if n is None or (outer is not None and outer < n):
            n = outer
        self.tokens.append(_limit.set(n))

    def __exit__(self, *_: object) -> None:
        _limit.reset(self.tokens.pop())


def _checked(n: int) -> int:
    try:
        number = operator.index(n)
    except TypeError:
        number = 0
    if isinstance(n, bool) or number < 1:
        raise ThreadsError(f"the thread count is {n!r}; pass a positive integer, or None")
    return number


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
