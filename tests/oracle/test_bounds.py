"""Bounds: nothing that they promise to hold for falls outside, and the next coarser format does."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from cases import cases
from faithful import (
    MODES,
    ORDERS,
    Arithmetic,
    Implementation,
    arguments,
    exponential,
    lines,
    sigma,
)
from hypothesis import given
from hypothesis import strategies as st

import aa_ref
from aa_ref.boundary import fold
from aa_ref.filters import enclosed_half
from aa_ref.oracle.errors import OracleError
from aa_ref.oracle.numerics.bounds import allowance, bound
from aa_ref.oracle.numerics.formats import PRECISIONS, Format, Precision, as_precision
from aa_ref.oracle.numerics.inputs import as_samples
from aa_ref.oracle.numerics.linear_map import weighted
from aa_ref.oracle.numerics.tap_errors import sigma_error, tap_errors
from aa_ref.oracle.numerics.truth import truth, truth_of

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride int:UserWarning")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SCALES = (0.5, 0.25, 0.4, Fraction(1, 3), 0.75, 0.6, 0.9)


@st.composite
def toys(draw):
    """A plan, samples, and an implementation in formats so coarse that nothing is negligible."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 7)))
    plan = aa_ref.plan(
        shape,
        (draw(st.sampled_from(SCALES)), draw(st.sampled_from(SCALES))),
        input_dtype="float64",
        sigma=(None, draw(st.sampled_from([None, 0.3, Fraction(1, 7), 1.1]))),
        boundary=draw(st.sampled_from(["zeros", "replicate", "reflect", "circular"])),
    )

    def toy(low, high):
        least = draw(st.sampled_from([-60, -14, -7]))
        return Format("toy", draw(st.integers(low, high)), least, 200)

    accumulation = toy(5, 24)
    operands = draw(st.sampled_from([accumulation, toy(3, 24)]))
    storage = draw(st.sampled_from([accumulation, operands, toy(3, 24)]))
    design = Format("toy", draw(st.integers(10, 24)), -60, 200)
    precision = Precision("toy", design, operands, accumulation, storage)
    forward = draw(st.booleans())
    x = rng.standard_normal(plan.shape if forward else plan.out_shape)
    kind = draw(st.sampled_from(["normal", "positive", "wide", "sparse", "tiny", "cancelling"]))
    if kind == "positive":
        x = abs(x)
    elif kind == "wide":
        x = np.ldexp(x, rng.integers(-20, 20, x.shape))
    elif kind == "sparse":
        x = np.where(rng.random(x.shape) < 0.2, x, 0.0)
    elif kind == "tiny":
        x = np.ldexp(x, int(rng.choice([-62, -16, -9])))
    elif kind == "cancelling":
        x = (1 + x / 1000) * np.where(np.indices(x.shape).sum(0) % 2, 1.0, -1.0)
    implementation = Implementation(
        precision,
        draw(st.sampled_from(["given", "recomputed"])),
        draw(st.booleans()),
        draw(st.sampled_from(ORDERS)),
        draw(st.booleans()),
        draw(st.integers(0, 2)),
        draw(st.booleans()),
        Arithmetic(draw(st.sampled_from(MODES)), rng, draw(st.booleans())),
        accumulation.holds(operands) and draw(st.booleans()),
    )
    return plan, x, implementation, forward


@given(toys())
def test_no_faithful_arithmetic_in_any_order_is_beyond_the_bound(toy):
    plan, x, implementation, forward = toy
    y = implementation(plan, x, forward)
    samples = as_samples(x, plan, "forward" if forward else "adjoint")
    real = truth_of(samples)
    form = "direct" if implementation.direct else "separable"
    allowed = allowance(
        samples, real, implementation.precision, form, implementation.taps,
        flushed=implementation.r.flush,
    )  # fmt: skip
    for index in np.ndindex(real.shape):
        error, limit = abs(y[index] - Fraction(real[index])), allowed.total[index]
        assert limit == np.inf or error <= Fraction(limit), (index, float(error / Fraction(limit)))


@pytest.mark.parametrize("taps", ["given", "recomputed"])
@pytest.mark.parametrize(
    ("precision", "samples"),
    [("tf32", np.float16), ("binary16", np.float16), ("bfloat16", BFLOAT16)],
)
def test_a_pair_is_within_the_bound_unless_made_a_narrow_operand_again(precision, samples, taps):
    """A sample at 1 and a tiny one under equal taps, and everything is rounded up."""
    formats, up = as_precision(precision), Arithmetic("up", np.random.default_rng(0))
    x, result = np.zeros(9, samples), formats.storage.name
    p = aa_ref.plan(x.shape, 0.5, sigma=0.34807, axes=-1, input_dtype=x.dtype.name, dtype=result)
    tap = Fraction(float(p.axes[0].taps[2]))
    assert p.axes[0].radius == 1
    assert 0 < tap * 2**6 - 1 < 1e-3  # as much as a rounding up can add
    x[3], x[5] = 1, 2.0 ** -(formats.operands.digits + 2)
    real, limit = Fraction(truth(x, p)[2]), bound(x, p, precision=precision, taps=taps)[2]
    pair = up.round(sum(Fraction(float(v)) for v in x), formats.accumulation)
    off = []
    for operand in (pair, up.round(pair, formats.operands)):
        product = up.round(operand * up.round(tap, formats.operands), formats.accumulation)
        off.append(float((up.round(product, formats.storage) - real) / Fraction(limit)))
    assert 0.5 < off[0] <= 1 < off[1]


ROLES = ("design", "operands", "accumulation", "storage")
SOURCES = {
    # what is coarse or has a narrow range: its format in place of one of 45 digits
    "operands": ("operands", Format("coarse", 5, -200, 200)),
    "products and sums": ("accumulation", Format("coarse", 5, -200, 200)),
    "storage": ("storage", Format("coarse", 5, -200, 200)),
    "underflow of operands": ("operands", Format("narrow", 45, 30, 200)),
    "underflow of products": ("accumulation", Format("narrow", 45, 30, 200)),
    "underflow of storage": ("storage", Format("narrow", 45, 30, 200)),
    "underflow of taps": ("operands", Format("narrow", 45, 30, 200)),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("scale", [(0.5, 0.5), (0.9, 0.5), (0.9, 0.9)], ids=str)
@pytest.mark.parametrize("direct", [False, True], ids=["separable", "direct"])
def test_each_source_of_error_alone(source, scale, direct):
    """The bound holds, and is not much larger than what happens, for one source at a time."""
    role, coarse = SOURCES[source]
    fine = dict.fromkeys(ROLES, Format("fine", 45, -200, 200))
    precision = Precision("one", **fine | {role: coarse})
    p = aa_ref.plan((4, 5), scale, input_dtype="float64", boundary="zeros")
    rng, closest = np.random.default_rng(8), 0.0
    small = 2.0**-14 if coarse.name == "narrow" else 1.0
    for trial in range(40):
        x = small * (1 + rng.random(p.shape)) * (rng.random(p.shape) < rng.random())
        if source == "underflow of taps":  # and of nothing else
            x = np.rint(x * 2**16)
        mode = MODES[trial % len(MODES)]
        run = Implementation(
            precision, "given", direct, ORDERS[trial % 5], False, 0, trial % 2 == 1,
            Arithmetic(mode, rng),
        )  # fmt: skip
        y, samples = run(p, x, True), as_samples(x, p, "forward")
        real = truth_of(samples)
        total = allowance(
            samples, real, precision, "direct" if direct else "separable", "given"
        ).total
        for index in np.ndindex(real.shape):
            error = abs(y[index] - Fraction(real[index]))
            assert error <= Fraction(total[index])
            if total[index]:
                closest = max(closest, float(error / Fraction(total[index])))
    assert closest > 0.2 or (source, scale) == ("underflow of taps", (0.9, 0.9))  # it has none


@pytest.mark.parametrize("digits", [12, 16, 24])
@pytest.mark.parametrize("way", [0, 1, 2])
@pytest.mark.parametrize("scale", [0.5, 0.25, 0.0625, 0.3, Fraction(1, 3), 0.75, 0.6, 0.7, 0.77])
def test_taps_computed_as_badly_as_allowed(scale, way, digits):
    """One weight is as large as it may be, all others as small, the sum low, the quotient high."""
    f = Format("toy", digits, -200, 200)
    (a,) = aa_ref.plan((50,), scale, axes=-1).passes
    p = aa_ref.plan((50,), scale, axes=-1)
    (allowed,) = tap_errors(p, Precision("toy", f, f, f, f), "recomputed", False).axes
    up, down, short, long = (
        Arithmetic(mode, np.random.default_rng(0)) for mode in ("up", "down", "towards", "away")
    )
    closest = 0.0
    for high in (True, False):
        s = sigma(a, f, up if high else down)
        favoured, others = (short, long) if high else (long, short)
        rise, fall = (up, down) if high else (down, up)
        mine = [exponential(e, f, rise) for e in arguments(a, s, f, favoured, way)]
        theirs = [exponential(e, f, fall) for e in arguments(a, s, f, others, way)]
        real = enclosed_half(a.sigma, a.radius, 60)[0]
        for k in range(2 * a.radius + 1):
            total = fall.total([*theirs[:k], mine[k], *theirs[k + 1 :]], f, "largest first")
            inverse = rise.loosely(1 / total, Fraction(3, 2), f)
            ratio = rise.round(mine[k] * inverse, f) / real[abs(k - a.radius)]
            assert abs(np.log(float(ratio))) <= allowed[k] * (1 + 1e-9)
            closest = max(closest, abs(np.log(float(ratio))) / allowed[k])
    assert closest > (0.5 if way == 0 and scale in (0.5, 0.25) else 0.15)


def test_each_rounding_of_the_tap_in_the_middle_is_counted():
    """Its argument is 0: 3 units for exp, a prefactor, and 3 + 1 for the quotient."""
    f = Format("toy", 24, -200, 200)
    p = aa_ref.plan((50,), 0.9, sigma=0.3, axes=-1)
    (a,), precision = p.passes, Precision("toy", f, f, f, f)
    (allowed,) = tap_errors(p, precision, "recomputed", False).axes
    sums = 2 * a.radius
    least = (3 + 1 + 4 + sums) + (3 + 1)  # and the mean of what all weights are off by
    assert least * f.exponent <= allowed[a.radius] < (least + 12) * f.exponent


@pytest.mark.parametrize("digits", [8, 12, 24])
def test_the_error_of_sigma(digits):
    """Near a scale of 1, where 1/scale - 1 cancels, it is many roundings large."""
    f, closest, near_one = Format("toy", digits, -200, 200), 0.0, 0.0
    for scale in [*np.linspace(0.02, 0.97, 60).tolist(), 0.5, 0.25, Fraction(1, 3), Fraction(2, 7)]:
        (a,) = aa_ref.plan((50,), scale, axes=-1).passes
        allowed = sigma_error(a.scale, a.sigma, f)
        for mode in ("up", "down"):
            computed = sigma(a, f, Arithmetic(mode, np.random.default_rng(0)))
            off = abs(np.log(float(computed / Fraction(a.sigma)))) if computed else np.inf
            assert off <= allowed * (1 + 1e-9) + 1e-15
            if 0 < allowed < np.inf:
                closest = max(closest, off / allowed)
                near_one = max(near_one, off / f.exponent)
    assert closest > 0.3
    assert near_one > 5
    assert sigma_error(0.25, 1.5, f) == 0
    assert sigma_error(0.25, 0.1, f) > f.exponent


def tf32(x):
    """Rounded to 11 binary digits, to nearest."""
    raw = np.asarray(x, np.float32).view(np.uint32).astype(np.int64)
    return ((raw + 0xFFF + ((raw >> 13) & 1)) >> 13 << 13).astype(np.uint32).view(np.float32)


ROUNDINGS = {
    "float64": lambda v: v,
    "float32": lambda v: v.astype(np.float32).astype(np.float64),
    "tf32": lambda v: tf32(v).astype(np.float64),
    "float16": lambda v: v.astype(np.float16).astype(np.float64),
    "bfloat16": lambda v: v.astype(np.float32).astype(ml_dtypes.bfloat16).astype(np.float64),
}


def separable(x, plan, precision, *, order=1, forward=True):
    """One pass an axis, each number of a precision held in binary64 after it was rounded.

    The product of two numbers is rounded twice, which makes it at most a hair worse than once.
    """
    p = as_precision(precision)
    operand, hold, store = (ROUNDINGS[f.name] for f in (p.operands, p.accumulation, p.storage))
    values = np.asarray(x, np.float64)
    for a in plan.passes[::order]:
        values, taps = operand(values), operand(np.asarray(a.taps, np.float64))
        moved, sums = np.moveaxis(values, a.axis, 0), lines(a, forward)
        result = np.zeros((len(sums), *moved.shape[1:]))
        for i, terms in enumerate(sums):
            for k, j in terms:
                result[i] = hold(result[i] + hold(taps[k] * moved[j]))
        values = store(np.moveaxis(result, 0, a.axis))
    return values


COARSER = [("binary64", "binary32"), ("binary32", "tf32"), ("binary32", "binary16")]
CLOSE = [("tf32", "bfloat16"), ("binary16", "bfloat16")]
"""Eight times as coarse: too near for sums of many, but not for single samples."""


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "adjoint"])
@pytest.mark.parametrize(("precision", "coarser"), COARSER)
@pytest.mark.parametrize("scale", [0.5, 0.25, Fraction(1, 3)])
def test_a_precision_is_within_its_bound_and_the_next_coarser_is_not(
    scale, precision, coarser, forward
):
    p = aa_ref.plan((23, 38), scale, input_dtype="float64")
    direction = "forward" if forward else "adjoint"
    rng = np.random.default_rng(3)
    x = tf32(rng.standard_normal(p.shape if forward else p.out_shape)).astype(np.float64)
    x = ROUNDINGS["bfloat16"](x)
    real = truth(x, p, direction=direction)
    limit = bound(x, p, precision=precision, direction=direction)
    own = np.abs(separable(x, p, precision, forward=forward) - real) / limit
    other = np.abs(separable(x, p, coarser, forward=forward) - real) / limit
    assert own.max() <= 1
    assert other.max() > 1


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125, 0.16])
@pytest.mark.parametrize(("precision", "coarser"), COARSER + CLOSE)
def test_impulses_tell_precisions_apart_at_any_scale(scale, precision, coarser):
    """Where one sample is not zero there are no roundings of sums, whatever the filter's size."""
    p = aa_ref.plan((100, 103), scale, input_dtype="float64")
    x = np.zeros(p.shape)
    gap = 2 * p.axes[0].radius + 2  # one on each phase, and none beside another in a footprint
    x[3::gap, 5::gap] = ROUNDINGS["bfloat16"](1 + np.random.default_rng(4).random(x.shape))[
        3::gap, 5::gap
    ]
    real, limit = truth(x, p), bound(x, p, precision=precision)
    assert (np.abs(separable(x, p, precision) - real) <= limit).all()
    assert (np.abs(separable(x, p, coarser) - real) > limit).any()
    assert (limit[real == 0] == 0).all()


@pytest.mark.parametrize("form", ["separable", "direct"])
def test_the_bound_counts_roundings(form):
    """Each tap to nearest, each product and sum faithful, and for a table the product of taps."""
    p = aa_ref.plan((31, 33), 0.25)
    one, u = np.zeros(p.shape, np.float32), 2.0**-24
    one[16, 16] = 1
    table, products = (1, 1) if form == "direct" else (0, 2)
    limit = bound(one, p, form=form, taps="given")[4, 4] / truth(one, p)[4, 4]
    assert limit == pytest.approx((2 + 2 * table + 2 * products) * u, rel=1e-5)
    many = 169 if form == "direct" else 2 * 13
    limit = bound(np.ones_like(one), p, form=form, taps="given")[4, 4]
    assert limit == pytest.approx((2 + 2 * table + 2 * many) * u, rel=1e-4)


def test_any_is_the_larger_of_both_forms():
    x = np.random.default_rng(1).standard_normal((12, 17)).astype(np.float32)
    p = aa_ref.plan(x.shape, 0.25)
    each = [bound(x, p, form=form) for form in ("separable", "direct")]
    assert (bound(x, p) == np.maximum(*each)).all()
    assert (each[1] > each[0]).all()


def test_given_taps_have_the_smaller_bound():
    x = np.random.default_rng(1).standard_normal((12, 17)).astype(np.float32)
    for scale in (0.5, 0.3, 0.125):
        p = aa_ref.plan(x.shape, scale)
        assert (bound(x, p, taps="given") < bound(x, p)).all()


def test_faithful_rounding_has_no_bound_of_n_units():
    """Sums that are rounded up grow faster than n 2u once they have doubled: why there are powers.

    To nearest, (n - 1) u sum |x| is a bound for all n (Jeannerod & Rump 2013).
    """
    f = Format("toy", 4, -100, 100)
    up = Arithmetic("up", np.random.default_rng(0))
    terms = [Fraction(1)] + [Fraction(2) ** -90] * 40
    error = up.total(terms, f, "ascending") - sum(terms)
    linear = (len(terms) - 1) * Fraction(f.unit) * sum(terms)
    assert error > linear
    assert float(error) <= np.expm1((len(terms) - 1) * f.exponent) * float(sum(terms))


ORIGINAL = [0.5, 0.25, 0.125, 0.3, 0.75, Fraction(2, 5)]


def original_weights(plan):
    """As the layer computes them: binary32 throughout, one table, divided by its sum."""
    table = np.ones([2 * a.radius + 1 for a in plan.passes], np.float32)
    grids = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in table.shape], indexing="ij")
    for a, grid in zip(plan.passes, grids, strict=True):
        mean = np.float32(a.radius)
        table *= np.exp(-((grid - mean) ** 2) / np.float32(2 * float(a.sigma) ** 2))
    return table / np.sum(table)


@pytest.mark.parametrize("scale", ORIGINAL, ids=str)
def test_weights_of_the_original_are_within_what_taps_are_allowed(scale):
    """An impulse shows every weight of the table, unrounded by sums."""
    p = aa_ref.plan((40, 43), scale, sampling="slice")
    weights = original_weights(p)
    x = np.zeros(p.shape, np.float32)
    x[20, 20] = 1
    real, limit = truth(x, p), bound(x, p, form="direct")
    rows, columns = ((20 - a.centres + a.radius) for a in p.passes)
    for i, k in enumerate(rows):
        for j, m in enumerate(columns):
            if 0 <= k < weights.shape[0] and 0 <= m < weights.shape[1]:
                assert abs(float(weights[k, m]) - real[i, j]) <= limit[i, j]


ORDER = {
    "ascending": lambda t: np.arange(len(t)),
    "descending": lambda t: np.arange(len(t))[::-1],
    "by magnitude": lambda t: np.argsort(np.abs(t), kind="stable"),
    "largest first": lambda t: np.argsort(-np.abs(t), kind="stable"),
    "positive first": lambda t: np.argsort(-t, kind="stable"),
    "random": lambda t: np.random.default_rng(len(t)).permutation(len(t)),
}


def summed(terms, how):
    """The sum in binary32."""
    terms = np.asarray(terms, np.float32)
    if how == "pairwise":
        while len(terms) > 1:
            even = len(terms) // 2 * 2
            terms = np.append(terms[:even:2] + terms[1:even:2], terms[even:])
        return terms[0]
    if how == "Kahan":
        total, low = np.float32(0), np.float32(0)
        for term in terms:
            y = term - low
            new = total + y
            low = (new - total) - y
            total = new
        return total
    total = np.float32(0)
    for term in terms[ORDER[how](terms)]:
        total = total + term
    return total


@given(
    cases(
        dtypes=("float32",), kinds=("normal", "wide", "subnormal"), convert=False, empty=False,
        layouts=("c",), most_axes=2,
    ),
    st.sampled_from([*ORDER, "pairwise", "Kahan"]),
    st.booleans(),
    st.data(),
)  # fmt: skip
def test_direct_sums_in_binary32_of_a_random_element(case, how, fused, data):
    """A K×K sum in each order; fused by a product in binary64, where it is exact."""
    p = case.plan
    passes = p.passes
    place = tuple(data.draw(st.integers(0, n - 1)) for n in p.out_shape)
    weights, samples = np.ones(1), np.asarray(case.x, np.float64)
    terms = [((), 1.0)]
    for a in passes:
        line = lines(a, True)[place[a.axis]]
        terms = [((*at, (a.axis, j)), w * float(a.taps[k])) for at, w in terms for k, j in line]
    if not 0 < len(terms) <= 2000:
        return
    picks = [
        samples[tuple(dict(at).get(d, place[d]) for d in range(len(place)))] for at, _ in terms
    ]
    weights = np.array([w for _, w in terms]).astype(np.float32)
    with np.errstate(all="ignore"):
        products = weights.astype(np.float64) * np.array(picks)
        if fused:
            total = np.float32(0)
            for product in products[ORDER.get(how, ORDER["ascending"])(products)]:
                total = np.float32(np.float64(total) + product)
        else:
            total = summed(products.astype(np.float32), how)
    if not np.isfinite(total):
        return
    x = np.ascontiguousarray(case.x)
    error = abs(float(total) - truth(x, p)[place])
    assert error <= bound(x, p, form="direct", taps="given")[place]


def test_a_flushed_subnormal_is_within_the_wider_bound_only():
    x = np.full((7, 9), 2.0**-130, np.float32)
    p = aa_ref.plan(x.shape, 0.5)
    samples = as_samples(x, p, "forward")
    strict, wide = (
        allowance(samples, truth_of(samples), PRECISIONS["binary32"], "any", "given", flushed=f)
        for f in (False, True)
    )
    error = np.abs(0 - truth(x, p))
    assert (error > strict.total).all()
    assert (error <= wide.total).all()
    assert (strict.arithmetic < strict.magnitude).all()
    assert not strict.vacuous.any()
    assert wide.vacuous.all()


def test_corner_weights_below_binary16_have_an_absolute_error():
    """At 0.125 a table's corners are below half of binary16's smallest number, and become 0."""
    p = aa_ref.plan((29, 31), 0.125, input_dtype="float16", dtype="float32")
    weight = float(p.axes[0].taps[0]) ** 2
    assert weight < 2.0**-25
    x = np.zeros(p.shape, np.float16)
    x[0, 2] = 1  # 14 and 14 from the centre (14, 16), which is none: centres are multiples of 8
    x[2, 2] = 1  # from (16, 16)
    real = truth(x, p)[2, 2]
    limits = bound(x, p, precision="binary16", form="direct")
    assert real == pytest.approx(weight, rel=1e-6)
    assert real < limits[2, 2] < 2**-21
    assert bound(x, p, form="direct")[2, 2] < 1e-3 * real


@pytest.mark.parametrize("size", [29, 841])
def test_where_the_bound_says_nothing_it_exceeds_the_magnitudes(size):
    """bfloat16 sums of 841 terms: 841 units of 2**-7 are more than the sum itself."""
    x = np.ones((40, 40), np.float32)
    p = aa_ref.plan(x.shape, 0.125)
    samples = as_samples(x, p, "forward")
    found = allowance(
        samples, truth_of(samples), PRECISIONS["pure-bfloat16"],
        "direct" if size > 29 else "separable", "given",
    )  # fmt: skip
    assert (found.arithmetic > found.magnitude)[2, 2] == (size > 29)
    assert found.vacuous[2, 2] == (size > 29)


@pytest.mark.parametrize(
    ("result", "unit"), [("float16", 2.0**-10), ("bfloat16", 2.0**-7), ("uint8", None)]
)
def test_the_conversion_to_the_result_type_is_part_of_the_bound(result, unit):
    x = np.full((8, 9), 100.25, np.float32)
    wide, narrow = (aa_ref.plan(x.shape, 0.5, dtype=d) for d in ("float32", result))
    more = bound(x, narrow)[1, 1] - bound(x, wide)[1, 1]
    assert more == pytest.approx(0.5 if unit is None else unit * truth(x, wide)[1, 1], rel=1e-2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "half"}, "precision is 'half'; write one of 'binary64', 'binary32'"),
        ({"form": "fast"}, "form is 'fast'; write one of 'any', 'separable', 'direct', 'fft'"),
        ({"taps": None}, "taps is None; write one of 'recomputed', 'given'"),
        ({"direction": "back"}, "write 'forward' or 'adjoint'"),
    ],
)
def test_unknown_names(options, words):
    with pytest.raises(OracleError, match=words):
        bound(np.ones((4, 5), np.float32), aa_ref.plan((4, 5), 0.5), **options)
    with pytest.raises(OracleError, match="no bound on those"):
        bound(np.full((4, 5), np.nan, np.float32), aa_ref.plan((4, 5), 0.5))


@pytest.mark.parametrize("boundary", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize("scale", [0.5, 0.25])
def test_transforms_are_within_their_bound_and_a_wrong_row_is_not(scale, boundary):
    fft = pytest.importorskip("scipy.fft", reason="SciPy's transforms are in binary32")
    x = np.random.default_rng(2).standard_normal((2, 45, 70)).astype(np.float32)
    p = aa_ref.plan(x.shape, scale, boundary=boundary)
    edges = [a.radius for a in p.passes]
    mode = {"zeros": "constant", "reflect": "reflect", "circular": "wrap"}[boundary]
    padded = np.pad(x, [(0, 0), *((r, r) for r in edges)], mode)
    size = [
        1 << int(np.ceil(np.log2(n + 2 * r))) for n, r in zip(padded.shape[1:], edges, strict=True)
    ]
    table = np.outer(*(a.taps for a in p.passes))
    spectrum = fft.rfft2(padded, s=size) * fft.rfft2(table, s=size)
    y = fft.irfft2(spectrum, s=size)[:, 2 * edges[0] :, 2 * edges[1] :]
    y = y[(slice(None), *(a.centres for a in p.passes[:1]))][:, :, p.passes[1].centres]
    assert y.dtype == np.float32
    limit = bound(x, p, form="fft", taps="given")  # and so little that is not the same all over
    assert (np.ptp(limit, axis=(1, 2)) < 1e-2 * limit.max()).all()
    assert (np.abs(y - truth(x, p)) <= limit).all()
    assert (np.abs(y[:, ::-1] - truth(x, p)) > limit).any()


def one_tap_after_the_other(a, x, weights):
    """The same sums as `weighted`, for all lines and samples, zeros too."""
    moved = np.moveaxis(x, a.axis, 0)
    y = np.zeros((a.out_length, *moved.shape[1:]), x.dtype)
    for k, weight in enumerate(weights):
        inputs = fold(a.centres + k - a.radius, a.length, a.boundary)
        y[inputs >= 0] += weight * moved[inputs[inputs >= 0]]
    return np.moveaxis(y, 0, a.axis)


@pytest.mark.parametrize("boundary", ["zeros", "replicate", "reflect", "circular"])
@pytest.mark.parametrize("shape", [(5, 300), (1, 300), (2, 3, 70), (1,)])
@pytest.mark.parametrize("filled", [1.0, 0.02, 0.0])
def test_sums_have_the_bits_of_one_tap_after_the_other(shape, boundary, filled):
    """Where lines hold zeros alone, and where results are few, they are made in other ways."""
    rng = np.random.default_rng(8)
    for a in aa_ref.plan(shape, 1 / 64, axes=-1, boundary=boundary).passes:
        weights = rng.random(2 * a.radius + 1)
        x = np.where(rng.random(shape) < filled, rng.standard_normal(shape), -0.0)
        for values, factors in ((x, weights), (x, np.where(weights < 0.1, np.inf, weights))):
            with np.errstate(invalid="ignore"):
                found = weighted(a, values, factors, "forward")
                assert found.tobytes() == one_tap_after_the_other(a, values, factors).tobytes()
        exact = np.rint(1000 * x).astype(np.int64).astype(object)
        whole = [int(w) for w in 1e30 * weights]
        wanted = one_tap_after_the_other(a, exact, whole)
        assert (weighted(a, exact, whole, "forward") == wanted).all()


def test_a_binary_scale_and_an_exact_one_have_bounds_of_their_own():
    """They are equal numbers, but a binary one may have been rounded, and sigma been made of it."""
    x = np.ones((9, 9))
    found = [
        bound(
            x, aa_ref.plan(x.shape, scale, sigma=1 / 3, input_dtype="float64"),
            precision=Precision("one", **dict.fromkeys(ROLES, Format("fine", 45, -200, 200))),
        )
        for scale in (0.25, Fraction(1, 4), 0.25)
    ]  # fmt: skip
    assert (found[0] > found[1]).all()
    assert np.array_equal(found[0], found[2])
