"""Diagnosis by answers that are integers: what is recovered, and what is said to be left open."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import aa_ref
from aa_ref import oracle
from aa_ref.boundary import BOUNDARIES, fold
from aa_ref.oracle.diagnosis import Diagnosis, diagnose
from aa_ref.oracle.diagnosis.integers.answer_model import Evidence, Filter, Laid
from aa_ref.oracle.diagnosis.integers.answer_model import gaussian as taps_of
from aa_ref.oracle.diagnosis.integers.parameter_fits import fit_filters, minimax
from aa_ref.oracle.diagnosis.integers.quantised_answers import Lines, offsets


def codes_of(found: Diagnosis) -> list[str]:
    return [f.code for f in found.findings]


def message(found: Diagnosis, code: str) -> str:
    (said,) = [f.message for f in found.findings if f.code == code]
    return said


def downsample(scale: Any, **options: Any) -> Any:
    return lambda x: aa_ref.downsample(x, scale, backend="numpy", **options)


def rounded(y: Any, dtype: Any) -> Any:
    return np.clip(np.rint(y), 0, np.iinfo(dtype).max).astype(dtype)


def filtered(x: Any, taps: Any, first: int, centres: Any, boundary: str = "zeros") -> Any:
    """Any filter at any centres along the last two axes, in binary64."""
    y = x.astype(np.float64)
    for axis in (-2, -1):
        y = np.moveaxis(y, axis, -1)
        n = y.shape[-1]
        index = fold(centres(n)[:, None] + first + np.arange(len(taps)), n, boundary)
        y = np.moveaxis((np.where(index >= 0, y[..., index], 0) * taps).sum(-1), -1, axis)
    return y


def gaussian(sigma: float, radius: int) -> Any:
    taps = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    return taps / taps.sum()


# 1 What is right.


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.16, 1 / 3, 0.75, 0.875, 1, (0.5, 0.25), (0.5, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_nothing_is_found_wrong_with_what_is_right(scale: Any, dtype: str) -> None:
    assert diagnose(downsample(scale), scale=scale, dtype=dtype).findings == []


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("sampling", ["slice", "nearest"])
def test_what_is_asked_for_is_what_is_right(boundary: str, sampling: str) -> None:
    options = {"boundary": boundary, "sampling": sampling}
    for scale in (0.5, 0.3):
        right = downsample(scale, **options)
        assert diagnose(right, scale=scale, dtype="uint8", **options).findings == []
    if boundary != "zeros":
        assert codes_of(diagnose(right, scale=0.3, dtype="uint8", sampling=sampling)) == [
            "boundary"
        ]


LAYOUTS = {"NHWC": (1, 2), "HWC": (0, 1), "HW": (0, 1), "NCL": (-1,), "L": (0,), "DHW": (0, 1, 2)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_asked_in_its_own_way(layout: str) -> None:
    options = {"scale": 0.5, "layout": layout, "dtype": "uint8"}
    assert diagnose(downsample(0.5, axes=LAYOUTS[layout]), **options).findings == []
    wrong = downsample(0.5, axes=LAYOUTS[layout], boundary="replicate")
    assert codes_of(diagnose(wrong, **options)) == ["boundary"]


# 2 What is recovered.


@pytest.mark.parametrize("sigma", [1.0, 1.06])
def test_outputs_centred_beyond_the_last_sample_are_read(sigma: float) -> None:
    """Of 51 samples the last output is centred on 52."""
    radius = round(4 * sigma)

    def function(x: Any) -> Any:
        y = filtered(x, gaussian(sigma, radius), -radius, lambda n: np.arange(0, n, 2) + 2)
        return rounded(y, x.dtype)

    found = diagnose(function, scale=0.25, dtype="uint16")
    assert set(codes_of(found)) <= {"stride", "phase", "sigma", "radius"}


SIGMAS = st.floats(0.7, 2.5).filter(lambda s: abs(s - 1.5) > 2e-3)


# One rule explains both ends, though at one of them the expected one would do.
@example(1.3078459422536937, 4, 5, 0, "replicate", "uint8")
# No output of the longer axis reaches beyond its ends.
@example(0.75, 3, 5, 2, "zeros", "uint8")
# Other rules explain the ends, too, with a sigma that the inner outputs leave open.
@example(1.223314427157972, 3, 4, 0, "reflect", "uint8")
@settings(max_examples=8)
@given(
    sigma=SIGMAS | SIGMAS.map(lambda s: round(s, 2)),
    cut=st.sampled_from([3, 4]),
    stride=st.integers(2, 6),
    phase=st.integers(-1, 2),
    boundary=st.sampled_from(BOUNDARIES),
    dtype=st.sampled_from(["uint8", "uint16"]),
)
def test_of_a_wrong_one_its_own_parameters_are_recovered(
    sigma: float, cut: int, stride: int, phase: int, boundary: str, dtype: str
) -> None:
    """And blamed, each if and only if it is another one than that of scale 1/4."""
    radius = round(cut * sigma)
    taps = gaussian(sigma, radius)

    def function(x: Any) -> Any:
        y = filtered(x, taps, -radius, lambda n: np.arange(0, n, stride) + phase, boundary)
        return rounded(y, x.dtype)

    found = diagnose(function, scale=0.25, dtype=dtype)
    blamed = set(codes_of(found))
    assert ("stride" in blamed) == (stride != 4)
    assert ("phase" in blamed) == (phase != 0)
    assert ("sigma" in blamed) == (sigma != 1.5)
    assert ("boundary" in blamed) == (boundary != "zeros")
    assert blamed <= {"stride", "phase", "sigma", "boundary", "radius"}
    for letter in "HW":
        of_axis = found.recovered[letter]
        # One value of the interval that integers leave open.
        assert of_axis["sigma"] == pytest.approx(sigma, rel=1e-2)
        assert (of_axis["stride"], of_axis["phase"]) == (stride, phase)
        assert of_axis["boundary"] == boundary


@settings(max_examples=4)
@given(sigma=SIGMAS, cut=st.sampled_from([3, 4]), boundary=st.sampled_from(BOUNDARIES))
def test_rounding_between_the_passes_is_told_beside_other_faults(
    sigma: float, cut: int, boundary: str
) -> None:
    radius = round(cut * sigma)
    taps = gaussian(sigma, radius)

    def function(x: Any) -> Any:
        for axis in (-2, -1):
            x = np.moveaxis(x, axis, -1)
            index = fold(np.arange(-radius, x.shape[-1] + radius), x.shape[-1], boundary)
            padded = np.where(index >= 0, x[..., index], 0)
            windows = np.lib.stride_tricks.sliding_window_view(padded, len(taps), -1)
            x = np.moveaxis(rounded(windows[..., ::4, :] @ taps, x.dtype), -1, axis)
        return x

    found = diagnose(function, scale=0.25, dtype="uint8")
    blamed = set(codes_of(found))
    assert {"sigma", "precision"} <= blamed <= {"sigma", "radius", "boundary", "precision"}
    assert ("boundary" in blamed) == (boundary != "zeros")
    assert "between the passes is rounded to integers, too, all to nearest" in message(
        found, "precision"
    )


@pytest.mark.parametrize("gain", [0.5, 0.99, 0.998, 1.02, 3, 14.137, -1])
def test_a_gain_is_recovered_and_hides_nothing(gain: float) -> None:
    def function(x: Any) -> Any:
        y = filtered(x, gaussian(1.5, 6), -6, lambda n: np.arange(0, n, 4), "reflect")
        return rounded(gain * y + (255 if gain < 0 else 0), x.dtype)

    found = diagnose(function, scale=0.25, dtype="uint8")
    # Each answer is known to within a half, of 255.
    assert found.recovered["gain"] == pytest.approx(gain, rel=2e-3)
    assert set(codes_of(found)) - {"values"} == {"normalisation", "boundary"}
    assert ("values" in codes_of(found)) == (gain < 0)  # as zeros become 255


@pytest.mark.parametrize(
    "weights", [[1, 1, 1, 1], [1, 4, 6, 4, 1], [1, 2, 3, 2, 1], [1], [3, 9, 4]]
)
def test_filters_that_are_no_gaussian_are_recovered(weights: list[int]) -> None:
    taps = np.array(weights) / sum(weights)
    found = diagnose(
        lambda x: rounded(filtered(x, taps, 0, lambda n: np.arange(0, n, 4)), x.dtype),
        scale=0.25, dtype="uint8",
    )  # fmt: skip
    others = {"phase", "boundary"} | ({"radius"} if len(weights) == 3 else set())
    # Some Gaussian, its centre free, goes through any three.
    assert {"sigma"} <= set(codes_of(found)) <= {"sigma"} | others
    # Of 255, one answer tells a tap to within 2e-3; many together tell it more exactly.
    np.testing.assert_allclose(found.recovered["H"]["taps"], taps, atol=1e-3)
    np.testing.assert_allclose(found.recovered["W"]["taps"], taps, atol=1e-3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("phase", [-2, 0, 1, 2])
def test_a_shift_is_told_beside_an_output_that_runs_backwards(phase: int, dtype: str) -> None:
    """Of 51 samples, shifted by 2, it looks like an input that is turned; of 48 it does not."""

    def function(x: Any) -> Any:
        y = filtered(x, gaussian(1.5, 6), -6, lambda n: np.arange(0, n, 4) + phase)
        return rounded(y[..., ::-1, ::-1], x.dtype)

    found = diagnose(function, scale=0.25, dtype=dtype)
    assert codes_of(found) == ["flip", "phase"] if phase else ["flip"]
    assert "the output runs backwards" in message(found, "flip")
    assert [found.recovered[letter]["phase"] for letter in "HW"] == [phase, phase]


def test_an_input_that_runs_backwards_is_not_shifted() -> None:
    found = diagnose(
        lambda x: downsample(0.25)(np.ascontiguousarray(x[..., ::-1])), scale=0.25, dtype="uint8"
    )
    assert codes_of(found) == ["flip"]
    assert "along W: the input runs backwards" in message(found, "flip")


# 3 What is said.


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("unread", "said"),
    [
        (np.s_[..., -1], "along W: the last sample is not read"),
        (np.s_[..., :2, :], "along H: the first 2 samples are not read"),
    ],
)
def test_samples_at_an_end_that_no_output_reads_are_counted(
    unread: Any, said: str, dtype: str
) -> None:
    def function(x: Any) -> Any:
        x = x.copy()
        x[unread] = 0
        return downsample(0.25)(x)

    found = diagnose(function, scale=0.25, dtype=dtype)
    assert codes_of(found) == ["boundary"]
    assert said in message(found, "boundary")


def test_results_of_fewer_bits_are_counted_and_nothing_else_is_told_of_them() -> None:
    found = diagnose(
        lambda x: downsample(0.25)((x >> 8).astype(np.uint8)).astype(np.uint16) * 257,
        scale=0.25, dtype="uint16",
    )  # fmt: skip
    assert [f.message for f in found.findings] == [
        "results are multiples of 257, as if 8 of 16 bits were kept; of samples the upper 8 bits "
        "alone make a difference"
    ]


def _of_light(v: Any) -> Any:
    return np.where(v <= 0.0031308, 12.92 * v, 1.055 * np.abs(v) ** (1 / 2.4) - 0.055)


def _to_light(v: Any) -> Any:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("curve", "inverse", "name"),
    [
        (_to_light, _of_light, "the curve of sRGB"),
        (lambda v: v**2.2, lambda v: v ** (1 / 2.2), "a power of 2.2"),
    ],
    ids=["sRGB", "2.2"],
)
def test_a_curve_before_the_filter_and_its_inverse_behind_are_named(
    curve: Any, inverse: Any, name: str, dtype: str
) -> None:
    def function(x: Any) -> Any:
        full = np.iinfo(x.dtype).max
        y = filtered(curve(x / full), gaussian(1.5, 6), -6, lambda n: np.arange(0, n, 4))
        return rounded(full * inverse(y), x.dtype)

    found = diagnose(function, scale=0.25, dtype=dtype)
    assert codes_of(found) == ["values"]
    assert f"with {name} before the filter and its inverse behind" in message(found, "values")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda y: np.minimum(y, 235), "results are cut off above 235"),
        (lambda y: (y // 2).astype(np.uint8), "the weights of an output sum to 0.5, not 1"),
        (lambda y: y + 3 - 3 * (y > 252), "zeros become 3: something is added to every result"),
        (lambda y: y[:, ::-1], "channels come out in reverse order"),
    ],
)  # fmt: skip
def test_messages(change: Any, said: str) -> None:
    found = diagnose(lambda x: change(downsample(0.25)(x)), scale=0.25, dtype="uint8")
    assert said in [f.message for f in found.findings], found.findings


@pytest.mark.parametrize("scale", [0.25, 1 / 3])
@pytest.mark.parametrize(("rounding", "said"), [(np.floor, "down (truncated)"), (np.ceil, "up")])
def test_truncation_is_told_where_sums_may_be_off_by_more(
    rounding: Any, said: str, scale: float
) -> None:
    """Of 16 bits, in binary32."""
    stride, sigma = round(1 / scale), (1 / scale - 1) / 2
    taps = gaussian(sigma, round(4 * sigma))

    def function(x: Any) -> Any:
        y = filtered(x, taps, -(len(taps) // 2), lambda n: np.arange(0, n, stride))
        return rounded(rounding(y), x.dtype)

    report = oracle.check(function, scale, dtype="uint16")
    assert [f.code for f in report.findings] == ["precision"]
    assert f"results are rounded {said}, not to nearest" in report.findings[0].message


@pytest.mark.parametrize(
    ("scale", "sigma", "cut", "code"),
    [(1 / 64, 31.5 * 1.03, 4, "sigma"), (1 / 32, 15.5, 3, "radius")],
)
def test_wide_filters_are_told_exactly_where_tables_may_be_off_by_units(
    scale: float, sigma: float, cut: int, code: str
) -> None:
    """Sums of 253 × 253 products are off by two units of a byte at most, of 253 twice by none."""
    radius = round(cut * sigma)
    taps, stride = gaussian(sigma, radius), round(1 / scale)

    def function(x: Any) -> Any:
        for axis in (-2, -1):
            y = np.pad(np.moveaxis(x, axis, -1), [*[(0, 0)] * (x.ndim - 1), (radius, radius)])
            windows = np.lib.stride_tricks.sliding_window_view(y, len(taps), -1)
            x = np.moveaxis(windows[..., ::stride, :] @ taps, -1, axis)
        return np.rint(x).astype(np.uint8)

    found = diagnose(function, scale=scale, dtype="uint8")
    assert codes_of(found) == [code]
    if code == "sigma":
        # An edge of 255 moves by 255 * 0.242 * d where sigma is off by d, so that half a unit tells
        # 0.8 %; hundreds of answers, each between other halves, leave less than an eighth of it.
        assert found.recovered["H"]["sigma"] == pytest.approx(sigma, rel=1e-3)


def test_dense_errors_of_integers_alone_are_no_transform() -> None:
    """They are of samples beyond 20,000 in planes of some widths, as no rounding makes them."""

    def function(x: Any) -> Any:
        y = downsample(0.25)(x)
        if x.shape[-1] % 2 and x.shape[-1] >= 30:
            return y
        return y - (y > 20_000) * (y.astype(np.int64) * 40_503 >> 7 & 1).astype(y.dtype) * 2

    report = oracle.check(function, 0.25, dtype="uint16")
    assert not report.passed
    assert "form='fft'" not in str(report)


def test_a_gain_beside_taps_in_fixed_point_is_told() -> None:
    taps = np.round(gaussian(1.5, 6) * 256) / 256
    found = diagnose(
        lambda x: rounded(filtered(x, taps, -6, lambda n: np.arange(0, n, 4)) / 2, x.dtype),
        scale=0.25, dtype="uint8",
    )  # fmt: skip
    assert codes_of(found) == ["normalisation", "precision"]
    assert "rounded to multiples of 1/256" in message(found, "precision")


@pytest.mark.parametrize("gain", [0.97, 0.98, 1.01])
def test_a_gain_near_1_is_told_beside_taps_of_8_digits(gain: float) -> None:
    """Taps that sum to a little less than 1 make a gain of their own."""
    taps = np.array(
        [0.000263214111328125, 0.1064453125, 0.78515625, 0.1064453125, 0.000263214111328125]
    )  # bfloat16's

    def function(x: Any) -> Any:
        y = filtered(x, taps, -2, lambda n: np.arange(0, n, 2))
        return rounded(gain * y, x.dtype)

    found = diagnose(function, scale=0.5, dtype="uint8")
    assert codes_of(found) == ["normalisation", "precision"]
    assert "rounded to bfloat16" in message(found, "precision")


@pytest.mark.parametrize(("scale", "dtype"), [(0.5, "uint8"), (0.5, "uint16"), (0.125, "uint8")])
def test_taps_whose_errors_are_carried_on_are_recognised(scale: float, dtype: str) -> None:
    cv2 = pytest.importorskip("cv2")
    a = aa_ref.plan((1, 1, 99, 98), scale).axes[0]
    size = (2 * a.radius + 1,) * 2

    def function(x: Any) -> Any:
        blurred = cv2.GaussianBlur(x, size, float(a.sigma), borderType=cv2.BORDER_CONSTANT)
        return blurred[:: a.stride, :: a.stride]

    found = diagnose(function, scale=scale, layout="HW", dtype=dtype)
    assert codes_of(found) == ["precision"]
    assert "each error carried on to the next tap" in message(found, "precision")


@pytest.mark.parametrize("scale", [0.7, 0.75])
def test_a_gain_is_told_where_all_other_taps_are_lost(scale: float) -> None:
    found = diagnose(
        lambda x: rounded(1.05 * aa_ref.downsample(x.astype(float), scale), x.dtype),
        scale=scale, dtype="uint8",
    )  # fmt: skip
    assert codes_of(found) == ["normalisation"]


def test_the_rule_at_an_end_that_no_output_reaches_is_asked_at_other_lengths() -> None:
    """Floor sizes leave out the last output of many lengths."""

    def function(x: Any) -> Any:
        height, width = x.shape[-2:]
        x = np.pad(x, [(0, 0), (0, 0), (0, 6), (0, 6)], mode="reflect")
        y = filtered(x, gaussian(1.5, 6), -6, lambda n: np.arange(0, n - 6 - 3, 4))
        return rounded(y[..., : height // 4, : width // 4], x.dtype)

    found = diagnose(function, scale=0.25, dtype="uint8")
    assert {"size", "boundary"} <= set(codes_of(found)) <= {"size", "boundary", "error"}
    assert "at the last end the boundary is 'reflect', not 'zeros'" in message(found, "boundary")


def test_a_radius_that_answers_do_not_tell_is_said_to_be_open() -> None:
    """The sixth tap is 1/140,000: whether there is one on either side does not show in bytes."""
    taps = gaussian(1.3, 5)
    found = diagnose(
        lambda x: rounded(filtered(x, taps, -5, lambda n: np.arange(0, n, 4)), x.dtype),
        scale=0.25, dtype="uint8",
    )  # fmt: skip
    assert codes_of(found) == ["sigma"]
    assert "the answers are also those of sigma 1.3 with radius 5" in message(found, "sigma")


def test_a_gain_so_small_that_all_is_rounded_away_is_said_to_hide_the_rest() -> None:
    found = diagnose(
        lambda x: rounded(downsample(0.25)(x) / 255, x.dtype), scale=0.25, dtype="uint8"
    )
    assert codes_of(found) == ["normalisation"]
    assert "which tells no more" in message(found, "normalisation")


def test_wrapping_around_is_told_with_the_constants_that_show_it() -> None:
    def function(x: Any) -> Any:
        y = filtered(x, 1.01 * gaussian(1.5, 6), -6, lambda n: np.arange(0, n, 4))
        return np.rint(y).astype(np.int64).astype(x.dtype)

    found = diagnose(function, scale=0.25, dtype="uint8")
    assert codes_of(found) == ["normalisation", "values"]
    assert message(found, "values") == (
        "results wrap around: a constant of 250 gives 255, one of 251 gives 0"
    )


@pytest.mark.parametrize("function", [np.max, np.min, np.median])
def test_what_is_not_linear_is_proven_so_and_has_no_convention(function: Any) -> None:
    def pooled(x: Any) -> Any:
        height, width = x.shape[-2:]
        padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
        parts = [padded[..., i : i + height : 4, j : j + width : 4] for i in (0, 1, 2)
                 for j in (0, 1, 2)]  # fmt: skip
        return function(np.stack(parts), axis=0).astype(x.dtype)

    found = diagnose(pooled, scale=0.25, dtype="uint8")
    assert codes_of(found) == ["values"]
    assert "no weights explain the answers" in message(found, "values")
    assert found.convention is None


@pytest.mark.parametrize(
    ("name", "module", "scale"),
    [("OpenCV pyrDown", "cv2", 0.5), ("OpenCV INTER_AREA", "cv2", 0.5),
     ("Pillow BOX", "PIL.Image", 0.25), ("Pillow BILINEAR", "PIL.Image", 0.25),
     ("plain slicing", "numpy", 0.25)],
)  # fmt: skip
def test_conventions_are_named_by_bytes_too(name: str, module: str, scale: float) -> None:
    library = pytest.importorskip(module)

    def function(x: Any) -> Any:
        if name == "plain slicing":
            return x[::4, ::4].copy()
        if module == "cv2":
            options = {"fx": 0.5, "fy": 0.5, "interpolation": library.INTER_AREA}
            return library.pyrDown(x) if "pyr" in name else library.resize(x, None, **options)
        height, width = (round(n * scale) for n in x.shape)
        how = getattr(library.Resampling, name.split()[1])
        return np.array(library.fromarray(x).resize((width, height), how))

    found = diagnose(function, scale=scale, layout="HW", dtype="uint8")
    assert f"*{name}*" in (found.convention or ""), found


def test_a_check_tells_it_with_an_example() -> None:
    report = oracle.check(downsample(0.25, boundary="reflect"), 0.25, dtype="uint8")
    assert [f.code for f in report.findings] == ["boundary"]
    assert "y = " in report.findings[0].snippet
    assert "slice (2020)" in (report.convention or "")


# 4 Small parts.


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(2, 40), st.floats(0.01, 0.5))
def test_a_fit_is_found_if_and_only_if_there_is_one(
    seed: int, count: int, more: int, limit: float
) -> None:
    """One is made with errors of up to the limit; then one answer is moved beyond what can be."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 256, (count + more, count)).astype(np.float64)
    true = rng.normal(size=count)
    wanted = columns @ true + rng.uniform(-limit, limit, count + more)
    found = minimax(columns, wanted, limit * 1.001)
    assert found is not None
    assert np.abs(wanted - columns @ found).max() <= limit * 1.0011
    twice = np.vstack([columns, columns[:1]])
    assert minimax(twice, np.append(wanted, wanted[0] + 2.1 * limit), limit) is None


@given(
    sigma=st.floats(0.5, 2.0),
    gain=st.floats(0.5, 0.9) | st.just(1.0),
    boundary=st.sampled_from(BOUNDARIES),
    moved=st.booleans(),
)
def test_numbers_in_a_filter_are_fitted_to_all_answers_or_to_none(
    sigma: float, gain: float, boundary: str, moved: bool
) -> None:
    """From a start that is off; and no number helps if one answer is moved by two."""
    rng = np.random.default_rng(5)
    levels = rng.integers(0, 256, (200, 24)).astype(np.float64)
    places = np.arange(-6.0, 7.0)
    laid = Laid(24, list(range(8)), [3.0 * i for i in range(8)], [boundary] * 8)
    true = Filter(places, taps_of(places, sigma), gain, 0.0, sigma, (sigma, sigma))
    y = np.rint(gain * levels @ laid.matrix(true).T)
    y[7, 3] += 2 * moved
    evidence = Evidence([Lines(levels, y, 255, 1e-9)], [laid])
    start = replace(
        true, sigma=sigma * 1.02, taps=taps_of(places, sigma * 1.02), gain=round(gain, 2)
    )
    found = fit_filters(evidence, [start], (0.0, -0.5, 0.5))
    if moved or (gain != 1 and start.gain == 1):
        assert not found
    else:
        assert len(found) == 1
        # So much less or more moves a sum by 0.01 or more on average, which none of 1,600 roundings
        # to integers would show by a chance below (1 - 0.01)**1600 = 1e-7; the levels are fixed.
        assert found[0].sigma == pytest.approx(sigma, abs=2e-3)
        assert found[0].gain == pytest.approx(gain, abs=2e-3)
        low, high = evidence.offsets(found)
        assert low <= found[0].offset == 0 <= high


def test_offsets_that_explain_answers() -> None:
    sums = np.array([1.2, 7.9, -3.0, 300.0, 2.5])
    none = np.zeros(5)
    y = np.clip(np.rint(sums), 0, 255)
    low, high = offsets(sums, none, y, 255)
    assert low <= 0 <= high
    low, high = offsets(sums, none, np.clip(np.floor(sums), 0, 255), 255)
    assert low <= -0.5 <= high < 0
    low, high = offsets(sums, none, y + np.array([0, 1, 0, 0, 0]), 255)
    assert low > high
    low, high = offsets(sums, np.full(5, 0.5), y + np.array([0, 1, 0, 0, 0]), 255)
    assert low <= high
