"""Axes shorter than the filter, where a rule beyond the ends goes over both of them, or twice."""

import numpy as np

from ..edges import bordered_row
from .accuracy import Accuracy
from .axes import AxisStudy
from .further import Further

__all__ = ["judge_short_axes"]


def judge_short_axes(study: AxisStudy, further: Further, accuracy: Accuracy) -> None:
    """Whether an axis that is right where it is long is right where it is short, too.

    A footprint of radius R folds over an end once, at the most, while there are more than R
    samples; so these are R at the most.
    """
    reading, radius = study.telling, study.plan.radius
    least = further.reach[further.axis].least
    for n in sorted({1, 2, radius // 2, radius} - {0}):
        matrix = further.matrix(n) if least <= n <= radius else None
        if matrix is None:
            continue
        a = further.plan_for(n)
        rows = np.array(
            [bordered_row(c, reading.rows.places, reading.rows.taps, n, a.boundary)
             for c in a.centres[: len(matrix)].tolist()]
        )  # fmt: skip
        matrix = matrix[: len(rows)]
        # What the other axes do is a common factor: a mean of ratios, each with its own error.
        factor = float((matrix * rows).sum() / (rows * rows).sum())
        spread = float(np.log(reading.rows.taps.max() / reading.rows.taps.min()))
        limit = 2 * accuracy.ratio(spread) * rows + accuracy.noise(matrix.size) * rows.max()
        if np.any(np.abs(matrix - factor * rows) > limit * abs(factor)):
            study.fault(
                "boundary",
                f"an axis of {n} sample{'s' * (n > 1)}, shorter than the filter, is not extended "
                f"by {a.boundary!r}, though longer ones are",
            )
            return
