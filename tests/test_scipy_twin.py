"""SciPy's Gaussian filter and slicing: the same operation in another's code.

The two agree to within rounding. With S the filter applied to the magnitudes of the input, and u =
2^-53, each term of a sum, in each axis of K taps, passes

- here through at most K + 1 roundings: its tap, its product, K - 1 sums;
- there through K + 1 likewise, and its weight is off by more: the exponent, at most 32 since
  R <= 4 sigma + 1/2 and sigma > 1/8, has three roundings, so the exponential is off by 96 u and
  4 u of its own (2 units in the last place), the sum of the K by 100 u and K u, the quotient by
  another: 201 u + K u.

So with n = 3 K + 203 added up over the axes, they differ by at most n u / (1 - n u) times S; 1.001
covers the rounding of S itself.
"""

from fractions import Fraction

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from support import BACKENDS

import aa_ref

MODES = {"zeros": "constant", "replicate": "nearest", "reflect": "mirror", "circular": "wrap"}
UNIT = 2.0**-53

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride int:UserWarning")
by_backend = pytest.mark.parametrize("backend", BACKENDS)
by_boundary = pytest.mark.parametrize("boundary", MODES)


def filtered_by_scipy(x, sigma, boundary, axes, radius):
    """At full resolution; ``radius=None`` leaves SciPy its own, 4 sigma rounded half up."""
    return scipy.ndimage.gaussian_filter(
        x, sigma, mode=MODES[boundary], cval=0.0, axes=axes, radius=radius
    )


def compare(x, scale, boundary, backend, axes=(-2, -1), radius="ours"):
    """The largest difference over its bound, which is above 1 where the two disagree."""
    p = aa_ref.plan(x.shape, scale, input_dtype="float64", axes=axes, boundary=boundary)
    sigma, radii = [float(a.sigma) for a in p.axes], [a.radius for a in p.axes]
    assert sigma == [a.sigma for a in p.axes]
    assert min(sigma) > 1 / 8
    steps = [slice(None)] * x.ndim
    for a in p.axes:
        steps[a.axis] = slice(None, None, a.stride)
    radius = radii if radius == "ours" else radius
    theirs = filtered_by_scipy(x, sigma, boundary, axes, radius)[tuple(steps)]
    magnitudes = filtered_by_scipy(np.abs(x), sigma, boundary, axes, radius)[tuple(steps)]
    ours = p(x, backend=backend)
    assert ours.shape == theirs.shape
    return (np.abs(ours - theirs) / bound(p, magnitudes)).max()


def bound(p, magnitudes):
    n_u = sum(3 * len(a.taps) + 203 for a in p.axes) * UNIT
    return 1.001 * n_u / (1 - n_u) * magnitudes


def samples(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@by_backend
@by_boundary
@pytest.mark.parametrize(
    "scale",
    [
        0.5,
        0.4,
        Fraction(1, 3),
        1 / 3,
        0.3,
        0.25,
        0.2,
        0.16,
        0.125,
        0.0625,
        (0.5, 0.2),
        (0.125, 0.4),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(2, 37, 50), (3, 5, 8), (1, 2, 61)], ids=str)
def test_they_agree(shape, scale, boundary, backend):
    assert compare(samples(shape), scale, boundary, backend) <= 1


@by_backend
@by_boundary
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((97,), (0,)), ((20, 13, 4), (0, 1)), ((9, 16, 11), (0, 1, 2)), ((4, 23, 3, 17), (1, 3))],
    ids=str,
)
def test_they_agree_along_other_axes(shape, axes, boundary, backend):
    assert compare(samples(shape), 0.3, boundary, backend, axes) <= 1


@by_backend
@by_boundary
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)),
    scale=st.floats(0.02, 0.79),
    seed=st.integers(0, 1000),
)
def test_they_agree_for_any_scale(backend, boundary, shape, scale, seed):
    assert compare(samples(shape, seed), scale, boundary, backend) <= 1


@by_boundary
def test_at_0_16_scipy_has_another_radius_unless_told(boundary):
    # 4 sigma = 10.5: to 10 here, to 11 there. The test above would see it.
    x = samples((2, 64, 49))
    assert compare(x, 0.16, boundary, "numpy", radius="ours") <= 1
    assert compare(x, 0.16, boundary, "numpy", radius=None) > 1e6
    assert compare(x, 0.16, boundary, "numpy", radius=11) > 1e6
    assert compare(x, 0.125, boundary, "numpy", radius=None) <= 1


@pytest.mark.parametrize("wrong", [b for b in MODES if b != "reflect"])
def test_another_boundary_would_be_seen(wrong):
    x = samples((2, 37, 50))
    p = aa_ref.plan(x.shape, 0.25, input_dtype="float64", boundary="reflect")
    theirs = filtered_by_scipy(x, 1.5, wrong, (-2, -1), 6)[:, ::4, ::4]
    magnitudes = filtered_by_scipy(np.abs(x), 1.5, wrong, (-2, -1), 6)[:, ::4, ::4]
    ours = p(x, backend="numpy")
    assert (np.abs(ours - theirs) > 1e6 * bound(p, magnitudes)).any()


@by_backend
@pytest.mark.parametrize("scale", [0.5, 0.3, 0.25, 0.16, 0.125, (0.5, 0.2)], ids=str)
@pytest.mark.parametrize("shape", [(2, 37, 50), (3, 5, 8)], ids=str)
def test_the_adjoint_is_the_filter_of_the_samples_put_back(shape, scale, backend):
    # With zeros outside, the transpose sets g at the centres, zeros between, and filters with the
    # same symmetric taps. Both sums have at most K terms an axis, so the bound is the same.
    p = aa_ref.plan(shape, scale, input_dtype="float64")
    g = samples(p.out_shape)
    spread = np.zeros(shape)
    rows, columns = p.axes
    spread[:, :: rows.stride, :: columns.stride] = g
    sigma, radii = [a.sigma for a in p.axes], [a.radius for a in p.axes]
    theirs = filtered_by_scipy(spread, sigma, "zeros", (-2, -1), radii)
    magnitudes = filtered_by_scipy(np.abs(spread), sigma, "zeros", (-2, -1), radii)
    ours = p.adjoint(g, backend=backend)
    assert (np.abs(ours - theirs) <= bound(p, magnitudes)).all()
