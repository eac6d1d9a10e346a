"""Numbers of 8 or 16 bits: the filter that explains every answer as a rounding of its sums."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from ....plans import AxisPlan
from ... import patterns
from ...conventions import Convention
from ..asked import asked_of
from ..axes import AxisFault, AxisStudy
from ..further import Further
from ..inquiry import Inquiry
from ..naming import convention_of, likeness_of, ranked
from ..overall import answers_to_nothing
from ..studying import study_axis
from ..twice import ask_twice
from .agreement import Agreement, Candidates, agree
from .ends import Rows, read_ends
from .evidence import Planes
from .filters import Filter
from .guess import Guess, guess_rows
from .levels import Levels, read_levels
from .lines import Lines, ask_lines
from .minimax import minimax
from .mixing import mixing_of_integers
from .planes import ask_planes
from .taps import find_filters
from .windows import nice_offsets, windows_of

__all__ = ["Integers"]

Values = NDArray[np.float64]

_ROUNDED = {-0.5: "down (truncated)", 0.5: "up", -1.0: "down more than once"}
"""How sums are rounded, by what rounding to nearest would have to add."""


class Integers:
    """What the results are, as far as integers tell.

    Rounding hides what answers to impulses tell of floating-point numbers. But a filter either
    explains every answer to random levels, or it is wrong; thousands of answers leave little open.
    The filter that explains them is then judged as if answers to impulses had shown it.

    Attributes
    ----------
    recovered : dict
        What has been measured of all axes together: ``gain``.
    linear : bool
        Whether answers are those of a linear map, rounded, as far as has been seen.
    """

    def __init__(self, q: Inquiry) -> None:
        self.q = q
        # One question for each axis is all there is, so it is at a length that tells most apart.
        self._lengths = tuple(n + a.uneven for n, a in zip(q.lengths, q.reach, strict=True))
        self.recovered: dict[str, float] = {}
        self.studies: list[AxisStudy] = []
        self.linear = True
        self._levels: Levels | None = None
        self._base = 0.0
        self._lines: list[Lines] = []
        self._guesses: list[Guess] = []
        self._half = 0.5
        self._agreement = Agreement([])
        # Taps are off by their errors, the most at the end of a Gaussian cut at four sigma; and
        # there is a rounding a product and a sum, of filters up to twice as large.
        radius = max((a.radius for a in q.reach), default=0)
        taps = (2 * radius + 1) ** len(q.reach)
        self._relative = math.expm1(
            q.accuracy.axes * (q.accuracy.tap + 8 * q.accuracy.slope)
            + q.accuracy.common + q.accuracy.steps + 2 * taps * q.accuracy.unit
        )  # fmt: skip

    def ask(self) -> list[AxisStudy]:
        """What is known of each axis; nothing where answers do not tell."""
        q = self.q
        if not self._ask_crudely():
            return []
        levels = self._levels
        if levels is None:
            return []
        if levels.words:
            q.fault("values", levels.words)
            self.linear = False
        low, high = levels.gain
        if levels.spread < 2:
            if levels.words:
                return []
            bounds = f"the weights of an output sum to something from {low:.3g} to {high:.3g}"
            q.fault(
                "normalisation",
                f"{bounds}: constants up to {levels.usable} differ by no more than "
                f"{levels.spread} in their answers, which tells no more",
            )
            return []
        unexplained: dict[AxisFault, list[str]] = {}
        axes = []
        for k, letter in enumerate(q.letters):
            candidates = self._explaining(k, levels)
            if isinstance(candidates, AxisFault):
                unexplained.setdefault(candidates, []).append(letter)
            else:
                axes.append(candidates)
        if not unexplained:
            self._agreement = agree(axes, self._ask_planes, nice_offsets(self._base, self._half))
            unexplained = self._study()
        for (code, words), letters in unexplained.items():
            q.fault(code, f"along {' and '.join(letters)}: {words}")
        if unexplained:
            self.studies = []
        else:
            _adapt(self.studies, [r.found for r in self._rows])
        return self.studies

    def _study(self) -> dict[AxisFault, list[str]]:
        """Study what each axis does; what keeps from it, and along which axes."""
        unexplained: dict[AxisFault, list[str]] = {}
        for k, letter in enumerate(self.q.letters):
            rows, a = self._rows[k], self._plan(k)
            study = study_axis(rows.matrix, a, self.q.accuracy)
            if study is not None and study.blames("boundary") and rows.is_explained:
                study = study_axis(rows.matrix, a, self.q.accuracy, self._further(k)) or study
            if study is None:
                few = AxisFault("values", "too few outputs are clear of the ends")
                unexplained.setdefault(few, []).append(letter)
                continue
            if self.q.has("boundary"):
                study.drop("boundary")  # it is told already, by the answers to zeros
            self.studies.append(study)
        return unexplained

    def _ask_crudely(self) -> bool:
        """Whether there are numbers to be studied."""
        q = self.q
        shape = (1, q.subject.channels, *self._lengths)
        y = ask_twice(q, patterns.random(shape, q.terms.dtype, 3))
        if y is None or q.has("unstable"):
            return False
        if 0 in y.shape[:2]:
            q.fault("channels", f"{y.shape[0]} batch entries of {y.shape[1]} channels come out")
            return False
        if not y.any():
            q.fault("values", "all results are zero" if y.size else "all results hold nothing")
            return False
        batches, q.subject.batches = q.subject.batches, False  # until entries are known to be apart
        self._levels = read_levels(q.subject, self._lengths)
        q.subject.batches = batches
        usable = self._levels.usable if self._levels is not None else 0
        middling = tuple(a.middling + k for k, a in enumerate(q.reach))
        for words in mixing_of_integers(q.subject, middling, usable) if usable else []:
            q.fault("channels", words)
            q.subject.batches = False
        q.note(answers_to_nothing(q.subject, self._lengths))
        nothing = q.subject.plane(np.zeros(self._lengths))
        if nothing is not None:
            self._base = float(nothing[tuple(m // 2 for m in nothing.shape)])
        return True

    def _plan(self, k: int) -> AxisPlan:
        return self.q.axis_plan(k, self._lines[k].x.shape[1])

    def _explaining(self, k: int, levels: Levels) -> Candidates | AxisFault:
        """What explains the answers along one axis; what is wrong if nothing does."""
        lines = self._ask(k, self._lengths, levels)
        if lines is None:
            return AxisFault(
                "values", "the answers to lines cannot be studied: too many are needed"
            )
        guess = guess_rows(lines)
        self._lines.append(lines)
        self._guesses.append(guess)
        a = self._plan(k)
        if not guess.inner:
            return AxisFault("values", "no output amid the axis reads what lies there")
        for half in (0.5, 1.0):  # to be rounded down twice moves an answer by more
            candidates = self._candidates(replace(lines, half=half), guess, a)
            while not candidates.rows and not candidates.is_done:
                candidates.read_on()
            if candidates.rows:
                self._half = max(half, self._half)
                return candidates
        return self._unexplained(lines, guess)

    def _ask(self, k: int, lengths: tuple[int, ...], levels: Levels) -> Lines | None:
        """Lines along one axis of planes, which are smaller along the others if need be."""
        big = math.prod(lengths) * lengths[k] > 1 << 24
        others = tuple(a.middling for a in self.q.reach) if big else lengths
        return ask_lines(self.q.subject, lengths, others, k, levels.usable, self._relative)

    def _further(self, k: int) -> Further:
        """Questions at other lengths, where the filter is known and the rule beyond ends is not."""
        q, rows = self.q, self._rows[k]

        def ask(lengths: tuple[int, ...]) -> Values | None:
            if lengths[k] == self._lengths[k] or self._levels is None:
                return rows.matrix
            lines = self._ask(k, lengths, self._levels)
            guess = None if lines is None else guess_rows(lines)
            if lines is None or guess is None or not guess.inner:
                return None
            more = read_ends(
                replace(lines, half=rows.lines.half), guess, rows.found,
                q.axis_plan(k, lengths[k]), nice_offsets(self._base, rows.lines.half),
                boundary=rows.rule,
            )  # fmt: skip
            return more.matrix if more.is_explained else None

        plan_for = partial(q.axis_plan, k)
        return Further(q.subject, q.reach, k, plan_for, 1, self._lengths, ask)

    def _candidates(self, lines: Lines, guess: Guess, a: AxisPlan) -> Candidates:
        windows = windows_of(lines, guess, self._base)
        if windows is None:
            return Candidates(iter([]))
        nice, apart = windows.nice, self.q.has("boundary")
        return Candidates(
            [read_ends(lines, guess, f, a, nice, boundary=a.boundary, apart=apart) for f in filters]
            for filters in find_filters(windows, a)
        )

    def _ask_planes(self) -> Planes | None:
        q = self.q
        if q.has("channels", "boundary") or self._levels is None:
            return None
        lengths = tuple(lines.x.shape[1] for lines in self._lines)
        planes = ask_planes(q.subject, lengths, self._levels.usable)
        expected = tuple(lines.y.shape[1] for lines in self._lines)
        return None if planes is None or planes.y.shape[1:] != expected else planes

    def _unexplained(self, lines: Lines, guess: Guess) -> AxisFault:
        """No filter that all inner outputs share was found; whether there is one for each."""
        design = np.column_stack([lines.x, np.ones(len(lines.x))])
        for i in guess.inner:
            y = lines.y[:, i]
            uncut = (y > 0) & (y < lines.full)
            limit = 0.5 + 2 * lines.relative * lines.x.max(1)
            best = minimax(design[uncut], y[uncut], limit[uncut])
            if best.parameters is None and best.least > 1:
                self.linear = False
                return AxisFault(
                    "values",
                    "no weights explain the answers, whose roundings would be by more than 1/2",
                )
        return AxisFault(
            "sigma", "no filter was found that all outputs share and that explains the answers"
        )

    def conclude(self) -> None:
        """What concerns all axes together, once each has been judged for itself."""
        if not self.studies:
            return
        q, found = self.q, [r.found for r in self._rows]
        gain = found[0].gain
        self.recovered["gain"] = gain
        if gain != 1 and not any(f.coarse for f in found):
            q.fault("normalisation", f"the weights of an output sum to {gain:.6g}, not 1")
        if self._agreement.between:
            q.fault("precision", self._agreement.between)
            return
        if self._agreement.unexplained:
            words = "on random samples no rounding of the sums of these filters gives all answers"
            q.fault("values", words)
            self.linear = False
        offset = max((f.offset - self._base for f in found), key=abs)
        if offset in _ROUNDED:
            q.fault("precision", f"results are rounded {_ROUNDED[offset]}, not to nearest")
        elif offset and gain == 1:  # else it is a part of the gain that is left open
            size = "large" if offset > 0 else "small"
            q.fault("values", f"sums are too {size} by {abs(offset):.3g} before they are rounded")

    @property
    def _rows(self) -> list[Rows]:
        return self._agreement.rows

    def named(self, counts: Sequence[Sequence[tuple[int, int]]], faultless: bool) -> str | None:
        """The known implementation whose weights explain all answers to lines."""
        q = self.q
        if len(self._lines) < len(q.reach) or not self.linear:
            return None
        scales = [float(q.axis_plan(k, n.x.shape[1]).scale) for k, n in enumerate(self._lines)]
        named = partial(
            convention_of, scales, asked=asked_of(q.lengths, q.axis_plan, counts),
            as_asked=q.as_asked(self.studies), faultless=faultless,
        )  # fmt: skip
        if self.studies:
            recovered = likeness_of(self.studies, counts, q.accuracy)
            name = named(recovered)
            if name is not None:
                return name

        @cache
        def likeness(c: Convention, axis: int) -> int:
            lines, guess, scale = self._lines[axis], self._guesses[axis], scales[axis]
            sizes = all(max(c.outputs(n, scale), 0) == m for n, m in counts[axis])
            matrix = c.matrix(lines.x.shape[1], scale)
            common = min(len(matrix), lines.y.shape[1])
            if not common:
                return 0
            ends = [lines.offsets(matrix[i], i) for i in range(common)]
            alike = np.array([low <= 0 <= high for low, high in ends])
            return ranked(alike, sizes, guess.inner)

        return named(likeness)


def _adapt(studies: Sequence[AxisStudy], filters: Sequence[Filter]) -> None:
    """Say what taps were rounded to, and what integers leave open.

    Of axes that seem to have the same filter, the same is said.
    """
    same = len({(f.sigma, f.coarse, len(f.places)) for f in filters}) == 1
    for study, found in zip(studies, filters, strict=True):
        if found.coarse:
            study.drop("sigma", "radius", "values", "precision")
            study.fault("precision", f"taps are those expected, rounded to {found.coarse}")
        alike = filters if same else [found]
        words = _left_open(found, alike)
        for k, fault in enumerate(study.faults):
            if words and fault.code in ("sigma", "radius", "precision"):
                study.faults[k] = fault._replace(words=f"{fault.words} ({words})")
                break


def _left_open(found: Filter, alike: Sequence[Filter]) -> str:
    words = []
    ends = [f.interval for f in alike if f.interval is not None]
    if found.interval is not None:
        low, high = min(e[0] for e in ends), max(e[1] for e in ends)
        words.append(f"integers tell it from {max(low, 0.0):.5g} to {high:.5g}")
    instead = [w for w in found.instead if all(w in f.instead for f in alike)]
    if instead:
        words.append(f"the answers are also those of {'; '.join(instead[:3])}")
    return "; ".join(words)
