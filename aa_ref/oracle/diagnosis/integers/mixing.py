"""Whether channels and batch entries stay apart, by answers that are rounded to integers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ... import patterns
from ..mixing import Counts, counts_of, crossings, of_counts, other_counts
from ..subject import Subject

__all__ = ["mixing_of_integers"]


def mixing_of_integers(
    subject: Subject, lengths: tuple[int, ...], usable: int, counts: Sequence[Counts] = ()
) -> list[str]:
    """Return what is wrong, in sentences; none if every plane answers for itself and alike.

    ``counts`` are asked besides the usual ones.
    """
    samples = int(np.prod(lengths))
    found = _mixing_of(subject, counts_of(subject, samples), lengths, usable)
    for few in other_counts(subject, samples, counts):
        found = found or [
            f"{w}, {of_counts(few)}" for w in _mixing_of(subject, few, lengths, usable)
        ]
    return found


def _mixing_of(
    subject: Subject, counts: Counts, lengths: tuple[int, ...], usable: int
) -> list[str]:
    """Compare answers to planes that differ in one plane alone.

    One plane after the other gets other samples. The answers of the others have to stay the same,
    to the bit: whatever is done to a plane is done to the same numbers, at the same place. Levels
    go up to the last that is ``usable``, so that nothing is cut off.
    """
    batch, channels = counts
    base = _levels((batch, channels, *lengths), usable, 21)
    first = subject.ask(base)
    if first is None or not first.size:
        return []
    if first.shape[:2] != (batch, channels):
        return [
            f"{channels} channels and {batch} batch entries go in, {first.shape[1]} and "
            f"{first.shape[0]} come out"
        ]

    def changed(entry: int, channel: int) -> NDArray[np.float64]:
        x = base.copy()
        x[entry, channel] = usable - x[entry, channel]
        y = subject.ask(x)
        if y is None or y.shape != first.shape:
            return np.zeros((batch, channels))
        return np.asarray(np.any((y != first).reshape(batch, channels, -1), axis=2), np.float64)

    found = crossings("channel", np.array([changed(0, c)[0] for c in range(channels)]))
    found += crossings("batch entry", np.array([changed(e, 0)[:, 0] for e in range(batch)]))
    return found or _unlike(subject, (batch, channels, *lengths), usable)


def _levels(shape: tuple[int, ...], usable: int, seed: int) -> NDArray[np.float64]:
    return np.floor(patterns.random(shape, "uint16", seed) / 65536 * (usable + 1))


def _unlike(subject: Subject, shape: tuple[int, ...], usable: int) -> list[str]:
    """All planes hold the same: two roundings of one sum, however formed, differ by 1 at most."""
    y = subject.ask(np.broadcast_to(_levels(shape[2:], usable, 22), shape))
    if y is None:
        return []
    for entry, channel in np.ndindex(*shape[:2]):
        if np.any(np.abs(y[entry, channel] - y[0, 0]) > 1):
            where = f"channel {channel}" if channel else f"batch entry {entry}"
            return [f"{where} is filtered in another way than the first"]
    return []
