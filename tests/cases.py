"""Random calls for the table of backends: shapes, layouts, options and values, all drawn freely.

Every name below draws from all that it says: lengths include 1, primes and lengths shorter than the
filter, free dimensions include 0, layouts include negative, zero and unaligned strides.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import TYPES, values

import aa_ref

BOUNDARIES = ("zeros", "replicate", "reflect", "circular")
FLOATS = TYPES[:4]
SCALES = (
    0.5, 0.25, 0.125, 1, 1.0, 0.75, 0.9, 0.16, 0.3, 0.65, 1 / 3,
    Fraction(1, 3), Fraction(1, 2), Fraction(2, 5), Fraction(3, 4), Fraction(1, 7),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One call. ``x`` is the input as it lies in memory; ``options`` go to the public functions."""

    x: NDArray[Any]
    scale: Any
    options: dict[str, Any]
    seed: int

    @property
    def plan(self) -> aa_ref.Plan:
        return aa_ref.plan(self.x.shape, self.scale, input_dtype=self.x.dtype, **self.options)

    def run(self, backend: str, x: Any = None, **more: Any) -> Any:
        return aa_ref.downsample(
            self.x if x is None else x, self.scale, **self.options | more, backend=backend
        )


def lay_out(x: NDArray[Any], layout: str, rng: np.random.Generator) -> NDArray[Any]:
    """The same array, lying differently in memory."""
    if layout == "fortran":
        return np.asfortranarray(x)
    if layout == "permuted":
        order = rng.permutation(x.ndim)
        return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    if layout == "strided":  # every other, some axes backwards, inside a larger array
        room = np.zeros([2 * n + 1 for n in x.shape], x.dtype)
        back = rng.random(x.ndim) < 0.5
        view = room[tuple(slice(2 * n, None, -2) if b else slice(1, None, 2)
                          for n, b in zip(x.shape, back, strict=True))]  # fmt: skip
        view = view[tuple(slice(0, n) for n in x.shape)]
        view[...] = x
        return view
    if layout == "broadcast" and x.size:
        axis = int(rng.integers(x.ndim))
        return np.broadcast_to(np.take(x, [0], axis), x.shape)
    if layout == "unaligned" and x.ndim:
        packed = np.zeros(x.shape, np.dtype([("skip", "u1"), ("x", x.dtype)]))
        packed["x"] = x
        return packed["x"]
    if layout == "shifted":  # without gaps, from an odd address on
        room = np.zeros(x.nbytes + 1, np.uint8)
        shifted = room[1:].view(x.dtype).reshape(x.shape)
        shifted[...] = x
        return shifted
    if layout == "offset":  # without gaps, from a sample on that begins no vector of 64 bytes
        room = np.zeros(x.size + 32, x.dtype)
        skipped = int(rng.integers(32))
        offset = room[skipped : skipped + x.size].reshape(x.shape)
        offset[...] = x
        return offset
    return np.ascontiguousarray(x).reshape(x.shape)


LAYOUTS = ("c", "fortran", "permuted", "strided", "broadcast", "unaligned", "shifted", "offset")


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    dtypes: tuple[str, ...] = TYPES,
    kinds: tuple[str, ...] = ("normal", "wide", "subnormal", "special"),
    layouts: tuple[str, ...] = LAYOUTS,
    boundaries: tuple[str, ...] = BOUNDARIES,
    convert: bool = True,
    empty: bool = True,
    most_axes: int = 4,
) -> Case:
    """A call that is not an error."""
    ndim = draw(st.integers(1, 5))
    axes = draw(st.permutations(range(ndim)))[: draw(st.integers(1, min(ndim, most_axes)))]
    primes = [7, 11, 13, 17, 19, 23, 31, 37] if ndim < 4 else [7, 11, 13]
    lengths = st.one_of(st.integers(1, 6), st.sampled_from(primes))
    shape = [draw(st.integers(0 if empty else 1, 4)) for _ in range(ndim)]
    scales, sigmas, samplings, edges = [], [], [], []
    for axis in axes:
        shape[axis] = draw(lengths)
        scale = draw(st.one_of(st.sampled_from(SCALES), st.floats(0.04, 1)))
        enough = shape[axis] * scale >= 1
        scales.append(scale)
        samplings.append(draw(st.sampled_from(("slice", "nearest") if enough else ("slice",))))
        sigmas.append(
            draw(st.one_of(st.none(), st.floats(0, 12), st.fractions(0, 12, max_denominator=9)))
        )
        edges.append(draw(st.sampled_from(boundaries)))
    dtype = draw(st.sampled_from(dtypes))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    kind, layout = draw(st.sampled_from(kinds)), draw(st.sampled_from(layouts))
    x = values(dtype, int(np.prod(shape)), kind, rng).reshape(shape)
    written = tuple(a - ndim if draw(st.booleans()) else a for a in axes)
    options: dict[str, Any] = {
        "axes": written,
        "sigma": tuple(sigmas),
        "boundary": tuple(edges),
        "sampling": tuple(samplings),
    }
    if convert:
        options["dtype"] = draw(st.one_of(st.none(), st.sampled_from(TYPES)))
    scale = tuple(scales)
    if draw(st.booleans()):  # one value for all axes, where that is no error
        scale = scales[0]
        options["sampling"], options["sigma"], options["boundary"] = "slice", sigmas[0], edges[0]
    return Case(lay_out(x, layout, rng), scale, options, seed)


def gradient(case: Case, dtype: str, kind: str = "normal") -> NDArray[Any]:
    """Something of the result's shape to apply the adjoint to, of a floating type."""
    rng = np.random.default_rng(case.seed + 1)
    shape = case.plan.out_shape
    g = values(dtype, int(np.prod(shape)), kind, rng).reshape(shape)
    return lay_out(g, str(rng.choice(LAYOUTS)), rng)
