"""What is wrong with one answer, if anything."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import read, wrap
from ..dtypes import narrow
from ..plans import Plan
from .calling import Answer, Question, standard_arithmetic
from .error_sites import changes_in_words, in_words
from .numerics.compare import Comparison
from .numerics.inputs import contract
from .probes import Probe
from .probes.patterns import array_type
from .terms import Terms

__all__ = [
    "Case", "Fault", "Judged", "fault_of_values", "faults_besides_values", "judge_answer",
    "judge_repeated",
]  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one answer."""

    code: str  # that of the finding it leads to; of wrong values, "values"
    message: str  # what is wrong, and what would be right
    example: str  # what this one answer is
    lines: Sequence[str] = field(default=())  # code that shows it, of ``x`` and ``y``


class Judged(NamedTuple):
    """An answer's faults, and how its values compare, if they can be compared.

    ``y`` is what was compared: the answer in the shape and type that were expected.
    """

    faults: list[Fault]
    y: NDArray[Any] | None = None
    comparison: Comparison | None = None


class Case(NamedTuple):
    """A question whose answer was compared, and what that is worth."""

    probe: Probe  # what is asked of, if with a gradient for it
    question: Question
    answer: NDArray[Any]  # as it came, perhaps of another shape or type
    faults: list[Fault]
    y: NDArray[Any]  # the answer in the shape and type that were expected
    comparison: Comparison

    @property
    def fault(self) -> Fault | None:
        """That of its values."""
        return next((f for f in self.faults if f.code == "values"), None)


@standard_arithmetic()
def judge_answer(answer: Answer, question: Question, plan: Plan, terms: Terms) -> Judged:
    """Look at all that an answer may have wrong with it."""
    faults = faults_besides_values(answer, question, plan, terms)
    wanted = array_type(terms.dtype_of(question.direction))
    shape = _shape_of(question, plan)
    values = None if answer.y is None else _comparable(answer.y, shape, question, plan, terms)
    if values is None:
        return Judged(faults)
    comparison = terms.compare(values, question.x, plan, question.direction)
    if comparison.grade == "fails":
        faults.append(fault_of_values(comparison, wanted, terms.layout.name))
    return Judged(faults, values, comparison)


def judge_repeated(answer: Answer, first: NDArray[Any], letters: str) -> Fault | None:
    """Look at the answer to a question that was answered before, for any difference."""
    y = answer.y
    if y is not None and _same(y, first):
        return None
    how = "another result" if answer.end == "returned" else f"{answer.end}, {answer.words}"
    if y is not None and y.shape == first.shape:
        how += f", {changes_in_words(first, y, letters)}"
    return Fault(
        "unstable", "gives another answer when it is asked again", f"the second answer: {how}",
        ["# asked again, after other calls, it gave another answer"],
    )  # fmt: skip


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two answers are one: but for the bits of NaN, and +0.0 beside -0.0."""
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    return a.tobytes() == b.tobytes() or bool(((a == b) | ((a != a) & (b != b))).all())


def _shape_of(question: Question, plan: Plan) -> tuple[int, ...]:
    return plan.out_shape if question.direction == "forward" else plan.shape


def faults_besides_values(
    answer: Answer, question: Question, plan: Plan, terms: Terms
) -> list[Fault]:
    """Look at how a call ended, and at the memory, the type and the shape of what it gave."""
    faults: list[Fault] = []
    if answer.wrote:
        faults.append(
            Fault(
                "mutates", "writes into its input; copy what it changes",
                "the input is another one after the call",
                ["print('x after the call:', x.ravel()[:8])"],
            )
        )  # fmt: skip
    if answer.aliases:
        faults.append(_of_memory(answer.aliases))
    if answer.end in ("timed out", "died"):
        code = "timeout" if answer.end == "timed out" else "error"
        word = "the call does not end" if code == "timeout" else "the process dies in the call"
        return [*faults, Fault(code, f"{word}: {answer.words}", answer.words)]
    if answer.end == "raised":
        return [*faults, Fault("error", f"raises {answer.words}", answer.words)]
    if answer.end == "failed":
        return [*faults, Fault("error", f"gives no answer: {answer.words}", answer.words)]
    wanted, shape = array_type(terms.dtype_of(question.direction)), _shape_of(question, plan)
    if answer.y is None:
        return [*faults, _of_type(answer.words, wanted.name)]
    y = answer.y
    if y.dtype != wanted:
        faults.append(_of_type(_type_in_words(y.dtype), wanted.name))
    if y.shape != shape:
        faults.append(_of_size(y.shape, shape))
    return faults


def _of_memory(whose: str) -> Fault:
    if whose == "input":
        return Fault(
            "aliases", "returns memory of its input, so that who changes one of them changes the "
            "other; return a copy", "the result is another one once the input is written to",
            ["print('shares memory with x:', np.shares_memory(x, y))"],
        )  # fmt: skip
    return Fault(
        "aliases", "writes into a result that it has returned before; return another array each "
        "time", "after this call the result of an earlier one is another",
        ["before = y.copy()", "{call}(x[::-1] * 0)",
         "print('the result is what it was:', np.array_equal(before, y, equal_nan=True))"],
    )  # fmt: skip


def _of_type(found: str, wanted: str) -> Fault:
    return Fault(
        "dtype", f"returns {found} where a NumPy array of {wanted} is expected",
        f"returns {found}", ["print(type(y), getattr(y, 'dtype', ''))", f"# expected: {wanted}"],
    )  # fmt: skip


def _type_in_words(dtype: np.dtype[Any]) -> str:
    return dtype.name if dtype.isnative else f"{dtype.name} in foreign byte order"


def _of_size(found: tuple[int, ...], wanted: tuple[int, ...]) -> Fault:
    return Fault(
        "size", f"returns an array of shape {found} where {wanted} is expected",
        f"the result has shape {found}, expected {wanted}",
        [f"print(y.shape, 'expected:', {wanted})"],
    )  # fmt: skip


def fault_of_values(c: Comparison, dtype: np.dtype[Any], letters: str) -> Fault:
    """Tell of the worst value and, if the comparison is of the whole array, where others are."""
    place = ", ".join(map(str, c.where or ()))
    digits = 17 if dtype.itemsize == 8 else 9  # which tell any two numbers of the type apart
    wanted = f"{c.expected:.{digits}g}"
    if np.isfinite(c.expected):
        wanted += f" to within {c.allowed:.3g}"
    return Fault(
        "values", "gives values that rounding cannot explain",
        f"element [{place}] of the result is {c.got:.{digits}g}, expected {wanted}"
        + (f"; {in_words(c.errors, letters)}" if letters else ""),
        [f"print('result:', y[{place}], 'expected: {wanted}')"],
    )  # fmt: skip


def _comparable(
    y: NDArray[Any], shape: tuple[int, ...], question: Question, plan: Plan, terms: Terms
) -> NDArray[Any] | None:
    """The result in the type and shape that are expected, or None if it has no such values.

    Values of another type are rounded. What a result of another shape lacks is filled in with the
    contract's, so that what it has is compared.
    """
    dtype, source = terms.dtype_of(question.direction), read(question.x)
    if y.ndim != len(shape) or not (y.dtype.kind in "fiub" or y.dtype.name == "bfloat16"):
        return None
    if y.dtype != array_type(dtype):
        y = wrap(source, narrow(y.astype(np.float64), dtype), dtype)
    if y.shape == shape:
        return y
    own = contract(plan, source.storage, question.direction)
    filled: NDArray[Any] = wrap(source, own, dtype)
    common = tuple(slice(min(n, m)) for n, m in zip(y.shape, shape, strict=True))
    filled[common] = y[common]
    return filled
