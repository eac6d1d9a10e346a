"""The implementation under diagnosis, seen as a function of (batch, channels, *lengths) arrays."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import patterns
from ..accepted import ANYTHING, Accepted
from ..errors import OracleError
from ..layouts import Layout

__all__ = ["Subject"]

Values = NDArray[np.float64]


class Subject:
    """A black box that is only ever asked.

    What it does besides answering (raising, writing to its input, returning another type) is kept
    in `troubles`, the first of each kind, and the lengths at which it raised in `refused`; the
    diagnosis goes on with what it answers. Numbers below `low` or above `high`, as soon as it is
    known that these are cut off, are not asked any more.

    Parameters
    ----------
    fn : function
        From an array in the layout and type to another.
    layout : Layout
    dtype : str
    channels : int, optional
        For implementations made for so many.
    limit : int
        The most samples in one call.
    accepts : Accepted
        The lengths that are asked; there is no answer to others.
    """

    def __init__(
        self,
        fn: Callable[[NDArray[Any]], Any],
        layout: Layout,
        dtype: str,
        channels: int | None,
        limit: int,
        accepts: Accepted = ANYTHING,
    ) -> None:
        self.accepts = accepts
        self.layout, self.dtype, self.limit = layout, dtype, limit
        self.channels = channels if channels is not None and layout.has_channels else 1
        self.batches = layout.has_batch
        self.order: tuple[int, ...] | None = None
        self.low, self.high = -math.inf, math.inf
        self.troubles: dict[str, str] = {}
        self.refused: list[tuple[int, ...]] = []
        self._fn = fn

    def holds(self, values: Values) -> Values:
        """The values after conversion to the type that is asked for."""
        with np.errstate(all="ignore"):
            return patterns.cast(values, self.dtype).astype(np.float64)

    @property
    def is_cut(self) -> bool:
        """Whether numbers are cut off somewhere."""
        return math.isfinite(self.low) or math.isfinite(self.high)

    def within(self, amplitude: float) -> float:
        """A positive number, or the largest power of two that is not cut off if that is less.

        Negative where all positive numbers are cut off.
        """
        sign, most = (1.0, self.high) if self.high > 0 else (-1.0, -self.low)
        return sign * (amplitude if most >= amplitude else 2.0 ** math.floor(math.log2(most)))

    def noise(self, lengths: tuple[int, ...], seed: int, size: float = 1.0) -> Values:
        """Samples of variance ``size**2``, or as large as they may be if numbers are cut off."""
        x = size * patterns.noise(lengths, seed)
        if math.isfinite(self.low) and math.isfinite(self.high):
            even = patterns.random(lengths, "uint16", seed) / 65536
            x = self.low + (self.high - self.low) * even
        elif self.is_cut:
            x = self.low + np.abs(x) if math.isfinite(self.low) else self.high - np.abs(x)
        return self.holds(x)

    def ask(self, x: Values) -> Values | None:
        """The answer to one array of shape (batch, channels, *lengths), or None if there is none.

        If `order` is set, the answer's filtered dimensions are put into it first.
        """
        if not self.accepts.takes(x.shape[2:]):
            return None
        given = self.layout.arrange(patterns.cast(x, self.dtype))
        before = given.copy()
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                y = self._fn(given)
        except Exception as error:
            said = str(error).partition("\n")[0]
            if not isinstance(error, OracleError):  # a guard's words name the type themselves
                said = f"{type(error).__name__}: {said}"
            self.refused.append(x.shape[2:])
            self._note("error", f"at shape {given.shape}, {said}")
            return None
        if given.tobytes() != before.tobytes():
            self._note("mutates", f"the input of shape {given.shape} has changed after the call")
        if not isinstance(y, np.ndarray):
            self._note("dtype", f"a {type(y).__name__} comes back, not an ndarray")
            return None
        if y.dtype != given.dtype:
            self._note("dtype", f"{y.dtype} comes back for {given.dtype}")
        if y.ndim != given.ndim or y.dtype.kind not in "fiuV":
            self._note("error", f"an array of shape {y.shape}, {y.dtype} answers {given.shape}")
            return None
        with np.errstate(all="ignore"):
            return self._in_order(y.astype(np.float64))

    def planes(self, xs: Iterable[Values]) -> Iterator[Values | None]:
        """The answers to single planes of shape ``lengths``, several in one call where that can be.

        A plane is repeated where the subject takes several channels; its first one answers.
        """
        pending: list[Values] = []
        for x in xs:
            pending.append(x)
            if not self.batches or (len(pending) + 1) * x.size * self.channels > self.limit:
                yield from self._together(pending)
                pending = []
        if pending:
            yield from self._together(pending)

    def plane(self, x: Values) -> Values | None:
        """The answer to one plane of shape ``lengths``."""
        return next(self.planes([x]))

    def _together(self, xs: list[Values]) -> Iterator[Values | None]:
        stack = np.stack(xs)[:, None]
        y = self.ask(np.repeat(stack, self.channels, axis=1) if self.channels > 1 else stack)
        if y is None and len(xs) > 1:  # exported models may take one entry and no more
            first = next(self._together(xs[:1]))
            self.batches = first is None
            yield first
            for x in xs[1:]:
                yield None if first is None else next(self._together([x]))
            return
        for k in range(len(xs)):
            yield None if y is None or k >= len(y) or not y.shape[1] else y[k, 0]

    def _in_order(self, y: Values) -> Values:
        name = self.layout.name
        letters = "NC" + "".join(name[a] for a in self.layout.axes)
        y = y.transpose([name.index(letter) for letter in letters if letter in name])
        for k, letter in enumerate("NC"):
            if letter not in name:
                y = np.expand_dims(y, k)
        if self.order is not None:
            y = y.transpose(0, 1, *(2 + k for k in self.order))
        return y

    def _note(self, code: str, text: str) -> None:
        self.troubles.setdefault(code, text)
