"""Implementations that take few shapes: they are asked no others, and judged as any other is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aa_ref
from aa_ref import oracle
from aa_ref.oracle.calling.layouts import as_layout
from aa_ref.oracle.errors import OracleError
from aa_ref.oracle.probes import KINDS, probes
from aa_ref.oracle.terms import Accepted, as_accepted, as_terms, in_batches

TERMS = as_terms(0.25)
lengths = st.lists(st.integers(1, 70), min_size=1, max_size=3).map(tuple)


@given(lengths, st.integers(1, 40))
def test_lengths_that_are_multiples(wanted, multiple):
    accepts = Accepted(multiple)
    found = accepts.nearest(wanted)
    assert accepts.takes(found)
    assert all(n <= m < n + 2 * multiple for n, m in zip(wanted, found, strict=True))
    assert (len(set(found)) > 1) >= (len(set(wanted)) > 1)
    assert accepts.nearest(found) == found


def test_lengths_of_a_few_shapes():
    accepts = as_accepted([(64, 48), (16, 80), (16, 24)], 1, as_layout("NHWC"))
    assert accepts.shapes == ((16, 24), (16, 80), (64, 48))
    asked = [(3, 3), (16, 24), (17, 3), (3, 79), (99, 99)]
    expected = [(16, 24), (16, 24), (64, 48), (16, 80), (64, 48)]
    assert [accepts.nearest(n) for n in asked] == expected
    assert (accepts.batch, accepts.channels) == (None, None)
    whole = as_accepted([(2, 16, 24, 3), (2, 8, 24, 3)], 1, as_layout("NHWC"))
    assert whole == Accepted(1, ((8, 24), (16, 24)), 2, 3)
    assert as_accepted([(16,)], 1, as_layout("L")) == Accepted(1, ((16,),))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shapes": []}, "shapes is []"),
        ({"shapes": (64, 48)}, "write lengths of the filtered axes, as [(256, 256)]"),
        ({"shapes": "64x48"}, "or whole shapes, as [(1, 3, 256, 256)]"),
        ({"shapes": [(64,)]}, "shapes is [(64,)]"),
        ({"shapes": [(64, 0)]}, "shapes is [(64, 0)]"),
        ({"shapes": [(64, 48), (1, 3, 64, 48)]}, "of as many batch entries and channels each"),
        ({"shapes": [(1, 2, 64, 48), (1, 3, 64, 48)]}, "of as many batch entries"),
        ({"shapes": [(1, 2, 64, 48)], "channels": 3}, "channels is 3, and shapes have 2"),
        ({"shapes": [(64, 48)], "multiple_of": 8}, "leave one out"),
        ({"multiple_of": 0}, "multiple_of is 0; write an integer"),
        ({"multiple_of": 1.5}, "multiple_of is 1.5"),
        ({"shapes": [(2, 48)], "sampling": "nearest"}, "axis 2 has length 2"),
    ],
)
def test_wrong_shapes(options, words):
    with pytest.raises(aa_ref.AaRefError) as caught:
        oracle.check(aa_ref.downsample, 0.25, **options)
    assert isinstance(caught.value, OracleError) or "sampling" in options
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("accepts", "channels"),
    [
        (Accepted(16), None),
        (Accepted(1, ((48, 64), (80, 48))), None),
        (Accepted(1, ((48, 64),), 2, 3), 3),
    ],
    ids=str,
)
def test_probes_have_no_other_shape(accepts, channels):
    found = list(probes(replace(TERMS, accepts=accepts), channels))
    assert all(accepts.takes(p.x.shape[2:]) for p in found)
    assert {p.x.shape[2:] for p in found} >= set(accepts.shapes)
    assert len({p.label for p in found}) == len(found)
    assert {p.kind for p in found} == set(KINDS) & {p.kind for p in probes(TERMS)}
    if accepts.batch is not None:
        assert {p.x.shape[:2] for p in found} == {(2, 3)}
        assert all(len(np.unique(p.x[:, :, 9, 9])) == 6 for p in found if p.kind == "batch")
    places = {p.label: np.argwhere(p.x[0, 0]) for p in found if p.kind == "impulse"}
    size = found[-1].x.shape[2:] if accepts.batch else None
    for where in places.values():
        assert len(where) == 1
    if size:  # at both ends of both axes, and amid
        rows, columns = (sorted(int(w[0][k]) for w in places.values()) for k in (0, 1))
        assert (rows[0], rows[-1], columns[0], columns[-1]) == (0, 47, 0, 63)
        assert any(6 < r < 40 for r in rows)
        assert any(6 < c < 56 for c in columns)


FAULTS = {"boundary": {"boundary": "reflect"}, "sigma": {"sigma": 0.6}}


def faulty(code, x):
    y = aa_ref.downsample(x, 0.5, backend="numpy", **FAULTS.get(code, {}))
    return np.flip(y, 2).copy() if code == "flip" else y


@pytest.mark.parametrize(
    ("dtype", "code"),
    [
        *(("float32", code) for code in (None, "boundary", "sigma", "flip")),
        *(("uint8", code) for code in (None, "boundary")),
    ],
)
@pytest.mark.parametrize(
    "options",
    [{"multiple_of": 8}, {"shapes": [(32, 24)]}, {"shapes": [(2, 3, 24, 32)]}],
    ids=["multiples", "lengths", "a whole shape"],
)
def test_ports_of_few_shapes(code, options, dtype):
    """Right ones pass and faults are named as ever; and nothing else is ever asked."""
    layout = as_layout("NCHW")
    accepts = as_accepted(options.get("shapes"), options.get("multiple_of", 1), layout)

    def port(x):
        if not accepts.takes(x.shape[2:]) or accepts.batch not in (None, x.shape[0]):
            others.append(x.shape)
        return faulty(code, x)

    others = []
    report = oracle.check(port, 0.5, dtype=dtype, **options)
    assert not others
    assert {f.code for f in report.findings} == ({code} - {None}), str(report)
    assert report.passed == (code is None)
    assert set(options) <= set(report.terms)


def test_what_shows_at_other_lengths_alone_is_not_seen():
    def port(x):
        return aa_ref.downsample(x, 0.5, sampling="nearest", backend="numpy")

    assert "size" in {f.code for f in oracle.check(port, 0.5, layout="HW").findings}
    assert oracle.check(port, 0.5, layout="HW", multiple_of=4)


def test_shapes_too_large_for_impulses_are_told_without_a_cause(monkeypatch):
    monkeypatch.setattr("aa_ref.oracle.explain._MOST_IMPULSES", 1000)
    report = oracle.check(lambda x: faulty("sigma", x), 0.5, layout="HW", shapes=[(24, 32)])
    (finding,) = report.findings
    assert finding.code == "values"
    assert "answers to smaller shapes alone can tell" in finding.message


@given(st.integers(1, 4), st.integers(1, 9))
def test_any_number_of_entries_of_one_that_takes_few(batch, entries):
    def double(x):
        assert x.shape == (5, batch)
        return 2 * x

    x = np.arange(5.0 * entries).reshape(5, entries)
    assert np.array_equal(in_batches(double, as_layout("LN"), batch)(x), 2 * x)
    shorter = in_batches(lambda x: x[:, 1:], as_layout("LN"), batch)(x)
    assert shorter.shape == (5, batch - 1)
