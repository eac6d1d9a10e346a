"""Reports: what a check has found, to be read by people and by programs."""

import json
import math
import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .html import page_of
from .terms import plain
from .verdict import CheckResult

__all__ = ["SCHEMA", "Report"]

SCHEMA = 1
"""The version of what `Report.to_json` writes."""

_WIDTH = 100


@dataclass(frozen=True)
class Report(CheckResult):
    """The verdict on one implementation. ``print`` it; it is true where the implementation passed.

    It has all that a `CheckResult` has, and writes it: as text, as JSON, as a page of HTML.
    """

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
            "recovered": plain(self.recovered),
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
        text = page_of(self)
        if path is not None:
            Path(path).write_text(text, "utf-8")
        return text


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "   ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
