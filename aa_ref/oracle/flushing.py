"""What flushing subnormal numbers to zero can make of a result, where the bound tells nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plans import Direction, Plan
from .samples import as_samples
from .terms import Terms
from .truth import truth_of

__all__ = ["flushing_explains"]


def flushing_explains(
    y: NDArray[Any], x: NDArray[Any], plan: Plan, direction: Direction, terms: Terms
) -> bool:
    """Whether ``y`` may be a correct result for ``x``, flushed anywhere on the way or not at all.

    What is flushed, be it a sample, a product or a sum of some, takes terms out of the result. The
    rest lies between the sum of the negative and the sum of the positive terms, but for rounding.
    """
    samples = as_samples(x, plan, direction)
    lowest = truth_of(samples._replace(values=np.minimum(samples.values, 0.0)))
    highest = truth_of(samples._replace(values=np.maximum(samples.values, 0.0)))
    allowed = terms.bound(x, plan, direction)
    found = y.astype(np.float64)
    return bool(((lowest - allowed <= found) & (found <= highest + allowed)).all())
