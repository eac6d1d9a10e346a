"""Faults of numbers have names of their own: coarse taps, errors that reach too far, roundings.

Each wrong port has neighbours, nearly as wrong, that must not get its name.
"""

import math
from functools import reduce
from typing import Any

import numpy as np
import pytest
from correct_implementations import numbers_of, shifted

import aa_ref
from aa_ref import oracle
from aa_ref.oracle.diagnosis import diagnose
from aa_ref.oracle.diagnosis.integers.quantised_answers import Lines
from aa_ref.oracle.diagnosis.integers.weight_estimates import guess_rows
from aa_ref.oracle.diagnosis.tap_models import coarse_taps


def codes_of(found: Any) -> list[str]:
    return [f.code for f in found.findings]


def taps_of(scale: float, sigma: float | None = None) -> Any:
    own, radius = numbers_of(scale)[1:]
    i = np.arange(-radius, radius + 1)
    taps = np.exp(-(i**2) / (2 * (sigma or own) ** 2))
    return taps / taps.sum()


def port(scale: float, taps: Any, dtype: Any = np.float32) -> Any:
    """Separable, with these taps; NCHW."""

    def fn(x: Any) -> Any:
        y = x.astype(dtype)
        for axis in (-2, -1):
            parts = shifted(y, scale, axis)
            y = sum(t * part for t, part in zip(taps.astype(dtype), parts, strict=True))
        return y.astype(x.dtype)

    return fn


# 1 Taps of few digits.


def decimal(digits: int) -> Any:
    return lambda t: np.round(t, digits)


def significant(digits: int) -> Any:
    return lambda t: np.array([float(f"{v:.{digits}g}") for v in t])


def bfloat16(t: Any) -> Any:
    mantissa, exponent = np.frexp(t)
    return np.ldexp(np.round(mantissa * 256), exponent - 8)


def cut_to_bfloat16(t: Any) -> Any:
    return (t.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


@pytest.mark.parametrize(
    ("scale", "coarse", "said"),
    [
        (0.25, decimal(6), "rounded to 6 decimal places"),
        (0.25, decimal(3), "rounded to 3 decimal places"),
        (0.5, decimal(4), "rounded to 4 decimal places"),
        (0.5, decimal(8), "rounded to 8 decimal places"),
        (0.5, significant(4), "rounded to 4 significant decimal digits"),
        (0.25, bfloat16, "rounded to bfloat16"),
        (0.25, cut_to_bfloat16, "rounded to bfloat16, digits beyond cut off"),
        (0.5, lambda t: np.round(t * 4096) / 4096, "rounded to multiples of 1/4096"),
    ],
)
def test_taps_of_few_digits_are_told_with_their_number(
    scale: float, coarse: Any, said: str
) -> None:
    report = oracle.check(port(scale, coarse(taps_of(scale))), scale)
    assert codes_of(report) == ["precision"], report
    assert said in report.findings[0].message
    assert "judge it with" not in report.findings[0].message


def test_weights_of_a_table_are_told_from_taps() -> None:
    weights = np.round(np.outer(taps_of(0.25), taps_of(0.25)), 6).astype(np.float32)

    def fn(x: Any) -> Any:
        height, width = x.shape[-2:]
        x = np.pad(x, [(0, 0), (0, 0), (6, 6), (6, 6)])
        return sum(
            weights[a, b] * x[..., a : a + height : 4, b : b + width : 4]
            for a, b in np.ndindex(13, 13)
        )

    report = oracle.check(fn, 0.25)
    assert codes_of(report) == ["precision"], report
    assert "weights of the table are those expected, rounded to 6 decimal places" in str(report)


def one_off(t: Any) -> Any:
    t = t.copy()
    t[4] *= 1.01
    return t


@pytest.mark.parametrize(
    ("taps", "codes"),
    [
        (taps_of(0.25, 1.4999), ["sigma"]),
        (one_off(taps_of(0.25)), ["normalisation", "values"]),
        (taps_of(0.25) * 0.999, ["normalisation"]),
        (taps_of(0.25) * (1 + 1e-3 * np.cos(9 * np.arange(13.0))), ["precision"]),
    ],
)
def test_other_taps_are_not_told_as_rounded(taps: Any, codes: list[str]) -> None:
    report = oracle.check(port(0.25, taps), 0.25)
    assert codes_of(report) == codes, report
    assert "rounded to" not in str(report)


def test_formats_that_change_nothing_are_left_out_and_others_come_once() -> None:
    assert not list(coarse_taps(np.array([0.25, 0.5, 0.25])))
    found = [taps.tobytes() for _, taps in coarse_taps(taps_of(0.25))]
    assert len(found) == len(set(found)) > 50
    assert taps_of(0.25).tobytes() not in found


# 2 Rounding errors that go with samples which an output does not read.


def cumulative(scale: float, dtype: Any = np.float32) -> Any:
    """Differences of taps times cumulative sums, along each axis."""
    stride, _, radius = numbers_of(scale)
    steps = np.diff(np.concatenate([[0], taps_of(scale), [0]])).astype(dtype)

    def fn(x: Any) -> Any:
        y = x.astype(dtype)
        for axis in (-2, -1):
            y = np.moveaxis(y, axis, -1)
            n = y.shape[-1]
            y = np.pad(y, [*[(0, 0)] * 3, (radius + 1, radius)])
            y[..., 0] = 0
            sums = np.cumsum(y, -1, dtype=dtype)
            y = -sum(step * sums[..., k : k + n : stride] for k, step in enumerate(steps))
            y = np.moveaxis(y, -1, axis)
        return y.astype(x.dtype)

    return fn


def moving(scale: float) -> Any:
    """Boxes of every width, each by adding the sample that comes in and taking off the last."""
    stride, _, radius = numbers_of(scale)
    heights = np.append(-np.diff(taps_of(scale)[radius:]), taps_of(scale)[-1]).astype(np.float32)

    def fn(x: Any) -> Any:
        for axis in (-2, -1):
            x, n = np.moveaxis(x, axis, -1), x.shape[axis]
            y = np.zeros_like(x)
            for r, height in enumerate(heights):
                wide = np.pad(x, [*[(0, 0)] * 3, (r, r + 1)])
                total = wide[..., : 2 * r + 1].sum(-1)
                for i in range(n):
                    y[..., i] += height * total
                    total = (total + wide[..., i + 2 * r + 1 if i + 1 < n else -1]) - wide[..., i]
            x = np.moveaxis(y[..., ::stride], -1, axis)
        return x

    return fn


def winograd(scale: float) -> Any:
    """F(4, 3): four outputs at once, of three taps at a time, at full resolution."""
    stride, _, radius = numbers_of(scale)
    taps = np.append(taps_of(scale), np.zeros(-(2 * radius + 1) % 3)).astype(np.float32)
    before = np.array([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
                       [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]],
                      np.float32)  # fmt: skip
    of_taps = np.array([[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
                        [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]],
                       np.float32)  # fmt: skip
    after = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0],
                      [0, 1, -1, 8, -8, 1]], np.float32)  # fmt: skip

    def fn(x: Any) -> Any:
        for axis in (-2, -1):
            x, n = np.moveaxis(x, axis, -1), x.shape[axis]
            tiles = -(-n // 4)
            wide = np.pad(x, [*[(0, 0)] * 3, (radius, 4 * tiles - n + radius + 6)])
            y = np.zeros((*x.shape[:-1], 4 * tiles), np.float32)
            for first in range(0, len(taps), 3):
                spectrum = of_taps @ taps[first : first + 3]
                for at in range(0, 4 * tiles, 4):
                    tile = wide[..., at + first : at + first + 6] @ before.T
                    y[..., at : at + 4] += (tile * spectrum) @ after.T
            x = np.moveaxis(y[..., :n:stride], -1, axis)
        return x

    return fn


def fourier(scale: float, dtype: Any = np.float64, circular: bool = False) -> Any:
    """A product of transforms; padded so that nothing wraps around, or not."""
    fft = pytest.importorskip("scipy.fft", reason="transforms in binary32 are SciPy's")
    stride, _, radius = numbers_of(scale)
    taps = taps_of(scale)

    def fn(x: Any) -> Any:
        height, width = x.shape[-2:]
        sizes = [n + (0 if circular else 2 * radius) for n in (height, width)]
        lines = [np.zeros(n) for n in sizes]
        for line in lines:
            np.add.at(line, np.arange(-radius, radius + 1) % len(line), taps)
        filtered = fft.rfft2(np.outer(*lines).astype(dtype))
        y = fft.irfft2(fft.rfft2(x.astype(dtype), sizes) * filtered, sizes)
        return y[..., :height:stride, :width:stride].astype(x.dtype)

    return fn


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (cumulative, "reach all later outputs along H and W: sums run on"),
        (moving, "reach all later outputs along H and W: sums run on"),
        (winograd, "samples beyond the footprint along H and W, as those of transforms of tiles"),
        (fourier, "reach all outputs along H and W, as those of Fourier transforms"),
        (lambda s: fourier(s, np.float32), "reach all outputs along H and W"),
    ],
)
@pytest.mark.parametrize("scale", [0.5, 0.25])
def test_errors_that_reach_too_far_are_told_once(make: Any, said: str, scale: float) -> None:
    report = oracle.check(make(scale), scale)
    assert codes_of(report) == ["precision"], report
    message = report.findings[0].message
    assert said in message
    assert ("right as form='fft'" in message) == ("sums run on" not in message)
    assert report.recovered["rounding_reaches"] in ("onward", "nearby", "everywhere")


@pytest.mark.parametrize(("scale", "code"), [(0.5, "precision"), (0.25, "nan")])
def test_transforms_are_right_by_the_form_that_is_named(scale: float, code: str) -> None:
    """In float16 at 1/4 all numbers are within the bound, and NaN alone goes too far."""
    assert oracle.check(fourier(scale), scale, form="fft").passed
    report = oracle.check(fourier(scale, np.float32), scale, dtype="float16")
    assert codes_of(report) == [code], report
    assert "judge it with form='fft'" in report.findings[0].message


@pytest.mark.parametrize(
    ("function", "codes"),
    [
        (fourier(0.5, np.float32, circular=True), ["boundary", "precision"]),
        (lambda x: fourier(0.5)(x)[..., ::-1], ["flip", "precision"]),
        (lambda x: winograd(0.5)(x) * np.float32(1.01), ["normalisation", "precision"]),
        (lambda x: fourier(0.5)(np.nan_to_num(x, posinf=0, neginf=0)), ["precision", "nan"]),
    ],
)
def test_errors_that_reach_too_far_hide_nothing(function: Any, codes: list[str]) -> None:
    report = oracle.check(function, 0.5)
    assert codes_of(report) == codes, report
    assert "right as form='fft'" not in str(report) or codes == ["precision", "nan"]


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (lambda x: np.sort(aa_ref.downsample(x, 0.5), -1), "values"),
        (lambda x: aa_ref.downsample(np.clip(x, -1, 1), 0.5), "values"),
        (lambda x: aa_ref.downsample(x.astype(np.float16).astype(x.dtype), 0.5), "precision"),
        (lambda x: aa_ref.downsample(x, 0.5) * np.where(np.isnan(x).any(), np.nan, 1), "nan"),
        (lambda x: aa_ref.downsample(x, 0.5, sigma=0.5001), "sigma"),
        (lambda x: aa_ref.downsample(x - x.mean(), 0.5) + x.mean(), "boundary"),
    ],
)
def test_other_errors_are_not_told_as_reaching_too_far(function: Any, code: str) -> None:
    report = oracle.check(lambda x: function(x).astype(x.dtype), 0.5)
    assert code in codes_of(report), report
    told = "rounding errors of a sample" in str(report)
    assert told == (code == "boundary")  # the mean of all samples has errors of all


# 3 Integers.


def integer(
    gains: tuple[float, float], between: Any, last: Any, taps: Any = None, fold: str = "zeros"
) -> Any:
    """Each pass multiplied by a gain, rounded after the first and after the second."""
    taps = taps_of(0.25) if taps is None else taps

    def fn(x: Any) -> Any:
        y, top = x.astype(np.float32), np.iinfo(x.dtype).max
        for axis, gain, rounded in zip((-2, -1), gains, (between, last), strict=True):
            parts = shifted(y, 0.25, axis)
            total = sum(t * part for t, part in zip(taps.astype(np.float32), parts, strict=True))
            y = np.clip(rounded(total * np.float32(gain)), 0, top)
        return y.astype(x.dtype)

    return fn


def half_up(y: Any) -> Any:
    return np.floor(y + np.float32(0.5))


def exact(y: Any) -> Any:
    return y


@pytest.mark.parametrize(
    ("gains", "between", "last", "said"),
    [
        ((1.02, 1), np.rint, np.rint, " after a gain, too, all to nearest"),
        ((1.01, 1.01), np.rint, np.rint, ", too, all to nearest"),
        ((0.5, 1), half_up, half_up, " after a gain, too, all to nearest"),
        ((0.98, 1), np.floor, np.floor, " after a gain, too, all down"),
        ((1, 0.98), np.rint, np.rint, ", too, all to nearest"),
    ],
)
def test_a_gain_before_a_rounding_between_the_passes(
    gains: Any, between: Any, last: Any, said: str
) -> None:
    found = diagnose(integer(gains, between, last), scale=0.25, dtype="uint8")
    assert codes_of(found) == ["normalisation", "precision"], found
    assert f"what lies between the passes is rounded to integers{said}" in str(found.findings[1])


@pytest.mark.parametrize(
    ("dtype", "between", "last", "said"),
    [
        ("uint16", np.floor, np.floor, "between the passes is rounded to integers, too, all down"),
        ("uint8", np.floor, np.floor, "between the passes is rounded to integers, too, all down"),
        ("uint16", exact, np.floor, "results are rounded down (truncated)"),
        ("uint8", exact, np.floor, "results are rounded down (truncated)"),
    ],
)
def test_truncation_twice_is_told_from_once(dtype: str, between: Any, last: Any, said: str) -> None:
    report = oracle.check(integer((1, 1), between, last), 0.25, dtype=dtype)
    assert codes_of(report) == ["precision"], report
    assert said in str(report)


@pytest.mark.parametrize("gain", [1.02, 0.5])
def test_a_gain_alone_is_no_rounding_between(gain: float) -> None:
    for gains in ((gain, 1), (1, gain)):
        found = diagnose(integer(gains, exact, np.rint), scale=0.25, dtype="uint8")
        assert codes_of(found) == ["normalisation"], found


@pytest.mark.parametrize(("dtype", "digits"), [("uint8", 2), ("uint8", 3), ("uint16", 4)])
def test_decimal_taps_are_told_by_integers_too(dtype: str, digits: int) -> None:
    taps = np.round(taps_of(0.25), digits)
    found = diagnose(integer((1, 1), exact, np.rint, taps), scale=0.25, dtype=dtype)
    assert codes_of(found) == ["precision"], found
    assert f"rounded to {digits} decimal places" in found.findings[0].message


# 4 Wide filters of integers, in seconds.


@pytest.mark.parametrize(
    ("weights", "first"),
    [
        (np.exp(-(np.arange(-126, 127) ** 2) / (2 * 31.5**2)), -126),
        (np.ones(64), 1),
        (np.ones(1), 0),
        (np.ones(2), 3),
    ],
)
def test_edges_tell_centres_where_random_lines_are_few(weights: Any, first: int) -> None:
    """Stride 64, a tenth of the lines that least squares would need."""
    n, weights = 895, weights / weights.sum()
    rng = np.random.default_rng(4)
    matrix = np.zeros((14, n + 512))
    for i, row in enumerate(matrix):
        start = 256 + 64 * i + first
        row[start : start + len(weights)] = weights
    matrix = matrix[:, 256 : 256 + n]
    edges = range(0, n + 1, 8)
    rises = np.where(np.arange(n) < np.array(edges)[:, None], 31, 224)
    x = np.concatenate([rng.integers(0, 256, (190, n)), rises]).astype(np.float64)
    lines = Lines(x, np.rint(x @ matrix.T), 255, 1e-6, edges=tuple(edges))
    guess = guess_rows(lines)
    assert len(guess.inner) >= 5
    middle = first + (len(weights) - 1) / 2
    assert [guess.centres[i] for i in guess.inner] == [64 * i + middle for i in guess.inner]


def test_bytes_at_a_64th_take_few_questions() -> None:
    """Least squares for every weight, and every level, would take four times as many."""
    samples = 0

    def function(x: Any) -> Any:
        nonlocal samples
        samples += x.size
        return aa_ref.downsample(x, 1 / 64)

    assert diagnose(function, scale=1 / 64, dtype="uint8").findings == []
    assert samples < 300_000_000


def test_bytes_at_a_64th_that_are_cut_off_twice_read_the_expected_samples() -> None:
    """By edges, outputs seem to be centred half a sample before their place."""

    def function(x: Any) -> Any:
        lines = np.floor(aa_ref.downsample(x, 1 / 64, axes=-2, dtype="float32"))
        return np.floor(aa_ref.downsample(lines, 1 / 64, axes=-1)).astype(x.dtype)

    (finding,) = diagnose(function, scale=1 / 64, dtype="uint8").findings
    assert finding.code == "precision"
    assert "between the passes is rounded to integers, too, all down" in finding.message


def test_filters_of_few_taps_are_not_the_expected_ones_of_few_digits() -> None:
    """1, 2, 1 are what multiples of 1/32, cut off, leave of a table of 13 × 13 weights."""

    def fn(x: Any) -> Any:
        for axis in (-2, -1):
            before, amid, behind = shifted(x, 0.25, axis)[5:8]
            x = (before + 2 * amid + behind) / 4
        return x

    report = oracle.check(fn, 0.25)
    assert codes_of(report) == ["sigma", "radius"], report


# 4 Where numbers are coarse, which filter it is, what lies beyond the ends.


@pytest.mark.parametrize("coarse", ["float16", "bfloat16"])
@pytest.mark.parametrize("sigma", [0.5, 0.8])
def test_coarse_inputs_and_what_lies_between_the_passes_are_told_apart(
    coarse: str, sigma: float
) -> None:
    def held(y: Any) -> Any:
        if coarse == "float16":
            return y.astype(np.float16).astype(np.float32)
        return bfloat16(y.astype(np.float64)).astype(np.float32)

    def between(x: Any) -> Any:
        y = held(aa_ref.downsample(x, 0.5, axes=-2, sigma=sigma))
        return aa_ref.downsample(y, 0.5, axes=-1, sigma=sigma)

    def inputs(x: Any) -> Any:
        return aa_ref.downsample(held(x), 0.5, sigma=sigma)

    named = {"float16": "it is rounded to TF32 or float16", "bfloat16": "it is rounded to bfloat16"}
    for function, said in ((between, "of what lies between the"), (inputs, "of an input make")):
        (finding,) = diagnose(function, scale=0.5, sigma=sigma).findings
        assert finding.code == "precision"
        assert said in finding.message
        assert finding.message.endswith(named[coarse])


def test_a_sum_is_judged_by_the_digits_that_results_have() -> None:
    """Weights that sum to 1.03 are no rounding to binary32, where the type is binary64."""
    single = diagnose(port(0.5, taps_of(0.5), np.float32), scale=0.5, dtype="float64")
    assert codes_of(single) == ["precision"]
    more = diagnose(port(0.5, 1.0144 * taps_of(0.5), np.float32), scale=0.5, dtype="float64")
    assert codes_of(more) == ["normalisation", "precision"]


def test_transforms_in_binary32_are_linear_where_binary64_is_asked() -> None:
    found = diagnose(fourier(0.5, np.float32), scale=0.5, dtype="float64")
    assert codes_of(found) == ["precision", "precision"]
    assert "24 binary digits, not 53" in found.findings[0].message
    assert "as those of Fourier transforms do" in found.findings[1].message
    wider = diagnose(
        lambda x: fourier(0.5, np.float32)(aa_ref.downsample(x, 0.5)), scale=0.5, dtype="float64"
    )
    assert "stride" in codes_of(wider)


def integrals(sigma: float, radius: int) -> Any:
    edges = np.arange(-radius, radius + 2) - 0.5
    taps = np.diff([math.erf(e / (sigma * math.sqrt(2))) for e in edges])
    return taps / taps.sum()


def boxes(width: int, count: int) -> Any:
    return reduce(np.convolve, [np.ones(width) / width] * count)


@pytest.mark.parametrize(
    ("taps", "said"),
    [
        (integrals(0.5, 2), "are those of a Gaussian of sigma 0.5 integrated over the width of"),
        (integrals(1.5, 6), "are those of a Gaussian of sigma 1.5 integrated over the width of"),
        (integrals(2.0, 5), "are those of a Gaussian of sigma 2 integrated over the width of"),
        (boxes(3, 3), "the 7 taps are those of 3 boxes of 3, one after the other"),
        (boxes(5, 3), "the 13 taps are those of 3 boxes of 5, one after the other"),
        (boxes(3, 4), "the 9 taps are those of 4 boxes of 3, one after the other"),
        (boxes(3, 1), "the 3 taps are equal, a box"),
        (np.array([1, 5, 7, 5, 1]) / 19, "are no Gaussian"),
        (np.exp(-np.abs(np.arange(-4, 5)) / 1.5), "are no Gaussian"),
    ],
)
def test_filters_that_stand_for_a_gaussian_are_named(taps: Any, said: str) -> None:
    radius = len(taps) // 2

    def fn(x: Any) -> Any:
        y = x.astype(np.float64)
        for axis in (-2, -1):
            y = np.moveaxis(y, axis, -1)
            padded = np.pad(y, [(0, 0)] * 3 + [(radius, radius)])
            parts = [padded[..., k : k + y.shape[-1]] for k in range(len(taps))]
            y = sum(t * part for t, part in zip(taps, parts, strict=True))[..., ::4]
            y = np.moveaxis(y, -1, axis)
        return y.astype(x.dtype)

    (finding,) = [f for f in diagnose(fn, scale=0.25).findings if f.code == "sigma"]
    assert said in finding.message


def with_constant(value: float, gain: float = 1.0) -> Any:
    """The constant lies beyond the ends; for integers, too."""

    def fn(x: Any) -> Any:
        around = [(0, 0), (0, 0), (16, 16), (16, 16)]
        y = gain * aa_ref.downsample(np.pad(x, around, constant_values=value).astype(float), 0.25)
        y = y[..., 4:, 4:][..., : -(-x.shape[-2] // 4), : -(-x.shape[-1] // 4)]
        return (y if x.dtype.kind == "f" else np.rint(y)).astype(x.dtype)

    return fn


def limited(function: Any, low: float, high: float) -> Any:
    return lambda x: np.clip(function(x), low, high).astype(x.dtype)


@pytest.mark.parametrize(
    ("function", "dtype", "codes", "said"),
    [
        (with_constant(-1), "float32", ["boundary"], "lies the constant -1, not 0"),
        (with_constant(0.25, 2), "float64", ["normalisation", "boundary"], "the constant 0.25,"),
        (with_constant(255), "uint8", ["boundary"], "lies the constant 255, not 0"),
        (limited(with_constant(-1), 0, 1), "float32", ["boundary", "values"], "the constant -1,"),
        (limited(with_constant(0.5), 0, 1), "float32", ["boundary", "values"], "constant 0.5,"),
        (limited(with_constant(3), -2, 2), "float32", ["boundary", "values"], "the constant 3,"),
    ],
)
def test_a_constant_beyond_the_ends_is_told(
    function: Any, dtype: str, codes: list[str], said: str
) -> None:
    found = diagnose(function, scale=0.25, dtype=dtype)
    assert codes_of(found) == codes, found
    assert any(said in f.message for f in found.findings if f.code == "boundary"), found


@pytest.mark.parametrize("boundary", ["zeros", "replicate", "reflect", "circular"])
def test_limits_alone_are_no_constant_beyond_the_ends(boundary: str) -> None:
    function = limited(lambda x: aa_ref.downsample(x, 0.25, boundary=boundary), 0, 1)
    found = diagnose(function, scale=0.25)
    assert codes_of(found) == [*(["boundary"] if boundary != "zeros" else []), "values"]
    assert "constant" not in str(found.findings)


def lost_by(lost: Any) -> Any:
    """The last outputs along each axis stay 0; `lost` says how many, of inputs and outputs."""

    def fn(x: Any) -> Any:
        y = aa_ref.downsample(x, 0.25)
        for axis in (-2, -1):
            count = lost(x.shape[axis], y.shape[axis])
            np.moveaxis(y, axis, -1)[..., y.shape[axis] - count :] = 0
        return y

    return fn


@pytest.mark.parametrize(
    ("lost", "code", "said"),
    [
        (lambda n, m: m - n // 4, "values", "0 where the length is no multiple of 4"),
        (lambda n, m: m % 2, "values", "outputs behind the last multiple of 2 are 0"),
        (lambda n, m: m % 8, "values", "outputs behind the last multiple of 8 are 0"),
        (lambda n, m: 1, "boundary", "at the last end outputs follow no known rule"),
    ],
)
def test_outputs_that_a_loop_leaves_over_are_told(lost: Any, code: str, said: str) -> None:
    (finding,) = diagnose(lost_by(lost), scale=0.25, layout="HW").findings
    assert finding.code == code
    assert said in finding.message


def test_another_rule_is_told_beside_outputs_that_a_loop_leaves_over() -> None:
    def fn(x: Any) -> Any:
        y = aa_ref.downsample(x, 0.25, boundary="replicate")
        y[..., y.shape[-1] // 8 * 8 :] = 0
        return y

    found = diagnose(fn, scale=0.25, layout="HW")
    assert codes_of(found) == ["boundary", "boundary", "values"], found
    assert "replicate" in found.findings[0].message
