"""Where NaN and infinity in the samples must show in the result, and where they may."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .precisions import Precision
from .samples import Samples
from .sums import close_taps, reached

__all__ = ["Spread", "spread"]


class Spread(NamedTuple):
    """For each element of a result.

    ``certain`` is NaN or an infinity where the result must be just that, and 0 where it is to be
    finite. Where ``either``, NaN will do as well as the infinity that stands in ``certain``;
    where ``free``, anything will.
    """

    certain: NDArray[np.float64]
    either: NDArray[np.bool_]
    free: NDArray[np.bool_]


def spread(samples: Samples, precision: Precision, form: str) -> Spread:
    """What follows from the footprints.

    All taps are positive. So a NaN makes each result NaN that has it in its footprint, and so do
    infinities of both signs; those of one sign make it infinite, unless a tap underflows to zero:
    0 times infinity is NaN. Samples outside of the footprint have no part in a result. Fourier
    transforms mix all of a plane, so there all of it is free.
    """
    values, plan, direction = samples.values, samples.plan, samples.direction
    nan, high, low = (
        reached(plan, mask, direction)
        for mask in (np.isnan(values), values == math.inf, values == -math.inf)
    )
    certain = np.where(high, math.inf, np.where(low, -math.inf, 0.0))
    certain = np.where(nan | (high & low), math.nan, certain)
    lowest = [float(close_taps(a).min()) for a in plan.passes]
    weight = min(lowest, default=1.0) if form == "separable" else math.prod(lowest)
    either = np.isinf(certain) & (weight < 2 * precision.operands.normal)
    free = np.zeros(certain.shape, bool)
    if form == "fft":
        axes = tuple(a.axis for a in plan.passes)
        free |= (~np.isfinite(values)).any(axis=axes, keepdims=True)
    return Spread(certain, either, free)
