"""Numba's simulator with the threads of a block as coroutines, one step after the other.

The simulator starts a thread of the system for each of the device's and looks, over and over, at
which of them wait. As coroutines they take a tenth of the time and an order that is known: from one
barrier to the next each runs as far as it can, in turns the first thread first and the last one
first. So a thread that reads what another has yet to write finds, in one of the two, that it is not
there: a barrier that is missing shows, where threads of the system rarely show it.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from greenlet import greenlet

import aa_ref.backends.cuda.toolkit  # noqa: F401  imports numba.cuda where warnings are errors

# isort: split
from numba.cuda.simulator import kernel, kernelapi

__all__ = ["install"]


class Lane(greenlet):
    """A thread of a block: what the simulator asks the current thread for, and its steps."""

    def __init__(self, block: "Block", grid_point: Any, block_point: Any, args: Any) -> None:
        super().__init__(block._f)
        self._args = args
        self.blockIdx = kernelapi.Dim3(*grid_point)
        self.threadIdx = kernelapi.Dim3(*block_point)
        x, y, z = block_point
        across, deep, _ = block._block_dim
        self.thread_id = x + across * (y + deep * z)

    def step(self) -> bool:
        """Run to the next barrier, or to the end, and tell whether there is more to do."""
        try:
            self.switch(*self._args)
        except Exception as error:
            error.add_note(f"in thread {self.threadIdx} of block {self.blockIdx}")
            raise
        self._args = ()
        return not self.dead

    def syncthreads(self) -> None:
        """Wait until all others of the block wait, or have ended."""
        self.parent.switch()

    def _vote(self, value: Any) -> Any:
        raise NotImplementedError("no kernel here votes; write it as `syncthreads` is written")

    syncthreads_count = syncthreads_and = syncthreads_or = _vote


class Block(kernel.BlockManager):
    """A block of threads, which run in lockstep."""

    def run(self, grid_point: Sequence[int], *args: Any) -> None:
        """Run all threads to their ends."""
        lanes = [Lane(self, grid_point, at, args) for at in np.ndindex(*self._block_dim)]
        turn = sum(grid_point)
        while lanes:
            order = lanes if turn % 2 == 0 else lanes[::-1]
            going = {id(lane) for lane in order if lane.step()}
            lanes = [lane for lane in lanes if id(lane) in going]
            turn += 1


def install() -> None:
    """Have the simulator of this process work so."""
    kernel.BlockManager = Block
    kernelapi.threading = SimpleNamespace(current_thread=greenlet.getcurrent)
