"""Forks while another thread compiles, with an empty cache; the child then compiles for itself."""

import multiprocessing
from threading import Thread
from time import sleep
from typing import Any

import numpy as np

import aa_ref
from aa_ref.backends.numba import caching, launch, variants  # noqa: F401 (imported before the fork)

variants.LITTLE = 0  # for a function that is compiled soon, and yet long enough
x = np.ones((9, 14), np.float32)


def child(answers: Any) -> None:
    answers.put(aa_ref.downsample(x, 0.5, backend="numba"))


context = multiprocessing.get_context("fork")
queue = context.Queue()
compiles = Thread(target=aa_ref.downsample, args=(x, 0.5), kwargs={"backend": "numba"})
compiles.start()
sleep(1)
process = context.Process(target=child, args=(queue,))
process.start()
compiles.join()
print(np.array_equal(queue.get(timeout=120), aa_ref.downsample(x, 0.5, backend="numpy")))
process.join(60)
print(process.exitcode)
