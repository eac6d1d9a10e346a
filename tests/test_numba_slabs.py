"""Steps of the Numba backend that are done slab by slab: the same bits; and which plans are."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cases import BOUNDARIES
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import TYPES, assert_same_bits, numpy_type, sample, values

import aa_ref
from aa_ref.backends.numba import launch, slabs, variants
from aa_ref.backends.numba.slabs import Slabs, make_slabs
from aa_ref.backends.numba.steps import make_steps

LARGE = [
    # options that are in slabs by themselves, and along which dimension
    ("a volume", (256, 256, 256), "C", {"axes": (0, 1, 2)}, 0),
    ("a volume of bytes", (256, 256, 256), "C", {"axes": (0, 1, 2), "input_dtype": "uint8"}, 0),
    ("a volume behind one dimension of 1", (1, 256, 256, 256), "C", {"axes": (1, 2, 3)}, 1),
    ("planes larger than a slab should be", (256, 1024, 1024), "C", {"axes": (0, 1, 2)}, 0),
    ("a batch of volumes", (8, 128, 128, 128), "C", {"axes": (1, 2, 3)}, 0),
    ("a batch in Fortran order", (24, 1024, 1024), "F", {"axes": (1, 2)}, 2),
    ("a small volume", (96, 96, 96), "C", {"axes": (0, 1, 2)}, None),
    ("fewer outputs than slabs", (6, 2048, 2048), "C", {"axes": (0, 1, 2)}, None),
    (
        "uneven centres",
        (257, 257, 257),
        "C",
        {"axes": (0, 1, 2), "scale": 0.4, "sampling": "nearest"},
        None,
    ),
    ("a wide filter", (256, 256, 256), "C", {"axes": (0, 1, 2), "sigma": 8}, None),
]


@contextmanager
def small_slabs(outputs: int = 5, little: float = math.inf) -> Iterator[list[Slabs]]:
    """Have slabs of so many outputs wherever there are several steps; tell which were made.

    Functions for just this come after ``little`` work.
    """
    made: list[Slabs] = []

    def note(*arguments: Any) -> Slabs | None:
        plan, source, *_ = arguments
        axis = max((d for d, n in enumerate(plan.shape) if n > 1), key=lambda d: abs(source[d]))
        steps = make_steps(plan, True, *arguments[1:3])
        between = slabs.bytes_between(steps, plan.compute_dtype.itemsize)
        count = -(-plan.out_shape[axis] // outputs)
        patch.setattr(slabs, "_BETWEEN", max(1, between // count))
        make_slabs.cache_clear()
        found = make_slabs(*arguments)
        if found:
            made.append(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "make_slabs", note)
        patch.setattr(slabs, "_FEWEST", 2)
        patch.setattr(slabs, "_LEAST", 1)
        patch.setattr(variants, "LITTLE", little)
        patch.setattr(variants, "_done", {})
        try:
            yield made
        finally:
            make_slabs.cache_clear()


@st.composite
def calls(draw: st.DrawFn) -> tuple[NDArray[Any], Any, dict[str, Any]]:
    """Dimensions in any order in memory, of which the outermost is long enough for slabs."""
    sampling = draw(st.sampled_from(("slice", "slice", "nearest")))
    shortest = 4 if sampling == "nearest" else 1  # which has no sample of fewer at 0.25
    shape = draw(st.lists(st.integers(shortest, 9), min_size=3, max_size=4))
    order = draw(st.permutations(range(len(shape))))
    shape[order[0]] = draw(st.integers(10, 90))
    count = draw(st.integers(3, len(shape)))  # of two axes, most are one step
    axes = tuple(draw(st.permutations(range(len(shape))))[:count])
    uneven: tuple[float, ...] = (0.4,) if sampling == "nearest" else ()
    scales = st.sampled_from((0.5, 0.25, Fraction(1, 3), 1, *uneven))
    dtype = draw(st.sampled_from(TYPES))
    options = {
        "axes": axes,
        "sigma": tuple(
            draw(st.one_of(st.sampled_from((None, 0)), st.floats(0.2, 1))) for _ in axes
        ),
        "boundary": tuple(draw(st.sampled_from(BOUNDARIES)) for _ in axes),
        "sampling": sampling,
        "dtype": draw(st.one_of(st.none(), st.sampled_from(TYPES))),
    }
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(("normal", "wide", "subnormal", "special")))
    x = values(dtype, math.prod(shape), kind, rng).reshape([shape[d] for d in order])
    return x.transpose(np.argsort(order)), tuple(draw(scales) for _ in axes), options


def test_the_same_bits() -> None:
    ways = Counter[bool]()

    @given(
        call=calls(),
        outputs=st.integers(4, 16),
        threads=st.integers(1, 2),
        order=st.sampled_from("CF"),
    )
    def check(call: Any, outputs: int, threads: int, order: Any) -> None:
        x, scale, options = call
        expected = aa_ref.downsample(x, scale, **options, backend="numpy")
        out = np.empty_like(expected, order=order)
        with small_slabs(outputs) as made, aa_ref.limit_threads(threads):
            aa_ref.downsample(x, scale, **options, out=out, backend="numba")
        assert_same_bits(out, expected)
        ways[bool(made)] += 1

    check()
    assert ways[True] > ways[False] / 2  # or the generator has few plans of several steps


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("shape", "axes", "order"),
    [
        ((31, 9, 14), (0, 1, 2), "C"),  # the outermost dimension is filtered first
        ((14, 9, 31), (0, 1, 2), "F"),  # last
        ((5, 9, 31), (1, 2), "F"),
        ((13, 7, 6, 14), (1, 2, 3), "C"),  # not at all
    ],
)
def test_bits_of_each_way(dtype: str, boundary: str, shape: Any, axes: Any, order: Any) -> None:
    kind = "special" if np.issubdtype(numpy_type(dtype), np.floating) else "normal"
    x = values(dtype, math.prod(shape), kind, np.random.default_rng(7)).reshape(shape)
    x = np.asarray(x, order=order)
    options: dict[str, Any] = {"axes": axes, "boundary": boundary}
    expected = aa_ref.downsample(x, 0.5, **options, backend="numpy")
    with small_slabs() as made:
        assert_same_bits(aa_ref.downsample(x, 0.5, **options, backend="numba"), expected)
    (found,) = made
    assert len(found.slabs) > 1
    assert found.axis == (0 if order == "C" else 2)


@pytest.mark.parametrize(
    ("shape", "order", "options", "axis"), [c[1:] for c in LARGE], ids=[c[0] for c in LARGE]
)
def test_which_plans_are_done_in_slabs(
    shape: Any, order: str, options: Any, axis: int | None
) -> None:
    plan = aa_ref.plan(shape, **{"scale": 0.5} | options)
    ends = [
        np.empty(s, numpy_type(t), order=order).strides
        for s, t in ((plan.shape, plan.input_dtype), (plan.out_shape, plan.dtype))
    ]
    found = make_slabs(plan, ends[0], ends[1], 2)
    assert (None if found is None else found.axis) == axis
    if found:
        assert len(found.slabs) >= 4
        outputs = [n for slab in found.slabs for n in range(*slab.outputs)]
        assert outputs == list(range(plan.out_shape[found.axis]))
        sizes = {end - begin for begin, end in (slab.outputs for slab in found.slabs)}
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("order", ["C", "F"])
def test_special_functions_have_the_same_bits_in_slabs(order: Any) -> None:
    shape = (40, 33, 31)
    x = np.asarray(sample(shape), order=order)
    options: dict[str, Any] = {"axes": (0, 1, 2), "boundary": "circular"}
    expected = aa_ref.downsample(x, 0.5, **options, backend="numpy")
    with small_slabs(little=0) as made:
        assert_same_bits(aa_ref.downsample(x, 0.5, **options, backend="numba"), expected)
    (found,) = made
    assert all(step.cut for slab in found.slabs for step in slab.steps)


def test_nothing_is_allocated_once_results_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or where memory ends, ``out`` would be half written."""
    x, options = sample((31, 9, 14)), {"axes": (0, 1, 2), "boundary": "circular"}
    expected = aa_ref.downsample(x, 0.5, **options, backend="numpy")

    def without_memory(*arguments: Any) -> None:
        def fail(*_: Any, **__: Any) -> Any:
            raise MemoryError

        with monkeypatch.context() as patch:
            patch.setattr(np, "empty", fail)
            run_pieces(*arguments)

    run_pieces = launch.run_pieces
    monkeypatch.setattr(launch, "run_pieces", without_memory)
    with small_slabs() as made:
        assert_same_bits(aa_ref.downsample(x, 0.5, **options, backend="numba"), expected)
    assert made


@pytest.mark.parametrize("scale", [0.5, Fraction(1, 10**400)])
def test_of_little_no_slabs_are_thought_of(monkeypatch: pytest.MonkeyPatch, scale: Any) -> None:
    """One sample has no outermost dimension, and small calls do not ask for threads."""

    def fail(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(launch, "get_num_threads", fail)
    for shape in ((1, 1, 1), (1, 4, 1, 1), (5, 6, 7)):
        x, options = sample(shape), {"axes": (-3, -2, -1), "sigma": 0.5}
        expected = aa_ref.downsample(x, scale, **options, backend="numpy")
        assert_same_bits(aa_ref.downsample(x, scale, **options, backend="numba"), expected)


def test_a_stride_without_end_is_no_slab() -> None:
    plan = aa_ref.plan((4, 4096, 4096), Fraction(1, 10**400), axes=(0, 1, 2), sigma=0.5)
    assert make_slabs(plan, (1 << 26, 1 << 14, 4), (4, 4, 4), 2) is None


def test_memory_is_kept_for_the_next_call_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slabs, "_kept", [])
    monkeypatch.setattr(slabs, "_MOST_KEPT", 100)
    with slabs.workplaces(3, [30, 0, 0, 10, 0]) as first:
        assert [place.nbytes for place in first] == [40, 40, 40]
    with slabs.workplaces(3, [30, 0, 20, 0, 0]) as again:
        assert sum(place in first for place in again) == 2
        assert sorted(place.nbytes for place in again) == [50, 60, 60]
    assert sum(place.nbytes for place in slabs._kept) <= 100
