"""Every kernel shipped, on a GPU: launched by name, over all kinds of numbers, to the bit.

``AA_REF_GPU_SMALL=1`` leaves large arrays out, for tools that slow kernels down.
"""

import os

import pytest
from support import assert_same_bits

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

from shipped_calls import SHIPPED, calls_of, numbers_of

from aa_ref.backends.cuda.kernels import Kernel, compiled

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning"),
]

LARGE = os.environ.get("AA_REF_GPU_SMALL") != "1"


@pytest.mark.parametrize("kernel", SHIPPED, ids=lambda kernel: kernel.name)
def test_kernel(kernel: Kernel, launched: list[Kernel], request: pytest.FixtureRequest) -> None:
    for call in calls_of(kernel, LARGE):
        for numbers in numbers_of(kernel):
            x = call.input_of(kernel, numbers)
            launched.clear()
            found = call.results_of(kernel, x, "cuda")
            assert kernel in launched, (call, {k.name for k in launched})
            for got, expected in zip(found, call.results_of(kernel, x, "numpy"), strict=True):
                assert_same_bits(got, expected)
    if not request.config.pluginmanager.has_plugin("answering"):  # which lets none be compiled
        (loaded,) = compiled(kernel).overloads.values()
        assert loaded.local_mem_per_thread == 0, "bytes that spilled, or were left in memory"
