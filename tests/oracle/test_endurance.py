"""Thorough checks: what they ask, how large arrays are judged, and what is seen by them alone."""

import json
import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aa_ref
from aa_ref import oracle
from aa_ref.oracle.calls import Question
from aa_ref.oracle.endurance import Endurance
from aa_ref.oracle.layouts import as_layout
from aa_ref.oracle.scope import Scope
from aa_ref.oracle.terms import as_terms
from aa_ref.oracle.tiling import tiling_of

right = partial(aa_ref.downsample, scale=0.25, backend="numpy")


def terms_of(layout="NCHW", scale=0.25, dtype="float32", boundary="zeros", sampling="slice"):
    return as_terms(
        scale, layout=layout, dtype=dtype, precision=None, form="any", taps="recomputed",
        sigma=None, boundary=boundary, sampling=sampling,
    )  # fmt: skip


class Race:
    """Spoils one output in 100,000 of large arrays, at random."""

    def __init__(self):
        self.rng = np.random.default_rng(3)

    def __call__(self, x):
        y = right(x)
        if x.size > 1 << 21:
            y[self.rng.random(y.shape) < 1e-5] += 64
        return y


def loses_the_end_of_long_lines(x):
    y = right(x)
    y[..., 4200:] = 0
    return y


def starts_late_in_large_arrays(x):
    return right(np.roll(x, x.size > 1 << 21, axis=-1))


@pytest.mark.parametrize("fn", [Race(), loses_the_end_of_long_lines, starts_late_in_large_arrays])
def test_what_a_thorough_check_alone_sees(fn):
    assert oracle.check(fn, 0.25).passed
    report = oracle.check(fn, 0.25, thorough=True, minutes=1)
    (finding,) = report.findings
    assert finding.code in ("values", "unstable")
    assert len(finding.snippet) < 1200


def test_a_thorough_check_that_passes_says_how_far_it_went():
    report = oracle.check(right, 0.25, thorough=True, minutes=0.05)
    assert report.grade == "bit-identical"
    asked = json.loads(report.to_json())["scope"]
    assert asked["repetitions"] > 2
    assert f"{asked['samples']:,} samples" in str(report).replace("\n   ", " ")
    assert "What was asked" in report.to_html()


@given(
    st.integers(0, 10_000), st.integers(0, 10_000),
    st.sampled_from([0.5, 0.25, Fraction(1, 3), 1 / 3, Fraction(1)]),
    st.sampled_from(["zeros", "replicate", "reflect", "circular"]),
    st.sampled_from(["slice", "nearest"]), st.sampled_from(["float32", "uint16", "bfloat16"]),
)  # fmt: skip
def test_results_of_repeated_arrays_fold_to_those_of_the_small(
    more, longer, scale, boundary, sampling, dtype
):
    terms = terms_of("HW", scale, dtype, boundary, sampling)
    plan = terms.plan((40 + more % 1500, 40 + longer % 1100))
    tiling = tiling_of(plan, 5)
    if tiling is None:
        assert sampling == "nearest"
        return
    call = partial(
        aa_ref.downsample, scale=scale, boundary=boundary, sampling=sampling, backend="numpy"
    )
    large, small = (call(tiling.made(shape)) for shape in (tiling.shape, tiling.small))
    for folded in tiling.folded(large):
        assert folded.tobytes() == small.tobytes()
    spoilt = tuple(n // 2 for n in large.shape)
    large[spoilt] = 65535
    where = np.argwhere(tiling.folded(large)[1] != small)
    assert len(where) == 1
    assert tiling.place(tuple(where[0]), float(large[spoilt]), large) == spoilt


@given(
    st.sampled_from(["NCHW", "HWC", "L", "NCDHW", "HW"]), st.integers(6, 29),
    st.integers(0, 300), st.sampled_from([None, 3]),
)  # fmt: skip
def test_questions_are_of_the_size_that_is_wanted(layout, size, number, channels):
    terms = terms_of(layout, 0.5)
    channels = channels if terms.layout.has_channels else None
    drawn = Endurance(terms, None, channels, 0)._draw(1 << size, number)
    assert math.prod(drawn.shape) <= max(1 << size, 3 * 8)
    assert math.prod(drawn.shape if drawn.tiling is None else drawn.tiling.small) <= 1 << 21
    if channels:
        assert drawn.shape[layout.index("C")] == channels
    assert max(drawn.shape) <= 30_000 or layout == "L" or math.prod(drawn.shape) <= 1 << 21


def test_questions_become_long_large_and_many():
    endurance = Endurance(terms_of(), None, None, 0)
    shapes = [endurance._draw(1 << 23, number).shape for number in range(100)]
    assert max(max(h, w) for _, _, h, w in shapes) > 20_000
    assert max(n * c for n, c, _, _ in shapes) > 1 << 14
    assert max(h * w for _, _, h, w in shapes) > 1 << 22


def test_a_scope_counts_what_was_asked():
    scope = Scope(as_layout("NCHW"))
    for _ in range(3):
        scope.add(Question("forward", np.zeros((2, 3, 40, 50), np.float32)), "a", 2 * 3 * 10 * 13)
    scope.add(
        Question("adjoint", np.zeros((1, 1, 3, 30), np.float32), shape=(1, 1, 9, 120)), "b", 1080
    )
    found = scope.to_dict()
    # The same power, which the report may take by a logarithm: a few roundings apart.
    assert found.pop("chance_of_rare_faults") == pytest.approx(1 - (1 - 1e-5) ** 3420)
    assert found == {
        "longest": 120, "largest_plane": [40, 50], "channels": 3, "batch": 2, "questions": 2,
        "calls": 4, "repetitions": 3, "samples": 36_090, "outputs": 3_420,
    }  # fmt: skip
    assert scope.asked() == (
        "2 questions, lengths to 120, planes to 40×50, channels to 3, batches to 2; 36,090 samples "
        "in 4 calls, the same question up to 3 times"
    )
    assert "probability of 3.3 %" in scope.not_asked()
