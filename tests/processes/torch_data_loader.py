"""A DataLoader whose workers run the torch plugin, after the parent has: fork or spawn.

Prints whether each tensor has the reference's bits, and how many threads computed it.
"""

import sys
from typing import Any

import torch
from torch.utils.data import DataLoader

import aa_ref
from aa_ref.backends import get_backend
from aa_ref.backends.numba import launch
from aa_ref_torch import AntiAliasInterpolation2d, downsample

launch._LITTLE = -1  # split everything, in the workers too
aa_ref.set_num_threads(5)  # which is not what torch's tensors ask for
torch.set_num_threads(3)
numba: Any = type(get_backend("numba"))
split = numba.forward
seen: list[int] = []


def forward(*arguments: Any, **options: Any) -> Any:
    """Note how many threads the backend may use."""
    seen.append(aa_ref.get_num_threads())
    return split(*arguments, **options)


numba.forward = forward
layer = AntiAliasInterpolation2d(3, 0.25)  # copied, or pickled, into the workers with the data


class Pictures:
    """Pictures of some size, downsampled when asked for: by function, layer, and in training."""

    def __init__(self) -> None:
        self.layer = layer

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        x = torch.randn(3, 80, 71, generator=torch.Generator().manual_seed(i))
        seen.clear()
        y = downsample(x, 0.25, boundary="reflect", backend="numba")
        threads = set(seen)
        with torch.inference_mode():
            inferred = self.layer(x)
        x.requires_grad_()
        trained = self.layer(x)
        (gx,) = torch.autograd.grad(trained.sum(), x)
        return [y, inferred, trained.detach(), gx], sorted(threads)


def two_threads(worker: int) -> None:
    """What people write who want more than the one thread that torch gives a worker."""
    torch.set_num_threads(2)


if __name__ == "__main__":
    pictures = Pictures()
    expected = []
    for i in range(len(pictures)):
        pictures[i]  # all threads that there will be are there before a fork
        x = torch.randn(3, 80, 71, generator=torch.Generator().manual_seed(i)).numpy()
        y = aa_ref.downsample(x, 0.25, backend="reference")
        g = torch.ones(y.shape).numpy()
        gx = aa_ref.downsample_adjoint(g, 0.25, (80, 71), backend="reference")
        first = aa_ref.downsample(x, 0.25, boundary="reflect", backend="reference")
        expected.append([torch.from_numpy(v) for v in (first, y, y, gx)])
    for start in (None, two_threads):
        loader = DataLoader(
            pictures,  # type: ignore[arg-type]
            batch_size=None, num_workers=2, multiprocessing_context=sys.argv[1], timeout=60,
            worker_init_fn=start,
        )  # fmt: skip
        for (ys, threads), references in zip(loader, expected, strict=True):
            same = [torch.equal(y, e) for y, e in zip(ys, references, strict=True)]
            print(all(same), *threads)
