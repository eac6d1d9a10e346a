"""What one axis does, against what its plan says: faults, and the parameters recovered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...filters import radius_of
from ...plans import AxisPlan
from ..edges import OTHER_RULES
from ..precisions import FORMATS
from .accuracy import Accuracy
from .borders import Border, read_borders
from .places import Places, expected_centres, read_places, upright
from .rows import Rows, read_rows, same_taps
from .width import Width, gaussian_but_for, read_width

__all__ = ["AxisFault", "AxisStudy", "study_axis"]

Values = NDArray[np.float64]


class AxisFault(NamedTuple):
    """A code of `CODES`, and words that fit any axis."""

    code: str
    words: str


@dataclass
class AxisStudy:
    """All that is known of one axis.

    Attributes
    ----------
    plan : AxisPlan
        What is expected, for the length asked.
    rows : Rows
        In ascending order of centres.
    places : Places
    width : Width
    faults : list of AxisFault
    recovered : dict
        Parameters by name.
    """

    plan: AxisPlan
    rows: Rows
    places: Places
    width: Width
    backwards: str
    faults: list[AxisFault] = field(default_factory=list)
    recovered: dict[str, Any] = field(default_factory=dict)

    def blames(self, *codes: str) -> bool:
        """Whether there is a fault of one of these codes."""
        return any(fault.code in codes for fault in self.faults)

    def drop(self, *codes: str) -> None:
        """Forget the faults of these codes, which follow from another one."""
        self.faults[:] = [fault for fault in self.faults if fault.code not in codes]

    def follows(self, other: "AxisStudy") -> bool:
        """Whether the filter is the one that another axis should have."""
        return self.has_filter and self.width.holds(float(other.plan.sigma))

    def fault(self, code: str, words: str) -> None:
        """Note one."""
        self.faults.append(AxisFault(code, words))

    @property
    def observed(self) -> Values:
        """What outputs read, as they come: not upright. Inner rows sum to 1."""
        matrix = self.rows.matrix
        return {"output": matrix[::-1], "input": matrix[:, ::-1]}.get(self.backwards, matrix)

    @property
    def has_filter(self) -> bool:
        """Whether there is more than one tap."""
        return len(self.rows.taps) > 1


def study_axis(
    matrix: Values, a: AxisPlan, accuracy: Accuracy, counts: Sequence[tuple[int, int]] = ()
) -> AxisStudy | None:
    """Everything that the answers along one axis tell; None where no output is clear of the ends.

    Parameters
    ----------
    matrix : ndarray of shape (outputs, inputs)
    a : AxisPlan
        For that many inputs.
    accuracy : Accuracy
    counts : sequence of (int, int)
        Other numbers of inputs, and how many outputs they have.
    """
    rows = read_rows(matrix, accuracy)
    if rows is None:
        return None
    rows, backwards = upright(rows, a, accuracy)
    places = read_places(rows, a)
    width = read_width(rows.taps, rows.places, accuracy)
    study = AxisStudy(a, rows, places, width, backwards)
    _recover(study)
    if backwards:
        study.fault("flip", f"the {backwards} runs backwards")
    _judge_places(study, accuracy)
    _judge_taps(study, accuracy)
    if rows.varies <= same_taps(rows.taps, accuracy):
        _judge_borders(study, accuracy, counts)
    return study


def _recover(study: AxisStudy) -> None:
    rows, places = study.rows, study.places
    study.recovered |= {
        "taps": rows.taps.tolist(),
        "first_tap_at": rows.first,
        "radius": int(max(-rows.first, rows.first + len(rows.taps) - 1)),
        "sigma": study.width.sigma if study.width.is_gaussian and study.has_filter else None,
        "deviation": rows.deviation,
        "stride": places.spacing,
        "centres": places.centres.tolist(),
        "phase": float(places.centres[0]) if len(places.centres) else None,
        "runs_backwards": study.backwards,
        "varies": rows.varies,
    }


def _judge_places(study: AxisStudy, accuracy: Accuracy) -> None:
    places, a = study.places, study.plan
    if places.phase == 0:
        return
    outputs = len(study.rows.matrix)
    wanted = expected_centres(a, outputs)
    if places.phase is not None:
        study.fault("phase", _moved(places.phase))
        return
    steady = study.rows.varies <= same_taps(study.rows.taps, accuracy)
    if steady and places.spacing is not None and a.spacing is not None:
        study.fault(
            "stride", f"centres are {places.spacing:g} apart where the stride is {a.spacing}"
        )
        if places.centres[0] != 0:
            study.fault("phase", f"the first output is centred on {places.centres[0]:g}, not 0")
        return
    inner = np.array(study.rows.inner)
    wrong = np.flatnonzero(study.rows.centres != wanted[inner])
    k = int(wrong[0])
    study.fault(
        "phase",
        f"output {inner[k]} is centred on {study.rows.mean(k):.6g} rather than "
        f"{wanted[inner[k]]:g}, and others are off by other amounts: the rule for centres is "
        "another one",
    )


def _moved(phase: float) -> str:
    way = "after" if phase > 0 else "before"
    return f"every output is centred {abs(phase):g} input samples {way} where it should be"


def _judge_taps(study: AxisStudy, accuracy: Accuracy) -> None:
    rows, a, width = study.rows, study.plan, study.width
    sigma, radius = float(a.sigma), a.radius
    lo, hi = rows.first, rows.first + len(rows.taps) - 1
    right_reach = (lo, hi) == (-radius, radius)
    if rows.varies > same_taps(rows.taps, accuracy):
        study.fault(
            "sigma",
            f"taps change from output to output, by up to {rows.varies:.3g}; they should be those "
            "of one Gaussian",
        )
        return
    if not radius and len(rows.taps) == 1:
        return
    if len(rows.taps) == 1:
        study.fault("sigma", f"there is no low-pass, where sigma is {sigma:.6g}: one tap alone")
        return
    fits = width.is_gaussian and width.holds(sigma)
    if not width.is_gaussian:
        _judge_irregular(study, accuracy)
    elif not fits:
        _judge_sigma(study, accuracy)
    if right_reach or not width.is_gaussian:
        return
    if lo == -hi and not fits and hi in _radii_for(width):
        return  # it follows from that sigma
    reach = f"{hi:g}" if lo == -hi else f"{lo:g} … {hi:g} about the centre"
    study.fault("radius", f"taps reach {reach}; the radius is {radius}")


def _judge_sigma(study: AxisStudy, accuracy: Accuracy) -> None:
    width, a = study.width, study.plan
    coarse = _coarser(study, accuracy)
    if coarse:
        study.fault("precision", f"taps are those expected, rounded to {coarse}")
        return
    radius, follows = study.recovered["radius"], ""
    if radius != a.radius and radius in _radii_for(width):
        follows = f", and so is the radius, {radius}"
    study.fault(
        "sigma",
        f"taps are those of sigma {width.sigma:.6g}{follows}; sigma is {float(a.sigma):.6g}",
    )


def _radii_for(width: Width) -> set[int]:
    """Those that the sigmas of a width have: two, where rounding is on the edge."""
    return {radius_of(width.low), radius_of(width.high)}


def _coarser(study: AxisStudy, accuracy: Accuracy) -> str:
    """The format to which the expected taps have been rounded, if that explains them."""
    rows, a = study.rows, study.plan
    if (rows.first, len(rows.taps)) != (-a.radius, 2 * a.radius + 1):
        return ""
    taps = a.taps.astype(np.float64)
    for name in _coarser_formats(accuracy):
        digits = FORMATS[name].digits
        mantissa, exponent = np.frexp(taps)
        rounded = np.ldexp(np.round(np.ldexp(mantissa, digits)), exponent - digits)
        rounded /= rounded.sum()
        if np.all(np.abs(rows.taps / rounded - 1) <= accuracy.ratio(0)):
            return _of_digits(name)
    return ""


def _coarser_formats(accuracy: Accuracy) -> list[str]:
    """Finest first. A significand of float16 is that of TF32."""
    return [f for f in ("float32", "tf32", "bfloat16") if FORMATS[f].unit > 4 * accuracy.unit]


def _judge_irregular(study: AxisStudy, accuracy: Accuracy) -> None:
    """No Gaussian: rounded taps of the right one, a few wrong ones, or another filter."""
    rows, a = study.rows, study.plan
    sigma = float(a.sigma)
    reaches = (rows.first, len(rows.taps)) == (-a.radius, 2 * a.radius + 1)
    if reaches and sigma:
        off = gaussian_but_for(rows.taps, rows.places, sigma, accuracy)
        if off and 2 * len(off) <= a.radius:
            places = ", ".join(map(str, off))
            study.fault("values", f"taps do not fit the others, a Gaussian's: those at {places}")
            return
        errors = rows.taps / a.taps.astype(np.float64) - 1
        worst = float(np.abs(errors).max())
        for name in _coarser_formats(accuracy):
            # Two roundings a tap, and one each of the sum and the quotient that normalise it.
            if worst <= 4 * FORMATS[name].unit:
                study.fault(
                    "precision",
                    f"taps are off by up to {worst:.2g} of themselves, as if rounded to "
                    f"{FORMATS[name].digits} binary digits ({_of_digits(name)})",
                )
                return
    study.fault(
        "sigma",
        f"{_shape(rows)}, of standard deviation {rows.deviation:.4g}; they should be a Gaussian of "
        f"sigma {sigma:.6g} and radius {a.radius}",
    )


def _of_digits(name: str) -> str:
    return "TF32 or float16" if name == "tf32" else name


def _shape(rows: Rows) -> str:
    """A filter in words."""
    taps = rows.taps
    count = len(taps)
    shown = ", ".join(f"{t:.4g}" for t in taps[:9].tolist()) + (", …" if count > 9 else "")
    if np.ptp(taps) <= 1e-3 * taps.max():
        return f"the {count} taps are equal, a box"
    second = np.diff(taps, 2)
    if count > 3 and np.sum(np.abs(second) > 1e-3 * taps.max()) == 1:
        return f"the {count} taps are a triangle"
    return f"the {count} taps {shown} are no Gaussian"


def _judge_borders(study: AxisStudy, accuracy: Accuracy, counts: Sequence[tuple[int, int]]) -> None:
    rows, a, places = study.rows, study.plan, study.places
    crossing = (a.centres < a.radius) | (a.centres > a.length - 1 - a.radius)
    within = places.centres[0] + rows.first >= 0 and (
        places.centres[-1] + rows.first + len(rows.taps) <= a.length
    )
    if within and crossing.any() and study.has_filter:
        if _reaches_beyond(study, counts):  # by chance not at this length: nothing can be told
            study.recovered["boundary"] = None
            return
        study.recovered["boundary"] = "valid"
        study.drop("phase")
        study.fault(
            "boundary",
            "there are no outputs whose footprint reaches beyond the ends (no padding, 'valid'); "
            f"the boundary is {a.boundary!r}",
        )
        return
    ends = read_borders(rows, places.centres, a.boundary, accuracy)
    both = [r for r in ends[0].rules if r in ends[1].rules]
    study.recovered["boundary"] = (
        a.boundary if a.boundary in both else both[0] if both else [e.rules[:1] for e in ends]
    )
    # Where centres follow no rule, those at the ends were guessed: one that is right is no fault.
    guessed = places.spacing is None and places.phase is None
    moved = [
        (i, c) for e in ends for i, c in e.moved
        if i < a.out_length and not (guessed and c == a.centres[i])
    ]  # fmt: skip
    if moved:
        shown = ", ".join(f"output {i} on {c}" for i, c in moved[:3])
        study.fault("phase", f"at the ends, centres are others: {shown}")
    if a.boundary in both:
        return
    if both:
        study.fault("boundary", f"the boundary is {_rule(both[0])}, not {a.boundary!r}")
        return
    words = "; ".join(_end(e, w, a.boundary) for e, w in zip(ends, ("first", "last"), strict=True))
    if study.blames("sigma") and not study.width.is_gaussian and not all(e.rules for e in ends):
        (k,) = [k for k, f in enumerate(study.faults) if f.code == "sigma"]
        study.faults[k] = AxisFault(
            "sigma", f"{study.faults[k].words}. Whether the boundary is wrong as well cannot be "
            f"told: {words}",
        )  # fmt: skip
        return
    study.fault("boundary", words)


def _reaches_beyond(study: AxisStudy, counts: Sequence[tuple[int, int]]) -> bool:
    """Whether any of so many outputs has a footprint that reaches beyond the last input."""
    spacing, rows = study.places.spacing, study.rows
    if spacing is None:
        return False
    end = study.places.centres[0] + rows.first + len(rows.taps)
    return any(end + spacing * (outputs - 1) > inputs for inputs, outputs in counts if outputs)


def _end(end: Border, where: str, expected: str) -> str:
    if expected in end.rules:
        return f"at the {where} end it is {expected!r} as it should be"
    if end.rules:
        return f"at the {where} end the boundary is {_rule(end.rules[0])}, not {expected!r}"
    return f"at the {where} end outputs follow no known rule, where {expected!r} is expected"


def _rule(rule: str) -> str:
    return f"{rule!r} ({OTHER_RULES[rule]})" if rule in OTHER_RULES else repr(rule)
