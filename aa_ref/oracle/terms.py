"""Terms: what an implementation is judged by. The operation, the arrays, the arithmetic."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..dtypes import FLOATING, compute_type, name_of
from ..plans import Direction, Plan, plan
from .accepted import ANYTHING, Accepted, as_accepted
from .bounds import bound
from .comparison import compare
from .layouts import Layout, as_layout
from .precisions import FORMATS, as_precision

__all__ = ["MOST_EXACT", "Terms", "as_terms"]

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
        return (
            self.form != "fft"
            and self.dtype != "float64"
            and largest >= FORMATS[self.dtype].largest
        )

    def plan(self, shape: tuple[int, ...], direction: Direction = "forward") -> Plan:
        """The plan for inputs of a shape (which the adjoint gives)."""
        return plan(
            shape, self.scale, input_dtype=self.dtype_of(direction), axes=self.layout.axes,
            sigma=self.sigma, boundary=self.boundary, sampling=self.sampling,
        )  # fmt: skip

    def compare(self, y: Any, x: Any, plan: Plan, direction: Direction) -> Any:
        """`aa_ref.oracle.comparison.compare`, by these terms; exact for all but large arrays."""
        judged = partial(compare, y, x, plan, **self._arithmetic)
        return judged(direction=direction, exact=math.prod(plan.shape) <= MOST_EXACT)

    def bound(self, x: Any, plan: Plan, direction: Direction) -> Any:
        """`aa_ref.oracle.bound`, by these terms."""
        return partial(bound, x, plan, **self._arithmetic)(direction=direction)

    @property
    def _arithmetic(self) -> dict[str, Any]:
        return {"precision": self.precision, "form": self.form, "taps": self.taps}

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it; exact numbers as text."""
        return {
            "scale": _plain(self.scale), "layout": self.layout.name, "dtype": self.dtype,
            **self._arithmetic, "sigma": _plain(self.sigma), "boundary": _plain(self.boundary),
            "sampling": _plain(self.sampling), **self.accepts.to_dict(),
        }  # fmt: skip

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
    layout: Any,
    dtype: Any,
    precision: Any,
    form: str,
    taps: str,
    sigma: Any,
    boundary: Any,
    sampling: Any,
    shapes: Any = None,
    multiple_of: Any = 1,
) -> Terms:
    """Check all that is written and fill in what is left out.

    Raises
    ------
    AaRefError
        Of the kind that fits, if any of it is wrong.
    """
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


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _in_words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
