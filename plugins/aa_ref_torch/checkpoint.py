"""Stored weights: whether they are a layer's own filter, and what to say where they do not fit."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from numpy.typing import NDArray

import aa_ref

__all__ = ["HALVES", "ROUNDING", "explain_mismatch", "is_design"]

ROUNDING = 2e-6
"""How far, relatively, the original's weights may be from the exact ones: see `docs/spec.md`, 7."""
HALVES = (torch.float16, torch.bfloat16)


def is_design(weight: torch.Tensor, design: NDArray[Any]) -> bool:
    """Whether stored weights are a design, as the original computes it, or that rounded to a half.

    It may have been rounded to one half after the other, as where a checkpoint in float16 is loaded
    into a layer in bfloat16. A single tap is NaN in the original's checkpoints.

    Parameters
    ----------
    weight : Tensor
        Of shape (channels, 1, ...), on any device.
    design : ndarray
        Of shape (...), in binary64.
    """
    wide = weight.detach().to("cpu", torch.float64)
    if design.size == 1 and bool(wide.isnan().all()):
        return True
    low, high = (torch.from_numpy(design * (1 + side)) for side in (-ROUNDING, ROUNDING))
    bounds = [(low, high)]
    for first, last in itertools.product(HALVES, repeat=2):  # both the same: rounded once
        bounds.append((low.to(first).to(last).double(), high.to(first).to(last).double()))
    return any(bool(((a <= wide) & (wide <= b)).all()) for a, b in bounds)


def explain_mismatch(key: str, stored: Sequence[int], expected: Sequence[int], scale: Any) -> str:
    """What a checkpoint was built for, and what to write so that it loads."""
    stored, expected = tuple(stored), tuple(expected)
    words = f"size mismatch for {key}: the checkpoint has {stored}, this layer {expected}"
    if len(stored) != len(expected) or stored[1] != 1:
        return f"{words}; it is of no layer of this kind"
    if stored[0] != expected[0]:
        words += f"; it was built for {stored[0]} channels, so pass channels={stored[0]}"
    taps = stored[2:]
    if taps != expected[2:]:
        words += f"; it has {'×'.join(map(str, dict.fromkeys(taps)))} tap{'s' * (set(taps) != {1})}"
        words += f": {_origin(taps[0], scale)}" if len(set(taps)) == 1 else ", a number each axis"
    return words


def _origin(taps: int, scale: Any) -> str:
    """Where so many taps come from, and how to have them at another scale."""
    if taps % 2 == 0:
        return "an even number, which no scale gives"
    radius = taps // 2
    keep = f"to keep it at scale {scale} pass sigma={radius / 4:.6g}"
    for stride in range(1, radius + 2):
        if aa_ref.plan((1,), Fraction(1, stride), axes=0).axes[0].radius == radius:
            return f"scale {1 / stride:.6g}; {keep}"
    return f"none of the scales 1/2, 1/3, ...; {keep}"
