"""What is wrong with the taps along one axis: no Gaussian, or that of another sigma or radius."""

import numpy as np

from ...filters import radius_of
from ..precisions import FORMATS
from .accuracy import Accuracy
from .axes import AxisStudy
from .rows import Rows, read_step
from .tap_formats import coarse_taps
from .width import Width, gaussian_but_for
from .words import counted

__all__ = ["judge_taps"]

_FINE = 8.0
"""How many times as large as roundings of an answer errors of taps are that tell of a format."""

_NOISE = 2.0**-9
"""Of the largest tap: a half of what bytes show."""


_ROUGH = 4 * FORMATS["bfloat16"].unit
"""Relative errors of taps that are told as coarse: two roundings a tap, and one each of the sum and
the quotient that normalise it."""


def judge_taps(study: AxisStudy, accuracy: Accuracy, crossing: float = 1.0) -> None:
    """Judge sigma and radius; or name coarse taps, or another filter.

    ``crossing`` is the expected tap of all other axes together on the line that was seen.
    """
    rows, a, width = study.telling.rows, study.plan, study.width
    step = read_step(rows.matrix)
    if step > 1:
        _judge_dropped(study, step)
        return
    if not study.telling.steady:
        study.fault(
            "sigma",
            f"taps change from output to output, by up to {rows.varies:.3g}; they should be those "
            "of one Gaussian",
        )
        return
    if len(rows.taps) == 1:
        if a.radius:
            words = f"there is no low-pass, where sigma is {float(a.sigma):.6g}: one tap alone"
            study.fault("sigma", words)
        return
    fits = width.is_gaussian and width.holds(float(a.sigma))
    coarse = _coarse(study, accuracy, crossing)
    if fits and (rows.first, len(rows.taps)) == (-a.radius, 2 * a.radius + 1):
        study.recovered["coarse_taps"] = coarse  # too finely to be a fault of the taps alone
        return
    if coarse:
        study.fault("precision", coarse)
        return
    if not width.is_gaussian:
        _judge_irregular(study, accuracy)
        return
    if not fits:
        _judge_sigma(study)
    _judge_reach(study, fits)


def _judge_dropped(study: AxisStudy, step: int) -> None:
    """A filter that reads every second sample, or every fourth: of those that were left."""
    stride = study.telling.places.spacing
    when = "blurred after the stride" if step == stride else f"blurred after a stride of {step}"
    study.fault(
        "sigma",
        f"{when}, not before: outputs read no samples but those {step} apart, so that what lies "
        "between is lost, and aliases",
    )


def _nearly_read_step(rows: Rows) -> int:
    """The distance of all taps that are more than the noise of a fit to integers."""
    large = np.flatnonzero(np.abs(rows.taps) > _NOISE * np.abs(rows.taps).max())
    return int(np.gcd.reduce(np.diff(large))) if len(large) > 2 else 1


def _judge_reach(study: AxisStudy, fits: bool) -> None:
    """Of a Gaussian: the radius, or that there is none, since the number of taps is even."""
    rows, radius = study.telling.rows, study.plan.radius
    lo, hi, many = rows.first, float(rows.places[-1]), len(rows.taps)
    if lo == -hi and hi % 1:
        words = f"the number of taps is even, {many}; there should be {2 * radius + 1}"
        if abs(study.telling.places.phase or 0.0) == 0.5:
            way = "after" if study.telling.places.phase == 0.5 else "before"
            words += f". So every output is centred half a sample {way} its place"
            study.drop("phase")
        study.fault("radius", words)
        return
    if (lo, hi) == (-radius, radius) or (lo == -hi and not fits and hi in _radii_for(study.width)):
        return  # right, or what follows from that sigma
    reach = f"{hi:g}" if lo == -hi else f"{lo:g} … {hi:g} about the centre"
    study.fault("radius", f"taps reach {reach}; the radius is {radius}")


def _judge_sigma(study: AxisStudy) -> None:
    width, a = study.width, study.plan
    radius, follows = study.recovered["radius"], ""
    if radius != a.radius and radius in _radii_for(width):
        follows = f", and so is the radius, {radius}"
    taps = study.telling.rows.taps
    shown = f" {', '.join(f'{t:.4g}' for t in taps.tolist())}" if len(taps) <= 4 else ""
    study.fault(
        "sigma",
        f"taps{shown} are those of sigma {width.shortest}{follows}; sigma is {float(a.sigma):.6g}",
    )


def _radii_for(width: Width) -> set[int]:
    """Those that the sigmas of a width have: two, where rounding is on the edge."""
    return {radius_of(width.low), radius_of(width.high)}


def _coarse(study: AxisStudy, accuracy: Accuracy, crossing: float) -> str:
    """Say to what the expected taps have been rounded, if that explains those seen."""
    rows, a = study.telling.rows, study.plan
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


def _judge_irregular(study: AxisStudy, accuracy: Accuracy) -> None:
    """No Gaussian: rounded taps of the right one, a few wrong ones, or another filter."""
    rows, a = study.telling.rows, study.plan
    sigma = float(a.sigma)
    reaches = (rows.first, len(rows.taps)) == (-a.radius, 2 * a.radius + 1)
    if reaches and sigma:
        off = gaussian_but_for(rows.taps, rows.places, sigma, accuracy)
        if off and 2 * len(off) <= a.radius:
            places = ", ".join(map(str, off))
            study.fault("values", f"taps do not fit the others, a Gaussian's: those at {places}")
            return
        worst = float(np.abs(rows.taps / a.taps.astype(np.float64) - 1).max())
        if worst == 0:
            return
        if worst <= _ROUGH and 16 * accuracy.unit < _ROUGH:
            digits = counted(int(1 - np.log2(worst)), "binary digit")
            study.fault(
                "precision",
                f"taps are off by up to {worst:.2g} of themselves, as if computed to {digits}",
            )
            return
    step = _nearly_read_step(rows)
    if step > 1:
        _judge_dropped(study, step)
        return
    # Where some are negative, the squares about the mean need not be those of any width.
    wide = "" if np.any(rows.taps < 0) else f", of standard deviation {rows.deviation:.4g}"
    study.fault(
        "sigma",
        f"{_shape(rows)}{wide}; they should be a Gaussian of sigma {sigma:.6g} and radius "
        f"{a.radius}",
    )


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
