"""The Numba backend's functions for any plan: the same bits of all; and when others are taken."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cases import BOUNDARIES, Case, lay_out, values
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray
from support import TYPES, assert_same_bits

import aa_ref
from aa_ref.backends.numba import caching, geometry, launch, steps, variants
from aa_ref.backends.numba.caching import Special
from aa_ref.backends.numba.compiling import OPTIONS
from aa_ref.backends.numba.levels import OCTAVES
from aa_ref.backends.numba.phases import join_phases, split_phases
from aa_ref.backends.numba.variants import GENERIC, worth_it

DIRECTIONS = ("forward", "adjoint")
EVERY = [(d, s, w) for d in DIRECTIONS for s, w in ((2, 1), (3, 1), (8, 1), (3, 3), (8, 3))]
FEW = settings(max_examples=max(1, settings().max_examples // 5))  # each is several calls
NARROW = {
    # so that little has several blocks of columns
    "forward": {"_BLOCK": 64, "_SPAN": 4096},
    "adjoint": {"_SPAN": 256},
}


@dataclass
class Ran:
    """What ran: compiled functions, and the steps that they were called for."""

    functions: list[tuple[str, Special]] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)


class Guarded:
    """A compiled function that is given scratch with more behind it, which it must leave alone."""

    def __init__(self, compiled: caching.Compiled) -> None:
        self.compiled = compiled

    def call(self, *arguments: Any) -> None:
        *arrays, scratch, indices, begin, end = arguments
        longer = [np.full(a.size + 4096, 77, a.dtype) for a in (scratch, indices)]
        own = [a[:-4096] for a in longer]
        self.compiled.call(*arrays, *own, begin, end)
        for name, a in zip(("scratch", "indices"), longer, strict=True):
            overrun = np.flatnonzero(a[-4096:] != 77)
            assert not len(overrun), (
                f"{name}: {overrun[-1] + 1} beyond the {a.size - 4096} there are"
            )


@contextmanager
def conditions(*, little: float, threads: int = 1, **constants: int) -> Iterator[Ran]:
    """Special functions come after ``little`` work, and `geometry` has these constants."""
    ran = Ran()
    carry_out = launch._carry_out

    def note_function(name: str, compute: type, variant: Special = GENERIC) -> Any:
        ran.functions.append((name, variant))
        return Guarded(caching.compiled(name, compute, variant))

    def note_step(step: Any, *arguments: Any) -> None:
        ran.steps.append(step)
        carry_out(step, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        for name, value in constants.items():
            patch.setattr(geometry, name, value)
        patch.setattr(variants, "LITTLE", little)
        patch.setattr(variants, "_done", {})
        patch.setattr(launch, "compiled", note_function)
        patch.setattr(launch, "_carry_out", note_step)
        patch.setattr(launch, "_LITTLE", -1)
        steps.make_steps.cache_clear()
        aa_ref.set_num_threads(threads)
        try:
            yield ran
        finally:
            aa_ref.set_num_threads(None)
            steps.make_steps.cache_clear()


def operate(case: Case, direction: str, backend: str, out: Any = None) -> Any:
    """For the adjoint, ``case.x`` has the result's shape of its last option, ``shape``."""
    options = case.options.copy()
    shape = options.pop("shape")
    if direction == "forward":
        return aa_ref.downsample(case.x, case.scale, **options, out=out, backend=backend)
    lengths = [shape[a] for a in options["axes"]]
    return aa_ref.downsample_adjoint(
        case.x, case.scale, lengths, **options, out=out, backend=backend
    )


@st.composite
def calls(draw: st.DrawFn, direction: str, stride: int, width: int) -> Case:
    """A call with columns of this stride, and so many channels."""
    columns = draw(st.one_of(st.integers(1, 70), st.integers(stride + 1, 3000)))
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    most = max(1, 150_000 // (columns * width * math.prod(batch)))
    rows = min(most, draw(st.one_of(st.integers(1, 9), st.integers(1, 80))))
    shape = (*batch, rows, columns, *([width] if width > 1 else []))
    sigmas = st.one_of(
        st.none(), st.sampled_from((0, 0.2, 12, 40)), st.floats(0, 3), st.floats(0, 3)
    )
    scales = [draw(st.sampled_from((0.5, 0.25, 0.125, Fraction(1, 3), 0.2, 1)))]
    scales.append(draw(st.sampled_from((Fraction(1, stride), 1 / stride))))
    sigma = [draw(sigmas), draw(sigmas)]
    if width > 1 and sigma[0] is None and scales[0] == 1:
        sigma[0] = 0.6  # or the columns are alone, and are seen as rows
    dtypes = ("float32", "float16", "bfloat16")
    if direction == "forward":
        dtypes = (*dtypes, "uint8", "uint16")
    first = len(batch)
    options: dict[str, Any] = {
        "axes": (first, first + 1),
        "sigma": tuple(sigma),
        "boundary": tuple(draw(st.sampled_from(BOUNDARIES)) for _ in range(2)),
        "dtype": draw(st.one_of(st.none(), st.sampled_from(TYPES))),
    }
    dtype = draw(st.sampled_from(dtypes))
    plan = aa_ref.plan(shape, tuple(scales), input_dtype=dtype, **options)
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(("normal", "wide", "subnormal", "special")))
    own = plan.shape if direction == "forward" else plan.out_shape
    x = values(dtype, math.prod(own), kind, rng).reshape(own)
    layout = draw(st.sampled_from(("c", "offset", "strided", "shifted")))
    return Case(lay_out(x, layout, rng), tuple(scales), options | {"shape": shape}, seed)


def in_a_room(like: NDArray[Any], skipped: int) -> tuple[NDArray[Any], Callable[[], None]]:
    """An array like this one, so many samples after a multiple of 64 bytes; and a check of what
    lies around it."""
    room = np.full(like.size + skipped + 128, 77).astype(like.dtype)
    start = -room.ctypes.data % 64 // like.itemsize + skipped
    end = start + like.size

    def check() -> None:
        around = np.concatenate([room[:start], room[end:]])
        assert (around == np.array(77).astype(like.dtype)).all()

    return room[start:end].reshape(like.shape), check


# ------------------------------------------------------------------------------ the same bits


@pytest.mark.parametrize(("direction", "stride", "width"), EVERY)
def test_any_plan_has_the_bits_of_the_other_backends(
    direction: str, stride: int, width: int
) -> None:
    @FEW
    @given(
        case=calls(direction, stride, width),
        threads=st.integers(1, 2),
        cuts=st.sampled_from(({}, NARROW[direction])),
        stream=st.sampled_from((1 << 22, 0)),
        layout=st.sampled_from(("offset", "c", "strided", "shifted")),
    )
    def check(case: Case, threads: int, cuts: dict[str, int], stream: int, layout: str) -> None:
        expected = operate(case, direction, "numpy")
        given_ = case.x.copy()
        with conditions(little=math.inf, threads=threads, STREAM=stream, **cuts) as ran:
            assert_same_bits(operate(case, direction, "numba"), expected)
            rng = np.random.default_rng(case.seed)
            out = lay_out(np.zeros_like(expected), layout, rng)
            operate(case, direction, "numba", out)
            assert_same_bits(out, expected)
        assert set(ran.functions) == {(direction, GENERIC)}
        assert_same_bits(case.x, given_)

    check()


WIDE = [
    # stride, shape, sigma: three blocks of columns and more, as they are cut by default
    (2, (2, 9, 20_011), None),
    (3, (7, 33_331), (0.8, 30)),
    (8, (11, 40_009), (None, 0)),
    (3, (2, 4, 11_003, 3), (0, 9)),
    (4, (9, 16_385, 3), None),
]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("stride", "shape", "sigma"), WIDE)
def test_many_blocks(stride: int, shape: tuple[int, ...], sigma: Any, direction: str) -> None:
    axes = (-3, -2) if shape[-1] == 3 else (-2, -1)
    p = aa_ref.plan(shape, Fraction(1, stride), axes=axes, sigma=sigma, boundary="circular")
    act, shape = (p, p.shape) if direction == "forward" else (p.adjoint, p.out_shape)
    x = values("float32", math.prod(shape), "normal", np.random.default_rng(0)).reshape(shape)
    expected = act(x, backend="numpy")
    for threads in (1, 2):
        with conditions(little=math.inf, threads=threads) as ran:
            assert_same_bits(act(x, backend="numba"), expected)
        assert ran.functions == [(direction, GENERIC)]
        assert ran.steps[0].geometry.record["columns"]["blocks"] > 1


# ------------------------------------------------------------------------------ ways through memory


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["C×H×W", "H×W×C"])
@pytest.mark.parametrize("boundary", ["zeros", "reflect"])
def test_results_written_past_the_caches(
    layout: str, direction: str, dtype: str, boundary: str
) -> None:
    rng = np.random.default_rng(0)
    for columns in (3, 15, 16, 17, 33, 63, 65, 130, 257, 400):
        shape, axes = (
            ((2, 11, columns), (1, 2)) if layout == "C×H×W" else ((11, columns, 3), (0, 1))
        )
        p = aa_ref.plan(shape, 0.5, axes=axes, input_dtype=dtype, boundary=boundary)
        act, own = (p, p.shape) if direction == "forward" else (p.adjoint, p.out_shape)
        x = values(dtype, math.prod(own), "wide", rng).reshape(own)
        expected = act(x, backend="numpy")
        for skipped in (0, 1, 3, 8, 15):
            out, check_around = in_a_room(expected, skipped)
            with conditions(little=math.inf, STREAM=0) as ran:
                act(x, out=out, backend="numba")
            assert ran.functions == [(direction, GENERIC)]
            assert ran.steps[0].geometry.record["stream"]
            assert_same_bits(out, expected)
            check_around()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_only_large_results_are_written_past_the_caches(direction: str) -> None:
    for side, stream in ((1023, False), (1024, True)):
        rows = 2 * side if direction == "forward" else side
        p = aa_ref.plan((rows, 1024), (0.5, 1), sigma=0.5)
        act, own = (p, p.shape) if direction == "forward" else (p.adjoint, p.out_shape)
        with conditions(little=math.inf) as ran:
            act(np.ones(own, np.float32), backend="numba")
        assert bool(ran.steps[0].geometry.record["stream"]) == stream


@pytest.mark.parametrize("boundary", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize(
    ("stride", "dtype", "slots"),
    [
        (2, "float32", 0), (4, "float64", 0), (8, "float32", 0), (1, "uint8", 5), (2, "uint8", 5),
        (3, "uint16", 9), (2, "float16", 5), (8, "bfloat16", 29),
    ],
)  # fmt: skip
def test_rows_are_kept_where_they_are_converted(
    stride: int, dtype: str, slots: int, boundary: str
) -> None:
    rng = np.random.default_rng(0)
    for columns in (1, 40, 63, 64, 65, 68, 80, 127, 140, 200, 256, 517):  # lengths of a sum's ends
        shape, sigma = (2, 37, columns), 0.6 if stride == 1 else None
        p = aa_ref.plan(
            shape, Fraction(1, stride), input_dtype=dtype, boundary=boundary, sigma=sigma
        )
        x = values(dtype, math.prod(shape), "special", rng).reshape(shape)
        for cuts in ({}, NARROW["forward"]):
            with conditions(little=math.inf, threads=2, **cuts) as ran:
                assert_same_bits(p(x, backend="numba"), p(x, backend="numpy"))
            assert ran.steps[0].geometry.record["slots"] == slots


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@pytest.mark.parametrize("sampling", ["slice", "nearest"])
@pytest.mark.parametrize("scale", [0.3, 0.4, (0.001, 0.5), (0.5, 0.001)])
@pytest.mark.parametrize("layout", ["C×H×W", "H×W×C", "columns apart"])
def test_kept_rows_in_any_geometry(layout: str, scale: Any, sampling: str) -> None:
    """Uneven centres, rows between footprints, few columns, many blocks, strides in memory."""
    shape, axes = ((1200, 1300, 3), (0, 1)) if layout == "H×W×C" else ((1200, 1300), (0, 1))
    x = values("uint8", math.prod(shape), "normal", np.random.default_rng(0)).reshape(shape)
    if layout == "columns apart":
        x = np.repeat(x, 2, axis=1)[:, ::2]
    p = aa_ref.plan(
        x.shape, scale, axes=axes, sigma=0.7, sampling=sampling, input_dtype="uint8",
        boundary="reflect",
    )  # fmt: skip
    expected = p(x, backend="numpy")
    for threads in (1, 2):
        with conditions(little=math.inf, threads=threads) as ran:
            assert_same_bits(p(x, backend="numba"), expected)
        assert ran.steps[0].geometry.record["slots"] == 7


@pytest.mark.parametrize(
    ("columns", "sigma", "kept"), [(1300, 20, True), (8000, (0.5, 225), True), (8000, 225, False)]
)
def test_rows_are_kept_as_long_as_there_is_room(columns: int, sigma: Any, kept: bool) -> None:
    p = aa_ref.plan((5, columns, 3), 0.5, axes=(0, 1), sigma=sigma, input_dtype="uint8")
    x = values("uint8", math.prod(p.shape), "normal", np.random.default_rng(0)).reshape(p.shape)
    with conditions(little=0) as ran:
        assert_same_bits(p(x, backend="numba"), p(x, backend="numpy"))
    assert ran.functions == [("forward", GENERIC)]
    assert (ran.steps[0].geometry.record["slots"] > 0) == kept


SPARSE = [
    # label, shape, scale, sigma, axes: strides longer than the filter, few columns
    ("rows", (40, 1), (0.1, 0.5), (0, 0), (0, 1)),
    ("rows, far apart", (3000, 3), (0.001, 0.5), 0, (0, 1)),
    ("rows alone", (300, 2), 0.01, 0.3, (0,)),
    ("columns", (5, 3000), (0.5, 0.001), 0, (0, 1)),
    ("both", (900, 900), 0.01, 0.4, (0, 1)),
    ("with channels", (900, 70, 3), (0.005, 0.125), 0, (0, 1)),
]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize(
    ("label", "shape", "scale", "sigma", "axes"), SPARSE, ids=[c[0] for c in SPARSE]
)
def test_scratch_is_enough_where_strides_are_longer_than_filters(
    label: str, shape: tuple[int, ...], scale: Any, sigma: Any, axes: tuple[int, ...], dtype: str,
    direction: str,
) -> None:  # fmt: skip
    p = aa_ref.plan(shape, scale, sigma=sigma, axes=axes, input_dtype=dtype)
    act, own = (p, p.shape) if direction == "forward" else (p.adjoint, p.out_shape)
    kind = "float32" if direction == "adjoint" and dtype == "uint8" else dtype
    x = values(kind, math.prod(own), "normal", np.random.default_rng(0)).reshape(own)
    for little in (0, math.inf):
        with conditions(little=little):
            assert_same_bits(act(x, backend="numba"), act(x, backend="numpy"))


# ---------------------------------------------------------------------------- which, and when


def test_a_special_function_comes_after_some_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "_done", {})
    monkeypatch.setattr(variants, "LITTLE", 100)
    first, other = OCTAVES[:2]
    assert [worth_it("adjoint", first, 40) for _ in range(4)] == [False, False, True, True]
    assert worth_it("adjoint", first, 0)
    assert not worth_it("levels", first, 99)  # each counts its own
    assert not worth_it("adjoint", other, 99)
    assert worth_it("adjoint", other, 1)


def test_calls_take_a_special_function_after_some_work() -> None:
    p = aa_ref.plan((3, 20, 30), 0.5)
    x = np.ones(p.out_shape, np.float32)
    with conditions(little=math.inf) as ran:
        p.adjoint(x, backend="numba")
    with conditions(little=2.5 * ran.steps[0].multiplications) as ran:
        for _ in range(4):
            p.adjoint(x, backend="numba")
    chosen = [special for _, special in ran.functions]
    assert chosen == [GENERIC, GENERIC, OCTAVES[0], OCTAVES[0]]


# ------------------------------------------------------------------------------------- phases


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("stride", "width"), [(s, w) for s in (2, 3, 5, 8) for w in (1, 3, 4)])
def test_phases_split_and_joined(stride: int, width: int, dtype: str) -> None:
    split, join = phase_functions()
    rng = np.random.default_rng(stride)
    for count in (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 40, 63, 64, 65, 127, 128, 129, 200, 517):
        room = -(-count // stride) * width
        line = values(dtype, count * width, "wide", rng)
        at, to = 5, 5 + count * width + 3
        back = to + stride * room + 1
        a = values(dtype, back + count * width, "wide", rng)
        a[at : at + len(line)] = line
        before = a.copy()
        split(a, at, count, width, stride, stride, room, to)
        for q in range(stride):
            phase = line.reshape(count, width)[q::stride].ravel()
            assert_same_bits(a[to + q * room :][: len(phase)], phase)
        assert_same_bits(a[:to], before[:to])
        assert_same_bits(a[to + stride * room :], before[to + stride * room :])
        a[at : at + len(line)] = 0
        join(a, to, count, width, stride, stride, room, back)
        assert_same_bits(a[back : back + len(line)], line)
        assert_same_bits(a[to + stride * room : back], before[to + stride * room : back])


def phase_functions() -> tuple[Any, Any]:
    """`split_phases` and `join_phases` as compiled functions of their own."""

    @njit(**OPTIONS)
    def split(a, at, count, wide, step, phases, room, to):  # type: ignore[no-untyped-def]
        split_phases(a, at, count, wide, step, phases, room, to)

    @njit(**OPTIONS)
    def join(a, at, count, wide, step, phases, room, to):  # type: ignore[no-untyped-def]
        join_phases(a, at, count, wide, step, phases, room, to)

    return split, join


def test_only_phases_asked_for_are_split() -> None:
    """A filter shorter than its stride reads no others."""
    split, _ = phase_functions()
    a = np.arange(60, dtype=np.float32)
    split(a, 0, 10, 3, 5, 2, 6, 40)
    assert a[40:52].tolist() == [0, 1, 2, 15, 16, 17, 3, 4, 5, 18, 19, 20]
    assert a[52:].tolist() == list(range(52, 60))
