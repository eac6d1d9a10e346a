"""From a scale to sigma, radius, stride and taps: `docs/spec.md`, part 1."""

import math
import struct
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support import assert_same_bits, shown

import aa_ref
from aa_ref import filters
from aa_ref.errors import ScaleError, SigmaError
from aa_ref.filters import (
    MAX_RADIUS,
    as_scale,
    as_sigma,
    nearest_float,
    radius_of,
    sigma_of,
    stride_of,
    taps_of,
)

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
by_compute_type = pytest.mark.parametrize("compute", [SINGLE, DOUBLE], ids=str)


# ------------------------------------------------------------------------------ the formulas


@pytest.mark.parametrize(
    ("scale", "stride", "sigma", "radius"),
    [
        (1.0, 1, 0.0, 0),
        (0.5, 2, 0.5, 2),
        (0.25, 4, 1.5, 6),
        (0.125, 8, 3.5, 14),
        (0.0625, 16, 7.5, 30),
        (Fraction(1, 3), 3, Fraction(1), 4),
        (1 / 3, 3, 1.0, 4),
        (0.16, 6, 2.625, 10),  # 4 sigma = 10.5, half to even
        (0.8, 1, 0.125, 0),  # 4 sigma = 0.5, half to even
        (Fraction(4, 5), 1, Fraction(1, 8), 0),
        (Fraction(4, 7), 1, Fraction(3, 8), 2),  # 4 sigma = 1.5, half to even
        (Fraction(4, 49), 12, Fraction(45, 8), 22),  # 4 sigma = 22.5, half to even
        (0.75, 1, (1 / 0.75 - 1) / 2, 1),
        (Fraction(3, 4), 1, Fraction(1, 6), 1),
        (0.9, 1, (1 / 0.9 - 1) / 2, 0),
        (Fraction(2, 5), 2, Fraction(3, 4), 3),
    ],
)
def test_table_of_scales(scale, stride, sigma, radius):
    scale = as_scale(scale)
    assert (stride_of(scale), sigma_of(scale), radius_of(sigma_of(scale))) == (
        stride,
        sigma,
        radius,
    )
    assert type(sigma_of(scale)) is type(scale)
    for compute in (SINGLE, DOUBLE):
        assert taps_of(sigma_of(scale), compute).shape == (2 * radius + 1,)


@pytest.mark.parametrize("n", [93, 99, 105, 117, 123])
def test_a_float_scale_just_above_1_over_n_has_stride_n_minus_1(n):
    assert stride_of(as_scale(1 / n)) == n - 1
    assert stride_of(as_scale(Fraction(1, n))) == n
    shape = (3, 2 * n + 1)
    floats = aa_ref.plan(shape, 1 / n, axes=-1).axes[0]
    exact = aa_ref.plan(shape, Fraction(1, n), axes=-1).axes[0]
    assert (floats.stride, floats.out_length) == (n - 1, 3)
    assert (exact.stride, exact.out_length) == (n, 3)
    assert exact.centres.tolist() == [0, n, 2 * n]
    assert floats.centres.tolist() == [0, n - 1, 2 * n - 2]


def test_these_are_all_the_n_below_130_whose_float_has_another_stride():
    short = [n for n in range(1, 130) if stride_of(as_scale(1 / n)) != n]
    assert short[:5] == [n for n in short if n < 124] == [93, 99, 105, 117, 123]


@given(st.fractions(min_value=Fraction(1, 5000), max_value=1))
def test_a_fraction_is_exact(scale):
    inverse = scale.denominator / Fraction(scale.numerator)
    assert stride_of(scale) == scale.denominator // scale.numerator
    assert sigma_of(scale) == (inverse - 1) / 2
    four_sigma = 2 * (inverse - 1)
    radius = radius_of(sigma_of(scale))
    assert abs(radius - four_sigma) <= Fraction(1, 2)
    if abs(radius - four_sigma) == Fraction(1, 2):
        assert radius % 2 == 0


@given(st.floats(min_value=1e-4, max_value=1, allow_nan=False))
@example(0.16)
@example(1 / 93)
def test_a_float_is_rounded_at_each_step(scale):
    def rounded(value):  # Fraction to binary64 is correctly rounded: one operation, one rounding
        return float(value)

    inverse = rounded(1 / Fraction(scale))
    sigma = rounded(rounded(Fraction(inverse) - 1) / 2)
    assert stride_of(scale) == math.floor(inverse)
    assert sigma_of(scale) == sigma
    four_sigma = rounded(4 * Fraction(sigma))
    assert radius_of(sigma) == round(Fraction(four_sigma))


@pytest.mark.parametrize("halves", [0.5, 1.5, 2.5, 3.5, 10.5, 22.5, 32766.5])
def test_a_radius_halfway_goes_to_the_even_one(halves):
    even = 2 * round(halves / 2)
    assert abs(even - halves) == 0.5
    assert radius_of(halves / 4) == radius_of(Fraction(halves) / 4) == even


@pytest.mark.parametrize("sigma", [Fraction(MAX_RADIUS, 4), MAX_RADIUS / 4, 8191.85])
def test_the_largest_radius_is_accepted(sigma):
    assert radius_of(sigma) == MAX_RADIUS == 32_767
    plan = aa_ref.plan((5, 9), 0.5, axes=-1, sigma=sigma)  # lazily: no taps are asked for
    assert plan.axes[0].radius == MAX_RADIUS


@pytest.mark.parametrize(
    "sigma", [Fraction(32_768, 4), 8192.0, Fraction(65_535, 8), 8191.875, 1e9, 1e308, 10**400]
)
def test_a_larger_radius_is_refused(sigma):
    with pytest.raises(SigmaError, match="32,767"):
        radius_of(sigma)
    with pytest.raises(SigmaError, match="32,767"):
        aa_ref.plan((5, 9), 0.5, axes=-1, sigma=Fraction(sigma))


@pytest.mark.parametrize(("scale", "radius"), [(Fraction(2, 32_769), 32_767), (2 / 32_769, 32_767)])
def test_the_smallest_scale_is_accepted(scale, radius):
    assert radius_of(sigma_of(as_scale(scale))) == radius
    assert aa_ref.plan((5, 9), scale, axes=-1).axes[0].radius == radius


@pytest.mark.parametrize(
    "scale", [Fraction(2, 32_770), 2 / 32_770, 1e-9, 1e-300, Fraction(1, 10**400)]
)
def test_a_smaller_scale_is_refused_as_a_scale(scale):
    with pytest.raises(ScaleError, match="32,767"):
        aa_ref.plan((5, 9), scale, axes=-1)


# ----------------------------------------------------------------------- what is a number here


class Third:
    """A number by `__float__` alone."""

    def __float__(self):
        return 1 / 3


@pytest.mark.parametrize(
    ("given_scale", "kept"),
    [
        (1, Fraction(1)),
        (np.int64(1), Fraction(1)),
        (np.uint8(1), Fraction(1)),
        (Fraction(1, 3), Fraction(1, 3)),
        (0.3, 0.3),
        (np.float64(0.3), 0.3),
        (np.float32(0.3), 0.30000001192092896),
        (np.float16(0.3), 0.300048828125),
        (np.array(0.3), 0.3),
        (np.array(0.3, np.float32), 0.30000001192092896),
        (Decimal("0.3"), 0.3),
        (Third(), 1 / 3),
    ],
    ids=shown,
)
def test_numbers_of_other_kinds(given_scale, kept):
    scale = as_scale(given_scale)
    assert scale == kept
    assert type(scale) is type(kept)
    sigma = as_sigma(given_scale)
    assert sigma == kept
    assert type(sigma) is type(kept)


@pytest.mark.parametrize(
    "value",
    [True, False, np.True_, np.False_, "0.5", b"0.5", None, 1j, [0.5], (), {}, object(),
     np.array([0.5, 0.5])],
    ids=shown,
)  # fmt: skip
def test_what_is_no_number(value):
    with pytest.raises(ScaleError, match="not a number"):
        as_scale(value)
    with pytest.raises(SigmaError, match="not a number"):
        as_sigma(value)


@pytest.mark.parametrize(
    "value",
    [0, 0.0, -0.0, -0.5, 4, 1.0000000000000002, Fraction(4, 3), math.nan, math.inf, -math.inf,
     Fraction(0), Fraction(-1, 2), 10**400, Decimal(2), np.float32("nan")],
    ids=lambda v: str(v)[:12],
)  # fmt: skip
def test_scales_out_of_range(value):
    with pytest.raises(ScaleError, match=r"\(0, 1\]"):
        as_scale(value)


@pytest.mark.parametrize("value", [5e-309, 5e-324, np.float64(1e-310)])
def test_a_scale_whose_inverse_overflows(value):
    with pytest.raises(ScaleError, match="not finite"):
        as_scale(value)


def test_a_scale_above_1_asks_whether_its_inverse_was_meant():
    with pytest.raises(ScaleError, match=r"was 1/4 meant\?"):
        as_scale(4)


@pytest.mark.parametrize("value", [-1, -1e-300, math.nan, math.inf, -math.inf, Fraction(-1, 9)])
def test_sigmas_out_of_range(value):
    with pytest.raises(SigmaError, match="finite and at least 0"):
        as_sigma(value)


# -------------------------------------------------------------------------------------- taps

PRECISION = 400  # bits after the binary point


def exponential_of_minus(value: Fraction) -> tuple[int, int]:
    """Integers around ``exp(-value) * 2**PRECISION``, for value >= 0, by Taylor's series.

    With h halvings so that z = value / 2**h <= 1/2, exp(z) is the sum of all z**k / k!; what
    follows the k-th term adds up to no more than that term. Everything is rounded down and up, so
    that the interval is a proven one; then it is squared h times and inverted.
    """
    one = 1 << PRECISION
    halvings = math.ceil(value).bit_length() + 1
    p, q = value.numerator, value.denominator << halvings
    low = high = k = 0
    term_low = term_high = one
    while term_high > 1:
        low, high, k = low + term_low, high + term_high, k + 1
        term_low, term_high = term_low * p // (q * k), -(-term_high * p // (q * k))
    high += 2 * term_high
    for _ in range(halvings):
        low, high = low * low >> PRECISION, -(-high * high >> PRECISION)
    return one * one // high, -(-one * one // low)


def intervals_of_taps(sigma: Fraction, radius: int) -> list[tuple[Fraction, Fraction]]:
    """Proven intervals around the real taps 0..radius."""
    values = [exponential_of_minus(i * i / (2 * sigma * sigma)) for i in range(radius + 1)]
    low, high = (2 * sum(v[end] for v in values) - values[0][end] for end in (0, 1))
    return [(Fraction(v[0], high), Fraction(v[1], low)) for v in values]


def neighbours(value: float, dtype: np.dtype) -> tuple[Fraction, Fraction]:
    """The two numbers of that type next to a positive one."""
    exact = dtype.type(value)
    assert exact == value
    with np.errstate(under="ignore"):
        return Fraction(float(np.nextafter(exact, -np.inf))), Fraction(
            float(np.nextafter(exact, np.inf))
        )


def check_taps(sigma, compute):
    radius = radius_of(sigma)
    taps = taps_of(sigma, compute)
    assert taps.dtype == compute
    assert taps.shape == (2 * radius + 1,)
    assert not taps.flags.writeable
    assert_same_bits(taps, taps[::-1])
    half = taps[radius:].tolist()
    if radius == 0:
        assert half == [1]
        return
    for tap, (low, high) in zip(half, intervals_of_taps(Fraction(sigma), radius), strict=True):
        below, above = neighbours(tap, compute)
        # The real tap is nearer to this number than to either neighbour.
        assert (below + Fraction(tap)) / 2 < low <= high < (above + Fraction(tap)) / 2
    # The real taps add up to 1 and each was rounded by a factor within 1 +- u (the smallest,
    # about exp(-32), is far from the subnormals): so do these, to within u.
    unit_roundoff = Fraction(float(np.finfo(compute).eps)) / 2
    assert abs(sum(map(Fraction, taps.tolist())) - 1) <= unit_roundoff


def test_the_independent_exponential_is_right():
    for value in (Fraction(0), Fraction(1, 3), Fraction(1), Fraction(63, 2)):
        low, high = exponential_of_minus(value)
        assert 0 <= high - low < 1 << 40  # all but 40 of 400 bits are certain
        assert math.isclose(low / (1 << PRECISION), math.exp(-value), rel_tol=1e-14)
    e = "2.718281828459045235360287471352662497757247093699959574966967627724076630353547594571382"
    low, high = exponential_of_minus(Fraction(1))
    near = Fraction(1 << PRECISION, high), Fraction(1 << PRECISION, low)
    assert near[0] < Fraction(e) + Fraction(1, 10**87)
    assert Fraction(e) < near[1]


@by_compute_type
@pytest.mark.parametrize(
    "sigma",
    [0.5, 1.5, 3.5, 7.5, Fraction(1), 2.625, Fraction(21, 8), Fraction(1, 6), (1 / 0.75 - 1) / 2,
     math.nextafter(0.125, 1), Fraction(1, 8) + Fraction(1, 10**30), 0.126, 46.0, 250.125],
    ids=str,
)  # fmt: skip
def test_taps_of_chosen_sigmas(sigma, compute):
    assert radius_of(sigma) > 0
    check_taps(sigma, compute)


@pytest.mark.parametrize(
    ("sigma", "i", "compute", "distance"),
    [(3683 / 64, 112, DOUBLE, 1e-22), (1831 / 64, 90, SINGLE, 5e-14)],
)
def test_taps_that_are_almost_halfway(sigma, i, compute, distance):
    # Found by search: so near, relatively, to the middle of two neighbours are these taps that a
    # few digits more than the compute type's would not do.
    radius = radius_of(sigma)
    low, high = intervals_of_taps(Fraction(sigma), radius)[i]
    tap = float(taps_of(sigma, compute)[radius + i])
    middles = [(Fraction(tap) + other) / 2 for other in neighbours(tap, compute)]
    assert min(abs(low - middle) / low for middle in middles) < Fraction(distance)
    assert middles[0] < low <= high < middles[1]


@by_compute_type
@given(sigma=st.floats(min_value=0.125, max_value=30))
def test_taps_of_any_float(sigma, compute):
    check_taps(sigma, compute)


@by_compute_type
@given(sigma=st.fractions(min_value=Fraction(1, 8), max_value=30))
def test_taps_of_any_fraction(sigma, compute):
    check_taps(sigma, compute)


@by_compute_type
@given(scale=st.floats(min_value=1 / 60, max_value=0.8))
def test_taps_of_any_scale(scale, compute):
    check_taps(sigma_of(scale), compute)


@by_compute_type
@pytest.mark.parametrize("sigma", [0, 0.0, Fraction(0), 0.124, 5e-324, 1e-200])
def test_a_small_sigma_has_one_tap_of_1(sigma, compute):
    assert_same_bits(taps_of(as_sigma(sigma), compute), np.ones(1, compute))


def test_taps_of_the_largest_radius_add_up():
    # All 32,768 by the series would take a minute: a few of them, the sum known otherwise.
    sigma = Fraction(MAX_RADIUS, 4)
    taps = taps_of(sigma, DOUBLE)
    assert len(taps) == 2 * MAX_RADIUS + 1
    assert_same_bits(taps, taps[::-1])
    assert abs(sum(map(Fraction, taps.tolist())) - 1) <= Fraction(1, 2**53)
    one = 1 << PRECISION
    for i in (1, 2, 1000, MAX_RADIUS):
        low, high = exponential_of_minus(i * i / (2 * sigma * sigma))
        ratio = Fraction(taps[MAX_RADIUS + i]) / Fraction(taps[MAX_RADIUS])
        # Both taps are within a factor 1 +- u of the real ones: their ratio within (1+u)/(1-u).
        slack = 1 + Fraction(1, 2**51)
        assert Fraction(low, one) / slack < ratio < Fraction(high, one) * slack


def test_a_float_and_a_fraction_of_one_value_share_taps_but_not_formulas():
    assert_same_bits(taps_of(1.5, DOUBLE), taps_of(Fraction(3, 2), DOUBLE))
    third = taps_of(sigma_of(Fraction(1, 3)), DOUBLE)
    assert_same_bits(third, taps_of(sigma_of(1 / 3), DOUBLE))  # (1/(1/3) - 1)/2 rounds to 1
    sigmas = sigma_of(Fraction(7, 10)), sigma_of(0.7)
    assert sigmas[0] != sigmas[1]
    taps = [taps_of(s, DOUBLE) for s in sigmas]
    assert (taps[0] != taps[1]).any()


def test_the_table_of_taps_is_bounded():
    assert taps_of.cache_info().maxsize is not None


# ----------------------------------------------------------------------------- nearest_float


def check_nearest(value: Fraction, dtype: np.dtype) -> None:
    got = nearest_float(value, dtype)
    below, above = neighbours(got, dtype)
    error, odd = abs(value - Fraction(got)), dtype.type(got).view(f"u{dtype.itemsize}") & 1
    for other in (below, above):
        distance = abs(value - other)
        assert error < distance or (error == distance and not odd)


@st.composite
def positive_fractions(draw, dtype):
    """Over all exponents down to below the smallest subnormal, ties and near ties among them."""
    bits, info = int(np.finfo(dtype).nmant) + 1, np.finfo(dtype)
    exponent = draw(st.integers(int(info.minexp) - 2 * bits, int(info.maxexp) - bits - 2))
    mantissa = draw(st.integers(1, 2**bits))
    offset = draw(
        st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1, 2) + Fraction(1, 10**40),
                         Fraction(1, 2) - Fraction(1, 10**40)])
        | st.fractions(0, 1)
    )  # fmt: skip
    return (mantissa + offset) * Fraction(2) ** exponent


@by_compute_type
@given(data=st.data())
def test_nearest_float_is_the_nearest(data, compute):
    check_nearest(data.draw(positive_fractions(compute)), compute)


@given(value=positive_fractions(DOUBLE))
def test_nearest_binary64_is_pythons(value):
    assert nearest_float(value, DOUBLE) == value.numerator / value.denominator


@given(value=st.floats(min_value=5e-324, max_value=1e300))
@example(2.0**-150)  # half the smallest binary32 subnormal: a tie, to 0
@example(math.nextafter(2.0**-150, 1))
@example(2.0**-126 - 2.0**-151)
@example(1 + 2.0**-24)
@example(1 + 3 * 2.0**-24)
def test_nearest_binary32_of_a_binary64_is_the_platforms(value):
    assume(value < float(np.finfo(SINGLE).max))
    by_struct = struct.unpack("<f", struct.pack("<f", value))[0]
    with np.errstate(under="ignore"):
        assert float(np.float32(value)) == by_struct
    assert nearest_float(Fraction(value), SINGLE) == by_struct


@pytest.mark.parametrize(
    ("value", "dtype", "nearest"),
    [
        (Fraction(2**24 + 1), SINGLE, 2.0**24),  # ties go to the even mantissa
        (Fraction(2**24 + 3), SINGLE, 2.0**24 + 4),
        (Fraction(2**25 - 1, 2**25), SINGLE, 1.0),  # and over a power of two
        (Fraction(2**53 + 1), DOUBLE, 2.0**53),
        (Fraction(2**54 - 1, 2**54), DOUBLE, 1.0),
        # Just above the middle of two binary32 numbers, by less than binary64 shows.
        (1 + Fraction(1, 2**24) + Fraction(1, 2**60), SINGLE, 1 + 2.0**-23),
        (Fraction(3, 2) * Fraction(1, 2**149), SINGLE, 2.0**-148),
        (Fraction(1, 2**150), SINGLE, 0.0),
        (Fraction(1, 2**150) + Fraction(1, 2**400), SINGLE, 2.0**-149),
        (Fraction(1, 2**1075), DOUBLE, 0.0),
        (Fraction(1, 2**1075) + Fraction(1, 2**2000), DOUBLE, 5e-324),
        (Fraction(2**24 - 1, 2**150), SINGLE, 2.0**-126),  # up into the normal range
        (Fraction(1, 3), SINGLE, 0.3333333432674408),
    ],
)
def test_nearest_float_of_ties_and_subnormals(value, dtype, nearest):
    assert nearest_float(value, dtype) == nearest


def test_precision_grows_until_both_ends_round_alike() -> None:
    """Begun with far too few digits, the taps are the same."""
    for sigma in (Fraction(1, 2), Fraction(3, 2), Fraction(3683, 64)):
        for compute in (np.dtype(np.float32), np.dtype(np.float64)):
            radius = radius_of(sigma)
            few = filters._half_gaussian(sigma, radius, compute, digits=7)
            assert few == filters._half_gaussian(sigma, radius, compute)
