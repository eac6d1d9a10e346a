"""Diagnosis: what is recovered from answers alone, and that no answer is too strange for it."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import aa_ref
from aa_ref import oracle
from aa_ref.boundary import BOUNDARIES, fold
from aa_ref.oracle.diagnosis import Diagnosis, diagnose
from aa_ref.oracle.diagnosis.diagnosing import ORDER
from aa_ref.oracle.diagnosis.grain import fixed_step, significant_bits

EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}


def codes_of(found: Diagnosis) -> list[str]:
    return [f.code for f in found.findings]


def downsample(scale: Any, **options: Any) -> Any:
    return lambda x: aa_ref.downsample(x, scale, backend="numpy", **options)


def filtered(
    x: Any, taps: Any, first: int, centres: Any, boundary: str = "zeros", axes: Any = (-2, -1)
) -> Any:
    """Any filter at any centres, in binary64 and rounded once."""
    y = x.astype(np.float64)
    for axis in axes:
        y = np.moveaxis(y, axis, -1)
        n = y.shape[-1]
        index = fold(centres(n)[:, None] + first + np.arange(len(taps)), n, boundary)
        y = np.moveaxis((np.where(index >= 0, y[..., index], 0) * taps).sum(-1), -1, axis)
    return y.astype(x.dtype)


# 1 What is recovered.


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125, 0.16, 1 / 3, 0.75, (0.5, 0.25)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_a_right_one_the_plan_is_recovered(scale: Any, dtype: str) -> None:
    found = diagnose(downsample(scale), scale=scale, dtype=dtype)
    assert found.findings == []
    plan = aa_ref.plan((64, 64), scale, input_dtype=dtype)
    assert found.recovered["gain"] == pytest.approx(1, abs=64 * EPSILON[dtype])
    for letter, axis in zip("HW", plan.axes, strict=True):
        of_axis = found.recovered[letter]
        assert of_axis["radius"] == axis.radius
        assert of_axis["stride"] == axis.stride
        assert of_axis["phase"] == 0
        assert of_axis["boundary"] == "zeros"
        assert of_axis["first_tap_at"] == -axis.radius
        # An answer is a product of two taps, rounded twice, and divided by a sum of others.
        np.testing.assert_allclose(of_axis["taps"], axis.taps, rtol=8 * EPSILON[dtype])
        if axis.radius:
            assert of_axis["sigma"] == pytest.approx(float(axis.sigma), rel=64 * EPSILON[dtype])


@given(
    sigma=st.floats(0.6, 2.5),
    more=st.integers(-2, 2),
    stride=st.integers(1, 6),
    phase=st.integers(-2, 3),
    boundary=st.sampled_from(BOUNDARIES),
)
def test_of_a_wrong_one_its_own_parameters_are_recovered(
    sigma: float, more: int, stride: int, phase: int, boundary: str
) -> None:
    """And blamed, each if and only if it is another one than that of scale 1/4.

    Shifted by more than the radius, whole footprints lie beyond an end, or none reaches it; what is
    blamed then is not said here.
    """
    radius = max(round(4 * sigma) + more, 1)
    assume(abs(phase) <= radius)
    i = np.arange(-radius, radius + 1)
    taps = np.exp(-(i**2) / (2 * sigma**2))
    taps /= taps.sum()

    def function(x: Any) -> Any:
        return filtered(x, taps, -radius, lambda n: np.arange(0, n, stride) + phase, boundary)

    found = diagnose(function, scale=0.25)
    blamed = {c for c in codes_of(found) if c != "nan"}
    assert ("stride" in blamed) == (stride != 4)
    assert ("phase" in blamed) == (phase != 0)
    assert ("sigma" in blamed) == (abs(sigma - 1.5) > 1e-5 * 1.5)
    told = {found.recovered[letter]["boundary"] for letter in "HW"} - {None}
    assert told <= {boundary}
    if len(told) == 0:  # only where no footprint reaches beyond the first end
        assert phase >= radius
    assert ("boundary" in blamed) == (boundary != "zeros" and len(told) > 0)
    near = {round(4 * sigma * (1 + e)) for e in (-1e-5, 0, 1e-5)}  # sigma is measured
    right = {6} | near if "sigma" in blamed else {6}
    if len(near) == 1 or radius not in near:
        assert ("radius" in blamed) == (radius not in right)
    assert blamed <= {"stride", "phase", "sigma", "boundary", "radius"}
    for letter in "HW":
        of_axis = found.recovered[letter]
        assert of_axis["sigma"] == pytest.approx(sigma, rel=1e-5)
        assert (of_axis["radius"], of_axis["stride"]) == (radius, stride)
        assert of_axis["phase"] == phase


@pytest.mark.parametrize("weights", [[1, 2, 1], [1, 3, 3, 1], [1, 1, 1, 1], [-1, 9, 9, -1], [1]])
@pytest.mark.parametrize("gain", [1, 0.5, -2])
def test_any_taps_are_recovered(weights: list[int], gain: float) -> None:
    taps = np.array(weights) / sum(weights)
    found = diagnose(lambda x: gain * filtered(x, taps, 0, lambda n: np.arange(0, n, 2)), scale=0.5)
    np.testing.assert_allclose(found.recovered["H"]["taps"], taps, rtol=1e-6)
    np.testing.assert_allclose(found.recovered["W"]["taps"], taps, rtol=1e-6)
    assert found.recovered["gain"] == pytest.approx(gain, rel=1e-6)
    assert ("normalisation" in codes_of(found)) == (gain != 1)
    assert "sigma" in codes_of(found)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (lambda n: -(-n // 4), "ceil(n/4)"),
        (lambda n: n // 4, "floor(n/4)"),
        (lambda n: max(n // 4, 1), "max(floor(n*s), 1)"),
        (lambda n: (n + 2) // 4 + 1, "floor((n + 2)/4) + 1"),
        (lambda n: (n - 1) // 5 + 1, "ceil(n/5)"),
        (lambda n: n, "n"),
    ],
)
def test_the_rule_for_sizes_is_recovered(sizes: Any, words: str) -> None:
    found = diagnose(
        lambda x: filtered(x, np.ones(1), 0, lambda n: np.arange(sizes(n)) * 2), scale=0.25
    )
    assert {found.recovered[letter]["size"] for letter in "HW"} == {words}


LAYOUTS = {
    "NCHW": (-2, -1), "NHWC": (1, 2), "HWC": (0, 1), "CHW": (1, 2), "HW": (0, 1), "NCL": (-1,),
    "L": (0,), "NCDHW": (2, 3, 4), "DHW": (0, 1, 2),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_asked_in_its_own_way(layout: str) -> None:
    axes = LAYOUTS[layout]
    assert diagnose(downsample(0.5, axes=axes), scale=0.5, layout=layout).findings == []
    wrong = diagnose(downsample(0.5, axes=axes, boundary="reflect"), scale=0.5, layout=layout)
    assert codes_of(wrong) == ["boundary"]


@pytest.mark.parametrize(
    ("dtype", "precision"),
    [
        ("float16", "binary16"), ("float16", "pure-binary16"), ("bfloat16", "bfloat16"),
        ("bfloat16", "pure-bfloat16"), ("float32", "tf32"), ("float32", "bfloat16"),
        ("uint8", "binary32"), ("uint16", "binary32"),
    ],
)  # fmt: skip
def test_a_coarse_precision_is_no_fault_where_it_is_meant(dtype: str, precision: str) -> None:
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    for scale in (0.5, 0.25, 0.16):
        found = diagnose(downsample(scale), scale=scale, dtype=dtype, precision=precision)
        assert found.findings == []


@pytest.mark.parametrize("sampling", ["slice", "nearest"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_what_is_asked_for_is_what_is_right(boundary: str, sampling: str) -> None:
    for scale in (0.5, 0.3):
        right = downsample(scale, boundary=boundary, sampling=sampling)
        assert diagnose(right, scale=scale, boundary=boundary, sampling=sampling).findings == []
    if boundary != "zeros":
        assert codes_of(diagnose(right, scale=0.3, sampling=sampling)) == ["boundary"]


def test_sums_by_a_transform_are_no_fault() -> None:
    taps = aa_ref.plan((64,), 0.25, axes=-1).axes[0].taps.astype(np.float64)

    def function(x: Any) -> Any:
        (h, w), size = x.shape[-2:], [n + 2 * 12 for n in x.shape[-2:]]
        product = np.fft.rfft2(x, size) * np.fft.rfft2(np.outer(taps, taps), size)
        return np.fft.irfft2(product, size)[..., 6 : 6 + h : 4, 6 : 6 + w : 4].astype(x.dtype)

    assert diagnose(function, scale=0.25, form="fft").findings == []


@pytest.mark.parametrize("scale", [1 / 32, (1 / 64, 1)])
def test_wide_filters_are_seen_in_planes_that_can_be_held(scale: Any) -> None:
    assert diagnose(downsample(scale), scale=scale).findings == []
    wrong = diagnose(downsample(scale, boundary="circular"), scale=scale)
    assert codes_of(wrong) == ["boundary"]


# 2 Order and words.


def test_the_order_has_every_code_once() -> None:
    assert sorted(ORDER) == sorted(oracle.CODES)


def test_findings_come_with_the_most_fundamental_first() -> None:
    found = diagnose(
        lambda x: filtered(x, np.ones(3), -1, lambda n: np.arange(0, n - 1, 4) + 1, "circular"),
        scale=0.25,
    )
    places = [ORDER.index(c) for c in codes_of(found)]
    assert places == sorted(places)
    assert len(places) > 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"boundary": "reflect"}, "along H and W: the boundary is 'reflect', not 'zeros'"),
        ({"sigma": 1.25}, "along H and W: taps are those of sigma 1.25, and so is the radius, 5; "
         "sigma is 1.5"),
        ({"boundary": ("zeros", "circular")}, "along W: the boundary is 'circular', not 'zeros'"),
        ({"axes": (-1,)}, "the filter runs along W alone: there is neither filter nor "
         "stride along H"),
    ],
)  # fmt: skip
def test_messages_name_the_axis_what_is_and_what_should_be(options: Any, said: str) -> None:
    found = diagnose(downsample(0.25, **options), scale=0.25)
    assert said in [f.message for f in found.findings], found.findings


def test_what_follows_from_another_fault_is_not_named_twice() -> None:
    found = diagnose(downsample(0.5, sigma=1.5), scale=0.25)
    assert codes_of(found) == ["stride"]  # and not size
    found = diagnose(downsample(0.25, sampling="nearest"), scale=0.25)
    assert codes_of(found) == ["size"]  # and not error, though it raises for short axes
    assert "For short axes it raises" in found.findings[0].message


def test_what_cannot_be_told_apart_is_said() -> None:
    def twice(x: Any) -> Any:
        return downsample(0.25)(downsample(0.25, sampling="slice")(np.repeat(x, 1, -1)))

    assert "stride" in codes_of(diagnose(twice, scale=0.25))
    full = downsample(0.75, sigma=1.5)
    found = diagnose(lambda x: downsample(0.25)(full(x)), scale=0.25)
    assert codes_of(found) == ["sigma"]
    assert "Whether the boundary is wrong as well cannot be told" in found.findings[0].message


# 3 No answer is too strange.


def raises(x: Any) -> Any:
    raise RuntimeError("no memory\nsecond line")


def at_times(x: Any) -> Any:
    if x.size % 3 == 0:
        raise KeyError("at times")
    return downsample(0.25)(x)


STRANGE: dict[str, tuple[Any, set[str]]] = {
    "raises": (raises, {"error"}),
    "raises at times": (at_times, {"error"}),
    "None": (lambda x: None, {"dtype"}),
    "a scalar": (lambda x: np.float32(1), {"dtype"}),
    "text": (lambda x: np.array(["a"]), {"dtype", "error"}),
    "objects": (lambda x: x.astype(object)[..., ::4, ::4], {"dtype", "error"}),
    "complex": (lambda x: x.astype(complex)[..., ::4, ::4], {"dtype", "error"}),
    "one dimension": (lambda x: x.ravel(), {"error"}),
    "nothing": (lambda x: x[..., :0], {"size"}),
    "the input": (lambda x: x, {"stride"}),
    "zeros": (lambda x: np.zeros_like(downsample(0.25)(x)), {"values"}),
    "ones": (lambda x: np.ones_like(downsample(0.25)(x)), {"values"}),
    "NaN": (lambda x: downsample(0.25)(x) * np.nan, {"nan"}),
    "infinity": (lambda x: downsample(0.25)(x) + np.float32(np.inf), {"values"}),
    "the mean": (lambda x: x.mean((-2, -1), keepdims=True), {"size"}),
    "a running sum": (lambda x: x.cumsum(-1)[..., ::4, ::4], {"values"}),
    "sorted": (lambda x: np.sort(x[..., ::4, ::4], -1), {"values"}),
    "the maximum": (lambda x: np.maximum(x, np.roll(x, 1, -1))[..., ::4, ::4], {"values"}),
    "half of them": (lambda x: downsample(0.25)(x)[: len(x) // 2 or 1], {"channels"}),
    "no channels": (lambda x: downsample(0.25)(x)[:, :0], {"channels"}),
    "int8": (lambda x: downsample(0.25)(x).astype(np.int8), {"dtype", "precision"}),
    "large": (lambda x: downsample(0.25)(x) * np.float32(1e38), {"normalisation"}),
    "tiny": (lambda x: downsample(0.25)(x) * np.float32(1e-40), set()),
}


@pytest.mark.parametrize("name", STRANGE)
def test_no_answer_is_too_strange(name: str) -> None:
    function, expected = STRANGE[name]
    found = diagnose(function, scale=0.25)
    assert found.findings
    assert expected <= set(codes_of(found)), found.findings
    assert all("\n" not in f.message for f in found.findings)


def test_an_implementation_for_three_channels_is_asked_with_three() -> None:
    def three(x: Any) -> Any:
        if x.shape[1] != 3:
            raise ValueError("expected 3 channels")
        return downsample(0.25)(x)

    assert diagnose(three, scale=0.25, channels=3).findings == []
    assert codes_of(diagnose(three, scale=0.25)) == ["error"]


def test_no_call_has_more_samples_than_the_limit() -> None:
    most = 0

    def function(x: Any) -> Any:
        nonlocal most
        most = max(most, x.size)
        return downsample(0.25)(x)

    assert diagnose(function, scale=0.25, limit=20_000).findings == []
    assert most <= 20_000


@pytest.mark.parametrize(
    "options",
    [{"scale": 2}, {"layout": "XY"}, {"precision": "int4"}, {"boundary": "none"}, {"taps": "few"}],
)
def test_a_wrong_question_is_an_error(options: Any) -> None:
    with pytest.raises(aa_ref.AaRefError):
        diagnose(downsample(0.25), **{"scale": 0.25} | options)


# 4 Small parts.


@pytest.mark.parametrize(
    ("values", "bits"),
    [([1.0, 2.0, -8.0], 1), ([3.0], 2), ([1.0, 1 + 2**-10], 11), ([2.0**-1074], 1), ([0.1], 53),
     ([0.0], 0), ([np.nan, 5.0], 3)],
)  # fmt: skip
def test_significant_bits(values: list[float], bits: int) -> None:
    # 0.1 in binary64 ends in a set bit two places before the last.
    expected = 52 if values == [0.1] else bits
    assert significant_bits(np.array(values)) == expected


def test_fixed_steps() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal(100) * 100
    assert fixed_step(values, 24) == ""
    assert fixed_step(np.round(values), 24) == "integers"
    assert fixed_step((np.round(values) / 255).astype(np.float32), 24) == "multiples of 1/255"
    assert fixed_step(values * 2.0**30, 24) == ""  # too large to tell
    assert math.isfinite(values.sum())
