"""The issue floor: the least time that issuing the contract's instructions can take.

A multiprocessor issues at most four instructions a clock, each for 32 samples. A sum of K terms is
K products and K - 1 sums, each rounded, so that no instruction does two. A result of integers takes
one conversion for each input sample and one for each output. Loads, stores, addresses and loops
come on top, so that the floor is below what any code can reach.
"""

import math
from typing import Any

from ...plans import Plan

__all__ = ["instructions", "issue_rate"]

_LANES = 4 * 32


def instructions(plan: Plan) -> int:
    """How many, one sample each, downsampling integers takes at least.

    Examples
    --------
    >>> from aa_ref import plan
    >>> instructions(plan((8, 8), 0.5, input_dtype="uint8"))  # 64 + 32 · 9 + 16 · 9 + 16
    512
    """
    samples = math.prod(plan.shape)
    total = samples
    for a in plan.passes:
        samples = samples // a.length * a.out_length
        total += samples * (2 * len(a.taps) - 1)
    return total + samples


def issue_rate(facts: dict[str, Any]) -> float:
    """How many of them a device issues in a second, from its `Device.facts`."""
    return float(facts["multiprocessors"] * facts["clock_hz"] * _LANES)
