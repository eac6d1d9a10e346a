"""A second look, statistical: errors that no bound forbids and no honest rounding makes.

``suspicions(comparison) -> list[str]``, a sentence each; they are reported and never fail a result.

A bound for every order of summation is wide. Were the roundings independent and to nearest, an
element's error would have mean 0 and a standard deviation of at most that in
`Comparison.deviations`, which divides by it (``docs/numerics.md``, part 8). So over many elements
the mean square is at most 1, but for taps that were computed carelessly.
"""

import math

import numpy as np

from .comparison import Comparison

__all__ = ["suspicions"]

_ENOUGH = 64  # elements, below which a mean says little
_SPREAD, _LEAN, _SIGMAS = 3.0, 0.5, 6.0


def suspicions(comparison: Comparison) -> list[str]:
    """What the mean and the mean square of the errors suggest.

    Parameters
    ----------
    comparison : Comparison
        Of a probe with many independent errors, such as random normal samples.

    Returns
    -------
    list of str
        Empty for fewer than 64 elements, and where nothing is suspicious.
    """
    d = comparison.deviations[np.isfinite(comparison.deviations)]
    if d.size < _ENOUGH:
        return []
    found = []
    root = math.sqrt(float(np.mean(d * d)))
    if root > _SPREAD:
        found.append(
            f"errors are {root:.1f} times as large as independent roundings to nearest in this "
            "precision make them: is something held or multiplied in a coarser format?"
        )
    mean, spread = float(d.mean()), float(d.std())
    if abs(mean) > _LEAN and abs(mean) * math.sqrt(d.size) > _SIGMAS * spread:
        way = "away from" if mean > 0 else "towards"
        found.append(
            f"errors lean {way} zero, by {abs(mean):.2f} of their standard deviation under "
            "rounding to nearest: are numbers truncated, or do the taps not sum to 1?"
        )
    return found
