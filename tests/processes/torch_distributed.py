"""One of two processes that train together: DistributedDataParallel, by gloo, met at a file.

Prints whether its gradients are those of one process, which sees all pictures.
"""

import sys
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from aa_ref_torch import AntiAliasInterpolation2d, ImagePyramide

torch.set_num_threads(1)  # by which torch's own sums depend on nothing but their terms


class Painting(nn.Module):
    """A picture to be learned and the contrast of others, seen through layers of both kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = nn.Parameter(torch.randn(3, 61, 48))
        self.contrast = nn.Parameter(torch.randn(3, 1, 1))
        self.down = AntiAliasInterpolation2d(3, 0.5)
        self.pyramid = ImagePyramide([1, 0.5, 0.25], 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        levels = self.pyramid(self.down(self.picture + self.contrast * x))
        return sum((level**2).mean() for level in levels.values())  # type: ignore[return-value]


def gradients(model: nn.Module, pictures: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    model(pictures).backward()
    return [p.grad for p in model.parameters() if p.grad is not None]


rank, meeting = int(sys.argv[1]), sys.argv[2]
halves = torch.randn(2, 4, 3, 61, 48, generator=torch.Generator().manual_seed(5))
torch.manual_seed(0)
one = Painting()
first, second = gradients(one, halves[0]), gradients(one, halves[1])
expected = [(a + b) / 2 for a, b in zip(first, second, strict=True)]

distributed.init_process_group(
    "gloo", f"file://{meeting}", rank=rank, world_size=2, timeout=timedelta(seconds=150)
)
try:
    torch.manual_seed(rank)  # weights of the second process are its own, until they join
    together = DistributedDataParallel(Painting())
    for _ in range(2):
        found = gradients(together, halves[rank])
        same = [torch.equal(a, e) for a, e in zip(found, expected, strict=True)]
        print(len(same), all(same))
finally:
    distributed.destroy_process_group()
