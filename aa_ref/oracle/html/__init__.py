"""A report as one page of HTML, which loads nothing and runs no script.

Here is the page, from its head to its foot: verdict, findings, filter, pictures, remarks.

===========  ==================================================================================
`charts`     the filter as the answers show it, beside the true one: taps and response, drawn
`images`     input, answer, truth and errors of one probe, as pictures with their scales
`markup`     elements, with everything escaped
===========  ==================================================================================

``style.css`` says how it looks on screens, light and dark, and on paper.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from ...dtypes import FLOATING
from ...plans import AxisPlan
from ..findings import CODES, Finding
from ..verdict import CheckResult, Evidence
from .charts import AxisTaps, response_chart, taps_along, taps_chart
from .images import picture_section
from .markup import Markup, number, page_text, tag

__all__ = ["page_of"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing may be loaded and no script may run, whatever a name or a message holds."""
_MARKS = {"bit-identical": "✓", "within-bound": "✓", "cannot-judge": "?", "fails": "✗"}
_LONGEST, _ALL_CODE = 60_000, 180_000
"""Bytes of a snippet that is shown, and of all of them: a page is to stay below a megabyte."""


def page_of(report: CheckResult) -> str:
    """Write a report as a page of HTML."""
    title = f"{report.name}: {report.verdict}"
    metas = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
    )
    parts = [_head(report), *_findings(report.findings)]
    if report.evidence is not None:
        parts += _filter(report, report.evidence)
        parts += _pictures(report.evidence)
    parts += [*_remarks(report), _foot()]
    style = tag("style", Markup(files(__package__).joinpath("style.css").read_text("utf-8")))
    head = tag("head", *metas, tag("title", title), style)
    page = tag("html", head, tag("body", tag("main", *parts)), lang="en")
    return f"<!doctype html>\n{page}\n"


def _head(report: CheckResult) -> Markup:
    """Say the verdict, by which terms, and how near to the bound it was."""
    kind = "good" if report.passed else "bad" if report.grade == "fails" else "open"
    badge = tag(
        "p", tag("span", _MARKS[report.grade], aria_hidden="true", class_="sign"),
        f" {report.verdict}", class_=f"verdict {kind}",
    )  # fmt: skip
    said = f"{report.calls} calls; {report.worst_in_words}."
    parts = [tag("h1", tag("code", report.name)), badge, tag("p", report.terms_in_words)]
    parts.append(tag("p", said, class_="of"))
    if report.passed:
        meter = tag("i", style=f"width:{100 * report.worst:.3g}%")
        ends = tag("span", "0", tag("span", "the bound"), class_="ends")
        parts.append(tag("div", tag("div", meter, class_="meter"), ends, aria_hidden="true"))
    if report.match is not None:
        name = report.match.convention.name
        before, found, after = report.match.words.partition(f"*{name}*")
        words = [before, tag("em", name) if found else "", after]
        parts.append(tag("p", *words, class_="convention"))
    return tag("header", *parts)


def _findings(findings: Sequence[Finding]) -> Iterator[Markup]:
    """A card for each, if there are any."""
    if not findings:
        return
    title = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    first: dict[str, int] = {}
    cards, left = [], _ALL_CODE
    for k, finding in enumerate(findings, 1):
        size = len(page_text(finding.snippet).encode())
        example, shown = first.setdefault(finding.snippet, k), size <= min(left, _LONGEST)
        cards.append(_card(k, finding, example, shown))
        left -= size * (shown and example == k)
    yield tag("section", tag("h2", title), *cards)


def _card(k: int, finding: Finding, example: int, shown: bool) -> Markup:
    """The ``k``-th finding, which may have the code of another one; whether there is room for it.

    ``example`` is the number of that other one, else ``k``.
    """
    about = tag("span", CODES[finding.code], class_="of")
    parts = [
        tag("h3", f"{number(k)}. ", tag("code", finding.code), " ", about),
        tag("p", finding.message),
    ]
    if example < k:
        parts.append(tag("p", f"The example of {example} shows this, too.", class_="example"))
        return tag("article", *parts)
    if finding.example:
        parts.append(tag("p", finding.example, class_="example"))
    if not shown:
        words = f"The code that shows this has {len(finding.snippet):,} letters; --json writes it."
        parts.append(tag("p", words, class_="of"))
    elif finding.snippet:
        parts.append(tag("pre", tag("code", finding.snippet), tabindex="0"))
    return tag("article", *parts)


def _filter(report: CheckResult, evidence: Evidence) -> Iterator[Markup]:
    """The filter along each axis, drawn and in numbers; its parameters where they were measured."""
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
        parts += [tag("h3", f"Along {axis.letter}"), charts, _numbers(axis)]
    if all(axis.diagnosed for axis in axes):
        codes = [finding.code for finding in report.findings]
        parts += [tag("h3", "Parameters"), _parameters(axes, report.recovered, codes)]
    yield tag("section", *parts)


def _about(axes: list[AxisTaps], dtype: str) -> str:
    """Say where the taps come from that are drawn."""
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
    """The key to the drawings."""
    drawn = [("ring", 5.5, "true", "true")]
    drawn += [("dot", 3.5, "seen", "recovered")] * any(axis.seen for axis in axes)
    marks = []
    for kind, radius, curve, word in drawn:
        line = tag("line", x1=0, x2=34, y1=8, y2=8, class_=f"curve {curve}")
        dot = tag("circle", cx=17, cy=8, r=radius, class_=kind)
        sample = tag("svg", line, dot, viewBox="0 0 34 16", aria_hidden="true")
        marks.append(tag("span", sample, " ", word))
    return tag("p", *marks, class_="key")


def _numbers(axis: AxisTaps) -> Markup:
    """The taps as a table, for those who cannot hover and those who copy."""
    rows = [
        tag("tr", tag("th", number(place), scope="row"), *(
            tag("td", "–" if taps.get(place) is None else number(taps[place], 9))
            for taps in (axis.true, axis.seen)
        ))
        for place in sorted({*axis.true, *axis.seen})
    ]  # fmt: skip
    table = _table(("place", "true", "recovered"), rows)
    return tag("details", tag("summary", f"The taps along {axis.letter}, in numbers"), table)


def _table(names: Iterable[str], rows: Iterable[Markup]) -> Markup:
    heads = (tag("th", name, scope="col") for name in names)
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows))


class _Parameter(NamedTuple):
    """A parameter of a filter, in words, and the code of the finding that it would be."""

    name: str
    expected: str
    found: str
    code: str


def _parameters(
    axes: Sequence[AxisTaps], recovered: Mapping[str, Any], codes: Sequence[str]
) -> Markup:
    """Tell what was measured beside what is expected, with marks on what the findings name."""
    told = [
        (axis.letter if k == 0 else "", parameter)
        for axis in axes
        for k, parameter in enumerate(_measured(axis.plan, recovered[axis.letter]))
    ]
    gain = recovered.get("gain")
    if isinstance(gain, float):
        told.append(
            ("all", _Parameter("sum of all weights", "1", number(gain, 8), "normalisation"))
        )
    rows = [
        tag(
            "tr", tag("th", which, scope="row") if which else tag("td"),
            tag("td", p.name), tag("td", p.expected),
            tag("td", tag("b", "≠ ", p.found), class_="wrong")
            if p.code in codes and p.found != p.expected else tag("td", p.found),
        )
        for which, p in told
    ]  # fmt: skip
    return tag("div", _table(("axis", "", "expected", "measured"), rows), class_="wide")


def _measured(a: AxisPlan, r: Mapping[str, Any]) -> Iterator[_Parameter]:
    """Each parameter of an axis."""
    by_slices = a.sampling == "slice"
    yield _Parameter(
        "outputs of n samples", f"ceil(n/{a.stride})" if by_slices else "floor(n*s)",
        str(r.get("size") or "no rule found"), "size",
    )  # fmt: skip
    spacing = "uneven" if a.spacing is None else number(a.spacing)
    yield _Parameter("distance of centres", spacing, _number(r["stride"], "uneven"), "stride")
    yield _Parameter("first centre seen", "0", _number(r["phase"], "none"), "phase")
    first, count = r["first_tap_at"], len(r["taps"])
    reach = f"{number(first)} … {number(first + count - 1)}"
    yield _Parameter("taps reach", f"{number(-a.radius)} … {a.radius}", reach, "radius")
    no_gaussian = f"no Gaussian; deviation {number(r['deviation'])}"
    yield _Parameter("sigma", number(float(a.sigma), 6), _number(r["sigma"], no_gaussian), "sigma")
    yield _Parameter("beyond the ends", a.boundary, _rule(r.get("boundary")), "boundary")
    if r["runs_backwards"]:
        yield _Parameter(
            "direction", "forwards", f"the {r['runs_backwards']} runs backwards", "flip"
        )


def _number(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else number(value, 6)


def _rule(boundary: Any) -> str:
    """One rule, or what was found at either end."""
    if boundary is None:
        return "not measured"
    if isinstance(boundary, str):
        return boundary
    ends = [rules[0] if rules else "no known rule" for rules in boundary]
    return " at the start, ".join(ends) + " at the end"


def _pictures(evidence: Evidence) -> Iterator[Markup]:
    """Errors over the image, where there is one to look at."""
    sections = []
    for case in evidence.pictures:
        title = "A picture" if case.probe.kind == "picture" else "The probe with the worst error"
        sections.append(picture_section(case, evidence.terms, title))
    if sections:
        words = (
            "An error is the answer minus the truth, as a share of the bound that any correct "
            "implementation keeps to there. Orange is too large, blue too small."
        )
        lead = tag("p", words, class_="of")
        yield tag("section", tag("h2", "Errors over the image"), lead, *sections)


def _remarks(report: CheckResult) -> Iterator[Markup]:
    """Suspicions and notes, if there are any; and what was asked."""
    about = (
        "Within the bound, but odd to a statistical second look. None of these fails a function."
    )
    for title, texts, words in (
        ("Suspicions", report.suspicions, about), ("Notes", report.notes, ""),
    ):  # fmt: skip
        if texts:
            items = (tag("li", text) for text in texts)
            lead = tag("p", words, class_="of") if words else ""
            yield tag("section", tag("h2", title), lead, tag("ul", *items))
    if report.scope is not None:
        parts = [tag("p", f"Asked: {report.scope.asked()}.")]
        parts.append(tag("p", f"Not asked: {report.scope.not_asked()}.", class_="of"))
        yield tag("section", tag("h2", "What was asked"), *parts)


def _foot() -> Markup:
    return tag(
        "footer",
        "Judged by the oracle of aa_ref: every element of every answer is held against the real "
        "result, correctly rounded, and a proven bound on the rounding errors of any correct "
        "implementation in that precision.",
    )
