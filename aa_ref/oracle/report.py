"""Reports: what a check has found, to be read by people and by programs."""

import json
import math
import os
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .evidence import Evidence
from .findings import Finding
from .scope import Scope

__all__ = ["SCHEMA", "Grade", "Report"]

SCHEMA = 1
"""The version of what `Report.to_json` writes."""

_WIDTH = 100

Grade = Literal["bit-identical", "within-bound", "cannot-judge", "fails"]

_VERDICTS = {
    "bit-identical": "passed, with the bits of the contract",
    "within-bound": "passed, within the bound",
    "cannot-judge": "not judged: this precision allows errors as large as the results",
    "fails": "FAILED",
}


@dataclass(frozen=True)
class Report:
    """The verdict on one implementation. ``print`` it; it is true where the implementation passed.

    Attributes
    ----------
    name : str
        Of the function.
    terms : dict
        What it was judged by: scale, layout, dtype, precision, …
    grade : {"bit-identical", "within-bound", "cannot-judge", "fails"}
        The same bits as the contract's in every element of every probe; else within the proven
        bound of the precision; else within it, where it is wider than the results on some probes
        and says nothing; else there are findings.
    worst : float
        The largest error over its bound; infinite where there should be no error at all.
    findings : tuple of Finding
        What is wrong.
    suspicions : tuple of str
        What is within the bound, but looks odd to a statistical second look.
    notes : tuple of str
        What else a reader should know.
    convention : str or None
        Of a function that fails: the known implementation that it behaves as, and what to do.
    recovered : dict
        Of a function that fails: what was measured of its filter along each axis, as
        `aa_ref.oracle.diagnosis.Diagnosis` tells.
    calls : int
        How often the functions were asked.
    scope : Scope or None
        How far the questions went.
    evidence : Evidence or None
        Answers to look at, for `to_html`.
    """

    name: str
    terms: dict[str, Any]
    terms_in_words: str
    grade: Grade
    worst: float
    findings: tuple[Finding, ...]
    suspicions: tuple[str, ...]
    notes: tuple[str, ...]
    convention: str | None
    recovered: dict[str, Any]
    calls: int
    scope: Scope | None = None
    evidence: Evidence | None = field(default=None, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether the implementation is a correct one, as far as the probes tell."""
        return self.grade in ("bit-identical", "within-bound")

    def __bool__(self) -> bool:
        return self.passed

    @property
    def verdict(self) -> str:
        """The grade in words."""
        return _VERDICTS[self.grade]

    @property
    def worst_in_words(self) -> str:
        """How far the worst error is from its bound."""
        if math.isinf(self.worst):
            return "some errors are where none is allowed"
        return f"the worst error is {self.worst:.3g} of its bound"

    def __str__(self) -> str:
        return "\n".join(self._lines(len(self.findings), None))

    def text(self, most: int) -> str:
        """Return the report for a terminal, in at most so many lines.

        What does not fit is left out, which the last line tells: the code of findings from the last
        one on, then suspicions and notes, then whatever is left.
        """
        for codes in range(len(self.findings), -1, -1):
            lines = self._lines(codes, None)
            if len(lines) <= most - 2 or (len(lines) <= most and codes == len(self.findings)):
                return "\n".join([*lines, *self._left_out(codes, None)])
        for texts in (2, 1, 0):
            lines = [*self._lines(0, texts), *self._left_out(0, texts)]
            if len(lines) <= most:
                return "\n".join(lines)
        return "\n".join([*lines[: most - 1], f"… and {len(lines) - most + 1} more lines"])

    def _lines(self, codes: int, texts: int | None) -> list[str]:
        """Return all lines, with code for so many findings, and so many suspicions and notes."""
        lines = [
            f"{self.name}: {self.verdict}",
            *_wrapped(self.terms_in_words, "  "),
            f"  {self.calls} calls; {self.worst_in_words}",
        ]
        if self.convention is not None:
            lines += _wrapped(self.convention, "  ")
        shown: dict[str, int] = {}
        for number, finding in enumerate(self.findings, 1):
            lines += ["", *_wrapped(f"{number}. {finding.code}: {finding.message}", "")]
            if shown.setdefault(finding.snippet, number) < number:
                lines.append(f"   the example of {shown[finding.snippet]} shows this, too")
                continue
            lines += _wrapped(finding.example, "   ")
            if number <= codes:
                lines += ["", *textwrap.indent(finding.snippet, " " * 7).splitlines()]
        for title, told in (("suspicion", self.suspicions), ("note", self.notes)):
            lines += [""] if told[:texts] else []
            for text in told[:texts]:
                lines += _wrapped(f"{title}: {text}", "")
        if self.scope is not None:
            lines += ["", *_wrapped(f"asked: {self.scope.asked()}", "")]
            lines += _wrapped(f"not asked: {self.scope.not_asked()}", "")
        return [line.rstrip() for line in lines]

    def _left_out(self, codes: int, texts: int | None) -> list[str]:
        """Tell what `_lines` leaves out, in a line after an empty one."""
        hidden = len(
            {f.snippet for f in self.findings} - {f.snippet for f in self.findings[:codes]}
        )
        parts = [f"the code of {hidden} finding{'s' if hidden > 1 else ''}"] if hidden else []
        for title, told in (("suspicions", self.suspicions), ("notes", self.notes)):
            if texts is not None and len(told) > texts:
                parts.append(f"{len(told) - texts} {title}")
        return ["", f"left out here: {', '.join(parts)}"] if parts else []

    def to_dict(self) -> dict[str, Any]:
        """All of it in dicts, lists, text and numbers; ``worst`` is None where it is infinite."""
        return {
            "schema": SCHEMA, "name": self.name, "terms": self.terms, "grade": self.grade,
            "passed": self.passed, "worst": self.worst if math.isfinite(self.worst) else None,
            "convention": self.convention, "findings": [f.to_dict() for f in self.findings],
            "recovered": _plain(self.recovered),
            "suspicions": list(self.suspicions), "notes": list(self.notes), "calls": self.calls,
            "scope": None if self.scope is None else self.scope.to_dict(),
        }  # fmt: skip

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as JSON, which is also written to ``path`` if one is given."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        if path is not None:
            Path(path).write_text(text, "utf-8")
        return text

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as one page of HTML that needs nothing else, also written to ``path``.

        With pictures: the filter as the answers show it beside the true one, its frequency
        response, the errors over a picture. No script, nothing loaded from elsewhere.
        """
        from .page import page_of

        text = page_of(self)
        if path is not None:
            Path(path).write_text(text, "utf-8")
        return text


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "   ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """What JSON knows: arrays as lists, numbers that are not finite as None."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
