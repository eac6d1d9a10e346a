"""The verdicts on known libraries: what each gives for the operation, and whose convention it is.

A check for each peer of `aa_ref.peers` and each scale, and the results as ``docs/scoreboard.md``,
which is generated. A library that is not installed, or has no such scale, gets a row that says so.
"""

import math
import platform
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np

from ..peers import LIBRARIES, Asker, NotOfferedError, Peer, named, peers_for
from .checking import check
from .conventions import CONVENTIONS, Convention, Extent
from .errors import OracleError
from .findings import CODES
from .report import Report

__all__ = [
    "GENERATED", "PEERS", "SCALES", "SCHEMA", "Peer", "Scoreboard", "ScoreboardRow", "chosen",
    "page_of", "rows_of", "summary_of",
]  # fmt: skip

PEERS = peers_for(Asker.SCOREBOARD)

SCHEMA = 1
"""The version of what `Scoreboard.to_dict` gives."""

SCALES: tuple[Any, ...] = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 8), 0.16)
"""The layer's usual ones; and one with 4 sigma = 10.5, which libraries round in two ways."""

(_JUDGED_BY,) = [c for c in CONVENTIONS if c.name == "slice (2020)"]
_PARTS = {Extent.INNER: ", clear of the ends", Extent.FILTER: ", but for the size"}


@dataclass(frozen=True)
class ScoreboardRow:
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
        return None if self.report.match is None else self.report.match.convention

    @property
    def follows(self) -> str:
        """The same in words, with how far it does; a dash for none."""
        if self.convention is None or self.report is None:
            return "–"
        match = self.report.match
        return self.convention.name + ("" if match is None else _PARTS.get(match.extent, ""))

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

    rows: tuple[ScoreboardRow, ...]
    versions: dict[str, str | None]
    system: str = field(default_factory=lambda: f"{platform.system()} on {platform.machine()}")
    date: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        return {
            "schema": SCHEMA, "date": self.date, "system": self.system, "versions": self.versions,
            "rows": [row.to_dict() for row in self.rows],
        }  # fmt: skip


def chosen(names: Sequence[str] | None) -> tuple[Peer, ...]:
    """Return the peers of these names, or of these libraries; all for None."""
    if names is None:
        return PEERS
    found, unknown = named(PEERS, names)
    for name in unknown:
        libraries = ", ".join(name for name in LIBRARIES if any(p.library == name for p in PEERS))
        raise OracleError(
            f"peer is {name!r}, which is none; write a library ({libraries}) or a name such as "
            f"{PEERS[0].name!r}"
        )
    return found


def rows_of(peers: Sequence[Peer], scales: Sequence[Any] = SCALES) -> Iterator[ScoreboardRow]:
    """A row for each peer at each scale, one after the other, as they come."""
    for peer in peers:
        for scale in scales:
            yield _row(peer, scale)


def _row(peer: Peer, scale: Any) -> ScoreboardRow:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own, about calls that are not ours
        try:
            fn = peer.make(scale)
        except NotOfferedError as error:
            return ScoreboardRow(peer, scale, None, error.reason, str(error))
        return ScoreboardRow(peer, scale, check(fn, scale))


def summary_of(rows: Sequence[ScoreboardRow]) -> Scoreboard:
    """The rows with the versions of what they are about."""
    import aa_ref

    versions: dict[str, str | None] = {
        "aa_ref": aa_ref.__version__, "Python": platform.python_version(), "NumPy": np.__version__,
    }  # fmt: skip
    for name in dict.fromkeys(row.peer.library for row in rows if row.peer.library != "aa_ref"):
        versions[name] = LIBRARIES[name].version()
    return Scoreboard(tuple(rows), versions)


GENERATED = "<!-- generated by aa-ref scoreboard --page: do not edit -->"
"""The first line: a file that begins otherwise was written by someone."""

_WIDTH = 110

_HEAD = f"""{GENERATED}
# Scoreboard

What known libraries give for this one's operation (a Gaussian low-pass, then every stride-th
sample), as the [oracle](oracle.md) judges it: whether it is the same, how far from the bound, and
if it is another operation, whose. Made by

```sh
pip install 'aa-ref[cli,peers]' jax onnx onnxruntime
aa-ref scoreboard --page docs/scoreboard.md
```

## How to read it

Each peer is a function from an array to a smaller one. At each scale *s* it is asked about small
float32 arrays of layout NCHW: impulses, constants, ramps, noise, NaN, sizes from one sample on.
Nothing else is known of it. Where a library takes a filter, it is given the layer's: sigma =
(1/s - 1)/2, radius R = round(4 sigma), stride k = int(1/s).

- **verdict**: *same bits*: every element of every answer has the very bits of the contract in
  [spec.md](spec.md). *within the bound*: every element is as near to the result in real numbers as
  any correct implementation in binary32 is sure to be, whatever its order of sums; see
  [numerics.md](numerics.md). *differs*: some are not, or there are more or fewer of them. *not
  installed*, *not available*, *not offered*: it could not be asked; why is told further down.
- **worst error**: the largest error of an element over its bound: up to 1 passes. ∞ where no error
  at all is allowed, as where all samples are zero, or one is NaN. It is taken over the answers that
  have the right size; a dash where there are none.
- **follows**: the known way of downsampling that gives these numbers, by its name in the oracle's
  table of conventions. *slice (2020)* is the one judged by. *Clear of the ends*: it does so as long
  as no end has a part in it. *But for the size*: so far as both have outputs. A dash: none of the
  table.
- **findings**: what is different, by the oracle's codes{{codes}}
- **calls**, **inputs**, **again**: how often it was asked; whether it left its inputs as they were;
  whether it gave the same answers when asked again, after other calls.

**A peer that differs is not a bad one.** Most were made for something else: to halve a picture, to
give any size, to weigh by a triangle, a cubic or a box about the middles of pixels. This page tells
which of them may stand in for the layer without another change, and what a port that is built on
one of the others would have to change.
"""


def page_of(board: Scoreboard) -> str:
    """The whole page."""
    rows = board.rows
    scales = list(dict.fromkeys(row.scale for row in rows))
    parts = [_HEAD.format(codes=_legend(rows))]
    parts += ["## At a glance\n", _glance(rows, scales)]
    for scale in scales:
        parts += [f"## Scale {scale}\n", _table(r for r in rows if r.scale == scale)]
    parts += ["## What was asked, and found\n", *_details(rows)]
    parts += ["## Made with\n", _made_with(board)]
    return "\n".join(parts)


def _legend(rows: Sequence[ScoreboardRow]) -> str:
    """The codes on the page, and what each says."""
    used = {code for row in rows for code in row.codes}
    words = [f"  `{code}` {text}" for code, text in CODES.items() if code in used]
    return ":\n" + ";\n".join(words) + "." if words else "; there are none here."


def _glance(rows: Sequence[ScoreboardRow], scales: Sequence[Any]) -> str:
    by = {(row.peer, row.scale): row for row in rows}
    lines = []
    for peer in dict.fromkeys(row.peer for row in rows):
        own = [by[peer, scale] for scale in scales]
        follows = dict.fromkeys(row.follows for row in own if row.report is not None)
        lines.append((peer.name, *(row.verdict for row in own), "; ".join(follows) or "–"))
    return _markdown(("peer", *(f"scale {s}" for s in scales), "follows"), lines)


def _table(rows: Any) -> str:
    headings = (
        "peer", "verdict", "worst error", "follows", "findings", "calls", "inputs", "again",
    )  # fmt: skip
    return _markdown(headings, map(_cells, rows))


def _cells(row: ScoreboardRow) -> tuple[str, ...]:
    report = row.report
    if report is None:
        return (row.peer.name, row.verdict, *["–"] * 6)
    return (
        row.peer.name, row.verdict, _worst(report), row.follows,
        ", ".join(row.codes) or "none", str(report.calls),
        "written to" if "mutates" in row.codes else "untouched",
        "differs" if "unstable" in row.codes else "same",
    )  # fmt: skip


def _worst(report: Report) -> str:
    if math.isinf(report.worst):
        return "∞"
    if not report.passed and report.worst == 0:
        return "–"
    return f"{report.worst:,.0f}" if report.worst >= 100 else f"{report.worst:.2g}"


def _details(rows: Sequence[ScoreboardRow]) -> Iterator[str]:
    """Each peer's call, and in words what was found that was not at the scales before."""
    for peer in dict.fromkeys(row.peer for row in rows):
        lines = [f"### {peer.name}\n", f"`{peer.call}`\n"]
        seen: set[Any] = {()}
        for row in (row for row in rows if row.peer == peer):
            said = list(_said(row))
            key = row.codes or tuple(said)
            if key not in seen:
                seen.add(key)
                lines += [f"At scale {row.scale}:\n", *map(_item, said), ""]
        yield "\n".join(lines if len(seen) > 1 else [*lines, "Nothing differs.\n"])


def _said(row: ScoreboardRow) -> Iterator[str]:
    """Why there is no report; or its findings, or the notes of one that passed."""
    if row.report is None:
        yield f"{row.reason}: {row.details.removesuffix('.')}"
        return
    yield from (f"`{f.code}`: {f.message}" for f in row.report.findings)
    if row.report.passed:  # without the names of probes, which say nothing here
        yield from (f"note: {note.partition(': ')[2]}" for note in row.report.notes)


def _made_with(board: Scoreboard) -> str:
    rows = [(name, version or "not installed") for name, version in board.versions.items()]
    return _markdown(("", ""), [("date", board.date), ("system", board.system), *rows])


def _item(text: str) -> str:
    safe = text.replace("*", "\\*").replace("<", "\\<")
    return "\n".join(
        textwrap.wrap(
            safe, _WIDTH, initial_indent="- ", subsequent_indent="  ",
            break_long_words=False, break_on_hyphens=False,
        )
    )  # fmt: skip


def _markdown(headings: Sequence[str], rows: Any) -> str:
    lines = [_line(headings), "|---" * len(headings) + "|", *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
