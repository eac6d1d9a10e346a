"""A check for each peer and scale."""

import platform
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np

from ..conventions import CONVENTIONS, Convention
from ..judge import check
from ..report import Report
from .peers import NotOfferedError
from .table import LIBRARIES, Peer

__all__ = ["SCALES", "SCHEMA", "Row", "Scoreboard", "rows_of", "summary_of"]

SCHEMA = 1
"""The version of what `Scoreboard.to_dict` gives."""

SCALES: tuple[Any, ...] = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 8), 0.16)
"""The layer's usual ones; and one with 4 sigma = 10.5, which libraries round in two ways."""

(_JUDGED_BY,) = [c for c in CONVENTIONS if c.name == "slice (2020)"]
_PARTS = {"clear of the ends": ", clear of the ends", "filter like": ", but for the size"}


@dataclass(frozen=True)
class Row:
    """What came of one peer at one scale: a report, or in words why there is none."""

    peer: Peer
    scale: Any
    report: Report | None
    reason: str = ""
    details: str = ""

    @property
    def verdict(self) -> str:
        """In a word or three."""
        if self.report is None:
            return self.reason
        return {
            "bit-identical": "same bits", "within-bound": "within the bound",
            "cannot-judge": "not judged", "fails": "differs",
        }[self.report.grade]  # fmt: skip

    @property
    def convention(self) -> Convention | None:
        """The known way that it follows in whole or in part; if it passes, the one judged by."""
        if self.report is None or self.report.grade == "cannot-judge":
            return None
        if self.report.passed:
            return _JUDGED_BY
        said = self.report.convention or ""
        return next((c for c in CONVENTIONS if f"*{c.name}*" in said), None)

    @property
    def follows(self) -> str:
        """The same in words, with how far it does; a dash for none."""
        if self.convention is None or self.report is None:
            return "–"
        said = (self.report.convention or "").partition("*")[0]
        part = next((part for words, part in _PARTS.items() if words in said), "")
        return f"{self.convention.name}{part}"

    @property
    def codes(self) -> tuple[str, ...]:
        """Of the findings, each once."""
        findings = self.report.findings if self.report is not None else ()
        return tuple(dict.fromkeys(f.code for f in findings))

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        return {
            "peer": self.peer.name, "library": self.peer.library, "call": self.peer.call,
            "scale": str(self.scale), "verdict": self.verdict,
            "convention": None if self.convention is None else self.convention.name,
            "report": None if self.report is None else self.report.to_dict(),
            "reason": self.reason, "details": self.details,
        }  # fmt: skip


@dataclass(frozen=True)
class Scoreboard:
    """The rows, and where and when they were made."""

    rows: tuple[Row, ...]
    versions: dict[str, str | None]
    system: str = field(default_factory=lambda: f"{platform.system()} on {platform.machine()}")
    date: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        return {
            "schema": SCHEMA, "date": self.date, "system": self.system, "versions": self.versions,
            "rows": [row.to_dict() for row in self.rows],
        }  # fmt: skip


def rows_of(peers: Sequence[Peer], scales: Sequence[Any] = SCALES) -> Iterator[Row]:
    """A row for each peer at each scale, one after the other, as they come."""
    for peer in peers:
        for scale in scales:
            yield _row(peer, scale)


def _row(peer: Peer, scale: Any) -> Row:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own, about calls that are not ours
        try:
            fn = peer.make(scale)
        except NotOfferedError as error:
            return Row(peer, scale, None, error.reason, error.details)
        return Row(peer, scale, check(fn, scale))


def summary_of(rows: Sequence[Row]) -> Scoreboard:
    """The rows with the versions of what they are about."""
    import aa_ref

    versions: dict[str, str | None] = {
        "aa_ref": aa_ref.__version__, "Python": platform.python_version(), "NumPy": np.__version__,
    }  # fmt: skip
    for name in dict.fromkeys(row.peer.library for row in rows if row.peer.library != "aa_ref"):
        versions[name] = LIBRARIES[name].version()
    return Scoreboard(tuple(rows), versions)
