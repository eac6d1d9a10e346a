"""Faults of one axis: its stride and phase, its taps; and with those of its ends all of them."""

import math
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ...filters import radius_of
from ...plans import AxisPlan
from ..findings import counted
from ..numerics.formats import FORMATS
from .blackbox import AxisFault
from .end_faults import judge_ends, judge_short_axes, read_at
from .estimate import AxisReading, AxisStudy, expected_centres, read_axis
from .impulse_response import ImpulseRows, OtherLengths, read_step
from .tap_models import Accuracy, SigmaInterval, coarse_taps, gaussian_but_for, read_sigma

__all__ = ["study_axis"]

Values = NDArray[np.float64]

_FINE = 8.0
"""How many times as large as roundings of an answer errors of taps are that tell of a format."""

_NOISE = 2.0**-9
"""Of the largest tap: a half of what bytes show."""


_ROUGH = 4 * FORMATS["bfloat16"].unit
"""Relative errors of taps that are told as coarse: two roundings a tap, and one each of the sum and
the quotient that normalise it."""


def _judge_grid(reading: AxisReading, width: SigmaInterval) -> list[AxisFault]:
    """Judge stride and phase at one length; a Gaussian's centre may lie beside its taps' middle."""
    grid, a = reading.grid, reading.plan
    centre = width.centre if width.is_gaussian else 0.0
    if grid.phase is not None:
        phase = grid.phase + centre
        way, size = "after" if phase > 0 else "before", f"{abs(phase):.6g}"
        samples = f"{size} input sample{'s' * (size != '1')}"
        return [AxisFault("phase", f"every output is centred {samples} {way} its place")][
            : phase != 0
        ]
    if reading.steady and grid.spacing is not None and a.spacing is not None:
        words = f"centres are {grid.spacing:g} apart where the stride is {a.spacing}"
        start = float(grid.centres[0]) + centre
        shift = AxisFault("phase", f"the first output is centred on {start:g}, not 0")
        return [AxisFault("stride", words), *([shift] if start else [])]
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


def _compare_lengths(reading: AxisReading, other: AxisReading | None) -> str:
    """Say what outputs of another length do, if they do not go on as those of this one do."""
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


def _judge_taps(study: AxisStudy, accuracy: Accuracy, crossing: float = 1.0) -> list[AxisFault]:
    """Judge sigma and radius; or name coarse taps, or another filter.

    ``crossing`` is the expected tap of all other axes together on the line that was seen.
    """
    rows, a, width = study.reading.rows, study.plan, study.width
    step = read_step(rows.matrix)
    if step > 1:
        return [_dropped(study, step)]
    if not study.reading.steady:
        words = f"taps change from output to output, by up to {rows.varies:.3g}; they should be"
        return [AxisFault("sigma", f"{words} those of one Gaussian")]
    if len(rows.taps) == 1:
        words = f"there is no low-pass, where sigma is {float(a.sigma):.6g}: one tap alone"
        return [AxisFault("sigma", words)] if a.radius else []
    fits = width.is_gaussian and width.holds(float(a.sigma))
    known = "" if width.is_gaussian else _known_shape(rows, accuracy)
    if known:
        return [_other_filter(study, known)]
    coarse = _coarse(study, accuracy, crossing)
    if fits and (rows.first, len(rows.taps)) == (-a.radius, 2 * a.radius + 1):
        study.recovered["coarse_taps"] = coarse  # too finely to be a fault of the taps alone
        return []
    if coarse:
        return [AxisFault("precision", coarse)]
    if not width.is_gaussian:
        return _judge_irregular(study, accuracy)
    return [*([] if fits else [_wrong_sigma(study)]), *_judge_reach(study, fits)]


def _dropped(study: AxisStudy, step: int) -> AxisFault:
    """Name a filter that reads every second sample, or every fourth: of those that were left."""
    stride = study.reading.grid.spacing
    when = "blurred after the stride" if step == stride else f"blurred after a stride of {step}"
    return AxisFault(
        "sigma",
        f"{when}, not before: outputs read no samples but those {step} apart, so that what lies "
        "between is lost, and aliases",
    )


def _wrong_sigma(study: AxisStudy) -> AxisFault:
    width, a, taps = study.width, study.plan, study.reading.rows.taps
    radius, follows = study.recovered["radius"], ""
    if radius != a.radius and radius in _radii_for(width):
        follows = f", and so is the radius, {radius}"
    shown = f" {', '.join(f'{t:.4g}' for t in taps.tolist())}" if len(taps) <= 4 else ""
    words = f"taps{shown} are those of sigma {width.shortest}{follows}; sigma is"
    return AxisFault("sigma", f"{words} {float(a.sigma):.6g}")


def _judge_reach(study: AxisStudy, fits: bool) -> list[AxisFault]:
    """Judge a Gaussian's radius, which it has none of if the number of taps is even."""
    rows, radius, phase = study.reading.rows, study.plan.radius, study.reading.grid.phase
    lo, hi, many = rows.first, float(rows.offsets[-1]), len(rows.taps)
    if lo == -hi and hi % 1:
        words = f"the number of taps is even, {many}; there should be {2 * radius + 1}"
        if phase is None or abs(phase) != 0.5:
            return [AxisFault("radius", words)]
        way = "after" if phase == 0.5 else "before"
        words += f". So every output is centred half a sample {way} its place"
        return [AxisFault("radius", words, study.shift_codes)]
    if (lo, hi) == (-radius, radius) or (lo == -hi and not fits and hi in _radii_for(study.width)):
        return []  # right, or what follows from that sigma
    reach = f"{hi:g}" if lo == -hi else f"{lo:g} … {hi:g} about the centre"
    return [AxisFault("radius", f"taps reach {reach}; the radius is {radius}")]


def _radii_for(width: SigmaInterval) -> set[int]:
    """Return those that the sigmas of a width have: two, where rounding is on the edge."""
    return {radius_of(width.low), radius_of(width.high)}


def _coarse(study: AxisStudy, accuracy: Accuracy, crossing: float) -> str:
    """Say to what the expected taps have been rounded, if that explains those seen."""
    rows, a = study.reading.rows, study.plan
    first = int(rows.first) + a.radius
    taps = a.taps.astype(np.float64)
    expected = taps[max(first, 0) :][: len(rows.taps)]
    if rows.first % 1 or first < 0 or len(expected) < len(rows.taps):
        return ""
    off = float(np.abs(rows.taps / (expected / expected.sum()) - 1).max())
    if off <= _FINE * accuracy.steps:
        return ""
    limit = min(accuracy.ratio(0), off / 4)
    found = []
    for base, words in (
        (taps, "taps are those expected, rounded to {}"),
        (taps * crossing, "weights of the table are those expected, rounded to {}"),
        (taps / taps.max(), "exponentials are rounded to {} before they are normalised"),
    ):
        for name, coarse in coarse_taps(base):
            (kept,) = np.nonzero(coarse)
            if (kept[0] - a.radius, len(kept)) != (rows.first, len(rows.taps)):
                continue
            if len(kept) <= a.radius:  # so few that another filter is as likely
                continue
            errors = np.abs(rows.taps / (coarse[kept] / coarse.sum()) - 1)
            if errors.max() <= limit:
                found.append((float(errors.max()), words.format(name)))
    least = min((error for error, _ in found), default=0.0)
    return next((words for error, words in found if error <= least + accuracy.steps), "")


def _judge_irregular(study: AxisStudy, accuracy: Accuracy) -> list[AxisFault]:
    """Name taps of no Gaussian: the right ones rounded, a few wrong ones, or another filter."""
    rows, a = study.reading.rows, study.plan
    sigma = float(a.sigma)
    if sigma and (rows.first, len(rows.taps)) == (-a.radius, 2 * a.radius + 1):
        off = gaussian_but_for(rows.taps, rows.offsets, sigma, accuracy)
        if off and 2 * len(off) <= a.radius:
            words = "taps do not fit the others, a Gaussian's: those at"
            return [AxisFault("values", f"{words} {', '.join(map(str, off))}")]
        worst = float(np.abs(rows.taps / a.taps.astype(np.float64) - 1).max())
        if worst == 0:
            return []
        if worst <= _ROUGH and 16 * accuracy.unit < _ROUGH:
            digits = counted(int(1 - np.log2(worst)), "binary digit")
            words = f"taps are off by up to {worst:.2g} of themselves, as if computed to {digits}"
            return [AxisFault("precision", words)]
    # Taps that are more than the noise of a fit to integers may be some apart, too.
    large = np.flatnonzero(np.abs(rows.taps) > _NOISE * np.abs(rows.taps).max())
    step = int(np.gcd.reduce(np.diff(large))) if len(large) > 2 else 1
    if step > 1:
        return [_dropped(study, step)]
    return [_other_filter(study, _shape(rows))]


def _other_filter(study: AxisStudy, shape: str) -> AxisFault:
    """Say which filter stands where a Gaussian should."""
    rows, a = study.reading.rows, study.plan
    # Where some taps are negative, the squares about the mean need not be those of any width.
    wide = "" if np.any(rows.taps < 0) else f", of standard deviation {rows.deviation:.4g}"
    should = f"they should be a Gaussian of sigma {float(a.sigma):.6g} and radius {a.radius}"
    return AxisFault("sigma", f"{shape}{wide}; {should}")


def _known_shape(rows: ImpulseRows, accuracy: Accuracy) -> str:
    """Name running means one after the other, or a Gaussian's integrals over samples."""
    taps = rows.taps / rows.taps.sum()
    limit = accuracy.ratio(float(np.log(taps.max() / taps.min()))) if np.all(taps > 0) else 0.0
    for boxes in (3, 4):
        width, left_over = divmod(len(taps) - 1, boxes)
        if width and not left_over:
            model = reduce(np.convolve, [np.full(width + 1, 1 / (width + 1))] * boxes)
            if np.all(np.abs(taps / model - 1) <= limit):
                each = f"{boxes} boxes of {width + 1}, one after the other"
                return f"the {len(taps)} taps are those of {each}"
    radius = len(taps) // 2
    if len(taps) < 5 or rows.first != -radius or not limit:
        return ""
    sigma = _integrated_sigma(float(taps[radius + 1] / taps[radius]))
    model = _integrals(sigma, radius)
    if np.all(np.abs(taps / (model / model.sum()) - 1) <= 4 * limit):
        each = f"a Gaussian of sigma {sigma:.4g} integrated over the width of each sample"
        return f"the {len(taps)} taps are those of {each}"
    return ""


def _integrals(sigma: float, radius: int) -> Values:
    """Return the integrals of a Gaussian from half a sample before to half a sample after each."""
    edges = (np.arange(-radius, radius + 2) - 0.5) / (sigma * math.sqrt(2))
    return np.diff([math.erf(e) for e in edges])


def _integrated_sigma(ratio: float) -> float:
    """Return the sigma whose integrals over the first sample and the middle one have a ratio."""
    low, high = 0.05, 64.0
    for _ in range(60):
        sigma = math.sqrt(low * high)
        _, middle, first = _integrals(sigma, 1)
        low, high = (sigma, high) if first < ratio * middle else (low, sigma)
    return low


def _shape(rows: ImpulseRows) -> str:
    """Describe a filter."""
    taps = rows.taps
    count = len(taps)
    shown = ", ".join(f"{t:.4g}" for t in taps[:9].tolist()) + (", …" if count > 9 else "")
    if np.ptp(taps) <= 1e-3 * taps.max():
        return f"the {count} taps are equal, a box"
    second = np.diff(taps, 2)
    if count > 3 and np.sum(np.abs(second) > 1e-3 * taps.max()) == 1:
        return f"the {count} taps are a triangle"
    return f"the {count} taps {shown} are no Gaussian"


def study_axis(
    matrix: Values, a: AxisPlan, accuracy: Accuracy, others: OtherLengths | None = None,
    crossing: float = 1.0,
) -> AxisStudy | None:  # fmt: skip
    """Study all that the answers along one axis tell; None where no output is clear of the ends.

    ``matrix`` has shape (outputs, inputs). Without answers at other lengths, what one length leaves
    open stays so. ``crossing`` is the expected tap of all other axes together on the line that was
    seen.
    """
    first = read_axis(matrix, a, accuracy)
    if first is None:
        return None
    other = None if others is None else read_at(others, others.start, accuracy, first)
    # Where nothing is even, that which all axes have alike.
    reading = first if first.is_even or other is None else other
    against = other
    if others is not None and other is not None and reading is other and other.is_even:
        against = read_at(others, others.whole, accuracy, first)
    width = read_sigma(reading.rows.taps, reading.rows.offsets, accuracy)
    study = AxisStudy(first, other, reading, width, _compare_lengths(reading, against))
    _recover(study)
    if first.backwards:
        study.faults.append(AxisFault("flip", f"the {first.backwards} runs backwards"))
    study.faults += _judge_grid(reading, width)
    study.faults += _judge_taps(study, accuracy, crossing)
    for fault in judge_ends(study, others, accuracy):
        _add(study, fault, ". " if fault.code == "sigma" else "")
    if study.by_length:
        _add(study, AxisFault("phase", study.by_length), "; ")
    if others is not None and not study.faults:
        study.faults += judge_short_axes(study, others, accuracy)
    return study


def _add(study: AxisStudy, fault: AxisFault, joint: str) -> None:
    """Add a fault; with a joint, as a clause of the first one of its code if there is one."""
    codes = [f.code for f in study.faults]
    if not joint or fault.code not in codes:
        study.faults.append(fault)
        return
    first = study.faults[codes.index(fault.code)]
    longer = first._replace(words=f"{first.words}{joint}{fault.words}")
    study.faults[codes.index(fault.code)] = longer


def _recover(study: AxisStudy) -> None:
    rows, places, width = study.reading.rows, study.reading.grid, study.width
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
