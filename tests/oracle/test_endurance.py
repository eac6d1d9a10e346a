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
from aa_ref.oracle.calling import Question, caller_of
from aa_ref.oracle.calling.layouts import as_layout
from aa_ref.oracle.endurance import Endurance
from aa_ref.oracle.terms import as_terms
from aa_ref.oracle.tiling import tiling_of
from aa_ref.oracle.verdict import Scope

right = partial(aa_ref.downsample, scale=0.25, backend="numpy")


def right_adjoint(g, shape):
    return aa_ref.downsample_adjoint(g, 0.25, shape[-2:], backend="numpy")


def terms_of(layout="NCHW", scale=0.25, **options):
    return as_terms(scale, layout=layout, **options)


class Race:
    """Spoils one result in 100,000 of large arrays, at random."""

    def __init__(self, fn=right):
        self.fn, self.rng = fn, np.random.default_rng(3)

    def __call__(self, x, *shape):
        y = self.fn(x, *shape)
        if max(x.size, y.size) > 1 << 21:
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


def loses_the_end_of_long_gradients(g, shape):
    z = right_adjoint(g, shape)
    z[..., 5000:] = 0
    return z


def leaves_the_last_of_nine_alone(g, shape):
    z = right_adjoint(g, shape)
    if len(z) == 9:
        z[8] *= 2
    return z


def endure(questions, channels=None, accepts=None, **functions):
    """Ask functions so many random questions: what fails, and the shapes of all that was asked."""
    caller, asked, labels = caller_of(functions, None), [], set()

    def ask(question, label):
        labels.add(label)
        if len(labels) > questions:
            return None
        asked.append((question.direction, question.x.shape, question.shape))
        return caller.ask(question)

    terms = terms_of(**(accepts or {}))
    return Endurance(terms, ask, channels, 0, [*functions]).run(5), asked


@pytest.mark.parametrize("fn", [loses_the_end_of_long_gradients, leaves_the_last_of_nine_alone])
def test_wrong_gradients_of_long_or_many_arrays_are_seen(fn):
    failing, _ = endure(60, forward=right, adjoint=fn)
    assert failing.question.direction == "adjoint"
    assert [fault.code for fault in failing.faults] == ["values"]


def test_a_race_in_the_adjoint_is_seen_and_told_as_one_of_the_adjoint():
    fn = Race(right_adjoint)
    report = oracle.check(right, 0.25, adjoint=fn, thorough=True, minutes=1)
    (finding,) = report.findings
    assert finding.code in ("adjoint", "unstable")
    assert finding.message.startswith("the adjoint gives")
    assert "shape" in finding.example
    assert len(finding.snippet) < 1200


def test_right_gradients_pass_and_the_report_counts_them():
    report = oracle.check(right, 0.25, adjoint=right_adjoint, thorough=True, minutes=0.05)
    assert report.grade == "bit-identical"
    asked = json.loads(report.to_json())["scope"]
    assert 0 < asked["gradients"] < asked["questions"]
    assert 0 < asked["chance_in_the_adjoint"] <= 1
    for text in (str(report).replace("\n   ", " "), report.to_html()):
        assert f"{asked['gradients']} of them to the adjoint" in text
        assert ", in the adjoint of" in text


@pytest.mark.parametrize(
    ("accepts", "channels", "are_accepted"),
    [
        ({"shapes": [(64, 48), (256, 256)]}, None, lambda s: s[2:] in [(64, 48), (256, 256)]),
        ({"shapes": [(64, 48), (256, 256)]}, 3, lambda s: s[1] == 3),
        ({"shapes": [(2, 3, 90, 100)]}, 3, lambda s: s == (2, 3, 90, 100)),
        ({"multiple_of": 16}, None, lambda s: s[2] % 16 == s[3] % 16 == 0),
    ],
)
def test_no_shapes_are_asked_but_those_that_are_accepted(accepts, channels, are_accepted):
    failing, asked = endure(24, channels, accepts=accepts, forward=right, adjoint=right_adjoint)
    assert failing is None
    shapes = {shape or x for _, x, shape in asked}
    assert all(map(are_accepted, shapes))
    assert {direction for direction, *_ in asked} == {"forward", "adjoint"}
    if "multiple_of" in accepts:
        assert len({s[2:] for s in shapes}) > 5
    if channels is None:
        assert len({s[:2] for s in shapes}) > 5


def test_a_port_that_takes_few_shapes_is_asked_for_no_others_from_the_first_to_the_last():
    seen = set()

    def port(x):
        seen.add(x.shape)
        return right(x)

    report = oracle.check(port, 0.25, shapes=[(48, 64)], thorough=True, minutes=0.05)
    assert report.passed
    assert {shape[2:] for shape in seen} == {(48, 64)}
    assert max(shape[0] for shape in seen) > 5  # and more entries than a default check asks
    scope = json.loads(report.to_json())["scope"]
    assert scope["alone"] == {"shapes": [[48, 64]]}
    for text in (str(report).replace("\n   ", " "), report.to_html()):
        assert "shapes 48×64 alone" in text
        assert "other shapes" in text


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
    st.sampled_from(["forward", "adjoint"]),
)  # fmt: skip
def test_results_of_repeated_arrays_fold_to_those_of_the_small(
    more, longer, scale, boundary, sampling, dtype, direction
):
    terms = terms_of("HW", scale, dtype=dtype, boundary=boundary, sampling=sampling)
    plan = terms.plan((40 + more % 1500, 40 + longer % 1100), direction)
    tiling = tiling_of(plan, 5, direction)
    if tiling is None:
        assert sampling == "nearest"
        return
    options = {"boundary": boundary, "sampling": sampling, "backend": "numpy"}
    if direction == "forward":
        large, small = (
            aa_ref.downsample(tiling.made(s), scale, **options)
            for s in (tiling.shape, tiling.small)
        )
    else:
        large, small = (
            aa_ref.downsample_adjoint(tiling.made(s), scale, of, **options)
            for s, of in ((tiling.shape, plan.shape), (tiling.small, tiling.planned))
        )
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
    assert math.prod(drawn.shape if drawn.tiling is None else drawn.tiling.planned) <= 1 << 21
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
    assert found.pop("chance_of_rare_faults") == pytest.approx(1 - (1 - 1e-5) ** 2340)
    assert found.pop("chance_in_the_adjoint") == pytest.approx(1 - (1 - 1e-5) ** 1080)
    assert found == {
        "longest": 120, "largest_plane": [40, 50], "channels": 3, "batch": 2, "questions": 2,
        "gradients": 1, "alone": {}, "calls": 4, "repetitions": 3, "samples": 36_090,
        "outputs": 3_420,
    }  # fmt: skip
    assert scope.asked() == (
        "2 questions, 1 of them to the adjoint, lengths to 120, planes to 40×50, channels to 3, "
        "batches to 2; 36,090 samples in 4 calls, the same question up to 3 times"
    )
    assert "probability of 2.3 %, in the adjoint of 1 %" in scope.not_asked()
