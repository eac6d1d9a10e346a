"""What follows from shapes and options alone."""

import copy
import dataclasses
import math
import pickle
import re
from collections import namedtuple
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support import BACKENDS, TYPES, assert_same_bits, numpy_type, shown

import aa_ref
from aa_ref import plans
from aa_ref.boundary import BOUNDARIES, fold
from aa_ref.options import SAMPLINGS

by_backend = pytest.mark.parametrize("backend", BACKENDS)
by_boundary = pytest.mark.parametrize("boundary", BOUNDARIES)
by_sampling = pytest.mark.parametrize("sampling", SAMPLINGS)
SCALES = [1.0, 0.9, 0.875, 0.8, 0.75, 0.7, 2 / 3, 0.65, 0.6, 0.52, 0.5, 0.49, 0.4, 0.37, 1 / 3, 0.3,
          0.25, 0.2, 0.16, 1 / 7, 0.125, 0.1, 1 / 11, 0.0625, 1 / 93, 1 / 99]  # fmt: skip
LENGTHS = [1, 2, 3, 7, 8, 30, 31, 63, 64, 90, 97, 250, 255, 256, 1001]


def one_axis(length, scale, **options):
    """The plan of one axis among others that are longer."""
    return aa_ref.plan((2, length, 5), scale, axes=1, **options).axes[0]


# --------------------------------------------------------------------------------- sampling


@pytest.mark.parametrize("scale", SCALES)
def test_slice_is_slicing(scale):
    for n in LENGTHS:
        axis = one_axis(n, scale)
        picked = np.arange(n)[:: int(1 / scale)]
        assert axis.out_length == len(picked) == math.ceil(n / int(1 / scale))
        np.testing.assert_array_equal(axis.centres, picked)
        assert axis.centres.dtype == np.int64


def picks_of_torch(n, scale):
    torch = pytest.importorskip("torch")
    x = torch.arange(n, dtype=torch.float32)[None, None]
    return torch.nn.functional.interpolate(x, mode="nearest", scale_factor=scale)[0, 0].numpy()


def check_against_torch(n, scale):
    if math.floor(n * scale) < 1:
        with pytest.raises(aa_ref.errors.LengthError, match="no sample"):
            one_axis(n, scale, sampling="nearest")
        return
    axis = one_axis(n, scale, sampling="nearest")
    assert axis.step == (float(np.float32(1 / scale)) if axis.has_pass else 0)
    picks = picks_of_torch(n, scale)
    assert axis.out_length == len(picks)
    np.testing.assert_array_equal(axis.centres, picks)


@pytest.mark.parametrize("scale", SCALES)
def test_nearest_is_torchs_interpolate(scale):
    for n in LENGTHS:
        check_against_torch(n, scale)


@given(n=st.integers(1, 5000), scale=st.floats(min_value=1e-3, max_value=1))
def test_nearest_is_torchs_interpolate_for_any_scale(n, scale):
    check_against_torch(n, scale)


@given(n=st.integers(1, 3000), denominator=st.integers(1, 400), data=st.data())
def test_nearest_of_a_fraction_is_exact_up_to_the_step(n, denominator, data):
    scale = Fraction(data.draw(st.integers(1, denominator)), denominator)
    assume(n * scale >= 1)
    axis = one_axis(n, scale, sampling="nearest")
    assert axis.out_length == n * scale.numerator // scale.denominator
    # Integers below 2**24 are exact in binary32, and its division rounds once.
    step = np.float32(scale.denominator) / np.float32(scale.numerator)
    if scale < 1:
        assert axis.step == float(step)
        i = np.arange(axis.out_length, dtype=np.float32)
        expected = np.minimum(np.floor(i * step), n - 1)
        np.testing.assert_array_equal(axis.centres, expected)


def test_the_step_of_a_fraction_is_rounded_once():
    # By way of binary64 it would be 1: a tie there, not a tie really.
    inverse = 1 + Fraction(1, 2**24) + Fraction(1, 2**60)
    axis = one_axis(10, 1 / inverse, sampling="nearest")
    assert axis.step == 1 + 2.0**-23
    assert np.float32(float(inverse)) == 1


def test_lengths_where_exact_and_rounded_differ():
    assert one_axis(90, Fraction(7, 10), sampling="nearest").out_length == 63
    assert one_axis(90, 0.7, sampling="nearest").out_length == 62  # 90 * 0.7 = 62.99999999999999


@pytest.mark.parametrize(
    ("n", "scale", "output", "centre"), [(30, 0.52, 13, 25), (64, 0.65, 39, 60)]
)
def test_centres_that_binary64_would_put_elsewhere(n, scale, output, centre):
    assert (
        math.floor(output / scale) == centre - 1 or math.floor(output * (1 / scale)) == centre - 1
    )
    assert one_axis(n, scale, sampling="nearest").centres[output] == centre


BEYOND = pytest.mark.parametrize("scale", [0.99999, 1 - 1e-9])  # the step of the second is 1


@BEYOND
def test_centres_beyond_2_to_the_24(scale):
    # There float32(i) is even, so centres repeat; torch picks the same. The samples are the
    # positions modulo 4096: 2**24 apart in value, float32 could not hold the positions themselves.
    torch = pytest.importorskip("torch")
    n = 2**24 + 4000
    axis = aa_ref.plan((n,), scale, axes=0, sampling="nearest").axes[0]
    axis = dataclasses.replace(axis)  # one that the table of plans does not keep alive
    assert axis.out_length == math.floor(n * scale) > 2**24 + 3800
    centres = axis.centres
    assert axis.spacing is None
    assert centres[-1] <= n - 1
    assert (np.diff(centres[2**24 :]) == 0).any()
    samples = (torch.arange(n, dtype=torch.int32) % 4096).to(torch.float32)[None, None]
    picked = torch.nn.functional.interpolate(samples, mode="nearest", scale_factor=scale)[0, 0]
    assert len(picked) == axis.out_length
    tail = slice(-100_000, None)
    np.testing.assert_array_equal(centres[tail] % 4096, picked[tail].numpy())
    np.testing.assert_array_equal(centres[:1000] % 4096, picked[:1000].numpy())


@pytest.mark.parametrize("backend", ["numpy", "numba"])  # the reference would take minutes
@BEYOND
def test_all_bits_beyond_2_to_the_24(scale, backend):
    n = 2**24 + 4000
    options = {"axes": 0, "sampling": "nearest", "backend": backend}
    i = np.arange(math.floor(n * scale), dtype=np.float32)
    centres = np.minimum(np.floor(i * np.float32(1 / scale)).astype(np.int32), n - 1)
    assert not aa_ref.plan((n,), scale, axes=0, sampling="nearest").axes[0].radius  # one tap of 1
    x = np.resize(np.arange(251, dtype=np.uint8), n)
    try:
        y = aa_ref.downsample(x, scale, **options)
        np.testing.assert_array_equal(y, x[centres])
        back = aa_ref.downsample_adjoint(y.astype(np.float32), scale, n, **options)
        # Small integers: the sums over outputs of one centre are exact in any order.
        np.testing.assert_array_equal(back, np.bincount(centres, y, n))
    finally:  # the plan holds 16 million centres
        plans._kept.cache_clear()
        plans._plan.cache_clear()


@by_backend
@by_boundary
@pytest.mark.parametrize("sigma", [0, 0.5, 2.0])
@pytest.mark.parametrize("step", [1.25, 1.9, 3.5])
def test_centres_that_repeat(step, sigma, boundary, backend):
    # As beyond 2**24, but small: more outputs than there is room for, clipped to the last sample.
    p = aa_ref.plan((3, 9), 0.9, axes=1, sigma=sigma, boundary=boundary, sampling="nearest",
                    input_dtype="float64")  # fmt: skip
    axis = dataclasses.replace(p.axes[0], step=step, out_length=9)
    p = dataclasses.replace(p, axes=(axis,))
    expected = [min(math.floor(step * i), 8) for i in range(9)]
    assert axis.centres.tolist() == expected
    assert len(set(expected)) < 9
    x, g = np.random.default_rng(0).standard_normal((2, 3, 9))
    dense = np.zeros((9, 9))
    for row, centre in zip(dense, expected, strict=True):
        for k, tap in enumerate(axis.taps.tolist()):
            j = fold(centre + k - axis.radius, 9, boundary)
            if j >= 0:
                row[j] += tap
    # 17 terms at most and taps that add up to 1: within 40 roundings of the largest magnitudes.
    slack = 40 * 2.0**-53 * 9 * np.abs(dense).sum() * max(np.abs(x).max(), np.abs(g).max())
    assert np.abs(p(x, backend=backend) - x @ dense.T).max() <= slack
    assert np.abs(p.adjoint(g, backend=backend) - g @ dense).max() <= slack
    assert_same_bits(p(x, backend=backend), p(x, backend="reference"))
    assert_same_bits(p.adjoint(g, backend=backend), p.adjoint(g, backend="reference"))


@given(n=st.integers(1, 2000), inverse=st.integers(1, 40), data=st.data())
def test_the_two_samplings_agree_where_the_inverse_is_an_integer(n, inverse, data):
    scale = data.draw(st.sampled_from([Fraction(1, inverse), 1 / inverse]))
    assume(1 / scale == inverse)
    assume(n >= inverse)
    sliced, nearest = one_axis(n, scale), one_axis(n, scale, sampling="nearest")
    common = min(sliced.out_length, nearest.out_length)
    assert sliced.out_length - nearest.out_length in (0, 1)
    np.testing.assert_array_equal(sliced.centres[:common], nearest.centres[:common])


@by_sampling
@given(n=st.integers(1, 700), scale=st.sampled_from(SCALES) | st.floats(0.01, 1))
def test_spacing_says_whether_centres_are_even(sampling, n, scale):
    assume(sampling == "slice" or n * scale >= 1)
    axis = one_axis(n, scale, sampling=sampling)
    if axis.spacing is None:
        assert sampling == "nearest"
        assert scale < 1
        assert 1 / scale != int(1 / scale) or n * scale != int(n * scale)
    else:
        np.testing.assert_array_equal(axis.centres, axis.spacing * np.arange(axis.out_length))
    assert not axis.centres.flags.writeable
    assert (np.diff(axis.centres) >= 0).all()
    assert axis.centres[0] == 0
    assert axis.centres[-1] < n


@pytest.mark.parametrize(("n", "scale"), [(2, 0.4), (9, 0.1), (1, 0.999), (1, Fraction(1, 2))])
def test_nearest_without_an_output_is_an_error(n, scale):
    with pytest.raises(aa_ref.errors.LengthError, match="no sample at all"):
        one_axis(n, scale, sampling="nearest")
    assert one_axis(n, scale).out_length == 1


def test_out_shape_of_several_axes_and_samplings():
    p = aa_ref.plan(
        (2, 31, 17, 50), (0.5, 0.3, 0.25), axes=(3, 1, -2), sampling=["slice", "nearest", "slice"]
    )
    assert p.out_shape == (2, 9, 5, 25)
    assert p.shape == (2, 31, 17, 50)
    assert aa_ref.plan((0, 31, 17), 0.5).out_shape == (0, 16, 9)


# ------------------------------------------------------------------------- axes and options


def test_tuples_pair_with_axes_as_written():
    p = aa_ref.plan(
        (2, 31, 17, 50),
        (0.5, Fraction(1, 3), 0.25),
        axes=(3, 1, -2),
        sigma=(None, 2.0, Fraction(1, 2)),
        boundary=("reflect", "zeros", "circular"),
        sampling=("slice", "nearest", "slice"),
    )
    told = [(a.axis, a.length, a.scale, a.sigma, a.boundary, a.sampling) for a in p.axes]
    assert told == [
        (3, 50, 0.5, 0.5, "reflect", "slice"),
        (1, 31, Fraction(1, 3), 2.0, "zeros", "nearest"),
        (2, 17, 0.25, Fraction(1, 2), "circular", "slice"),
    ]
    assert [a.axis for a in p.passes] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@by_backend
@given(order=st.permutations(range(3)), seed=st.integers(0, 2**32 - 1))
def test_the_order_in_axes_changes_nothing_but_the_pairing(backend, order, seed):
    x = np.random.default_rng(seed).standard_normal((2, 7, 5, 9)).astype(np.float32)
    per_axis = [
        (1, 0.5, "reflect", 0.7),
        (2, Fraction(1, 3), "circular", None),
        (3, 0.4, "zeros", 0),
    ]

    def act(which):
        axes, scales, boundaries, sigmas = zip(*(per_axis[k] for k in which), strict=True)
        return aa_ref.downsample(
            x, scales, axes=axes, boundary=boundaries, sigma=sigmas, backend=backend
        )

    assert_same_bits(act(order), act(range(3)))


@by_backend
@pytest.mark.parametrize("dtype", TYPES)
def test_more_than_four_dimensions(backend, dtype):
    shape = (2, 1, 3, 2, 6, 5)
    values = np.random.default_rng(0).integers(0, 256, shape)
    x = values.astype(numpy_type(dtype))
    axes = (0, 2, 4, 5, 3)
    y = aa_ref.downsample(x, 0.5, axes=axes, boundary="reflect", backend=backend)
    assert y.shape == (1, 1, 2, 1, 3, 3)
    # One axis at a time, in binary32 or binary64 between the passes, is the same by definition.
    step = x.astype("float64" if dtype == "float64" else "float32")
    for axis in sorted(axes):
        step = aa_ref.downsample(step, 0.5, axes=axis, boundary="reflect", backend=backend)
    assert_same_bits(y, aa_ref.downsample(step, 1, dtype=dtype, backend=backend))


@by_backend
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_an_axis_of_scale_1_is_left_alone(backend, dtype):
    x = np.array([[-0.0, 1, -0.0, 2, 3], [4, -0.0, 5, 6, -0.0], [0, 7, 8, -0.0, 9]])
    x = x.astype(numpy_type(dtype))
    same = aa_ref.downsample(x, (1, 1.0), backend=backend)
    assert_same_bits(same, x)
    assert not np.shares_memory(same, x)
    # A pass along the columns makes +0.0; with sigma=0 it does nothing else.
    sliced = aa_ref.downsample(x, (1, 0.5), sigma=(None, 0), backend=backend)
    assert_same_bits(sliced, x[:, ::2] + numpy_type(dtype).type(0))
    # A scale of 1 with a sigma is a pass, and drops nothing.
    passed = aa_ref.downsample(x, 1, sigma=0, backend=backend)
    assert_same_bits(passed, x + numpy_type(dtype).type(0))
    back = aa_ref.downsample_adjoint(x, (1, 1), x.shape, backend=backend)
    assert_same_bits(back, x)


def test_scale_1_has_no_pass_unless_a_sigma_is_given():
    p = aa_ref.plan((5, 8), (1, Fraction(1)))
    assert p.passes == ()
    assert p.multiplications == 0
    assert p.out_shape == (5, 8)
    blurred = aa_ref.plan((5, 8), 1, sigma=(None, 0.5))
    assert [a.axis for a in blurred.passes] == [1]
    assert blurred.passes[0].out_length == 8
    assert not p.keeps_all
    assert not blurred.keeps_all


@pytest.mark.parametrize("scale", [0.875, 0.75, Fraction(2, 3), 0.51])
def test_a_scale_that_keeps_all_is_told_of(scale):
    assert [a.axis for a in aa_ref.plan((5, 8), (0.5, scale)).keeps_all] == [1]
    assert aa_ref.plan((5, 8), scale, sampling="nearest").keeps_all == ()


# ------------------------------------------------------------------------- equality and caches

QUARTERS = namedtuple("QUARTERS", "rows columns")


@pytest.mark.parametrize(
    "wrap",
    [lambda s: s, lambda s: (s, s), lambda s: [s, s], lambda s: (0.5, s), lambda s: QUARTERS(s, s),
     lambda s: np.array([s, s], object)],
    ids=["one", "tuple", "list", "mixed", "namedtuple", "ndarray"],
)  # fmt: skip
@pytest.mark.parametrize("exact_first", [True, False])
def test_three_quarters_and_0_75_are_not_confused(wrap, exact_first):
    # They are equal and have one hash, but 1/0.75 is rounded and 4/3 is not.
    shape = (40, 77 + exact_first)
    both = [Fraction(3, 4), 0.75]
    for scale in both if exact_first else reversed(both):
        axis = aa_ref.plan(shape, wrap(scale)).axes[1]
        assert type(axis.scale) is type(scale)
        assert type(axis.sigma) is type(scale)
        assert axis.sigma == (1 / scale - 1) / 2
    assert aa_ref.plan(shape, wrap(both[0])) != aa_ref.plan(shape, wrap(both[1]))


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: (None, s), lambda s: [None, s]])
def test_an_exact_and_a_binary64_sigma_are_not_confused(wrap):
    for sigma in (Fraction(3, 4), 0.75, Fraction(3, 4)):
        axis = aa_ref.plan((40, 83), 0.5, sigma=wrap(sigma)).axes[1]
        assert type(axis.sigma) is type(sigma)


def test_plans_of_bool_and_1_are_not_confused():
    assert aa_ref.plan((40, 79), 1).passes == ()
    with pytest.raises(aa_ref.errors.ScaleError, match="not a number"):
        aa_ref.plan((40, 79), True)
    with pytest.raises(aa_ref.errors.ScaleError, match="not a number"):
        aa_ref.plan((40, 79), (1, True))


def some_plan():
    return aa_ref.plan((3, 41, 26), (0.3, Fraction(1, 3)), boundary="reflect", sampling="nearest")


@pytest.mark.parametrize("used_before", [False, True])
@pytest.mark.parametrize(
    "duplicate",
    [lambda p: pickle.loads(pickle.dumps(p)), copy.copy, copy.deepcopy, dataclasses.replace],
    ids=["pickle", "copy", "deepcopy", "replace"],
)
def test_a_duplicate_is_equal_and_works(duplicate, used_before):
    plans._plan.cache_clear()
    plans._kept.cache_clear()
    p = some_plan()
    x = np.random.default_rng(1).standard_normal(p.shape).astype(np.float32)
    if used_before:  # taps and centres are then in it
        p(x, backend="numpy")
    twin = duplicate(p)
    assert twin == p
    assert hash(twin) == hash(p)
    assert {p: 1}[twin] == 1
    assert str(twin) == str(p)
    assert_same_bits(twin(x, backend="numpy"), p(x, backend="numpy"))
    for axis in twin.axes:
        assert not axis.taps.flags.writeable
        assert not axis.centres.flags.writeable


@pytest.mark.parametrize(
    "change",
    [{"shape": (3, 41, 27)}, {"shape": (4, 41, 26)}, {"scale": 0.3}, {"scale": (0.3, 0.32)},
     {"input_dtype": "float64"}, {"input_dtype": "uint8", "dtype": "float32"}, {"dtype": "float16"},
     {"axes": (-1, -2)}, {"axes": (0, 1), "scale": (Fraction(1, 3), 0.3)}, {"sigma": 1.0},
     {"sigma": (None, 0)}, {"boundary": "zeros"}, {"boundary": ("reflect", "zeros")},
     {"sampling": "slice"}],
    ids=str,
)  # fmt: skip
def test_plans_that_do_other_things_differ(change):
    options = {
        "shape": (3, 41, 26),
        "scale": (0.3, Fraction(1, 3)),
        "boundary": "reflect",
        "sampling": "nearest",
    }
    assert aa_ref.plan(**options) == some_plan()
    assert aa_ref.plan(**options | change) != some_plan()


def test_other_ways_to_write_a_plan_give_an_equal_one():
    p = aa_ref.plan([np.int64(3), 41, 26], [0.3, Fraction(1, 3)], axes=np.array([1, 2]),
                    input_dtype=np.float32, dtype=">f4", boundary=["reflect"] * 2,
                    sigma=[None, None], sampling=("nearest", "nearest"))  # fmt: skip
    assert p == some_plan()
    assert hash(p) == hash(some_plan())


def test_a_plan_is_frozen():
    p = some_plan()
    with pytest.raises(dataclasses.FrozenInstanceError):
        p.dtype = "uint8"
    with pytest.raises(dataclasses.FrozenInstanceError):
        p.axes[0].radius = 3


def test_the_caches_are_bounded():
    for cached in (plans._kept, plans._plan):
        assert cached.cache_info().maxsize is not None
    for n in range(1, 1200):
        aa_ref.plan((5, n), 0.5, axes=-1)
    for cached in (plans._kept, plans._plan):
        info = cached.cache_info()
        assert info.currsize <= info.maxsize <= 4096


@by_backend
def test_calling_a_plan_is_downsample(backend):
    x = np.random.default_rng(2).standard_normal((3, 41, 26)).astype(np.float32)
    p = some_plan()
    options = {"boundary": "reflect", "sampling": "nearest", "backend": backend}
    scale = (0.3, Fraction(1, 3))
    y = p(x, backend=backend)
    assert_same_bits(y, aa_ref.downsample(x, scale, **options))
    back = p.adjoint(y, backend=backend)
    assert_same_bits(back, aa_ref.downsample_adjoint(y, scale, (41, 26), **options))
    # The type of g sets the compute type, so one plan serves both.
    wide = p.adjoint(y.astype(np.float64), backend=backend)
    assert_same_bits(
        wide, aa_ref.downsample_adjoint(y.astype(np.float64), scale, (41, 26), **options)
    )
    out = np.empty_like(y)
    assert p(x, out=out, backend=backend) is out
    assert_same_bits(out, y)


@by_backend
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_a_plans_adjoint_in_another_type_still_leaves_axes_of_scale_1_alone(dtype, backend):
    g = np.array([[-0.0, 1, -0.0], [-0.0, -2, 3]]).astype(numpy_type(dtype))
    p = aa_ref.plan((2, 3), 1, input_dtype="float32")
    assert_same_bits(p.adjoint(g, backend=backend), g)
    with_pass = aa_ref.plan((2, 3), 1, input_dtype="float32", sigma=0)
    assert_same_bits(with_pass.adjoint(g, backend=backend), g + g.dtype.type(0))


# ------------------------------------------------------------------------------------ ranges

axis_plans = st.builds(
    lambda n, scale, sigma, boundary, sampling: aa_ref.plan(
        (3, max(n, math.ceil(1 / scale)), 4), scale, axes=1, sigma=sigma, boundary=boundary,
        sampling=sampling,
    ).axes[0],
    n=st.integers(1, 60),
    scale=st.sampled_from(SCALES[:24]) | st.fractions(Fraction(1, 20), 1, max_denominator=40),
    sigma=st.none() | st.floats(0, 9),
    boundary=st.sampled_from(BOUNDARIES),
    sampling=st.sampled_from(SAMPLINGS),
)  # fmt: skip


def reads(axis):
    """The inputs that each output reads, one set for each."""
    found = []
    for centre in axis.centres.tolist():
        positions = np.arange(centre - axis.radius, centre + axis.radius + 1)
        found.append(set(fold(positions, axis.length, axis.boundary).tolist()) - {-1})
    return found


def span(numbers):
    return (min(numbers), max(numbers) + 1) if numbers else (0, 0)


@given(axis=axis_plans, data=st.data())
def test_input_range_is_the_smallest_that_holds_all(axis, data):
    lo, hi = sorted(data.draw(st.tuples(*[st.integers(0, axis.out_length)] * 2)))
    assert axis.input_range(lo, hi) == span(set().union(*reads(axis)[lo:hi]))


@given(axis=axis_plans, data=st.data())
def test_output_range_is_the_smallest_that_holds_all(axis, data):
    lo, hi = sorted(data.draw(st.tuples(*[st.integers(0, axis.length)] * 2)))
    wanted = set(range(lo, hi))
    assert axis.output_range(lo, hi) == span([i for i, r in enumerate(reads(axis)) if r & wanted])


@by_boundary
@by_sampling
def test_all_ranges_of_short_signals(boundary, sampling):
    for n, scale, sigma in product(range(1, 8), (0.9, 0.5, 0.3), (None, 0, 1.0)):
        if sampling == "nearest" and n * scale < 1:
            continue
        axis = one_axis(n, scale, sigma=sigma, boundary=boundary, sampling=sampling)
        footprints = reads(axis)
        for lo, hi in pairs(axis.out_length):
            assert axis.input_range(lo, hi) == span(set().union(*footprints[lo:hi]))
        for lo, hi in pairs(n):
            reached = [i for i, r in enumerate(footprints) if r & set(range(lo, hi))]
            assert axis.output_range(lo, hi) == span(reached)


def pairs(n):
    return [(lo, hi) for lo in range(n + 1) for hi in range(lo, n + 1)]


def test_ranges_of_a_thin_filter_with_a_large_stride():
    axis = one_axis(20, 0.2, sigma=0)
    assert axis.output_range(1, 5) == (0, 0)  # between two centres
    assert axis.output_range(1, 6) == (1, 2)
    assert axis.input_range(1, 3) == (5, 11)


@pytest.mark.parametrize(("lo", "hi"), [(-1, 2), (0, 11), (3, 2), (11, 11)])
def test_ranges_that_are_none(lo, hi):
    axis = one_axis(10, 0.9)
    for ask in (axis.input_range, axis.output_range):
        with pytest.raises(aa_ref.errors.LengthError, match=r"within 0\.\.10"):
            ask(lo, hi)


@by_backend
@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@given(axis=axis_plans, data=st.data())
def test_only_inputs_in_the_range_matter(backend, axis, data):
    lo = data.draw(st.integers(0, axis.out_length - 1))
    begin, end = axis.input_range(lo, lo + 1)
    x = np.random.default_rng(0).standard_normal((2, axis.length))
    other = np.full_like(x, np.nan)
    other[:, begin:end] = x[:, begin:end]
    options = {"axes": 1, "sigma": axis.sigma if axis.has_pass else None,
               "boundary": axis.boundary, "sampling": axis.sampling}  # fmt: skip
    p = aa_ref.plan(x.shape, axis.scale, input_dtype="float64", **options)
    assert_same_bits(p(other, backend=backend)[:, lo], p(x, backend=backend)[:, lo])


# --------------------------------------------------------------------- costs and the printout


def counted(p):
    """Multiplications by taps, one by one."""
    shape, total = list(p.shape), 0
    for a in sorted(p.axes, key=lambda a: a.axis):
        if a.scale == 1 and not a.has_pass:
            continue
        shape[a.axis] = len(a.centres)
        total += sum(2 * a.radius + 1 for _ in np.ndindex(*shape))
    full = sum(math.prod(2 * a.radius + 1 for a in p.passes) for _ in np.ndindex(*p.shape))
    return total, full


@given(
    shape=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    scales=st.tuples(*[st.sampled_from([1, 0.9, 0.5, Fraction(1, 3), 0.25])] * 2),
    sigma=st.sampled_from([None, 0, 1.0]),
    first=st.integers(0, 1),
)
def test_multiplications(shape, scales, sigma, first):
    p = aa_ref.plan(tuple(shape), scales, axes=(-1, -2) if first else (0, 1), sigma=sigma)
    assert (p.multiplications, p.full_multiplications) == counted(p)


def test_print_says_what_a_plan_does():
    p = aa_ref.plan((3, 256, 250), (0.25, Fraction(1, 3)), input_dtype="uint8", boundary="reflect")
    first, head, rows, columns, *taps, cost = str(p).splitlines()
    assert first == "uint8 (3, 256, 250) -> uint8 (3, 64, 84), computed in float32"
    assert re.split(r"\s{2,}", head) == [
        "axis", "length", "scale", "stride", "sigma", "radius", "taps", "sampling", "boundary",
        "outputs", "output i reads",
    ]  # fmt: skip
    assert " ".join(rows.split()) == "1 256 0.25 4 1.5 6 13 slice reflect 64 4i-6 .. 4i+6"
    assert " ".join(columns.split()) == "2 250 1/3 3 1 4 9 slice reflect 84 3i-4 .. 3i+4"
    assert taps[0].startswith("taps of axis 1, from the middle out: 0.266, 0.213, 0.1093")
    assert taps[1].startswith("taps of axis 2, from the middle out: 0.3989, 0.242, 0.05399")
    # rows first: 3·64·250 outputs of 13 taps, then 3·64·84 of 9; full: 3·256·250 of 13·9
    assert "769,152 multiplications" in cost
    assert "13×9 taps" in cost
    assert "22,464,000, 29.2 times as many" in cost


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"scale": 1, "dtype": "uint8"}, ["-> uint8", "no axis is filtered, only the type"]),
        ({"scale": (1, 0.5)}, ["input i", "2i-2 .. 2i+2", "(5 taps at every input sample)"]),
        (
            {"scale": 0.3, "sampling": "nearest"},
            ["nearest", "c-5 .. c+5, c = min(floor(f32(3.3333332538604736 i)), 40)"],
        ),
        ({"scale": 0.5, "sigma": 0}, ["input 2i"]),
        ({"scale": 0.5}, ["taps of axes 1 and 2", "5×5"]),
        ({"scale": 0.5, "input_dtype": "float64"}, ["computed in float64"]),
    ],
)
def test_print_of_other_plans(options, shown):
    text = str(aa_ref.plan((3, 30, 41), **options))
    for part in shown:
        assert part in text


@pytest.mark.parametrize("scale", [0.5, 0.4, Fraction(1, 3), 0.16, 0.125])
def test_the_printed_ranges_are_the_ranges(scale):
    p = aa_ref.plan((3, 2, 401), scale, axes=-1)
    printed = re.search(r"  (\d+)i-(\d+) \.\. (\d+)i\+(\d+)$", str(p), re.MULTILINE)
    step, before, same_step, after = map(int, printed.groups())
    assert step == same_step
    i = p.axes[0].out_length // 2
    assert p.axes[0].input_range(i, i + 1) == (step * i - before, step * i + after + 1)


def test_a_scale_that_changes_is_read_anew():
    import torch

    scale = torch.tensor(0.5)
    assert aa_ref.plan((8, 12), scale).out_shape == (4, 6)
    scale.fill_(0.25)
    assert aa_ref.plan((8, 12), scale).out_shape == (2, 3)


def test_axes_are_judged_whatever_was_asked_before():
    assert aa_ref.plan((8, 12), 0.5, axes=(0, 1)).out_shape == (4, 6)
    with pytest.raises(aa_ref.errors.AxesError):
        aa_ref.plan((8, 12), 0.5, axes=(0.0, 1.0))


@pytest.mark.parametrize(
    "scale",
    [bytearray(b"0.5"), memoryview(b"0.5"), np.array("0.5"), np.array(b"0.5"), np.array(True)],
    ids=shown,
)
def test_text_and_bools_in_containers_are_no_scales(scale):
    with pytest.raises(aa_ref.errors.ScaleError, match="not a number"):
        aa_ref.plan((8, 12), scale)
