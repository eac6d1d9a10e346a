"""Ninety cases computed in 240-bit arithmetic elsewhere; see `data/golden/README.md`."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import BACKENDS, BFLOAT16, assert_same_bits, bits, numpy_type

import aa_ref
from aa_ref.dtypes import compute_type

FOLDER = Path(__file__).parent / "data" / "golden"
CASES = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
AXES = (-2, -1)
PAD_MODES = {"zeros": "constant", "replicate": "edge", "reflect": "reflect", "circular": "wrap"}

by_case = pytest.mark.parametrize("case", CASES, ids=[f"{c['id']}-{c['label']}" for c in CASES])
by_backend = pytest.mark.parametrize("backend", BACKENDS)
# A scale above 0.5 with "slice" warns; some cases have one. That warning has its own test.
pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride int:UserWarning")


@pytest.fixture(scope="module")
def vectors():
    with np.load(FOLDER / "vectors.npz", allow_pickle=False) as archive:
        return dict(archive)


def array(case, vectors, name, type_name=None):
    """One array of a case, with bfloat16 bits as ml_dtypes' bfloat16."""
    found = vectors[case["arrays"][name]["key"]]
    return found.view(BFLOAT16) if type_name == "bfloat16" else found


def options(case) -> dict[str, Any]:
    return {
        "sigma": tuple(case["sigma"]),
        "boundary": case["boundary"],
        "sampling": case["sampling"],
    }


def scales(case) -> tuple[Any, ...]:
    return tuple(Fraction(s) if isinstance(s, str) else s for s in case["scale"])


def test_every_array_is_the_one_that_the_manifest_names(vectors):
    named = {}
    for case in CASES:
        for entry in case["arrays"].values():
            named[entry["key"]] = entry["sha256"]
    assert named.keys() == vectors.keys()
    for key, digest in named.items():
        little = vectors[key].astype(vectors[key].dtype.newbyteorder("<"))
        assert hashlib.sha256(little.tobytes()).hexdigest() == digest, key


def test_the_cases_reach_every_type_boundary_and_sampling():
    assert len(CASES) == 90
    assert {c["dtype"] for c in CASES} == set(aa_ref.list_backends()[0].dtypes)
    assert {b for c in CASES for b in c["boundary"]} == set(PAD_MODES)
    assert {s for c in CASES for s in c["sampling"]} == {"slice", "nearest"}
    assert {c["result"] for c in CASES} == {None, "uint8", "uint16", "float16", "float32"}


@by_case
def test_taps(case, vectors):
    x = array(case, vectors, "x")
    plan = aa_ref.plan(x.shape, scales(case), input_dtype=case["dtype"], **options(case))
    for axis, name in zip(plan.axes, ("taps_rows", "taps_columns"), strict=True):
        assert axis.has_pass == (name in case["arrays"])
        if axis.has_pass:
            assert_same_bits(axis.taps, array(case, vectors, name))


@by_backend
@by_case
def test_forward(case, vectors, backend):
    x = array(case, vectors, "x", case["dtype"])
    y = aa_ref.downsample(
        x, scales(case), dtype=case["result"], backend=backend, **options(case)
    )  # fmt: skip
    result = case["result"] or case["dtype"]
    assert y.dtype == numpy_type(result)
    assert_same_bits(y, array(case, vectors, "canonical", result))


@by_backend
@pytest.mark.parametrize(
    "case", [c for c in CASES if c["dtype"] == "bfloat16"], ids=lambda c: c["id"]
)
def test_forward_of_torch_bfloat16(case, vectors, backend):
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(array(case, vectors, "x")).view(torch.bfloat16)
    y = aa_ref.downsample(x, scales(case), backend=backend, **options(case))
    assert isinstance(y, torch.Tensor)
    assert y.dtype == torch.bfloat16
    assert_same_bits(y, array(case, vectors, "canonical", "bfloat16"))


@by_backend
@by_case
def test_adjoint(case, vectors, backend):
    g, x = array(case, vectors, "g"), array(case, vectors, "x")
    expected = array(case, vectors, "adjoint_canonical")
    back = aa_ref.downsample_adjoint(
        g, scales(case), x.shape[-2:], backend=backend, **options(case)
    )  # fmt: skip
    assert_same_bits(back, expected)


def matrix(taps, boundary, sampling, scale, length, outputs):
    """One pass as an (outputs, length) matrix of magnitudes, from NumPy's own padding."""
    if sampling == "slice":
        centres = np.arange(outputs) * int(1 / scale)
    else:
        step = np.float32(float(Fraction(1) / scale) if isinstance(scale, Fraction) else 1 / scale)
        centres = np.floor(np.arange(outputs, dtype=np.float32) * step).astype(int)
        centres = np.minimum(centres, length - 1)
    radius = len(taps) // 2
    if PAD_MODES[boundary] == "constant":
        source = np.pad(np.arange(length), radius, constant_values=-1)
    else:
        source = np.pad(np.arange(length), radius, PAD_MODES[boundary])
    m = np.zeros((outputs, length + 1))  # the last column is what the zeros outside are
    for i, centre in enumerate(centres):
        np.add.at(m[i], source[centre : centre + len(taps)], np.abs(taps, dtype=np.float64))
    return m[:, :-1]


def matrices(case, vectors, shape, out_shape):
    for d, name in enumerate(("taps_rows", "taps_columns")):
        if name in case["arrays"]:
            rules = case["boundary"][d], case["sampling"][d], scales(case)[d]
            yield matrix(array(case, vectors, name), *rules, shape[d - 2], out_shape[d - 2])
        else:
            yield np.eye(shape[d - 2])


def roundings_to_bound(roundings, products, magnitudes, exact, compute):
    """How far a computed result may be from ``exact``, element by element.

    With u the unit roundoff of the compute type (2^-24, 2^-53), a factor (1 + d), |d| <= u, for
    each rounding that a term passes through, and Higham's gamma(n) = n u / (1 - n u) >=
    (1 + u)^n - 1, a sum of terms of which each passes through at most n roundings is off by at most
    gamma(n) times the sum of the terms' magnitudes, whatever the order. Passes multiply their
    factors, so their n add up. A product below the normal range is off by at most half the
    smallest subnormal besides; sums there are exact. Taps are positive and add to about 1, so a
    later pass makes no more of it, and one whole subnormal a product covers the factors.
    ``exact`` itself was rounded once to binary64. The magnitudes are computed in binary64 with
    taps rounded once, all terms positive: 1.001 covers that many times over.
    """
    info = np.finfo(compute)
    n_u = roundings * float(info.eps) / 2
    own = np.finfo(np.float64).eps / 2 * np.abs(exact) + np.finfo(np.float64).smallest_subnormal
    return 1.001 * n_u / (1 - n_u) * magnitudes + products * float(info.smallest_subnormal) + own


@pytest.mark.parametrize(
    "case", [c for c in CASES if "exact" in c["arrays"]], ids=lambda c: c["id"]
)
def test_forward_is_within_the_proven_bound_of_the_exact_result(case, vectors):
    x, exact = array(case, vectors, "x", case["dtype"]), array(case, vectors, "exact")
    compute = compute_type(case["dtype"])
    y = aa_ref.downsample(x, scales(case), dtype=compute, backend="numpy", **options(case))
    rows, columns = matrices(case, vectors, x.shape, exact.shape)
    magnitudes = rows @ np.abs(x.astype(np.float64)) @ columns.T
    assert np.isfinite(magnitudes).all()
    # A term passes, in each pass, through the rounding of its tap, of its product, and of the sums
    # with the K - 1 terms before or after it (the first sum, 0 + product, is exact): K + 1.
    lengths = [a["key"] for n, a in case["arrays"].items() if n.startswith("taps")]
    taps = [len(vectors[key]) for key in lengths]
    bound = roundings_to_bound(sum(taps) + len(taps), sum(taps), magnitudes, exact, compute)
    assert (np.abs(y.astype(np.float64) - exact) <= bound).all()
    if magnitudes.any():  # and the bound bites: a hundredth of the magnitudes is beyond it
        assert (bound < 1e-2 * magnitudes.max()).all()


@by_case
def test_adjoint_is_within_the_proven_bound_of_the_exact_result(case, vectors):
    g, exact = array(case, vectors, "g"), array(case, vectors, "adjoint_exact")
    back = aa_ref.downsample_adjoint(
        g, scales(case), exact.shape[-2:], backend="numpy", **options(case)
    )  # fmt: skip
    rows, columns = matrices(case, vectors, exact.shape, g.shape)
    magnitudes = rows.T @ np.abs(g.astype(np.float64)) @ columns
    assert np.isfinite(magnitudes).all()
    # In each pass a term is rounded with its tap (1), as a product (1), in the sum over at most
    # min(K, outputs) outputs, and in the sum over at most 2R positions that fold onto one sample;
    # that sum has at most K products for each of them and for the sample itself.
    roundings = products = 0
    for d, name in enumerate(("taps_rows", "taps_columns")):
        if name in case["arrays"]:
            k = len(array(case, vectors, name))
            folds = 0 if case["boundary"][d] == "zeros" else k - 1
            roundings += 2 + min(k, g.shape[d - 2]) + folds
            products += min(k, g.shape[d - 2]) * (1 + folds)
    bound = roundings_to_bound(roundings, products, magnitudes, exact, g.dtype)
    assert (np.abs(back.astype(np.float64) - exact) <= bound).all()


@pytest.mark.parametrize(
    ("actual", "expected", "complaint"),
    [
        (np.float32([1, 0.0]), np.float32([1, -0.0]), "1 of 2 elements differ"),
        (np.float32([1]), np.nextafter(np.float32([1]), 2), "differ"),
        (np.float32([1]), np.float64([1]), "type"),
        (np.float32([[1]]), np.float32([1]), "shape"),
        (np.float32([np.nan]), np.float32([np.inf]), "differ"),
        (np.array([1], ">f4"), np.float32([1]), "byte order"),
        (np.array([0x7F80], np.uint16).view(BFLOAT16), np.array([np.nan], BFLOAT16), "differ"),
        (np.uint16([0x7FC1]), np.uint16([0x7FC2]), "differ"),
    ],
)
def test_the_comparison_of_bits_bites(actual, expected, complaint):
    with pytest.raises(AssertionError, match=complaint):
        assert_same_bits(actual, expected)


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "bfloat16"])
def test_the_bits_of_a_nan_are_free_and_nothing_else_is(name):
    one_nan = np.array([np.nan, -0.0, 3], numpy_type(name))
    other = one_nan.copy()
    other.view(f"u{other.itemsize}")[0] ^= 1  # the lowest bit of the payload
    assert other.tobytes() != one_nan.tobytes()
    assert_same_bits(one_nan, other)
    assert bits(one_nan)[1] == 1 << (8 * one_nan.itemsize - 1)
