"""The page, from its head to its foot."""

from collections.abc import Iterator

from ...dtypes import FLOATING
from ..evidence import Evidence
from ..report import Report
from .charts import response_chart, taps_chart
from .markup import Markup, number, tag
from .measured import AxisTaps, taps_along
from .parameters import parameters_table
from .pictures import picture_section
from .style import STYLE
from .words import findings_section, head, remarks

__all__ = ["page_of"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing may be loaded and no script may run, whatever a name or a message holds."""


def page_of(report: Report) -> str:
    """A report as HTML."""
    title = f"{report.name}: {report.verdict}"
    metas = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
    )
    parts = [head(report), findings_section(report.findings)]
    if report.evidence is not None:
        parts += _filter(report, report.evidence)
        parts += _pictures(report.evidence)
    parts += remarks(report)
    parts.append(_foot())
    body = tag("body", tag("main", *parts))
    page = tag("html", tag("head", *metas, tag("title", title), STYLE), body, lang="en")
    return f"<!doctype html>\n{page}\n"


def _filter(report: Report, evidence: Evidence) -> Iterator[Markup]:
    axes = list(taps_along(evidence, report.recovered))
    if not axes:
        return
    parts = [
        tag("h2", "The filter"),
        tag("p", _about(axes, evidence.terms.dtype), class_="of"),
        _key(axes),
    ]
    for axis in axes:
        charts = tag("div", taps_chart(axis), response_chart(axis), class_="charts")
        parts.append(tag("h3", f"Along {axis.letter}"))
        parts += [charts, _numbers(axis)]
    if all(axis.diagnosed for axis in axes):
        codes = [finding.code for finding in report.findings]
        parts.append(tag("h3", "Parameters"))
        parts.append(parameters_table(axes, report.recovered, codes))
    yield tag("section", *parts)


def _about(axes: list[AxisTaps], dtype: str) -> str:
    if all(axis.diagnosed for axis in axes):
        return (
            "Recovered from answers to impulses, of an output clear of the ends, about its own "
            "centre; the taps of an axis are scaled to sum to 1."
        )
    if any(axis.seen for axis in axes):
        words = "Recovered from answers to impulses, about the centres that outputs should have. "
        if dtype not in FLOATING:
            return words + (
                "Results are whole numbers, so taps are seen in coarse steps; what that does to "
                "the response is no fault of the function."
            )
        return words + "A tap is seen as exactly as results are rounded."
    return "No answer to an impulse tells what the filter is; this is what it should be."


def _key(axes: list[AxisTaps]) -> Markup:
    drawn = [("ring", "true")] + [("dot", "recovered")] * any(axis.seen for axis in axes)
    marks = []
    for kind, word in drawn:
        line = tag("line", x1=0, x2=34, y1=8, y2=8, class_="curve " + _CURVES[kind])
        dot = tag("circle", cx=17, cy=8, r=5.5 if kind == "ring" else 3.5, class_=kind)
        sample = tag("svg", line, dot, viewBox="0 0 34 16", aria_hidden="true")
        marks.append(tag("span", sample, " ", word))
    return tag("p", *marks, class_="key")


_CURVES = {"ring": "true", "dot": "seen"}


def _numbers(axis: AxisTaps) -> Markup:
    """The taps as a table, for those who cannot hover and those who copy."""
    rows = [
        tag(
            "tr", tag("th", number(place), scope="row"), tag("td", _tap(axis.true.get(place))),
            tag("td", _tap(axis.seen.get(place))),
        )
        for place in sorted({*axis.true, *axis.seen})
    ]  # fmt: skip
    heads = (tag("th", name, scope="col") for name in ("place", "true", "recovered"))
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    return tag("details", tag("summary", f"The taps along {axis.letter}, in numbers"), table)


def _tap(value: float | None) -> str:
    return "–" if value is None else number(value, 9)


def _pictures(evidence: Evidence) -> Iterator[Markup]:
    sections = []
    for case in evidence.pictures:
        title = "A picture" if case.probe.kind == "picture" else "The probe with the worst error"
        sections.append(picture_section(case, evidence.terms, title))
    if sections:
        words = (
            "An error is the answer minus the truth, as a share of the bound that any correct "
            "implementation keeps to there. Orange is too large, blue too small."
        )
        yield tag(
            "section", tag("h2", "Errors over the image"), tag("p", words, class_="of"), *sections
        )


def _foot() -> Markup:
    return tag(
        "footer",
        "Judged by the oracle of aa_ref: every element of every answer is held against the real "
        "result, correctly rounded, and a proven bound on the rounding errors of any correct "
        "implementation in that precision.",
    )
