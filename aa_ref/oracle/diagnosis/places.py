"""Where outputs lie: another stride, another phase, or another rule for centres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from .rows import Rows

__all__ = ["Places", "expected_centres", "read_places"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """The centres of all outputs, recovered.

    Attributes
    ----------
    centres : ndarray
        One for each output; those at the ends continue the inner ones.
    spacing : float or None
        Their distance, if it is the same everywhere.
    phase : float or None
        What all lie beyond the expected centres, if it is the same for all that are seen and the
        distance is right.
    """

    centres: Values
    spacing: float | None
    phase: float | None


def expected_centres(a: AxisPlan, outputs: int) -> Values:
    """The centres of the plan, continued by its last distance if there are more outputs."""
    centres = a.centres.astype(np.float64)
    step = float(a.spacing or centres[-1] - centres[-2] if len(centres) > 1 else a.stride)
    beyond = centres[-1] + step * np.arange(1, max(outputs - len(centres), 0) + 1)
    return np.concatenate([centres, beyond])[:outputs]


def read_places(rows: Rows, a: AxisPlan) -> Places:
    """The centres of all outputs, from those of the inner ones."""
    inner, outputs = np.array(rows.inner), len(rows.matrix)
    wanted = expected_centres(a, outputs)
    steps = np.diff(rows.centres) / np.diff(inner)
    spacing = float(steps[0]) if np.all(steps == steps[0]) else None
    ahead = rows.centres - wanted[inner]
    phase = float(ahead[0]) if np.all(ahead == ahead[0]) else None
    if phase is not None:
        centres = wanted + phase
    elif spacing is not None:
        centres = rows.centres[0] + spacing * (np.arange(outputs) - inner[0])
    else:
        centres = np.interp(np.arange(outputs), inner, rows.centres)
        mean = float(steps.mean())
        before, after = np.arange(outputs) < inner[0], np.arange(outputs) > inner[-1]
        centres[before] = rows.centres[0] + mean * (np.arange(outputs)[before] - inner[0])
        centres[after] = rows.centres[-1] + mean * (np.arange(outputs)[after] - inner[-1])
    return Places(centres, spacing, phase)
