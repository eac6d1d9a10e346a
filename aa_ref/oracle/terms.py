"""Terms: what an implementation is judged by. The operation, the arrays, the arithmetic.

The arrays may be of any lengths, of multiples of a number, or of a few shapes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dtypes import FLOATING, compute_type, name_of
from ..plans import Direction, Plan, plan
from .calling.layouts import Layout, as_layout
from .errors import OracleError
from .findings import counted
from .numerics.bounds import bound
from .numerics.compare import Comparison, compare
from .numerics.formats import FORMATS, as_precision

__all__ = [
    "ANYTHING", "MOST_EXACT", "Accepted", "Terms", "as_accepted", "as_terms", "in_batches", "plain",
]  # fmt: skip

Lengths = tuple[int, ...]


@dataclass(frozen=True)
class Accepted:
    """Describes which arrays an implementation accepts."""

    multiple: int = 1  # every filtered axis is as long as a multiple of this
    # if there are any, the only lengths of the filtered axes, the shortest first
    shapes: tuple[Lengths, ...] = ()
    # if not None, the only number of batch entries, and of channels
    batch: int | None = None
    channels: int | None = None

    @property
    def anything(self) -> bool:
        """Tell whether all lengths are accepted."""
        return self.multiple == 1 and not self.shapes

    def takes(self, lengths: Lengths) -> bool:
        """Tell whether arrays with these lengths along the filtered axes are accepted."""
        if self.shapes:
            return lengths in self.shapes
        return all(n % self.multiple == 0 for n in lengths)

    def nearest(self, lengths: Lengths) -> Lengths:
        """Return lengths that are accepted: the next longer ones, or the longest there are.

        Unequal lengths stay unequal, where that can be.
        """
        if self.shapes:
            longer = (
                s for s in self.shapes if all(m >= n for m, n in zip(s, lengths, strict=True))
            )
            return next(longer, self.shapes[-1])
        found = tuple(-(-n // self.multiple) * self.multiple for n in lengths)
        if len(set(found)) == 1 < len(set(lengths)):
            found = (*found[:-1], found[-1] + self.multiple)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return what is not left to the implementation, as JSON takes it."""
        given = {
            "shapes": [list(s) for s in self.shapes], "batch": self.batch,
            "multiple_of": self.multiple if self.multiple > 1 else None,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value}

    def __str__(self) -> str:
        if self.shapes:
            entries = "" if self.batch is None else f" of {counted(self.batch, 'entry')}"
            return f"shapes {', '.join('×'.join(map(str, s)) for s in self.shapes)}{entries}"
        return f"lengths that are multiples of {self.multiple}" if self.multiple > 1 else ""


ANYTHING = Accepted()
"""Of implementations that take arrays of any size."""


MOST_EXACT = 1 << 15
"""Samples that are summed exactly. Larger arrays are held against sums in binary64."""


@dataclass(frozen=True)
class Terms:
    """The operation and the arrays as `aa_ref.plan` takes them, the arithmetic as `bound` does.

    ``layout`` stands for ``axes``.
    """

    scale: Any
    layout: Layout
    dtype: str
    precision: str
    form: str
    taps: str
    sigma: Any
    boundary: Any
    sampling: Any
    accepts: Accepted = ANYTHING

    @property
    def gradient_dtype(self) -> str:
        """The type in which the adjoint is asked: the input's, binary32 for integers."""
        return self.dtype if self.dtype in FLOATING else "float32"

    def dtype_of(self, direction: Direction) -> str:
        """The type of arguments and results."""
        return self.dtype if direction == "forward" else self.gradient_dtype

    @property
    def holds_largest(self) -> bool:
        """Whether numbers near the type's largest can be judged.

        All that is rounded goes as far as the type, sums go no further than samples, and the bound,
        which is computed in binary64, goes further.
        """
        p = as_precision(self.precision)
        largest = min(f.largest for f in (p.design, p.operands, p.accumulation, p.storage))
        spared = self.form == "fft" or self.dtype == "float64"
        return not spared and largest >= FORMATS[self.dtype].largest

    def plan(self, shape: tuple[int, ...], direction: Direction = "forward") -> Plan:
        """The plan for inputs of a shape (which the adjoint gives)."""
        return plan(
            shape, self.scale, input_dtype=self.dtype_of(direction), axes=self.layout.axes,
            sigma=self.sigma, boundary=self.boundary, sampling=self.sampling,
        )  # fmt: skip

    def compare(self, y: Any, x: Any, plan: Plan, direction: Direction) -> Comparison:
        """Judge a result as `aa_ref.oracle.compare` does; exactly, but for large arrays."""
        return compare(
            y, x, plan, precision=self.precision, form=self.form, taps=self.taps,
            direction=direction, exact=math.prod(plan.shape) <= MOST_EXACT,
        )  # fmt: skip

    def bound(self, x: Any, plan: Plan, direction: Direction) -> NDArray[np.float64]:
        """Return the bound that `aa_ref.oracle.bound` gives by these terms."""
        return bound(
            x, plan, precision=self.precision, form=self.form, taps=self.taps, direction=direction
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it; exact numbers as text."""
        names = "scale layout dtype precision form taps sigma boundary sampling"
        found = {name: plain(getattr(self, name)) for name in names.split()}
        return found | {"layout": self.layout.name} | self.accepts.to_dict()

    def __str__(self) -> str:
        words = [f"scale {_in_words(self.scale)}", self.layout.name, self.dtype]
        if self.sigma is not None:
            words.append(f"sigma {_in_words(self.sigma)}")
        words += [f"boundary {_in_words(self.boundary)}", f"sampling {_in_words(self.sampling)}"]
        words += [str(self.accepts)] if str(self.accepts) else []
        form = "in any form" if self.form == "any" else f"in {self.form} form"
        return f"{', '.join(words)}; {self.precision} {form}, taps {self.taps}"


def as_terms(
    scale: Any,
    *,
    layout: Any = "NCHW",
    dtype: Any = "float32",
    precision: Any = None,
    form: str = "any",
    taps: str = "recomputed",
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    shapes: Any = None,
    multiple_of: Any = 1,
) -> Terms:
    """Check all that is written and fill in what is left out."""
    name = name_of(dtype)
    if precision is None:
        precision = "binary64" if compute_type(name).itemsize == 8 else "binary32"
    letters = as_layout(layout)
    terms = Terms(
        scale, letters, name, as_precision(precision).name, form, taps, sigma,
        boundary, sampling, as_accepted(shapes, multiple_of, letters),
    )  # fmt: skip
    terms.plan((1 << 16,) * len(terms.layout.name))
    for lengths in terms.accepts.shapes:
        terms.plan(letters.shape(1, 1, lengths))
    return terms


def plain(value: Any) -> Any:
    """Make of a value what JSON knows: arrays become lists, infinite numbers None, others text."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _in_words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def as_accepted(shapes: Any, multiple_of: Any, layout: Layout) -> Accepted:
    """Check the shapes of `aa_ref.oracle.check`, each of filtered axes or of all."""
    if not (isinstance(multiple_of, int) and multiple_of >= 1):
        raise OracleError(f"multiple_of is {multiple_of!r}; write an integer from 1 on")
    if shapes is None:
        return Accepted(multiple_of)
    if multiple_of > 1:
        raise OracleError(
            f"multiple_of is {multiple_of}, but the shapes say all of that; leave one out"
        )
    listed = shapes if isinstance(shapes, list | tuple) else ()
    found = [read for shape in listed if (read := _read(shape, layout)) is not None]
    counts = {(batch, channels) for batch, channels, _ in found}
    if len(found) < len(listed) or len(counts) != 1:
        lengths = (256,) * len(layout.axes)
        whole = layout.shape(1, 3, lengths)
        raise OracleError(
            f"shapes is {shapes!r}; write lengths of the filtered axes, as [{lengths}], or whole "
            f"shapes, as [{whole}], of as many batch entries and channels each"
        )
    ordered = sorted(dict.fromkeys(lengths for *_, lengths in found), key=math.prod)
    return Accepted(1, tuple(ordered), *counts.pop())


def _read(shape: Any, layout: Layout) -> tuple[int | None, int | None, Lengths] | None:
    """Read batch entries, channels (if it is whole) and lengths of a shape, if it is one."""
    if not isinstance(shape, list | tuple) or not all(isinstance(n, int) and n > 0 for n in shape):
        return None
    if len(shape) == len(layout.axes):
        return None, None, tuple(shape)
    if len(shape) != len(layout.name):
        return None
    by_letter = dict(zip(layout.name, shape, strict=True))
    return by_letter.get("N"), by_letter.get("C"), tuple(shape[a] for a in layout.axes)


def in_batches(
    fn: Callable[[NDArray[Any]], NDArray[Any]], layout: Layout, batch: int | None
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Make a function of any number of batch entries out of one that takes just so many, if so."""
    if batch is None:
        return fn
    axis = layout.name.index("N")

    def act(x: NDArray[Any]) -> NDArray[Any]:
        entries = x.shape[axis]
        answers = [
            fn(np.take(x, np.arange(first, first + batch) % entries, axis))
            for first in range(0, entries, batch)
        ]
        if any(y.ndim != x.ndim or y.shape[axis] != batch for y in answers):
            return answers[0]
        return np.take(np.concatenate(answers, axis), np.arange(entries), axis)

    return act
