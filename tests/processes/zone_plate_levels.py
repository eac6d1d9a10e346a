"""The table of `docs/pyramids.md`: what is left of stripes that a level cannot show."""

import numpy as np
from numpy.typing import NDArray

import aa_ref

SIDE = 1024


def zone_plate() -> NDArray[np.float64]:
    """Return stripes whose frequency grows from the middle to 1/2 a pixel at the ends of axes."""
    at = np.arange(SIDE) - SIDE / 2
    return 127.5 + 127.5 * np.cos(np.pi * (at[:, None] ** 2 + at**2) / SIDE)


def means(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of blocks of 2×2."""
    return x.reshape(len(x) // 2, 2, -1, 2).mean((1, 3))


def beyond(level: NDArray[np.float64]) -> float:
    """Return the standard deviation where stripes are finer than two pixels of the level."""
    at = np.linspace(-0.5, 0.5, len(level), endpoint=False)
    radius = np.hypot(at[:, None], at)  # the frequency, in cycles for each pixel of the input
    return float(level[(radius > 0.6 * len(level) / SIDE) & (radius < 0.5)].std())


if __name__ == "__main__":
    x = zone_plate()
    block = x
    print("| level | block means | this pyramid |\n|---|---|---|")
    for n in (2, 4, 8):
        block = means(block)
        ours = aa_ref.downsample(x, 1 / n, boundary="reflect")
        print(f"| 1/{n} | {beyond(block):.1f} | {beyond(ours):.1f} |")
