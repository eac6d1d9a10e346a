"""The filter along each axis, as the answers show it: its taps, and what it does to frequencies."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...filters import taps_of
from ...plans import AxisPlan, plan
from ..answers import Case
from ..numerics.truth import truth
from ..verdict import Evidence
from .markup import Markup, number, tag

__all__ = ["AxisTaps", "response", "response_chart", "taps_along", "taps_chart"]

Values = NDArray[np.float64]

_WIDTH, _HEIGHT = 440.0, 300.0
_LEFT, _RIGHT = 62.0, 428.0
_MOST = 301
"""Taps that are drawn; of more, every second, third, …"""
_FLOOR = -100.0
"""The lowest decibels that are drawn, if there are such."""
_HUGE = 1e100
"""Answers from here on, and those that are no numbers, are no taps that could be drawn."""


@dataclass(frozen=True)
class AxisTaps:
    """One axis."""

    letter: str
    plan: AxisPlan  # for some length
    # from places, counted from the centre, to the real taps rounded to binary64
    true: Mapping[float, float]
    # from places to what the answers show; places lie between samples where outputs do. Empty if
    # they show nothing.
    seen: Mapping[float, float]
    # whether `seen` was recovered by a diagnosis: then it sums to 1, and is counted from the centre
    # that it has itself. Otherwise it is counted from where the centre should be.
    diagnosed: bool

    @property
    def complete(self) -> bool:
        """Whether all taps are known that are not 0: a diagnosis tells all."""
        return bool(self.seen) and (self.diagnosed or self.true.keys() <= self.seen.keys())

    def difference(self, place: float) -> float | None:
        """What is seen minus what is true; None where there is nothing to compare."""
        if place not in self.seen and not (self.seen and self.diagnosed):
            return None
        return self.seen.get(place, 0.0) - self.true.get(place, 0.0)


def taps_along(evidence: Evidence, recovered: Mapping[str, Any]) -> Iterator[AxisTaps]:
    """For each axis that is filtered."""
    terms = evidence.terms
    some = terms.plan((1 << 16,) * len(terms.layout.name))
    for k, a in enumerate(some.axes):
        if not a.has_pass:
            continue
        letter = terms.layout.name[a.axis]
        taps = taps_of(a.sigma, np.dtype(np.float64)).tolist()
        true = dict(zip(map(float, range(-a.radius, a.radius + 1)), taps, strict=True))
        diagnosed = recovered.get(letter) or {}
        if diagnosed.get("taps"):
            first = diagnosed["first_tap_at"]
            seen = {first + i: float(t) for i, t in enumerate(diagnosed["taps"])}
        else:
            seen = _seen_by_impulses(evidence, k, true)
        yield AxisTaps(letter, a, true, seen, bool(diagnosed.get("taps")))


def _seen_by_impulses(
    evidence: Evidence, k: int, true: Mapping[float, float]
) -> dict[float, float]:
    """Of every place the value furthest from the truth, if several probes tell."""
    seen: dict[float, float] = {}
    for case in evidence.impulses:
        for place, value in _answers_along(evidence, case, k):
            wanted = true.get(place, 0.0)
            if abs(value - wanted) >= abs(seen.get(place, wanted) - wanted):
                seen[place] = value
    held = [abs(place) for place, value in seen.items() if value != 0]
    reach = max([*true, *held], default=0.0)
    return {place: seen[place] for place in sorted(seen) if abs(place) <= reach}


def _answers_along(evidence: Evidence, case: Case, k: int) -> Iterator[tuple[float, float]]:
    """Places and taps, from one impulse at the start of all other axes.

    What the other axes do to it is divided away; neither end of this axis has a part in it.
    """
    x, y = case.probe.x.astype(np.float64), case.answer.astype(np.float64)
    p = evidence.terms.plan(x.shape)
    axes = [a.axis for a in p.axes]
    lead = tuple(slice(None) if d in axes else 0 for d in range(x.ndim))
    where = [int(w) for w in np.argwhere(x[lead])[0]]
    amid, a = where.pop(k), p.axes[k]
    if any(where) or y.shape != p.out_shape:
        return
    line = y[tuple(slice(None) if d == axes[k] else 0 for d in range(x.ndim))]
    others = math.prod(_first_to_first(b) for b in p.axes if b is not a)
    inside = range(a.radius, a.length - a.radius)
    for centre, value in zip(a.centres.tolist(), line.tolist(), strict=True):
        # A footprint across an end may read a sample near it twice.
        clear = centre in inside or a.radius < amid < a.length - 1 - a.radius
        if clear and abs(value) < _HUGE:
            yield float(amid - centre), value / (float(x.max()) * others)


def _first_to_first(a: AxisPlan) -> float:
    """What the first output along an axis reads of the first sample."""
    if not a.has_pass:
        return 1.0
    x = np.zeros(a.length)
    x[0] = 1.0
    p = plan(
        x.shape, a.scale, input_dtype="float64", axes=-1, sigma=a.sigma, boundary=a.boundary,
        sampling=a.sampling,
    )  # fmt: skip
    return float(truth(x, p)[0])


@dataclass(frozen=True)
class _Panel:
    """A rectangle of the drawing, and the numbers that it spans."""

    top: float
    bottom: float
    low: float
    high: float
    first: float
    last: float

    def x(self, value: float) -> float:
        """From a number to a place across."""
        share = (value - self.first) / (self.last - self.first)
        return round(_LEFT + (_RIGHT - _LEFT) * share, 2)

    def y(self, value: float) -> float:
        """From a number to a place down; what is outside lies on the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.bottom - (self.bottom - self.top) * share, 2)

    def across(self, ticks: Iterable[tuple[float, str]], title: str) -> Iterator[Markup]:
        """Words below."""
        for value, text in ticks:
            x = self.x(value)
            yield _line(x, x, self.bottom, self.bottom + 4, "axis")
            yield tag("text", text, x=x, y=self.bottom + 16, class_="middle")
        yield tag("text", title, x=(_LEFT + _RIGHT) / 2, y=self.bottom + 32, class_="middle title")

    def upwards(self, ticks: Iterable[tuple[float, str]]) -> Iterator[Markup]:
        """Words and lines from the left."""
        for value, text in ticks:
            y = self.y(value)
            yield _line(_LEFT, _RIGHT, y, y, "grid")
            yield tag("text", text, x=_LEFT - 7, y=y + 4, class_="end")

    def hovering(
        self, words: Mapping[float, list[str]], width: float, bottom: float
    ) -> Iterator[Markup]:
        """Lines of text that show where a pointer rests, down to some place."""
        for value, lines in words.items():
            yield tag(
                "rect", tag("title", "\n".join(lines)), x=round(self.x(value) - width / 2, 2),
                y=self.top, width=round(width, 2), height=bottom - self.top, class_="hover",
            )  # fmt: skip


def taps_chart(axis: AxisTaps) -> Markup:
    """Taps against their places; below, how much they differ."""
    places = sorted({*axis.true, *axis.seen})
    places = places[:: -(-len(places) // _MOST)]
    values = [*axis.true.values(), *axis.seen.values(), 0.0]
    low, high = _padded(min(values), max(values))
    first, last = min(places) - 0.7, max(places) + 0.7
    comparable = bool(axis.seen) and all(p == int(p) for p in axis.seen)
    panel = _Panel(12, 168 if comparable else _HEIGHT - 40, low, high, first, last)
    parts = [
        *panel.upwards((v, number(v)) for v in _ticks(low, high, 5)),
        _line(_LEFT, _RIGHT, panel.y(0), panel.y(0), "axis"),
        *_stems(panel, places, axis.true, "true"),
        *_stems(panel, places, axis.seen, "seen"),
    ]
    title = f"place along {axis.letter}, in samples from the centre"
    lowest = panel
    if comparable:
        lowest = _differences(axis, places, parts, first, last)
    marks = [(v, number(v)) for v in _ticks(first, last, 9) if v == int(v)]
    parts += lowest.across(marks, title)
    words = {place: _words_of(axis, place) for place in places}
    parts += panel.hovering(words, panel.x(1) - panel.x(0), lowest.bottom)
    return _drawing(f"Taps along {axis.letter}, true and recovered", parts)


def _differences(
    axis: AxisTaps, places: list[float], parts: list[Markup], first: float, last: float
) -> _Panel:
    away = {p: d for p in places if (d := axis.difference(p)) is not None}
    most = max(map(abs, away.values()), default=0.0) or 1.0
    panel = _Panel(196, _HEIGHT - 40, -1.15 * most, 1.15 * most, first, last)
    parts += panel.upwards([(most, f"+{number(most, 2)}"), (0.0, "0"), (-most, number(-most, 2))])
    parts.append(tag("text", "recovered − true", x=_RIGHT, y=panel.top - 5, class_="end title"))
    parts.append(_line(_LEFT, _RIGHT, panel.y(0), panel.y(0), "axis"))
    for place, value in away.items():
        if value:
            parts.append(_line(panel.x(place), panel.x(place), panel.y(0), panel.y(value), "away"))
    return panel


def _stems(
    panel: _Panel, places: list[float], taps: Mapping[float, float], kind: str
) -> Iterator[Markup]:
    size = min(4.5, max(1.5, 0.3 * (panel.x(1) - panel.x(0))))
    for place in places:
        if place not in taps:
            continue
        x, y = panel.x(place), panel.y(taps[place])
        if kind == "true":  # a bar with a ring; the recovered one is a dot inside
            yield _line(x, x, panel.y(0), y, "stem")
            yield tag("circle", cx=x, cy=y, r=round(1.4 * size, 2), class_="ring")
        else:
            yield tag("circle", cx=x, cy=y, r=round(0.75 * size, 2), class_="dot")


def _words_of(axis: AxisTaps, place: float) -> list[str]:
    true, seen = axis.true.get(place), axis.seen.get(place)
    lines = [f"{number(place)} from the centre"]
    lines.append("true: none" if true is None else f"true: {number(true, 9)}")
    if axis.seen:
        otherwise = "none" if axis.diagnosed else "not seen"
        lines.append(f"recovered: {otherwise if seen is None else number(seen, 9)}")
    difference = axis.difference(place)
    if difference is not None:
        lines.append(f"difference: {number(difference, 3)}")
    return lines


def response(taps: Mapping[float, float], frequencies: Values) -> Values:
    """The magnitude of a filter's frequency response, in decibels; minus infinity for 0.

    ``sum t exp(-2 pi i f place)`` at frequencies in cycles per input sample.
    """
    places, values = np.array([*taps]), np.array([*taps.values()])
    turns = np.exp(-2j * np.pi * np.outer(frequencies, places))
    with np.errstate(divide="ignore"):
        decibels: Values = 20 * np.log10(np.abs(turns @ values))
    return decibels


def response_chart(axis: AxisTaps) -> Markup:
    """What the filter leaves of each frequency, and from where on frequencies fold back."""
    spacing = axis.plan.spacing or 1 / float(axis.plan.scale)
    nyquist = 0.5 / spacing
    frequencies = np.linspace(0.0, 0.5, 361)
    curves = {"true": response(axis.true, frequencies)}
    if axis.complete:
        curves["recovered"] = response(axis.seen, frequencies)
    highest = max(decibels.max() for decibels in curves.values())
    lowest = min(decibels.min() for decibels in curves.values())
    top = max(10.0, 10 * math.ceil((highest + 1) / 10))
    floor = max(_FLOOR, 20 * math.floor((max(lowest, _FLOOR) - 1) / 20))
    panel = _Panel(12, _HEIGHT - 40, floor, top, 0.0, 0.5)
    edge = panel.x(nyquist)
    parts = [
        tag(
            "rect", x=edge, y=panel.top, width=round(_RIGHT - edge, 2),
            height=panel.bottom - panel.top, class_="folded",
        ),
        *panel.upwards((v, number(v)) for v in range(int(floor), int(top) + 1, 20)),
        _line(_LEFT, _RIGHT, panel.bottom, panel.bottom, "axis"),
        _line(edge, edge, panel.top, panel.bottom, "nyquist"),
        *(_curve(panel, frequencies, decibels, name) for name, decibels in curves.items()),
    ]  # fmt: skip
    right = nyquist < 0.3
    words = f"Nyquist of stride {number(spacing)}: {number(nyquist)}"
    parts.append(
        tag(
            "text", words, x=edge + (6 if right else -6), y=panel.top + 12,
            class_="title" if right else "title end",
        )
    )  # fmt: skip
    if right:
        parts.append(tag("text", "folds back: aliases", x=edge + 6, y=panel.top + 27))
    parts.append(tag("text", "dB", x=_LEFT - 7, y=panel.bottom + 16, class_="end title"))
    marks = [(v / 10, number(v / 10)) for v in range(6)]
    parts += panel.across(marks, f"frequency along {axis.letter}, in cycles per input sample")
    hints = {
        float(frequencies[k]): [
            f"{number(frequencies[k])} cycles per sample",
            *(f"{name}: {_decibels(decibels[k])}" for name, decibels in curves.items()),
        ]
        for k in range(0, len(frequencies), 6)
    }
    parts += panel.hovering(hints, panel.x(frequencies[6]) - panel.x(0), panel.bottom)
    return _drawing(f"Frequency response along {axis.letter}, true and recovered", parts)


def _curve(panel: _Panel, frequencies: Values, decibels: Values, name: str) -> Markup:
    points = " ".join(
        f"{panel.x(f)},{panel.y(d)}"
        for f, d in zip(frequencies.tolist(), decibels.tolist(), strict=True)
    )
    return tag("polyline", points=points, class_="curve true" if name == "true" else "curve seen")


def _decibels(value: float) -> str:
    return "nothing" if value < -300 else f"{number(value, 5)} dB"


def _line(x1: float, x2: float, y1: float, y2: float, kind: str) -> Markup:
    return tag("line", x1=x1, x2=x2, y1=y1, y2=y2, class_=kind)


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = 0.06 * ((high - low) or 1.0)
    return low - margin if low < 0 else 0.0, high + margin


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers between two, some ``about``."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _drawing(title: str, parts: Iterable[Markup]) -> Markup:
    return tag(
        "svg", *parts, viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}", role="img", aria_label=title,
        class_="chart",
    )  # fmt: skip
