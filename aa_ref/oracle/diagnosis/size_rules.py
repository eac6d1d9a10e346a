"""Numbers of outputs: asked for many numbers of inputs, held against the plan's, and the rule."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...filters import Number, radius_of
from ...plans import AxisPlan
from ..findings import counted
from ..probes.lengths import decisive, several
from .blackbox import AxisFault, Inquiry
from .end_faults import no_padding
from .estimate import AxisStudy

__all__ = ["SizeRule", "Sizes", "ask_sizes", "lost_outputs"]

Counts = Sequence[tuple[int, int]]
"""Inputs and outputs along one axis."""

_SLIGHT = 1e-3
"""Of the largest tap; three sigma from the middle a tap is ten times as large."""

_TO_EVEN = ", half to even"

_BLOCKS = (2, 4, 8, 16)
"""Outputs that are computed at once, of which a loop may leave some over."""

_Lengths = Sequence[tuple[int, ...]]
"""Lengths along all axes, one tuple for each question."""


@dataclass(frozen=True)
class SizeRule:
    """Holds a rule that gives the observed numbers of outputs."""

    words: str  # as a formula of n, the number of inputs
    stride: int | None  # the divisor in it, if it has one
    from_length: int = 1  # the least length from which it holds


def _read_size_rule(counts: Counts, a: AxisPlan) -> SizeRule | None:
    """Find the first familiar rule that gives all these numbers, or all but the shortest."""
    ordered = sorted(set(counts))
    if not any(m for _, m in counts):
        return SizeRule("no", None)
    for start in dict.fromkeys((0, *range(1, max(len(ordered) - 3, 1)))):
        kept = ordered[start:]
        products, quotients = _of_products(kept, a.scale), _of_quotients(kept, a)
        first, second = products, quotients
        if a.sampling == "slice":
            first, second = quotients, products
        found = first or second
        if found is not None:
            return SizeRule(*found, from_length=kept[0][0])
    return None


def _of_products(counts: Counts, scale: Number) -> tuple[str, int | None] | None:
    rules: dict[str, Callable[[Number], int]] = {
        "floor(n*s)": math.floor,
        f"round(n*s){_TO_EVEN}": round,
        "floor(n*s + 0.5)": lambda v: math.floor(v + 0.5),
        "ceil(n*s)": math.ceil,
    }
    for words, rule in rules.items():
        if all(rule(n * scale) == m for n, m in counts):
            return words, None
        if all(max(rule(n * scale), 1) == m for n, m in counts):
            formula = words.removesuffix(_TO_EVEN)
            return f"max({formula}, 1){words[len(formula) :]}", None
    return None


def _of_quotients(counts: Counts, a: AxisPlan) -> tuple[str, int | None] | None:
    """Fit ``floor((n + b)/q) + 1``, which any convolution with padding and stride q gives."""
    longest = max(n for n, _ in counts)
    for q in dict.fromkeys((a.stride, *range(1, longest + 1))):
        least = max(q * (m - 1) - n for n, m in counts)
        most = min(q * m - 1 - n for n, m in counts)
        if least > most:
            continue
        for b in (-1, -q, -2 * a.radius - 1):  # the familiar ones first
            if least <= b <= most:
                return _quotient_words(b, q), q
        return _quotient_words(most, q), q
    return None


def _quotient_words(b: int, q: int) -> str:
    if q == 1:
        return "n" if b == -1 else f"n {b + 1:+d}".replace("+", "+ ").replace("-", "- ")
    if b == -1:
        return f"ceil(n/{q})"
    if b == -q:
        return f"floor(n/{q})"
    return f"floor((n {'+' if b >= 0 else '-'} {abs(b)})/{q}) + 1"


@dataclass(frozen=True)
class Sizes:
    """Holds numbers of inputs and outputs of each filtered axis, and the rule they follow."""

    counts: list[list[tuple[int, int]]]
    rules: list[SizeRule | None]

    def judge(self, q: Inquiry, studies: Sequence[AxisStudy]) -> list[list[AxisFault]]:
        """Judge the numbers of each axis; those that follow from another stride are no fault.

        ``studies`` has what else is known of the axes, if anything is.
        """
        found = [
            self._judge_axis(q, k, studies[k] if studies else None) for k in range(len(self.counts))
        ]
        self._judge_refusals(q, found)
        return found

    def _judge_axis(self, q: Inquiry, k: int, study: AxisStudy | None) -> list[AxisFault]:
        rule, counts = self.rules[k], self.counts[k]
        plans = [(n, m, q.axis_plan(k, n).out_length) for n, m in counts]
        wrong = [(n, m, right) for n, m, right in plans if m != right]
        if study is not None:
            study.recovered["size"] = rule.words if rule else None
        if not wrong:
            return []
        if study is not None and _is_unpadded(study, counts):
            # Of the first output, which begins with the first sample, the shift follows.
            study.faults.append(no_padding(study.plan.boundary, ("phase",)))
            study.recovered["boundary"] = "valid"
            study.faults += _judge_counted_reach(study) if study.width.is_gaussian else []
        stride = study.grid.spacing if study is not None and study.blames("stride") else None
        if stride and all(m == math.ceil(n / stride) for n, m in counts):
            return []
        n, m, right = min(wrong)
        words = f"{counted(n, 'sample')} {'gives' if n == 1 else 'give'} "
        words += f"{counted(m, 'output')}, not {right}"
        if rule is not None and rule.from_length == min(n for n, _ in counts):
            wanted = _read_size_rule([(n, right) for n, _, right in plans], q.axis_plan(k, n))
            formula = rule.words.removesuffix(_TO_EVEN)
            rounding = " (half to even)" if formula != rule.words else ""
            words = f"there are {formula} outputs{rounding}"
            words += f", not {wanted.words}" if wanted is not None else ""
        elif rule is not None:
            words += f"; their number is {rule.words} from n = {rule.from_length} on"
        return [AxisFault("size", words)]

    def _judge_refusals(self, q: Inquiry, faults: list[list[AxisFault]]) -> None:
        """Make errors where axes are too short for an output a matter of size."""
        refused = q.subject.refused
        sized = [of_axis for of_axis in faults if of_axis]
        shortest = [min(n for n, _ in counts) for counts in self.counts]
        if not (sized and refused) or any(
            all(n >= least for n, least in zip(lengths, shortest, strict=True))
            for lengths in refused
        ):
            return
        said = q.subject.troubles.pop("error")
        for of_axis in sized:
            words = f"{of_axis[0].words}. For short axes it raises: {said}"
            of_axis[0] = AxisFault("size", words)


def _is_unpadded(study: AxisStudy, counts: Sequence[tuple[int, int]]) -> bool:
    """Return True if numbers of outputs and the first centre are those of a filter without padding.

    So many taps as reach from the first sample to its like beyond the first centre; others, which
    integers may have left open, weigh next to nothing.
    """
    places, rows = study.reading.grid, study.reading.rows
    first, step = float(places.centres[0]), places.spacing
    if study.by_length or not step or first <= 0:
        return False
    beyond = np.abs(rows.taps[np.abs(rows.offsets) > first])
    if beyond.max(initial=0.0) > _SLIGHT * np.abs(rows.taps).max():
        return False
    return all(m == max(math.floor((n - 2 * first - 1) / step) + 1, 0) for n, m in counts)


def _judge_counted_reach(study: AxisStudy) -> list[AxisFault]:
    """Judge a radius that numbers of outputs tell alone, since the outer taps do not show."""
    reach = round(float(study.reading.grid.centres[0]))
    expected = {study.plan.radius, study.recovered["radius"]}
    expected |= {radius_of(study.width.low), radius_of(study.width.high)}
    if reach in expected or study.blames("radius"):
        return []
    words = f"there are as many outputs as of taps that reach {reach}; the radius is"
    return [AxisFault("radius", f"{words} {study.plan.radius}")]


def lost_outputs(q: Inquiry, axis: int, study: AxisStudy) -> list[AxisFault]:
    """Judge whether the last outputs stay 0 at some lengths, as where a loop ends early.

    Ones become no zeros, whatever lies beyond the ends. What the last end shows then follows.
    """
    rule, step, found = study.recovered.get("boundary"), q.reach[axis].step, []
    if not study.blames("boundary"):
        return []
    is_right = rule == study.plan.boundary or (rule and rule[0] == (study.plan.boundary,))
    follows = ("boundary",) if is_right else ()
    for wanted in range(_BLOCKS[-1], 2 * _BLOCKS[-1] + 2):
        lengths = [*q.lengths]
        lengths[axis] = max(step * wanted - wanted % step, q.reach[axis].middling)
        asked = q.terms.accepts.nearest(tuple(lengths))
        y = q.subject.plane(np.ones(asked))
        if y is not None and y.size:
            empty = np.all(np.moveaxis(y, axis, 0).reshape(y.shape[axis], -1) == 0, axis=1)
            found.append((asked[axis], empty.size, int(np.cumprod(np.flip(empty)).sum())))
    if not any(zeros for _, _, zeros in found):
        return []
    if all(zeros == outputs - n // step for n, outputs, zeros in found):
        words = f"the last output is 0 where the length is no multiple of {step}"
        return [AxisFault("values", words, follows)]
    for block in _BLOCKS:
        if all(zeros == outputs % block for _, outputs, zeros in found):
            words = f"outputs behind the last multiple of {block} are 0, as those that a loop by "
            return [AxisFault("values", f"{words}{block} leaves over", follows)]
    return []


def ask_sizes(q: Inquiry) -> Sizes | None:
    """Ask; axes that change places show here, and are put in order from then on.

    None if nothing comes back, or if it is other dimensions that are filtered.
    """
    if _filters_other_axes(q):
        return None
    dimensions = len(q.reach)
    answered: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    tried = [*several(q.reach), *decisive(q.reach), q.lengths]
    for lengths in dict.fromkeys(map(q.terms.accepts.nearest, tried)):
        y = q.subject.ask(np.zeros((1, q.subject.channels, *lengths)))
        if y is not None:
            answered.append((lengths, y.shape[2:]))
    if not answered:
        return None
    wanted = [q.terms.plan(q.shape(lengths)) for lengths, _ in answered]
    outputs = [tuple(a.out_length for a in p.axes) for p in wanted]
    got = [found for _, found in answered]
    if got != outputs:
        order = _order([n for n, _ in answered], got, outputs)
        if order != tuple(range(dimensions)):
            moved = " and ".join(c for k, c in enumerate(q.letters) if order[k] != k)
            q.fault("axes", f"axes {moved} of the result have changed places")
            q.subject.order = order
            got = [tuple(m[k] for k in order) for m in got]
    counts = [
        [(n[k], m[k]) for (n, _), m in zip(answered, got, strict=True)] for k in range(dimensions)
    ]
    rules = [
        _read_size_rule(of_axis, q.axis_plan(k, q.lengths[k])) for k, of_axis in enumerate(counts)
    ]
    return Sizes(counts, rules)


def _order(given: _Lengths, got: _Lengths, wanted: _Lengths) -> tuple[int, ...]:
    """Return which dimension of the answers belongs to each axis.

    Tried in turn, each order with the axes' own first: one that gives the numbers of outputs that
    are wanted; one in which the outputs of each axis depend on its own inputs alone, and are never
    fewer for more of them. Their own order if there is none.
    """
    orders = list(itertools.permutations(range(len(given[0]))))
    for fits in (lambda answers: answers == wanted, lambda answers: _is_by_axis(given, answers)):
        for order in orders:
            if fits([tuple(m[k] for k in order) for m in got]):
                return order
    return orders[0]


def _is_by_axis(given: _Lengths, got: _Lengths) -> bool:
    """Return True if each axis has so many outputs for so many inputs, whatever the others have."""
    for n, m in zip(zip(*given, strict=True), zip(*got, strict=True), strict=True):
        pairs = sorted(set(zip(n, m, strict=True)))
        if any(a[0] == b[0] or a[1] > b[1] for a, b in itertools.pairwise(pairs)):
            return False
    return True


def _filters_other_axes(q: Inquiry) -> bool:
    """Tell whether results have the lengths of those filtered along other dimensions.

    No two dimensions have the same length, and all are longer than a stride.
    """
    layout, subject = q.terms.layout, q.subject
    letters = ["N", "C", *q.letters]
    long = max(max(a.step, a.least) for a in q.reach) + 1
    lengths = tuple(long + 2 + k for k in range(len(q.reach)))
    batch = long + 1 if layout.has_batch else 1
    channels = long if layout.has_channels and subject.channels == 1 else 1
    given = (batch, max(channels, subject.channels), *lengths)
    if math.prod(given) > subject.limit:
        return False
    y = subject.ask(np.zeros(given))
    own = range(2, len(given))
    for axes in (own, *itertools.permutations(range(len(given)), len(own))):
        wanted = list(given)
        for k, axis in enumerate(axes):
            wanted[axis] = q.axis_plan(k, given[axis]).out_length
        if y is not None and y.shape == tuple(wanted):
            named = " and ".join(letters[a] for a in axes)
            if axes is not own:
                right = " and ".join(q.letters)
                words = f"it filters along {named} where it should along {right}"
                if set(axes) == set(own):
                    words = f"the scales of {right} have changed places"
                q.fault("axes", words)
            return axes is not own
    return False
