"""Which coarser arithmetic, or which form, explains values that the stated one does not."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from .calls import Question
from .precisions import PRECISIONS, Precision, as_precision
from .terms import Terms

__all__ = ["coarser_precision", "is_right_by"]


def coarser_precision(terms: Terms, answers: Iterable[tuple[Question, NDArray[Any]]]) -> str | None:
    """The first coarser preset by whose bound every element of all answers is right.

    None if there is no such preset, or if its bound says nothing of some elements. Presets that
    store what the type holds come first.

    Parameters
    ----------
    terms : Terms
    answers : pairs of a question and its answer in the expected shape and type
    """
    stated, pairs = as_precision(terms.precision), list(answers)
    own_first = sorted(
        dict.fromkeys(PRECISIONS.values()), key=lambda preset: preset.storage.name != terms.dtype
    )
    for preset in own_first:
        if preset == stated or not _is_coarser(preset, stated):
            continue
        if is_right_by(replace(terms, precision=preset.name), pairs):
            return preset.name
    return None


def is_right_by(terms: Terms, answers: Iterable[tuple[Question, NDArray[Any]]]) -> bool:
    """Whether every element of all answers is right by some terms, and their bound says something.

    Parameters
    ----------
    terms : Terms
        Of the same operation, in another arithmetic.
    answers : pairs of a question and its answer in the expected shape and type
    """
    return all(_is_right(y, question, terms) for question, y in answers)


def _is_coarser(one: Precision, other: Precision) -> bool:
    """In nothing finer."""
    parts = ("operands", "accumulation", "storage")
    return all(getattr(other, p).digits >= getattr(one, p).digits for p in parts)


def _is_right(y: NDArray[Any], question: Question, terms: Terms) -> bool:
    plan = terms.plan(question.x.shape)
    grade = terms.compare(y, question.x, plan, question.direction).grade
    return grade in ("bit-identical", "within-bound")
