"""Whether channels and batch entries stay apart, and are treated alike."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .accuracy import Accuracy
from .subject import Subject
from .words import counted, plural

__all__ = ["Counts", "counts_of", "crossings", "mixing", "of_counts", "other_counts"]

Values = NDArray[np.float64]
Counts = tuple[int, int]
"""Batch entries and channels."""

_MANY = 64
"""Entries that all hold the same."""


def mixing(
    subject: Subject,
    lengths: tuple[int, ...],
    accuracy: Accuracy,
    counts: Sequence[Counts] = (),
) -> list[str]:
    """Return what is wrong, in sentences; none if every plane answers for itself and alike.

    ``counts`` are numbers of entries and channels to be asked besides, as other numbers may go
    another way.
    """
    usual = counts_of(subject, math.prod(lengths))
    found = _mixing_of(subject, usual, lengths, accuracy)
    found = found or _unlike(_alike(subject, lengths), accuracy)
    for few in other_counts(subject, math.prod(lengths), counts):
        found = found or [
            f"{w}, {of_counts(few)}" for w in _mixing_of(subject, few, lengths, accuracy)
        ]
    return found


def other_counts(subject: Subject, samples: int, counts: Sequence[Counts]) -> list[Counts]:
    """Return the counts that are not the usual ones and that may be asked."""
    usual = counts_of(subject, samples)
    return [
        (batch, channels) for batch, channels in counts
        if (batch, channels) not in (usual, (1, 1)) and batch * channels * samples <= subject.limit
    ]  # fmt: skip


def of_counts(counts: Counts) -> str:
    """Say that it is so for such inputs, and not for the usual ones."""
    batch, channels = counts
    return f"of inputs of {counted(batch, 'batch entry')} of {counted(channels, 'channel')}"


def _mixing_of(
    subject: Subject, counts: Counts, lengths: tuple[int, ...], accuracy: Accuracy
) -> list[str]:
    """Ask one impulse at a time, in each channel of the first entry and the first of each entry.

    Only that plane may answer, since the sums of the others have no term that is not zero.
    """
    batch, channels = counts
    found: list[str] = []
    nothing = subject.ask(np.zeros((batch, channels, *lengths)))
    if nothing is None or not nothing.size:
        return found
    asked = [(0, c) for c in range(channels)] + [(e, 0) for e in range(1, batch)]
    answers: dict[tuple[int, int], Values] = {}
    for plane in asked:
        x = np.zeros((batch, channels, *lengths))
        x[(*plane, *(n // 2 for n in lengths))] = 1.0
        y = subject.ask(x)
        if y is None:
            return found
        if y.shape[:2] != (batch, channels):
            return [
                f"{counted(channels, 'channel')} and {counted(batch, 'batch entry')} go in, "
                f"{y.shape[1]} and {y.shape[0]} come out"
            ]
        rounding = 2 * accuracy.steps * np.abs(nothing)
        answers[plane] = np.where(np.abs(y - nothing) > rounding, y - nothing, 0.0)
    peaks = {plane: np.abs(y).reshape(batch, channels, -1).max(2) for plane, y in answers.items()}
    found += crossings("channel", np.array([peaks[0, c][0] for c in range(channels)]))
    found += crossings("batch entry", np.array([peaks[e, 0][:, 0] for e in range(batch)]))
    return found or _unlike({plane: y[plane] for plane, y in answers.items()}, accuracy)


def counts_of(subject: Subject, samples: int) -> Counts:
    """How many entries and channels are asked: those of the probes, if so many may be asked."""
    layout = subject.layout
    for batch, channels in ((3, 5), (3, 3), (2, 3), (2, 1)):
        if not layout.has_channels or subject.channels > 1:
            channels = subject.channels
        if batch * channels * samples <= subject.limit:
            break
    return batch if layout.has_batch else 1, channels


def _alike(subject: Subject, lengths: tuple[int, ...]) -> dict[tuple[int, int], Values]:
    """The answers to as many entries as the diagnosis asks at once, all of them the same."""
    many = min(_MANY, subject.limit // (math.prod(lengths) * subject.channels))
    if not subject.layout.has_batch or many < 2:
        return {}
    x = np.zeros((many, subject.channels, *lengths))
    amid = int(np.ravel_multi_index(tuple(n // 2 for n in lengths), lengths))
    x.reshape(many * subject.channels, -1)[:, amid] = 1.0
    y = subject.ask(x)
    return {} if y is None or len(y) != many else {(k, 0): y[k, 0] for k in range(many)}


def crossings(one: str, table: Values) -> list[str]:
    """What is wrong if the rows (impulses in) do not answer in their own columns alone."""
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


def _unlike(own: dict[tuple[int, int], Values], accuracy: Accuracy) -> list[str]:
    """Planes apart from each other, but filtered in different ways."""
    if not own:
        return []
    planes, first = np.array([*own.values()]), own[0, 0]
    largest = np.abs(planes).max()
    limit = 2 * accuracy.ratio(8) * np.abs(planes).max(0) + accuracy.noise(first.size) * largest
    for (entry, channel), y in own.items():
        if np.any(np.abs(y - first) > limit):
            where = f"channel {channel}" if channel else f"batch entry {entry}"
            return [f"{where} is filtered in another way than the first"]
    return []
