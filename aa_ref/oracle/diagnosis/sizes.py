"""Numbers of outputs: asked for many numbers of inputs, and held against the plan's."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..lengths import decisive, several
from .axes import AxisFault, AxisStudy
from .inquiry import Inquiry
from .outputs import SizeRule, read_size_rule
from .words import counted

__all__ = ["Sizes", "ask_sizes"]


@dataclass(frozen=True)
class Sizes:
    """For each filtered axis, numbers of inputs and outputs, and the rule that they follow."""

    counts: list[list[tuple[int, int]]]
    rules: list[SizeRule | None]

    def judge(self, q: Inquiry, studies: Sequence[AxisStudy]) -> list[list[AxisFault]]:
        """The faults of each axis; not those that follow from another stride.

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
        stride = study.places.spacing if study is not None and study.blames("stride") else None
        if stride and all(m == math.ceil(n / stride) for n, m in counts):
            return []
        n, m, right = min(wrong)
        words = f"{counted(n, 'sample')} {'gives' if n == 1 else 'give'} "
        words += f"{counted(m, 'output')}, not {right}"
        if rule is not None and rule.from_length == min(n for n, _ in counts):
            wanted = read_size_rule([(n, right) for n, _, right in plans], q.axis_plan(k, n))
            words = f"there are {rule.words} outputs"
            words += f", not {wanted.words}" if wanted is not None else ""
        elif rule is not None:
            words += f"; their number is {rule.words} from n = {rule.from_length} on"
        return [AxisFault("size", words)]

    def _judge_refusals(self, q: Inquiry, faults: list[list[AxisFault]]) -> None:
        """To have no output for short axes is a matter of size, even if it raises there."""
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
        for order in itertools.permutations(range(dimensions)):
            if [tuple(g[k] for k in order) for g in got] == outputs:
                moved = " and ".join(c for k, c in enumerate(q.letters) if order[k] != k)
                q.fault("axes", f"axes {moved} of the result have changed places")
                q.subject.order = order
                got = outputs
                break
    counts = [
        [(n[k], m[k]) for (n, _), m in zip(answered, got, strict=True)] for k in range(dimensions)
    ]
    rules = [
        read_size_rule(of_axis, q.axis_plan(k, q.lengths[k])) for k, of_axis in enumerate(counts)
    ]
    return Sizes(counts, rules)


def _filters_other_axes(q: Inquiry) -> bool:
    """Whether the result has the lengths of one that is filtered along other dimensions.

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
