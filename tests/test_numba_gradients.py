"""The Numba backend's adjoint in groups of rows: the same bits as the other backends."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cases import BOUNDARIES, lay_out, values
from compiled_code import GRADIENTS
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray
from support import TYPES, assert_same_bits, numpy_type
from test_numba_levels import CHW, FEW, HWC, conditions, fused, octave, options_of

import aa_ref
from aa_ref.backends.numba import caching, steps
from aa_ref.backends.numba.compiling import OPTIONS
from aa_ref.backends.numba.convert import TYPES as KINDS
from aa_ref.backends.numba.cuts import _MOST_VECTORS, Cut
from aa_ref.backends.numba.levels import Fused
from aa_ref.backends.numba.spreads import together
from aa_ref.backends.numba.vectors import joined, load_vector, store_vector


def cut_of(p: aa_ref.Plan, *strides: tuple[int, ...]) -> Cut | None:
    ends = strides or tuple(
        np.empty(s, numpy_type(t)).strides
        for s, t in ((p.out_shape, p.input_dtype), (p.shape, p.dtype))
    )
    return steps.make_steps(p, False, *ends)[-1].cut


def gradient(p: aa_ref.Plan, kind: str, seed: int = 0) -> NDArray[Any]:
    shape = p.out_shape
    drawn = values(p.input_dtype, math.prod(shape), kind, np.random.default_rng(seed))
    return drawn.reshape(shape)


@st.composite
def plans(draw: st.DrawFn, of: Fused) -> aa_ref.Plan:
    """A plan whose adjoint the function was made for."""
    (level,) = of.levels
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    lane = 8 if KINDS[of.kind] == "float64" else 16
    wide = [
        w for w in range(1, 60) if w % lane == 0 or level[2] * together(w, lane)[1] > _MOST_VECTORS
    ]
    width = of.width or draw(st.sampled_from(wide))
    columns = draw(st.one_of(st.integers(2, 70), st.integers(71, 2000)))
    if level[2:4] == (1, 1):
        columns = max(columns, 96 if max(batch, default=1) > 1 else 16)
    most = max(2, 60_000 // (columns * width * math.prod(batch)))
    rows = min(most, draw(st.one_of(st.integers(2, 9), st.integers(10, 90))))
    shape = (*batch, rows, columns, *([width] if width > 1 else []))
    options = options_of(level, len(batch))
    boundary = tuple(draw(st.sampled_from(BOUNDARIES)) for _ in options["axes"])
    result = draw(st.one_of(st.none(), st.sampled_from(TYPES)))
    return aa_ref.plan(
        shape, input_dtype=KINDS[of.kind], boundary=boundary, dtype=result, **options
    )


@pytest.mark.parametrize("of", GRADIENTS, ids=str)
def test_any_call_has_the_bits_of_the_other_backends(of: Fused) -> None:
    @FEW
    @given(
        p=plans(of),
        seed=st.integers(0, 2**32 - 1),
        kind=st.sampled_from(("normal", "wide", "subnormal", "special")),
        threads=st.integers(1, 2),
        cache=st.sampled_from((1 << 20, 1 << 15, 0)),
        stream=st.sampled_from((1 << 22, 0)),
        layouts=st.tuples(*[st.sampled_from(("c", "offset", "strided", "shifted"))] * 2),
    )
    def check(
        p: aa_ref.Plan, seed: int, kind: str, threads: int, cache: int, stream: int,
        layouts: tuple[str, str],
    ) -> None:  # fmt: skip
        rng = np.random.default_rng(seed)
        g = lay_out(gradient(p, kind, seed), layouts[0], rng)
        before, expected = g.copy(), p.adjoint(g, backend="numpy")
        outs = [lay_out(np.zeros_like(expected), layout, rng) for layout in ("c", layouts[1])]
        with conditions(threads=threads, cache=cache, stream=stream) as ran:
            for out in outs:
                p.adjoint(g, out=out, backend="numba")
                assert_same_bits(out, expected)
        assert_same_bits(g, before)
        if ran[0] != of:  # long lines whose ends fold onto each other go another way
            assert any(a.boundary == "circular" for a in p.passes)

    check()
    assert ("adjoint", of) in [(name, which) for name, _, which in caching.compiled_so_far()]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("of", [GRADIENTS[1], GRADIENTS[2], GRADIENTS[3]], ids=str)
def test_rows_and_columns_of_any_number(of: Fused, boundary: str, threads: int) -> None:
    """They end anywhere within a group, and within a vector; rows begin at 64 bytes or not."""
    scale = Fraction(1, of.levels[0].row_stride)
    for n, columns in enumerate((*range(1, 40), 63, 64, 65, 127, 128, 129, 200, 333, 1500, 2048)):
        rows = 1 + n % 41
        shape = (2, rows, columns) if of.width == 1 else (rows, columns, of.width)
        p = aa_ref.plan(shape, scale, axes=CHW if of.width == 1 else HWC, boundary=boundary)
        g, out = gradient(p, "special"), np.zeros(shape, np.float32)
        with conditions(threads=threads, stream=0):
            p.adjoint(g, out=out, backend="numba")
        assert_same_bits(out, p.adjoint(g, backend="numpy"))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("of", [GRADIENTS[0], GRADIENTS[5], GRADIENTS[8]], ids=str)
def test_lines_in_blocks(of: Fused, boundary: str) -> None:
    for columns in (5011, 5008):  # rows begin anywhere within 64 bytes, or all at the same place
        shape = (13, columns) if of.width == 1 else (13, columns, of.width)
        p = aa_ref.plan(shape, Fraction(1, of.levels[0].row_stride), axes=(0, 1), boundary=boundary)
        g = gradient(p, "wide")
        expected = p.adjoint(g, backend="numpy")
        for cache in (1 << 20, 1 << 16, 0):
            for stream in (0, 1 << 40):
                out = np.zeros_like(expected)
                with conditions(threads=2, cache=cache, stream=stream) as ran:
                    p.adjoint(g, out=out, backend="numba")
                    cut = cut_of(p)
                assert_same_bits(out, expected)
                assert (cut is None) == (ran == ["adjoint"])
                if cache == 0:
                    assert (cut is None) == (boundary == "circular")
                    assert cut is None or cut.record["blocks"][0] >= 5


@pytest.mark.parametrize("width", [1, 2, 3, 24, 32])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_written_past_the_caches(dtype: str, width: int) -> None:
    """From any place within 64 bytes on; what lies around them stays as it is."""
    for columns in (3, 16, 33, 64, 130):
        shape, axes = ((2, 19, columns), CHW) if width == 1 else ((19, columns, width), HWC)
        p = aa_ref.plan(shape, 0.5, axes=axes, input_dtype=dtype, boundary="reflect")
        g = gradient(p, "wide")
        expected = p.adjoint(g, backend="numpy")
        for skipped in range(0, 64 // g.itemsize, 1 if width == 1 else 3):
            room = np.full(expected.size + skipped + 128, 77).astype(dtype)
            start = -room.ctypes.data % 64 // room.itemsize + skipped
            out = room[start : start + expected.size].reshape(shape)
            with conditions(stream=0):
                p.adjoint(g, out=out, backend="numba")
                cut = cut_of(p)
            assert cut
            assert cut.record["stream"]
            assert_same_bits(out, expected)
            around = np.concatenate([room[:start], room[start + expected.size :]])
            assert (around == 77).all()


def test_only_large_results_are_written_past_the_caches() -> None:
    for rows, stream in ((1022, False), (1024, True)):
        cut = cut_of(aa_ref.plan((rows, 1024), 0.5))
        assert cut
        assert bool(cut.record["stream"]) == stream


CHOSEN: list[tuple[str, tuple[int, ...], Any, dict[str, Any], Fused | None]] = [
    *((f"C×H×W, {s}", (3, 40, 50), Fraction(1, s), {"axes": CHW}, octave(s)) for s in range(2, 17)),
    *((f"H×W×{c}", (40, 50, c), 0.5, {"axes": HWC}, octave(2, c)) for c in (1, 2, 3, 4, 12, 24)),
    *((f"H×W×{c}", (40, 50, c), 0.5, {"axes": HWC}, octave(2, 0)) for c in (13, 15, 16, 32, 201)),
    ("strides and channels", (40, 50, 3), 0.1, {"axes": HWC}, octave(10, 0)),
    ("a batch of H×W×3", (2, 40, 50, 3), 0.5, {"axes": HWC}, octave(2, 3)),
    ("float16", (40, 50), 0.5, {"input_dtype": "float16"}, octave(2, kind="float16")),
    ("float64 out", (40, 50), 0.5, {"dtype": "float64"}, octave(2)),
    ("a volume's last axes", (9, 20, 30), 0.5, {"axes": (0, 1, 2)}, fused(2, 5, 1, 1)),
    ("columns alone", (3, 40, 50), 0.25, {"axes": -1}, fused(1, 1, 4, 13)),
    ("rows alone", (3, 40, 96), 0.5, {"axes": -2}, fused(2, 5, 1, 1)),
    ("fewer columns", (3, 40, 95), 0.5, {"axes": -2}, fused(1, 1, 2, 5, width=0)),
    ("of one picture", (40, 50), 0.5, {"axes": 0}, fused(2, 5, 1, 1)),
    ("strides apart", (40, 50), (0.25, 0.5), {}, fused(4, 13, 2, 5)),
    ("stride 1", (40, 50), 1, {"sigma": 1}, fused(1, 9, 1, 9)),
    ("even nearest", (40, 50), 0.5, {"sampling": "nearest"}, octave(2)),
    ("uneven nearest", (40, 50), 0.3, {"sampling": "nearest"}, None),
    ("stride 20", (400, 500), 1 / 20, {}, octave(20)),
    ("stride 21", (400, 500), 1 / 21, {}, None),
    ("a long filter along rows", (400, 50), 0.5, {"sigma": (30, None)}, None),
    ("a long filter along columns", (40, 500), 0.5, {"sigma": (None, 30)}, None),
]


@pytest.mark.parametrize(
    ("label", "shape", "scale", "options", "wanted"), CHOSEN, ids=[c[0] for c in CHOSEN]
)
def test_which_plans_get_which_function(
    label: str, shape: tuple[int, ...], scale: Any, options: dict[str, Any], wanted: Fused | None
) -> None:
    found = cut_of(aa_ref.plan(shape, scale, **options))
    assert (found.fused if found else None) == wanted


LAYOUTS = [
    # label, how x is seen, whether lines lie in memory without gaps
    ("columns apart", lambda x: x[:, :, ::2], False),
    ("backwards", lambda x: x[:, :, ::-1], False),
    ("rows apart", lambda x: x[:, ::2], True),
    ("planes apart", lambda x: x[::2], True),
    ("a part of each row", lambda x: x[:, :, 3:-2], True),
]


@pytest.mark.parametrize(("label", "see", "fit"), LAYOUTS, ids=[c[0] for c in LAYOUTS])
def test_lines_of_the_result_must_lie_in_memory_without_gaps(
    label: str, see: Any, fit: bool
) -> None:
    x = see(np.zeros((4, 30, 40), np.float32))
    p = aa_ref.plan(x.shape, 0.5)
    g = gradient(p, "normal")
    for stream in (0, 1 << 40):
        with conditions(stream=stream) as ran:
            p.adjoint(g, out=x, backend="numba")
        assert_same_bits(x, p.adjoint(g, backend="numpy"))
        assert [isinstance(r, Fused) for r in ran] == [fit]


def test_neighbours_that_fill_whole_vectors() -> None:
    for lane in (8, 16):
        for width in range(1, 50):
            positions, vectors = together(width, lane)
            assert positions * width == vectors * lane
            assert all(n * width % lane for n in range(1, positions))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_vectors_joined(dtype: str) -> None:
    @njit(**OPTIONS)
    def join(a, b, count, out):  # type: ignore[no-untyped-def]
        zero = np.uintp(0)
        store_vector(out, zero, joined(load_vector(a, zero), load_vector(b, zero), np.uintp(count)))

    lanes = 64 // np.dtype(dtype).itemsize
    a, b = np.arange(lanes, dtype=dtype), -np.arange(lanes, dtype=dtype) - 1
    for count in range(lanes + 1):
        out = np.zeros(lanes, dtype)
        join(a, b, count, out)
        assert out.tolist() == [*a[:count].tolist(), *b[count:].tolist()]
