"""Correct implementations of the operation, none by this library: each must be accepted.

Each is a function from a scale to a function of NCHW arrays; they compute their own taps. They go
wrong in the last places in ways of their own, which the bound has to allow.
"""

from fractions import Fraction

import numpy as np


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


def torch_strided(scale):
    """One grouped convolution of K×K taps that computes only what is kept."""
    import torch

    def fn(x):
        stride, _, radius = numbers_of(scale)
        taps = torch.from_numpy(taps_in(np.float32, scale))
        channels = x.shape[1]
        weight = torch.outer(taps, taps).expand(channels, 1, -1, -1)
        given = torch.from_numpy(np.ascontiguousarray(x))
        return torch.nn.functional.conv2d(
            given, weight, stride=stride, padding=radius, groups=channels
        ).numpy()

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


def original_layer(scale):
    """As the original has it: a table of weights, full resolution, then all but a few dropped."""
    import torch

    def fn(x):
        stride, sigma, radius = numbers_of(scale)
        weight = 1
        grids = torch.meshgrid(
            [torch.arange(2 * radius + 1, dtype=torch.float32) for _ in range(2)], indexing="ij"
        )
        for grid in grids:
            weight = weight * torch.exp(-((grid - radius) ** 2) / (2 * sigma**2))
        weight = weight / torch.sum(weight)
        weight = weight.view(1, 1, *weight.size()).repeat(x.shape[1], 1, 1, 1)
        given = torch.nn.functional.pad(
            torch.from_numpy(np.ascontiguousarray(x)), (radius, radius, radius, radius)
        )
        y = torch.nn.functional.conv2d(given, weight, groups=x.shape[1])
        return y[:, :, ::stride, ::stride].numpy()

    return fn


def scipy_filter(scale):
    """``gaussian_filter``, then slices. Its radius is rounded half up: not for 0.16 and 0.8."""
    from scipy import ndimage

    def fn(x):
        stride, sigma, _ = numbers_of(scale)
        full = ndimage.gaussian_filter(x, sigma, mode="constant", axes=(-2, -1))
        return full[..., ::stride, ::stride]

    return fn


def onnx_runtime(scale):
    """A model of one convolution, run by onnxruntime; channels count as entries of a batch."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    stride, _, radius = numbers_of(scale)
    taps = taps_in(np.float32, scale)
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], strides=[stride] * 2, pads=[radius] * 4,
        kernel_shape=[2 * radius + 1] * 2,
    )  # fmt: skip
    graph = helper.make_graph(
        [node],
        "downsample",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1, "a", "b"])],
        [numpy_helper.from_array(np.outer(taps, taps)[None, None], "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )

    def fn(x):
        given = np.ascontiguousarray(x).reshape(-1, 1, *x.shape[-2:])
        (y,) = session.run(None, {"x": given})
        return y.reshape(*x.shape[:2], *y.shape[-2:])

    return fn


CORRECT = (
    direct, rows_first, columns_first, reversed_summation, pairwise_summation, fused, kahan,
    in_float64, as_matrices, torch_strided, original_layer, scipy_filter, onnx_runtime,
)  # fmt: skip
NEEDS = {
    torch_strided: "torch", original_layer: "torch", scipy_filter: "scipy",
    onnx_runtime: "onnxruntime",
}  # fmt: skip
SCALES = (0.5, 0.25, Fraction(1, 3))
