"""What is wrong with where outputs lie along one axis."""

import numpy as np

from .axes import AxisFault, AxisStudy
from .places import expected_centres
from .readings import Reading

__all__ = ["by_length", "judge_places"]


def judge_places(study: AxisStudy) -> None:
    """Phase and stride at one length."""
    centre = study.width.centre if study.width.is_gaussian else 0.0
    study.faults += _faults_at(study.telling, centre)


def _faults_at(reading: Reading, centre: float) -> list[AxisFault]:
    """What one length shows; ``centre`` is that of a Gaussian, counted from that of its taps."""
    places, a = reading.places, reading.plan
    if places.phase is not None:
        phase = places.phase + centre
        return [AxisFault("phase", _moved(phase))] if phase else []
    if reading.steady and places.spacing is not None and a.spacing is not None:
        words = f"centres are {places.spacing:g} apart where the stride is {a.spacing}"
        faults = [AxisFault("stride", words)]
        start = float(places.centres[0]) + centre
        if start:
            faults.append(AxisFault("phase", f"the first output is centred on {start:g}, not 0"))
        return faults
    inner = np.array(reading.rows.inner)
    wanted = expected_centres(a, len(reading.rows.matrix))[inner]
    k = int(np.flatnonzero(reading.rows.centres != wanted)[0])
    return [
        AxisFault(
            "phase",
            f"output {inner[k]} is centred on {reading.rows.mean(k):.6g} rather than "
            f"{wanted[k]:g}, and others are off by other amounts: the rule for centres is another "
            "one",
        )
    ]


def _moved(phase: float) -> str:
    way = "after" if phase > 0 else "before"
    size = f"{abs(phase):.6g}"
    return f"every output is centred {size} input sample{'s' * (size != '1')} {way} its place"


def by_length(reading: Reading, other: Reading | None) -> str:
    """In words, what outputs of another length do, if they do not go on as those of this one do."""
    if other is None or other is reading or not reading.is_even:
        return ""
    inner = list(other.rows.inner)
    wanted = reading.centres_at(other.plan, len(other.rows.matrix))[inner]
    off = np.flatnonzero(other.rows.centres != wanted)
    if not off.size and other.steady:
        return ""
    means = np.array([other.rows.mean(k) for k in range(len(inner))])
    k = int(off[0]) if off.size else int(np.abs(means - wanted).argmax())
    words = (
        f"with {other.plan.length} samples, output {inner[k]} is centred on {means[k]:.6g} rather "
        f"than {wanted[k]:g}"
    )
    if not other.steady:
        words += ", and taps change from output to output"
    return f"{words}: centres depend on the length of the axis"
