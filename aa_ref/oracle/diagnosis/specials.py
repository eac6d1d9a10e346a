"""Where NaN and infinity go: to the outputs whose footprints hold them, and to no others."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import patterns
from .subject import Subject

__all__ = ["Astray", "specials"]

Values = NDArray[np.float64]


class Astray(NamedTuple):
    """A number that is not finite and not where it belongs: its name, its fate, a sentence."""

    name: str
    lost: bool
    words: str


def specials(subject: Subject, reads: list[NDArray[np.bool_]]) -> list[Astray]:
    """Return what is lost, and what spreads.

    Parameters
    ----------
    subject : Subject
    reads : list of ndarray of shape (outputs, inputs)
        For each axis, which outputs answer an impulse at which input. It is what the subject
        does, not what it should, so that another fault is not named twice.
    """
    lengths = tuple(r.shape[1] for r in reads)
    found: list[Astray] = []
    noise = patterns.noise(lengths, 77)
    places = [tuple(n // 2 for n in lengths), (0,) * len(lengths)]
    for name, value in (("NaN", np.nan), ("infinity", np.inf), ("minus infinity", -np.inf)):
        for place in places:
            x = noise.copy()
            x[place] = value
            y = subject.plane(x)
            if y is None:
                continue
            wanted = np.ones((), bool)
            for r, p in zip(reads, place, strict=True):
                wanted = wanted[..., None] & r[:, p]
            if y.shape != wanted.shape:
                continue
            got = np.isnan(y) if np.isnan(value) else np.isinf(y)
            if np.any(wanted & ~got):
                i = tuple(map(int, np.argwhere(wanted & ~got)[0]))
                words = f"{name} at {place} is lost: output {i} reads it and is {float(y[i])!r}"
                found.append(Astray(name, True, words))
            elif np.any(~np.isfinite(y) & ~wanted):
                i = tuple(map(int, np.argwhere(~np.isfinite(y) & ~wanted)[0]))
                words = f"{name} at {place} spreads: output {i} gives it no weight and is"
                found.append(Astray(name, False, f"{words} {float(y[i])!r}"))
    return found
