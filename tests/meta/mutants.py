"""Implementations with one thing wrong, and pairs of such things: what a judge must tell apart."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from layer import Layer, every_stride, gaussian

Function = Callable[[Any], Any]


class Mutant(NamedTuple):
    """A wrong implementation.

    ``codes`` are those that its findings must have, no more and no fewer. ``options`` go to the
    check.
    """

    name: str
    function: Function
    codes: frozenset[str]
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed


RIGHT = Layer()


def mutant(name: str, function: Function, codes: str, **options: Any) -> Mutant:
    return Mutant(name, function, frozenset(codes.split()), {"scale": 0.25} | options)


def but(**parts: Any) -> Layer:
    return RIGHT.but(**parts)


def one_axis(axis: int, **parts: Any) -> Layer:
    return but(along={axis: but(**parts)})


def to_bits(x: Any, bits: int) -> Any:
    """Rounded to so many significant bits, half to even."""
    mantissa, exponent = np.frexp(x)
    with np.errstate(all="ignore"):
        return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits).astype(x.dtype)


bfloat16, tf32 = partial(to_bits, bits=8), partial(to_bits, bits=11)


def half(x: Any) -> Any:
    with np.errstate(all="ignore"):
        return x.astype(np.float16).astype(x.dtype)


# Beyond the ends.


def clip(e: Any, n: int) -> Any:
    return np.clip(e, 0, n - 1)


def reflect(e: Any, n: int) -> Any:
    k = e % max(2 * (n - 1), 1)
    return np.minimum(k, 2 * (n - 1) - k) if n > 1 else 0 * e


def symmetric(e: Any, n: int) -> Any:
    k = e % (2 * n)
    return np.minimum(k, 2 * n - 1 - k)


def wrap(e: Any, n: int) -> Any:
    return e % n


def clip_below(e: Any, n: int) -> Any:
    return np.where(e >= n, -1, np.maximum(e, 0))


def clip_above(e: Any, n: int) -> Any:
    return np.where(e < 0, -1, np.minimum(e, n - 1))


def drop_first(e: Any, n: int) -> Any:
    return np.where((e > 0) & (e < n), e, -1)


def renormalise(total: Any, held: Any) -> Any:
    with np.errstate(all="ignore"):
        return total / held


# Where outputs lie.


def half_way(n: int, stride: int) -> Any:
    return np.minimum(np.arange(0, n, stride) + stride // 2, n - 1)


def keep_two_thirds(n: int, stride: int) -> Any:
    return np.arange(0, n, stride)[: max(1, -(-n // stride) * 2 // 3)]


def same_padding(n: int, stride: int) -> Any:
    """As TensorFlow pads: by what the last output lacks, half of it before."""
    m, k = -(-n // stride), 13
    lacking = max((m - 1) * stride + k - n, 0)
    return np.arange(m) * stride - lacking // 2 + k // 2


def ratio(n: int, stride: int) -> Any:
    m = -(-n // stride)
    return (np.arange(m) * n) // m


def valid(n: int, stride: int) -> Any:
    return np.arange(6, n - 6, stride)


def align_corners(n: int, stride: int) -> Any:
    m = -(-n // stride)
    return np.round(np.linspace(0, n - 1, m)).astype(int) if m > 1 else np.zeros(1, int)


# Channels, entries, axes.


def on_channels(change: Function) -> Function:
    return lambda x: change(RIGHT(x))


def first_only(y: Any) -> Any:
    return np.repeat(y[:, :1], y.shape[1], axis=1)


def two_entries(y: Any) -> Any:
    y[2:] = 0
    return y


def neighbour(y: Any) -> Any:
    return y + np.roll(y, 1, axis=1) / 1024 if y.shape[1] > 1 else y


def blue_as_red(y: Any) -> Any:
    return y[:, ::-1]


def mean_of_entries(y: Any) -> Any:
    return np.broadcast_to(y.mean(0, keepdims=True), y.shape).astype(y.dtype)


def last_weaker(y: Any) -> Any:
    z = y.copy()
    if y.shape[1] > 1:
        z[:, -1] *= 0.5
    return z


def three_only(x: Any) -> Any:
    return np.concatenate([RIGHT(x)[:, :2], RIGHT(x)[:, 2:] * 0], axis=1)


def transposed(x: Any) -> Any:
    return np.ascontiguousarray(RIGHT(x).swapaxes(-1, -2))


def wrong_dimensions(x: Any) -> Any:
    return but(axes=(1, 2))(x)


# Numbers.


def nan_to_zero(x: Any) -> Any:
    return RIGHT(np.nan_to_num(x, posinf=np.inf, neginf=-np.inf))


def no_infinity(x: Any) -> Any:
    return RIGHT(np.where(np.isinf(x), np.sign(x) * np.finfo(x.dtype).max, x).astype(x.dtype))


def nan_everywhere(x: Any) -> Any:
    y = RIGHT(x)
    return y * np.nan if np.isnan(x).any() else y


def wider_with_zeros(x: Any) -> Any:
    """Two zero taps more on both sides, which NaN does not pass unseen."""
    return but(
        places=lambda r: np.arange(-r - 2, r + 3),
        weights=lambda i, s: gaussian(i, s) * (np.abs(i) <= 6),
    )(x)


def largest_of_nine(x: Any) -> Any:
    """Max pooling."""
    height, width = x.shape[-2:]
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=-np.inf)
    shifted = [
        padded[..., i : i + height : 4, j : j + width : 4] for i in (0, 1, 2) for j in (0, 1, 2)
    ]
    return np.max(shifted, axis=0)


class Changing:
    """Another answer at every second call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return RIGHT(x) * np.float32(1 + self.calls % 2 / 64)


def writes(x: Any) -> Any:
    y = RIGHT(x)
    x += 1
    return y


def refuses_odd(x: Any) -> Any:
    if x.shape[-1] % 2:
        raise ValueError("odd widths are not supported")
    return RIGHT(x)


def refuses_short(x: Any) -> Any:
    if min(x.shape[-2:]) < 7:
        raise ValueError("padding size should be less than the corresponding input dimension")
    return RIGHT(x)


def by_memory(x: Any) -> Any:
    """Reads memory in order, whatever the strides say."""
    if not x.flags.c_contiguous:
        x = np.ravel(x, order="K")[: x.size].reshape(x.shape)
    return RIGHT(np.ascontiguousarray(x))


def extra_row(y: Any) -> Any:
    return np.concatenate([y, y[..., -1:, :]], axis=-2)


def table(sigma: float, radius: int) -> Function:
    return lambda i, s: gaussian(i, sigma) * (np.abs(i) <= radius)


def scaled(factor: float) -> Function:
    return lambda s: (1 / s - 1) / 2 * factor


def wrong_tap(t: Any) -> Any:
    t = t / t.sum()
    t[4] *= 1.01
    return t


def one_sided(r: int) -> Any:
    return np.arange(-r, r)


SINGLE = [
    # size
    mutant(
        "floor for ceil", but(centres=lambda n, q: every_stride(n, q)[: max(n // q, 1)]), "size"
    ),
    mutant("rounded size", but(centres=lambda n, q: np.arange(max(round(n / q), 1)) * q), "size"),
    mutant("a row too many", but(after=extra_row), "size"),
    mutant(
        "one row at most too few", but(centres=lambda n, q: every_stride(max(n - 1, 1), q)), "size"
    ),
    mutant("rows cut off", but(centres=keep_two_thirds), "size"),
    mutant(
        "width alone floors",
        one_axis(-1, centres=lambda n, q: every_stride(n, q)[: max(n // q, 1)]),
        "size",
    ),
    # phase
    mutant(
        "one sample late",
        but(centres=lambda n, q: np.minimum(every_stride(n, q) + 1, n - 1)),
        "phase",
    ),
    mutant("one sample early", but(centres=lambda n, q: every_stride(n, q) - 1), "phase"),
    mutant("half a stride late", but(centres=half_way), "phase"),
    mutant(
        "columns alone late", one_axis(-1, centres=lambda n, q: every_stride(n, q) + 1), "phase"
    ),
    mutant("TensorFlow's same padding", but(centres=same_padding), "phase"),
    mutant("centres by in/out", but(centres=ratio), "phase"),
    mutant("corners aligned", but(centres=align_corners), "phase"),
    mutant("rolled result", but(after=lambda y: np.roll(y, 1, -1)), "phase"),
    mutant("rolled input", but(before=lambda x: np.roll(x, 1, -2)), "phase boundary"),
    # stride
    mutant("stride 3", but(stride=lambda s: 3), "stride"),
    mutant("stride 5", but(stride=lambda s: 5), "stride"),
    mutant("no subsampling", but(stride=lambda s: 1), "stride"),
    mutant("rows alone at stride 2", one_axis(-2, stride=lambda s: 2), "stride"),
    mutant("strided twice", but(stride=lambda s: 16), "stride"),
    mutant("1/s rounded", Layer(scale=0.15, stride=lambda s: round(1 / s)), "stride", scale=0.15),
    # sigma
    mutant("sigma 1/(2s)", but(sigma=lambda s: 1 / s / 2, radius=lambda g: 6), "sigma"),
    mutant("sigma 1/(2s), its radius", but(sigma=lambda s: 1 / s / 2), "sigma"),
    mutant("sigma (1/s-1)/3", but(sigma=lambda s: (1 / s - 1) / 3, radius=lambda g: 6), "sigma"),
    mutant("sigma one per cent off", but(sigma=scaled(1.01)), "sigma"),
    mutant("sigma a ten-thousandth off", but(sigma=scaled(1.0001)), "sigma"),
    mutant("no square in the exponent", but(weights=lambda i, s: gaussian(i, s**0.5)), "sigma"),
    mutant("no 2 in the exponent", but(weights=lambda i, s: np.exp(-i * i / (s * s))), "sigma"),
    mutant("sigma fixed at 1.5", Layer(scale=0.5, sigma=lambda s: 1.5), "sigma", scale=0.5),
    mutant(
        "sigma fixed at 1.5, at 1/8", Layer(scale=0.125, sigma=lambda s: 1.5), "sigma", scale=0.125
    ),
    mutant("sigma of the columns", one_axis(-1, sigma=scaled(0.9), radius=lambda g: 6), "sigma"),
    mutant("no low-pass", but(sigma=lambda s: 0.0), "sigma"),
    mutant("a box", but(weights=lambda i, s: np.ones_like(i)), "sigma"),
    mutant("a triangle", but(weights=lambda i, s: 7 - np.abs(i)), "sigma"),
    mutant("a Cauchy bell", but(weights=lambda i, s: 1 / (1 + i * i / (s * s))), "sigma"),
    mutant("filtered twice", but(before=RIGHT.but(stride=lambda s: 1)), "sigma"),
    # radius
    mutant("a radius too few", but(radius=lambda g: round(4 * g) - 1), "radius"),
    mutant("a radius too many", but(radius=lambda g: round(4 * g) + 1), "radius"),
    mutant("three sigma", but(radius=lambda g: round(3 * g)), "radius"),
    mutant(
        "half up, as SciPy",
        Layer(scale=0.16, radius=lambda g: int(4 * g + 0.5)),
        "radius",
        scale=0.16,
    ),
    mutant("an even number of taps", but(places=one_sided), "radius"),
    mutant("the last tap forgotten", but(places=lambda r: np.arange(-r + 1, r + 1)), "radius"),
    mutant("double radius", but(radius=lambda g: round(8 * g)), "radius"),
    mutant("columns' radius", one_axis(-1, radius=lambda g: 5), "radius"),
    # normalisation
    mutant("not normalised", but(normalised=lambda t: t), "normalisation"),
    mutant(
        "normalised by the integral",
        Layer(scale=0.5, normalised=lambda t: t / (0.5 * np.sqrt(2 * np.pi))),
        "normalisation",
        scale=0.5,
    ),
    mutant("a gain of 0.999", but(after=lambda y: y * np.float32(0.999)), "normalisation"),
    mutant("divided by 255", but(after=lambda y: y / np.float32(255)), "normalisation"),
    mutant("sign", but(after=lambda y: -y), "normalisation"),
    mutant("divided by the sum twice", but(normalised=lambda t: t / t.sum() ** 2), "normalisation"),
    # boundary
    mutant("replicate", but(fold=clip), "boundary"),
    mutant("reflect", but(fold=reflect), "boundary"),
    mutant("symmetric", but(fold=symmetric), "boundary"),
    mutant("circular", but(fold=wrap), "boundary"),
    mutant("renormalised", but(rows=renormalise), "boundary"),
    mutant("padded with 1", but(outside=1.0), "boundary"),
    mutant("replicate at the start", but(fold=clip_below), "boundary"),
    mutant("replicate at the end", but(fold=clip_above), "boundary"),
    mutant("columns reflect", one_axis(-1, fold=reflect), "boundary"),
    mutant("the first sample left out", but(fold=drop_first), "boundary"),
    mutant("no padding", but(centres=valid), "boundary size"),
    mutant("zeros for reflect", RIGHT, "boundary", boundary="reflect"),
    mutant("zeros for circular", RIGHT, "boundary", boundary="circular"),
    mutant("symmetric for reflect", but(fold=symmetric), "boundary", boundary="reflect"),
    # flip, axes, channels
    mutant("upside down", but(after=lambda y: y[..., ::-1, :]), "flip"),
    mutant("mirrored", but(after=lambda y: y[..., ::-1]), "flip"),
    mutant("mirrored before", but(before=lambda x: x[..., ::-1]), "flip"),
    mutant("turned by half", but(after=lambda y: y[..., ::-1, ::-1]), "flip"),
    mutant("transposed", transposed, "axes"),
    mutant("height alone filtered", one_axis(-1, sigma=lambda s: 0.0), "axes"),
    mutant("width alone filtered", one_axis(-2, sigma=lambda s: 0.0), "axes"),
    mutant("channels and height filtered", wrong_dimensions, "axes"),
    mutant(
        "axes' scales swapped",
        but(along={-2: Layer(scale=0.5), -1: Layer(scale=0.25)}),
        "axes",
        scale=(0.25, 0.5),
    ),
    mutant(
        "axes' sigmas swapped",
        but(along={-2: but(sigma=lambda s: 1.0, radius=lambda g: 6), -1: but(sigma=lambda s: 1.5)}),
        "axes",
        sigma=(1.5, 1.0),
    ),
    mutant("first channel for all", on_channels(first_only), "channels"),
    mutant(
        "sum of channels",
        on_channels(lambda y: y.sum(1, keepdims=True).repeat(y.shape[1], 1)),
        "channels",
    ),
    mutant("channels in reverse", on_channels(blue_as_red), "channels"),
    mutant("a trace of the next channel", on_channels(neighbour), "channels"),
    mutant("last channel weaker", on_channels(last_weaker), "channels"),
    mutant("third channel lost", three_only, "channels"),
    mutant("mean over the batch", on_channels(mean_of_entries), "channels"),
    mutant("batch in reverse", on_channels(lambda y: y[::-1]), "channels"),
    mutant("entries lost but for two", on_channels(two_entries), "channels"),
    mutant("grey", on_channels(lambda y: y.mean(1, keepdims=True)), "channels"),
    # precision
    mutant("bfloat16 input", but(before=bfloat16), "precision"),
    mutant("TF32 input", but(before=tf32), "precision"),
    mutant("half results", but(after=half), "precision"),
    mutant("bfloat16 results", but(after=bfloat16), "precision"),
    mutant("bfloat16 between passes", but(between=bfloat16), "precision"),
    mutant("TF32 between passes", but(between=tf32), "precision"),
    mutant("half taps", but(rounded_taps=half), "precision"),
    mutant("bfloat16 taps", but(rounded_taps=bfloat16), "precision"),
    mutant("half sums", but(rounded=half), "precision"),
    mutant("bfloat16 sums", but(rounded=bfloat16), "precision"),
    mutant("TF32 sums", but(rounded=tf32), "precision"),
    mutant("whole numbers", but(after=np.rint), "precision"),
    mutant("256 levels", but(after=lambda y: np.rint(y * 255) / 255), "precision"),
    mutant(
        "binary32 for binary64",
        but(before=lambda x: x.astype(np.float32)),
        "precision",
        dtype="float64",
    ),
    mutant(
        "rough exponentials",
        but(weights=lambda i, s: gaussian(i, s) * (1 + 1e-3 * np.cos(9 * i))),
        "precision",
    ),
    # values
    mutant("cut off below", but(after=lambda y: np.maximum(y, 0)), "values"),
    mutant("cut off above", but(after=lambda y: np.minimum(y, 1)), "values"),
    mutant("absolute values", but(after=np.abs), "values"),
    mutant("something added", but(after=lambda y: y + np.float32(0.125)), "values"),
    mutant("one wrong tap", but(normalised=wrong_tap), "values normalisation"),
    mutant("input cut off", but(before=lambda x: np.clip(x, 0, 1)), "values"),
    mutant("result cut off", but(after=lambda y: np.clip(y, 0, 1)), "values"),
    mutant("largest of nine", largest_of_nine, "values"),
    mutant("squared", but(before=lambda x: x * np.abs(x)), "values"),
    # NaN and infinity
    mutant("NaN as zero", nan_to_zero, "nan"),
    mutant("infinity as the largest number", no_infinity, "nan"),
    mutant("NaN everywhere", nan_everywhere, "nan"),
    mutant("zero taps beyond the radius", wider_with_zeros, "nan"),
    # what surrounds the numbers
    mutant("binary64 result", lambda x: RIGHT(x).astype(np.float64), "dtype"),
    mutant("a list", lambda x: RIGHT(x).tolist(), "dtype"),
    mutant("writes to its input", writes, "mutates"),
    mutant("changes its mind", Changing(), "unstable"),
    mutant("refuses odd widths", refuses_odd, "error"),
    mutant("refuses short ones", refuses_short, "error"),
]

PAIRS = [
    mutant(
        "sigma, boundary",
        but(sigma=scaled(1.1), radius=lambda g: 6, fold=reflect),
        "sigma boundary",
    ),
    mutant(
        "size, boundary",
        but(centres=lambda n, q: every_stride(n, q)[: max(n // q, 1)], fold=clip),
        "size boundary",
    ),
    mutant(
        "phase, normalisation",
        but(centres=lambda n, q: every_stride(n, q) + 1, normalised=lambda t: t),
        "phase normalisation",
    ),
    mutant("flip, boundary", but(after=lambda y: y[..., ::-1], fold=wrap), "flip boundary"),
    mutant(
        "channels, sigma",
        but(after=blue_as_red, sigma=scaled(1.1), radius=lambda g: 6),
        "channels sigma",
    ),
    mutant("stride, boundary", but(stride=lambda s: 3, fold=reflect), "stride boundary"),
    mutant(
        "radius, size",
        but(radius=lambda g: 5, centres=lambda n, q: every_stride(n, q)[: max(n // q, 1)]),
        "radius size",
    ),
    mutant("sigma, radius", but(sigma=lambda s: 1.3, radius=lambda g: 7), "sigma radius"),
    mutant(
        "transposed, replicate", but(after=lambda y: y.swapaxes(-1, -2), fold=clip), "axes boundary"
    ),
    mutant("stride, sigma", but(stride=lambda s: 2, sigma=lambda s: 0.5), "stride sigma"),
    mutant("normalisation, nan", lambda x: nan_to_zero(x) * np.float32(1.01), "normalisation nan"),
    mutant(
        "binary64 result, phase",
        lambda x: but(centres=half_way)(x).astype(np.float64),
        "dtype phase",
    ),
    mutant(
        "input cut off, reflect",
        but(before=lambda x: np.clip(x, 0, 1), fold=reflect),
        "values boundary",
    ),
    mutant(
        "result cut off, radius",
        but(after=lambda y: np.clip(y, 0, 1), radius=lambda g: 5),
        "values radius",
    ),
    mutant(
        "upside down, reversed channels", but(after=lambda y: y[:, ::-1, ::-1]), "flip channels"
    ),
    mutant(
        "rows by sigma, columns by radius",
        but(along={-2: but(sigma=scaled(1.1), radius=lambda g: 6), -1: but(radius=lambda g: 5)}),
        "sigma radius",
    ),
]


def in_half(name: str, codes: str, **parts: Any) -> Mutant:
    """Sums in binary32, rounded once to float16: the type's coarseness is no fault."""
    parts = {"before": lambda x: x.astype(np.float32)} | parts
    return mutant(f"float16: {name}", but(**parts), codes, dtype="float16")


HALF = [
    in_half("reflect", "boundary", fold=reflect),
    in_half(
        "floor for ceil, to nothing", "size", centres=lambda n, q: every_stride(n, q)[: n // q]
    ),
    in_half("one sample late", "phase", centres=lambda n, q: every_stride(n, q) + 1),
    in_half("sigma 1/(2s)", "sigma", sigma=lambda s: 1 / s / 2, radius=lambda g: 6),
    in_half("three sigma", "radius", radius=lambda g: round(3 * g)),
    in_half("gain 0.97", "normalisation", after=lambda y: y * np.float32(0.97)),
    in_half("result cut off", "values", after=lambda y: np.clip(y, 0, 1)),
    in_half("mirrored, replicate", "flip boundary", fold=clip, after=lambda y: y[..., ::-1]),
]

MUTANTS = [*SINGLE, *PAIRS, *HALF]
