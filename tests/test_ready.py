"""Calls like an earlier one: not checked again, and as right and as strict as the first."""

import numpy as np
import pytest
from support import assert_same_bits

import aa_ref
from aa_ref import api, ready
from aa_ref.backends import default_backend
from aa_ref.errors import OutError

pytest.importorskip("numba")
from aa_ref.backends.numba import variants

SHAPE = 2, 60, 47
RNG = np.random.default_rng(18)


@pytest.fixture(autouse=True)
def _from_the_first_call(monkeypatch):
    monkeypatch.setattr(ready, "_on_host", {})
    if default_backend().name != "numba":
        pytest.fail("these tests are of Numba's functions, and it does not run here")
    with variants.from_the_first_call():
        yield


def samples(dtype="float32", shape=SHAPE):
    x = RNG.integers(0, 256, shape) if dtype.startswith("uint") else RNG.normal(size=shape)
    return x.astype(dtype)


def reference(x):
    return aa_ref.downsample(x, 0.25, backend="reference")


def refuse_to_read(monkeypatch):
    def read(*_):
        raise AssertionError("the arrays were checked again")

    monkeypatch.setattr(api, "read", read)


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_the_second_call_checks_nothing_and_gives_the_bits(monkeypatch, dtype):
    x, y = samples(dtype), samples(dtype)
    wanted = reference(y)
    plan = aa_ref.plan(SHAPE, 0.25, input_dtype=dtype)
    out = np.empty(plan.out_shape, dtype)
    aa_ref.downsample(x, 0.25)
    plan(x, out=out)
    refuse_to_read(monkeypatch)
    assert_same_bits(plan(y, out=out), wanted)
    assert_same_bits(aa_ref.downsample(y, 0.25), wanted)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_second_adjoint(monkeypatch, dtype):
    plan = aa_ref.plan(SHAPE, 0.25, input_dtype=dtype)
    g, out = samples(dtype, plan.out_shape), np.empty(SHAPE, dtype)
    wanted = plan.adjoint(g, backend="reference")
    plan.adjoint(g, out=out)
    out[...] = 0
    refuse_to_read(monkeypatch)
    assert_same_bits(plan.adjoint(g, out=out), wanted)


def misaligned(x):
    memory = np.empty(x.nbytes + 1, np.uint8)
    result = memory[1:].view(x.dtype).reshape(x.shape)
    result[...] = x
    return result


@pytest.mark.parametrize(
    "other",
    [
        misaligned,
        lambda x: x.astype(">f4"),
        lambda x: x.astype(np.float64),
        np.asfortranarray,
        lambda x: np.concatenate([x, x])[::2],
        lambda x: np.concatenate([x, x]),
        lambda x: x[..., ::-1],
    ],
    ids=["misaligned", "big-endian", "wider", "Fortran", "gaps", "longer", "reversed"],
)
def test_arrays_that_lie_otherwise(other):
    x = samples()
    aa_ref.downsample(x, 0.25)
    assert ready._on_host
    second = other(x)
    assert_same_bits(
        aa_ref.downsample(second, 0.25),
        reference(np.ascontiguousarray(second, second.dtype.newbyteorder("="))),
    )


def read_only(out):
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (read_only, "read-only"),
        (lambda out: np.empty(out.shape, ">f4"), "native byte order"),
        (lambda out: out.view(np.int32), "type int32"),
        (lambda out: np.empty((4, *out.shape[1:]), np.float32)[:3], "shape"),
    ],
    ids=["read-only", "big-endian", "integers", "another shape"],
)
def test_another_out_is_refused(other, words):
    x, plan = samples(), aa_ref.plan(SHAPE, 0.25)
    out = np.empty(plan.out_shape, np.float32)
    plan(x, out=out)
    assert ready._on_host
    with pytest.raises(OutError, match=words):
        plan(x, out=other(np.empty(plan.out_shape, np.float32)))


def test_an_out_within_the_input_is_refused():
    plan = aa_ref.plan(SHAPE, 0.25)
    memory = np.zeros(np.prod(SHAPE) + np.prod(plan.out_shape), np.float32)
    x, apart = memory[: np.prod(SHAPE)].reshape(SHAPE), memory[np.prod(SHAPE) :]
    plan(x, out=apart.reshape(plan.out_shape))
    assert ready._on_host
    within = memory[np.prod(SHAPE) - 1 : -1].reshape(plan.out_shape)
    with pytest.raises(OutError, match="overlaps the input"):
        plan(x, out=within)


def test_a_warning_is_given_each_time():
    x = samples()
    for _ in range(3):
        with pytest.warns(UserWarning, match="stride"):
            aa_ref.downsample(x, 0.24)


def test_backends_by_name_do_what_they_say(monkeypatch):
    x = samples()
    aa_ref.downsample(x, 0.25)
    reached = []
    numpy_backend = type(aa_ref.backends.get_backend("numpy"))
    forward = numpy_backend.forward
    monkeypatch.setattr(
        numpy_backend, "forward", lambda *arguments: reached.append(1) or forward(*arguments)
    )
    aa_ref.downsample(x, 0.25, backend="numpy")
    assert reached
