"""What the page says: the verdict, and findings, suspicions, notes."""

import re
from collections.abc import Iterator, Sequence

from ..findings import CODES, Finding
from ..report import Report
from .markup import Markup, number, tag

__all__ = ["findings_section", "head", "remarks"]

_NAME = re.compile(r"(?<!\S)\*([^*]+)\*")
_LONGEST = 60_000
"""Letters of a snippet that is shown: a page is to stay small."""
_MARKS = {"bit-identical": "✓", "within-bound": "✓", "cannot-judge": "?", "fails": "✗"}


def head(report: Report) -> Markup:
    """The verdict, by which terms, and how near to the bound it was."""
    kind = "good" if report.passed else "bad" if report.grade == "fails" else "open"
    badge = tag(
        "p", tag("span", _MARKS[report.grade], aria_hidden="true", class_="sign"),
        f" {report.verdict}", class_=f"verdict {kind}",
    )  # fmt: skip
    worst = report.worst_in_words
    said = f"{report.calls} calls; {worst}."
    parts = [tag("h1", tag("code", report.name)), badge, tag("p", report.terms_in_words)]
    parts.append(tag("p", said, class_="of"))
    if report.passed:
        meter = tag("i", style=f"width:{100 * report.worst:.3g}%")
        ends = tag("span", "0", tag("span", "the bound"), class_="ends")
        parts.append(tag("div", tag("div", meter, class_="meter"), ends, aria_hidden="true"))
    if report.convention is not None:
        parts.append(tag("p", *_emphasised(report.convention), class_="convention"))
    return tag("header", *parts)


def _emphasised(text: str) -> Iterator[object]:
    """A name between asterisks as such; other asterisks multiply, as in ``floor(n*s)``."""
    for k, part in enumerate(_NAME.split(text)):
        yield tag("em", part) if k % 2 else part


def findings_section(findings: Sequence[Finding]) -> Markup:
    """A card for each, or nothing."""
    if not findings:
        return Markup()
    title = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    first: dict[str, int] = {}
    cards = [
        _card(k, finding, first.setdefault(finding.snippet, k))
        for k, finding in enumerate(findings, 1)
    ]
    return tag("section", tag("h2", title), *cards)


def _card(k: int, finding: Finding, example: int) -> Markup:
    """The ``k``-th finding, which has its example in common with another one, or with none."""
    parts = [
        tag(
            "h3", f"{number(k)}. ", tag("code", finding.code), " ",
            tag("span", CODES[finding.code], class_="of"),
        ),
        tag("p", finding.message),
    ]  # fmt: skip
    if example < k:
        parts.append(tag("p", f"The example of {example} shows this, too.", class_="example"))
        return tag("article", *parts)
    if finding.example:
        parts.append(tag("p", finding.example, class_="example"))
    if len(finding.snippet) > _LONGEST:
        words = f"The code that shows this has {len(finding.snippet):,} letters; --json writes it."
        parts.append(tag("p", words, class_="of"))
    elif finding.snippet:
        parts.append(tag("pre", tag("code", finding.snippet), tabindex="0"))
    return tag("article", *parts)


def remarks(report: Report) -> Iterator[Markup]:
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
