"""Correct implementations of the operation, none by this library: each must be accepted.

Each is a function from a scale to a function of NCHW arrays. Those written here compute their own
taps; other libraries' are the peers of the scoreboard. They go wrong in the last places in ways of
their own, which the bound has to allow.
"""

from fractions import Fraction

import numpy as np

from aa_ref.oracle.scoreboard import chosen


def numbers_of(scale):
    """Stride, sigma and radius, as the original layer has them; exact for a Fraction."""
    sigma = (1 / scale - 1) / 2
    return int(1 / scale), float(sigma), round(4 * sigma)


def taps_in(dtype, scale):
    """Computed and normalised in a type."""
    _, sigma, radius = numbers_of(scale)
    if sigma == 0:
        return np.ones(1, dtype)
    i = np.arange(-radius, radius + 1).astype(dtype)
    taps = np.exp(-(i**2) / dtype(2 * sigma**2))
    return taps / taps.sum(dtype=dtype)


def padded(x, radius):
    """With zeros around the last two axes."""
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + [(radius, radius)] * 2)


def shifted(x, scale, axis):
    """For each tap the samples that it weighs, along one axis."""
    stride, _, radius = numbers_of(scale)
    n = x.shape[axis]
    width = [(0, 0)] * x.ndim
    width[axis] = (radius, radius)
    x = np.moveaxis(np.pad(x, width), axis, 0)
    return [np.moveaxis(x[k : k + n : stride], 0, axis) for k in range(2 * radius + 1)]


def direct(scale):
    """A K×K table of binary32 weights, summed row after row."""

    def fn(x):
        taps = taps_in(np.float32, scale)
        stride, _, radius = numbers_of(scale)
        h, w = x.shape[-2:]
        x = padded(x, radius)
        y = np.float32(0)
        for a, down in enumerate(taps):
            for b, across in enumerate(taps):
                y = y + down * across * x[..., a : a + h : stride, b : b + w : stride]
        return y

    return fn


def _separable(scale, dtype, order, total):
    def fn(x):
        taps, y = taps_in(dtype, scale), x.astype(dtype)
        for axis in order:
            y = total(taps, shifted(y, scale, axis))
        return y.astype(x.dtype)

    return fn


def _ascending(taps, parts):
    y = np.zeros_like(parts[0])
    for tap, part in zip(taps, parts, strict=True):
        y = y + tap * part
    return y


def _descending(taps, parts):
    return _ascending(taps[::-1], parts[::-1])


def _kahan(taps, parts):
    total, carry = np.zeros_like(parts[0]), np.zeros_like(parts[0])
    for tap, part in zip(taps, parts, strict=True):
        term = tap * part - carry
        raised = total + term
        carry = np.where(np.isfinite(raised), (raised - total) - term, np.float32(0))
        total = raised
    return total


def _fused(taps, parts):
    """``fma(tap, part, y)`` of binary32, to the bit.

    The product is exact in binary64. The sum is rounded there to odd, which keeps for the rounding
    to binary32 what it needs (Boldo & Melquiond 2008).
    """
    y = np.zeros_like(parts[0])
    for tap, part in zip(taps, parts, strict=True):
        product, addend = np.float64(tap) * part.astype(np.float64), y.astype(np.float64)
        total = product + addend
        back = total - product
        rest = (product - (total - back)) + (addend - back)
        bits = total.view(np.int64)
        inexact_and_even = np.isfinite(rest) & (rest != 0) & (bits & 1 == 0)
        towards = np.where((rest > 0) == (total > 0), 1, -1)
        y = np.where(inexact_and_even, bits + towards, bits).view(np.float64).astype(np.float32)
    return y


def _pairwise(taps, parts):
    terms = [tap * part for tap, part in zip(taps, parts, strict=True)]
    while len(terms) > 1:
        odd = terms[-1:] if len(terms) % 2 else []
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + odd
    return terms[0]


def rows_first(scale):
    """Separable, as the contract has it but for its taps."""
    return _separable(scale, np.float32, (-2, -1), _ascending)


def columns_first(scale):
    """Separable, the other way round."""
    return _separable(scale, np.float32, (-1, -2), _ascending)


def reversed_summation(scale):
    """From the last tap to the first."""
    return _separable(scale, np.float32, (-2, -1), _descending)


def pairwise_summation(scale):
    """Sums of sums, as a tree."""
    return _separable(scale, np.float32, (-2, -1), _pairwise)


def fused(scale):
    """One rounding for a product and its addition."""
    return _separable(scale, np.float32, (-2, -1), _fused)


def kahan(scale):
    """Compensated sums."""
    return _separable(scale, np.float32, (-2, -1), _kahan)


def in_float64(scale):
    """All in binary64, rounded at the end."""
    return _separable(scale, np.float64, (-2, -1), _ascending)


def as_matrices(scale):
    """A matrix an axis. Zeros outside the footprint multiply, so NaN must be kept apart."""

    def matrix(n):
        stride, _, radius = numbers_of(scale)
        taps, kept = taps_in(np.float32, scale), range(0, n, stride)
        m = np.zeros((len(kept), n), np.float32)
        for row, centre in enumerate(kept):
            for k, tap in enumerate(taps, centre - radius):
                if 0 <= k < n:
                    m[row, k] = tap
        return m

    def fn(x):
        down, across = (matrix(n) for n in x.shape[-2:])
        if np.isfinite(x).all():
            return down @ x @ across.T
        return rows_first(scale)(x)

    return fn


def torch_strided_adjoint(scale):
    """Its gradient, by autograd."""
    import torch

    def adjoint(g, shape):
        stride, _, radius = numbers_of(scale)
        taps = torch.from_numpy(taps_in(np.float32, scale))
        weight = torch.outer(taps, taps).expand(shape[1], 1, -1, -1)
        x = torch.zeros(shape, requires_grad=True)
        y = torch.nn.functional.conv2d(x, weight, stride=stride, padding=radius, groups=shape[1])
        y.backward(torch.from_numpy(np.ascontiguousarray(g)))
        return x.grad.numpy()

    return adjoint


def _of_library(name):
    """A peer of the scoreboard; what it needs is imported when it is made."""
    (peer,) = chosen([name])

    def make(scale):
        return peer.make(scale)

    make.__name__ = name.replace(" ", "_")
    return make


original_layer = _of_library("original layer")
torch_strided = _of_library("torch strided conv2d")
onnx_runtime = _of_library("onnxruntime strided Conv")
scipy_filter = _of_library("SciPy gaussian_filter with zeros")
opencv_blur = _of_library("OpenCV GaussianBlur with zeros")

CORRECT = (
    direct, rows_first, columns_first, reversed_summation, pairwise_summation, fused, kahan,
    in_float64, as_matrices, original_layer, torch_strided, onnx_runtime,
    scipy_filter, opencv_blur,
)  # fmt: skip
NEEDS = {
    original_layer: "torch", torch_strided: "torch",
    onnx_runtime: "onnxruntime", scipy_filter: "scipy", opencv_blur: "cv2",
}  # fmt: skip
SCALES = (0.5, 0.25, Fraction(1, 3))
