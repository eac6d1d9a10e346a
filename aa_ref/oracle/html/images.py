"""One probe to look at: input, answer, truth, and the errors with their scale, as pictures."""

import math
import struct
import zlib
from base64 import b64encode
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan, Plan
from ..answers import Case
from ..findings import shape_in_words
from ..numerics.inputs import as_samples
from ..numerics.truth import near_truth, truth
from ..terms import MOST_EXACT, Terms
from .markup import Markup, number, tag

__all__ = [
    "NO_ANSWER", "NO_NUMBER", "ErrorScale", "Grey", "ShownPlane", "data_uri", "error_scale",
    "grey_scale", "picture_section", "shown_plane",
]  # fmt: skip

Values = NDArray[np.float64]
Pixels = NDArray[np.uint8]

_SCALE = 256, 14
"""Width and height of a drawn scale."""
_SIDE = 128
"""How many samples of a large plane are drawn along each side: a page is to stay small."""
NO_NUMBER = (204, 51, 153)
"""NaN and infinity."""
NO_ANSWER = (128, 128, 128)

_STOPS = np.array(
    [
        (5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (247, 247, 247),
        (253, 184, 99), (224, 130, 20), (179, 88, 6), (102, 42, 0),
    ],
    np.float64,
)  # fmt: skip
_WITHIN = 0.15
"""How much of a scale that goes beyond the bound is skipped, so that all beyond it shows."""


@dataclass(frozen=True)
class ShownPlane:
    """One probe, in two dimensions: (rows, columns), a single row for signals."""

    # the answer may have another shape than the truth, which is NaN or infinite where it must
    given: Values
    answer: Values
    true: Values
    errors: Values  # over their bounds, signed; of the truth's shape
    unanswered: NDArray[np.bool_]  # where there is no answer
    letters: str  # what rows and columns are
    worst: tuple[int, int] | None  # row and column of the worst error
    which: str  # which plane it is, if there are several
    part: str = ""  # which part of a large plane is drawn, and how; empty where all of it is


def shown_plane(case: Case, terms: Terms) -> ShownPlane | None:
    """The plane of the worst error; None where the answer has nothing in it."""
    x, y, c = case.probe.x, case.answer, case.comparison
    p = terms.plan(x.shape)
    shown = terms.layout.axes[-2:]
    at = c.where or (0,) * x.ndim
    there = {d: at[d] for d in range(x.ndim) if d not in shown}
    given = {d: _centre(p, d, i) for d, i in there.items()}
    if y.size == 0 or any(i >= y.shape[d] for d, i in there.items()):
        return None
    which = [f"{terms.layout.name[d]} = {i}" for d, i in there.items() if c.errors.shape[d] > 1]
    found, real = _plane(y, there), _plane(_truth(x, p), there)
    missing = np.ones(real.shape, bool)
    missing[tuple(slice(n) for n in found.shape)] = False
    row, column = (0, *(at[d] for d in shown))[-2:]
    plane = ShownPlane(
        _plane(x, given), found, real, _plane(c.errors, there), missing,
        "".join(terms.layout.name[d] for d in shown),
        (row, column) if c.worst else None,
        ", ".join(which),
    )  # fmt: skip
    axes = [a for d in shown for a in p.axes if a.axis == d]
    return _part_of(plane, axes, (row, column)) if plane.given.size > _SIDE**2 else plane


def _part_of(plane: ShownPlane, axes: list[AxisPlan], worst: tuple[int, int]) -> ShownPlane:
    """Cut out the outputs about the worst error, and inputs from the first one's centre on."""
    if len(axes) < 2:
        return plane  # a signal, whose one row is small enough
    outputs, inputs, words = [], [], []
    for a, place, letter in zip(axes, worst, plane.letters, strict=True):
        begin = max(min(place - _SIDE // 2, a.out_length - _SIDE), 0)
        end = min(begin + _SIDE, a.out_length)
        whole = end - begin == a.out_length
        first, last = (0, a.length - 1) if whole else a.centres[[begin, end - 1]].tolist()
        step = -(-(last + 1 - first) // _SIDE)
        outputs.append(slice(begin, end))
        inputs.append(slice(first, last + 1, step))
        words += [] if whole else [f"outputs {begin} to {end - 1} of {a.out_length} along {letter}"]
        words += [] if step == 1 else [f"1 of {step} inputs along {letter}"]
    there, rows = tuple(outputs), (outputs[0].start, outputs[1].start)
    mark = None if plane.worst is None else (worst[0] - rows[0], worst[1] - rows[1])
    return replace(
        plane, given=plane.given[tuple(inputs)], answer=plane.answer[there],
        true=plane.true[there], errors=plane.errors[there], unanswered=plane.unanswered[there],
        worst=mark, part=f"Drawn are {', '.join(words)}.",
    )  # fmt: skip


def _centre(p: Plan, dimension: int, output: int) -> int:
    """The input's index that belongs to an output's."""
    for a in p.axes:
        if a.axis == dimension:
            return int(a.centres[output])
    return output


def _truth(x: NDArray[np.generic], p: Plan) -> Values:
    """The truth; where NaN and infinity have a part in it, NaN."""
    finite = np.isfinite(x.astype(np.float64))
    if x.size > MOST_EXACT:
        return near_truth(as_samples(np.where(finite, x, x.dtype.type(0)), p, "forward"))[0]
    if finite.all():
        return truth(x, p)
    known, spoilt = x.copy(), np.zeros(x.shape, x.dtype)
    known[~finite], spoilt[~finite] = 0, 1
    return np.where(truth(spoilt, p) != 0, np.nan, truth(known, p))


def _plane(array: NDArray[np.generic], at: dict[int, int]) -> Values:
    plane = array[tuple(at.get(d, slice(None)) for d in range(array.ndim))].astype(np.float64)
    return plane if plane.ndim == 2 else plane[None]


@dataclass(frozen=True)
class Grey:
    """Greys from black at ``low`` to white at ``high``."""

    low: float
    high: float

    def pixels(self, values: Values) -> Pixels:
        """Of shape (rows, columns, 3)."""
        finite = np.isfinite(values)
        # Halves, so that a range of the largest numbers has a width.
        width = max(self.high / 2 - self.low / 2, 5e-324)
        share = (np.where(finite, values, 0.0) / 2 - self.low / 2) / width
        level = np.rint(255 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
        return np.where(finite[..., None], level[..., None], np.array(NO_NUMBER, np.uint8))


def grey_scale(values: Values) -> Grey:
    """From the least of some values to the greatest, and to 0 where they are all the same."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=math.inf)), float(finite.max(initial=-math.inf))
    if low > high:
        return Grey(0.0, 1.0)
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0)
    return Grey(low, high if high > low else 1.0)


@dataclass(frozen=True)
class ErrorScale:
    """Errors over their bounds to colours.

    Linear up to ``top``; but if that is beyond 1, all within the bound has the middle's colour and
    what is beyond is logarithmic.
    """

    top: float

    @property
    def beyond(self) -> bool:
        """Whether errors are beyond their bounds."""
        return self.top > 1

    def shares(self, errors: Values) -> Values:
        """Places on the scale, from -1 to 1."""
        if not self.beyond:
            return np.clip(errors / self.top, -1.0, 1.0)
        size = np.clip(np.abs(errors), 1.0, self.top)
        share = _WITHIN + (1 - _WITHIN) * np.log(size) / math.log(self.top)
        return np.where(np.abs(errors) > 1, np.sign(errors) * share, 0.0)

    def pixels(self, errors: Values) -> Pixels:
        """Of shape (rows, columns, 3)."""
        return _colours(self.shares(errors))

    def ramp(self, columns: int) -> Pixels:
        """The scale itself, from -1 to 1, as one row."""
        shares = np.linspace(-1.0, 1.0, columns)
        within = self.beyond & (np.abs(shares) < _WITHIN)
        return _colours(np.where(within, 0.0, shares))[None]

    def marks(self) -> list[tuple[float, str]]:
        """Places on the scale, from -1 to 1, and what to write there."""
        if not self.beyond:
            return [(-1.0, f"−{self.top:.2g}"), (0.0, "0"), (1.0, f"{self.top:.2g}")]
        ends = [(_WITHIN, "1"), (1.0, _power(self.top))]
        return [
            *((-place, f"−{text}") for place, text in reversed(ends)), *ends,
        ]  # fmt: skip


def error_scale(errors: Values) -> ErrorScale:
    """One for some errors; infinite ones have the colour of the greatest."""
    sizes = np.abs(errors[np.isfinite(errors)])
    top = float(sizes.max(initial=0.0))
    if np.isinf(errors).any() or top > 1:
        return ErrorScale(10.0 ** max(math.ceil(math.log10(max(top, 1.0))), 1))
    return ErrorScale(top or 1.0)


def _power(value: float) -> str:
    exponent = round(math.log10(value))
    raised = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return "10" if exponent == 1 else f"10{raised}"


def _colours(shares: Values) -> Pixels:
    at = (shares + 1) / 2 * (len(_STOPS) - 1)
    places = np.arange(len(_STOPS))
    bands = [np.interp(at, places, _STOPS[:, band]) for band in range(3)]
    return np.rint(np.stack(bands, -1)).astype(np.uint8)


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """``pixels`` of shape (height, width, 3)."""
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB, not interlaced
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)])  # no filter
    parts = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", header),
        _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
        _chunk(b"IEND", b""),
    ]
    return "data:image/png;base64," + b64encode(b"".join(parts)).decode()


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def picture_section(case: Case, terms: Terms, title: str) -> Markup:
    """All there is to see of a probe."""
    description = case.probe.description
    head = [tag("h3", title), tag("p", f"{description[0].upper()}{description[1:]}. ", class_="of")]
    plane = shown_plane(case, terms)
    if plane is None:
        return tag("section", *head, tag("p", "The answer has nothing in it."))
    shape = shape_in_words(case.probe.x.shape)
    said = f"Of an input of shape {shape}, {terms.layout.name}"
    said += f"; the plane {plane.which}, which has the worst error." if plane.which else "."
    said += f" {plane.part}" if plane.part else ""
    given, results = grey_scale(plane.given), grey_scale(plane.true)
    scale = error_scale(plane.errors)
    pictures = [
        _grey("input", plane.given, given, plane),
        _grey("answer", plane.answer, results, plane),
        _grey("truth", plane.true, results, plane),
        _errors(plane, scale),
    ]
    return tag(
        "section", *head, tag("p", said),
        tag("div", *pictures, class_="pictures" if len(plane.letters) > 1 else "bands"),
        _worst_in_words(case), class_="probe",
    )  # fmt: skip


def _grey(name: str, values: NDArray[np.float64], scale: Grey, plane: ShownPlane) -> Markup:
    words = [f"{shape_in_words(values.shape)} samples"]
    if name == "answer" and values.shape != plane.true.shape:
        words.append(f"where {shape_in_words(plane.true.shape)} are expected")
    words.append(f"black is {number(scale.low, 3)}, white {number(scale.high, 3)}")
    if not np.isfinite(values).all():
        words.append("pink is NaN or infinity")
    caption = tag("figcaption", tag("b", name), " ", tag("span", "; ".join(words), class_="of"))
    alternative = f"{name}: {words[0]}"
    return tag("figure", _pixels(scale.pixels(values), alternative, None), caption)


def _errors(plane: ShownPlane, scale: ErrorScale) -> Markup:
    pixels = scale.pixels(plane.errors)
    pixels[plane.unanswered] = NO_ANSWER
    wrong = int((np.abs(plane.errors) > 1).sum())
    words = [f"{wrong:,} of {plane.errors.size:,} beyond the bound"]
    if plane.unanswered.any():
        words.append("grey where there is no answer")
    caption = tag(
        "figcaption", tag("b", "error / bound"), " ", tag("span", "; ".join(words), class_="of"),
        _legend(scale),
    )  # fmt: skip
    alternative = f"errors over their bounds: {words[0]}"
    return tag("figure", _pixels(pixels, alternative, plane.worst), caption)


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
