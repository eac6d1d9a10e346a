"""What is wrong with the taps along one axis: no Gaussian, or that of another sigma or radius."""

import numpy as np

from ...filters import radius_of
from ..precisions import FORMATS
from .accuracy import Accuracy
from .axes import AxisStudy
from .rows import Rows, read_step
from .width import Width, gaussian_but_for

__all__ = ["judge_taps"]

_NOISE = 2.0**-9
"""Of the largest tap: a half of what bytes show."""


def judge_taps(study: AxisStudy, accuracy: Accuracy) -> None:
    """Sigma and radius; or coarse taps, or another filter."""
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
    if not width.is_gaussian:
        _judge_irregular(study, accuracy)
        return
    fits = width.holds(float(a.sigma))
    if not fits:
        _judge_sigma(study, accuracy)
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


def _judge_sigma(study: AxisStudy, accuracy: Accuracy) -> None:
    width, a = study.width, study.plan
    coarse = _coarser(study, accuracy)
    if coarse:
        study.fault("precision", f"taps are those expected, rounded to {coarse}")
        return
    radius, follows = study.recovered["radius"], ""
    if radius != a.radius and radius in _radii_for(width):
        follows = f", and so is the radius, {radius}"
    taps = study.telling.rows.taps
    shown = f" {', '.join(f'{t:.4g}' for t in taps.tolist())}" if len(taps) <= 4 else ""
    study.fault(
        "sigma",
        f"taps{shown} are those of sigma {width.sigma:.6g}{follows}; sigma is {float(a.sigma):.6g}",
    )


def _radii_for(width: Width) -> set[int]:
    """Those that the sigmas of a width have: two, where rounding is on the edge."""
    return {radius_of(width.low), radius_of(width.high)}


def _coarser(study: AxisStudy, accuracy: Accuracy) -> str:
    """The format to which the expected taps have been rounded, if that explains them."""
    rows, a = study.telling.rows, study.plan
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
    rows, a = study.telling.rows, study.plan
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
