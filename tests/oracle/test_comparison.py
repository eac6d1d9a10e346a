"""Comparisons: grades, NaN and infinity, integers, overflow, flushed subnormals, suspicions."""

import math

import ml_dtypes
import numpy as np
import pytest
from cases import cases, gradient
from faithful import lines
from hypothesis import given
from hypothesis import strategies as st
from test_bounds import ROUNDINGS, separable

import aa_ref
from aa_ref import oracle
from aa_ref.oracle.numerics.bounds import bound
from aa_ref.oracle.numerics.compare import GRADES, compare, suspicions
from aa_ref.oracle.numerics.truth import truth

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride int:UserWarning")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
RNG = np.random.default_rng(11)
X = RNG.standard_normal((11, 18)).astype(np.float32)
PLAN = aa_ref.plan(X.shape, 0.5)
Y = PLAN(X, backend="numpy")


def changed(y, place, value):
    y = y.copy()
    y[place] = value
    return y


@given(cases())
def test_the_library_is_identical_to_itself_in_every_case(case):
    y = case.run("numpy")
    found = compare(y, case.x, case.plan)
    assert found.grade == "bit-identical"
    assert found.worst <= 1
    assert found.errors.shape == y.shape


@given(cases(dtypes=("float64", "float32", "float16", "bfloat16"), convert=False))
def test_its_adjoint_too(case):
    g = gradient(case, case.x.dtype.name, kind="special")
    back = case.plan.adjoint(g, backend="numpy")
    found = compare(back, g, case.plan, direction="adjoint")
    assert found.grade == "bit-identical"
    assert found.worst <= 1


@given(cases(kinds=("normal", "wide", "subnormal"), convert=False))
def test_arithmetic_in_binary64_is_never_beyond_the_bound(case):
    p = case.plan
    x = np.asarray(case.x, np.float64)
    with np.errstate(all="ignore"):
        y = truth(case.x, p)
        if p.dtype.startswith("u"):
            y = np.clip(np.rint(y), 0, np.iinfo(p.dtype).max)
        y = y.astype(np.float32).astype(BFLOAT16) if p.dtype == "bfloat16" else y.astype(p.dtype)
    assert x.shape == p.shape
    assert compare(y, case.x, p).grade in ("bit-identical", "within-bound", "cannot-judge")


def test_one_unit_off_is_within_the_bound_and_says_where():
    y = changed(Y, (2, 3), np.nextafter(Y[2, 3], np.float32(9)))
    found = compare(y, X, PLAN)
    assert found.grade == "within-bound"
    assert 0 < found.worst < 1
    assert found.notes == ()


@pytest.mark.parametrize("sign", [1, -1])
def test_just_beyond_the_bound_fails_and_says_where(sign):
    limit = bound(X, PLAN)[2, 3]
    y = changed(Y, (2, 3), Y[2, 3] + np.float32(sign * 1.2 * limit))
    found = compare(y, X, PLAN)
    assert found.grade == "fails"
    assert found.where == (2, 3)
    assert found.worst == pytest.approx(1.2, abs=0.1)
    assert np.sign(found.errors[2, 3]) == sign
    assert (found.got, found.expected) == (float(y[2, 3]), truth(X, PLAN)[2, 3])
    assert found.allowed == limit
    fine = changed(Y, (2, 3), Y[2, 3] + np.float32(sign * 0.8 * limit))
    assert compare(fine, X, PLAN).grade == "within-bound"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_special_value_from_finite_samples_fails(value):
    found = compare(changed(Y, (1, 1), value), X, PLAN)
    assert (found.grade, found.worst, found.where) == ("fails", math.inf, (1, 1))


def footprint(place):
    """Which samples an element of Y reads, from the centres."""
    rows, columns = (
        {j for _, j in lines(a, True)[i]} for a, i in zip(PLAN.axes, place, strict=True)
    )
    return rows, columns


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [(0, 0), (5, 9), (10, 17), (6, 0)])
def test_special_samples_reach_their_footprints_and_no_further(value, place):
    x = changed(X, place, value)
    right = np.empty(Y.shape, np.float32)
    for index in np.ndindex(Y.shape):
        rows, columns = footprint(index)
        right[index] = value if place[0] in rows and place[1] in columns else Y[index]
    assert compare(right, x, PLAN).grade == "bit-identical"
    reached = np.argwhere(~np.isfinite(right))
    for index in [tuple(reached[0]), tuple(reached[-1])]:
        for wrong in {0.0, math.nan, math.inf, -math.inf} - {value}:
            if not (math.isnan(wrong) and math.isnan(value)):
                assert compare(changed(right, index, wrong), x, PLAN).where == index
    untouched = tuple(np.argwhere(np.isfinite(right))[0])
    assert compare(changed(right, untouched, math.nan), x, PLAN).grade == "fails"


def test_infinities_of_both_signs_are_nan_where_they_meet():
    x = changed(changed(X, (4, 4), math.inf), (6, 8), -math.inf)
    y = PLAN(x, backend="numpy")
    assert {-math.inf, math.inf} <= set(y.ravel().tolist())
    met = np.argwhere(np.isnan(y))
    assert len(met)
    assert compare(y, x, PLAN).grade == "bit-identical"
    assert compare(changed(y, tuple(met[0]), math.inf), x, PLAN).grade == "fails"


def test_an_infinity_may_be_nan_where_a_weight_may_be_zero():
    """In binary16 corner weights of a table are flushed, and 0 times infinity is NaN."""
    x = changed(RNG.standard_normal((40, 33)).astype(np.float16), (0, 2), math.inf)
    p = aa_ref.plan(x.shape, 0.125, input_dtype="float16")
    y = p(x, backend="numpy")
    nan = np.where(np.isinf(y), np.float16(math.nan), y)
    assert np.isinf(y).any()
    assert compare(nan, x, p, precision="binary16").grade != "fails"
    assert compare(nan, x, p, precision="binary32").grade == "fails"


@pytest.mark.parametrize("form", ["any", "fft"])
def test_transforms_may_spread_nan_over_a_plane(form):
    x = np.stack([X, changed(X, (0, 0), math.nan)])
    p = aa_ref.plan(x.shape, 0.5)
    y = p(x, backend="numpy")
    y[1] = math.nan
    found = compare(y, x, p, form=form)
    assert found.grade == ("within-bound" if form == "fft" else "fails")
    assert any("free to be anything" in note for note in found.notes) == (form == "fft")
    y[0, 0, 0] = math.nan
    assert compare(y, x, p, form=form).grade == "fails"


def test_a_correct_transform_passes_all_probes():
    """Its NaN is everywhere in a plane, and that alone is no want of a verdict."""

    def port(x):
        p = aa_ref.plan(x.shape, 0.5)
        table = np.outer(*(a.taps for a in p.passes))
        size = [n + 2 * a.radius for n, a in zip(x.shape, p.passes, strict=True)]
        with np.errstate(all="ignore"):
            y = np.fft.irfft2(np.fft.rfft2(x, s=size) * np.fft.rfft2(table, s=size), s=size)
        rows, columns = (a.centres + a.radius for a in p.passes)
        return y[np.ix_(rows, columns)].astype(x.dtype)

    report = oracle.check(port, 0.5, layout="HW", form="fft")
    assert report.grade == "within-bound"
    assert any("free to be anything" in note for note in report.notes)


INTEGERS = aa_ref.plan((6, 7), 0.5, input_dtype="uint8")


def test_integers_are_rounded_and_clipped():
    x = RNG.integers(0, 256, (6, 7), np.uint8)
    y, real = INTEGERS(x, backend="numpy"), truth(x, INTEGERS)
    away = (np.abs(real - np.rint(real)) < 0.4) & (y > 0) & (y < 255)  # far from a tie
    for index in np.argwhere(away)[:4]:
        for step in (-1, 1):
            wrong = changed(y, tuple(index), int(y[tuple(index)]) + step)
            assert compare(wrong, x, INTEGERS).grade == "fails"
    assert compare(np.floor(real).astype(np.uint8), x, INTEGERS).grade == "fails"  # truncated


@pytest.mark.parametrize(
    ("value", "allowed"),
    [(0.5, {0, 1}), (1.5, {1, 2}), (-0.5, {0}), (255.5, {255}), (1e9, {255}), (7.4, {7})],
)
def test_integers_at_a_tie_may_go_either_way(value, allowed):
    """One sample through a filter of one tap: no error but that of the rounding."""
    p = aa_ref.plan((1, 1), 0.9, dtype="uint8")
    x = np.full((1, 1), value, np.float32)
    graded = [compare(np.full((1, 1), got, np.uint8), x, p).grade for got in range(256)]
    assert {got for got, grade in enumerate(graded) if grade != "fails"} == allowed


@pytest.mark.parametrize(
    ("value", "right", "wrong"),
    [(math.nan, 0, 1), (math.nan, 0, 255), (math.inf, 255, 0), (-math.inf, 0, 255)],
)
def test_specials_as_integers(value, right, wrong):
    p = aa_ref.plan(X.shape, 0.5, dtype="uint8")
    x = changed(np.abs(X), (4, 4), value)
    y = p(x, backend="numpy")
    assert y[2, 2] == right
    assert compare(y, x, p).grade == "bit-identical"
    assert compare(changed(y, (2, 2), wrong), x, p).where == (2, 2)


HALF = aa_ref.plan((1, 1), 0.9, dtype="float16")


@pytest.mark.parametrize(
    ("value", "right", "wrong"),
    [
        (65500.0, (65504.0, 65472.0), (math.inf, -math.inf)),
        (65519.0, (65504.0, math.inf), (-math.inf, 65440.0)),
        (65530.0, (65504.0, math.inf), (-math.inf, 65440.0)),
        (65600.0, (math.inf,), (65504.0 - 64, -math.inf, math.nan)),
        (1e6, (math.inf,), (65504.0, -math.inf, math.nan)),
        (-1e6, (-math.inf,), (-65504.0, math.inf)),
    ],
)
def test_overflow_of_binary16(value, right, wrong):
    """Beyond the largest number a faithful rounding is that number or infinity, then infinity."""
    x = np.full((1, 1), value, np.float32)
    for got, fine in [(g, True) for g in right] + [(g, False) for g in wrong]:
        y = np.full((1, 1), got, np.float16)
        assert (compare(y, x, HALF).grade != "fails") == fine, got


def test_sums_near_the_largest_number_may_overflow_and_are_not_judged_then():
    x = np.full((9, 9), np.finfo(np.float32).max)
    y = PLAN_OF_NINE(x, backend="numpy")
    lost = np.full_like(y, math.inf)
    assert compare(lost, x, PLAN_OF_NINE).grade == "cannot-judge"
    assert compare(lost, x / 8, PLAN_OF_NINE).grade == "fails"
    assert compare(y, x, PLAN_OF_NINE).grade == "bit-identical"


PLAN_OF_NINE = aa_ref.plan((9, 9), 0.5, boundary="reflect")


def test_flushed_subnormals_are_noted_and_pass():
    x = np.where(X > 0, X, X * np.float32(1e-38))
    y = PLAN(x, backend="numpy")
    tiny = np.finfo(np.float32).smallest_normal
    small = PLAN(np.where(X > 0, 0, x), backend="numpy")
    assert (np.abs(small) < tiny).any()
    flushed = np.where(np.abs(small) < tiny, np.float32(0), small)
    found = compare(flushed, np.where(X > 0, np.float32(0), x), PLAN)
    assert found.grade in ("within-bound", "cannot-judge")
    assert "subnormal numbers are flushed" in found.notes[0]
    assert compare(y, x, PLAN).notes == ()


def test_what_cannot_be_judged_is_never_passed():
    x = np.full((40, 40), 2.0**-148, np.float32)
    p = aa_ref.plan(x.shape, 0.125)
    found = compare(np.full(p.out_shape, 2.0**-149, np.float32), x, p)
    assert found.grade == "cannot-judge"
    assert "without a verdict" in found.notes[0]
    y = p(X0, backend="numpy")
    coarse = np.zeros_like(y)
    assert compare(coarse, X0, p, precision="pure-bfloat16").grade == "cannot-judge"
    assert compare(coarse, X0, p, precision="pure-bfloat16", form="separable").grade == "fails"


X0 = np.ones((40, 40), np.float32)


def test_zeros_never_pass_for_a_sum_of_ones_however_long():
    """Where the sums alone are off by just less than the magnitudes, a conversion adds to it."""
    p = aa_ref.plan(X0.shape, 0.125, dtype="bfloat16")
    zeros = np.zeros(p.out_shape, BFLOAT16)
    for n in range(690, 711, 3):
        x = np.zeros_like(X0)
        x[10:39, 10:39] = (np.arange(29 * 29) < n).reshape(29, 29)  # about the centre 24
        found = compare(zeros, x, p, precision="pure-binary16", form="direct", taps="given")
        assert abs(found.errors[3, 3]) > 1 or np.isnan(found.deviations[3, 3])  # without a verdict


@pytest.mark.parametrize("units", [1, 15, 17, 100])
def test_what_the_result_type_may_round_to_zero_may_be_zero(units):
    """Its smallest number is 16 of the units; from there on only flushing explains a zero."""
    x = np.full((1, 1), units * 2.0**-28, np.float32)
    found = compare(np.zeros((1, 1), np.float16), x, HALF)
    assert found.grade in ("bit-identical", "within-bound")
    assert bool(found.notes) == (units > 16)  # by flushing, of which a note tells


def test_zeros_must_be_zeros_where_only_zeros_are_read():
    x = np.zeros_like(X)
    x[0, 0] = 1
    y = PLAN(x, backend="numpy")
    assert compare(changed(y, (5, 8), np.float32(1e-45)), x, PLAN).grade == "fails"
    assert compare(changed(y, (5, 8), np.float32(-0.0)), x, PLAN).grade == "within-bound"


def test_a_batch_without_elements():
    p = aa_ref.plan((0, 4, 5), 0.5)
    x = np.zeros((0, 4, 5), np.float32)
    found = compare(p(x, backend="numpy"), x, p)
    assert (found.grade, found.worst, found.where) == ("bit-identical", 0.0, None)
    assert suspicions(found) == []


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (Y.T, r"y has shape \(9, 6\), but results have shape \(6, 9\)"),
        (Y.astype(np.float64), "y is float64, but results are float32"),
        (Y.tolist(), "an array is needed, got list"),
    ],
)
def test_what_it_refuses(y, words):
    with pytest.raises(aa_ref.AaRefError, match=words):
        compare(y, X, PLAN)


def test_grades_go_from_best_to_worst():
    assert GRADES == ("bit-identical", "within-bound", "cannot-judge", "fails")


def truncated(v):
    """To binary32, towards zero."""
    y = v.astype(np.float32)
    away = np.abs(y.astype(np.float64)) > np.abs(v)
    return np.where(away, np.nextafter(y, np.float32(0)), y).astype(np.float64)


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125, 0.75])
@pytest.mark.parametrize("kind", ["normal", "positive"])
def test_suspicions(scale, kind, monkeypatch):
    """Truncation is within every bound, TF32 within some; both are seen, honest sums are not."""
    x = np.random.default_rng(6).standard_normal((150, 155)).astype(np.float32)
    x = np.abs(x) if kind == "positive" else x
    p = aa_ref.plan(x.shape, scale)
    honest = separable(x, p, "binary32", order=-1).astype(np.float32)
    assert suspicions(compare(honest, x, p)) == []
    coarse = compare(separable(x, p, "tf32").astype(np.float32), x, p)
    assert "coarser format" in suspicions(coarse)[0]
    monkeypatch.setitem(ROUNDINGS, "float32", truncated)
    cut = compare(separable(x, p, "binary32").astype(np.float32), x, p)
    assert cut.grade == "within-bound"
    if (scale, kind) != (0.75, "positive"):  # where hardly a sum is inexact but one product
        assert any("too small throughout" in s for s in suspicions(cut))


@given(st.integers(1, 40))
def test_few_elements_raise_no_suspicion(n):
    x = RNG.standard_normal((1, n)).astype(np.float32)
    p = aa_ref.plan(x.shape, 0.5, axes=-1)
    y = p(x, backend="numpy") * np.float32(1 + 1e-6)
    assert suspicions(compare(y, x, p)) == []
