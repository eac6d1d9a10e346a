"""Numbers of floating point: what they are, from the crudest to the answers to impulses."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import patterns
from ..edges import bordered_row
from ..precisions import FORMATS, as_precision
from .accuracy import Accuracy
from .axes import AxisStudy
from .further import Further
from .grain import judge_grain
from .impulses import Response, Where, amid_of, ask_axes, ask_axis
from .inquiry import Inquiry
from .likeness import asked_of, convention_of, convention_of_nan, likeness_of
from .linearity import read_cut, superposes
from .mixing import mixing
from .overall import answers_to_nothing, judge_rest, judge_sum, total_gain
from .rounding_reach import adds_up, ask_rounding_reach, is_right_but_for_rounding
from .specials import specials
from .studying import study_axis
from .twice import ask_twice

__all__ = ["Floating"]

Values = NDArray[np.float64]

_ATTEMPTS: tuple[tuple[int, Where], ...] = (
    (1, "amid"), (2, "amid"), (2, "start"), (2, "everywhere"), (4, "amid"), (4, "everywhere"),
    (8, "amid"), (16, "amid"),
)  # fmt: skip
"""How long axes are, and where impulses lie, until every axis shows outputs clear of its ends."""


class Floating:
    """What the results are, asked in an order that lets each step rely on those before.

    Attributes
    ----------
    recovered : dict
        What has been measured of all axes together: ``gain``, ``astray``.
    convention : str or None
        A known implementation that gives no numbers.
    linear : bool
        Whether answers are those of a linear map, as far as has been seen.
    """

    def __init__(self, q: Inquiry) -> None:
        self.q = q
        precision = as_precision(q.terms.precision)
        self.digits = min(
            precision.storage.digits, precision.accumulation.digits, precision.operands.digits,
            FORMATS[q.terms.dtype].digits,
        )  # fmt: skip
        self.accuracy = q.accuracy
        self.noise = 0.0
        self.responses: list[Response] = []
        self.studies: list[AxisStudy] = []
        self.recovered: dict[str, Any] = {}
        self.convention: str | None = None
        self.linear = True

    def ask(self) -> list[AxisStudy]:
        """What is known of each axis; nothing where answers do not tell."""
        q = self.q
        if not self._ask_crudely():
            return []
        place, stepped = amid_of(q.lengths, q.reach), False
        shifted = q.has("values", "boundary")
        cut = read_cut(q.subject, q.lengths, place, self.accuracy)
        if cut is not None:
            q.fault("values", cut.words)
            (q.subject.low, q.subject.high), self.linear = cut.inputs, False
            if shifted:
                return []
        if not shifted:
            grain = judge_grain(q.subject, q.lengths, place, self.digits)
            stepped = grain.stepped
            if grain.words:
                words = "; what else may be wrong is hidden by these" if cut and stepped else ""
                q.fault("precision", grain.words + words)
            if cut and stepped:
                return []
            if grain.digits < self.digits:
                self.accuracy = self.accuracy.coarser(grain.digits)
        if cut is None and not q.has("precision") and not self._ask_rounding():
            return []
        # Above what is added to results, and above steps that they come in; or, in a narrow
        # range, so that small taps are no subnormal numbers.
        narrow = q.terms.dtype == "float16" or (q.has("precision") and not stepped)
        amplitude = 2.0**10 if narrow else 2.0**40 if shifted or stepped else 1.0
        amplitude = q.subject.within(amplitude)
        if not superposes(q.subject, q.lengths, place, amplitude, self.accuracy):
            self.linear = False
            q.fault(
                "values",
                "it is not linear: two impulses do not get the sum of what each gets",
            )
        elif not self._ask_impulses(amplitude):
            q.fault("values", "answers to single impulses show no filter")
        return self.studies

    def _ask_rounding(self) -> bool:
        """Whether there is more to be found than rounding errors that reach too far."""
        reach = ask_rounding_reach(self.q)
        if reach is None:
            return True
        right = is_right_but_for_rounding(self.q, reach)
        if not right and not adds_up(self.q):
            return True
        if not right and reach.extent == "within":
            return True
        self.recovered["rounding_reaches"] = reach.extent
        self.noise = reach.size + self.accuracy.unit
        self.accuracy = self.accuracy.noisy(self.noise)
        if self.q.terms.form == "fft":
            return True
        self.q.fault("precision", reach.words)
        return not right

    def _ask_crudely(self) -> bool:
        """Whether there are numbers to be studied."""
        q = self.q
        y = self._ask_twice()
        if y is None or q.has("unstable", "values"):
            return False
        if 0 in y.shape[:2]:
            q.fault("channels", f"{y.shape[0]} batch entries of {y.shape[1]} channels come out")
            return False
        if not np.any(y) or np.isinf(y).all():
            what = "are infinite" if y.any() else "are zero" if y.size else "hold nothing"
            q.fault("values", f"all results {what}")
            return False
        middling = tuple(a.middling + k for k, a in enumerate(q.reach))
        middling = q.terms.accepts.nearest(middling)
        for words in mixing(q.subject, middling, self.accuracy, q.counts):
            q.fault("channels", words)
            q.subject.batches = False
        q.faults += answers_to_nothing(q.subject, q.lengths)
        if q.has("nan"):
            scales = {float(q.axis_plan(k, a.least).scale) for k, a in enumerate(q.reach)}
            self.convention = convention_of_nan(min(scales))
            return False
        return True

    def _ask_twice(self) -> NDArray[np.float64] | None:
        """The answer to noise; the same question again gets the same answer."""
        x = 64 * patterns.noise((1, self.q.subject.channels, *self.q.lengths), 3)
        return ask_twice(self.q, x)

    def _ask_impulses(self, amplitude: float) -> bool:
        """Answers along every axis, with longer axes where shorter ones leave too much open."""
        q = self.q
        for times, where in _ATTEMPTS:
            if self.studies and (where != "amid" or times > 4):
                continue  # there are answers, and longer axes did not change them
            answers = ask_axes(q.subject, q.reach, self.accuracy, amplitude, times, where)
            responses = [r for r in answers if r is not None]
            if len(responses) < len(answers):
                continue
            found = [
                study_axis(
                    r.matrix, q.axis_plan(k, r.matrix.shape[1]), self._accuracy_of(r, amplitude),
                    self._further(k, r, amplitude, times), self._crossing(k, r),
                )
                for k, r in enumerate(responses)
            ]  # fmt: skip
            studies = [s for s in found if s is not None]
            doubtful = any(s.is_doubtful for s in studies)
            if len(studies) < len(found) or (self.studies and doubtful):
                continue
            self.responses, self.studies = responses, studies
            if not doubtful:
                break
        return bool(self.studies)

    def _crossing(self, axis: int, r: Response) -> float:
        """Return the expected tap of the other axes together where their middles cross a line."""
        others = [self.q.axis_plan(k, n) for k, n in enumerate(r.lengths) if k != axis]
        return math.prod(float(a.taps.max()) for a in others) if r.where == "amid" else 1.0

    def _further(self, axis: int, first: Response, amplitude: float, times: int) -> Further:
        """Questions about an axis that has answered already."""
        q = self.q

        def ask(lengths: tuple[int, ...]) -> Values | None:
            found = ask_axis(
                q.subject, q.reach, lengths, axis, self.accuracy, amplitude, max(times, 2),
                first.where,
            )  # fmt: skip
            return None if found is None else found.matrix

        plan_for = partial(q.axis_plan, axis)
        return Further(q.subject, q.reach, axis, plan_for, times, first.lengths, ask)

    def _accuracy_of(self, response: Response, amplitude: float) -> Accuracy:
        """The limits for one axis' answers."""
        accuracy = self.accuracy
        if response.where == "everywhere":
            accuracy = accuracy.summed(max(response.lengths))
        least = np.abs(response.matrix[response.matrix != 0]).min(initial=np.inf) * abs(amplitude)
        held = FORMATS[self.q.terms.dtype]
        return accuracy.off(held.smallest / float(least) if least < held.normal else 0.0)

    def conclude(self) -> None:
        """What concerns all axes together, once each has been judged for itself."""
        if not self.studies:
            return
        q, studies = self.q, self.studies
        gain, terms = total_gain(q.subject, self.responses, studies)
        self.recovered["gain"] = gain
        fault, coarse = None, q.has("precision")
        if self.noise:
            q.note(judge_sum(gain, q.accuracy.off(64 * self.noise), False))
        else:
            if not coarse:
                fault, linear = judge_rest(q.subject, studies, gain, self.accuracy)
                self.linear = self.linear and linear
                coarse = fault is not None and fault.code == "precision"
            q.note(judge_sum(gain, self.accuracy.summed(terms), coarse))
            q.note(fault)
        spread = q.terms.form == "fft" or "rounding_reaches" in self.recovered
        if not q.has("values", "channels") and not spread:
            found = specials(q.subject, [_reads(s) for s in studies])
            if any(s.blames("precision") for s in studies):  # infinity times zero is NaN
                found = [astray for astray in found if "infinity" not in astray.words]
            for astray in found[:1]:
                q.fault("nan", astray.words)
                self.recovered["astray"] = {"what": astray.name, "lost": astray.lost}

    def named(self, counts: Sequence[Sequence[tuple[int, int]]], faultless: bool) -> str | None:
        """The known implementation that the answers are those of."""
        if not self.studies or not self.linear:
            return self.convention
        likeness = likeness_of(self.studies, counts, self.accuracy)
        scales = [float(s.plan.scale) for s in self.studies]
        return convention_of(
            scales, likeness, asked=asked_of(self.q.lengths, self.q.axis_plan, counts),
            as_asked=self.q.as_asked(self.studies), faultless=faultless,
        )  # fmt: skip


def _reads(study: AxisStudy) -> NDArray[np.bool_]:
    """Tell which outputs read which inputs, by taps that are rounded to zero, too."""
    reads: NDArray[np.bool_] = study.observed != 0
    a = study.plan
    if study.blames("precision"):
        places, ones = np.arange(-a.radius, a.radius + 1.0), np.ones(2 * a.radius + 1)
        rows = [bordered_row(c, places, ones, a.length, a.boundary) for c in a.centres.tolist()]
        if len(rows) == len(reads):
            reads |= np.array(rows) != 0
    return reads
