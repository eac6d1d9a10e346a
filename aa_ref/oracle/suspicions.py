"""A second look, statistical: errors that no bound forbids and no honest rounding makes.

``suspicions(comparison) -> list[str]``, a sentence each; they are reported and never fail a result.

A bound for every order of summation is wide. Were the roundings independent and to nearest, an
element's error would have a standard deviation of at most the one by which
`Comparison.deviations` divides (``docs/numerics.md``, part 8): their mean square is at most 1, or a
little more, as taps are off by the same for all elements. And errors would not go with the sign
of the results, beyond what taps give that do not quite sum to 1: `Comparison.lean` is at most 1 in
magnitude where they were rounded once.
"""

import math

import numpy as np

from .comparison import Comparison

__all__ = ["suspicions"]

_ENOUGH = 64  # elements, below which a mean says little
_SPREAD, _LEAN, _SIGMAS = 3.0, 2.0, 6.0


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
    if abs(comparison.lean) > _LEAN and abs(comparison.lean) > _SIGMAS * comparison.lean_error:
        way = "large" if comparison.lean > 0 else "small"
        found.append(
            f"results are too {way} throughout, by {abs(comparison.lean):.1f} times what rounded "
            "taps explain: are numbers truncated, or do the taps not sum to 1?"
        )
    return found
