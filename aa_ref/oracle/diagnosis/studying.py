"""`study_axis`: what one axis does, against what its plan says."""

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan
from .accuracy import Accuracy
from .axes import AxisStudy
from .border_faults import judge_borders, judge_short_axes
from .further import Further
from .place_faults import by_length, judge_places
from .readings import Reading, read_axis
from .tap_faults import judge_taps
from .width import read_width

__all__ = ["study_axis"]

Values = NDArray[np.float64]


def study_axis(
    matrix: Values, a: AxisPlan, accuracy: Accuracy, further: Further | None = None,
    crossing: float = 1.0,
) -> AxisStudy | None:  # fmt: skip
    """Everything that the answers along one axis tell; None where no output is clear of the ends.

    Parameters
    ----------
    matrix : ndarray of shape (outputs, inputs)
    a : AxisPlan
        For that many inputs.
    accuracy : Accuracy
    further : Further, optional
        Answers at other lengths. Without them, what one length leaves open stays so.
    crossing : float
        The expected tap of all other axes together on the line that was seen.
    """
    first = read_axis(matrix, a, accuracy)
    if first is None:
        return None
    other = None
    if further is not None:
        other = _at(further, further.start, accuracy, first.backwards)
    # Where nothing is even, that which all axes have alike.
    telling = first if first.is_even or other is None else other
    against = other
    if further is not None and other is not None and telling is other and other.is_even:
        against = _at(further, further.whole, accuracy, first.backwards)
    width = read_width(telling.rows.taps, telling.rows.places, accuracy)
    study = AxisStudy(first, other, telling, width, by_length(telling, against))
    _recover(study)
    if first.backwards:
        study.fault("flip", f"the {first.backwards} runs backwards")
    judge_places(study)
    judge_taps(study, accuracy, crossing)
    judge_borders(study, further, accuracy)
    if study.by_length and study.blames("phase"):
        study.extend("phase", f"; {study.by_length}")
    elif study.by_length:
        study.fault("phase", study.by_length)
    if further is not None and not study.faults:
        judge_short_axes(study, further, accuracy)
    return study


def _at(further: Further, length: int, accuracy: Accuracy, backwards: str) -> Reading | None:
    matrix = further.matrix(length)
    if matrix is None:
        return None
    return read_axis(matrix, further.plan_for(length), accuracy, backwards)


def _recover(study: AxisStudy) -> None:
    rows, places, width = study.telling.rows, study.telling.places, study.width
    gaussian = width.is_gaussian and study.has_filter
    study.recovered |= {
        "taps": rows.taps.tolist(),
        "first_tap_at": rows.first,
        "radius": int(max(-rows.first, rows.first + len(rows.taps) - 1)),
        "sigma": width.sigma if gaussian else None,
        "deviation": rows.deviation,
        "stride": places.spacing,
        "centres": places.centres.tolist(),
        "phase": float(places.centres[0]) + (width.centre if gaussian else 0.0),
        "runs_backwards": study.first.backwards,
        "varies": rows.varies,
    }
