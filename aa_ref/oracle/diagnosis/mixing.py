"""Whether channels and batch entries stay apart, and are treated alike."""

import numpy as np
from numpy.typing import NDArray

from .accuracy import Accuracy
from .subject import Subject

__all__ = ["mixing"]

Values = NDArray[np.float64]


def mixing(subject: Subject, lengths: tuple[int, ...], accuracy: Accuracy) -> list[str]:
    """What is wrong, in sentences; none if every plane answers for itself and like the others.

    One impulse at a time, in each channel of each entry: only that plane may answer, since the
    sums of the others have no term that is not zero.
    """
    layout = subject.layout
    batch = 2 if layout.has_batch else 1
    channels = max(subject.channels, 3) if layout.has_channels and subject.channels == 1 else 1
    channels = max(channels, subject.channels)
    found: list[str] = []
    nothing = subject.ask(np.zeros((batch, channels, *lengths)))
    if nothing is None or not nothing.size:
        return found
    answers = np.zeros(())
    for entry in range(batch):
        for channel in range(channels):
            x = np.zeros((batch, channels, *lengths))
            x[(entry, channel, *(n // 2 for n in lengths))] = 1.0
            y = subject.ask(x)
            if y is None:
                return found
            if y.shape[:2] != (batch, channels):
                return [
                    f"{channels} channels and {batch} batch entries go in, {y.shape[1]} and "
                    f"{y.shape[0]} come out"
                ]
            if not answers.shape:
                answers = np.zeros((batch, channels, *y.shape))
            rounding = 2 * accuracy.steps * np.abs(nothing)
            answers[entry, channel] = np.where(np.abs(y - nothing) > rounding, y - nothing, 0.0)
    flat = answers.reshape(batch * channels, batch * channels, -1)
    table = np.abs(flat).max(2).reshape(batch, channels, batch, channels)
    found += _crossings("channel", "channels", table[0, :, 0, :])
    found += _crossings("entry", "batch entries", table[:, 0, :, 0])
    return found or _unlike(flat, accuracy, channels)


def _crossings(one: str, several: str, table: Values) -> list[str]:
    """What is wrong if the rows (impulses in) do not answer in their own columns alone."""
    answers, many = table != 0, len(table)
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
        return [f"{one} {', '.join(map(str, silent))} of {many} is not read"]
    a, b = next((a, b) for a, b in np.argwhere(answers) if a != b)
    return [f"{several} are mixed: an impulse in {one} {a} answers in {one} {b}, too"]


def _unlike(flat: Values, accuracy: Accuracy, channels: int) -> list[str]:
    """Planes apart from each other, but filtered in different ways."""
    own = np.array([flat[k, k] for k in range(len(flat))])
    largest = np.abs(own).max()
    limit = 2 * accuracy.ratio(8) * np.abs(own).max(0) + accuracy.noise(own[0].size) * largest
    differs = [k for k in range(len(own)) if np.any(np.abs(own[k] - own[0]) > limit)]
    if not differs:
        return []
    entry, channel = divmod(differs[0], channels)
    where = f"channel {channel}" if channel else f"batch entry {entry}"
    return [f"{where} is filtered in another way than the first"]
