"""Answers that hold what was not asked: other planes, earlier questions, constants."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...dtypes import FLOATING
from ..findings import counted, plural, shape_in_words
from ..probes import patterns
from .blackbox import AxisFault, BlackBox, Counts, Inquiry
from .tap_models import Accuracy

__all__ = ["answers_to_nothing", "ask_repeatedly", "constants_beyond", "mixed_planes"]

Values = NDArray[np.float64]

_ROUGH = 2.0**-9
"""Relative errors that are no matter where a constant is told."""

_FADED = 1 / 64
"""Of what is added to all results, which rounding may change at the ends."""


_MANY = 64
"""Entries that all hold the same."""


def mixed_planes(
    subject: BlackBox,
    lengths: tuple[int, ...],
    accuracy: Accuracy,
    counts: Sequence[Counts] = (),
    usable: int = 0,
) -> list[str]:
    """Return what is wrong, in sentences; none if every plane answers for itself and alike.

    ``counts`` are numbers of entries and channels to be asked besides, as other numbers may go
    another way. ``usable`` is the largest level of integers that is not cut off.
    """
    usual = _counts_of(subject, math.prod(lengths))
    found = _mixing_of(subject, usual, lengths, accuracy, usable)
    if not usable:
        found = found or _unlike(_alike(subject, lengths), accuracy)
    for few in dict.fromkeys(counts):
        if found or few in (usual, (1, 1)) or math.prod((*few, *lengths)) > subject.limit:
            continue
        inputs = f"{counted(few[0], 'batch entry')} of {counted(few[1], 'channel')}"
        mixed = _mixing_of(subject, few, lengths, accuracy, usable)
        found = [f"{words}, of inputs of {inputs}" for words in mixed]
    return found


def _mixing_of(
    subject: BlackBox, counts: Counts, lengths: tuple[int, ...], accuracy: Accuracy, usable: int
) -> list[str]:
    """Change one plane at a time: each channel of the first entry, the first of each entry.

    Only that plane may answer otherwise. An impulse among zeros tells, since the sums of all other
    planes have no term that is not zero; of integers, which rounding may hide, random levels do.
    """
    shape = (*counts, *lengths)
    base = patterns.levels(shape, usable, 21) if usable else np.zeros(shape)
    first = subject.ask(base)
    if first is None or not first.size:
        return []
    if first.shape[:2] != counts:
        (batch, channels), (entries, several) = counts, first.shape[:2]
        return [
            f"{counted(channels, 'channel')} and {counted(batch, 'batch entry')} go in, {several} "
            f"and {entries} come out"
        ]
    rounding = 0.0 if usable else 2 * accuracy.steps * np.abs(first)
    changes: dict[Counts, Values] = {}
    for plane in [(0, c) for c in range(counts[1])] + [(e, 0) for e in range(1, counts[0])]:
        x = base.copy()
        if usable:
            x[plane] = usable - x[plane]
        else:
            x[(*plane, *(n // 2 for n in lengths))] = 1.0
        y = subject.ask(x)
        if y is None or y.shape != first.shape:
            return []
        changes[plane] = np.where(np.abs(y - first) > rounding, y - first, 0.0)
    peaks = {plane: np.abs(y).reshape(*counts, -1).max(2) for plane, y in changes.items()}
    found = _crossings("channel", np.array([peaks[0, c][0] for c in range(counts[1])]))
    found += _crossings("batch entry", np.array([peaks[e, 0][:, 0] for e in range(counts[0])]))
    if found or not usable:
        return found or _unlike({plane: y[plane] for plane, y in changes.items()}, accuracy)
    same = subject.ask(np.broadcast_to(patterns.levels(lengths, usable, 22), shape))
    own = {} if same is None else {(e, c): same[e, c] for e, c in np.ndindex(*counts)}
    return _unlike(own, accuracy, usable)


def _counts_of(subject: BlackBox, samples: int) -> Counts:
    """Return how many entries and channels are asked: those of probes, if so many may be."""
    layout = subject.layout
    for batch, channels in ((3, 5), (3, 3), (2, 3), (2, 1)):
        if not layout.has_channels or subject.channels > 1:
            channels = subject.channels
        if batch * channels * samples <= subject.limit:
            break
    return batch if layout.has_batch else 1, channels


def _alike(subject: BlackBox, lengths: tuple[int, ...]) -> dict[Counts, Values]:
    """Ask as many entries as the diagnosis asks at once, all of them the same."""
    many = min(_MANY, subject.limit // (math.prod(lengths) * subject.channels))
    if not subject.layout.has_batch or many < 2:
        return {}
    x = np.zeros((many, subject.channels, *lengths))
    amid = int(np.ravel_multi_index(tuple(n // 2 for n in lengths), lengths))
    x.reshape(many * subject.channels, -1)[:, amid] = 1.0
    y = subject.ask(x)
    return {} if y is None or len(y) != many else {(k, 0): y[k, 0] for k in range(many)}


def _crossings(one: str, table: Values) -> list[str]:
    """Say what is wrong if the rows (impulses in) do not answer in their own columns alone."""
    answers, many, several = table != 0, len(table), plural(one)
    if np.array_equal(answers, np.eye(many, dtype=bool)) or not answers.any():
        return []
    if answers.all():
        return [f"{several} are mixed: an impulse in one answers in all {many}"]
    if np.all(answers.sum(0) == 1) and np.all(answers.sum(1) == 1):
        order = answers.argmax(1).tolist()
        if order == [*reversed(range(many))]:
            return [f"{several} come out in reverse order"]
        moves = ", ".join(f"{a} as {b}" for a, b in enumerate(order) if a != b)
        return [f"{several} change places: {one} {moves}"]
    silent = [k for k, row in enumerate(answers) if not row.any()]
    if silent:
        which = ", ".join(map(str, silent))
        if len(silent) == 1:
            return [f"{one} {which} of {many} is not read"]
        return [f"{several} {which} of {many} are not read"]
    a, b = next((a, b) for a, b in np.argwhere(answers) if a != b)
    return [f"{several} are mixed: an impulse in {one} {a} answers in {one} {b}, too"]


def _unlike(own: Mapping[Counts, Values], accuracy: Accuracy, usable: int = 0) -> list[str]:
    """Name a plane that is filtered in another way than the first."""
    if not own:
        return []
    planes, first = np.array([*own.values()]), own[0, 0]
    noise = accuracy.noise(first.size) * np.abs(planes).max()
    limit = 2 * accuracy.ratio(8) * np.abs(planes).max(0) + noise
    if usable:  # two roundings of one sum, however formed, differ by 1 at most
        limit = np.ones(())
    for (entry, channel), y in own.items():
        if np.any(np.abs(y - first) > limit):
            where = f"channel {channel}" if channel else f"batch entry {entry}"
            return [f"{where} is filtered in another way than the first"]
    return []


def ask_repeatedly(q: Inquiry, x: Values) -> Values | None:
    """Return the answer to an array, once two things have been looked at.

    Whether the same question again gets the same answer, else ``"unstable"`` is noted; and whether
    another one of the same shape gets another, else ``"values"``.
    """
    first, second = q.subject.ask(x), q.subject.ask(x)
    if first is None or second is None:
        return None
    if not np.array_equal(first, second, equal_nan=True):
        q.fault(
            "unstable",
            "the same input gives another result the second time; nothing else can be told",
        )
    elif first.size and _are_one(first, q.subject.ask(_other(x))):
        _judge_sameness(q, x.shape)
    return first


def _are_one(a: Values, b: Values | None) -> bool:
    return b is not None and np.array_equal(a, b, equal_nan=True)


def _other(x: Values) -> Values:
    """Put samples in another order, of which no filter makes the same."""
    return x.reshape(-1)[::-1].reshape(x.shape)


def _judge_sameness(q: Inquiry, shape: tuple[int, ...]) -> None:
    """Look at a shape that has not been asked yet: zeros were, in the first place."""
    fresh = (*shape[:2], *(n + 2 * a.step + 3 for n, a in zip(shape[2:], q.reach, strict=True)))
    x = patterns.random(fresh, q.terms.dtype, 4)
    if q.terms.dtype in FLOATING:
        x = 64 * x
    one = q.subject.ask(x)
    if one is None or not np.isfinite(one).all() or not np.any(one):
        return  # it answers nothing but zeros or what is no number, which is told as that
    # Zeros, too: results of all others may be cut off at the same limit.
    if all(_are_one(one, q.subject.ask(v)) for v in (_other(x), np.zeros(fresh))):
        given = shape_in_words(q.terms.layout.shape(fresh[0], fresh[1], fresh[2:]))
        why = ", as from a cache that knows no more of them than their shape" * bool(np.ptp(one))
        q.fault(
            "values",
            "gives the same answer for different questions: two inputs of shape "
            f"{given} get one result{why}",
        )


def answers_to_nothing(q: Inquiry, lengths: tuple[int, ...]) -> list[AxisFault]:
    """Return what is wrong if the answer to zeros is not zeros."""
    y = q.subject.plane(np.zeros(lengths))
    if y is None or not y.size or not np.any(y != 0):
        return []
    if np.isnan(y).all():
        return [AxisFault("nan", "all results are NaN, whatever the input")]
    middle = y[tuple(slice(m // 3, m - m // 3) for m in y.shape)]
    amid = float(middle.flat[0])
    found = []
    if np.any(middle != 0):
        words = f"zeros become {amid:.6g}: something is added to every result"
        found.append(AxisFault("values", words))
    # What is added before the last pass fades to 0 at the ends, where that is right.
    beyond = np.maximum(y - max(amid, 0.0), min(amid, 0.0) - y)
    if beyond.max() > _FADED * abs(amid):
        one = q.subject.plane(np.full(lengths, 1 / 16)) if q.terms.dtype in FLOATING else None
        gain = 1.0 if one is None or one.shape != y.shape else 16 * _amid(one - y)
        edge = float(y.flat[beyond.argmax()])
        found.append(_constant_beyond(q, lengths, y, edge, gain, np.ones(y.shape, bool)))
    return found


def constants_beyond(q: Inquiry, lengths: tuple[int, ...]) -> list[AxisFault]:
    """Return what is wrong beyond the ends where numbers are cut off, so that zeros do not tell.

    The answer to a constant is a share of it and something else that is the same for all, as long
    as neither is cut off: what is does not rise with the constant.
    """
    low, high = q.subject.low, q.subject.high
    if not low < high:
        return []
    least = low if math.isfinite(low) else high - 1.0
    most = high if math.isfinite(high) else low + 1.0
    levels = np.array([least + (most - least) * k / 8 for k in range(1, 8)])
    answers = [q.subject.plane(q.subject.holds(np.full(lengths, c))) for c in levels]
    shapes = {None if y is None else y.shape for y in answers}
    if len(shapes) > 1 or None in shapes or not answers[0].size:  # type: ignore[union-attr]
        return []
    y = np.array(answers)
    slopes = np.diff(y, axis=0) / (levels[1] - levels[0])
    steepest = slopes.argmax(axis=0)
    slope = np.take_along_axis(slopes, steepest[None], 0)[0]
    rest = np.take_along_axis(y, steepest[None], 0)[0] - slope * levels[steepest]
    gain, added = _amid(slope), _amid(rest)
    seen = (slope > 0) & (slope < gain * (1 - _ROUGH))  # others repeat samples, or are cut off
    off = np.where(seen, rest - added * slope / gain, 0.0) if gain > 0 else np.zeros(1)
    if np.abs(off).max() <= _ROUGH * max(abs(most), abs(least)):
        return []
    edge = float(off.flat[np.abs(off).argmax()])
    return [_constant_beyond(q, lengths, off, edge, gain, seen)]


def _amid(y: Values) -> float:
    """Return the value in the middle."""
    return float(y[tuple(m // 2 for m in y.shape)])


def _constant_beyond(
    q: Inquiry, lengths: tuple[int, ...], y: Values, edge: float, gain: float, seen: Values
) -> AxisFault:
    """Say which constant lies beyond the ends, if one explains ``y``, what zeros become there.

    ``edge`` is the most of it, which is told; ``gain`` by how much all weights are larger than they
    should be; ``seen`` where `y` is known.
    """
    share = np.ones(())  # of the weights, on samples
    for a in q.terms.plan(q.shape(lengths)).axes:
        reads = a.centres[:, None] + np.arange(-a.radius, a.radius + 1)
        inside = (reads >= 0) & (reads < a.length)
        share = share[..., None] * (inside @ a.taps.astype(np.float64))
    constant = "another constant than 0"
    if share.shape == y.shape and gain and np.any(share[seen] < 1):
        k = int(np.where(seen, share, 2.0).argmin())
        value, step = float(y.flat[k] / (1 - share.flat[k])), 0.0
        if q.terms.dtype not in FLOATING:
            value = float(q.subject.holds(np.array(np.rint(value))))  # or no number of the type
            step = 0.5 + _ROUGH
        fits = np.abs(y - value * (1 - share))[seen] <= max(_ROUGH * abs(value), step)
        if np.all(fits):
            constant = f"the constant {value / gain:.3g}, not 0"
    words = f"beyond the ends lies {constant}: zeros become up to {edge:.6g} there"
    return AxisFault("boundary", words)
