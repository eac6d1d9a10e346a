"""The verdicts on results that another program computed from a folder of vectors.

What is said of them all: in words, as JSON, by an exit status.
"""

import json
import math
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ... import __version__
from ...arrays import Source
from ...dtypes import STORAGE
from ...plans import Direction
from ..errors import VectorsError
from ..numerics.compare import Comparison, compare
from ..terms import MOST_EXACT
from .files import ResultFiles, Tensor, open_results
from .manifest import ARCHIVE, RESULTS, File, Vectors, read_vectors

__all__ = ["Judgement", "Verdict", "judge_vectors"]

_SHOWN = 5
"""Results of which more is said than a grade. The first are the smallest; JSON has all."""
_WORDS = {
    "bit-identical": "bit-identical",
    "within-bound": "within the bound",
    "cannot-judge": "without a verdict",
    "fails": "wrong",
    "missing": "missing",
}


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


def judge_vectors(
    folder: str | os.PathLike[str],
    results: str | os.PathLike[str],
    *,
    precision: str | None = None,
    form: str = "any",
    taps: str = "recomputed",
    every: bool = False,
    direction: Direction | None = None,
) -> Judgement:
    """Judge what another program computed from the inputs in ``folder``.

    Parameters
    ----------
    folder : path
        What `write_vectors` wrote. Every file in it has to have the SHA-256 that the manifest says.
    results : path
        A folder of ``.npy`` files, a ``.npz`` or a ``.safetensors``, with names as in ``folder``:
        ``half-normal.y`` for the result of that case, ``half-normal.gx`` for its adjoint.
    precision, form, taps : str
        What the implementation claims, as in `aa_ref.oracle.bound`; the precision is by default
        binary64 for float64 input, else binary32.
    every : bool
        Whether a result that is not there is a failure.
    direction : {"forward", "adjoint"}, optional
        The only one that is judged; by default both are.

    Returns
    -------
    Judgement

    Raises
    ------
    VectorsError
        If either place cannot be read, the vectors were changed, or there is no result at all.
    """
    vectors = read_vectors(folder)
    own = Path(folder).resolve()
    if Path(results).resolve() in (own, own / ARCHIVE):
        raise VectorsError(
            f"{results} holds the vectors themselves; name where your program put its results"
        )
    given = open_results(results)
    if direction not in (None, *RESULTS.values()):
        raise VectorsError(f"direction is {direction!r}; write 'forward' or 'adjoint', or None")
    asked = [role for role, d in RESULTS.items() if direction in (None, d)]
    wanted = [(v, role) for v in vectors for role in asked if role in v.arrays]
    names = [_name(v, role) for v, role in wanted]
    if given.names.isdisjoint(names):
        raise VectorsError(
            f"{results} has none of the {len(names)} results; name them like {names[0]}.npy"
        )
    verdicts = tuple(
        _verdict(v, role, given, precision or v.precision, form, taps) for v, role in wanted
    )
    known = {_name(v, role) for v in vectors for role in v.arrays}
    unknown = {name: _meant(name, names) for name in sorted(given.names - known)}
    return Judgement(verdicts, precision, form, taps, every, unknown)


def _meant(name: str, names: Iterable[str]) -> str | None:
    """Return the result whose name is nearest, if one is near."""
    return next(iter(get_close_matches(name, names, 1)), None)


def _name(v: Vectors, role: str) -> str:
    return f"{v.name}.{role}"


def _verdict(
    v: Vectors, role: str, given: ResultFiles, precision: str, form: str, taps: str
) -> Verdict:
    p, direction, name = v.plan, RESULTS[role], _name(v, role)
    x = v.arrays["x"]
    if direction == "adjoint":  # gradients keep their type
        p, x = p.replace_input_dtype(p.input_dtype), v.arrays["g"]
    grade, worst, message = "missing", None, ""
    if name in given.names:
        try:
            y = _right_kind(given.read(name), v.files[role])
        except VectorsError as error:
            grade, message = "fails", f"the file {error}"
        else:
            c = compare(
                _source(y, p.dtype), _source(x, p.input_dtype), p,
                precision=precision, form=form, taps=taps, direction=direction,
                exact=math.prod(p.shape) <= MOST_EXACT,
            )  # fmt: skip
            grade, worst, message = c.grade, c.worst, _words(c)
    return Verdict(v.name, direction, name, grade, worst, message, v.label, v.suggests)


def _source(storage: NDArray[Any], dtype: str) -> Source:
    return Source(storage, dtype, storage, None)


def _right_kind(result: Tensor, expected: File) -> NDArray[Any]:
    """The storage of a result, or a `VectorsError` that says what is wrong with it as a whole."""
    array, dtype = result
    # NumPy has no bfloat16: its files hold the bits, as integers or as two bytes without a type.
    bits = expected.dtype == "bfloat16" and dtype in ("uint16", "void16")
    if dtype != expected.dtype and not bits:
        wanted = (
            "bfloat16 (as its bits in uint16)" if expected.dtype == "bfloat16" else expected.dtype
        )
        raise VectorsError(f"holds {dtype}, not {wanted}")
    if array.shape != expected.shape:
        raise VectorsError(f"holds shape {array.shape}, not {expected.shape}")
    storage = STORAGE[expected.dtype]
    little = array.view("<u2") if dtype == "void16" else array
    return little.astype(storage)


def _words(c: Comparison) -> str:
    """What the comparison says beside its grade; of a result that is right to the bit, nothing."""
    if c.grade == "bit-identical":
        return ""
    said = list(c.notes)
    if c.grade == "fails":
        said.insert(
            0, f"at {c.where}: {c.got!r}, but the truth is {c.expected!r} ± {c.allowed:.3g}"
        )
    return "; ".join(said)
