"""One check under way: every probe is asked, every answer judged, the first failure kept."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plans import Direction
from .answers import Case, Fault, judge_answer, judge_repeated
from .calling import Answer, Caller, Question, standard_arithmetic
from .conventions import Match
from .endurance import Endurance
from .errors import OracleError
from .explain import explained
from .findings import CODES, Finding, shape_in_words
from .gradients import gradients, identity_of, name_fault
from .numerics.compare import Grade, suspicions
from .numerics.truth import flushing_explains
from .probes import Probe, large_probes, probes
from .probes.lengths import reach_of
from .probes.patterns import array_type
from .report import Report
from .snippets import snippet
from .terms import Terms, in_batches
from .verdict import Scope, evidence_of

__all__ = ["Trial"]

_PATIENCE, _MANY = 30.0, 10_000
"""Seconds that a large probe may take, and samples from which on time grows with their number."""

_OF_CALLS = ("timeout", "error", "mutates", "aliases", "unstable")
"""What is found of the adjoint as of any function."""


class Trial:
    """One check: what is asked, and what comes of it.

    ``functions`` are those that are judged, by direction, for snippets; ``progress``, ``channels``
    and ``seed`` as of `aa_ref.oracle.check`.
    """

    def __init__(
        self,
        terms: Terms,
        functions: Mapping[Direction, Any],
        caller: Caller,
        progress: Callable[[int, int | None], None],
        channels: int | None,
        seed: int,
    ) -> None:
        self._terms, self._functions, self._caller = terms, functions, caller
        self._progress, self._channels, self._seed = progress, channels, seed
        self._asked, self._over, self._pace = 0, False, 0.0
        self._planned: int | None = None
        self._scope = Scope(terms.layout, terms.accepts)
        self._findings: list[Finding] = []
        self._cases: list[Case] = []
        self._answers: dict[tuple[Direction, str], NDArray[Any]] = {}
        self._changing: set[Direction] = set()
        self._notes: list[str] = []
        self._match: Match | None = None
        self._recovered: dict[str, Any] = {}

    def run(self, minutes: float = 0) -> None:
        """Ask everything, for so many minutes larger things too, and explain what is wrong."""
        terms = self._terms
        found = self._made(probes)
        terms.bound(found[0].x, terms.plan(found[0].x.shape), "forward")  # refuses unknown terms
        self._ask_all(found)
        if self._is_right:
            self._ask_all(self._made(large_probes))
        if minutes and self._is_right:
            asked = Endurance(terms, self._ask, self._channels, self._seed, [*self._functions])
            if (failing := asked.run(minutes)) is not None:
                for fault in failing.faults:
                    self._find_of(fault, failing.description, failing.question)
        codes = {finding.code for finding in self._findings}
        stable = "forward" not in self._changing
        if stable and not self._over and (self._failures or "size" in codes):
            self._explain()  # of answers that change, nothing can be told
        self._look_at_empty_batch()

    @property
    def _forward_cases(self) -> list[Case]:
        return [c for c in self._cases if c.question.direction == "forward"]

    @property
    def _failures(self) -> list[Case]:
        """What the function itself has wrong, in values alone, too."""
        return [c for c in self._forward_cases if c.fault is not None]

    @property
    def _is_right(self) -> bool:
        return not (self._failures or self._findings)

    def _made(self, make: Callable[[Terms, int | None, int], Iterator[Probe]]) -> list[Probe]:
        with standard_arithmetic():  # where subnormal numbers are not zeros
            found = list(make(self._terms, self._channels, self._seed))
        return [p for p in found if p.kind != "huge" or self._terms.holds_largest]

    def _ask_all(self, found: list[Probe]) -> None:
        """Ask these, all of them again, and for the gradients that go with them."""
        adjoint = "adjoint" in self._functions
        given = list(gradients(found, self._terms, self._seed)) if adjoint else []
        self._plan(2 * (len(found) + len(given)))
        asked = [(probe, _question_of(probe)) for probe in found]
        for probe, question in asked:
            if self._is_patient(probe):
                self._judge(probe, question)
        if not self._failures:  # which would have a reason that explains these, too
            for case in self._forward_cases:
                self._look_at_flushing(case)
        self._ask_again(asked)
        for probe, question in given:
            self._judge(probe, question)
        self._ask_again(given)
        if "adjoint" not in self._changing:  # of answers that change, nothing can be told
            self._name_adjoint()

    def _plan(self, more: int | None) -> None:
        """Tell how many calls are to come; None if nobody knows."""
        self._planned = None if more is None else self._asked + more
        self._progress(self._asked, self._planned)

    def _is_patient(self, probe: Probe) -> bool:
        """Whether a function at the pace of its last call answers this within half a minute."""
        wanted = self._pace * probe.x.size
        if not probe.is_large or wanted < _PATIENCE:
            return True
        by = shape_in_words(probe.x.shape)
        self._notes.append(f"was not asked of shape {by}, which would take it some {wanted:.0f} s")
        return False

    def _ask(self, question: Question, label: str = "") -> Answer | None:
        """The answer, or None where an earlier one was the last; counted if it has a label."""
        if self._over:
            return None
        begun = time.monotonic()
        answer = self._caller.ask(question)
        if question.x.size > _MANY:
            self._pace = (time.monotonic() - begun) / question.x.size
        self._asked += 1
        self._progress(self._asked, self._planned)
        if label:
            self._scope.add(question, label, 0 if answer.y is None else answer.y.size)
        if answer.end in ("timed out", "died"):
            self._over = True
            self._notes.append(f"nothing was asked after call {self._asked}, which did not end")
        return answer

    def _judge(self, probe: Probe, question: Question) -> None:
        """Ask one question; of wrong values more is told when all answers are there."""
        answer = self._ask(question, probe.label)
        if answer is None:
            return
        plan = self._terms.plan(probe.x.shape, question.direction)
        faults, y, comparison = judge_answer(answer, question, plan, self._terms)
        case = None
        if answer.y is not None and y is not None and comparison is not None:
            case = Case(probe, question, answer.y, faults, y, comparison)
            self._cases.append(case)
        if answer.y is not None:
            self._answers[question.direction, probe.label] = answer.y
        for fault in faults:
            if fault.code != "values":
                self._find_of(fault, probe.description, question, case)

    def _find_of(
        self, fault: Fault, description: str, question: Question, case: Case | None = None
    ) -> None:
        """Keep what is found, of the adjoint with its words."""
        if question.direction == "forward":
            self._find_once(fault, description, question)
            return
        message = f"the adjoint {fault.message}"
        if fault.code == "size" and case is not None and _is_a_right_part(case):
            message += "; what comes of it is right, and the tail is lost"
        elif case is not None:
            y = self._answers.get(("forward", case.probe.label))
            message += identity_of(case, y, self._terms)
        code = fault.code if fault.code in _OF_CALLS else "adjoint"
        named = replace(fault, code=code, message=message)
        self._find_once(named, f"gradient of {description}", question)

    def _name_adjoint(self) -> None:
        """Tell what is wrong with all gradients whose values are."""
        wrong = [c for c in self._cases if c.question.direction == "adjoint" and c.fault]
        if wrong and (fault := wrong[0].fault):
            named = name_fault(wrong, self._terms) or fault.message
            probe, question, *_ = wrong[0]
            self._find_of(replace(fault, message=named), probe.description, question, wrong[0])

    def _look_at_flushing(self, case: Case) -> None:
        """Where results may be flushed, the bound tells nothing, but not all is possible."""
        if case.probe.kind != "subnormal" or case.comparison.grade != "cannot-judge":
            return
        x, y, direction = case.question.x, case.y, case.question.direction
        plan = self._terms.plan(x.shape)
        allowed = self._terms.bound(x, plan, direction)
        if not flushing_explains(y, x, plan, direction, allowed):
            fault = Fault(
                "values", "gives for subnormal numbers what neither keeping them nor flushing them "
                "to zero can give", f"the result goes from {y.min():.9g} to {y.max():.9g}",
                ["print('result:', y.min(), 'to', y.max())"],
            )  # fmt: skip
            self._find_once(fault, case.probe.description, case.question)

    def _ask_again(self, asked: Sequence[tuple[Probe, Question]]) -> None:
        """Ask everything a second time, largest first, so that other calls lie between."""
        changed = []
        for probe, question in reversed(asked):
            first = self._answers.get((question.direction, probe.label))
            answer = None if first is None else self._ask(question, probe.label)
            if first is None or answer is None:
                continue
            fault = judge_repeated(answer, first, self._terms.layout.name)
            if fault is not None:
                self._changing.add(question.direction)
                changed.append((fault, probe.description, question))
        for found in reversed(changed):
            self._find_of(*found)

    def _look_at_empty_batch(self) -> None:
        """Note what becomes of a batch without entries; asked last, since a crash ends all."""
        layout, accepts = self._terms.layout, self._terms.accepts
        few = accepts.batch is not None or bool(accepts.shapes)
        failed = any(f.code == "error" for f in self._findings)
        if self._over or few or failed or not layout.has_batch:
            return
        reach = reach_of(self._terms.plan, len(layout.name))
        lengths = accepts.nearest(tuple(a.least + a.step for a in reach))
        shape = layout.shape(0, self._channels or 1, lengths)
        x = np.zeros(shape, array_type(self._terms.dtype))
        answer, wanted = self._caller.ask(Question("forward", x)), self._terms.plan(shape).out_shape
        self._asked += 1
        self._plan(None if self._planned is None else 0)
        if answer.y is None or answer.y.shape != wanted:
            found = answer.words if answer.y is None else f"a result of shape {answer.y.shape}"
            self._notes.append(
                f"fails on an empty batch, of shape {shape}, which frameworks do pass: {found}; "
                f"the contract gives an empty result, of shape {wanted}"
            )

    def _find_once(self, fault: Fault, description: str, question: Question) -> None:
        """Keep the first, which is the smallest, of each code."""
        if not any(f.code == fault.code for f in self._findings):
            self._find(fault, description, question)

    def _find(self, fault: Fault, description: str, question: Question) -> None:
        example = f"{description} (shape {shape_in_words(question.x.shape)}): {fault.example}"
        code = snippet(self._functions, question, fault.lines)
        self._findings.append(Finding(fault.code, fault.message, example, code))

    def _explain(self) -> None:
        self._plan(None)
        layout, accepts = self._terms.layout, self._terms.accepts
        found, self._match, self._recovered = explained(
            self._failures, self._forward_cases, self._terms,
            in_batches(self._guarded, layout, accepts.batch), self._channels,
        )  # fmt: skip
        sizes = next((f for f in self._findings if f.code == "size"), None)
        if found and sizes is not None:  # which follow from what was found, or are explained better
            self._findings.remove(sizes)
        for code, message, case in found:
            if code == "unstable" and any(f.code == code for f in self._findings):
                continue  # the second asking has seen it, with an example of its own
            if case is not None and case.fault is not None and not (code == "size" and sizes):
                fault = replace(case.fault, code=code, message=message)
                self._find(fault, case.probe.description, case.question)
            else:
                self._findings.append(
                    replace(sizes or Finding(code, ""), code=code, message=message)
                )

    def _guarded(self, x: NDArray[Any]) -> NDArray[Any]:
        """The function as a diagnosis may ask it: called as all calls are, and no other end."""
        question = Question("forward", x)
        answer = self._ask(question)
        if answer is not None and answer.y is not None:
            return answer.y
        if answer is None:
            raise OracleError("an earlier answer did not come")
        plan = self._terms.plan(x.shape)
        for fault in judge_answer(answer, question, plan, self._terms).faults:
            self._find_once(fault, "a question of the diagnosis", question)
        raise OracleError(answer.words)

    def report(self, name: str) -> Report:
        """Give the verdict."""
        grades = {_grade_of(c) for c in self._cases}
        grade: Grade = "bit-identical"
        for worse in ("within-bound", "cannot-judge"):
            grade = worse if worse in grades else grade
        if not self._is_right or "fails" in grades or not self._cases:
            grade = "fails"
        # Of answers that are wrong, what is spared or not judged tells nothing.
        remarks = () if grade == "fails" else _remarks(self._cases)
        odd = [
            f"{c.probe.label}: {words}" for c in self._cases
            if c.probe.kind == "random" and c.fault is None for words in suspicions(c.comparison)
        ]  # fmt: skip
        return Report(
            name, self._terms.to_dict(), str(self._terms), grade,
            max((c.comparison.worst for c in self._cases), default=0.0),
            tuple(sorted(self._findings, key=lambda f: list(CODES).index(f.code))),
            tuple(odd), (*self._notes, *remarks), self._match, self._recovered, self._asked,
            self._scope, evidence_of(self._terms, self._forward_cases),
        )  # fmt: skip


def _question_of(probe: Probe) -> Question:
    return Question("forward", probe.x, probe.arrangement, recipe=probe.recipe)


def _is_a_right_part(case: Case) -> bool:
    """Whether an answer is smaller than it should be, and all that there is of it is right."""
    smaller = all(n <= m for n, m in zip(case.answer.shape, case.y.shape, strict=True))
    return case.fault is None and smaller


def _grade_of(case: Case) -> Grade:
    """Its grade, but for subnormal numbers, which may be flushed to zero, of which a note tells."""
    grade = case.comparison.grade
    spared = case.probe.kind == "subnormal" and grade == "cannot-judge"
    return "within-bound" if spared else grade


def _remarks(cases: list[Case]) -> Iterator[str]:
    """What comparisons note, each once, with the probes that it was noted of."""
    labels: dict[str, list[str]] = {}
    for case in cases:
        for note in case.comparison.notes if case.comparison.grade != "bit-identical" else ():
            text = re.sub(r"^[\d,]+ elements? (is|are)\b", "some elements are", note)
            labels.setdefault(text, []).append(case.probe.label)
    for remark, (first, *others) in labels.items():
        more = f" and {len(others)} more" if others else ""
        yield f"{first}{more}: {remark}"
