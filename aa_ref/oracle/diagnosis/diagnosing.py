"""`diagnose`: one question after the other, each built on the answers before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dtypes import FLOATING
from ..findings import Finding
from ..terms import as_terms
from .axes import AxisFault
from .floating import Floating
from .inquiry import Inquiry
from .integers import Integers
from .overall import judge_swaps
from .size_rules import ask_sizes

__all__ = ["ORDER", "Diagnosis", "diagnose"]

ORDER = (
    "timeout", "error", "dtype", "mutates", "aliases", "unstable", "axes", "size", "channels",
    "flip", "stride", "phase", "sigma", "radius", "normalisation", "boundary", "precision",
    "values", "nan", "adjoint",
)  # fmt: skip
"""The codes, the most fundamental first: a later fault can be seen only through the earlier."""


@dataclass(frozen=True)
class Diagnosis:
    """What a wrong implementation does.

    Attributes
    ----------
    findings : list of Finding
        The most fundamental first.
    convention : str or None
        The nearest known implementation, and what to do about it.
    recovered : dict
        What has been measured: ``gain``; of integers ``rounding``, in words; ``astray``, of the
        finding ``"nan"``: ``what`` is not where it belongs, and whether it is ``lost`` (or
        spreads); ``rounding_reaches``, where errors go with samples that an output does not read;
        and for each filtered
        axis (by its letter) ``taps``, ``first_tap_at``, ``radius``, ``sigma``, ``deviation``,
        ``stride``, ``phase``, ``centres``, ``runs_backwards``, ``boundary``, ``size``, ``varies``.
    """

    findings: list[Finding]
    convention: str | None = None
    recovered: dict[str, Any] = field(default_factory=dict)


def diagnose(
    fn: Callable[[NDArray[Any]], Any],
    *,
    scale: Any,
    layout: str = "NCHW",
    dtype: Any = "float32",
    precision: Any = None,
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    taps: str = "recomputed",
    form: str = "any",
    channels: int | None = None,
    shapes: Any = None,
    multiple_of: int = 1,
    counts: Sequence[tuple[int, int]] = (),
    limit: int = 1 << 22,
) -> Diagnosis:
    """Find out what an implementation does that the operation does not.

    Parameters
    ----------
    fn : function
        From an array to an array. Its exceptions are caught.
    scale, layout, dtype, precision, sigma, boundary, sampling, taps, form, shapes, multiple_of
        What it is meant to do, as `aa_ref.oracle.check` takes them.
    channels : int, optional
        For an implementation that takes so many channels and no other number.
    counts : sequence of (int, int), optional
        Numbers of batch entries and channels for which it is asked whether these stay apart,
        besides the usual 3 and 5: those of answers known to be wrong.
    limit : int
        The most samples in one call.

    Returns
    -------
    Diagnosis
        Without findings if nothing is wrong that answers of this kind can show.

    Raises
    ------
    AaRefError
        If one of the options is wrong.
    """
    terms = as_terms(
        scale, layout=layout, dtype=dtype, precision=precision, form=form, taps=taps, sigma=sigma,
        boundary=boundary, sampling=sampling, shapes=shapes, multiple_of=multiple_of,
    )  # fmt: skip
    return _examine(Inquiry(fn, terms, channels, limit, counts))


def _examine(q: Inquiry) -> Diagnosis:
    """Ask everything, in an order that lets each step rely on those before."""
    numbers = Floating(q) if q.terms.dtype in FLOATING else Integers(q)
    recovered: dict[str, Any] = {}
    convention = None
    with np.errstate(all="ignore"):  # of strange answers
        sizes = ask_sizes(q)
        if sizes is not None:
            studies = numbers.ask()
            by_axis = sizes.judge(q, studies)
            for k, study in enumerate(studies):
                study.faults[:0], by_axis[k] = by_axis[k], study.faults
                recovered[q.letters[k]] = study.recovered
            q.faults += judge_swaps(studies, q.letters)
            _note_axes(q, by_axis)
            numbers.conclude()
            recovered |= numbers.recovered
    for code, words in q.subject.troubles.items():
        q.fault(code, words)
    if sizes is not None:
        convention = numbers.named(sizes.counts, faultless=not q.faults)
    ranked = sorted(q.faults, key=lambda f: ORDER.index(f.code))
    return Diagnosis([Finding(code, words) for code, words in ranked], convention, recovered)


def _note_axes(q: Inquiry, by_axis: Sequence[Sequence[AxisFault]]) -> None:
    """Each axis' own faults; those that are the same along several are told once."""
    letters_of: dict[AxisFault, list[str]] = {}
    for letter, faults in zip(q.letters, by_axis, strict=True):
        for fault in faults:
            letters_of.setdefault(fault, []).append(letter)
    for (code, words), letters in letters_of.items():
        q.fault(code, f"along {' and '.join(letters)}: {words}")
