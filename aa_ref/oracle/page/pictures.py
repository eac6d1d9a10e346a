"""One probe to look at: input, answer, truth, and the errors with their scale."""

import numpy as np
from numpy.typing import NDArray

from ..evidence import Case
from ..terms import Terms
from .colours import NO_ANSWER, ErrorScale, Grey, error_scale, grey_scale
from .markup import Markup, number, tag
from .planes import Planes, planes_of
from .png import data_uri

__all__ = ["picture_section"]

_SCALE = 256, 14
"""Width and height of a drawn scale."""


def picture_section(case: Case, terms: Terms, title: str) -> Markup:
    """All there is to see of a probe."""
    description = case.probe.description
    head = [tag("h3", title), tag("p", f"{description[0].upper()}{description[1:]}. ", class_="of")]
    planes = planes_of(case, terms)
    if planes is None:
        return tag("section", *head, tag("p", "The answer has nothing in it."))
    shape = _by(case.probe.x.shape)
    said = f"Of an input of shape {shape}, {terms.layout.name}"
    said += f"; the plane {planes.which}, which has the worst error." if planes.which else "."
    said += f" {planes.part}" if planes.part else ""
    given, results = grey_scale(planes.given), grey_scale(planes.true)
    scale = error_scale(planes.errors)
    pictures = [
        _grey("input", planes.given, given, planes),
        _grey("answer", planes.answer, results, planes),
        _grey("truth", planes.true, results, planes),
        _errors(planes, scale),
    ]
    return tag(
        "section", *head, tag("p", said),
        tag("div", *pictures, class_="pictures" if len(planes.letters) > 1 else "bands"),
        _worst_in_words(case), class_="probe",
    )  # fmt: skip


def _grey(name: str, values: NDArray[np.float64], scale: Grey, planes: Planes) -> Markup:
    words = [f"{_by(values.shape)} samples"]
    if name == "answer" and values.shape != planes.true.shape:
        words.append(f"where {_by(planes.true.shape)} are expected")
    words.append(f"black is {number(scale.low, 3)}, white {number(scale.high, 3)}")
    if not np.isfinite(values).all():
        words.append("pink is NaN or infinity")
    caption = tag("figcaption", tag("b", name), " ", tag("span", "; ".join(words), class_="of"))
    alternative = f"{name}: {words[0]}"
    return tag("figure", _pixels(scale.pixels(values), alternative, None), caption)


def _errors(planes: Planes, scale: ErrorScale) -> Markup:
    pixels = scale.pixels(planes.errors)
    pixels[planes.unanswered] = NO_ANSWER
    wrong = int((np.abs(planes.errors) > 1).sum())
    words = [f"{wrong:,} of {planes.errors.size:,} beyond the bound"]
    if planes.unanswered.any():
        words.append("grey where there is no answer")
    caption = tag(
        "figcaption", tag("b", "error / bound"), " ", tag("span", "; ".join(words), class_="of"),
        _legend(scale),
    )  # fmt: skip
    alternative = f"errors over their bounds: {words[0]}"
    return tag("figure", _pixels(pixels, alternative, planes.worst), caption)


def _pixels(pixels: NDArray[np.uint8], words: str, mark: tuple[int, int] | None) -> Markup:
    rows, columns, _ = pixels.shape
    # A signal is a single row, drawn as a band.
    height = rows if rows > 1 else columns / 24
    parts = [
        tag(
            "image", href=data_uri(pixels), width=columns, height=height,
            preserveAspectRatio="none",
        )
    ]  # fmt: skip
    if mark is not None:
        parts += [
            tag(
                "rect", x=mark[1], y=mark[0], width=1, height=height / rows, class_=f"mark {ring}",
            )
            for ring in ("outer", "inner")
        ]  # fmt: skip
    return tag(
        "svg", *parts, viewBox=f"0 0 {columns} {height:g}", role="img", aria_label=words,
        class_="pixels",
    )  # fmt: skip


def _legend(scale: ErrorScale) -> Markup:
    wide, high = _SCALE
    parts = [
        tag(
            "image", href=data_uri(scale.ramp(wide)), x=0, y=0, width=wide, height=high,
            preserveAspectRatio="none",
        )
    ]  # fmt: skip
    for place, text in scale.marks():
        x = (place + 1) / 2 * wide
        anchor = "end" if place == 1 else "start" if place == -1 else "middle"
        parts.append(tag("text", text, x=f"{x:g}", y=high + 13, class_=anchor))
    about = "logarithmic beyond the bound, " if scale.beyond else "linear, all within the bound, "
    return tag(
        "svg", *parts, viewBox=f"0 0 {wide} {high + 18}", role="img", class_="scale",
        aria_label=f"colours: {about}blue too small, orange too large",
    )  # fmt: skip


def _worst_in_words(case: Case) -> Markup:
    c = case.comparison
    if c.where is None or not c.worst:
        return tag("p", "There is no error at all.")
    place = ", ".join(map(str, c.where))
    return tag(
        "p", "The worst, framed: element [", place, "] is ", tag("b", number(c.got, 9)),
        ", expected ", tag("b", number(c.expected, 9)), f" to within {number(c.allowed, 3)}",
        "." if np.isinf(c.worst) else f", so the error is {number(c.worst, 3)} of its bound.",
    )  # fmt: skip


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
