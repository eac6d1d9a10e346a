"""Parts of plans: the bits of the whole, from the inputs, or outputs, that a part asks for."""

import pickle
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from cases import BOUNDARIES, FLOATS, Case, cases, gradient
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import BACKENDS, assert_same_bits

import aa_ref

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")


def taken(x: NDArray[Any], ranges: tuple[tuple[tuple[int, int], ...], ...]) -> NDArray[Any]:
    """What lies in the ranges of each dimension, one behind the other."""
    for axis, several in enumerate(ranges):
        parts = [x[(*[slice(None)] * axis, slice(lo, hi))] for lo, hi in several]
        x = np.concatenate(parts, axis)
    return x


def ranges_of(data: st.DataObject, shape: tuple[int, ...]) -> dict[int, tuple[int, int]]:
    """Ranges of some dimensions, named from the front or from the end."""
    found = {}
    for axis, length in enumerate(shape):
        if length and data.draw(st.integers(0, 3)):
            lo = data.draw(st.integers(0, length - 1))
            named = axis - len(shape) if data.draw(st.booleans()) else axis
            found[named] = lo, data.draw(st.integers(lo + 1, length))
    return found


def cut(y: NDArray[Any], ranges: dict[int, tuple[int, int]]) -> NDArray[Any]:
    for axis, (lo, hi) in ranges.items():
        y = y[(*[slice(None)] * (axis % y.ndim), slice(lo, hi))]
    return y


@pytest.mark.parametrize("backend", BACKENDS)
@given(cases(), st.data())
def test_a_part_has_the_bits_of_the_whole(backend: str, case: Case, data: st.DataObject) -> None:
    plan = case.plan
    whole = plan(case.x, backend=backend)
    ranges = ranges_of(data, plan.out_shape)
    part = plan.part(ranges)
    x = taken(case.x, part.inputs)
    assert x.shape == part.shape
    assert_same_bits(part(x, backend=backend), cut(whole, ranges))
    out = np.empty(part.out_shape, whole.dtype)
    assert part(x, out=out, backend=backend) is out
    assert_same_bits(out, cut(whole, ranges))
    smaller = ranges_of(data, part.out_shape)
    within = part.part(smaller)
    y = within(taken(case.x, within.inputs), backend=backend)
    assert_same_bits(y, cut(cut(whole, ranges), smaller))


@pytest.mark.parametrize("backend", BACKENDS)
@given(cases(dtypes=FLOATS, convert=False), st.data())
def test_a_parts_adjoint_is_the_wholes_of_zeros_elsewhere(
    backend: str, case: Case, data: st.DataObject
) -> None:
    plan = case.plan
    g = gradient(case, case.x.dtype.name, "normal")
    ranges = ranges_of(data, plan.out_shape)
    alone = np.zeros_like(g)
    cut(alone, ranges)[...] = cut(g, ranges)
    part = plan.part(ranges)
    whole = plan.adjoint(alone, backend=backend)
    assert_same_bits(part.adjoint(cut(g, ranges), backend=backend), taken(whole, part.inputs))


@pytest.mark.parametrize("backend", BACKENDS)
@given(cases(dtypes=FLOATS), st.sampled_from(["normal", "wide", "special"]), st.data())
def test_a_part_of_the_adjoint_has_the_bits_of_the_whole(
    backend: str, case: Case, kind: str, data: st.DataObject
) -> None:
    plan = case.plan
    g = gradient(case, case.x.dtype.name, kind)
    lengths = [case.x.shape[a] for a in case.options["axes"]]
    whole = aa_ref.downsample_adjoint(g, case.scale, lengths, **case.options, backend=backend)
    ranges = ranges_of(data, plan.shape)
    part = plan.adjoint_part(ranges)
    given_ = taken(g, part.outputs)
    assert given_.shape == part.out_shape
    assert_same_bits(part.adjoint(given_, backend=backend), cut(whole, ranges))
    out = np.empty(part.shape, whole.dtype)
    assert part.adjoint(given_, out=out, backend=backend) is out
    assert_same_bits(out, cut(whole, ranges))
    smaller = ranges_of(data, part.shape)
    within = part.part(smaller)
    gx = within.adjoint(taken(g, within.outputs), backend=backend)
    assert_same_bits(gx, cut(cut(whole, ranges), smaller))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("scale", "sigma", "sampling"),
    [(1, 0.8, "slice"), (0.5, None, "slice"), (Fraction(1, 3), 0.5, "slice"),
     (0.4, None, "nearest"), (0.25, 0.3, "nearest"), (0.2, 0, "slice")],
)  # fmt: skip
def test_every_range_of_a_short_axis(boundary: str, scale: Any, sigma: Any, sampling: str) -> None:
    rng = np.random.default_rng(0)
    for n in 13, 16:
        options = {"axes": 0, "sigma": sigma, "sampling": sampling, "boundary": boundary}
        plan = aa_ref.plan((n,), scale, **options)
        x = rng.standard_normal(n).astype(np.float32)
        whole = plan(x, backend="numpy")
        back = plan.adjoint(whole, backend="numpy")
        for lo, hi in combinations(range(len(whole) + 1), 2):
            part = plan.part({0: (lo, hi)})
            assert_same_bits(part(taken(x, part.inputs), backend="numpy"), whole[lo:hi])
        for lo, hi in combinations(range(n + 1), 2):
            part = plan.adjoint_part({0: (lo, hi)})
            gx = part.adjoint(taken(whole, part.outputs), backend="numpy")
            assert_same_bits(gx, back[lo:hi])


def test_centres_that_repeat_beyond_binary32() -> None:
    n = (1 << 24) + 40  # binary32 takes outputs in pairs to one centre there
    plan = aa_ref.plan((n,), 1, axes=0, sigma=0.5, sampling="nearest", boundary="circular")
    assert (np.diff(plan.axes[0].centres[-20:]) == 0).any()
    x = np.random.default_rng(0).random(n, np.float32)
    whole, back = plan(x), plan.adjoint(x)
    for lo, hi in (1 << 24, n), (n - 9, n - 2), (0, 3):
        part = plan.part({0: (lo, hi)})
        assert_same_bits(part(taken(x, part.inputs)), whole[lo:hi])
        part = plan.adjoint_part({0: (lo, hi)})
        assert_same_bits(part.adjoint(taken(x, part.outputs)), back[lo:hi])


def test_a_part_takes_hardly_more_than_its_outputs_need() -> None:
    for boundary in "zeros", "replicate", "reflect", "circular":
        plan = aa_ref.plan((10_000,), 0.25, axes=0, boundary=boundary)
        axis = plan.axes[0]
        for lo, hi in (0, 5), (1000, 1100), (2495, 2500):
            part = plan.part({0: (lo, hi)})
            needed = 4 * (hi - lo - 1) + 1 + 2 * axis.radius
            assert part.shape[0] < needed + 2 * axis.stride
            if boundary != "circular":
                assert part.inputs[0][0][1] == axis.input_range(lo, hi)[1]
            back = plan.adjoint_part({0: (4 * lo, 4 * hi)})
            assert back.out_shape[0] <= hi - lo + 4 * (axis.radius // axis.stride + 1)


def test_parts_are_plain_data() -> None:
    plan = aa_ref.plan((3, 40, 30), (0.5, Fraction(1, 3)), boundary="circular", dtype="uint8")
    part, same = (plan.part({-1: (0, 4), 0: (1, 2)}) for _ in range(2))
    part.excerpts  # noqa: B018 (what is cached is neither compared nor pickled)
    assert part == same
    assert hash(part) == hash(same)
    assert part != plan.part({-1: (0, 5), 0: (1, 2)})
    assert part != plan.adjoint_part({-1: (0, 4), 0: (1, 2)})
    assert pickle.loads(pickle.dumps(part)) == part
    assert plan.part({0: (0, 3)}) == plan.part({}) == plan.part({1: (0, 20)})
    assert (part.input_dtype, part.dtype) == ("float32", "uint8")
    assert str(part).splitlines()[0] == "(1, 40, 18) -> (1, 20, 4), a part of the forward of"
    assert str(part).endswith("axis 2: inputs 0 .. 13 and 26 .. 29, outputs 0 .. 3")


PLAN = aa_ref.plan((3, 40, 30), 0.5)
ERRORS = [
    (lambda: PLAN.part({3: (0, 1)}), "AxesError", ["axis 3", "out of range", "name the axes"]),
    (lambda: PLAN.part({1: (0, 1), -2: (0, 1)}), "AxesError", ["(1, -2)", "twice", "once"]),
    (lambda: PLAN.part([(0, 1)]), "LengthError", ["[(0, 1)]", "for each dimension", "{-1: (0"]),
    (lambda: PLAN.part({1: 5}), "LengthError", ["5", "two integers", "(0, 20)"]),
    (lambda: PLAN.part({1: (0, 21)}), "LengthError", ["outputs of axis 1", "0..21", "0..20"]),
    (lambda: PLAN.part({1: (7, 7)}), "LengthError", ["7..7", "holds none", "at least"]),
    (lambda: PLAN.adjoint_part({1: (9, 41)}), "LengthError", ["inputs of axis 1", "9..41", "40"]),
    (
        lambda: PLAN.adjoint_part({})(np.ones((3, 40, 30), np.float32)),
        "ShapeError",
        ["a part of the adjoint", "cannot be called", "part.adjoint(g)"],
    ),
    (
        lambda: PLAN.adjoint_part({}).adjoint(np.ones((3, 20, 15))),
        "DtypeError",
        ["float32", "float64", "input_dtype='float64'"],
    ),
    (
        lambda: PLAN.part({1: (0, 3)})(np.ones((3, 40, 30), np.float32)),
        "ShapeError",
        ["(3, 40, 30)", "(3, 7, 30)", "make a plan"],
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), ERRORS, ids=[row[2][0] for row in ERRORS])
def test_errors_say_what_to_write(call: Any, error: str, words: list[str]) -> None:
    with pytest.raises(getattr(aa_ref.errors, error)) as raised:
        call()
    for word in words:
        assert word in str(raised.value)
