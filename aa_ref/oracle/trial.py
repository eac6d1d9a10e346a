"""One check under way: every probe is asked, every answer judged, the first failure kept."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plans import Direction, Plan
from .accepted import in_batches
from .adjoints import WrongGradient, name_fault
from .calls import Answer, Caller, Question
from .comparison import Comparison
from .endurance import Endurance
from .environment import standard_arithmetic
from .errors import OracleError
from .evidence import Case, evidence_of
from .explaining import Failure, explained
from .faults import Fault, judge_answer, judge_repeated
from .findings import CODES, Finding
from .flushing import flushing_explains
from .lengths import reach_of
from .patterns import array_type
from .probes import Probe, large_probes, probes
from .report import Grade, Report
from .scope import Scope
from .snippets import snippet
from .suspicions import suspicions
from .terms import Terms
from .transposes import Gradient, gradients, identity_of

__all__ = ["Trial"]

_PATIENCE, _MANY = 30.0, 10_000
"""Seconds that a large probe may take, and samples from which on time grows with their number."""


@dataclass
class Trial:
    """One check: what was asked, and what came of it."""

    terms: Terms
    functions: Mapping[Direction, Any]
    caller: Caller
    progress: Callable[[int, int | None], None]
    over: bool = False
    asked: int = 0
    planned: int | None = None
    pace: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    compared: list[tuple[Probe, Comparison]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    wrong_gradients: list[tuple[WrongGradient, Fault, str, Question]] = field(default_factory=list)
    impossible: list[tuple[Fault, str, Question]] = field(default_factory=list)
    answers: dict[str, NDArray[Any]] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    convention: str | None = None
    recovered: dict[str, Any] = field(default_factory=dict)
    scope: Scope = field(init=False)

    def __post_init__(self) -> None:
        self.scope = Scope(self.terms.layout)

    def run(self, channels: int | None, seed: int, minutes: float = 0) -> None:
        """Ask everything, for so many minutes larger things too, and explain what is wrong."""
        terms = self.terms
        found = self._made(probes, channels, seed)
        terms.bound(found[0].x, terms.plan(found[0].x.shape), "forward")  # refuses unknown terms
        self._ask_all(found, seed)
        if not (self.failures or self.findings):
            self._ask_all(self._made(large_probes, channels, seed), seed)
        if minutes and not (self.failures or self.findings):
            failing = Endurance(terms, self._ask, channels, seed).run(minutes)
            if failing is not None:
                for fault in failing.faults:
                    self._find_once(fault, failing.description, failing.question)
        codes = {finding.code for finding in self.findings}
        if "unstable" not in codes and not self.over and (self.failures or "size" in codes):
            self._explain(channels)  # of answers that change, nothing can be told
        self._look_at_empty_batch(channels)

    def _made(
        self, make: Callable[..., Iterator[Probe]], channels: int | None, seed: int
    ) -> list[Probe]:
        terms = self.terms
        with standard_arithmetic():  # where subnormal numbers are not zeros
            found = list(
                make(
                    terms.layout, terms.dtype, terms.plan, channels=channels, seed=seed,
                    accepts=terms.accepts,
                )
            )  # fmt: skip
        return [p for p in found if p.kind != "huge" or terms.holds_largest]

    def _ask_all(self, found: list[Probe], seed: int) -> None:
        """Ask these, all of them again, and for the gradients that go with them."""
        given = list(gradients(found, self.terms, seed)) if "adjoint" in self.functions else []
        self.planned = self.asked + 2 * len(found) + len(given)
        self.progress(self.asked, self.planned)
        for probe in found:
            if self._is_patient(probe):
                self._forward(probe)
        if not self.failures:  # which would have a reason that explains these, too
            for fault, description, question in self.impossible:
                self._find_once(fault, description, question)
        self._again(found)
        for gradient in given:
            self._adjoint(gradient)
        self._name_adjoint()

    def _is_patient(self, probe: Probe) -> bool:
        """Whether a function at the pace of its last call answers this within half a minute."""
        wanted = self.pace * probe.x.size
        if not probe.is_large or wanted < _PATIENCE:
            return True
        by = "×".join(map(str, probe.x.shape))
        self.notes.append(f"was not asked of shape {by}, which would take it some {wanted:.0f} s")
        return False

    def _ask(self, question: Question, label: str = "") -> Answer | None:
        """The answer, or None where an earlier one was the last; counted if it has a label."""
        if self.over:
            return None
        begun = time.monotonic()
        answer = self.caller.ask(question)
        if question.x.size > _MANY:
            self.pace = (time.monotonic() - begun) / question.x.size
        self.asked += 1
        self.progress(self.asked, self.planned)
        if label:
            self.scope.add(question, label, 0 if answer.y is None else answer.y.size)
        if answer.end in ("timed out", "died"):
            self.over = True
            self.notes.append(f"nothing was asked after call {self.asked}, which did not end")
        return answer

    def _forward(self, probe: Probe) -> None:
        question = _question_of(probe)
        answer = self._ask(question, probe.label)
        if answer is None:
            return
        plan = self.terms.plan(probe.x.shape)
        faults, y, comparison = judge_answer(answer, question, plan, self.terms)
        for fault in faults:
            if fault.code == "values" and y is not None and comparison is not None:
                self.failures.append(Failure(probe, question, fault, y, comparison))
            else:
                self._find_once(fault, probe.description, question)
        if comparison is not None and y is not None:
            self._keep(probe, comparison)
            self._look_at_flushing(probe, question, plan, y, comparison)
        if answer.y is not None:
            self.answers[probe.label] = answer.y
            if comparison is not None:
                self.cases.append(Case(probe, answer.y, comparison))

    def _keep(self, probe: Probe, comparison: Comparison) -> None:
        self.compared.append((probe, comparison))
        for note in comparison.notes if comparison.grade != "bit-identical" else ():
            text = re.sub(r"^[\d,]+ elements? (is|are)\b", "some elements are", note)
            self.remarks.setdefault(text, []).append(probe.label)
        if probe.kind == "random" and comparison.grade != "fails":
            self.suspicions += [f"{probe.label}: {s}" for s in suspicions(comparison)]

    def _look_at_flushing(
        self, probe: Probe, question: Question, plan: Plan, y: NDArray[Any], c: Comparison
    ) -> None:
        """Where results may be flushed, the bound tells nothing, but not all is possible."""
        if probe.kind != "subnormal" or c.grade != "cannot-judge":
            return
        if not flushing_explains(y, question.x, plan, question.direction, self.terms):
            fault = Fault(
                "values", "gives for subnormal numbers what neither keeping them nor flushing them "
                "to zero can give", f"the result goes from {y.min():.9g} to {y.max():.9g}",
                ["print('result:', y.min(), 'to', y.max())"],
            )  # fmt: skip
            self.impossible.append((fault, probe.description, question))

    def _again(self, found: list[Probe]) -> None:
        """Ask everything a second time, largest first, so that other calls lie between."""
        changed = []
        for probe in reversed(found):
            first = self.answers.get(probe.label)
            question = _question_of(probe)
            answer = None if first is None else self._ask(question, probe.label)
            if first is None or answer is None:
                continue
            fault = judge_repeated(answer, first, self.terms.layout.name)
            if fault is not None:
                changed.append((fault, probe.description, question))
        for found_out in reversed(changed):
            self._find_once(*found_out)

    def _look_at_empty_batch(self, channels: int | None) -> None:
        """Note what becomes of a batch without entries; asked last, since a crash ends all."""
        layout = self.terms.layout
        few = self.terms.accepts.batch is not None or bool(self.terms.accepts.shapes)
        if self.over or few or not layout.has_batch:
            return
        if any(f.code == "error" for f in self.findings):
            return
        reach = reach_of(self.terms.plan, len(layout.name))
        lengths = self.terms.accepts.nearest(tuple(a.least + a.step for a in reach))
        shape = layout.shape(0, channels or 1, lengths)
        x = np.zeros(shape, array_type(self.terms.dtype))
        answer, wanted = self.caller.ask(Question("forward", x)), self.terms.plan(shape).out_shape
        self.asked += 1
        self.planned = None if self.planned is None else self.asked
        self.progress(self.asked, self.planned)
        if answer.y is None or answer.y.shape != wanted:
            found = answer.words if answer.y is None else f"a result of shape {answer.y.shape}"
            self.notes.append(
                f"fails on an empty batch, of shape {shape}, which frameworks do pass: {found}; "
                f"the contract gives an empty result, of shape {wanted}"
            )

    def _adjoint(self, gradient: Gradient) -> None:
        question = Question("adjoint", gradient.g, gradient.probe.arrangement, gradient.shape)
        answer = self._ask(question, gradient.probe.label)
        if answer is None:
            return
        plan = self.terms.plan(gradient.shape, "adjoint")
        faults, z, comparison = judge_answer(answer, question, plan, self.terms)
        words = ""
        if comparison is not None:
            self._keep(gradient.probe, comparison)
            if faults:
                ahead = self.answers.get(gradient.probe.label)
                words = identity_of(gradient, ahead, answer.y, self.terms)
        for fault in faults:
            if fault.code == "values" and z is not None and comparison is not None:
                wrong = WrongGradient(gradient, z, comparison)
                self.wrong_gradients.append((wrong, fault, words, question))
                continue
            of_calls = ("timeout", "error", "mutates", "aliases")
            code = fault.code if fault.code in of_calls else "adjoint"
            rest = ""
            if fault.code == "size" and _is_a_right_part(answer, comparison):
                rest = "; what comes of it is right, and the tail is lost"
            named = replace(fault, code=code, message=f"the adjoint {fault.message}{rest or words}")
            self._find_once(named, f"gradient of {gradient.probe.description}", question)

    def _name_adjoint(self) -> None:
        """Tell what is wrong with all gradients whose values are."""
        if not self.wrong_gradients:
            return
        named = name_fault([wrong for wrong, *_ in self.wrong_gradients], self.terms)
        wrong, fault, words, question = self.wrong_gradients[0]
        message = f"the adjoint {named or fault.message}{words}"
        self._find_once(
            replace(fault, code="adjoint", message=message),
            f"gradient of {wrong.gradient.probe.description}", question,
        )  # fmt: skip

    def _find_once(self, fault: Fault, description: str, question: Question) -> None:
        """Keep the first, which is the smallest, of each code."""
        if not any(f.code == fault.code for f in self.findings):
            self._find(fault, description, question)

    def _find(self, fault: Fault, description: str, question: Question) -> None:
        shape = "×".join(map(str, question.x.shape))
        self.findings.append(
            Finding(
                fault.code, fault.message, f"{description} (shape {shape}): {fault.example}",
                snippet(self.functions, question, fault.lines),
            )
        )  # fmt: skip

    def _explain(self, channels: int | None) -> None:
        self.planned = None
        self.progress(self.asked, self.planned)
        found, self.convention, self.recovered = explained(
            self.failures, [(c.probe, c.comparison) for c in self.cases], self.terms,
            in_batches(self._guarded, self.terms.layout, self.terms.accepts.batch), channels,
        )  # fmt: skip
        sizes = next((f for f in self.findings if f.code == "size"), None)
        if found and sizes is not None:  # which follow from what was found, or are explained better
            self.findings.remove(sizes)
        for code, message, failure in found:
            if code == "unstable" and any(f.code == code for f in self.findings):
                continue  # the second asking has seen it, with an example of its own
            if code == "size" and sizes is not None:
                self.findings.append(replace(sizes, message=message))
            elif failure is not None:
                fault = replace(failure.fault, code=code, message=message)
                self._find(fault, failure.probe.description, failure.question)
            else:
                example = "" if sizes is None else sizes.example
                snippet = "" if sizes is None else sizes.snippet
                self.findings.append(Finding(code, message, example, snippet))

    def _guarded(self, x: NDArray[Any]) -> NDArray[Any]:
        """The function as a diagnosis may ask it: called as all calls are, and no other end."""
        question = Question("forward", x)
        answer = self._ask(question)
        if answer is None or answer.y is None:
            if answer is not None:
                plan = self.terms.plan(x.shape)
                for fault in judge_answer(answer, question, plan, self.terms).faults:
                    self._find_once(fault, "a question of the diagnosis", question)
            raise OracleError(answer.words if answer else "an earlier answer did not come")
        return answer.y

    def report(self, name: str) -> Report:
        """The verdict."""
        grades = {
            "within-bound" if p.kind == "subnormal" and c.grade == "cannot-judge" else c.grade
            for p, c in self.compared
        }  # subnormal numbers may be flushed to zero, of which a note tells
        grade: Grade = "bit-identical"
        for worse in ("within-bound", "cannot-judge"):
            grade = worse if worse in grades else grade
        if self.findings or self.failures or "fails" in grades or not self.compared:
            grade = "fails"
        # Of answers that are wrong, what is spared or not judged tells nothing.
        remarks = self.remarks.items() if grade != "fails" else ()
        return Report(
            name, self.terms.to_dict(), str(self.terms), grade,
            max((c.worst for _, c in self.compared), default=0.0),
            tuple(sorted(self.findings, key=lambda f: list(CODES).index(f.code))),
            tuple(self.suspicions), (*self.notes, *(_said_of(*r) for r in remarks)),
            self.convention, self.recovered, self.asked, self.scope,
            evidence_of(self.terms, self.cases),
        )  # fmt: skip


def _question_of(probe: Probe) -> Question:
    return Question("forward", probe.x, probe.arrangement, recipe=probe.recipe)


def _is_a_right_part(answer: Answer, c: Comparison | None) -> bool:
    """Whether an answer is smaller than it should be, and all that there is of it is right."""
    if answer.y is None or c is None or c.grade == "fails":
        return False
    return all(n <= m for n, m in zip(answer.y.shape, c.errors.shape, strict=True))


def _said_of(remark: str, labels: list[str]) -> str:
    more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
    return f"{labels[0]}{more}: {remark}"
