"""Threads that call the torch plugin at once, forward and backward, with two threads each."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import torch

import aa_ref
from aa_ref.backends.numba import launch
from aa_ref_torch import AntiAliasInterpolation2d, pyramid

CALLERS = 6
launch._LITTLE = -1  # split everything
torch.set_num_threads(2)
layer = AntiAliasInterpolation2d(3, 0.25)
together = Barrier(CALLERS)


def work(caller: int) -> bool:
    x = torch.randn(3, 80 + caller, 71, generator=torch.Generator().manual_seed(caller))
    g = torch.randn(3, 20 + (caller > 0) + (caller > 4), 18)
    leaf = x.clone().requires_grad_()
    together.wait(60)
    answers = []
    for _ in range(20):
        y = layer(leaf)
        (gx,) = torch.autograd.grad(y, leaf, g)
        with torch.inference_mode():
            half = pyramid(x, (0.5, 0.25), backend="numba")
        answers.append([y.detach(), gx, *half])
    picture = x.numpy()
    expected = [
        aa_ref.downsample(picture, 0.25, backend="reference"),
        aa_ref.downsample_adjoint(g.numpy(), 0.25, picture.shape[1:], backend="reference"),
        *aa_ref.pyramid(picture, (0.5, 0.25), backend="reference"),
    ]
    return all(
        torch.equal(a, torch.from_numpy(e))
        for answer in answers
        for a, e in zip(answer, expected, strict=True)
    )


with ThreadPoolExecutor(CALLERS) as callers:
    print(*callers.map(work, range(CALLERS)))
