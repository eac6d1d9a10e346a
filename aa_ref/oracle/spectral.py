"""A bound for convolution by discrete Fourier transforms, the same all over a plane.

Rounding errors of a transform spread over all of its results, so they are proportional to the
norm of the plane and not to what a result's footprint holds. The proof, for power-of-two lengths,
is in ``docs/numerics.md``, part 7.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..boundary import fold
from ..plans import Plan
from .precisions import Format
from .samples import Samples
from .sums import close_taps

__all__ = ["spectral_error", "stages"]


def spectral_error(samples: Samples, accumulation: Format, flushed: bool) -> NDArray[np.float64]:
    """The error that transforms add, broadcast over each plane: before that of taps and samples."""
    plan, unit = samples.plan, accumulation.unit
    tiny = accumulation.normal if flushed else accumulation.smallest
    axes = tuple(a.axis for a in plan.passes)
    steps = stages(plan)
    size = 2.0**steps
    # One stage: a complex product with a twiddle factor, itself off by a unit, and a sum.
    product = math.sqrt(2) * ((1 + unit) ** 2 - 1)
    turn = unit + (1 + unit) * product
    stage = (1 + unit) * (1 + turn)
    whole = math.expm1(min(steps * math.log(stage), 700.0))  # q: of one transform
    filter_norm = math.prod(float(np.linalg.norm(close_taps(a))) for a in plan.passes)
    before = (1 + whole) ** 2 * (1 + product) - 1
    spectrum = 1 + math.sqrt(size) * filter_norm * whole  # the filter's largest, computed
    after = (1 + product) * (1 + whole) * spectrum * ((1 + whole) * (1 + unit) - 1)
    norms, folds = _norms(samples, axes)
    error = norms * (filter_norm * before + after) + 32 * steps * size * tiny * (1 + norms)
    # The adjoint folds what it computed beyond the ends back onto the plane.
    sums = math.expm1((folds - 1) * accumulation.exponent)
    error = folds * (error * (1 + sums) + norms * sums)
    return np.broadcast_to(error * (1 + 2.0**-30), samples.out_shape)


def stages(plan: Plan) -> int:
    """Butterfly stages over all axes, for room for both ends, to the next power of two and twice.

    The one stage more an axis is for transforms of real numbers, or of twice the length.
    """
    return sum(math.ceil(math.log2(a.length + 4 * a.radius + 1)) + 1 for a in plan.passes)


def _norms(samples: Samples, axes: tuple[int, ...]) -> tuple[NDArray[np.float64], float]:
    """The Euclidean norm of each plane with what stands beyond its ends, and the most folds."""
    squares, folds = samples.values, 1.0
    scale = np.abs(squares).max(initial=0.0) or 1.0
    squares = (squares / scale) ** 2
    for a in samples.plan.passes:
        inputs = fold(np.arange(-a.radius, a.length + a.radius), a.length, a.boundary)
        copies = np.bincount(inputs[inputs >= 0], minlength=a.length).astype(np.float64)
        if samples.direction == "forward":
            squares = squares * np.moveaxis(
                copies.reshape(-1, *[1] * (squares.ndim - 1)), 0, a.axis
            )
        else:
            folds *= float(copies.max())
    total = squares.sum(axis=axes, keepdims=True)
    return np.sqrt(total) * scale * (1 + 2.0**-30) + 2.0**-1074, folds
