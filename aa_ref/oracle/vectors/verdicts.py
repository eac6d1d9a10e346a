"""Verdicts on results, and what is said of them all: in words, as JSON, by an exit status."""

import json
import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from ... import __version__
from ...plans import Direction

__all__ = ["Judgement", "Verdict"]

_SHOWN = 5
"""Results of which more is said than a grade. The first are the smallest; JSON has all."""


@dataclass(frozen=True)
class Verdict:
    """On one result of one case.

    Attributes
    ----------
    case : str
    direction : {"forward", "adjoint"}
    name : str
        Of the result: ``"half-normal.y"``, or ``"half-normal.gx"`` for the adjoint.
    grade : {"bit-identical", "within-bound", "cannot-judge", "fails", "missing"}
    worst : float or None
        The largest error over its bound; None where no values were compared.
    message : str
        What is wrong, or what the comparison notes; may be empty.
    label, suggests : str
        Those of the case.
    """

    case: str
    direction: Direction
    name: str
    grade: str
    worst: float | None
    message: str
    label: str
    suggests: str


@dataclass(frozen=True)
class Judgement:
    """All verdicts.

    Attributes
    ----------
    verdicts : tuple of Verdict
        In the order of the manifest, forward before adjoint.
    precision : str or None
        What was claimed of the arithmetic; None for each case's own.
    form, taps : str
        What was claimed of the sum and of the taps.
    every : bool
        Whether a missing result fails.
    unknown : dict of str
        Arrays that fit no case, which fails, since they may be results that are misspelt; each with
        the result whose name is nearest, or None.
    """

    verdicts: tuple[Verdict, ...]
    precision: str | None
    form: str
    taps: str
    every: bool
    unknown: Mapping[str, str | None]

    @property
    def grade(self) -> str:
        """The worst of the results that are there; ``"fails"`` if a required one is missing, too.

        And if something is there that fits no case.
        """
        grades = {v.grade for v in self.verdicts}
        if "fails" in grades or (self.every and "missing" in grades) or self.unknown:
            return "fails"
        for grade in ("cannot-judge", "within-bound"):
            if grade in grades:
                return grade
        return "bit-identical"

    @property
    def passed(self) -> bool:
        """Whether all is bit-identical or within the bound."""
        return self.grade in ("bit-identical", "within-bound")

    @property
    def left_out(self) -> Direction | None:
        """Return the direction of which nothing is there, where that is no failure."""
        there = {v.direction for v in self.verdicts if v.grade != "missing"}
        if self.every or len(there) != 1:
            return None
        return next((v.direction for v in self.verdicts if v.direction not in there), None)

    def to_json(self) -> str:
        """All of it as text, with the version of the judge. JSON has no infinity: it is null."""
        data = {"aa_ref": __version__, "grade": self.grade, "passed": self.passed, **asdict(self)}
        for verdict in data["verdicts"]:
            if verdict["worst"] == math.inf:
                verdict["worst"] = None
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _lines(j: Judgement) -> Iterator[str]:
    """A row for each case with results, then what there is to say of them, then the verdict."""
    rows: dict[str, dict[str, str]] = {}
    for v in _shown(j):
        rows.setdefault(v.case, {})[v.direction] = _cell(v)
    left_out = [case for case, cells in rows.items() if set(cells.values()) == {"missing"}]
    shown = {case: cells for case, cells in rows.items() if case not in left_out}
    first = max(map(len, shown))
    directions = list(dict.fromkeys(v.direction for v in _shown(j)))
    yield f"{'case':<{first}}" + "".join(f"  {d:<22}" for d in directions).rstrip()
    for case, cells in shown.items():
        line = f"{case:<{first}}" + "".join(f"  {cells.get(d, ''):<22}" for d in directions)
        yield line.rstrip()
    if left_out:
        yield from textwrap.wrap(f"missing: {', '.join(left_out)}", 100, break_on_hyphens=False)
    yield ""
    for name, meant in j.unknown.items():
        advice = f"rename it if {meant} is meant" if meant else "take it away"
        yield f"{name} fits no case; {advice}"
    told = [v for v in j.verdicts if v.message]
    for v in told[:_SHOWN]:
        yield f"{v.name} {v.grade}: {v.message}"
        if v.grade == "fails":
            yield f"  the case: {v.label}; look at {v.suggests}"
    if len(told) > _SHOWN:
        yield f"and {len(told) - _SHOWN} more like these"
    yield _summary(j)


def _cell(v: Verdict) -> str:
    return v.grade if v.worst is None else f"{v.grade} {v.worst:.2g}"


def _shown(j: Judgement) -> list[Verdict]:
    return [v for v in j.verdicts if v.direction != j.left_out]


def _summary(j: Judgement) -> str:
    count = {grade: sum(v.grade == grade for v in _shown(j)) for grade in _WORDS}
    told = [f"{n} {_WORDS[grade]}" for grade, n in count.items() if n]
    told += [f"{len(j.unknown)} of no case"] if j.unknown else []
    claimed = f"{j.precision or 'the precision of each case'}, form {j.form}, taps {j.taps}"
    rest = f"; no {j.left_out} is there, and none was judged" if j.left_out else ""
    return f"{'passed' if j.passed else j.grade}: {', '.join(told)} ({claimed}){rest}"


_WORDS = {
    "bit-identical": "bit-identical",
    "within-bound": "within the bound",
    "cannot-judge": "without a verdict",
    "fails": "wrong",
    "missing": "missing",
}
