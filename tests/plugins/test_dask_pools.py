"""Threads that read and write arrays: none works any more when their pool has ended."""

import threading
import time

import pytest

from aa_ref_dask.pools import pool_that_ends


def test_a_thread_whose_start_is_broken_off_is_waited_for(monkeypatch):
    """Ctrl-C between a thread's start and the pool's note of it: the pool cannot join it."""
    start, done = threading.Thread.start, threading.Event()

    def interrupted(thread):
        monkeypatch.undo()
        start(thread)
        raise KeyboardInterrupt

    def work():
        time.sleep(0.2)
        done.set()

    with pytest.raises(KeyboardInterrupt), pool_that_ends(2) as pool:  # noqa: PT012
        monkeypatch.setattr(threading.Thread, "start", interrupted)
        pool.submit(work)
    assert done.is_set()


def test_what_has_not_begun_never_does():
    first, begun, go = threading.Event(), threading.Event(), threading.Event()

    def work():
        first.set()
        assert go.wait(60)

    with pytest.raises(KeyError), pool_that_ends(1) as pool:  # noqa: PT012
        pool.submit(work)
        pool.submit(begun.set)
        assert first.wait(60)
        threading.Timer(0.1, go.set).start()
        raise KeyError
    assert go.is_set()
    assert not begun.is_set()
