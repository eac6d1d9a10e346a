"""Diagnosis: what is recovered from answers alone, and that no answer is too strange for it."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aa_ref
from aa_ref import oracle
from aa_ref.boundary import BOUNDARIES, fold
from aa_ref.oracle.diagnosis import Diagnosis, diagnose
from aa_ref.oracle.diagnosis.nonlinearity import fixed_step, significant_bits

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
    phase=st.integers(-9, 9),
    boundary=st.sampled_from(BOUNDARIES),
)
def test_of_a_wrong_one_its_own_parameters_are_recovered(
    sigma: float, more: int, stride: int, phase: int, boundary: str
) -> None:
    """And blamed, each if and only if it is another one than that of scale 1/4.

    Shifts may be wider than the filter, so that whole footprints lie beyond an end, or none reaches
    it.
    """
    radius = max(round(4 * sigma) + more, 1)
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
    assert {found.recovered[letter]["boundary"] for letter in "HW"} == {boundary}
    assert ("boundary" in blamed) == (boundary != "zeros")
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


@pytest.mark.parametrize("scale", [0.5, 0.25])
@pytest.mark.parametrize("many", [8, 12])
@pytest.mark.parametrize(("first", "phase"), [(0, 0.5), (-1, -0.5), (1, 1.5), (-4, -3.5)])
def test_a_gaussian_of_an_even_number_of_taps_is_one(
    scale: float, many: int, first: int, phase: float
) -> None:
    """That it is centred between two samples follows; what it is shifted by besides does not."""
    sigma = (1 / scale - 1) / 2
    taps = np.exp(-((np.arange(many) - (many - 1) / 2) ** 2) / (2 * sigma**2))
    stride = round(1 / scale)
    found = diagnose(
        lambda x: filtered(
            x, taps / taps.sum(), first - many // 2 + 1, lambda n: np.arange(0, n, stride)
        ),
        scale=scale,
    )
    assert set(codes_of(found)) - {"nan"} == {"radius"} | (
        {"phase"} - {abs(phase) == 0.5 and "phase"}
    )
    assert f"the number of taps is even, {many};" in " ".join(f.message for f in found.findings)
    for letter in "HW":
        assert found.recovered[letter]["sigma"] == pytest.approx(sigma, rel=1e-5)
        assert found.recovered[letter]["phase"] == phase


@pytest.mark.parametrize("centre", [0.25, -0.375, 1.2])
def test_a_gaussian_may_be_centred_anywhere(centre: float) -> None:
    i = np.arange(-7, 9)
    taps = np.exp(-((i - centre) ** 2) / (2 * 1.5**2))
    found = diagnose(
        lambda x: filtered(x, taps / taps.sum(), -7, lambda n: np.arange(0, n, 4)), scale=0.25
    )
    assert {"phase", "radius"} <= set(codes_of(found)) <= {"phase", "radius", "nan"}
    assert f"every output is centred {abs(centre):g} input samples" in found.findings[0].message
    assert found.recovered["H"]["sigma"] == pytest.approx(1.5, rel=1e-5)
    assert found.recovered["W"]["phase"] == pytest.approx(centre, rel=1e-5)


def box(ceil: bool, stride: int) -> Any:
    """Means of blocks; of a part of one at the end, or without that."""

    def function(x: Any) -> Any:
        for axis in (-2, -1):
            y, n = np.moveaxis(x, axis, -1), x.shape[axis]
            m = -(-n // stride) if ceil else n // stride
            blocks = [y[..., i * stride : (i + 1) * stride].mean(-1) for i in range(m)]
            x = np.moveaxis(np.array(blocks, x.dtype).reshape(m, *y.shape[:-1]), 0, axis)
        return x

    return function


@pytest.mark.parametrize(
    ("function", "scale", "boundary"),
    [(box(False, 2), 0.5, "valid"), (box(False, 4), 0.25, "valid"),
     (box(True, 4), 0.25, "renormalised"), (box(True, 8), 0.125, "renormalised")],
)  # fmt: skip
def test_an_end_that_one_length_does_not_show_is_asked_at_others(
    function: Any, scale: float, boundary: str
) -> None:
    """Nothing reaches beyond the ends of whole blocks; the words are the same for both axes."""
    found = diagnose(function, scale=scale)
    assert {found.recovered[letter]["boundary"] for letter in "HW"} == {boundary}
    assert all("along H and W" in f.message for f in found.findings if f.code != "nan")


def test_rules_that_no_length_tells_apart_are_all_named() -> None:
    (said,) = [
        f.message for f in diagnose(box(True, 2), scale=0.5).findings if f.code == "boundary"
    ]
    assert "'replicate' or 'symmetric' or 'renormalised', which are the same for these" in said


@pytest.mark.parametrize(("start", "codes"), [(6, {"boundary"}), (8, {"boundary", "phase"})])
def test_no_padding_explains_the_shift_that_it_makes_and_no_other(
    start: int, codes: set[str]
) -> None:
    taps = aa_ref.plan((64,), 0.25, axes=-1).axes[0].taps.astype(np.float64)
    found = diagnose(
        lambda x: filtered(x, taps, -6, lambda n: np.arange(start, n - 6, 4)), scale=0.25
    )
    assert set(codes_of(found)) == codes | {"size"}


def spread(x: Any) -> Any:
    """Centres by the ratio of the lengths, which is the stride where that divides them."""
    taps = aa_ref.plan((64,), 0.25, axes=-1).axes[0].taps.astype(np.float64)
    return filtered(x, taps, -6, lambda n: np.arange(-(-n // 4)) * n // -(-n // 4))


def test_centres_that_depend_on_the_length_are_seen_and_told_once() -> None:
    (finding,) = diagnose(spread, scale=0.25).findings
    assert finding.code == "phase"
    assert finding.message.startswith("along H and W: with 51 samples, output 2 is centred on 7 ")


def folded_once(x: Any) -> Any:
    """Reflected, but not again where the reflection of one end lies beyond the other."""
    taps = aa_ref.plan((64,), 0.25, axes=-1).axes[0].taps.astype(np.float64)
    for axis in (-2, -1):
        n = x.shape[axis]
        e = np.arange(0, n, 4)[:, None] + np.arange(-6, 7)
        e = np.clip(np.where(e < 0, -e, np.where(e > n - 1, 2 * (n - 1) - e, e)), 0, n - 1)
        x = np.moveaxis((np.moveaxis(x, axis, -1)[..., e] * taps).sum(-1), -1, axis).astype(x.dtype)
    return x


def test_axes_shorter_than_the_filter_are_compared_where_longer_ones_are_right() -> None:
    (finding,) = diagnose(folded_once, scale=0.25, boundary="reflect").findings
    assert finding.code == "boundary"
    assert "along H and W: an axis of 2 samples, shorter than the filter" in finding.message


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.16, 0.3])
@pytest.mark.parametrize(
    ("rule", "words"),
    [(lambda v: round(v), "round(n*s), half to even"), (lambda v: math.floor(v + 0.5), None),
     (math.floor, "floor"), (math.ceil, "ceil")],
)  # fmt: skip
def test_rules_for_sizes_that_differ_at_ties_alone_are_told_apart(
    scale: float, rule: Any, words: str | None
) -> None:
    """Where the scale has no ties, half up and half to even are one rule."""
    found = diagnose(
        lambda x: filtered(x, np.ones(1), 0, lambda n: np.arange(rule(n * scale))), scale=scale
    )
    said = {found.recovered[letter]["size"] for letter in "HW"}
    assert len(said) == 1
    if words is not None:
        assert words in said.pop()
    elif scale != 0.16:
        assert "half to even" not in said.pop()


def test_a_formula_for_sizes_has_its_rounding_beside_it() -> None:
    found = diagnose(
        lambda x: filtered(x, np.ones(1), 0, lambda n: np.arange(max(round(n * 0.25), 1))),
        scale=0.25,
    )
    message = next(f.message for f in found.findings if f.code == "size")
    assert "there are max(round(n*s), 1) outputs (half to even), not ceil(n/4)" in message


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


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("precision", [None, "binary32"])
def test_results_of_a_narrow_type_have_no_more_digits_than_it_holds(
    dtype: str, precision: str | None
) -> None:
    """Sums in binary32, rounded once to the type: another fault is all that is found."""
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    wrong = downsample(0.25, boundary="reflect")
    found = diagnose(wrong, scale=0.25, dtype=dtype, precision=precision)
    assert codes_of(found) == ["boundary"], found.findings


@pytest.mark.parametrize("scale", [0.25, 0.125])
def test_answers_without_outputs_are_only_those_of_short_axes(scale: float) -> None:
    """floor(n*s) outputs: none where n is less than the stride, as whole pipelines do."""

    def cropped(x: Any) -> Any:
        y = aa_ref.downsample(x, scale, backend="numpy")
        return y[..., : int(x.shape[-2] * scale), : int(x.shape[-1] * scale)]

    assert codes_of(diagnose(cropped, scale=scale)) == ["size"]
    assert [f.code for f in oracle.check(cropped, scale).findings] == ["size"]


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


def test_findings_come_with_the_most_fundamental_first() -> None:
    found = diagnose(
        lambda x: filtered(x, np.ones(3), -1, lambda n: np.arange(0, n - 1, 4) + 1, "circular"),
        scale=0.25,
    )
    places = [list(oracle.CODES).index(c) for c in codes_of(found)]
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


def test_scales_that_have_changed_places_are_told_as_that() -> None:
    found = diagnose(downsample((0.25, 0.5)), scale=(0.5, 0.25))
    assert [f.message for f in found.findings] == ["the scales of H and W have changed places"]


def test_results_without_samples_have_no_rule() -> None:
    found = diagnose(lambda x: downsample(0.25)(x)[..., :0], scale=0.25)
    assert "along W: there are no outputs, not ceil(n/4)" in [f.message for f in found.findings]


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


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_an_implementation_for_one_entry_is_asked_for_one_at_a_time(dtype: str) -> None:
    def single(x: Any) -> Any:
        if len(x) != 1:
            raise ValueError("the batch size is 1")
        return aa_ref.downsample(x, 0.5, boundary="replicate", backend="numpy")

    assert codes_of(diagnose(single, scale=0.5, dtype=dtype)) == ["error", "boundary"]


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
