"""The probes: what the issue of them is, smallest first, the same everywhere."""

import hashlib
from collections import Counter
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aa_ref.oracle.calling.layouts import ARRANGEMENTS, as_layout
from aa_ref.oracle.errors import LayoutError
from aa_ref.oracle.probes import KINDS, large_probes, patterns, probes
from aa_ref.oracle.terms import as_terms

LAYOUTS = ("NCHW", "NHWC", "CHW", "HWC", "HW", "NCDHW", "NCL", "L", "DHWC", "CNHW", "HCW")
QUESTIONS = [
    ("NCHW", 0.25, "float32", "slice"),
    ("HW", 0.5, "float64", "slice"),
    ("HWC", (0.5, Fraction(1, 3)), "uint8", "slice"),
    ("CHW", 0.4, "float16", "nearest"),
    ("NDHWC", 0.5, "bfloat16", "slice"),
    ("L", 0.125, "uint16", "nearest"),
    ("NCW", 0.3, "float32", "nearest"),
    ("HW", (1, 0.25), "float32", "slice"),
]
by_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: "-".join(map(str, q)))


def asked(layout, scale, dtype, sampling, **options):
    """The layout, how to plan in it, and its probes."""
    terms = as_terms(scale, layout=layout, dtype=dtype, sampling=sampling)
    made = [m for make in (probes, large_probes) for m in make(terms, **options)]
    return terms.layout, terms.plan, made


@by_question
def test_every_probe_can_be_asked(question):
    layout, plan_for, found = asked(*question)
    for probe in found:
        assert probe.x.ndim == len(layout.name)
        assert probe.x.dtype == patterns.array_type(question[2])
        assert min(plan_for(probe.x.shape).out_shape) >= 1
        assert probe.x.flags.c_contiguous
        assert not probe.x.flags.writeable
        assert probe.kind in KINDS
        assert probe.arrangement in ARRANGEMENTS


@by_question
def test_smallest_first_and_no_label_twice(question):
    _, plan_for, found = asked(*question)
    sizes = [(probe.is_large, probe.x.size) for probe in found]
    assert sizes == sorted(sizes)
    assert sizes[0][1] == min(np.prod(plan_for(p.x.shape).shape) for p in found)
    assert max(Counter(probe.label for probe in found).values()) == 1


@by_question
def test_every_kind_is_there(question):
    layout, _, found = asked(*question)
    floating = not question[2].startswith("uint")
    wanted = {kind for kind in KINDS if floating or kind not in ("huge", "subnormal", "special")}
    if layout.name in ("HW", "L"):
        wanted -= {"batch"}
    assert {probe.kind for probe in found} == wanted


@by_question
def test_impulses_at_every_phase_and_both_ends(question):
    """Of each filtered axis: all first and last samples, and all phases out of the ends' reach."""
    layout, plan_for, found = asked(*question)
    for k, axis in enumerate(layout.axes):
        seen, amid = set(), set()
        for probe in found:
            if probe.kind != "impulse":
                continue
            plan = plan_for(probe.x.shape)
            (where,) = np.argwhere(probe.x)
            a, n, p = plan.axes[k], probe.x.shape[axis], int(where[axis])
            others = [probe.x.shape[b] for b in layout.axes if b != axis]
            if all(n > other for other in others) or not others:
                seen |= {("first", p), ("last", n - 1 - p)}
            if a.radius <= p < n - a.radius:
                amid.add(p % a.stride)
        stride = a.stride if a.has_pass else 1
        assert {("first", p) for p in range(stride)} <= seen
        assert {("last", p) for p in range(stride)} <= seen
        assert amid == set(range(stride))


@by_question
def test_sizes_below_the_filter_prime_odd_even_and_unequal(question):
    layout, plan_for, found = asked(*question)
    lengths = [
        tuple(probe.x.shape[axis] for axis in layout.axes)
        for probe in found if probe.kind == "size"
    ]  # fmt: skip
    plan = plan_for((1000,) * len(layout.name))
    for k, a in enumerate(plan.axes):
        if a.sampling == "slice":
            assert lengths[0][k] == 1
        column = {each[k] for each in lengths}
        assert {n % 2 for n in column} == {0, 1}
        if a.radius > max(2, min(column)):
            assert any(n < a.radius for n in column)
            assert any(a.radius < n <= 2 * a.radius for n in column)
        assert any(n > 2 * a.radius for n in column)
        assert any(n > 2 and all(n % d for d in range(2, n)) for n in column)
    if len(layout.axes) > 1:
        assert sum(len(set(each)) > 1 for each in lengths) >= len(lengths) - 1


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_what_the_kinds_hold(dtype):
    _, _, found = asked("HW", 0.25, dtype, "slice")
    by_kind = {}
    for probe in found:
        by_kind.setdefault(probe.kind, []).append(probe.x.astype(np.float64))
    info = ml_dtypes.finfo(patterns.array_type(dtype))
    for x in by_kind["subnormal"]:
        assert 0 < np.abs(x).max() < float(info.smallest_normal)
        assert np.count_nonzero(x) > 0.9 * x.size
    for x in by_kind["wide"]:
        magnitudes = np.abs(x[x != 0])
        assert magnitudes.max() / magnitudes.min() > 2.0**12
        assert abs(x.sum()) < np.abs(x).sum() / 20
        assert magnitudes.max() < float(info.max) / 100
    for x in by_kind["checkerboard"]:
        assert (x[1:] == -x[:-1]).all()
        assert (x[:, 1:] == -x[:, :-1]).all()
    assert any(np.isnan(x).any() for x in by_kind["special"])
    assert any(np.isposinf(x).any() and np.isneginf(x).any() for x in by_kind["special"])
    assert all(np.isfinite(x).all() for k, xs in by_kind.items() if k != "special" for x in xs)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_integers_go_to_both_ends_of_their_range(dtype):
    _, _, found = asked("HW", 0.25, dtype, "slice")
    most = np.iinfo(dtype).max
    for kind in ("ramp", "checkerboard", "wide"):
        for probe in found:
            if probe.kind == kind:
                assert (probe.x.min(), probe.x.max()) == (0, most)
    random = next(probe.x for probe in found if probe.label.startswith("random"))
    assert random.min() < most * 0.02
    assert random.max() > most * 0.98


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_noise_uses_every_bit_and_is_nearly_normal(dtype):
    """Else an implementation that rounds its input to a coarser type would go unseen."""
    x = patterns.cast(patterns.random((200, 101), dtype, 3), dtype)
    mantissas = np.abs(np.frexp(x)[0])
    assert np.count_nonzero(mantissas * 2.0 ** (np.finfo(dtype).nmant) % 1) > 0.2 * x.size
    assert abs(x.mean(dtype=np.float64)) < 5 / np.sqrt(x.size)
    assert abs(x.var(dtype=np.float64) - 1) < 5 * np.sqrt(2 / x.size)
    assert not np.array_equal(x, patterns.cast(patterns.random((200, 101), dtype, 4), dtype))


def test_the_same_on_every_platform_and_version():
    """Digests written down once: a change of any probe changes what a seed means."""
    digests = []
    for question in (QUESTIONS[0], QUESTIONS[2], QUESTIONS[4]):
        digest = hashlib.sha256()
        for probe in asked(*question)[2]:
            digest.update(f"{probe.label} {probe.x.shape} {probe.x.dtype}".encode())
            digest.update(probe.x.tobytes())
        digests.append(digest.hexdigest()[:16])
    assert digests == ["f0506d672ca2da8b", "bcdbd01fa1126b4e", "44d01b710cf104ab"]


def test_another_seed_gives_other_noise_and_the_same_shapes():
    first, second = asked(*QUESTIONS[0])[2], asked(*QUESTIONS[0], seed=1)[2]
    assert [p.label for p in first] == [p.label for p in second]
    for a, b in zip(first, second, strict=True):
        noisy = a.kind not in (
            "impulse", "constant", "ramp", "checkerboard", "special", "picture",
        )  # fmt: skip
        assert (a.x.tobytes() != b.x.tobytes()) == noisy


@pytest.mark.parametrize("channels", [1, 3])
def test_a_fixed_number_of_channels(channels):
    layout, _, found = asked("NHWC", 0.25, "float32", "slice", channels=channels)
    assert {probe.x.shape[layout.name.index("C")] for probe in found} == {channels}
    assert {probe.x.shape[0] for probe in found} == {1, 2, 3, 5}


@pytest.mark.parametrize("layout", ["NCHW", "NCL", "CHW", "NHW"])
def test_several_channels_and_batches_where_there_are_letters(layout):
    _, _, found = asked(layout, 0.25, "float32", "slice")
    for letter in "NC":
        if letter in layout:
            assert len({probe.x.shape[layout.index(letter)] for probe in found}) >= 2


def test_more_of_everything_than_code_is_often_written_for():
    """More entries than 3, channels than 64, inputs and outputs than 4,096 or 16 bits count."""
    _, plan_for, found = asked(*QUESTIONS[0])
    for shapes in ([p.x.shape for p in found], [plan_for(p.x.shape).out_shape for p in found]):
        n, c, h, w = (max(column) for column in zip(*shapes, strict=True))
        assert n > 3
        assert c > 64
        assert min(h, w) > 4096
        assert max(h * w for *_, h, w in shapes) > 1 << 16
    assert max(probe.x.size for probe in found if not probe.is_large) <= 17_000
    assert sum(probe.x.size for probe in found) <= 1_400_000


@by_question
def test_equal_lengths_and_multiples_of_8_and_32(question):
    layout, _, found = asked(*question)
    sizes = [[p.x.shape[a] for a in layout.axes] for p in found if p.kind == "aligned"]
    for step in (8, 32):
        assert any(all(n % step == 0 for n in lengths) for lengths in sizes)
    assert any(
        all(n % 8 == 0 for n in lengths) and any(n % 32 for n in lengths) for lengths in sizes
    )
    if len(layout.axes) > 1:
        assert any(len({*lengths}) == 1 and lengths[0] % 8 for lengths in sizes)
        assert any(len({*lengths}) == len(lengths) and lengths[0] % 32 == 0 for lengths in sizes)


def test_a_recipe_makes_numbers_of_the_type():
    for dtype, bits in patterns.RECIPE_BITS.items():
        values = patterns.recipe((3, 400), dtype, 5)
        assert np.array_equal(patterns.cast(values, dtype).astype(np.float64), values)
        assert len(np.unique(values)) > min(2.0**bits, 1200) * 0.6
    most = patterns.recipe((1000,), "uint8", 5)
    assert (most.min(), most.max()) == (0, 255)


@pytest.mark.parametrize("layout", ["NCHW", "HWC", "NHW", "L"])
def test_nan_at_both_ends_and_in_the_last_plane(layout):
    found = asked(layout, 0.25, "float32", "slice")[2]
    places = [
        tuple(where / (np.array(probe.x.shape) - 1).clip(1))
        for probe in found
        for where in np.argwhere(np.isnan(probe.x))
    ]
    axes = as_layout(layout).axes
    for end in (0, 1):
        assert any(all(place[a] == end for a in axes) for place in places), end
    others = [a for a in range(len(layout)) if a not in axes]
    assert any(all(place[a] == 1 for a in others) for place in places)


@by_question
def test_fresh_inputs_have_the_values_in_memory_of_their_own(question):
    _, _, found = asked(*question)
    for probe in found:
        x = probe.fresh()
        assert x.dtype == probe.x.dtype
        assert x.shape == probe.x.shape
        assert x.flags.writeable
        assert not np.shares_memory(x, probe.x)
        assert np.ascontiguousarray(x).tobytes() == probe.x.tobytes()
        if probe.kind == "memory":
            assert not x.flags.c_contiguous, probe.label


@given(st.sampled_from(LAYOUTS), st.integers(0, 5))
def test_layouts_put_every_dimension_where_its_letter_stands(name, extra):
    layout = as_layout(name)
    lengths = tuple(3 + extra + k for k in range(len(layout.axes)))
    batch, channels = (2 if "N" in name else 1), (5 if "C" in name else 1)
    x = np.arange(batch * channels * np.prod(lengths)).reshape(batch, channels, *lengths)
    arranged = layout.arrange(x)
    assert arranged.shape == layout.shape(batch, channels, lengths)
    assert [name[axis] for axis in layout.axes] == [c for c in name if c not in "NC"]
    letters = "NC" + "".join(c for c in name if c not in "NC")
    index = {letter: 1 if letter in name else 0 for letter in letters}
    place = tuple(index[letter] for letter in letters)
    assert arranged[tuple(index[letter] for letter in name)] == x[place]


@pytest.mark.parametrize("wrong", ["", "NC", "NCWH", "NNHW", "nchw", "HH", "NCHWD", None, 4, "H"])
def test_a_layout_that_is_none(wrong):
    with pytest.raises(LayoutError, match="a letter for each dimension") as caught:
        as_layout(wrong)
    assert repr(wrong) in str(caught.value)
