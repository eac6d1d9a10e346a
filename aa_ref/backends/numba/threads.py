"""How many threads the Numba backend uses.

Apart from `crew`, which splits the work, since ``import aa_ref`` needs these and no threads.
"""

import operator
import os
import re

from ...errors import ThreadsError

__all__ = ["get_num_threads", "set_num_threads"]

_VARIABLE = "AA_REF_NUM_THREADS"
_chosen: int | None = None


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
    if _chosen is None:
        text = os.environ.get(_VARIABLE)
        if text is not None:
            if not re.fullmatch(r"\s*0*[1-9]\d{0,5}\s*", text, re.ASCII):
                raise ThreadsError(f"{_VARIABLE} is {text!r}; set a positive integer, or unset it")
            return int(text)
        return _processors()
    return _chosen


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
    try:
        chosen = None if n is None else operator.index(n)
    except TypeError:
        chosen = 0
    if isinstance(n, bool) or (chosen is not None and chosen < 1):
        raise ThreadsError(f"the thread count is {n!r}; pass a positive integer, or None")
    _chosen = chosen


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
