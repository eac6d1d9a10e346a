"""What a wrong implementation does, recovered from its answers and said in words.

The implementation is a black box. One impulse at a time tells what outputs read of an input, along
every axis; from there on everything is a comparison with the plan's own taps, centres and
boundary, to within what rounding may have done to the answers.

=======================  =====================================================================
`floating`               the questions to floating-point numbers; what all axes together make
`integers`               those to integers, whose rounding hides answers to impulses
`blackbox`               the implementation: asked, never trusted; what is found wrong so far
`tap_models`             how exactly taps are known; which Gaussian they are; coarse numbers
`impulse_response`       answers to impulses along an axis, as a matrix, at one length and others
`estimate`               what that matrix tells: centres, direction, the rule beyond the ends
`axis_faults`            what is wrong along one axis: stride and phase, sigma and radius
`end_faults`             what is wrong beyond its ends, with samples not read, on short axes
`nonlinearity`           numbers that are cut off, coarse or not finite; sums that are no sums
`planes`                 channels and batch entries; the same question again; answers to zeros
`size_rules`             numbers of outputs, against the plan's, and the rule that they follow
`rounding_reach`         rounding errors of samples that an output does not read
`residuals`              answers to random samples and on long axes, against the recovered map
`known_implementations`  whose convention is followed, and how near it is to what is asked for
=======================  =====================================================================

Here is the order of all questions, one built on the answers before.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dtypes import FLOATING
from ..conventions import Match
from ..findings import CODES, Finding
from ..terms import Terms, as_terms
from .blackbox import AxisFault, Inquiry, unexplained
from .estimate import AxisStudy
from .floating import Floating
from .integers import Integers
from .size_rules import ask_sizes, lost_outputs

__all__ = ["Diagnosis", "diagnose", "examine"]

_MOST = 1 << 22
"""Samples in one call, if nothing else is said."""


@dataclass(frozen=True)
class Diagnosis:
    """Says what a wrong implementation does.

    Attributes
    ----------
    findings : list of Finding
        The most fundamental first.
    match : Match or None
        The nearest known implementation, how near it is, and what to do about it.
    recovered : dict
        What has been measured: ``gain``; of integers ``rounding``, in words; ``astray``, of the
        finding ``"nan"``: ``what`` is not where it belongs, and whether it is ``lost`` (or
        spreads); ``rounding_reaches``, where errors go with samples that an output does not read;
        ``seams``, the words of outputs that are wrong by their place; and for each filtered axis
        (by its letter) ``taps``, ``first_tap_at``, ``radius``, ``sigma``, ``deviation``,
        ``stride``, ``phase``, ``centres``, ``runs_backwards``, ``boundary``, ``size``, ``varies``.
    """

    findings: list[Finding]
    match: Match | None = None
    recovered: dict[str, Any] = field(default_factory=dict)

    @property
    def convention(self) -> str | None:
        """What is said of the nearest known implementation."""
        return None if self.match is None else self.match.words


def diagnose(
    fn: Callable[[NDArray[Any]], Any],
    *,
    channels: int | None = None,
    counts: Sequence[tuple[int, int]] = (),
    limit: int = _MOST,
    **options: Any,
) -> Diagnosis:
    """Find out what an implementation does that the operation does not.

    Parameters
    ----------
    fn : function
        From an array to an array. Its exceptions are caught.
    channels : int, optional
        For an implementation that takes so many channels and no other number.
    counts : sequence of (int, int), optional
        Numbers of batch entries and channels for which it is asked whether these stay apart,
        besides the usual 3 and 5: those of answers known to be wrong.
    limit : int
        The most samples in one call.
    **options
        What it is meant to do, as `aa_ref.oracle.check` takes it: scale, layout, dtype, precision,
        form, taps, sigma, boundary, sampling, shapes, multiple_of.

    Returns
    -------
    Diagnosis
        Without findings if nothing is wrong that answers of this kind can show.

    Raises
    ------
    AaRefError
        If one of the options is wrong.
    """
    return examine(fn, as_terms(**options), channels, counts, limit)


def examine(
    fn: Callable[[NDArray[Any]], Any],
    terms: Terms,
    channels: int | None,
    counts: Sequence[tuple[int, int]],
    limit: int = _MOST,
) -> Diagnosis:
    """Ask everything, in an order that lets each step rely on those before; see `diagnose`."""
    q = Inquiry(fn, terms, channels, limit, counts)
    numbers = Floating(q) if q.terms.dtype in FLOATING else Integers(q)
    recovered: dict[str, Any] = {}
    match = None
    with np.errstate(all="ignore"):  # of strange answers
        sizes = ask_sizes(q)
        if sizes is not None:
            studies = numbers.ask()
            by_axis = sizes.judge(q, studies)
            for k, study in enumerate(studies):
                study.faults[:0] = [*by_axis[k], *lost_outputs(q, k, study)]
                recovered[q.letters[k]] = study.recovered
            q.faults += _judge_exchanges(studies, q.letters)
            _note_axes(q, [study.faults for study in studies] or by_axis)
            numbers.conclude()
            recovered |= numbers.recovered
    for code, words in q.subject.troubles.items():
        q.fault(code, words)
    if sizes is not None:
        match = numbers.named(sizes.counts, faultless=not q.faults)
    order = [*CODES]
    ranked = sorted(q.faults, key=lambda f: order.index(f.code))
    return Diagnosis([Finding(f.code, f.words) for f in ranked], match, recovered)


def _note_axes(q: Inquiry, by_axis: Sequence[Sequence[AxisFault]]) -> None:
    """Note each axis' own faults; those that are the same along several are told once."""
    letters_of: dict[tuple[str, str], list[str]] = {}
    for letter, faults in zip(q.letters, by_axis, strict=True):
        for code, words, _ in unexplained(faults):
            letters_of.setdefault((code, words), []).append(letter)
    for (code, words), letters in letters_of.items():
        q.fault(code, f"along {' and '.join(letters)}: {words}")


def _judge_exchanges(studies: Sequence[AxisStudy], letters: Sequence[str]) -> list[AxisFault]:
    """Judge whether axes have each other's filter or scale, or one has none.

    What each study shows of its own then follows, and is explained by a fault added to it.
    """
    return [*_judge_bare(studies, letters), *_judge_pairs(studies)]


def _judge_bare(studies: Sequence[AxisStudy], letters: Sequence[str]) -> list[AxisFault]:
    """Judge whether some axes have a filter, and others should and have none."""
    filtered = [s.has_filter for s in studies]
    if not any(filtered) or all(filtered) or not all(s.plan.radius for s in studies):
        return []
    bare = " and ".join(c for c, f in zip(letters, filtered, strict=True) if not f)
    others = " and ".join(c for c, f in zip(letters, filtered, strict=True) if f)
    untouched = [s for s, f in zip(studies, filtered, strict=True) if not f]
    unmoved = all(s.grid.spacing == 1 for s in untouched)
    lacks = "neither filter nor stride" if unmoved else "no filter"
    words = f"the filter runs along {others} alone: there is {lacks} along {bare}"
    return [_shared(words, untouched, ("sigma", "radius", *["stride"] * unmoved))]


def _judge_pairs(studies: Sequence[AxisStudy]) -> list[AxisFault]:
    """Judge whether two axes have each other's scale, or each other's sigma."""
    found = []
    for pair in itertools.combinations(studies, 2):
        one, other = pair
        spacings, wanted = (one.grid.spacing, other.grid.spacing), (other.plan, one.plan)
        if one.plan.scale != other.plan.scale and spacings == tuple(a.spacing for a in wanted):
            codes = ("stride", "size", "sigma", "radius")
            found.append(_shared("the axes have each other's scale", pair, codes))
        elif one.plan.sigma != other.plan.sigma and one.follows(other) and other.follows(one):
            found.append(_shared("the axes have each other's filter", pair, ("sigma", "radius")))
    return found


def _shared(words: str, studies: Sequence[AxisStudy], explains: Sequence[str]) -> AxisFault:
    """Return a fault of axes together; of each of them, faults of these codes follow from it."""
    for study in studies:
        study.faults.append(AxisFault("axes", "", tuple(explains)))
    return AxisFault("axes", words)
