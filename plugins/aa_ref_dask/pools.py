"""Threads that read and write arrays on disk, of which none works any more when it is over."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic

from zarr.core.sync import sync

__all__ = ["pool_that_ends"]

_PATIENCE = 10.0


@contextmanager
def pool_that_ends(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool for Dask, and have what was begun end, also after an error or Ctrl-C.

    Then nothing writes into a folder that is being cleared away, and nothing is told past the error
    itself when the process ends.
    """
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)
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
