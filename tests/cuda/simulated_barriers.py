"""What the simulator shows of barriers that are missing. Run by `test_simulator.py`."""

import numpy as np
import pytest
from numba import cuda, float32

THREADS = 8


def neighbour(step, waits):
    """A kernel in which each thread reads what its neighbour has written."""

    @cuda.jit
    def kernel(x, y):
        shared = cuda.shared.array(THREADS, float32)
        i = cuda.threadIdx.x
        shared[i] = x[cuda.blockIdx.x, i]
        if waits:
            cuda.syncthreads()
        y[cuda.blockIdx.x, i] = shared[(i + step) % THREADS]

    return kernel


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("waits", [True, False])
def test_a_barrier_that_is_missing_shows(step, waits):
    x = np.random.default_rng().random((2, THREADS), np.float32)
    y = np.zeros_like(x)
    neighbour(step, waits)[2, THREADS](x, y)
    assert np.array_equal(y, np.roll(x, -step, 1)) == waits


def test_an_error_names_its_thread():
    @cuda.jit
    def kernel(y):
        y[cuda.threadIdx.x + 5] = 1

    with pytest.raises(IndexError) as caught:
        kernel[1, THREADS](np.zeros(8, np.float32))
    assert caught.value.__notes__ == ["in thread (3, 0, 0) of block (0, 0, 0)"]
