"""Whether channels and batch entries stay apart, by answers that are rounded to integers."""

import numpy as np
from numpy.typing import NDArray

from ... import patterns
from ..mixing import counts_of, crossings
from ..subject import Subject

__all__ = ["mixing_of_integers"]


def mixing_of_integers(subject: Subject, lengths: tuple[int, ...], usable: int) -> list[str]:
    """What is wrong, in sentences; none if every plane answers for itself and like the others.

    One plane after the other gets other samples. The answers of the others have to stay the same,
    to the bit: whatever is done to a plane is done to the same numbers, at the same place. Levels
    go up to the last that is ``usable``, so that nothing is cut off.
    """
    batch, channels = counts_of(subject, int(np.prod(lengths)))
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
