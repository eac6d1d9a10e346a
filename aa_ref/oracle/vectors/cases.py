"""The cases, as a table: what goes in, under which options, and what a wrong result hints at.

Small cases that show one thing stand before random ones, so the first failure is the most telling.
"""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dtypes import FLOATING, narrow
from ...plans import Plan, plan
from ..probes import patterns

__all__ = ["CASES", "VectorCase"]

Shape = tuple[int, ...]
Values = NDArray[np.float64]
Make = Callable[[Shape, str, int], Values]


@dataclass(frozen=True)
class VectorCase:
    """One input and the options of one call."""

    name: str  # unique; the files of the case start with it
    label: str  # what the case shows
    suggests: str  # what to look at first when a result of this case is wrong
    shape: tuple[int, ...]
    # from a shape, a type and a seed to samples in binary64, which are rounded to the type. With
    # `patterns.recipe` no file holds them.
    make: Make
    scale: Any
    input_dtype: str = "float32"
    options: dict[str, Any] = field(default_factory=dict)  # the other options of `aa_ref.plan`

    @property
    def plan(self) -> Plan:
        """What the call does."""
        return plan(self.shape, self.scale, input_dtype=self.input_dtype, **self.options)

    @property
    def has_adjoint(self) -> bool:
        """Whether the transpose is part of the case: of small ones, in floating point."""
        return self.input_dtype in FLOATING and self.recipe is None

    @property
    def recipe(self) -> int | None:
        """The seed of samples that are made by the recipe of ``docs/vectors.md``."""
        return _seed(self.name) if self.make is patterns.recipe else None

    def input(self) -> NDArray[Any]:
        """The storage of x."""
        return narrow(self.make(self.shape, self.input_dtype, _seed(self.name)), self.input_dtype)

    def gradient(self) -> NDArray[Any]:
        """The storage of g, of the result's shape and the input's type."""
        seed = _seed(self.name + ".g")
        return narrow(patterns.noise(self.plan.out_shape, seed), self.input_dtype)


def _seed(name: str) -> int:
    """Another for each name, so that a new case leaves the others as they are."""
    return zlib.crc32(name.encode()) >> 3  # patterns take 29 bits


# What goes in beside the patterns of probes: from a shape, whose last two dimensions are planes.


def _seedless(make: Callable[[Shape, str], Values]) -> Make:
    return lambda shape, dtype, seed: make(shape, dtype)


_constant, _checkerboard = _seedless(patterns.constant), _seedless(patterns.checkerboard)


def _impulses(shape: Shape, dtype: str, seed: int) -> Values:
    """An impulse in each plane, from three places at once: the first sample, the last, the middle.

    Plane by plane, these move one step along every axis. So enough planes reach every phase of the
    stride, and both borders.
    """
    lengths = shape[1:]
    ways = (lambda n, step: step, lambda n, step: n - 1 - step, lambda n, step: n // 2 + step)
    places = (tuple(ways[p % 3](n, p // 3) % n for n in lengths) for p in range(shape[0]))
    return np.stack([patterns.impulse(lengths, place, dtype) for place in places])


def _ramps(shape: Shape, dtype: str, seed: int) -> Values:
    """Plane a rises along axis a."""
    return np.stack([patterns.ramp(shape[1:], a, dtype) for a in range(shape[0])])


def _planes(shape: Shape, dtype: str, seed: int) -> Values:
    """A constant in each plane: 1, 2, 4 and so on."""
    of_each = np.ldexp(1.0, np.arange(math.prod(shape[:-2])))
    x: Values = np.repeat(of_each, shape[-2] * shape[-1]).reshape(shape)
    return x


def _beyond(shape: Shape, dtype: str, seed: int) -> Values:
    """Random samples far below 0, above 255, and between."""
    return 128 + 400 * patterns.noise(shape, seed)


def _small(shape: Shape, dtype: str, seed: int) -> Values:
    """Random samples not far above the smallest normal binary32, a quarter of them far below.

    Products with the outer taps are subnormal. They may be flushed to zero, and still there is
    enough of every sum for a verdict.
    """
    x: Values = np.ldexp(patterns.noise(shape, seed), -112)
    x[..., ::2, ::2] = np.ldexp(x[..., ::2, ::2], -20)
    return x


def _special(shape: Shape, dtype: str, seed: int) -> Values:
    """Random samples, and far from one another a NaN, both infinities and a minus zero."""
    x = patterns.noise(shape, seed)
    rows, columns = shape[-2:]
    for value, row, column in (
        (np.nan, 1, 2), (np.inf, rows - 2, 1), (-np.inf, 1, columns - 2),
        (-0.0, rows - 1, columns - 1),
    ):  # fmt: skip
        x[..., row, column] = value
    return x


# What a wrong result hints at.

_PHASE = "the phase: the centre of output i is input i * stride"
_TAPS = (
    "taps (sigma, radius, normalisation), phase, a flip, or rows and columns in each other's "
    "place: every plane of the result shows the taps that reach its one sample"
)
_SIZE = "the size rule: slice keeps ceil(n / stride) samples"
_BORDER = "what stands beyond the ends"
_LARGE = (
    "what small cases do not reach: seams of blocks, indices of 16 bits, buffers of a fixed size"
)
_RANDOM = "if the cases above pass, precision or the order of dimensions"


def _basics(name: str, scale: Any, stride: int, taps: int) -> list[VectorCase]:
    """What each of the common scales is asked first."""
    radius, side = taps // 2, 2 * taps
    return [
        VectorCase(
            f"{name}-impulses", "a single one a plane, at every phase and border", _TAPS,
            (3 * stride + 3, taps + 2, taps + stride + 3), _impulses, scale,
        ),
        VectorCase(
            f"{name}-constant", "ones; the result is 1 where all taps lie within",
            "normalisation if the middle is wrong, the boundary (zeros) if the border is",
            (side + 1, side + 4), _constant, scale,
        ),
        VectorCase(
            f"{name}-ramps", "plane 0 rises along rows, plane 1 along columns",
            f"{_PHASE}; a result that is off by a constant is shifted; planes in each other's "
            "place mean swapped axes",
            (2, side + 3, side), _ramps, scale,
        ),
        VectorCase(
            f"{name}-short", "both lengths below the number of taps",
            "the border where taps reach beyond both ends at once; the size rule",
            (max(radius - 1, 1), radius + 1), patterns.random, scale,
        ),
        VectorCase(
            f"{name}-normal", "random samples, several batches and channels, odd and even lengths",
            _RANDOM, (2, 3, taps + 8, taps + 15), patterns.random, scale,
        ),
    ]  # fmt: skip


CASES: tuple[VectorCase, ...] = (
    VectorCase(
        "half-single", "one sample in, one out", "the boundary (zeros) or the size: 1, not 0",
        (1, 1), _constant, 0.5,
    ),
    *(
        VectorCase(
            f"half-{name}", f"a single {name}", "an axis of length 1, or rows for columns",
            shape, patterns.random, 0.5,
        )
        for name, shape in (("row", (1, 19)), ("column", (19, 1)))
    ),
    *_basics("half", 0.5, 2, 5),
    VectorCase(
        "half-even", "even lengths", _SIZE, (12, 18), patterns.random, 0.5,
    ),
    VectorCase(
        "half-checkerboard", "one and minus one in turn: nearly all of it is filtered away",
        "no filter before the subsampling, or a filter too narrow",
        (13, 18), _checkerboard, 0.5,
    ),
    VectorCase(
        "half-channels", "another constant in each of 2×3 planes",
        "channels or batches that mix, or come in another order",
        (2, 3, 9, 14), _planes, 0.5,
    ),
    VectorCase(
        "half-wide", "large samples that nearly cancel, and small ones",
        "sums in a narrower type than is claimed", (3, 17, 26), patterns.wide, 0.5,
    ),
    VectorCase(
        "half-subnormal",
        "samples of about 2⁻¹¹², some subnormal; products with the outer taps are subnormal, too",
        "a type of less range in between; subnormals that are flushed to zero, as with fast-math, "
        "are noted and not wrong",
        (9, 14), _small, 0.5,
    ),
    *_basics("quarter", 0.25, 4, 13),
    VectorCase(
        "quarter-special", "a NaN, both infinities and a minus zero among random samples",
        "NaN or infinity that spreads further than the taps reach, or less far",
        (31, 44), _special, 0.25,
    ),
    VectorCase(
        "quarter-wide", "large samples that nearly cancel, and small ones",
        "sums in a narrower type than is claimed", (33, 46), patterns.wide, 0.25,
    ),
    *_basics("eighth", 0.125, 8, 29),
    VectorCase(
        "third-ramps", "a scale of exactly one third: plane 0 rises along rows, 1 along columns",
        "the stride (3) or sigma (1): 1/3 as a float is another scale",
        (2, 20, 31), _ramps, Fraction(1, 3),
    ),
    VectorCase(
        "third-normal", "a scale of exactly one third", "the stride (3) or sigma (1)",
        (2, 20, 31), patterns.random, Fraction(1, 3),
    ),
    *(
        VectorCase(
            f"radius-tie-{name}", "scale 0.16: 1/s is 6.25 and 4 sigma is 10.5",
            "the radius: round half to even gives 10, half up 11; or the stride: 6, truncated",
            shape, make, 0.16,
        )
        for name, shape, make in (
            ("impulses", (7, 31, 44), _impulses), ("normal", (31, 44), patterns.random)
        )
    ),
    VectorCase(
        "keeps-all", "scale 0.75: the stride is int(1/s) = 1, so every sample is kept",
        "the size: slice goes by the stride, not by n * s",
        (2, 11, 14), patterns.random, 0.75,
    ),
    VectorCase(
        "one-tap", "scale 0.875: stride 1 and radius 0, so nothing changes",
        "the radius (0), or a size of n * s", (10, 13), patterns.random, 0.875,
    ),
    VectorCase(
        "no-pass", "scale 1: nothing is filtered or dropped",
        "a filter at scale 1; the original's weight is NaN there, 0/0",
        (10, 13), patterns.random, Fraction(1),
    ),
    VectorCase(
        "scale-of-each-axis", "scale 1/2 for rows and 1/4 for columns",
        "scales in the wrong order, or one scale for both",
        (2, 18, 27), patterns.random, (0.5, 0.25),
    ),
    VectorCase(
        "columns-alone", "scale 1 for rows and 1/4 for columns", "a pass where the scale is 1",
        (9, 27), patterns.random, (Fraction(1), 0.25),
    ),
    VectorCase(
        "float-1-93", "the float nearest to 1/93: its reciprocal is just below 93, so the stride "
        "is 92", "truncation: int(1/s), not round(1/s)",
        (190,), patterns.random, 1 / 93, options={"axes": -1},
    ),
    VectorCase(
        "exactly-1-93", "exactly 1/93: the stride is 93", "a Fraction that became a float",
        (190,), patterns.random, Fraction(1, 93), options={"axes": -1},
    ),
    VectorCase(
        "sigma-given", "scale 1/2 with a sigma of 1.5: stride 2 and 13 taps",
        "radius from the scale instead of from sigma, or a stride from sigma",
        (2, 22, 31), patterns.random, 0.5, options={"sigma": 1.5},
    ),
    VectorCase(
        "sigma-zero", "sigma 0: one tap, so plain subsampling", "a division by sigma",
        (11, 16), patterns.random, 0.5, options={"sigma": 0.0},
    ),
    VectorCase(
        "sigma-at-scale-1", "scale 1 with a sigma: a blur that keeps every sample",
        "a shortcut at scale 1 that forgets sigma",
        (11, 16), patterns.random, Fraction(1), options={"sigma": (0.75, 1.5)},
    ),
    *(
        VectorCase(
            f"nearest-{name}", f"sampling nearest at scale {scale}: floor(n * s) outputs",
            "the size, or centres: min(floor(f32(i) * f32(1/s)), n - 1), computed in binary32",
            shape, patterns.random, scale, options={"sampling": "nearest"},
        )
        for name, scale, shape in (
            ("half", 0.5, (2, 15, 22)), ("quarter", 0.25, (2, 30, 43)),
            ("two-fifths", Fraction(2, 5), (17, 26)), ("three-tenths", 0.3, (17, 26)),
        )
    ),
    *(
        VectorCase(
            f"{boundary}-{name}", f"boundary {boundary}, {described}",
            f"{_BORDER}: {extended}", shape, patterns.random, 0.25, options={"boundary": boundary},
        )
        for boundary, extended in (
            ("replicate", "… a a a b c …, the edge again and again"),
            ("reflect", "… c b a b c …, the edge once"),
            ("circular", "… b c a b c …, the other end"),
        )
        for name, shape, described in (
            ("normal", (2, 17, 26), "both lengths above the number of taps"),
            ("short", (2, 3), "taps reach beyond the ends several times over"),
            ("single", (1, 1), "a single sample: the result is the sample"),
        )
    ),
    VectorCase(
        "boundary-of-each-axis", "circular along rows, reflect along columns",
        f"{_BORDER}: boundaries in the wrong order, or one for both",
        (16, 23), patterns.random, 0.5, options={"boundary": ("circular", "reflect")},
    ),
    VectorCase(
        "signal", "one axis is filtered: signals of 61 samples",
        "a second pass over an axis that is not filtered",
        (3, 61), patterns.random, 0.25, options={"axes": -1},
    ),
    VectorCase(
        "channels-last", "rows, columns, channels: the first two axes are filtered",
        "the order of dimensions", (15, 22, 3), patterns.random, 0.5, options={"axes": (0, 1)},
    ),
    VectorCase(
        "volume", "three axes are filtered", "a forgotten axis, or two in each other's place",
        (2, 9, 12, 15), patterns.random, 0.5, options={"axes": (-3, -2, -1)},
    ),
    *(
        VectorCase(
            f"{dtype}-{name}", label, suggests, shape, make, 0.25, dtype,
        )
        for dtype in ("float64", "float16", "bfloat16")
        for name, label, suggests, shape, make in (
            ("impulses", f"{dtype}: a single one a plane", _TAPS, (7, 15, 22), _impulses),
            (
                "normal", f"{dtype}: random samples",
                "arithmetic or taps in binary32" if dtype == "float64" else
                "sums in the narrow type instead of binary32, or a result rounded twice",
                (2, 23, 34), patterns.random,
            ),
        )
    ),
    VectorCase(
        "float64-wide", "float64: large samples that nearly cancel, and small ones",
        "sums in a narrower type than is claimed", (33, 46), patterns.wide, 0.25, "float64",
    ),
    *(
        VectorCase(
            f"{dtype}-normal", f"{dtype}: random samples over the whole range",
            "rounding (half to even, not truncation), or a range rescaled to 0…1",
            (2, 23, 34), patterns.random, 0.25, dtype,
        )
        for dtype in ("uint8", "uint16")
    ),
    VectorCase(
        "uint8-white", "uint8: 255 everywhere", "a sum of 256 that wraps around to 0",
        (23, 34), _constant, 0.25, "uint8",
    ),
    VectorCase(
        "uint8-to-float32", "uint8 in, float32 out", "a result rounded to an integer on the way",
        (23, 34), patterns.random, 0.25, "uint8", {"dtype": "float32"},
    ),
    VectorCase(
        "float32-to-uint8", "float32 in, uint8 out: results below 0 become 0, above 255 255",
        "results that wrap around instead of being clipped",
        (23, 34), _beyond, 0.25, options={"dtype": "uint8"},
    ),
    VectorCase(
        "quarter-planes", "5 entries of 67 channels", f"{_LARGE}; blocks of 64 channels",
        (5, 67, 9, 10), patterns.recipe, 0.25,
    ),
    VectorCase(
        "quarter-long", "16,403 columns, 4,101 outputs", _LARGE, (5, 16_403), patterns.recipe, 0.25,
    ),
    *(
        VectorCase(f"{name}-large", label, _LARGE, (600, 520), patterns.recipe, scale, dtype)
        for name, label, scale, dtype in (
            ("eighth", "a large plane", 0.125, "float32"),
            ("quarter", "a large plane", 0.25, "float32"),
            ("uint8", "uint8: a large plane", 0.25, "uint8"),
        )
    ),
)  # fmt: skip
