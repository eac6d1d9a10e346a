"""By how many KiB the peak of the process's memory exceeds what calls of the torch plugin return.

Forward and backward, of pictures far larger than the megabyte that a thread may take; then of
copies of them, to show that these would be seen; then of a pyramid's levels, back to their sum.
"""

import re
from collections.abc import Callable
from pathlib import Path

import torch

from aa_ref_torch import downsample, pyramid

torch.set_num_threads(2)


def kib(name: str) -> int:
    """``VmRSS``, memory held now, or ``VmHWM``, the most so far."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    assert found is not None
    return int(found[1])


def forward(x: torch.Tensor) -> torch.Tensor:
    return downsample(x, 0.5, backend="numba")


def excess(call: Callable[[], torch.Tensor]) -> int:
    """How far the peak lies above the result and what was held before."""
    ballast = torch.ones(max(0, kib("VmHWM") - kib("VmRSS")) * 256)  # up to the peak so far
    before = kib("VmHWM")
    y = call()
    more = kib("VmHWM") - before
    del ballast
    return more - y.numel() * y.itemsize // 1024


def excesses(x: torch.Tensor, take: Callable[[torch.Tensor], torch.Tensor]) -> list[int]:
    there = excess(lambda: forward(take(x)))
    y = forward(x)
    g = torch.ones_like(y)
    return [there, excess(lambda: torch.autograd.grad(y, x, take(g))[0])]


def of_pyramid(x: torch.Tensor) -> int:
    levels = pyramid(x, (0.5, 0.25, 0.125), backend="numba")
    gs = [torch.ones_like(level) for level in levels]
    return excess(lambda: torch.autograd.grad(levels, x, gs)[0])


small = torch.ones(2, 3, 64, 62, requires_grad=True)
excesses(small, torch.clone)  # compiles
of_pyramid(small)
large = torch.ones(2, 3, 1500, 1400, requires_grad=True)
print(*excesses(large, lambda x: x))
print(*excesses(large, torch.clone))
print(of_pyramid(large))
