"""The Numba backend's rows in groups: the same bits, one level at a time or several in one pass."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cases import BOUNDARIES, lay_out, values
from compiled_code import LEVELS
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import TYPES, assert_same_bits, numpy_type

import aa_ref
from aa_ref.backends.base import Backend
from aa_ref.backends.numba import caching, cuts, launch, steps, variants
from aa_ref.backends.numba.convert import TYPES as KINDS
from aa_ref.backends.numba.cuts import Cut
from aa_ref.backends.numba.groups import Level, plan_group
from aa_ref.backends.numba.levels import Fused

OCTAVES = (0.5, 0.25, 0.125)
CHW, HWC = (-2, -1), (-3, -2)
FEW = settings(max_examples=max(1, settings().max_examples // 4))  # each is several calls


class Guarded:
    """A compiled function that is given scratch with more around it, which it must leave alone."""

    def __init__(self, compiled: caching.Compiled) -> None:
        self.compiled = compiled

    def call(self, *arguments: Any) -> None:
        *arrays, scratch, indices, begin, end = arguments
        longer = [np.full(a.size + 8192, 77, a.dtype) for a in (scratch, indices)]
        own = [a[4096:-4096] for a in longer]
        own[0][:] = np.nan  # what is not written is not read
        self.compiled.call(*arrays, *own, begin, end)
        for name, a in zip(("scratch", "indices"), longer, strict=True):
            around = np.concatenate([a[:4096], a[-4096:]])
            assert (around == 77).all(), f"{name}: written beyond it"


@contextmanager
def conditions(
    *, little: float = 0, threads: int = 1, cache: int = 1 << 20, stream: int = 1 << 22,
) -> Iterator[list[Any]]:  # fmt: skip
    """Special functions come after so much work, with such caches; which functions then ran."""
    ran: list[Any] = []

    def note(name: str, compute: type, which: Any = variants.GENERIC) -> Any:
        ran.append(name if which == variants.GENERIC else which)
        return Guarded(caching.compiled(name, compute, which))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "second_level_cache", lambda: cache)
        patch.setattr(cuts, "STREAM", stream)
        patch.setattr(variants, "LITTLE", little)
        patch.setattr(variants, "_done", {})
        patch.setattr(launch, "compiled", note)
        patch.setattr(launch, "_LITTLE", -1)
        for cached in (steps.make_steps, launch._cut_levels):
            cached.cache_clear()
        aa_ref.set_num_threads(threads)
        try:
            yield ran
        finally:
            aa_ref.set_num_threads(None)
            for cached in (steps.make_steps, launch._cut_levels):
                cached.cache_clear()


def input_of(dtype: str, shape: tuple[int, ...], kind: str = "normal") -> NDArray[Any]:
    return values(dtype, math.prod(shape), kind, np.random.default_rng(0)).reshape(shape)


def cut_of(p: aa_ref.Plan, *strides: tuple[int, ...]) -> Cut | None:
    ends = strides or tuple(
        np.empty(s, numpy_type(t)).strides
        for s, t in ((p.shape, p.input_dtype), (p.out_shape, p.dtype))
    )
    return steps.make_steps(p, True, *ends)[-1].cut


# ----------------------------------------------------------------------------------- the same bits


def sigma_of(stride: int, taps: int) -> float | None:
    """A sigma whose filter has so many taps: radius int(4 sigma + 0.5)."""
    return None if taps == 4 * (stride - 1) + 1 and stride > 1 else (taps // 2) / 4


def options_of(level: Level, first: int) -> dict[str, tuple[Any, ...]]:
    """The axes that a level filters, with scales, sigmas and samplings."""
    found = []
    rows, columns = (level[:2], level.row_centres), (level[2:4], level.column_centres)
    for axis, ((stride, taps), centres) in enumerate((rows, columns), first):
        if (stride, taps) != (1, 1):
            sampling = "slice" if centres == 1 else "nearest"
            found.append((axis, Fraction(centres, stride), sigma_of(stride, taps), sampling))
    return dict(zip(("axes", "scale", "sigma", "sampling"), zip(*found, strict=True), strict=True))


@dataclass
class Call:
    """One input and the plans of some levels."""

    x: NDArray[Any]
    plans: tuple[aa_ref.Plan, ...]
    seed: int


@st.composite
def calls(draw: st.DrawFn, fused: Fused) -> Call:
    """A call that the function was made for."""
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    columns = draw(st.one_of(st.integers(1, 70), st.integers(71, 2000)))
    width = fused.width or draw(st.integers(5, 40))
    if fused.levels[0][2:4] == (1, 1):
        columns = max(columns, 160 if max(batch, default=1) > 1 else 16)
    most = max(2, 60_000 // (columns * width * math.prod(batch)))
    rows = min(most, draw(st.one_of(st.integers(2, 9), st.integers(10, 90))))
    least = max(math.ceil(level.row_stride / level.row_centres) for level in fused.levels)
    least = 2 if all(level.row_centres == 1 for level in fused.levels) else least
    rows, columns = max(rows, least), max(columns, least)
    shape = (*batch, rows, columns, *([width] if width > 1 else []))
    dtype, boundaries = KINDS[fused.kind], [draw(st.sampled_from(BOUNDARIES)) for _ in range(2)]
    result = draw(st.one_of(st.none(), st.sampled_from(TYPES)))
    plans = []
    for level in fused.levels:
        options: dict[str, Any] = {"dtype": result, **options_of(level, len(batch))}
        options["boundary"] = tuple(boundaries[a - len(batch)] for a in options["axes"])
        plans.append(aa_ref.plan(shape, input_dtype=dtype, **options))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(("normal", "wide", "subnormal", "special")))
    x = values(dtype, math.prod(shape), kind, rng).reshape(shape)
    return Call(lay_out(x, draw(st.sampled_from(("c", "offset"))), rng), tuple(plans), seed)


@pytest.mark.parametrize("fused", LEVELS, ids=str)
def test_any_call_has_the_bits_of_the_other_backends(fused: Fused) -> None:
    @FEW
    @given(
        call=calls(fused),
        threads=st.integers(1, 2),
        cache=st.sampled_from((1 << 20, 1 << 15, 0)),
        stream=st.sampled_from((1 << 22, 0)),
        layout=st.sampled_from(("offset", "c", "strided", "shifted")),
    )
    def check(call: Call, threads: int, cache: int, stream: int, layout: str) -> None:
        expected = [p(call.x, backend="numpy") for p in call.plans]
        rng, before = np.random.default_rng(call.seed), call.x.copy()
        outs = [lay_out(np.zeros_like(e), layout, rng) for e in expected]
        with conditions(threads=threads, cache=cache, stream=stream) as ran:
            launch.NumbaBackend().pyramid(call.plans, call.x, outs)
        for out, e in zip(outs, expected, strict=True):
            assert_same_bits(out, e)
        assert_same_bits(call.x, before)
        if ran != [fused] and layout != "shifted":  # which several levels do not take
            # Long lines whose ends fold onto each other go another way.
            assert any(a.boundary == "circular" for p in call.plans for a in p.passes)

    check()
    assert any(which == fused for _, _, which in caching.compiled_so_far())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("fused", [LEVELS[1], LEVELS[6], LEVELS[7], LEVELS[10]], ids=str)
def test_lines_of_any_length(fused: Fused, boundary: str, threads: int) -> None:
    """They end anywhere within a vector, in the middle of memory and at its end."""
    scales = [Fraction(1, level.row_stride) for level in fused.levels]
    for columns in (*range(2, 40), 63, 64, 65, 127, 129, 200, 333):
        width = fused.width or 24  # a vector and a half
        shape = (2, 37, columns) if width == 1 else (37, columns, width)
        axes = CHW if fused.width == 1 else HWC
        plans = [aa_ref.plan(shape, s, axes=axes, boundary=boundary) for s in scales]
        x = input_of("float32", shape, "special")
        outs = [np.zeros(p.out_shape, np.float32) for p in plans]
        with conditions(threads=threads, stream=0):
            launch.NumbaBackend().pyramid(plans, x, outs)
        for p, out in zip(plans, outs, strict=True):
            assert_same_bits(out, p(x, backend="numpy"))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("fused", [LEVELS[0], LEVELS[4], LEVELS[6]], ids=str)
def test_lines_in_blocks(fused: Fused, boundary: str) -> None:
    columns = 5011
    shape = (13, columns) if fused.width == 1 else (13, columns, fused.width)
    scales = [Fraction(1, level.row_stride) for level in fused.levels]
    plans = [aa_ref.plan(shape, s, axes=(0, 1), boundary=boundary) for s in scales]
    x = input_of("float32", shape)
    expected = [p(x, backend="numpy") for p in plans]
    blocks = set()
    for cache in (1 << 22, 1 << 17, 1 << 15, 0):
        for threads in (1, 2):
            outs = [np.zeros_like(e) for e in expected]
            with conditions(threads=threads, cache=cache) as ran:
                launch.NumbaBackend().pyramid(plans, x, outs)
                found = [cut_of(p) for p in plans]
            for out, e in zip(outs, expected, strict=True):
                assert_same_bits(out, e)
        blocks |= {int(c.record["blocks"][0]) for c in found if c}
        if boundary == "circular" and cache == 0:
            assert ran == ["forward"] * len(plans)
        elif boundary != "circular":
            assert ran == [fused]
    assert 1 in blocks
    assert max(blocks) >= 5 or boundary == "circular"


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 24, 32])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_written_past_the_caches(dtype: str, width: int) -> None:
    """From any place within 64 bytes on; what lies around them stays as it is."""
    for columns in (3, 17, 33, 65, 130):
        shape, axes = ((2, 11, columns), CHW) if width == 1 else ((11, columns, width), HWC)
        p = aa_ref.plan(shape, 0.5, axes=axes, input_dtype=dtype, boundary="reflect")
        x = input_of(dtype, shape, "wide")
        expected = p(x, backend="numpy")
        for skipped in range(0, 64 // x.itemsize, 1 if width == 2 else 3):
            room = np.full(expected.size + skipped + 128, 77).astype(dtype)
            start = -room.ctypes.data % 64 // room.itemsize + skipped
            out = room[start : start + expected.size].reshape(expected.shape)
            with conditions(stream=0):
                p(x, out=out, backend="numba")
                cut = cut_of(p)
            assert cut
            assert cut.record["stream"]
            assert_same_bits(out, expected)
            around = np.concatenate([room[:start], room[start + expected.size :]])
            assert (around == 77).all()


def test_only_large_results_are_written_past_the_caches() -> None:
    for rows, stream in ((2046, False), (2048, True)):
        cut = cut_of(aa_ref.plan((rows, 1024), (0.5, 1), sigma=0.5))
        assert cut
        assert bool(cut.record["stream"]) == stream


SCALES = [
    # label, scales, options, how many functions run
    ("a level as it is", (1, 0.5, 0.25, 0.125), {}, 1),
    ("coarse first", (0.125, 0.5, 1), {}, 1),
    ("a level twice", (0.5, 0.5), {}, 1),
    ("no common stride", (Fraction(1, 3), 0.2, Fraction(1, 7)), {}, 3),
    ("uneven", (0.37, 0.5), {"sampling": "nearest"}, 2),
    ("uneven, again and again", (0.3, 0.5), {"sampling": "nearest"}, 1),
    ("one axis of two", ((1, 0.5), (0.5, 1), (0.25, 0.5)), {}, 1),
]


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@pytest.mark.parametrize(
    ("label", "scales", "options", "calls"), SCALES, ids=[c[0] for c in SCALES]
)
def test_levels_of_any_kind(
    label: str, scales: tuple[Any, ...], options: dict[str, Any], calls: int
) -> None:
    for shape, axes in (((2, 91, 123), CHW), ((95, 41, 3), HWC)):
        x = input_of("float32", shape)
        for little in (0, math.inf):
            with conditions(threads=2, little=little) as ran:
                levels = aa_ref.pyramid(x, scales, axes=axes, backend="numba", **options)
            for scale, level in zip(scales, levels, strict=True):
                expected = aa_ref.downsample(x, scale, axes=axes, backend="numpy", **options)
                assert_same_bits(level, expected)
            special = [r for r in ran if isinstance(r, Fused)]
            copies = sum(s == 1 for s in scales)
            assert len(ran) == calls + copies if little == 0 else not special
            if calls == 1 and little == 0:
                assert len(special[0].levels) == len(scales) - copies


WHOLE = [
    # label, shape, scales, axes
    ("volumes", (9, 40, 50), (0.5, 0.25), (0, 1, 2)),
    ("one level", (40, 50), (0.5,), (0, 1)),
    ("no level", (40, 50), (), (0, 1)),
    ("no samples", (0, 40, 50), (0.5, 0.25), (1, 2)),
]


@pytest.mark.parametrize(("label", "shape", "scales", "axes"), WHOLE, ids=[c[0] for c in WHOLE])
def test_levels_that_go_one_by_one(
    label: str, shape: tuple[int, ...], scales: tuple[Any, ...], axes: tuple[int, ...]
) -> None:
    x = input_of("float32", shape)
    plans = [aa_ref.plan(shape, s, axes=axes) for s in scales]
    results = [[np.empty(p.out_shape, np.float32) for p in plans] for _ in range(2)]
    backend = launch.NumbaBackend()
    with conditions() as ran:
        backend.pyramid(plans, x, results[0])
    assert not [r for r in ran if isinstance(r, Fused) and len(r.levels) > 1]
    Backend.pyramid(backend, plans, x, results[1])
    for a, b in zip(*results, strict=True):
        assert_same_bits(a, b)


@pytest.mark.parametrize(
    ("shape", "axes"), [((3, 801, 903), CHW), ((603, 601, 3), HWC)], ids=["C×H×W", "H×W×C"]
)
def test_large_inputs_after_some_work(shape: tuple[int, ...], axes: tuple[int, int]) -> None:
    x = input_of("float32", shape)
    expected = aa_ref.pyramid(x, OCTAVES, axes=axes, backend="numpy")
    with conditions(little=15_000_000, threads=2) as ran:
        for _ in range(3):
            levels = aa_ref.pyramid(x, OCTAVES, axes=axes, backend="numba")
            for level, e in zip(levels, expected, strict=True):
                assert_same_bits(level, e)
    assert ran[:3] == ["forward"] * 3
    assert isinstance(ran[-1], Fused)


# ---------------------------------------------------------------------------- what is made for what


def octave(stride: int, width: int = 1, kind: str = "float32") -> Fused:
    taps = 4 * (stride - 1) + 1
    return Fused((Level(stride, taps, stride, taps),), width, KINDS.index(kind))


def fused(*level: int, width: int = 1, kind: str = "float32") -> Fused:
    return Fused((Level(*level),), width, KINDS.index(kind))


CHOSEN: list[tuple[str, tuple[int, ...], Any, dict[str, Any], Fused | None]] = [
    *((f"C×H×W, {s}", (3, 40, 50), Fraction(1, s), {"axes": CHW}, octave(s)) for s in range(2, 9)),
    *((f"H×W×{c}", (40, 50, c), 0.5, {"axes": HWC}, octave(2, c)) for c in (1, 2, 3, 4)),
    *((f"H×W×{c}", (40, 50, c), 0.5, {"axes": HWC}, octave(2, 0)) for c in (5, 16, 200)),
    ("many channels, axis by axis", (40, 50, 5000), 0.5, {"axes": HWC}, fused(2, 5, 1, 1)),
    ("a batch of H×W×3", (2, 40, 50, 3), 0.5, {"axes": HWC}, octave(2, 3)),
    ("uint8", (40, 50), 0.5, {"input_dtype": "uint8"}, octave(2, kind="uint8")),
    ("float64 out", (40, 50), 0.5, {"dtype": "float64"}, octave(2)),
    ("a volume's last axes", (9, 20, 30), 0.5, {"axes": (0, 1, 2)}, octave(2)),
    ("columns alone", (3, 40, 50), 0.25, {"axes": -1}, fused(1, 1, 4, 13)),
    ("columns of H×W×9", (40, 50, 9), 0.25, {"axes": 1}, fused(1, 1, 4, 13, width=0)),
    ("columns of H×W×3", (40, 50, 3), 0.25, {"axes": 1}, fused(1, 1, 4, 13, width=3)),
    ("rows alone", (3, 40, 80), 0.5, {"axes": -2}, fused(2, 5, 1, 1)),
    ("fewer columns", (3, 40, 79), 0.5, {"axes": -2}, fused(1, 1, 2, 5, width=0)),
    ("of one picture", (40, 50), 0.5, {"axes": 0}, fused(2, 5, 1, 1)),
    ("first of three", (9, 20, 30), 0.5, {"axes": 0}, fused(2, 5, 1, 1)),
    ("narrow rows", (40, 9), 0.5, {"axes": 0}, None),
    ("one line", (50,), 0.5, {"axes": 0}, None),
    ("strides apart", (40, 50), (0.25, 0.5), {}, fused(4, 13, 2, 5)),
    ("sharp", (40, 50), 0.5, {"sigma": 0}, fused(2, 1, 2, 1)),
    ("stride 1", (40, 50), 1, {"sigma": 1}, fused(1, 9, 1, 9)),
    ("even nearest", (40, 50), 0.5, {"sampling": "nearest"}, octave(2)),
    ("nearest, 3 in 10", (40, 50), 0.3, {"sampling": "nearest"}, fused(10, 11, 10, 11, 3, 3)),
    ("nearest, 3 in 20", (40, 50), 0.15, {"sampling": "nearest"}, fused(20, 23, 20, 23, 3, 3)),
    ("nearest, never again", (40, 50), 0.37, {"sampling": "nearest"}, None),
    ("nearest, not quite again", (9, 300), 6 / 7, {"sampling": "nearest", "axes": 1}, None),
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
    # label, how x is seen, whether lines lie in memory without gaps, for each step
    ("columns apart", lambda x: x[:, :, ::2], [False]),
    ("backwards", lambda x: x[:, :, ::-1], [False]),
    ("Fortran's order", np.asfortranarray, [True, True]),
    ("one plane again and again", lambda x: np.broadcast_to(x[:1], x.shape), [False]),
    ("rows apart", lambda x: x[:, ::2], [True]),
    ("planes apart", lambda x: x[::2], [True]),
    ("a part of each row", lambda x: x[:, :, 3:-2], [True]),
]


@pytest.mark.parametrize(("label", "see", "fit"), LAYOUTS, ids=[c[0] for c in LAYOUTS])
def test_lines_must_lie_in_memory_without_gaps(label: str, see: Any, fit: list[bool]) -> None:
    x = see(input_of("float32", (4, 30, 40)))
    p = aa_ref.plan(x.shape, 0.5)
    with conditions() as ran:
        assert_same_bits(p(x, backend="numba"), p(x, backend="numpy"))
    assert [isinstance(r, Fused) for r in ran] == fit


@pytest.mark.parametrize(
    "levels", [f.levels for f in LEVELS] + [(Level(6, 21, 1, 1), Level(4, 13, 1, 1))], ids=str
)
def test_each_output_has_all_its_rows_once(levels: Sequence[Level]) -> None:
    """Over groups, in order; what is carried from one is what the next goes on with."""
    group = plan_group(levels)
    assert all(group.rows % level.row_stride == 0 for level in levels)
    for n, (level, starts) in enumerate(zip(levels, group.starts, strict=True)):
        began = [q for q in starts if q < 0]
        goes_on = [q - group.rows for q in starts if not group.ends_within(level, q)]
        assert began == goes_on
        _, count, first = group.completed(n)
        assert count == group.rows // level.row_stride * level.row_centres
        centre = (group.first_row + first + level.row_taps // 2) % level.row_stride
        assert centre in [
            n * level.row_stride // level.row_centres for n in range(level.row_centres)
        ]
    assert group.lines == group.carried + sum(group.completed(n)[1] for n in range(len(levels)))
