"""Where outputs lie: flipped, another stride, another phase, or another rule for centres."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from .accuracy import Accuracy
from .rows import Rows, read_rows

__all__ = ["Places", "expected_centres", "read_places", "upright"]

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


def upright(rows: Rows, a: AxisPlan, accuracy: Accuracy) -> tuple[Rows, str]:
    """Rows with ascending centres, and what runs backwards: ``"input"``, ``"output"`` or nothing.

    Which of the two it is shows in the centres, unless both give the expected ones.
    """
    if not np.all(np.diff(rows.centres) < 0):
        return rows, ""
    found = []
    for word, matrix in (("output", rows.matrix[::-1]), ("input", rows.matrix[:, ::-1])):
        turned = read_rows(matrix, accuracy)
        if turned is None:
            continue
        wanted = expected_centres(a, len(matrix))[list(turned.inner)]
        turned = replace(turned, total=rows.total * turned.total)
        found.append((float(np.abs(turned.centres - wanted).max()), turned, word))
    if not found:
        return rows, ""
    _, turned, word = min(found, key=lambda f: f[0])
    return turned, word


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
