"""The two dimensions of arrays that are shown: those with the worst error in them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...plans import AxisPlan, Plan
from ..evidence import Case
from ..samples import as_samples
from ..terms import MOST_EXACT, Terms
from ..truth import near_truth, truth

__all__ = ["Planes", "planes_of"]

Values = NDArray[np.float64]

_SIDE = 128
"""How many samples of a large plane are drawn along each side: a page is to stay small."""


@dataclass(frozen=True)
class Planes:
    """One probe, in two dimensions: (rows, columns), a single row for signals.

    Attributes
    ----------
    given, answer, true : ndarray
        The answer may have another shape than the truth, which is NaN or infinite where it must.
    errors : ndarray
        Over their bounds, signed; of the truth's shape.
    unanswered : ndarray of bool
        Where there is no answer.
    letters : str
        What rows and columns are.
    worst : tuple of int, or None
        Row and column of the worst error.
    which : str
        Which plane it is, if there are several.
    part : str
        Which part of a large plane is drawn, and how; empty where all of it is.
    """

    given: Values
    answer: Values
    true: Values
    errors: Values
    unanswered: NDArray[np.bool_]
    letters: str
    worst: tuple[int, int] | None
    which: str
    part: str = ""


def planes_of(case: Case, terms: Terms) -> Planes | None:
    """The plane of the worst error; None where the answer has nothing in it."""
    x, y, c = case.probe.x, case.answer, case.comparison
    p = terms.plan(x.shape)
    shown = terms.layout.axes[-2:]
    at = c.where or (0,) * x.ndim
    there = {d: at[d] for d in range(x.ndim) if d not in shown}
    given = {d: _centre(p, d, i) for d, i in there.items()}
    if y.size == 0 or any(i >= y.shape[d] for d, i in there.items()):
        return None
    which = [f"{terms.layout.name[d]} = {i}" for d, i in there.items() if c.errors.shape[d] > 1]
    found, real = _plane(y, there), _plane(_truth(x, p), there)
    missing = np.ones(real.shape, bool)
    missing[tuple(slice(n) for n in found.shape)] = False
    row, column = (0, *(at[d] for d in shown))[-2:]
    planes = Planes(
        _plane(x, given), found, real, _plane(c.errors, there), missing,
        "".join(terms.layout.name[d] for d in shown),
        (row, column) if c.worst else None,
        ", ".join(which),
    )  # fmt: skip
    axes = [a for d in shown for a in p.axes if a.axis == d]
    return _part_of(planes, axes, (row, column)) if planes.given.size > _SIDE**2 else planes


def _part_of(planes: Planes, axes: list[AxisPlan], worst: tuple[int, int]) -> Planes:
    """Cut out the outputs about the worst error, and inputs from the first one's centre on."""
    if len(axes) < 2:
        return planes  # a signal, whose one row is small enough
    outputs, inputs, words = [], [], []
    for a, place, letter in zip(axes, worst, planes.letters, strict=True):
        begin = max(min(place - _SIDE // 2, a.out_length - _SIDE), 0)
        end = min(begin + _SIDE, a.out_length)
        whole = end - begin == a.out_length
        first, last = (0, a.length - 1) if whole else a.centres[[begin, end - 1]].tolist()
        step = -(-(last + 1 - first) // _SIDE)
        outputs.append(slice(begin, end))
        inputs.append(slice(first, last + 1, step))
        words += [] if whole else [f"outputs {begin} to {end - 1} of {a.out_length} along {letter}"]
        words += [] if step == 1 else [f"1 of {step} inputs along {letter}"]
    there, rows = tuple(outputs), (outputs[0].start, outputs[1].start)
    mark = None if planes.worst is None else (worst[0] - rows[0], worst[1] - rows[1])
    return replace(
        planes, given=planes.given[tuple(inputs)], answer=planes.answer[there],
        true=planes.true[there], errors=planes.errors[there], unanswered=planes.unanswered[there],
        worst=mark, part=f"Drawn are {', '.join(words)}.",
    )  # fmt: skip


def _centre(p: Plan, dimension: int, output: int) -> int:
    """The input's index that belongs to an output's."""
    for a in p.axes:
        if a.axis == dimension:
            return int(a.centres[output])
    return output


def _truth(x: NDArray[np.generic], p: Plan) -> Values:
    """The truth; where NaN and infinity have a part in it, NaN."""
    finite = np.isfinite(x.astype(np.float64))
    if x.size > MOST_EXACT:
        return near_truth(as_samples(np.where(finite, x, x.dtype.type(0)), p, "forward"))[0]
    if finite.all():
        return truth(x, p)
    known, spoilt = x.copy(), np.zeros(x.shape, x.dtype)
    known[~finite], spoilt[~finite] = 0, 1
    return np.where(truth(spoilt, p) != 0, np.nan, truth(known, p))


def _plane(array: NDArray[np.generic], at: dict[int, int]) -> Values:
    plane = array[tuple(at.get(d, slice(None)) for d in range(array.ndim))].astype(np.float64)
    return plane if plane.ndim == 2 else plane[None]
