"""What a default check has to see: ports that are wrong in just one way, for some arrays alone."""

import time
from functools import partial

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import aa_ref
from aa_ref import oracle
from aa_ref.oracle import trial
from aa_ref.oracle.explain import Explained, Explanation

SCALE = 0.25
right = partial(aa_ref.downsample, scale=SCALE, backend="numpy")


def wrong_where(chosen, part=np.s_[...]):
    """A function that is off in a part of its results, where ``chosen(*shape)`` says."""

    def fn(x):
        y = right(x)
        if chosen(*x.shape):
            y[part] += 64
        return y

    return fn


def guesses_the_layout(x):
    if x.shape[-1] == 3 and x.shape[1] not in (1, 3):
        return right(x, axes=(1, 2))
    return right(x)


def wraps_the_inputs_index(x):
    planes = x.reshape(*x.shape[:2], -1)
    return right(planes[..., np.arange(planes.shape[-1]) & 0xFFFF].reshape(x.shape))


def wraps_the_outputs_index(x):
    y = right(x)
    lost = y.reshape(-1)[1 << 16 :]
    lost[:] = 0
    return y


def assumes_dense_channels(x):
    """Reads rows by their pitch, as long as samples lie side by side, and channels without gaps."""
    if x.strides[-1] == x.itemsize and min(x.strides) > 0:
        channels, height = x.shape[1:3]
        pitch = x.strides[2]
        x = as_strided(x, strides=(channels * height * pitch, height * pitch, pitch, x.itemsize))
    return right(x)


def assumes_dense_rows(x):
    """Takes an array whose last samples lie side by side for one without gaps."""
    if x.strides[-1] == x.itemsize and min(x.strides) > 0:
        _, channels, height, width = x.shape
        row = width * x.itemsize
        x = as_strided(x, strides=(channels * height * row, height * row, row, x.itemsize))
    return right(x)


class OneBuffer:
    """Every result lies in the same memory."""

    def __init__(self):
        self.buffer = np.empty(1 << 21, np.float32)

    def __call__(self, x):
        y = right(x)
        kept = self.buffer[: y.size].reshape(y.shape)
        kept[...] = y
        return kept


class BufferOfEachShape:
    """Results of one shape lie in the same memory."""

    def __init__(self):
        self.buffers = {}

    def __call__(self, x):
        y = right(x)
        kept = self.buffers.setdefault(y.shape, y)
        kept[...] = y
        return kept


def normalises_last(x):
    weights = np.exp(-(np.arange(-6, 7) ** 2) / 4.5).astype(np.float32)
    for axis in (-2, -1):
        n = x.shape[axis]
        x = np.pad(np.moveaxis(x, axis, 0), [(6, 6)] + [(0, 0)] * 3)
        y = np.zeros_like(x[0:n:4])
        for k, weight in enumerate(weights):
            y += weight * x[k : k + n : 4]
        x = np.moveaxis(y / weights.sum(), 0, axis)
    return x


WRONG = {
    "for squares": (wrong_where(lambda n, c, h, w: h == w > 1), "values"),
    "for multiples of 8": (wrong_where(lambda n, c, h, w: h % 8 == w % 8 == 0), "values"),
    "for multiples of 32": (wrong_where(lambda n, c, h, w: h % 32 == w % 32 == 0), "values"),
    "for squares of a multiple of 32": (
        wrong_where(lambda n, c, h, w: h == w and w % 32 == 0), "values",
    ),
    "where 512 columns meet": (wrong_where(lambda *_: True, np.s_[..., 128:129]), "values"),
    "where 512 outputs meet": (wrong_where(lambda *_: True, np.s_[..., 512:513]), "values"),
    "where 512 rows meet": (wrong_where(lambda *_: True, np.s_[..., 128:129, :]), "values"),
    "where 512 rows of outputs meet": (
        wrong_where(lambda *_: True, np.s_[..., 512:513, :]), "values",
    ),
    "beyond 4,096 columns": (wrong_where(lambda n, c, h, w: w > 4096), "values"),
    "beyond 4,096 rows": (wrong_where(lambda n, c, h, w: h > 4096), "values"),
    "beyond 4,096 outputs": (wrong_where(lambda *_: True, np.s_[..., 4096:]), "values"),
    "beyond 4,096 rows of outputs": (wrong_where(lambda *_: True, np.s_[..., 4096:, :]), "values"),
    "for 4 channels": (wrong_where(lambda n, c, h, w: c == 4), "values"),
    "for more than 64 channels": (wrong_where(lambda *_: True, np.s_[:, 64:]), "values"),
    "after the third entry": (wrong_where(lambda *_: True, np.s_[3:]), "values"),
    "layout guessed from a length of 3": (guesses_the_layout, "values"),
    "index of 16 bits, of inputs": (wraps_the_inputs_index, "values"),
    "index of 16 bits, of outputs": (wraps_the_outputs_index, "values"),
    "more than 65,536 samples": (wrong_where(lambda *shape: np.prod(shape) > 1 << 16), "values"),
    "channels assumed dense": (assumes_dense_channels, "values"),
    "a crop read as if dense": (assumes_dense_rows, "values"),
    "the same memory each time": (OneBuffer(), "aliases"),
    "memory of each shape": (BufferOfEachShape(), "aliases"),
    "normalised last": (normalises_last, "values"),
}  # fmt: skip


@pytest.fixture
def undiagnosed(monkeypatch):
    """Leave out the diagnosis, which takes most of the time of a check that fails."""

    def explained(failures, *_):
        return Explained([Explanation("values", "are wrong", failures[0])], None, {})

    monkeypatch.setattr(trial, "explained", explained)


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize("name", WRONG)
def test_a_port_that_is_wrong_in_one_way_fails(name):
    fn, code = WRONG[name]
    report = oracle.check(fn, SCALE)
    assert report.grade == "fails"
    assert {finding.code for finding in report.findings} == {code}, str(report)


def test_a_port_that_is_wrong_for_large_arrays_alone_is_diagnosed():
    report = oracle.check(wraps_the_outputs_index, SCALE)
    (finding,) = report.findings
    assert "all outputs but the first 65,536 are wrong" in finding.message
    assert "shape 1×1×985×1087" in finding.example
    assert len(finding.snippet) < 1000
    namespace = {}
    exec(finding.snippet.replace(f"from {__name__} import", "from test_eyes import"), namespace)
    assert namespace["y"].shape == (1, 1, 247, 272)
    assert len(report.to_html()) < 8 << 20


def test_a_slow_port_is_not_asked_what_takes_it_too_long(monkeypatch):
    def slow(x):
        time.sleep(x.size * 2e-6)
        return right(x)

    monkeypatch.setattr(trial, "_PATIENCE", 0.5)
    report = oracle.check(slow, SCALE)
    assert report.grade == "bit-identical"
    (note,) = report.notes
    assert "not asked of shape 1×1×985×1087" in note
    assert report.scope.plane != (985, 1087)


def test_a_port_that_returns_its_input_fails():
    (finding,) = oracle.check(lambda x: x, 1).findings
    assert finding.code == "aliases"
    assert "copy" in finding.message
    assert oracle.check(lambda x: x.copy(), 1).grade == "bit-identical"


def test_a_port_that_fails_on_an_empty_batch_gets_a_note():
    def fn(x):
        if x.size == 0:
            raise ValueError("nothing to do")
        return right(x)

    report = oracle.check(fn, SCALE)
    assert report.grade == "bit-identical"
    assert any("empty batch" in note and "nothing to do" in note for note in report.notes)
    assert not oracle.check(right, SCALE).notes


def one_buffer(x, buffer=np.empty(1 << 21, np.float32)):  # noqa: B008 (the fault)
    y = right(x)
    kept = buffer[: y.size].reshape(y.shape)
    kept[...] = y
    return kept


def returns_views(x):
    return x[..., ::4, ::4]


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize(("fn", "options"), [(one_buffer, {}), (returns_views, {"sigma": 0})])
def test_memory_is_watched_where_the_function_runs(fn, options, isolate):
    report = oracle.check(fn, SCALE, isolate=isolate, layout="HW", **options)
    (finding,) = report.findings
    assert finding.code == "aliases"
    namespace = {}
    exec(finding.snippet.replace(f"from {__name__} import", "from test_eyes import"), namespace)
    x, y = namespace["x"], namespace["y"]
    assert np.shares_memory(x, y) or not np.array_equal(namespace["before"], y)
