"""The six types: exact on the way in, rounded once on the way out. `docs/spec.md`, part 4."""

import struct
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import BACKENDS, BFLOAT16, TYPES, assert_same_bits, bits, numpy_type

import aa_ref
from aa_ref.dtypes import FLOATING, NAMES, STORAGE, compute_type, name_of, narrow, widen
from aa_ref.errors import DtypeError

ALL_16_BITS = np.arange(2**16, dtype=np.uint16)
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
# significant bits, exponent of the smallest normal number
FORMATS = {"float16": (11, -14), "bfloat16": (8, -126), "float32": (24, -126)}
by_half = pytest.mark.parametrize("name", ["float16", "bfloat16"])
by_source = pytest.mark.parametrize("source", [SINGLE, DOUBLE], ids=str)
by_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(autouse=True)
def _floating_point_warnings_are_errors():
    with np.errstate(all="raise"):
        yield


def magnitudes(name):
    """The values of the bit patterns 0..infinity of a 16-bit format, in binary64.

    Infinity stands as the number that would follow the largest, which is where rounding sees it.
    """
    precision, least = FORMATS[name]
    fraction = precision - 1
    pattern = np.arange((0x7C00 if name == "float16" else 0x7F80) + 1)
    exponent, mantissa = pattern >> fraction, pattern & ((1 << fraction) - 1)
    mantissa = mantissa + (np.minimum(exponent, 1) << fraction)
    return np.ldexp(mantissa.astype(np.float64), np.maximum(exponent, 1) - 1 + least - fraction)


def storage(x, name):
    return x.view(np.uint16) if name == "bfloat16" else x


# ------------------------------------------------------------------------------------- widen


@by_half
def test_every_16_bit_pattern_widens_exactly(name):
    x = ALL_16_BITS if name == "bfloat16" else ALL_16_BITS.view(np.float16)
    wide = widen(x, name)
    assert wide.dtype == np.float32
    values = magnitudes(name)
    infinity = len(values) - 1
    values[infinity] = np.inf
    np.testing.assert_array_equal(wide[: infinity + 1].astype(np.float64), values)
    np.testing.assert_array_equal(wide[0x8000 : 0x8000 + infinity + 1].astype(np.float64), -values)
    assert np.signbit(wide[0x8000:]).all()
    assert not np.signbit(wide[:0x8000]).any()
    assert np.isnan(wide[infinity + 1 : 0x8000]).all()
    assert np.isnan(wide[0x8000 + infinity + 1 :]).all()


@by_half
def test_every_16_bit_pattern_comes_back(name):
    x = ALL_16_BITS if name == "bfloat16" else ALL_16_BITS.view(np.float16)
    for wide in (widen(x, name), np.array(widen(x, name).tolist(), np.float64)):
        back = narrow(wide, name)
        assert back.dtype == STORAGE[name]
        assert_same_bits(back, x, name)


def test_bfloat16_is_that_of_ml_dtypes_and_torch():
    wide = widen(ALL_16_BITS, "bfloat16")
    with np.errstate(invalid="ignore"):  # signalling NaN
        theirs = ALL_16_BITS.view(BFLOAT16).astype(np.float32)
    assert_same_bits(wide, theirs)
    torch = pytest.importorskip("torch")
    theirs = torch.from_numpy(ALL_16_BITS.copy()).view(torch.bfloat16).to(torch.float32)
    assert_same_bits(wide, theirs)


@pytest.mark.parametrize("name", ["uint8", "uint16"])
def test_every_integer_widens_and_comes_back(name):
    x = np.arange(np.iinfo(name).max + 1).astype(name)
    wide = widen(x, name)
    assert wide.dtype == np.float32
    assert wide.tolist() == list(range(len(x)))
    for source in (SINGLE, DOUBLE):
        assert_same_bits(narrow(wide.astype(source), name), x)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_the_compute_types_stay_as_they_are(name):
    x = np.array([0.0, -0.0, 1, np.inf, np.nan, 1e-45, 3e38], name)
    assert_same_bits(widen(x, name), x)
    assert_same_bits(narrow(x, name), x)


# --------------------------------------------------------- narrow to the 16-bit floating types


@by_half
@by_source
def test_every_rounding_boundary(name, source):
    """Rounding is monotone, so these points, exhaustive, pin it down everywhere.

    Between each two neighbours: the middle goes to the even one, the next number of the source type
    on either side goes to the nearer one. The last middle is where infinity begins.
    """
    values = magnitudes(name)
    low, high = values[:-1], values[1:]
    middle = ((low + high) / 2).astype(source)
    np.testing.assert_array_equal(middle.astype(np.float64), low / 2 + high / 2)  # all exact
    pattern = np.arange(len(low))
    with np.errstate(under="ignore"):
        above, below = (
            np.nextafter(middle, source.type(np.inf)),
            np.nextafter(middle, source.type(0)),
        )
    for points, expected in [
        (middle, pattern + (pattern & 1)),
        (above, pattern + 1),
        (below, pattern),
        (low.astype(source), pattern),
    ]:
        np.testing.assert_array_equal(storage(narrow(points, name), name).view(np.uint16), expected)
        np.testing.assert_array_equal(
            storage(narrow(-points, name), name).view(np.uint16), expected + 0x8000
        )


def test_float64_to_float16_is_not_by_way_of_float32():
    # Just above the middle of two float16, by less than float32 shows: two roundings go down.
    x = np.array([1 + 2.0**-11 + 2.0**-40, 2.0**-25 + 2.0**-70, 65520 - 2.0**-30])
    assert narrow(x, "float16").tolist() == [1 + 2.0**-10, 2.0**-24, 65504]
    with np.errstate(all="ignore"):
        assert x.astype(np.float32).astype(np.float16).tolist() == [1.0, 0.0, np.inf]


def test_float64_to_bfloat16_is_not_by_way_of_float32():
    largest = 2.0**127 * (2 - 2.0**-7)
    x = np.array([1 + 2.0**-8 + 2.0**-40, 1 + 3 * 2.0**-8 - 2.0**-40, 2.0**-134 + 2.0**-180,
                  largest + 2.0**119 - 2.0**80])  # fmt: skip
    expected = [1 + 2.0**-7, 1 + 2.0**-7, 2.0**-133, largest]
    assert widen(narrow(x, "bfloat16"), "bfloat16").tolist() == expected
    assert widen(narrow(-x, "bfloat16"), "bfloat16").tolist() == [-v for v in expected]
    with np.errstate(all="ignore"):
        twice = widen(narrow(x.astype(np.float32), "bfloat16"), "bfloat16").tolist()
    assert twice == [1.0, 1 + 2.0**-6, 0.0, np.inf]


def rounded(value: float, name: str) -> float:
    """The format's nearest number, half to even, computed with integers and fractions alone."""
    precision, least = FORMATS[name]
    exact = abs(Fraction(value))
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    exponent -= exact < Fraction(2) ** exponent
    unit = Fraction(2) ** (max(exponent, least) - precision + 1)
    multiple = round(exact / unit) * unit  # Python rounds fractions half to even
    largest_exponent = 1 - least
    size = float("inf") if multiple >= Fraction(2) ** (largest_exponent + 1) else float(multiple)
    return -size if struct.pack(">d", value)[0] >> 7 else size


any_float = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def near_a_middle(draw):
    """Binary64 numbers next to a middle of two binary32, float16 or bfloat16 numbers."""
    precision, _ = FORMATS[draw(st.sampled_from(sorted(FORMATS)))]
    odd = 2 * draw(st.integers(2 ** (precision - 1), 2**precision - 1)) + 1
    value = np.ldexp(float(odd), draw(st.integers(-150, 127)) - precision)
    steps = draw(st.integers(-2, 2))
    for _ in range(abs(steps)):
        value = np.nextafter(value, np.inf if steps > 0 else 0)
    return float(value) * draw(st.sampled_from([-1, 1]))


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(value=near_a_middle() | any_float)
@example(0.0)
@example(-0.0)
@example(5e-324)
@example(-1.7976931348623157e308)
@example(1 + 2.0**-8 + 2.0**-25)  # a tie of binary32 above a tie of bfloat16
@example(1 + 2.0**-8 - 2.0**-25)
def test_any_float64_is_rounded_once(name, value):
    got = widen(narrow(np.array([value]), name), name)
    assert_same_bits(got, np.array([rounded(value, name)], np.float32))


@by_half
@given(value=st.floats(width=32, allow_nan=False))
def test_any_float32_is_rounded_as_elsewhere(name, value):
    x = np.array([value, -value], np.float32)
    got = narrow(x, name)
    with np.errstate(all="ignore"):
        assert_same_bits(got, storage(x.astype(numpy_type(name)), name))
    torch = pytest.importorskip("torch")
    theirs = torch.from_numpy(x.copy()).to(getattr(torch, name))
    assert_same_bits(got, theirs, name)


@by_half
@by_source
def test_specials(name, source):
    x = np.array([np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0, 1e38, -1e38], source)
    infinity = len(magnitudes(name)) - 1
    got = storage(narrow(x, name), name).view(np.uint16)
    assert got[[0, 1, 4, 5]].tolist() == [infinity, infinity | 0x8000, 0, 0x8000]
    assert (got[2:4] & 0x7FFF > infinity).all()
    large = infinity if name == "float16" else 0x7E96
    assert got[6:].tolist() == [large, large | 0x8000]


def test_every_nan_stays_one():
    # Those with low payload bits alone would turn into infinity if the bits were cut off.
    payloads = np.uint32(0x7F800000) + np.array(
        [1, 2, 0x7FFF, 0x8000, 0xFFFF, 0x400000, 0x7FFFFF], "u4"
    )
    x = np.concatenate([payloads, payloads | np.uint32(0x80000000)]).view(np.float32)
    assert np.isnan(widen(narrow(x, "bfloat16"), "bfloat16")).all()
    assert np.isnan(narrow(x, "float16")).all()
    assert narrow(x, "uint8").tolist() == [0] * 14


# -------------------------------------------------------------------- narrow to the integers


@pytest.mark.parametrize("name", ["uint8", "uint16"])
@by_source
def test_halves_go_to_the_even_integer(name, source):
    top = np.iinfo(name).max
    k = np.arange(top)
    half = (k + 0.5).astype(source)
    np.testing.assert_array_equal(narrow(half, name), k + (k & 1))
    np.testing.assert_array_equal(narrow(np.nextafter(half, source.type(np.inf)), name), k + 1)
    np.testing.assert_array_equal(narrow(np.nextafter(half, source.type(-np.inf)), name), k)


@pytest.mark.parametrize("name", ["uint8", "uint16"])
@by_source
def test_integers_are_clipped_never_wrapped(name, source):
    top = np.iinfo(name).max
    below = [-0.0, -0.4, -0.5, -0.6, -1, -1.5, -256, -65537, -1e30, -np.inf, np.nan, 1e-45, 0.4]
    above = [top - 0.25, top + 0.25, top + 0.5, top + 1, 2 * top, 2.0**31, 2.0**32 + 7, 2.0**63,
             2.0**64 + 2.0**45, 1e38, np.inf]  # fmt: skip
    got = narrow(np.array(below + above, source), name)
    assert got.dtype == name
    assert got.tolist() == [0] * len(below) + [top] * len(above)


@pytest.mark.parametrize("name", ["uint8", "uint16"])
@given(value=st.floats(-100, 70000))
def test_any_number_is_rounded_to_the_nearest_integer(name, value):
    expected = min(max(round(Fraction(value)), 0), int(np.iinfo(name).max))
    assert narrow(np.array([value]), name).tolist() == [expected]


# ------------------------------------------------------------------- through the public call


@by_backend
@pytest.mark.parametrize("result", TYPES)
@pytest.mark.parametrize("given_type", TYPES)
def test_conversion_alone_follows_the_same_rules(given_type, result, backend):
    # A scale of 1 has no pass: only the conversion is left, with all its special cases.
    if given_type.startswith("uint"):
        x = np.arange(min(np.iinfo(given_type).max, 70000) + 1).astype(given_type)
    elif given_type == "float64":
        with np.errstate(all="ignore"):
            x = ALL_16_BITS.view(np.float16).astype(np.float64) * (1 + 2.0**-40)
        x = np.append(x, [1e308, 5e-324, -0.0, 65519.99999, 255.5, -0.5, 65535.5])
    else:
        x = ALL_16_BITS.view(numpy_type("bfloat16" if given_type == "bfloat16" else "float16"))
        with np.errstate(all="ignore"):
            x = x.astype(numpy_type(given_type))
    x = x[: len(x) // 3 * 3].reshape(3, -1)
    y = aa_ref.downsample(x, 1, dtype=result, backend=backend)
    assert y.dtype == numpy_type(result)
    expected = narrow(widen(storage(x, given_type), given_type), result)
    assert_same_bits(y, expected, result)
    if given_type == result:
        assert_same_bits(y, x)


@by_backend
@pytest.mark.parametrize("result", TYPES)
def test_results_are_rounded_directly_after_filtering(result, backend):
    # Scale 0.9 has one tap of 1: the sum starts at +0.0, so -0.0 is gone, and nothing else changes.
    x = np.array([[1 + 2.0**-8 + 2.0**-40, -0.0, 65520 - 2.0**-30], [0.5, 254.5 + 2.0**-30, -3.5]])
    with pytest.warns(UserWarning, match="stride"):
        y = aa_ref.downsample(x, 0.9, dtype=result, backend=backend)
    assert_same_bits(y, narrow(x + 0.0, result), result)
    assert not np.signbit(y.astype(np.float64)[0, 1])


@by_backend
def test_conversion_can_make_a_negative_zero(backend):
    x = np.array([[-1e-30, 1e-30, -0.0]], np.float64)
    y = aa_ref.downsample(x, (0.5, 1), sigma=(0, None), dtype="float16", backend=backend)
    assert bits(y).tolist() == [[0x8000, 0, 0]]


# ------------------------------------------------------------------------------------- names


def test_the_tables():
    assert NAMES == ("float64", "float32", "float16", "bfloat16", "uint8", "uint16")
    assert set(FLOATING) == {"float64", "float32", "float16", "bfloat16"}
    assert set(TYPES) == set(NAMES)
    for name in NAMES:
        assert compute_type(name) == ("float64" if name == "float64" else "float32")
        assert STORAGE[name].itemsize == numpy_type(name).itemsize


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(float, "float64"), ("f4", "float32"), (">f4", "float32"), ("<u2", "uint16"),
     ("double", "float64"), ("half", "float16"), (np.float32, "float32"),
     (np.dtype(">u2"), "uint16"), (np.uint8, "uint8"),
     (ml_dtypes.bfloat16, "bfloat16"), (BFLOAT16, "bfloat16"), ("bfloat16", "bfloat16"),
     *((name, name) for name in NAMES)],
    ids=str,
)  # fmt: skip
def test_names(dtype, name):
    assert name_of(dtype) == name
    assert aa_ref.plan((5, 7), 0.5, dtype=dtype).dtype == name
    assert aa_ref.plan((5, 7), 0.5, input_dtype=dtype).input_dtype == name


@pytest.mark.parametrize("name", NAMES)
def test_names_of_other_libraries(name):
    torch = pytest.importorskip("torch")
    assert name_of(getattr(torch, name)) == name
    jax_numpy = pytest.importorskip("jax.numpy")
    assert name_of(getattr(jax_numpy, name)) == name
    if name not in ("float16", "bfloat16"):
        strict = pytest.importorskip("array_api_strict")
        assert name_of(getattr(strict, name)) == name


@pytest.mark.parametrize(
    "dtype",
    [None, "", "int8", int, bool, complex, "complex64", object, str, "U4", "S3", "M8[s]", np.int64,
     np.uint32, np.longdouble, ml_dtypes.float8_e4m3fn, ml_dtypes.int4, "float8", "float128",
     "floaty", "nonsense.float32", "f4,f4", "(2,)f4", [("a", "f4")], {"names": ["a"]}, ",", 3, 1.5,
     ()],
    ids=repr,
)  # fmt: skip
def test_other_types_are_refused_by_name(dtype):
    with pytest.raises(DtypeError, match="none of the types taken: float64, float32"):
        name_of(dtype)
    with pytest.raises(TypeError, match="input_dtype is"):
        aa_ref.plan((5, 7), 0.5, input_dtype=dtype)
    if dtype is not None:
        with pytest.raises(DtypeError, match="dtype is"):
            aa_ref.downsample(np.ones((5, 7)), 0.5, dtype=dtype)
