"""Forks while other threads are inside the Numba backend, and lets each child compute."""

import multiprocessing
from threading import Barrier, Thread
from typing import Any

import numpy as np

import aa_ref
from aa_ref.backends.numba import launch
from aa_ref.backends.numba.crew import run_pieces

launch._LITTLE = -1  # split everything
aa_ref.set_num_threads(4)
x = np.random.default_rng(1).integers(0, 256, (3, 301, 203), np.uint8)
expected = aa_ref.downsample(x, 0.25, backend="numba")
busy = True


def child(answers: Any) -> None:
    # Two pieces that wait for one another need two threads, so the child's pool must work.
    both = Barrier(2)
    run_pieces(lambda piece, worker: both.wait(60), 2, 2)
    answers.put(aa_ref.downsample(x, 0.25, backend="numba"))


def work() -> None:
    while busy:
        aa_ref.downsample(x, 0.25, backend="numba")


context = multiprocessing.get_context("fork")
queue = context.Queue()
background = Thread(target=work)
background.start()
try:
    for _ in range(10):
        process = context.Process(target=child, args=(queue,))
        process.start()
        print(np.array_equal(queue.get(timeout=60), expected))
        process.join(60)
        print(process.exitcode)
finally:
    busy = False
    background.join()
