"""Stored weights: whether they are a layer's own filter, and what to say where they do not fit."""

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import torch
from numpy.typing import NDArray

import aa_ref

from .convolution import outer_product
from .options import one_if_equal

__all__ = ["HALVES", "ROUNDING", "explain_mismatch", "is_design", "sigma_for"]

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


def sigma_for(weight: torch.Tensor, design: NDArray[Any]) -> Any:
    """Return the sigma with which a layer holds stored weights; None if the rule's design will do.

    It is the shortest number whose Gaussian the weights are, as the original computes it. Weights
    that are no Gaussian get the rule's sigma or else a quarter of their radius, which give as many
    taps.

    Parameters
    ----------
    weight : Tensor
        Of shape (channels, 1, ...), with odd lengths.
    design : ndarray
        Of shape (...): by the rule, without a sigma.
    """
    fits = tuple(weight.shape[2:]) == design.shape
    if fits and is_design(weight, design):
        return None
    radii = [taps // 2 for taps in weight.shape[2:]]
    for sigma in _sigmas_near(weight, radii):
        axes = [aa_ref.plan((1,), 1, axes=0, sigma=s, input_dtype="float64").axes[0] for s in sigma]
        same = [a.radius for a in axes] == radii
        if same and is_design(weight, outer_product(axes)):
            return one_if_equal(sigma)
    return None if fits else one_if_equal([radius / 4 for radius in radii])


def _sigmas_near(weight: torch.Tensor, radii: Sequence[int]) -> Iterator[list[Any]]:
    """Yield what each axis's sigma may be, from short numbers to long ones.

    Two taps of a Gaussian, k apart from each other, have the quotient exp(-k²/(2 sigma²)). Weights
    of 16 bits have lost the smallest ones.
    """
    wide = weight[0, 0].detach().to("cpu", torch.float64)
    middle = float(wide[tuple(radii)])
    least = 1e-2 if weight.dtype in HALVES else 1e-5
    found = []
    for dim, radius in enumerate(radii):
        line = wide[tuple(slice(None) if d == dim else r for d, r in enumerate(radii))]
        quotients = [float(line[radius + k]) / middle if middle else 0.0 for k in range(radius + 1)]
        seen = [k for k in range(1, radius + 1) if least < quotients[k] < 1]
        if not seen:
            return
        k = seen[-1]
        found.append(k / math.sqrt(-2 * math.log(quotients[k])))
    for digits in range(1, 5):
        yield [float(f"{sigma:.{digits}g}") for sigma in found]
    yield [Fraction(sigma).limit_denominator(64) for sigma in found]
    for digits in range(5, 10):
        yield [float(f"{sigma:.{digits}g}") for sigma in found]


def explain_mismatch(key: str, stored: Sequence[int], expected: Sequence[int], scale: Any) -> str:
    """Say what a checkpoint was built for, and what to write so that it loads."""
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
    unfiltered = all(s == 1 for s in (scale if isinstance(scale, tuple | list) else [scale]))
    does = ", where the layer returns its input," if unfiltered else ""
    keep = f"to keep it at scale {scale}{does} pass sigma={radius / 4:.6g}"
    for stride in range(1, radius + 2):
        if aa_ref.plan((1,), Fraction(1, stride), axes=0).axes[0].radius == radius:
            return f"scale {1 / stride:.6g}; {keep}"
    return f"none of the scales 1/2, 1/3, ...; {keep}"
