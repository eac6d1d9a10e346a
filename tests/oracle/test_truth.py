"""The truth: golden vectors to the bit, naive rational arithmetic, and where rounding is hard."""

import json
import math
from decimal import Context, Decimal
from fractions import Fraction
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from cases import cases, gradient
from faithful import lines
from hypothesis import given

import aa_ref
from aa_ref.oracle.errors import OracleError
from aa_ref.oracle.numerics.truth import truth

FOLDER = Path(__file__).parent.parent / "data" / "golden"
CASES = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
DIGITS = 400

by_case = pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride int:UserWarning")


@pytest.fixture(scope="module")
def vectors():
    with np.load(FOLDER / "vectors.npz", allow_pickle=False) as archive:
        return dict(archive)


def plan_of(case, shape):
    return aa_ref.plan(
        shape,
        tuple(Fraction(s) if isinstance(s, str) else s for s in case["scale"]),
        input_dtype=case["dtype"],
        sigma=tuple(case["sigma"]),
        boundary=tuple(case["boundary"]),
        sampling=tuple(case["sampling"]),
    )


def assert_equal(actual, expected):
    assert actual.dtype == np.float64
    assert actual.shape == expected.shape
    wrong = np.argwhere((actual != expected) | (np.signbit(actual) != np.signbit(expected)))
    assert not len(wrong), (wrong[0], actual[tuple(wrong[0])], expected[tuple(wrong[0])])


@by_case
def test_golden_vectors(case, vectors):
    x = vectors[case["arrays"]["x"]["key"]]
    plan = plan_of(case, x.shape)
    if case["dtype"] == "bfloat16":
        x = x.view(ml_dtypes.bfloat16)
    if "exact" in case["arrays"]:
        expected = vectors[case["arrays"]["exact"]["key"]]
        assert_equal(truth(x, plan), np.where(expected == 0, 0.0, expected))
    else:
        with pytest.raises(OracleError, match="NaN or infinity"):
            truth(x, plan)
    g = vectors[case["arrays"]["g"]["key"]]
    expected = vectors[case["arrays"]["adjoint_exact"]["key"]]
    assert_equal(truth(g, plan, direction="adjoint"), np.where(expected == 0, 0.0, expected))


def naive_taps(axis):
    """To 400 digits, from the formula."""
    if axis.radius == 0:
        return [Fraction(1)]
    context = Context(prec=DIGITS + 10)
    sigma = Fraction(axis.sigma)
    arguments = [-Fraction(i * i) / (2 * sigma**2) for i in range(-axis.radius, axis.radius + 1)]
    weights = [
        Fraction(context.exp(context.divide(Decimal(a.numerator), Decimal(a.denominator))))
        for a in arguments
    ]
    return [w / sum(weights) for w in weights]


def naive(plan, x, direction):
    """Sums of fractions, to some 400 digits: every result with the error that it may have."""
    values = np.array([Fraction(float(v)) for v in x.flat] + [None], object)[:-1].reshape(x.shape)
    for a in plan.passes:
        taps, sums = naive_taps(a), lines(a, direction == "forward")
        moved = np.moveaxis(values, a.axis, 0)
        result = np.zeros((len(sums), *moved.shape[1:]), object)
        for i, terms in enumerate(sums):
            for k, j in terms:
                result[i] = result[i] + taps[k] * moved[j]
        values = np.moveaxis(result, 0, a.axis)
    return values


def assert_rounded(actual, plan, x, direction):
    expected = naive(plan, x, direction)
    assert actual.shape == expected.shape
    slack = Fraction(max(map(abs, map(float, x.flat)), default=0.0)) / 10 ** (DIGITS - 20)
    for index in np.ndindex(expected.shape):
        low, high = float(expected[index] - slack), float(expected[index] + slack)
        assert low == high, "the naive result is not precise enough to judge"
        assert actual[index] == low


@given(cases(kinds=("normal", "subnormal"), convert=False, most_axes=3))
def test_against_rational_arithmetic(case):
    p = case.plan
    if p.multiplications > 20_000:
        return
    assert_rounded(truth(case.x, p), p, np.asarray(case.x, np.float64), "forward")


@given(cases(kinds=("normal",), convert=False, dtypes=("float64", "float32"), most_axes=2))
def test_adjoint_against_rational_arithmetic(case):
    p = case.plan
    if p.multiplications > 20_000:
        return
    g = gradient(case, "float32")
    assert_rounded(truth(g, p, direction="adjoint"), p, np.asarray(g, np.float64), "adjoint")


@pytest.mark.parametrize("boundary", ["zeros", "replicate", "reflect", "circular"])
def test_the_adjoint_of_impulses_is_the_transpose(boundary):
    p = aa_ref.plan((7, 4), (0.5, 0.25), input_dtype="float64", boundary=boundary)
    forward = np.array([truth(e.reshape(p.shape), p).ravel() for e in np.eye(28)])
    outputs = math.prod(p.out_shape)
    back = [truth(e.reshape(p.out_shape), p, direction="adjoint") for e in np.eye(outputs)]
    assert_equal(np.array([b.ravel() for b in back]), forward.T.copy())


def picture(shape, values):
    x = np.zeros(shape)
    for place, value in values.items():
        x[place] = value
    return x


@pytest.mark.parametrize("size", [1.0, 1e300, 1e-300, 5e-324])
def test_a_zero_that_only_real_arithmetic_sees(size):
    """As 3² + 4² = 5², two products of taps are the same real number, but not when rounded."""
    x = picture((7, 8), {(0, 5): size, (3, 4): -size})
    y = truth(x, aa_ref.plan(x.shape, 0.25, input_dtype="float64"))
    assert y[0, 0] == 0
    assert not np.signbit(y[0, 0])
    assert size < 1e-300 or y[0, 1] != 0


def test_a_constant_comes_out_as_it_is_where_nothing_is_outside():
    x = np.full((5, 7), 0.1)
    p = aa_ref.plan(x.shape, 0.125, input_dtype="float64", boundary="circular")
    assert (truth(x, p) == 0.1).all()
    x[:] = np.finfo(float).max
    assert (truth(x, p) == x[0, 0]).all()


def test_antisymmetric_signals_are_exactly_zero_in_the_middle():
    x = np.float32([-3e38, -1e-45, 0.7, 0, -0.7, 1e-45, 3e38])[None]
    p = aa_ref.plan(x.shape, 0.25, axes=-1, sampling="slice", boundary="reflect")
    shifted = aa_ref.plan((1, 7), Fraction(1, 3), axes=-1)  # centres 0, 3, 6
    assert truth(x, shifted)[0, 1] == 0.0
    assert truth(x, p).shape == (1, 2)


def test_results_are_infinite_only_beyond_the_range():
    big = np.finfo(np.float64).max
    p = aa_ref.plan((3, 3), 0.75, input_dtype="float64", boundary="reflect")
    g = np.full(p.out_shape, -big)
    assert (truth(g, p) == -big).all()
    back = truth(g, p, direction="adjoint")
    assert back[1, 1] == -np.inf  # both neighbours read it twice: weights sum to more than 1
    assert -big < back[0, 0] < -0.9 * big


def test_cancellation_over_the_whole_range_of_exponents():
    rng = np.random.default_rng(5)
    x = np.ldexp(rng.standard_normal((6, 11)), rng.integers(-1070, 1020, (6, 11)))
    p = aa_ref.plan(x.shape, (0.5, 0.4), input_dtype="float64")
    y = truth(x, p)
    expected = naive(p, x, "forward")
    for index in np.ndindex(y.shape):
        assert y[index] == float(expected[index])


def test_layout_byte_order_and_batches_do_not_matter():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((2, 9, 3, 10)).astype(np.float32)
    p = aa_ref.plan(x.shape, 0.5, axes=(1, 3))
    y = truth(x, p)
    assert_equal(truth(np.asfortranarray(x), p), y)
    assert_equal(truth(x.astype(">f4"), p), y)
    one = aa_ref.plan(x[1, :, 2].shape, 0.5)
    assert_equal(truth(x[1, :, 2], one), y[1, :, 2].copy())
    assert truth(x[:0], aa_ref.plan((0, 9, 3, 10), 0.5, axes=(1, 3))).shape == (0, 5, 3, 5)


def test_without_a_pass_it_is_the_input():
    x = np.float16([[1.5, -0.0], [6e-8, 65504]])
    y = truth(x, aa_ref.plan(x.shape, 1, input_dtype="float16", dtype="uint8"))
    assert (y == x).all()


@pytest.mark.parametrize(
    ("x", "direction", "words"),
    [
        (np.zeros((4, 5), np.float32), "forwards", "write 'forward' or 'adjoint'"),
        (np.zeros((4, 5)), "forward", "plan with input_dtype='float64'"),
        (np.zeros((5, 4), np.float32), "forward", r"has \(5, 4\)"),
        (np.zeros((4, 5), np.float32), "adjoint", r"takes arrays of shape \(2, 3\)"),
        (np.zeros((2, 3), np.uint8), "adjoint", "takes floating-point arrays"),
        (np.full((4, 5), np.inf, np.float32), "forward", "NaN or infinity"),
        ([[1.0]], "forward", "an array is needed, got list"),
    ],
)
def test_what_it_refuses(x, direction, words):
    with pytest.raises(aa_ref.AaRefError, match=words):
        truth(x, aa_ref.plan((4, 5), 0.5), direction=direction)
