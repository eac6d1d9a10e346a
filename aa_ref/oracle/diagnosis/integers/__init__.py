"""Diagnosis by answers that are integers.

One impulse tells little where answers are rounded to integers: small taps are lost. Instead, many
random levels are asked, and filters are tried that explain all the answers. That a filter explains
an answer, or that it does not, is exact: the real sum is known to within a bound, and so are the
integers that it may be rounded to. Here are all questions, in order, and what is said.

====================  ======================================================================
`quantised_answers`   answers to constants, to random levels along one axis, to noise
`weight_estimates`    least squares: centres, weights, the answers of inner outputs together
`answer_model`        filters, rows, roundings: a model that predicts answers as intervals
`parameter_fits`      the numbers in filters that explain all answers, or a proof that none do
`filter_hypotheses`   the table of filters, by how many ways they depart from the expected one
`end_rules`           the rule beyond the ends, samples that are not read there
`explanation_search`  each axis, then all together, the fewest departures first
====================  ======================================================================
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np

from ...conventions import Convention, Extent, Match
from ...probes import patterns
from ..axis_faults import study_axis
from ..blackbox import AxisFault, Inquiry
from ..estimate import AxisStudy, read_axis
from ..impulse_response import OtherLengths
from ..known_implementations import as_asked, asked_of, convention_of, extent_of, likeness_of
from ..planes import answers_to_nothing, ask_repeatedly, mixed_planes
from ..tap_models import Accuracy
from .answer_model import Evidence, Filter, Rows
from .explanation_search import Agreement, AxisSearch, agree
from .quantised_answers import Levels, Planes, ask_planes, read_levels
from .weight_estimates import nice_offsets

__all__ = ["Integers"]

_ROUNDED = {
    -0.5: "down (truncated)", 0.5: "up", -1.0: "down more than once", 1.0: "up more than once"
}  # fmt: skip
"""How sums are rounded, by what rounding to nearest would have to add."""

_FEW = 4
"""Different results, of which a common divisor tells nothing."""


class Integers:
    """What the results are, as far as integers tell.

    Rounding hides what answers to impulses tell of floating-point numbers. But a filter either
    explains every answer to random levels, or it is wrong; thousands of answers leave little open.
    The filter that explains them is then judged as if answers to impulses had shown it.

    Attributes
    ----------
    recovered : dict
        What has been measured of all axes together: ``gain``, ``rounding``.
    linear : bool
        Whether answers are those of a linear map, rounded, as far as has been seen.
    """

    def __init__(self, q: Inquiry) -> None:
        self.q = q
        # One question for each axis is all there is, so it is at a length that tells most apart.
        self._lengths = q.terms.accepts.nearest(
            tuple(n + a.uneven for n, a in zip(q.lengths, q.reach, strict=True))
        )
        self.recovered: dict[str, float | str] = {}
        self.studies: list[AxisStudy] = []
        self.linear = True
        self._levels: Levels | None = None
        self._base = 0.0
        self._step = 1
        self._axes: list[AxisSearch] = []
        self._agreement = Agreement([])
        self._relative = _likely(q), _certain(q)

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
        if self._step > 1 and abs(levels.spread - levels.usable) <= 2 * self._step:
            q.fault("precision", self._few_bits(levels))
            return []
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
        self._axes = [
            AxisSearch(q, k, self._lengths, levels.usable, self._relative, self._base, high)
            for k in range(len(q.letters))
        ]
        self.linear = self.linear and all(axis.linear for axis in self._axes)
        troubles = [axis.trouble for axis in self._axes]
        if not any(troubles):
            nice = nice_offsets(self._base, max(axis.half for axis in self._axes))
            candidates = [axis.candidates for axis in self._axes]
            self._agreement = agree(candidates, self._ask_planes, nice, self._base)
            troubles = self._study()
        for trouble in dict.fromkeys(t for t in troubles if t is not None):
            letters = [c for c, t in zip(q.letters, troubles, strict=True) if t == trouble]
            q.fault(trouble.code, f"along {' and '.join(letters)}: {trouble.words}")
        if any(troubles):
            self.studies = []
        else:
            _adapt(self.studies, [r.found for r in self._rows])
        return self.studies

    def _study(self) -> list[AxisFault | None]:
        """Study what each axis does; what keeps from it, for each."""
        q = self.q
        troubles: list[AxisFault | None] = []
        for axis, rows in zip(self._axes, self._rows, strict=True):
            study = study_axis(rows.matrix, axis.plan, q.accuracy)
            unseen = not rows.shows_both_ends and not q.has("boundary")
            left_open = study is not None and (unseen or study.blames("boundary"))
            if left_open and rows.is_explained:
                study = study_axis(rows.matrix, axis.plan, q.accuracy, axis.further(rows)) or study
            if study is None:
                troubles.append(AxisFault("values", "too few outputs are clear of the ends"))
                continue
            if study.first.backwards and rows.is_explained:
                study = _turned(study, rows, axis.further(rows), q.accuracy)
            troubles.append(None)
            if q.has("boundary"):
                # It is told already, by the answers to zeros.
                study.faults.append(AxisFault("boundary", "", ("boundary",)))
            self.studies.append(study)
        return troubles

    def _ask_crudely(self) -> bool:
        """Whether there are numbers to be studied."""
        q = self.q
        shape = (1, q.subject.channels, *self._lengths)
        y = ask_repeatedly(q, patterns.random(shape, q.terms.dtype, 3))
        if y is None or q.has("unstable", "values"):
            return False
        if 0 in y.shape[:2]:
            q.fault("channels", f"{y.shape[0]} batch entries of {y.shape[1]} channels come out")
            return False
        if not y.any():
            q.fault("values", "all results are zero" if y.size else "all results hold nothing")
            return False
        values = np.unique(y).astype(np.int64)
        if len(values) > _FEW:  # others may be those that all is cut off at
            self._step = int(np.gcd.reduce(values))
        batches, q.subject.batches = q.subject.batches, False  # until entries are known to be apart
        self._levels = read_levels(q.subject, self._lengths)
        q.subject.batches = batches
        usable = self._levels.usable if self._levels is not None else 0
        middling = tuple(a.middling + k for k, a in enumerate(q.reach))
        middling = q.terms.accepts.nearest(middling)
        mixed = mixed_planes(q.subject, middling, q.accuracy, q.counts, usable) if usable else []
        for words in mixed:
            q.fault("channels", words)
            q.subject.batches = False
        q.faults += answers_to_nothing(q, self._lengths)
        nothing = q.subject.plane(np.zeros(self._lengths))
        if nothing is not None:
            self._base = float(nothing[tuple(m // 2 for m in nothing.shape)])
        return True

    def _few_bits(self, levels: Levels) -> str:
        """Return what is said of results that are all multiples of a number."""
        bits = int(levels.full).bit_length()
        kept = max(round(math.log2(levels.full / self._step + 1)), 1)
        words = f"results are multiples of {self._step}, as if {kept} of {bits} bits were kept"
        x = patterns.levels(self._lengths, levels.usable, 41)
        lower = 2.0 ** (bits - kept)
        y, upper = (self.q.subject.plane(v) for v in (x, np.floor(x / lower) * lower))
        if y is not None and upper is not None and np.array_equal(y, upper):
            words += f"; of samples the upper {kept} bits alone make a difference"
        return words

    def _ask_planes(self) -> Planes | None:
        q = self.q
        one_alone = not q.has("channels") or q.subject.channels == 1
        if q.has("boundary") or not one_alone or self._levels is None:
            return None
        planes = ask_planes(q.subject, self._lengths, self._levels.usable)
        expected = tuple(axis.lines.y.shape[1] for axis in self._axes if axis.lines is not None)
        return None if planes is None or planes.y.shape[1:] != expected else planes

    def conclude(self) -> None:
        """What concerns all axes together, once each has been judged for itself."""
        if not self.studies:
            return
        q, found = self.q, [r.found for r in self._rows]
        gain = found[0].gain
        self.recovered["gain"] = gain
        coarse = any(f.coarse for f in found)
        divided = [r.rule == "renormalised" for r in self._rows]  # by what its taps sum to
        totals = [f.total for f, by_sum in zip(found, divided, strict=True) if not by_sum]
        if gain != 1 and not (coarse and self._explains(math.prod(totals))):
            q.fault("normalisation", f"the weights of an output sum to {gain:.6g}, not 1")
        if self._agreement.between:
            q.fault("precision", self._agreement.between)
            return
        if self._agreement.unexplained:
            words = "on random samples no rounding of the sums of these filters gives all answers"
            q.fault("values", words)
            self.linear = False
        low, high = self._evidence.offsets(found)
        usual = {0.0: "to nearest", **_ROUNDED}
        if low <= high:  # and by how much sums may be off, on either side
            nearest = min(usual, key=lambda b: abs((low + high) / 2 - self._base - b))
            self.recovered["rounding"] = usual[nearest]
        offset = max((f.offset - self._base for f in found), key=abs)
        if offset in _ROUNDED:
            q.fault("precision", f"results are rounded {_ROUNDED[offset]}, not to nearest")
        elif offset and gain == 1 and not self._base:  # else it is a part of what is left open
            size = "large" if offset > 0 else "small"
            q.fault("values", f"sums are too {size} by {abs(offset):.3g} before they are rounded")

    @property
    def _evidence(self) -> Evidence:
        laid = [r.laid for r in self._rows]
        if self.q.has("boundary"):  # something is added at the ends
            laid = [r.laid.clear_of_ends(r.found) for r in self._rows]
        return Evidence([r.lines for r in self._rows], laid)

    def _explains(self, gain: float) -> bool:
        """Whether that gain explains the answers to lines, too."""
        filters = [replace(r.found, gain=gain) for r in self._rows]
        low, high = self._evidence.offsets(filters)
        return low <= filters[0].offset <= high

    @property
    def _rows(self) -> list[Rows]:
        return self._agreement.rows

    def named(self, counts: Sequence[Sequence[tuple[int, int]]], faultless: bool) -> Match | None:
        """The known implementation whose weights explain all answers to lines.

        If no filter does, then one that explains them to within a unit: it rounds in its own way.
        """
        q = self.q
        asked = [(axis.lines, axis.guess) for axis in self._axes if axis.lines is not None]
        unexplained = self._agreement.unexplained or not self.studies
        cut = self._levels is None or bool(self._levels.words)
        if len(asked) < len(q.reach) or cut or not (self.linear or unexplained):
            return None
        scales = [float(axis.plan.scale) for axis in self._axes]
        named = partial(
            convention_of, scales, asked=asked_of(q.lengths, q.axis_plan, counts),
            as_asked=as_asked(q, self.studies), faultless=faultless,
        )  # fmt: skip
        if self.studies and self.linear:
            recovered = likeness_of(self.studies, counts, q.accuracy)
            match = named(recovered)
            if match is not None:
                return match

        def likeness(c: Convention, axis: int, off: float = 0.0) -> Extent:
            (lines, guess), scale = asked[axis], scales[axis]
            sizes = all(max(c.outputs(n, scale), 0) == m for n, m in counts[axis])
            matrix = c.matrix(lines.x.shape[1], scale)
            common = min(len(matrix), lines.y.shape[1])
            if not common:
                return Extent.NONE
            ends = [lines.offsets(matrix[i], i) for i in range(common)]
            alike = np.array([low <= off and high >= -off for low, high in ends])
            return extent_of(alike, sizes, guess.inner)

        match = named(cache(likeness)) if self.linear else None
        if match is not None or not unexplained:
            return match
        match = named(cache(partial(likeness, off=1.0)))
        if match is None:
            return None
        return match._replace(words=f"{match.words} It rounds otherwise than once, to nearest.")


def _turned(study: AxisStudy, rows: Rows, others: OtherLengths, accuracy: Accuracy) -> AxisStudy:
    """Study what runs backwards again, if another length tells that it is the other direction.

    One length leaves open whether the input is turned, or the output and all centres are shifted.
    """
    n, plan = others.whole, study.plan
    matrix = others.matrix(n)
    if matrix is None:
        return study

    def agree_on_shift(word: str) -> bool:
        lengths = ((rows.matrix, plan), (matrix, others.plan_for(n)))
        read = [read_axis(seen, a, accuracy, word) for seen, a in lengths]
        return len({None if r is None else r.shift for r in read}) == 1

    words = ["output", "input"]
    other = words[not words.index(study.first.backwards)]
    if agree_on_shift(study.first.backwards) or not agree_on_shift(other):
        return study
    again = study_axis(np.flip(rows.matrix, words.index(other)), plan, accuracy)
    if again is None:
        return study
    again.faults.insert(0, AxisFault("flip", f"the {other} runs backwards"))
    again.recovered["runs_backwards"] = other
    return again


def _certain(q: Inquiry) -> float:
    """Return what sums may be off by, relative to their absolute terms, in any order of any form.

    Taps are off by their errors, the most at the end of a Gaussian cut at four sigma; and there is
    a rounding a product and a sum, of tables up to twice as large.
    """
    taps = (2 * max((a.radius for a in q.reach), default=0) + 1) ** len(q.reach)
    return math.expm1(_of_taps(q) + q.accuracy.common + 2 * taps * q.accuracy.unit)


def _likely(q: Inquiry) -> float:
    """Return what sums along one axis after the other are off by, as for `_certain`.

    Roundings of a table's many products nearly cancel: in all they are smaller than that, too.
    """
    taps = sum(2 * a.radius + 1 for a in q.reach)  # which are summed, and what they are summed by
    return min(math.expm1(_of_taps(q) + 4 * taps * q.accuracy.unit), _certain(q))


def _of_taps(q: Inquiry) -> float:
    return q.accuracy.axes * (q.accuracy.tap + 8 * q.accuracy.slope) + q.accuracy.steps


def _adapt(studies: Sequence[AxisStudy], filters: Sequence[Filter]) -> None:
    """Say what taps were rounded to, and what integers leave open.

    Of axes that seem to have the same filter, the same is said.
    """
    same = len({(f.sigma, f.coarse, len(f.places)) for f in filters}) == 1
    for study, found in zip(studies, filters, strict=True):
        if found.coarse:
            words = f"taps are those expected, rounded to {found.coarse}"
            explained = ("sigma", "radius", "values", "precision")
            study.faults.insert(0, AxisFault("precision", words, explained))
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
