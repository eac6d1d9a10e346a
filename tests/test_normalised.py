"""Data with holes: every backend as the reference to the bit; what the mask hides never leaks."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import BACKENDS, TYPES, assert_same_bits, numpy_type, sample

import aa_ref
from aa_ref import reference
from aa_ref.errors import ContainerError, DeviceError

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
by_backend = pytest.mark.parametrize("backend", BACKENDS)


def storage(x):
    return x.view(np.uint16) if x.dtype == numpy_type("bfloat16") else x


@st.composite
def cases(draw):
    """Data with NaN and infinity where the mask hides them, a mask, options."""
    dtype = draw(st.sampled_from(TYPES))
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 13)), draw(st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    x = sample(shape, dtype)
    smaller = tuple(n if draw(st.booleans()) else 1 for n in shape)[draw(st.integers(0, 2)) :]
    kind = draw(st.sampled_from(["bool", "float64", "float32", "bfloat16", "uint8"]))
    mask = rng.random(smaller) * (rng.random(smaller) > draw(st.sampled_from([0, 0.3, 0.9])))
    mask = (mask > 0).astype(kind) if kind in ("bool", "uint8") else mask.astype(numpy_type(kind))
    if not dtype.startswith("uint"):
        hidden = np.broadcast_to(mask.astype(numpy_type("float32")) == 0, shape)
        bad = rng.choice([np.nan, np.inf, -np.inf], shape).astype(x.dtype)
        x = np.where(hidden, bad, x)
    result = draw(st.none() | st.sampled_from(TYPES))
    options = {
        "axes": draw(st.sampled_from([(-2, -1), (1,), (0, 1, 2)])),
        "boundary": draw(st.sampled_from(["zeros", "replicate", "reflect", "circular"])),
        "sampling": "slice",
        "dtype": result,
    }
    scale = draw(st.sampled_from([0.5, 0.25, Fraction(1, 3), 0.4, 1]))
    limits = {"least": draw(st.sampled_from([0, 0.1, 0.5, 1]))}
    limits |= draw(st.sampled_from([{}, {"fill": 7}]))
    return x, mask, scale, options, limits


@by_backend
@given(case=cases())
def test_property_masked(backend, case):
    x, mask, scale, options, limits = case
    y, weight = aa_ref.downsample_masked(x, mask, scale, backend=backend, **options, **limits)
    p = aa_ref.plan(x.shape, scale, input_dtype=x.dtype, **options)
    whole = np.broadcast_to(mask, x.shape)
    if whole.dtype.kind not in "bf":  # bfloat16 and uint8, in their compute type
        whole = whole.astype(np.float32)
    expected, expected_weight = reference.forward_masked(p, storage(x), whole, **limits)
    assert_same_bits(y, expected, p.dtype)
    assert_same_bits(weight, expected_weight)
    assert weight.shape == y.shape == p.out_shape
    assert weight.flags.writeable
    assert ((weight >= 0) & (weight <= 1)).all()
    if p.dtype not in ("uint8", "uint16"):  # nothing that is hidden leaks
        shown = (weight >= weight.dtype.type(limits["least"])) & (weight > 0)
        assert np.isfinite(y.astype(np.float64)[shown]).all()
    twin = x.copy()
    twin[np.broadcast_to(np.asarray(mask, np.float32) == 0, x.shape)] = 3
    again = aa_ref.downsample_masked(twin, mask, scale, backend=backend, **options, **limits)
    for a, b in zip(again, (y, weight), strict=True):
        assert_same_bits(a, b)


def test_means_of_what_counts():
    """Against the definition, in binary64 and by hand."""
    x, mask = np.array([1.0, 2, np.nan, 4, 5, 6, 7]), np.array([1, 1, 0, 1, 1, 1, 1], bool)
    y, weight = aa_ref.downsample_masked(x, mask, 0.5, axes=-1, least=0)
    t = aa_ref.plan((7,), 0.5, axes=-1, input_dtype="float64").axes[0].taps
    for i, c in enumerate((0, 2, 4, 6)):
        near = [(t[j - c + 2], x[j]) for j in range(7) if abs(j - c) <= 2 and mask[j]]
        inside = sum(t[j - c + 2] for j in range(7) if abs(j - c) <= 2)
        total = sum(tap for tap, _ in near)
        # Of five positive terms at most: each side within 21 roundings of 2**-53 of the quotient.
        close = {"rtol": 1e-14, "atol": 0}
        assert np.isclose(y[i], sum(tap * value for tap, value in near) / total, **close)
        assert np.isclose(weight[i], total / inside, **close)


@by_backend
@pytest.mark.parametrize("boundary", ["zeros", "replicate", "reflect", "circular"])
def test_a_mask_that_hides_nothing(boundary, backend):
    x = np.full((9, 11), 5.0)
    options = {"boundary": boundary, "backend": backend}
    y, weight = aa_ref.downsample_masked(x, np.ones((), bool), 0.25, **options)
    assert np.allclose(y, 5, rtol=1e-14, atol=0)  # no edge darkens, with zeros either
    assert (weight == 1).all()
    plain = aa_ref.downsample(x, 0.25, **options)
    assert np.allclose(y, plain, rtol=1e-14, atol=0) == (boundary != "zeros")


def test_a_mask_that_hides_all():
    for dtype, fill in (("float32", np.nan), ("uint8", 0)):
        y, weight = aa_ref.downsample_masked(sample((6, 9), dtype), np.zeros((6, 9)), 0.5, least=0)
        assert_same_bits(y, np.full((3, 5), fill, dtype))
        assert_same_bits(weight, np.zeros((3, 5), "float64" if dtype == "float64" else "float32"))


def test_what_can_be_seen_is_not_hidden():
    x = sample((6, 9))
    x[2, 4] = np.nan
    y, _ = aa_ref.downsample_masked(x, np.ones((6, 9), bool), 0.5)
    assert np.isnan(y[1, 2])


@pytest.mark.parametrize("least", [0.0, 0.2, 0.5, 1.0])
def test_least_hides_what_has_less(least):
    mask = np.random.default_rng(0).random((30, 41)) > 0.5
    y, weight = aa_ref.downsample_masked(np.ones((30, 41)), mask, 0.25, least=least)
    assert (np.isnan(y) == (weight < least)).all()


def test_the_errors_of_masks_name_it_and_what_they_say_works():
    x = np.ma.masked_greater(sample((6, 9)), 0.5)
    with pytest.raises(ContainerError, match=r"write aa_ref\.downsample_masked") as caught:
        aa_ref.downsample(x, 0.5)
    line = str(caught.value).split("write ")[1].split(", or ")[0]
    y, _ = eval(line, {"aa_ref": aa_ref, "np": np, "x": x, "scale": 0.5})
    assert y.shape == (3, 5)
    with pytest.raises(ContainerError, match="carries a mask"):
        aa_ref.downsample_masked(sample((6, 9)), np.ma.ones((6, 9), bool), 0.5)


def test_inputs_are_not_written_and_one_warning_is_given():
    x, mask = sample((6, 9)), np.ones((6, 9), np.float32)
    before = x.tobytes(), mask.tobytes()
    with pytest.warns(UserWarning, match="scale 0.4 has stride") as caught:
        aa_ref.downsample_masked(x, mask, 0.4)
    assert [w.filename for w in caught] == [__file__]
    assert (x.tobytes(), mask.tobytes()) == before


@pytest.mark.parametrize("kind", ["torch", "jax.numpy"])
def test_other_arrays_give_their_own_kind(kind):
    xp = pytest.importorskip(kind)
    x, mask = sample((6, 9)), sample((6, 9)) > 0
    y, weight = aa_ref.downsample_masked(xp.asarray(x), xp.asarray(mask), 0.5)
    expected = aa_ref.downsample_masked(x, mask, 0.5)
    for a, b in zip((y, weight), expected, strict=True):
        assert isinstance(a, type(xp.asarray(x)))
        assert_same_bits(a, b)


def test_arrays_on_a_gpu_are_sent_to_torch():
    class OnGpu:
        @property
        def __cuda_array_interface__(self):
            return {"data": (256, False), "shape": (6, 9), "typestr": "<f4", "version": 3}

    with pytest.raises(DeviceError, match="torch"):
        aa_ref.downsample_masked(OnGpu(), np.ones((6, 9)), 0.5)
    with pytest.raises(DeviceError, match="mask is on a GPU"):
        aa_ref.downsample_masked(sample((6, 9)), OnGpu(), 0.5)
