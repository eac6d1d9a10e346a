"""The heart of the tests: one table of properties, held by every backend there is.

Each property is a function of a backend's name and of a random call (`cases.py`); the table below
runs all of them on all backends. Where a property compares with the reference, it compares bits.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cases import FLOATS, LAYOUTS, Case, cases, gradient, lay_out
from hypothesis import assume, given
from hypothesis import strategies as st
from support import BACKENDS, MOST_SAMPLES, TYPES, assert_same_bits, numpy_type, sample

import aa_ref

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")

PLAIN: dict[str, Any] = {"dtypes": ("float64", "float32"), "kinds": ("normal",), "convert": False}
PROPERTIES: list[tuple[Callable[..., None], st.SearchStrategy[Case]]] = []


def holds_for(strategy: st.SearchStrategy[Case]) -> Callable[..., Callable[..., None]]:
    """Put a property into the table, for the calls that the strategy draws."""

    def put(check: Callable[..., None]) -> Callable[..., None]:
        PROPERTIES.append((check, strategy))
        return check

    return put


def run_adjoint(case: Case, g: Any, backend: str, **more: Any) -> Any:
    lengths = [case.x.shape[a] for a in case.options["axes"]]
    options = {k: v for k, v in case.options.items() if k != "dtype"}
    return aa_ref.downsample_adjoint(g, case.scale, lengths, **options | more, backend=backend)


# ------------------------------------------------------------------------------ the same bits


@holds_for(cases())
def forward_has_the_references_bits(backend: str, case: Case) -> None:
    before = case.x.copy()
    assert_same_bits(case.run(backend), case.run("reference"))
    assert_same_bits(case.x, before)  # inputs are never written to


@holds_for(cases(dtypes=FLOATS))
def adjoint_has_the_references_bits(backend: str, case: Case) -> None:
    rng = np.random.default_rng(case.seed)
    kind = str(rng.choice(["normal", "wide", "subnormal", "special"]))
    g = gradient(case, case.x.dtype.name, kind)
    before, dtype = g.copy(), case.options["dtype"]
    expected = run_adjoint(case, g, "reference", dtype=dtype)
    assert_same_bits(run_adjoint(case, g, backend, dtype=dtype), expected)
    assert_same_bits(g, before)
    assert expected.shape == case.x.shape


@holds_for(cases())
def every_layout_gives_the_same_bits(backend: str, case: Case) -> None:
    expected = case.run(backend, np.ascontiguousarray(case.x).reshape(case.x.shape))
    rng = np.random.default_rng(case.seed)
    for layout in LAYOUTS:
        if layout != "broadcast":  # which changes values
            assert_same_bits(case.run(backend, lay_out(case.x, layout, rng)), expected)
    assert_same_bits(case.run(backend, case.x.astype(case.x.dtype.newbyteorder())), expected)


@holds_for(cases())
def out_gets_the_result_and_is_returned(backend: str, case: Case) -> None:
    expected = case.run(backend)
    rng = np.random.default_rng(case.seed)
    for layout in ("c", "fortran", "permuted", "strided", "unaligned", "shifted", "offset"):
        out = lay_out(np.zeros_like(expected), layout, rng)
        assert case.run(backend, out=out) is out
        assert_same_bits(out, expected)


@holds_for(cases(dtypes=FLOATS))
def adjoint_out_gets_the_result(backend: str, case: Case) -> None:
    g = gradient(case, case.x.dtype.name)
    expected = run_adjoint(case, g, backend)
    rng = np.random.default_rng(case.seed)
    for layout in ("c", "fortran", "strided", "unaligned", "shifted", "offset"):
        out = lay_out(np.zeros_like(expected), layout, rng)
        assert run_adjoint(case, g, backend, out=out) is out
        assert_same_bits(out, expected)


@holds_for(cases())
def plans_do_what_functions_do(backend: str, case: Case) -> None:
    assert_same_bits(case.plan(case.x, backend=backend), case.run(backend))
    dtype = case.x.dtype.name if case.x.dtype.kind != "u" else "float32"
    g = gradient(case, dtype)
    assert_same_bits(case.plan.adjoint(g, backend=backend), run_adjoint(case, g, backend))


@holds_for(cases(empty=False))
def batches_may_be_split(backend: str, case: Case) -> None:
    free = [d for d in range(case.x.ndim) if d not in {a.axis for a in case.plan.axes}]
    whole = case.run(backend)
    for axis in free:
        half = case.x.shape[axis] // 2
        parts = [case.run(backend, part) for part in np.split(case.x, [half], axis)]
        assert_same_bits(np.concatenate(parts, axis), whole)


@holds_for(cases())
def axes_may_be_named_in_any_order(backend: str, case: Case) -> None:
    p = case.plan
    options = {
        name: tuple(getattr(a, name) for a in reversed(p.axes)) for name in ("boundary", "sampling")
    }
    options["axes"] = tuple(a.axis for a in reversed(p.axes))
    options["sigma"] = tuple(a.sigma if a.has_pass else None for a in reversed(p.axes))
    scale = tuple(a.scale for a in reversed(p.axes))
    y = aa_ref.downsample(case.x, scale, **options, dtype=p.dtype, backend=backend)
    assert_same_bits(y, case.run(backend))


@holds_for(cases())
def dimensions_may_be_moved(backend: str, case: Case) -> None:
    """Transposing changes nothing, as long as filtered axes keep their order among themselves."""
    rng = np.random.default_rng(case.seed)
    p, ndim = case.plan, case.x.ndim
    filtered = sorted(a.axis for a in p.axes)
    order = rng.permutation(ndim).tolist()
    kept = iter(filtered)
    order = [next(kept) if d in filtered else d for d in order]
    options = case.options | {"axes": tuple(order.index(a.axis) for a in p.axes)}
    y = aa_ref.downsample(case.x.transpose(order), case.scale, **options, backend=backend)
    assert_same_bits(y, case.run(backend).transpose(order))


@holds_for(cases())
def a_pyramid_is_its_levels(backend: str, case: Case) -> None:
    scales = [1, case.scale, Fraction(1, 2)]
    options = case.options | {"sampling": "slice", "backend": backend}
    levels = aa_ref.pyramid(case.x, scales, **options)
    outs = [np.zeros_like(y) for y in levels]
    assert all(a is b for a, b in zip(
        aa_ref.pyramid(case.x, scales, **options, out=outs), outs, strict=True))  # fmt: skip
    for scale, level, out in zip(scales, levels, outs, strict=True):
        assert_same_bits(level, aa_ref.downsample(case.x, scale, **options))
        assert_same_bits(out, level)


# ------------------------------------------------------------------- what the operation is


@holds_for(cases(**PLAIN, boundaries=("replicate", "reflect", "circular"), empty=False))
def a_constant_stays_itself(backend: str, case: Case) -> None:
    """To within n u for n roundings: the taps' own, and one product and one sum a tap."""
    constant = np.full_like(case.x, 3)
    roundings = sum(2 * len(a.taps) + 1 for a in case.plan.passes)
    allowed = 3 * math.expm1(roundings * np.finfo(case.x.dtype).eps / 2)  # (1 + u)^n - 1 and less
    for y in case.run(backend, constant).flat:
        assert abs(float(y) - 3) <= allowed


@holds_for(cases(dtypes=FLOATS[:2], kinds=("normal",), convert=False))
def scaling_by_powers_of_two_and_negation_are_exact(backend: str, case: Case) -> None:
    y = case.run(backend)
    assert_same_bits(case.run(backend, case.x * 1024), y * 1024)
    # A sum that starts at +0.0 ends at +0.0 for either sign, so zeros are compared as numbers.
    np.testing.assert_array_equal(case.run(backend, -case.x), -y)


@holds_for(cases(**PLAIN, empty=False, most_axes=1))
def impulses_too_far_apart_to_meet_superpose_exactly(backend: str, case: Case) -> None:
    a = case.plan.axes[0]
    x = np.moveaxis(np.zeros_like(np.ascontiguousarray(case.x)), a.axis, 0)
    far = 2 * len(a.taps) + 3
    x = np.moveaxis(np.concatenate([x] * (1 + 2 * far // len(x)))[: 2 * far], 0, a.axis)
    one, other = x.copy(), x.copy()
    np.moveaxis(one, a.axis, 0)[len(a.taps) // 2] = 0.7
    np.moveaxis(other, a.axis, 0)[len(a.taps) // 2 + far] = -1.3
    options = case.options | {"boundary": "zeros", "sampling": "slice"}
    both, y1, y2 = (
        aa_ref.downsample(v, case.scale, **options, backend=backend)
        for v in (one + other, one, other)
    )
    assert (y1.any() or y2.any()) or a.stride > 1
    assert_same_bits(both, y1 + y2)


@holds_for(cases(**PLAIN, boundaries=("circular",), empty=False))
def circular_shifts_by_the_stride_shift_the_result(backend: str, case: Case) -> None:
    x, p = case.x, case.plan
    for a in p.axes:  # a whole number of strides
        x = np.concatenate([x] * a.stride, a.axis) if a.stride > 1 else x
    assume(x.size <= MOST_SAMPLES)
    options = case.options | {"sampling": "slice"}
    y = aa_ref.downsample(x, case.scale, **options, backend=backend)
    for a in p.axes:
        moved = aa_ref.downsample(
            np.roll(x, 2 * a.stride, a.axis), case.scale, **options, backend=backend
        )
        assert_same_bits(moved, np.roll(y, 2, a.axis))


@holds_for(cases(**PLAIN, empty=False, layouts=("c",)))
def the_adjoint_is_the_transpose(backend: str, case: Case) -> None:
    """⟨Ax, y⟩ = ⟨x, Aᵀy⟩ to within n u Σ|y||A||x|, n the roundings on both ways together.

    Each product of a tap, a sample and a gradient meets at most one product and one sum a tap in
    each pass on either way, and 2 R more sums where the boundary folds; Σ is computed with the same
    operations on absolute values (taps are positive), so is itself within (1 + u)^n.
    """
    g = gradient(case, case.x.dtype.name)
    wide = [v.astype(np.float64) for v in (case.x, g)]
    ax = case.run(backend).astype(np.float64)
    aty = run_adjoint(case, g, backend).astype(np.float64)
    left = math.fsum((ax * wide[1]).flat)
    right = math.fsum((wide[0] * aty).flat)
    absolute = case.run("reference", np.abs(case.x)).astype(np.float64)
    total = math.fsum((absolute * np.abs(wide[1])).flat)
    n = sum(6 * len(a.taps) for a in case.plan.passes) + 3
    u = np.finfo(case.x.dtype).eps / 2
    assert abs(left - right) <= math.expm1(2 * n * u) * total


@holds_for(cases(**PLAIN, boundaries=("zeros",), empty=False, layouts=("c",), most_axes=2))
def matrices_are_transposes_to_the_bit(backend: str, case: Case) -> None:
    """With zeros outside, each entry is one product of taps, which commutes exactly."""
    p = case.plan
    shape = [p.shape[a.axis] for a in sorted(p.axes, key=lambda a: a.axis)]
    keys = {name: tuple(getattr(a, name) for a in sorted(p.axes, key=lambda a: a.axis))
            for name in ("scale", "boundary", "sampling")}  # fmt: skip
    keys["sigma"] = tuple(
        a.sigma if a.has_pass else None for a in sorted(p.axes, key=lambda a: a.axis)
    )
    scale = keys.pop("scale")
    axes = tuple(range(1, 1 + len(shape)))
    units = np.eye(math.prod(shape), dtype=case.x.dtype).reshape(-1, *shape)
    a = aa_ref.downsample(units, scale, axes=axes, **keys, backend=backend)
    out_shape = a.shape[1:]
    units = np.eye(math.prod(out_shape), dtype=case.x.dtype).reshape(-1, *out_shape)
    at = aa_ref.downsample_adjoint(units, scale, shape, axes=axes, **keys, backend=backend)
    assert_same_bits(a.reshape(len(a), -1).T, at.reshape(len(at), -1))


@holds_for(cases(dtypes=FLOATS[:2], convert=False, empty=False))
def no_negative_zero_leaves_a_pass(backend: str, case: Case) -> None:
    y = case.run(backend, np.full_like(case.x, -0.0))
    assert not y.any()
    assert bool(np.signbit(y).any()) == (not case.plan.passes)


@holds_for(cases(empty=False, layouts=("c",)))
def empty_batches_give_empty_results(backend: str, case: Case) -> None:
    free = [d for d in range(case.x.ndim) if d not in {a.axis for a in case.plan.axes}]
    for axis in free:
        y = case.run(backend, np.take(case.x, [], axis))
        assert y.shape == tuple(0 if d == axis else n for d, n in enumerate(case.plan.out_shape))


# ------------------------------------------------------------------------------- the table


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("check", "strategy"), PROPERTIES, ids=[p[0].__name__ for p in PROPERTIES])
def test_property(
    check: Callable[[str, Case], None], strategy: st.SearchStrategy[Case], backend: str
) -> None:
    given(case=strategy)(lambda case: check(backend, case))()


def test_the_table_has_every_backend() -> None:
    assert {b.name for b in aa_ref.list_backends() if b.available} == set(BACKENDS)


# ------------------------------------------------------- what random cases would rarely reach


LARGE = [
    # label, shape, scale, options: longer than a block of columns, of neighbours, of both
    ("wide rows", (2, 5, 40_009), 0.5, {}),
    ("wide rows, circular", (9, 33_331), 0.25, {"boundary": "circular"}),
    ("wide rows, reflect", (9, 33_331), (1, 0.125), {"boundary": "reflect"}),
    ("a long signal", (100_003,), 0.125, {"axes": -1}),
    ("a long signal, uneven", (70_001,), 0.3, {"axes": -1, "sampling": "nearest"}),
    ("many channels", (11, 13, 20_011), 0.5, {"axes": (0, 1)}),
    ("many channels, reflect", (5, 700, 67), 0.25, {"axes": (0, 1), "boundary": "reflect"}),
    ("channels between", (13, 3, 1009), 0.5, {"axes": (0, 2)}),
    ("a slow axis alone", (37, 30_011), 0.25, {"axes": 0}),
    ("a volume", (13, 19, 17, 3), (0.5, 0.25, 0.5), {"axes": (0, 1, 2)}),
    ("four axes", (7, 9, 11, 10), 0.5, {"axes": (0, 1, 2, 3), "boundary": "replicate"}),
    ("a wide filter", (300, 41), 0.5, {"sigma": 40, "boundary": "circular"}),
    ("a filter wider than all", (9, 7), 0.25, {"sigma": 300, "boundary": "reflect"}),
    ("a stride wider than all", (5, 7), Fraction(1, 10**30), {"sigma": 1}),
    ("many small planes", (997, 3, 5), 0.5, {}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "uint8"])
@pytest.mark.parametrize(("label", "shape", "scale", "options"), LARGE, ids=[c[0] for c in LARGE])
def test_large_forward(
    label: str, shape: tuple[int, ...], scale: Any, options: dict[str, Any], dtype: str
) -> None:
    x = sample(shape, dtype)
    expected = aa_ref.downsample(x, scale, **options, backend="numpy")
    assert_same_bits(aa_ref.downsample(x, scale, **options, backend="numba"), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize(("label", "shape", "scale", "options"), LARGE, ids=[c[0] for c in LARGE])
def test_large_adjoint(
    label: str, shape: tuple[int, ...], scale: Any, options: dict[str, Any], dtype: str
) -> None:
    p = aa_ref.plan(shape, scale, input_dtype=dtype, **options)
    g = sample(p.out_shape, dtype)
    assert_same_bits(p.adjoint(g, backend="numba"), p.adjoint(g, backend="numpy"))


@pytest.mark.parametrize("direction", ["forward", "adjoint"])
def test_nearest_beyond_two_to_the_24(direction: str) -> None:
    """Where binary32 no longer holds every index, centres repeat and skip."""
    p = aa_ref.plan((2**24 + 41,), 1, axes=-1, sigma=0.2, sampling="nearest", boundary="circular")
    assert (np.diff(p.axes[0].centres) == 0).any()
    act = p if direction == "forward" else p.adjoint
    x = np.zeros(p.shape, np.float32)
    x[:5], x[-70:] = np.arange(1, 6), np.arange(70) * 0.3
    assert_same_bits(act(x, backend="numba"), act(x, backend="numpy"))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("result", TYPES)
def test_conversion_without_a_pass(dtype: str, result: str) -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 256, 4096 * numpy_type(dtype).itemsize, np.uint8)
    x = bits.view(numpy_type(dtype)).reshape(2, 64, 32)
    y = [aa_ref.downsample(x, 1, dtype=result, backend=b) for b in BACKENDS]
    assert_same_bits(y[1], y[0])
    assert_same_bits(y[2], y[0])
    assert not np.shares_memory(y[0], x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_half_goes_in_and_out(dtype: str) -> None:
    """All 65,536 bit patterns, through each backend, unchanged."""
    x = np.arange(65_536).astype(np.uint16).view(numpy_type(dtype)).reshape(128, 512)
    for backend in BACKENDS:
        assert_same_bits(aa_ref.downsample(x, 1, backend=backend), x)
