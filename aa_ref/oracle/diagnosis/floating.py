"""Numbers of floating point: what they are, from the crudest to the answers to impulses."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..convention_parts import bordered_row
from ..conventions import Match
from ..numerics.formats import FORMATS, as_precision
from ..probes import patterns
from .axis_faults import study_axis
from .blackbox import AxisFault, BlackBox, Inquiry, central_sample
from .estimate import AxisStudy
from .impulse_response import ImpulseResponse, OtherLengths, Where, ask_axes, ask_axis
from .known_implementations import as_asked, asked_of, convention_of, convention_of_nan, likeness_of
from .nonlinearity import Granularity, find_clipping, granularity_of, stray_numbers, superposes
from .planes import answers_to_nothing, ask_repeatedly, constants_beyond, mixed_planes
from .residuals import judge_residuals, words_of_seams
from .rounding_reach import adds_up, ask_rounding_reach, is_right_but_for_rounding
from .tap_models import Accuracy

__all__ = ["Floating"]

Values = NDArray[np.float64]

_ATTEMPTS: tuple[tuple[int, Where], ...] = (
    (1, "middle"), (2, "middle"), (2, "start"), (2, "everywhere"), (4, "middle"), (4, "everywhere"),
    (8, "middle"), (16, "middle"),
)  # fmt: skip
"""How long axes are, and where impulses lie, until every axis shows outputs clear of its ends."""

_COARSEST = 4 * FORMATS["bfloat16"].unit
"""What weights may be off by where numbers are coarse, and nothing tells how much."""


class Floating:
    """Asks what the results are, in an order that lets each step rely on those before.

    `match` is a known implementation that gives no numbers; `linear` says whether answers are those
    of a linear map, as far as has been seen; `zeros_are_cut` that zeros' answer is cut at the ends.
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
        self.coarse = _COARSEST
        self.responses: list[ImpulseResponse] = []
        self.studies: list[AxisStudy] = []
        self.recovered: dict[str, Any] = {}
        self.match: Match | None = None
        self.linear = True
        self.zeros_are_cut = False

    def ask(self) -> list[AxisStudy]:
        """Study each axis; none where answers do not tell."""
        q, place = self.q, central_sample(self.q.lengths, self.q.reach)
        added = self._ask_crudely()
        if added is None:
            return []
        cut = find_clipping(q.subject, q.lengths, place, self.accuracy)
        if cut is not None:
            q.fault("values", cut.words)
            (q.subject.low, q.subject.high), self.linear = cut.inputs, False
            if any(fault.code == "values" for fault in added):
                return []
        held = Granularity("", self.digits)
        if not added:
            held = granularity_of(q.subject, q.lengths, place, self.digits)
            hidden = "; what else may be wrong is hidden by these" if cut and held.stepped else ""
            if held.words:
                q.fault("precision", held.words + hidden)
            if hidden:
                return []
            beyond = constants_beyond(q, q.lengths) if cut else []
            q.faults += beyond
            self.zeros_are_cut = bool(beyond)
        coarse, fine = bool(held.words), held.digits == held.results
        if held.digits < self.digits:
            self.accuracy = self.accuracy.coarser(held.digits, throughout=fine)
            self.coarse = 4 * 2.0 ** (1 - held.digits)
        if cut is None and (not coarse or fine):
            reach, all_is_told = self._ask_rounding()
            if all_is_told:
                return []
            coarse = coarse or reach
        # Above what is added to results, and above steps that they come in; or, in a narrow
        # range, so that small taps are no subnormal numbers.
        narrow = q.terms.dtype == "float16" or (coarse and not held.stepped)
        amplitude = 2.0**10 if narrow else 2.0**40 if added or held.stepped else 1.0
        amplitude = q.subject.within(amplitude)
        if not superposes(q.subject, q.lengths, place, amplitude, self.accuracy):
            self.linear = False
            words = "it is not linear: two impulses do not get the sum of what each gets"
            q.fault("values", words)
        elif not self._ask_impulses(amplitude):
            q.fault("values", "answers to single impulses show no filter")
        for study in self.studies if cut is not None and q.has("boundary") else []:
            study.faults.append(AxisFault("boundary", "", ("boundary",)))  # told by zeros' answer
        return self.studies

    def _ask_rounding(self) -> tuple[bool, bool]:
        """Tell whether rounding errors that reach too far are a fault, and whether the only one."""
        reach = ask_rounding_reach(self.q, self.accuracy)
        if reach is None:
            return False, False
        right = is_right_but_for_rounding(self.q, reach)
        if not right and (reach.extent == "within" or not adds_up(self.q)):
            return False, False
        self.recovered["rounding_reaches"] = reach.extent
        self.noise = reach.size + self.accuracy.unit
        self.accuracy = self.accuracy.noisy(self.noise)
        if self.q.terms.form == "fft":
            return False, False
        self.q.fault("precision", reach.words)
        return True, right

    def _ask_crudely(self) -> list[AxisFault] | None:
        """Return what is added to all results; None if there are no numbers to be studied."""
        q = self.q
        noise = 64 * patterns.noise((1, q.subject.channels, *q.lengths), 3)
        y = ask_repeatedly(q, noise)
        if y is None or q.has("unstable", "values"):
            return None
        if 0 in y.shape[:2]:
            q.fault("channels", f"{y.shape[0]} batch entries of {y.shape[1]} channels come out")
            return None
        if not np.any(y) or np.isinf(y).all():
            what = "are infinite" if y.any() else "are zero" if y.size else "hold nothing"
            q.fault("values", f"all results {what}")
            return None
        short = q.terms.accepts.nearest(tuple(a.middling + k for k, a in enumerate(q.reach)))
        for words in mixed_planes(q.subject, short, self.accuracy, q.counts):
            q.fault("channels", words)
            q.subject.batches = False
        added = answers_to_nothing(q, q.lengths)
        q.faults += added
        if any(fault.code == "nan" for fault in added):
            scales = {float(q.axis_plan(k, a.least).scale) for k, a in enumerate(q.reach)}
            self.match = convention_of_nan(min(scales))
            return None
        return added

    def _ask_impulses(self, amplitude: float) -> bool:
        """Study answers along every axis, longer ones where shorter ones leave too much open."""
        q = self.q
        for times, where in _ATTEMPTS:
            if self.studies and (where != "middle" or times > 4):
                continue  # there are answers, and longer axes did not change them
            answers = ask_axes(q.subject, q.reach, self.accuracy, amplitude, times, where)
            responses = [r for r in answers if r is not None]
            if len(responses) < len(answers):
                continue
            found = [
                study_axis(
                    r.matrix, q.axis_plan(k, r.matrix.shape[1]), self._accuracy_of(r, amplitude),
                    self._other_lengths(k, r, amplitude, times), self._crossing(k, r),
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

    def _crossing(self, axis: int, r: ImpulseResponse) -> float:
        """Return the expected tap of the other axes together where their middles cross a line."""
        others = [self.q.axis_plan(k, n) for k, n in enumerate(r.lengths) if k != axis]
        return math.prod(float(a.taps.max()) for a in others) if r.where == "middle" else 1.0

    def _other_lengths(
        self, axis: int, first: ImpulseResponse, amplitude: float, times: int
    ) -> OtherLengths:
        """Return the questions about other lengths of an axis that has answered already."""
        q = self.q

        def ask(lengths: tuple[int, ...]) -> Values | None:
            found = ask_axis(
                q.subject, q.reach, lengths, axis, self.accuracy, amplitude, max(times, 2),
                first.where,
            )  # fmt: skip
            return None if found is None else found.matrix

        plan_for = partial(q.axis_plan, axis)
        return OtherLengths(q.subject, q.reach, axis, plan_for, times, first.lengths, ask)

    def _accuracy_of(self, response: ImpulseResponse, amplitude: float) -> Accuracy:
        """Return the limits for one axis' answers."""
        accuracy = self.accuracy
        if response.where == "everywhere":
            accuracy = accuracy.summed(max(response.lengths))
        least = np.abs(response.matrix[response.matrix != 0]).min(initial=np.inf) * abs(amplitude)
        held = FORMATS[self.q.terms.dtype]
        return accuracy.off(held.smallest / float(least) if least < held.normal else 0.0)

    def conclude(self) -> None:
        """Judge what concerns all axes together, once each has been judged for itself."""
        if not self.studies:
            return
        q, studies = self.q, self.studies
        gain, terms = _total_gain(q.subject, self.responses, studies)
        self.recovered["gain"] = gain
        if self.noise:
            q.note(_judge_sum(gain, q.accuracy.off(64 * self.noise)))
        else:
            fault, coarse = None, self.coarse
            if not q.has("precision"):
                if not self.zeros_are_cut:
                    fault, linear = judge_residuals(q.subject, studies, gain, self.accuracy)
                    self.linear = self.linear and linear
                coarse = _COARSEST if fault is not None and fault.code == "precision" else 0.0
            elif any(s.blames("precision") for s in studies):
                coarse = _COARSEST
            q.note(_judge_sum(gain, q.accuracy.summed(terms), coarse))
            q.note(fault)
            self._ask_long_axes(gain)
        spread = q.terms.form == "fft" or "rounding_reaches" in self.recovered
        if not q.has("values", "channels") and not spread:
            found = stray_numbers(q.subject, [_reads(s) for s in studies])
            if any(s.blames("precision") for s in studies):  # infinity times zero is NaN
                found = [astray for astray in found if "infinity" not in astray.words]
            for astray in found[:1]:
                q.fault("nan", astray.words)
                self.recovered["astray"] = {"what": astray.name, "lost": astray.lost}

    def _ask_long_axes(self, gain: float) -> None:
        """Tell where a map that explains all of small planes does not hold on longer ones."""
        q = self.q
        if not self.linear or q.has("values", "channels", "precision"):
            return
        if seams := words_of_seams(q, self.studies, gain, self.accuracy):
            q.fault("values", seams)
            self.recovered["seams"] = seams

    def named(self, counts: Sequence[Sequence[tuple[int, int]]], faultless: bool) -> Match | None:
        """Name the known implementation that the answers are those of."""
        if not self.studies or not self.linear:
            return self.match
        likeness = likeness_of(self.studies, counts, self.accuracy)
        scales = [float(s.plan.scale) for s in self.studies]
        return convention_of(
            scales, likeness, asked=asked_of(self.q.lengths, self.q.axis_plan, counts),
            as_asked=as_asked(self.q, self.studies), faultless=faultless,
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


def _total_gain(
    subject: BlackBox, responses: Sequence[ImpulseResponse], studies: Sequence[AxisStudy]
) -> tuple[float, int]:
    """Return the sum of all weights of an inner output, and how many terms were summed for it.

    Each line of answers is the taps of its axis times one weight of every other axis; where lines
    cross, the answer is the product of one weight of each: so no sum is the implementation's own.
    Lines of impulses have seen all other weights. If lines come from different planes, the answer
    to ones everywhere tells instead.
    """
    first, count = responses[0], len(responses)
    if count == 1 or first.where == "everywhere":
        return studies[0].rows.total, max(first.lengths)
    crossing = float(first.matrix[responses[1].line[0], responses[1].at[0]])
    if all(r.lengths == first.lengths for r in responses) and crossing:
        return math.prod(s.rows.total for s in studies) / crossing ** (count - 1), 1
    lengths = tuple(r.lengths[k] for k, r in enumerate(responses))
    y = subject.plane(np.ones(lengths))
    gain = math.nan if y is None else float(y[tuple(m // 2 for m in y.shape)])
    return gain, math.prod(len(s.rows.taps) for s in studies)


def _judge_sum(gain: float, accuracy: Accuracy, coarse: float = 0.0) -> AxisFault | None:
    """Judge whether the weights sum to 1, to within the errors of recovering them.

    ``coarse`` is what they may be off by where numbers are coarser than they should be.
    """
    limit = max(accuracy.sum(), coarse)
    if math.isnan(gain) or abs(gain - 1) <= limit:
        return None
    return AxisFault("normalisation", f"the weights of an output sum to {gain:.8g}, not 1")
