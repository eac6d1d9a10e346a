"""`diagnose`: one question after the other, each built on the answers before."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dtypes import FLOATING
from .. import patterns
from ..findings import Finding
from ..lengths import Reach, reach_of, several
from ..precisions import as_precision
from ..terms import Terms, as_terms
from .accuracy import Accuracy, accuracy_for
from .axes import AxisFault, AxisStudy, study_axis
from .impulses import Response, Where, amid_of, ask_axes, lengths_for
from .mixing import mixing
from .naming import convention_of, convention_of_nan
from .outputs import SizeRule, read_size_rule
from .overall import answers_to_nothing, judge_grain, judge_rest, judge_sum, total_gain
from .specials import specials
from .subject import Subject

_ATTEMPTS: tuple[tuple[int, Where], ...] = (
    (1, "amid"), (2, "amid"), (2, "start"), (2, "everywhere"), (4, "amid"), (4, "everywhere"),
)  # fmt: skip
"""How long axes are, and where impulses lie, until every axis shows outputs clear of its ends."""

__all__ = ["ORDER", "Diagnosis", "diagnose"]

ORDER = (
    "timeout", "error", "dtype", "mutates", "unstable", "axes", "size", "channels", "flip",
    "stride", "phase", "sigma", "radius", "normalisation", "boundary", "precision", "values", "nan",
    "adjoint",
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
        What has been measured: ``gain``, and for each filtered axis (by its letter) ``taps``,
        ``first_tap_at``, ``radius``, ``sigma``, ``deviation``, ``stride``, ``phase``,
        ``centres``, ``runs_backwards``, ``boundary``, ``size``, ``varies``.
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
    limit: int = 1 << 22,
) -> Diagnosis:
    """Find out what an implementation does that the operation does not.

    Parameters
    ----------
    fn : function
        From an array to an array. Its exceptions are caught.
    scale, layout, dtype, precision, sigma, boundary, sampling, taps, form
        What it is meant to do, as `aa_ref.oracle.check` takes them.
    channels : int, optional
        For an implementation that takes so many channels and no other number.
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
        boundary=boundary, sampling=sampling,
    )  # fmt: skip
    case = _Case(fn, terms, channels, limit)
    case.examine()
    return case.diagnosis()


class _Case:
    """One implementation, and all that has been found out about it so far."""

    def __init__(
        self, fn: Callable[[NDArray[Any]], Any], terms: Terms, channels: int | None, limit: int
    ) -> None:
        self.subject = Subject(fn, terms.layout, terms.dtype, channels, limit)
        self.terms = terms
        self.reach: list[Reach] = reach_of(terms.plan, len(terms.layout.name))
        self.letters = [terms.layout.name[a] for a in terms.layout.axes]
        precision = as_precision(terms.precision)
        self.digits = min(precision.storage.digits, precision.accumulation.digits)
        self.input_digits = min(precision.operands.digits, self.digits)
        some = terms.plan(self.shape(lengths_for(self.reach, 1)))
        self.accuracy: Accuracy = accuracy_for(some, precision, terms.taps)
        self.faults: list[AxisFault] = []
        self.sizes: list[SizeRule | None] = []
        self.counts: list[list[tuple[int, int]]] = []
        self.axis_faults: list[list[AxisFault]] = []
        self.responses: list[Response] = []
        self.studies: list[AxisStudy] = []
        self.recovered: dict[str, Any] = {}
        self.convention: str | None = None

    def shape(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one plane in the layout."""
        return self.terms.layout.shape(1, 1, lengths)

    def axis_plan(self, axis: int, length: int) -> Any:
        """The plan of one filtered axis of that length."""
        lengths = tuple(length if k == axis else a.least for k, a in enumerate(self.reach))
        return self.terms.plan(self.shape(lengths)).axes[axis]

    def fault(self, code: str, words: str) -> None:
        """Note one that concerns no axis in particular."""
        self.faults.append(AxisFault(code, words))

    def examine(self) -> None:
        """Ask everything, in an order that lets each step rely on those before."""
        with np.errstate(all="ignore"):  # of strange answers
            # Rounding to integers hides small taps, so of those no more than sizes is asked.
            if self.ask_sizes() and self.terms.dtype in FLOATING:
                self.ask_numbers()
            self.judge_axes()
            if self.studies:
                self.judge_all_axes()

    def ask_numbers(self) -> None:
        """What the results are, from the crudest to impulses."""
        lengths = lengths_for(self.reach, 1)
        y = self.ask_twice(lengths)
        if y is None or self.has("unstable"):
            return
        if 0 in y.shape[:2]:
            self.fault("channels", f"{y.shape[0]} batch entries of {y.shape[1]} channels come out")
            return
        if not np.any(y) or np.isinf(y).all():
            what = "are infinite" if y.any() else "are zero" if y.size else "hold nothing"
            self.fault("values", f"all results {what}")
            return
        middling = tuple(a.middling + k for k, a in enumerate(self.reach))
        for words in mixing(self.subject, middling, self.accuracy):
            self.fault("channels", words)
            self.subject.batches = False
        self.note(answers_to_nothing(self.subject, lengths))
        if self.has("nan"):
            scales = {float(self.axis_plan(k, a.least).scale) for k, a in enumerate(self.reach)}
            self.convention = convention_of_nan(min(scales))
            return
        shifted = self.has("values", "boundary")
        if not shifted:
            place = amid_of(lengths, self.reach)
            grain, digits = judge_grain(self.subject, lengths, place, self.input_digits)
            self.note(grain)
            if digits < self.input_digits:
                self.accuracy = self.accuracy.coarser(digits)
        # Above what is added to results, and above steps that they come in; or, in a narrow
        # range, so that small taps are no subnormal numbers.
        stepped = any("multiples" in f.words or "integers" in f.words for f in self.faults)
        narrow = self.terms.dtype == "float16" or (self.has("precision") and not stepped)
        if not self.ask_impulses(2.0**10 if narrow else 2.0**40 if shifted or stepped else 1.0):
            self.fault("values", "answers to single impulses show no filter")

    def judge_all_axes(self) -> None:
        """What concerns all axes together."""
        gain, terms = total_gain(self.subject, self.responses, self.studies)
        self.recovered["gain"] = gain
        if not self.has("precision"):
            self.note(judge_sum(gain, self.accuracy.summed(terms)))
            self.note(judge_rest(self.subject, self.studies, gain, self.accuracy))
        if not self.has("values", "channels") and self.terms.form != "fft":
            for words in specials(self.subject, [s.observed != 0 for s in self.studies])[:1]:
                self.fault("nan", words)

    def note(self, fault: AxisFault | None) -> None:
        """Note a fault if there is one."""
        if fault is not None:
            self.faults.append(fault)

    def has(self, *codes: str) -> bool:
        """Whether a fault of one of these codes is noted."""
        return any(f.code in codes for f in self.faults)

    def ask_sizes(self) -> bool:
        """Numbers of outputs for many numbers of inputs; axes that change places show here."""
        if self.filters_other_axes():
            return False
        dimensions = len(self.reach)
        answered: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        for lengths in [*several(self.reach), lengths_for(self.reach, 1)]:
            x = np.zeros((1, self.subject.channels, *lengths))
            y = self.subject.ask(x)
            if y is None:
                continue
            answered.append((lengths, y.shape[2:]))
        if not answered:
            return False
        wanted = [self.terms.plan(self.shape(lengths)) for lengths, _ in answered]
        outputs = [tuple(a.out_length for a in p.axes) for p in wanted]
        got = [found for _, found in answered]
        if got != outputs:
            for order in itertools.permutations(range(dimensions)):
                if [tuple(g[k] for k in order) for g in got] == outputs:
                    moved = " and ".join(
                        letter for k, letter in enumerate(self.letters) if order[k] != k
                    )
                    self.fault("axes", f"axes {moved} of the result have changed places")
                    self.subject.order = order
                    got = outputs
                    break
        for k in range(dimensions):
            counts = [(n[k], m[k]) for (n, _), m in zip(answered, got, strict=True)]
            self.counts.append(counts)
            self.axis_faults.append([])
            self.sizes.append(
                read_size_rule(counts, self.axis_plan(k, lengths_for(self.reach, 1)[k]))
            )
        return True

    def filters_other_axes(self) -> bool:
        """Whether the result has the lengths of one that is filtered along other dimensions.

        No two dimensions have the same length, and all are longer than a stride.
        """
        layout = self.terms.layout
        letters = ["N", "C", *self.letters]
        long = max(max(a.step, a.least) for a in self.reach) + 1
        lengths = tuple(long + 2 + k for k in range(len(self.reach)))
        batch = long + 1 if layout.has_batch else 1
        channels = long if layout.has_channels and self.subject.channels == 1 else 1
        given = (batch, max(channels, self.subject.channels), *lengths)
        if math.prod(given) > self.subject.limit:
            return False
        y = self.subject.ask(np.zeros(given))
        own = range(2, len(given))
        for axes in (own, *itertools.permutations(range(len(given)), len(own))):
            wanted = list(given)
            for k, axis in enumerate(axes):
                wanted[axis] = self.axis_plan(k, given[axis]).out_length
            if y is not None and y.shape == tuple(wanted):
                named = " and ".join(letters[a] for a in axes)
                if axes is not own:
                    right = " and ".join(self.letters)
                    self.fault("axes", f"it filters along {named} where it should along {right}")
                return axes is not own
        return False

    def ask_twice(self, lengths: tuple[int, ...]) -> NDArray[np.float64] | None:
        """The answer to noise; the same question again gets the same answer."""
        x = 64 * patterns.noise((1, self.subject.channels, *lengths), 3)
        first, second = self.subject.ask(x), self.subject.ask(x)
        if first is None or second is None:
            return None
        if not np.array_equal(first, second, equal_nan=True):
            self.fault(
                "unstable",
                "the same input gives another result the second time; nothing else can be told",
            )
        return first

    def ask_impulses(self, amplitude: float) -> bool:
        """Answers along every axis, with longer axes where no output is clear of the ends."""
        for times, where in _ATTEMPTS:
            answers = ask_axes(self.subject, self.reach, self.accuracy, amplitude, times, where)
            if any(r is None for r in answers):
                continue
            self.responses = [r for r in answers if r is not None]
            studies = [
                study_axis(
                    r.matrix, self.axis_plan(k, r.matrix.shape[1]), self.accuracy_of(r),
                    self.counts[k],
                )
                for k, r in enumerate(self.responses)
            ]  # fmt: skip
            if all(s is not None for s in studies):
                self.studies = [s for s in studies if s is not None]
                return True
        return False

    def accuracy_of(self, response: Response) -> Accuracy:
        """The limits for one axis' answers."""
        if response.where == "everywhere":
            return self.accuracy.summed(max(response.lengths))
        return self.accuracy

    def judge_axes(self) -> None:
        """Each axis' own faults; some follow from others and are dropped."""
        for k, study in enumerate(self.studies):
            self.axis_faults[k] = study.faults
            self.recovered[self.letters[k]] = study.recovered
        self.judge_sizes()
        self.judge_refusals()
        self.judge_swaps()
        by_fault: dict[AxisFault, list[str]] = {}
        for letter, faults in zip(self.letters, self.axis_faults, strict=False):
            for fault in faults:
                by_fault.setdefault(fault, []).append(letter)
        for (code, words), letters in by_fault.items():
            self.fault(code, f"along {' and '.join(letters)}: {words}")

    def judge_sizes(self) -> None:
        """Numbers of outputs, unless they are what follows from another stride."""
        for k, (faults, rule) in enumerate(zip(self.axis_faults, self.sizes, strict=True)):
            plans = [(n, m, self.axis_plan(k, n).out_length) for n, m in self.counts[k]]
            wrong = [(n, m, right) for n, m, right in plans if m != right]
            study = self.studies[k] if self.studies else None
            if study is not None:
                study.recovered["size"] = rule.words if rule else None
            if not wrong:
                continue
            stride = study.places.spacing if study is not None and study.blames("stride") else None
            if stride and all(m == math.ceil(n / stride) for n, m in self.counts[k]):
                continue
            n, m, right = min(wrong)
            words = f"{n} samples give {m} outputs, not {right}"
            if rule is not None and rule.from_length == min(n for n, _ in self.counts[k]):
                wanted = read_size_rule([(n, right) for n, _, right in plans], self.axis_plan(k, n))
                words = f"there are {rule.words} outputs"
                words += f", not {wanted.words}" if wanted is not None else ""
            elif rule is not None:
                words += f"; their number is {rule.words} from n = {rule.from_length} on"
            faults.insert(0, AxisFault("size", words))

    def judge_refusals(self) -> None:
        """To have no output for short axes is a matter of size, even if it raises there."""
        refused = self.subject.refused
        sized = [faults for faults in self.axis_faults if any(f.code == "size" for f in faults)]
        shortest = [min(n for n, _ in counts) for counts in self.counts]
        if not (sized and refused) or any(
            all(n >= least for n, least in zip(lengths, shortest, strict=True))
            for lengths in refused
        ):
            return
        said = self.subject.troubles.pop("error")
        for faults in sized:
            k = [f.code for f in faults].index("size")
            words = f"{faults[k].words}. For short axes it raises: {said}"
            faults[k] = AxisFault("size", words)

    def judge_swaps(self) -> None:
        """A fault of the axes' order explains filters that are right but for another axis."""
        filtered = [s.has_filter for s in self.studies]
        if any(filtered) and not all(filtered) and all(s.plan.radius for s in self.studies):
            bare = " and ".join(c for c, f in zip(self.letters, filtered, strict=True) if not f)
            others = " and ".join(c for c, f in zip(self.letters, filtered, strict=True) if f)
            untouched = [s for s, f in zip(self.studies, filtered, strict=True) if not f]
            lacks = "no filter"
            if all(s.places.spacing == 1 for s in untouched):
                lacks = "neither filter nor stride"
            self.fault(
                "axes", f"the filter runs along {others} alone: there is {lacks} along {bare}"
            )
            for study in untouched:
                study.drop("sigma", "radius", *(["stride"] if "stride" in lacks else []))
        for one, other in itertools.combinations(self.studies, 2):
            spacings = one.places.spacing, other.places.spacing
            if one.plan.scale != other.plan.scale and (
                spacings == (other.plan.spacing, one.plan.spacing)
            ):
                self.fault("axes", "the axes have each other's scale")
                one.drop("stride", "size", "sigma", "radius")
                other.drop("stride", "size", "sigma", "radius")
            elif one.plan.sigma != other.plan.sigma and one.follows(other) and other.follows(one):
                self.fault("axes", "the axes have each other's filter")
                one.drop("sigma", "radius")
                other.drop("sigma", "radius")

    def diagnosis(self) -> Diagnosis:
        """All of it, in order."""
        for code, words in self.subject.troubles.items():
            self.fault(code, words)
        if self.studies:
            self.convention = convention_of(
                self.studies, self.counts, self.accuracy, faultless=not self.faults
            )
        ranked = sorted(self.faults, key=lambda f: ORDER.index(f.code))
        findings = [Finding(code, words) for code, words in ranked]
        return Diagnosis(findings, self.convention, self.recovered)
