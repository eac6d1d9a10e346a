"""Bounds: nothing that they promise to hold for falls outside, and the next coarser format does."""

from fractions import Fraction

import numpy as np
import pytest
from faithful import MODES, ORDERS, Arithmetic, Implementation
from hypothesis import example, given
from hypothesis import strategies as st

import aa_ref
from aa_ref.oracle.bounds import allowance, bound
from aa_ref.oracle.precisions import Format, Precision
from aa_ref.oracle.samples import as_samples
from aa_ref.oracle.truth import truth, truth_of

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride int:UserWarning")
SCALES = (0.5, 0.25, 0.4, Fraction(1, 3), 0.75, 0.6)


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
    least = draw(st.sampled_from([-60, -14, -7]))

    def toy(low, high):
        return Format("toy", draw(st.integers(low, high)), least, 200)

    accumulation = toy(5, 14)
    operands = draw(st.sampled_from([accumulation, toy(4, 11)]))
    storage = draw(st.sampled_from([accumulation, operands]))
    precision = Precision("toy", toy(10, 16), operands, accumulation, storage)
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
        x = np.ldexp(x, least - 2)
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
