"""Ports written from the description alone, as porters write them: wrong ones and right ones.

Each wrong port is a row: its name and fault, what the oracle is asked, the codes that have to be
told, those that may be told besides, being the same fact, and what the words have to say.
"""

import ctypes
import functools
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numba
import numpy as np
import scipy.ndimage
import scipy.signal
import scipy.sparse
import skimage.filters
import torch
import torch.nn.functional as F  # noqa: N812


class Port(NamedTuple):
    """A port, what the oracle is asked of it, and for wrong ones what a right report says."""

    make: Callable[[], Callable[..., Any]]  # a new one, for ports that keep something
    arguments: dict[str, Any]
    codes: frozenset[str] = frozenset()
    besides: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    compiler: bool = False
    judgeable: bool = True


WRONG: dict[str, Port] = {}
RIGHT: dict[str, Port] = {}


def wrong(codes, *words, besides="", makes=False, forward=None, compiler=False, **arguments):
    """Enter a port in the table: what is decorated is the adjoint where `forward` is given."""

    def enter(port):
        def make():
            made = port() if makes else port
            if forward is None:
                return {"fn": made}
            return {"fn": forward, "adjoint": made}

        WRONG[port.__name__] = Port(
            make,
            {"scale": 1 / 4, **arguments},
            frozenset(codes.split()),
            frozenset(besides.split()),
            words,
            compiler,
        )
        return port

    return enter


def right(adjoint=None, **row):
    """Enter a right port in the table."""
    kept = {key: row.pop(key) for key in ("compiler", "judgeable") if key in row}

    def enter(port):
        given = {"fn": port} if adjoint is None else {"fn": port, "adjoint": adjoint}
        RIGHT[port.__name__] = Port(lambda: given, {"scale": 1 / 4, **row}, **kept)
        return port

    return enter


# What porters have at hand.


def gaussian(sigma, radius):
    i = np.arange(-radius, radius + 1)
    taps = np.exp(-(i**2) / (2 * sigma**2))
    return taps / taps.sum()


def correlated(x, taps, axis, stride=1, before=None, mode="constant", **options):
    """Weigh the samples around every stride-th one along an axis, in x's own type."""
    n, before = x.shape[axis], len(taps) // 2 if before is None else before
    x = np.moveaxis(x, axis, -1)
    ends = [(0, 0)] * (x.ndim - 1) + [(before, len(taps) - 1 - before)]
    x = np.pad(x, ends, mode=mode, **options)
    taps = taps.astype(x.dtype)
    y = taps[0] * x[..., 0:n:stride]
    for k in range(1, len(taps)):
        y = y + taps[k] * x[..., k : k + n : stride]
    return np.moveaxis(y, -1, axis)


def smaller(x, taps, stride, axes=(-2, -1), **options):
    for axis in axes:
        x = correlated(x, taps, axis, stride, **options)
    return x


def quarter(x):
    """A right one, for scale 1/4."""
    return smaller(x, gaussian(1.5, 6), 4)


def quarter_bytes(x):
    """A right one, for scale 1/4 and integers."""
    return rounded(quarter(x.astype(np.float32)), x.dtype)


def rounded(y, dtype):
    return np.clip(np.rint(y), 0, np.iinfo(dtype).max).astype(dtype)


def tensor(x):
    return torch.from_numpy(np.ascontiguousarray(x))


class AntiAliasInterpolation2d(torch.nn.Module):
    """The layer of the First Order Motion Model, pasted, with its numbers as arguments."""

    def __init__(self, channels, scale, sigma=None, kernel_size=None, stride=None, value=0.0):
        super().__init__()
        sigma = (1 / scale - 1) / 2 if sigma is None else sigma
        kernel_size = 2 * round(sigma * 4) + 1 if kernel_size is None else kernel_size
        self.ka = kernel_size // 2
        self.kb = self.ka - 1 if kernel_size % 2 == 0 else self.ka
        kernel = 1
        sizes = [torch.arange(kernel_size, dtype=torch.float32)] * 2
        for mgrid in torch.meshgrid(sizes, indexing="ij"):
            mean = (kernel_size - 1) / 2
            kernel = kernel * torch.exp(-((mgrid - mean) ** 2) / (2 * sigma**2))
        kernel = (kernel / torch.sum(kernel)).view(1, 1, kernel_size, kernel_size)
        self.register_buffer("weight", kernel.repeat(channels, 1, 1, 1))
        self.groups = channels
        self.stride = int(1 / scale) if stride is None else stride
        self.value = value

    def blurred(self, x):
        out = F.pad(x, (self.ka, self.kb, self.ka, self.kb), value=self.value)
        return F.conv2d(out, self.weight.to(out.dtype), groups=self.groups)

    def forward(self, x):
        return self.blurred(x)[:, :, :: self.stride, :: self.stride]


def pasted(x, scale, **changes):
    with torch.no_grad():
        return AntiAliasInterpolation2d(x.shape[1], scale, **changes)(tensor(x)).numpy()


# Sizes and places.


@wrong("size", r"round")
def rounded_sizes(x):
    """Keeps round(n / 4) outputs, at least one, not ceil(n / 4)."""
    y = scipy.ndimage.gaussian_filter(x, 1.5, mode="constant", axes=(-2, -1))
    rows, columns = (4 * np.arange(max(1, round(n / 4))) for n in x.shape[-2:])
    return y[..., rows[:, None], columns]


@wrong("phase size", r"\b2 input samples after")
def half_stride_start(x):
    """Keeps the samples from stride // 2 = 2 on; so there are fewer, too."""
    y = scipy.ndimage.gaussian_filter(x, 1.5, mode="constant", axes=(-2, -1))
    return y[..., 2::4, 2::4]


@wrong("phase", r"depend on the length", besides="size values", layout="HW")
def opencv_nearest(x):
    """Picks with cv2.resize: centres i * n / outputs, which are 4i for multiples of 4 alone."""
    height, width = x.shape
    y = cv2.GaussianBlur(np.ascontiguousarray(x), (13, 13), 1.5, borderType=cv2.BORDER_CONSTANT)
    size = (-(-width // 4), -(-height // 4))
    return cv2.resize(y, size, interpolation=cv2.INTER_NEAREST)


@wrong("size phase", r"nearest \(2019\)", besides="error", scale=0.3)
def nearest_of_2019(x):
    """Picks with interpolate(scale_factor=0.3): floor(0.3 n) outputs at floor(i / 0.3), not 3i."""
    y = AntiAliasInterpolation2d(x.shape[1], 0.3).blurred(tensor(x))
    return F.interpolate(y, scale_factor=(0.3, 0.3)).numpy()


@wrong("size phase", r"bilinear", besides="error sigma radius boundary values nan")
def corners_aligned(x):
    """Picks with a bilinear interpolate(align_corners=True), so that first and last stay."""
    y = AntiAliasInterpolation2d(x.shape[1], 0.25).blurred(tensor(x))
    return F.interpolate(y, scale_factor=0.25, mode="bilinear", align_corners=True).numpy()


@wrong(
    "phase",
    r"centred 2 input samples after",
    r"depend on the length",
    besides="values size",
    layout="NHWC",
)
def same_padding(x):
    """Pads as TensorFlow's strided SAME does: the centres depend on the length, 4i + 2 for 8."""
    taps = gaussian(1.5, 6)
    for axis in (1, 2):
        n = x.shape[axis]
        total = max((-(-n // 4) - 1) * 4 + 13 - n, 0)
        x = np.moveaxis(x, axis, -1)
        padded = np.pad(x, [(0, 0)] * 3 + [(total // 2, total - total // 2)])
        y = sum(
            taps[k].astype(x.dtype) * padded[..., k : k + (-(-n // 4) - 1) * 4 + 1 : 4]
            for k in range(13)
        )
        x = np.moveaxis(y, -1, axis)
    return x


@wrong("values", r"the last output is 0 where the length is no multiple of 4", layout="HW")
def loop_ends_early(x):
    """Computes n // 4 outputs of ceil(n / 4): where 4 does not divide n, the last stays 0."""
    rows, columns = x.shape
    y = np.zeros((-(-rows // 4), -(-columns // 4)), x.dtype)
    y[: rows // 4, : columns // 4] = quarter(x)[: rows // 4, : columns // 4]
    return y


# Filters.


@wrong("sigma", r"those of sigma 2\b", r"sigma is 1\.5\b", besides="radius")
def sigma_of_half_the_stride(x):
    """Takes sigma = (1 / scale) / 2 = 2, not (1 / scale - 1) / 2 = 1.5."""
    return pasted(x, 0.25, sigma=2.0)


@wrong("sigma", r"those of sigma 1\.5\b", r"sigma is 3\.5\b", besides="radius", scale=1 / 8)
def checkpoint_of_a_quarter(x):
    """Keeps sigma 1.5 and 13 taps at scale 1/8, where sigma is 3.5."""
    return pasted(x, 1 / 8, sigma=1.5)


@wrong("radius", r"taps reach 11\b", r"radius is 10\b", scale=0.16, dtype="float64", layout="HW")
def radius_half_up(x):
    """Rounds 4 sigma = 10.5 half up, as SciPy does: radius 11, not 10."""
    return scipy.ndimage.gaussian_filter(x, (1 / 0.16 - 1) / 2, mode="constant", axes=(-2, -1))[
        ..., ::6, ::6
    ]


@wrong("radius", r"12 taps|even|\+?\b5\b", besides="phase normalisation sigma boundary")
def even_kernel(x):
    """Has 12 taps, from -6 to 5: the last is missing."""
    taps = np.exp(-(np.arange(-6, 6) ** 2) / (2 * 1.5**2))
    return smaller(x, taps / taps.sum(), 4)


@wrong("radius", r"\b12\b", r"half a sample before", besides="sigma phase")
def even_kernel_centred(x):
    """Has 12 taps around a middle between two samples, so outputs lie on 4i - 0.5."""
    return pasted(x, 0.25, kernel_size=12, sigma=1.5)


@wrong("sigma", r"sigma 0\.5 integrated over the width of each sample", scale=1 / 2)
def integrated_gaussian(x):
    """Takes the Gaussian's integral over each sample, not its value there."""
    edges = np.arange(-2, 4) - 0.5
    taps = np.diff([math.erf(e / (0.5 * math.sqrt(2))) for e in edges])
    return smaller(x, taps / taps.sum(), 2)


@wrong(
    "", r"average|box|mean of", besides="phase sigma radius boundary normalisation values stride"
)
def average_pool(x):
    """Means of blocks of 4 by 4."""
    return F.avg_pool2d(tensor(x), 4, ceil_mode=True).numpy()


@wrong("sigma", r"3 boxes of 3", r"sigma 1\.5", besides="precision")
def three_boxes(x):
    """Three running means of 3 samples stand for the Gaussian: sigma sqrt(2), seven taps."""
    for axis in (-2, -1):
        for _ in range(3):
            x = scipy.ndimage.uniform_filter1d(x, 3, axis=axis, mode="constant")
    return x[..., ::4, ::4]


# Beyond the ends.


@wrong("boundary", r"\bH\b.*replicate")
def rows_replicated(x):
    """Repeats the edge along H, where zeros belong; W is right."""
    taps = gaussian(1.5, 6)
    return correlated(correlated(x, taps, -2, 4, mode="edge"), taps, -1, 4)


@wrong("boundary", r"circular", besides="precision nan", dtype="float64")
def fourier_circular(x):
    """Multiplies spectra without padding: circular at the ends."""
    spectrum = np.fft.fft2(x)
    for axis in (-2, -1):
        n = x.shape[axis]
        kernel = np.zeros(n)
        np.add.at(kernel, np.arange(-6, 7) % n, gaussian(1.5, 6))
        shape = [1] * x.ndim
        shape[axis] = n
        spectrum = spectrum * np.fft.fft(kernel).reshape(shape)
    return np.fft.ifft2(spectrum).real[..., ::4, ::4]


@wrong("boundary", r"constant -1, not 0")
def padded_with_black(x):
    """Pads with -1, the black of pictures from -1 to 1, not with 0."""
    return pasted(x, 0.25, value=-1.0)


@wrong("error", r"[Pp]adding size", boundary="reflect")
def short_reflected(x):
    """Pads with torch, which refuses to reflect more samples than there are."""
    taps = torch.from_numpy(gaussian(1.5, 6).astype(np.float32))
    y = F.pad(tensor(x), (6, 6, 6, 6), mode="reflect")
    weight = torch.outer(taps, taps).repeat(x.shape[1], 1, 1, 1)
    return F.conv2d(y, weight, stride=4, groups=x.shape[1]).numpy()


@wrong("boundary", r"renormali|normali[sz]ed|weights|sum of the taps", besides="normalisation")
def edges_renormalised(x):
    """Divides by the sum of the taps that lie inside, so that edges do not darken."""
    return quarter(x) / quarter(np.ones_like(x))


# Axes, channels.


@wrong(
    "axes",
    r"scales of H and W have changed places",
    besides="size stride sigma radius",
    scale=(0.5, 0.25),
)
def scales_swapped(x):
    """Takes the scale of W for H and that of H for W."""
    return correlated(correlated(x, gaussian(1.5, 6), -2, 4), gaussian(0.5, 2), -1, 2)


@wrong(
    "axes", r"along C and W where it should along H and W", besides="size channels", layout="NHWC"
)
def last_two_of_nhwc(x):
    """Filters the last two axes, which are W and C, not H and W."""
    return quarter(x)


@wrong("channels", r"mixed")
def channels_summed(x):
    """Convolves without groups: each output channel is the sum of all channels."""
    channels = x.shape[1]
    layer = AntiAliasInterpolation2d(1, 0.25)
    weight = layer.weight.repeat(channels, channels, 1, 1)
    return F.conv2d(tensor(x), weight, stride=4, padding=6).numpy()


@wrong("axes", r"no filter along D", layout="NCDHW", scale=1 / 2)
def depth_not_filtered(x):
    """Filters slices with the 2-D layer and drops every second: D is not filtered."""
    n, c, d, h, w = x.shape
    y = pasted(x.swapaxes(1, 2).reshape(n * d, c, h, w), 0.5)
    return y.reshape(n, d, c, *y.shape[-2:]).swapaxes(1, 2)[:, :, ::2]


# What is kept between calls, and memory.


@wrong("aliases", r"a result that it has returned before", makes=True)
def buffer_reused():
    """Returns the same array for each shape."""
    buffers = {}

    def port(x):
        y = quarter(x)
        out = buffers.setdefault(y.shape, np.empty_like(y))
        out[...] = y
        return out

    return port


@wrong("unstable", r"differ|two answers|again|second", besides="normalisation", makes=True)
def second_call_unnormalised():
    """Keeps taps before they are normalised, so that only the first call of all is right."""
    kept = {}

    def port(x):
        if "taps" in kept:
            return smaller(x, kept["taps"], 4)
        kept["taps"] = gaussian(1.5, 6) * 3.759
        return quarter(x)

    return port


@wrong(
    "values",
    r"same (result|answer)|one (result|answer)|cache",
    besides="aliases unstable",
    makes=True,
)
def cached_by_shape():
    """Keeps the result of the first array of each shape."""
    kept = {}

    def port(x):
        if x.shape not in kept:
            kept[x.shape] = quarter(x)
        return kept[x.shape].copy()

    return port


@wrong("unstable", r"differ|two answers|again|second", makes=True, dtype="uint8", layout="HW")
def dithered():
    """Adds noise of half a unit before rounding."""
    rng = np.random.default_rng(5)

    def port(x):
        y = quarter(x.astype(np.float32))
        return rounded(y + rng.uniform(-0.5, 0.5, y.shape), np.uint8)

    return port


@wrong("values", r"Fortran|memory|contiguous|stored", besides="axes", compiler=True)
def memory_order(x):
    """Hands C the samples as they lie in memory, whatever their order there."""
    return c_quarter(x.ravel(order="K").reshape(x.shape))


@wrong("values", r"behind the last multiple of 8 are 0", layout="HW")
def vector_tail(x):
    """Computes columns by eights from 8 on; those left over stay 0."""
    y = quarter(x)
    if y.shape[1] >= 8:
        y[:, y.shape[1] // 8 * 8 :] = 0
    return y


# Blocks.


@wrong("values", r"\b32\b", r"\bH\b", layout="HW")
def overlap_too_short(x):
    """Filters chunks of 128 rows that overlap by 4 rows, not 6: every 32nd row is off."""
    chunks = []
    for start in range(0, x.shape[0], 128):
        above = min(start, 4)
        chunk = quarter(x[start - above : start + 128 + 4])
        chunks.append(chunk[above // 4 :][:32])
    return np.concatenate(chunks)


def tiled(x, size, **options):
    """Filters tiles by themselves: beyond their borders lies what ``options`` say of padding."""
    rows, columns = (range(0, n, size) for n in x.shape)
    tiles = [[smaller(x[i : i + size, j : j + size], **options) for j in columns] for i in rows]
    return np.block(tiles)


@wrong(
    "values boundary",
    r"outputs 63 to 65, 127 to 129, 191 to 193, … \(3 of 64\) along H",
    r"outputs 63 to 65, 127 to 129, 191 to 193, … \(3 of 64\) along W",
    r"replicate",
    layout="HW",
)
def tiles_replicated(x):
    """Repeats the edges of tiles of 64 outputs, those at the ends of the plane as well."""
    return tiled(x, 256, taps=gaussian(1.5, 6), stride=4, mode="edge")


@wrong(
    "values sigma",
    r"outputs 63 to 65, 127 to 129, 191 to 193, … \(3 of 64\) along H",
    r"outputs 63 to 65, 127 to 129, 191 to 193, … \(3 of 64\) along W",
    r"sigma 1\.25",
    layout="HW",
)
def tiles_of_another_filter(x):
    """Has zeros beyond tiles of 64 outputs, and a sigma of 1.25, so that no output is right."""
    return tiled(x, 256, taps=gaussian(1.25, 6), stride=4)


@wrong("values", r"all outputs but the first 65,536 .* an index of 16 bits", layout="HW")
def index_of_16_bits(x):
    """Writes to a flat index of 16 bits: after 65,536 outputs it starts anew."""
    y = quarter(x)
    out = np.zeros(y.size, y.dtype)
    out[np.arange(y.size).astype(np.uint16)] = y.ravel()
    return out.reshape(y.shape)


@wrong("precision", r"11 binary digits of what lies between the passes")
def half_between(x):
    """Keeps what lies between the passes in float16."""
    taps = gaussian(1.5, 6)
    with np.errstate(over="ignore"):
        y = correlated(x, taps, -2, 4).astype(np.float16)
    return correlated(y.astype(np.float32), taps, -1, 4)


# Precision, NaN.


@wrong("nan", r"spread|belong|reach|all outputs|every output|whole", scale=1 / 8, layout="NCL")
def dense_matrix(x):
    """Multiplies by a matrix of mostly zeros: NaN reaches all outputs of its row."""
    n = x.shape[-1]
    distance = np.arange(n) - 8 * np.arange(-(-n // 8))[:, None]
    taps = np.exp(-(distance**2) / (2 * 3.5**2)) * (abs(distance) <= 14)
    taps /= gaussian_sum(3.5, 14)
    with np.errstate(invalid="ignore", over="ignore"):
        return x @ taps.astype(x.dtype).T


def gaussian_sum(sigma, radius):
    return np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2)).sum()


@wrong(
    "precision",
    r"float16|binary16|half",
    besides="values nan",
    scale=1 / 8,
    dtype="float16",
    layout="HW",
)
def half_sums(x):
    """Sums in float16."""
    with np.errstate(all="ignore"):
        return smaller(x, gaussian(3.5, 14), 8)


# Integers.


@wrong(
    "precision",
    r"\b256\b|8 (binary|bits)|fixed",
    besides="values normalisation sigma radius",
    dtype="uint8",
    layout="HW",
)
def taps_in_256ths(x):
    """Has taps in 256ths, and rounds their sum once at the end."""
    taps = np.rint(gaussian(1.5, 6) * 256).astype(np.int32)
    y = smaller(x.astype(np.int32), taps, 4)
    return np.clip((y + (1 << 15)) >> 16, 0, 255).astype(np.uint8)


@wrong("precision", r"multiples of 257", r"upper 8 bits alone", dtype="uint16", layout="HW")
def eight_of_sixteen_bits(x):
    """Takes the upper 8 bits alone, and gives multiples of 257."""
    return quarter_bytes((x >> 8).astype(np.uint8)).astype(np.uint16) * np.uint16(257)


@wrong("values", r"32[, ]?76[78]|signed|int16|wrap", dtype="uint16", layout="HW")
def signed_samples(x):
    """Reads samples of 16 bits as signed: 32768 and more are negative, and clipped to 0."""
    return rounded(quarter(x.astype(np.int16).astype(np.float32)), np.uint16)


@wrong("values", r"power of 2\.2 before the filter and its inverse", dtype="uint8", layout="HWC")
def linear_light(x):
    """Filters light, not samples: gamma 2.2 is undone before and done after."""
    light = (x.astype(np.float32) / 255) ** np.float32(2.2)
    y = smaller(light, gaussian(1.5, 6), 4, axes=(0, 1))
    return rounded(np.maximum(y, 0) ** np.float32(1 / 2.2) * 255, np.uint8)


@wrong(
    "",
    r"pyrDown",
    besides="sigma radius boundary values precision phase",
    dtype="uint8",
    layout="HW",
)
def pyramid_of_opencv(x):
    """Halves twice with cv2.pyrDown."""
    return cv2.pyrDown(cv2.pyrDown(np.ascontiguousarray(x)))


# Adjoints.


def spread_out(g, shape, first=0, stride=4):
    """Zeros between the gradients."""
    out = np.zeros(shape, g.dtype)
    rows = out[..., first::stride, first::stride]
    rows[...] = g[..., : rows.shape[-2], : rows.shape[-1]]
    return out


@wrong("adjoint", r"filters nothing", forward=quarter)
def adjoint_not_filtered(g, shape):
    """Puts zeros between the gradients and does not filter."""
    return spread_out(g, shape)


@wrong("adjoint", r"repeat|nearest|block", forward=quarter)
def adjoint_repeated(g, shape):
    """Repeats each gradient 4 by 4 times and divides by 16."""
    return (g.repeat(4, axis=-2).repeat(4, axis=-1) / 16)[..., : shape[-2], : shape[-1]]


@wrong("adjoint", r"\b16\b|stride²|stride\*\*2|0\.0625", forward=quarter)
def adjoint_of_means(g, shape):
    """Divides by stride², as means would have it."""
    return smaller(spread_out(g, shape), gaussian(1.5, 6), 1) / 16


def quarter_replicated(x):
    """A right one, with edges repeated."""
    return smaller(x, gaussian(1.5, 6), 4, mode="edge")


@wrong("adjoint", r"boundary 'zeros'", boundary="replicate", forward=quarter_replicated)
def adjoint_not_folded(g, shape):
    """Drops what falls beyond the ends: the adjoint of zeros, not of repeated edges."""
    return smaller(spread_out(g, shape), gaussian(1.5, 6), 1)


@wrong("adjoint", r"loses the tail", forward=quarter)
def adjoint_without_tail(g, shape):
    """Gives 0 to the inputs after the last centre."""
    rows, columns = (4 * (n - 1) + 1 for n in g.shape[-2:])
    out = smaller(spread_out(g, shape), gaussian(1.5, 6), 1)
    out[..., rows:, :] = 0
    out[..., columns:] = 0
    return out


@wrong("adjoint", r"2 input samples after its output's centre", forward=quarter)
def adjoint_shifted(g, shape):
    """Puts gradient i on input 4i + 2."""
    return smaller(spread_out(g, shape, first=2), gaussian(1.5, 6), 1)


@wrong("adjoint", r"with sigma 2 .*not with sigma 1\.5", forward=quarter)
def adjoint_wider(g, shape):
    """Has sigma 2, not 1.5."""
    return smaller(spread_out(g, shape), gaussian(2.0, 8), 1)


@wrong("unstable", r"the adjoint gives another answer", makes=True, forward=quarter)
def adjoint_accumulated():
    """Adds to the gradients of earlier calls of the same shape."""
    kept = {}

    def port(g, shape):
        before = kept.get(shape, 0)
        kept[shape] = before + smaller(spread_out(g, shape), gaussian(1.5, 6), 1)
        return kept[shape].copy()

    return port


# Two faults at once.


@wrong("boundary sigma", r"replicate", r"those of sigma 2\b", besides="radius")
def replicated_and_wide(x):
    """Repeats edges, with sigma 2."""
    return smaller(x, gaussian(2.0, 8), 4, mode="edge")


@wrong("sigma size", r"\b1\.41", r"floor|n ?// ?", scale=Fraction(1, 5), dtype="float64")
def variance_and_floor(x):
    """Takes sigma for its square, so sqrt(2), and keeps floor(n / 5) outputs, at least one."""
    taps = np.exp(-(np.arange(-8, 9) ** 2) / (2 * 2.0))
    rows, columns = (max(1, n // 5) for n in x.shape[-2:])
    return smaller(x, taps / taps.sum(), 5)[..., :rows, :columns]


@wrong("radius nan", r"taps reach 11\b", r"radius is 14\b", r"NaN .* is lost", scale=1 / 8)
def cut_and_cleaned(x):
    """Cuts at 3 sigma, radius 11 not 14, and replaces NaN by 0."""
    x = np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf)
    return scipy.ndimage.gaussian_filter(x, 3.5, truncate=3.0, mode="constant", axes=(-2, -1))[
        ..., ::8, ::8
    ]


@wrong(
    "channels phase", r"channel", r"\b1 (sample|input)|4i ?\+ ?1|one (sample|input)|phase (is )?1"
)
def bgr_and_shifted(x):
    """Swaps first and last channel, and has outputs on 4i + 1."""
    return smaller(x, gaussian(1.5, 6), 4, before=5)[:, ::-1]


@wrong("mutates boundary", r"input", r"reflect", layout="NCL")
def in_place_and_reflected(x):
    """Writes the blur over its input, and reflects at the ends."""
    x[...] = correlated(x, gaussian(1.5, 6), -1, mode="reflect")
    return x[..., ::4].copy()


@wrong(
    "boundary",
    r"truncat|rounded down|towards? (0|zero)|floor",
    r"symmetric|edge.*repeat|repeat.*edge",
    besides="values precision normalisation",
    dtype="uint8",
    layout="HW",
)
def scipy_as_it_comes(x):
    """Has SciPy's boundary, the edge repeated, and truncates instead of rounding."""
    return scipy.ndimage.gaussian_filter(x.astype(np.float32), 1.5)[::4, ::4].astype(np.uint8)


@wrong(
    "sigma", r"between", r"1\.33|4/3", besides="precision values radius", dtype="uint8", layout="HW"
)
def rounded_between_and_narrow(x):
    """Rounds to bytes between the passes, with scikit-image's sigma 2 · 4/6."""
    taps = gaussian(4 / 3, 5)
    for axis in (0, 1):
        x = rounded(correlated(x.astype(np.float32), taps, axis, 4), np.uint8)
    return x


@wrong("radius normalisation", r"taps reach 4\b", r"0\.9955", dtype="uint16", layout="HW")
def normalised_then_cut(x):
    """Cuts the 13 taps to 9 after they were normalised: radius 4, sum 0.9978."""
    return rounded(smaller(x.astype(np.float64), gaussian(1.5, 6)[2:-2], 4), np.uint16)


@wrong(
    "precision normalisation", r"24 binary digits", r"sum to 1\.02", scale=1 / 2, dtype="float64"
)
def floats_by_the_integral(x):
    """Computes float64 in float32, and divides taps by sigma sqrt(2 pi), which is not their sum."""
    taps = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 0.5**2)) / (0.5 * math.sqrt(2 * math.pi))
    with np.errstate(over="ignore"):
        return smaller(x.astype(np.float32), taps, 2).astype(np.float64)


def quarter_reflected(x):
    return smaller(x, gaussian(1.5, 6), 4, mode="reflect")


@wrong(
    "boundary adjoint", r"reflect", r"\b16\b|stride²|stride\*\*2|0\.0625", forward=quarter_reflected
)
def reflected_and_divided(g, shape):
    """Reflects at the ends, and the adjoint, of zeros, is divided by 16."""
    return smaller(spread_out(g, shape), gaussian(1.5, 6), 1) / 16


@wrong("dtype stride", r"float64", r"stride.*\b4\b|\b4\b.*\b3\b", besides="size", scale=0.28)
def wide_and_rounded(x):
    """Returns float64 for float32, and rounds 1 / 0.28 = 3.57 to stride 4, not 3."""
    return smaller(x.astype(np.float64), gaussian((1 / 0.28 - 1) / 2, 5), round(1 / 0.28))


# Right ones.

C_QUARTER = """
#include <math.h>
void quarter(const float *x, float *y, long planes, long h, long w) {
    float taps[13], sum = 0;
    for (int k = 0; k < 13; k++) sum += taps[k] = expf(-(k - 6) * (k - 6) / (2 * 1.5f * 1.5f));
    for (int k = 0; k < 13; k++) taps[k] /= sum;
    long oh = (h + 3) / 4, ow = (w + 3) / 4;
    for (long p = 0; p < planes; p++)
        for (long i = 0; i < oh; i++)
            for (long j = 0; j < ow; j++) {
                float total = 0;
                for (long a = 0; a < 13; a++) {
                    long r = 4 * i + a - 6;
                    if (r < 0 || r >= h) continue;
                    for (long b = 0; b < 13; b++) {
                        long c = 4 * j + b - 6;
                        if (c >= 0 && c < w) total += taps[a] * taps[b] * x[(p * h + r) * w + c];
                    }
                }
                y[(p * oh + i) * ow + j] = total;
            }
}
"""


@functools.cache
def c_library():
    with tempfile.TemporaryDirectory() as folder:
        return compiled(Path(folder))


def compiled(folder):
    (folder / "quarter.c").write_text(C_QUARTER)
    built = folder / "quarter.so"
    command = [
        shutil.which("cc"),
        "-O2",
        "-shared",
        "-fPIC",
        "-o",
        built,
        folder / "quarter.c",
        "-lm",
    ]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(built))


@right(compiler=True)
def c_quarter(x):
    x = np.ascontiguousarray(x)
    *batch, h, w = x.shape
    y = np.empty((*batch, -(-h // 4), -(-w // 4)), np.float32)
    sizes = (ctypes.c_long(n) for n in (math.prod(batch), h, w))
    c_library().quarter(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), *sizes)
    return y


@right()
def layer_as_it_is(x):
    return pasted(x, 0.25)


@right(scale=0.3)
def layer_at_another_scale(x):
    return pasted(x, 0.3)


@right(scale=1 / 8, dtype="float64")
def scipy_with_zeros(x):
    return scipy.ndimage.gaussian_filter(x, 3.5, mode="constant", axes=(-2, -1))[..., ::8, ::8]


@right(scale=1 / 2, layout="HW")
def opencv_with_zeros(x):
    return cv2.sepFilter2D(
        np.ascontiguousarray(x),
        -1,
        gaussian(0.5, 2),
        gaussian(0.5, 2),
        borderType=cv2.BORDER_CONSTANT,
    )[::2, ::2]


@right(layout="HW")
def scikit_image_with_zeros(x):
    y = skimage.filters.gaussian(x, 1.5, mode="constant", truncate=4.0, preserve_range=True)
    return y[::4, ::4]


@numba.njit
def looped(x, y, taps, stride):
    radius = len(taps) // 2
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            total = np.float32(0)
            for a in range(-radius, radius + 1):
                for b in range(-radius, radius + 1):
                    r, c = stride * i + a, stride * j + b
                    if 0 <= r < x.shape[0] and 0 <= c < x.shape[1]:
                        total += taps[a + radius] * taps[b + radius] * x[r, c]
            y[i, j] = total


@right(scale=1 / 2, layout="HW")
def numba_loops(x):
    y = np.empty((-(-x.shape[0] // 2), -(-x.shape[1] // 2)), np.float32)
    looped(np.ascontiguousarray(x), y, gaussian(0.5, 2).astype(np.float32), 2)
    return y


@right(dtype="uint8", layout="HWC")
def bytes_half_up(x):
    y = smaller(x.astype(np.float64), gaussian(1.5, 6), 4, axes=(0, 1))
    return np.floor(y + 0.5).clip(0, 255).astype(np.uint8)


@right(dtype="uint8", layout="HW", boundary="reflect", scale=1 / 2)
def bytes_reflected(x):
    y = cv2.GaussianBlur(
        np.ascontiguousarray(x).astype(np.float32), (5, 5), 0.5, borderType=cv2.BORDER_REFLECT_101
    )
    return rounded(y[::2, ::2], np.uint8)


@right(dtype="uint16", layout="HW", scale=1 / 2)
def words_of_torch(x):
    y = pasted(x[None, None].astype(np.float64), 0.5)[0, 0]
    return rounded(y, np.uint16)


@right(dtype="float16")
def half_in_single(x):
    return quarter(x.astype(np.float32)).astype(np.float16)


@right(dtype="float16", precision="pure-binary16", layout="HW", scale=1 / 2, judgeable=False)
def half_throughout(x):
    """Has products of two outer taps of 7e-8, as coarse as float16 gets: the bound says nothing."""
    with np.errstate(all="ignore"):
        return smaller(x, gaussian(0.5, 2), 2)


@right(dtype="float64", form="fft", layout="HW")
def fourier_padded(x):
    taps = gaussian(1.5, 6)
    y = scipy.signal.fftconvolve(x, np.outer(taps, taps))[6:, 6:]
    return y[: x.shape[0] : 4, : x.shape[1] : 4]


@right(dtype="float64", layout="NCL", scale=1 / 8)
def polyphase(x):
    """Sums with upfirdn, which starts at the first sample, so radius / stride outputs too early."""
    padded = np.concatenate([np.zeros((*x.shape[:-1], 2)), x], axis=-1)
    y = scipy.signal.upfirdn(gaussian(3.5, 14), padded, down=8)
    wanted = -(-x.shape[-1] // 8)
    return np.concatenate([y, np.zeros((*x.shape[:-1], wanted))], axis=-1)[..., 2 : 2 + wanted]


@right(layout="NCDHW", scale=1 / 2)
def volumes_of_torch(x):
    taps = torch.from_numpy(gaussian(0.5, 2).astype(np.float32))
    weight = torch.einsum("i,j,k->ijk", taps, taps, taps).repeat(x.shape[1], 1, 1, 1, 1)
    return F.conv3d(tensor(x), weight, stride=2, padding=2, groups=x.shape[1]).numpy()


@right(scale=(0.5, 0.25))
def uneven_scales(x):
    return correlated(correlated(x, gaussian(1.5, 6), -1, 4), gaussian(0.5, 2), -2, 2)


@right(scale=0.3, sampling="nearest")
def layer_of_2019(x):
    y = AntiAliasInterpolation2d(x.shape[1], 0.3).blurred(tensor(x))
    return F.interpolate(y, scale_factor=(0.3, 0.3)).numpy()


def adjoint_of_torch(g, shape):
    x = torch.zeros(shape, requires_grad=True)
    AntiAliasInterpolation2d(shape[1], 0.5)(x).backward(tensor(g))
    return x.grad.numpy()


@right(adjoint=adjoint_of_torch, scale=1 / 2)
def layer_with_its_gradient(x):
    return pasted(x, 0.5)


def matrix(n, stride, taps):
    """The operation along an axis with repeated edges, as a sparse matrix."""
    radius, rows = len(taps) // 2, -(-n // stride)
    inputs = stride * np.arange(rows)[:, None] + np.arange(-radius, radius + 1)
    columns = np.clip(inputs, 0, n - 1).ravel()
    entries = (np.tile(taps, rows), (np.repeat(np.arange(rows), len(taps)), columns))
    return scipy.sparse.csr_matrix(entries, shape=(rows, n))


def matrix_adjoint(g, shape):
    return (matrix(shape[0], 3, gaussian(1.0, 4)).T @ g) @ matrix(shape[1], 3, gaussian(1.0, 4))


@right(
    adjoint=matrix_adjoint, scale=Fraction(1, 3), dtype="float64", layout="HW", boundary="replicate"
)
def sparse_matrices(x):
    taps = gaussian(1.0, 4)
    return matrix(x.shape[0], 3, taps) @ x @ matrix(x.shape[1], 3, taps).T


@right(layout="HW")
def threads_with_overlap(x):
    """Filters chunks of 64 rows that overlap by 8, each on a thread."""

    def chunk(start):
        above = min(start, 8)
        return quarter(x[start - above : start + 64 + 8])[above // 4 :][:16]

    with ThreadPoolExecutor(4) as pool:
        return np.concatenate(list(pool.map(chunk, range(0, x.shape[0], 64))))
