"""Threads that read and write arrays on disk, of which none works any more when it is over."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from time import monotonic, sleep

from zarr.core.sync import sync

__all__ = ["pool_that_ends"]

_PATIENCE = 10.0
_numbers = count()


@contextmanager
def pool_that_ends(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool for Dask, and have what was begun end, also after an error or Ctrl-C.

    Then nothing writes into a folder that is being cleared away, and nothing is told past the error
    itself when the process ends.
    """
    prefix = f"aa_ref_dask {next(_numbers)}:"
    pool = ThreadPoolExecutor(threads, thread_name_prefix=prefix)
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)
        # A thread whose start Ctrl-C broke off runs, but the pool does not know it.
        while any(thread.name.startswith(prefix) for thread in threading.enumerate()):
            sleep(0.001)
        sync(_rest_of_zarr())
        raise
    pool.shutdown()


async def _rest_of_zarr() -> None:
    """Wait for the chunks that zarr still works on: where one fails, it tells that at once.

    Those that end may begin others.
    """
    end = monotonic() + _PATIENCE
    while rest := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(rest, timeout=max(0.0, end - monotonic()))
        if monotonic() > end:
            break
