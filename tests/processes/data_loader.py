"""A torch DataLoader whose workers call the Numba backend, after the parent has: fork or spawn."""

import sys
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

import aa_ref
from aa_ref.backends.numba import launch

launch._LITTLE = -1  # split everything, in the workers too
aa_ref.set_num_threads(4)


class Pictures:
    """Flat pictures, downsampled when asked for."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> Any:
        x = np.full((3, 400, 300), i, np.float32)
        return aa_ref.downsample(x, 0.5, boundary="reflect", backend="numba")


if __name__ == "__main__":
    pictures = Pictures()
    expected = [pictures[i] for i in range(len(pictures))]
    loader = DataLoader(
        pictures,  # type: ignore[arg-type]
        batch_size=1, num_workers=2, multiprocessing_context=sys.argv[1], timeout=60,
    )  # fmt: skip
    for batch, picture in zip(loader, expected, strict=True):
        print(np.array_equal(batch[0].numpy(), picture))
