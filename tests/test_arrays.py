"""Containers: any array on the CPU in, the same kind of array out; and what `out` may be."""

import warnings
from array import array as standard_array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from support import BACKENDS, BFLOAT16, TYPES, as_numpy, assert_same_bits, numpy_type

import aa_ref
from aa_ref.errors import ContainerError, DeviceError, DtypeError, OutError, ShapeError

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
by_backend = pytest.mark.parametrize("backend", BACKENDS)
by_type = pytest.mark.parametrize("dtype", TYPES)
SHAPE = (3, 14, 9)
FLOATING = ("float64", "float32", "float16", "bfloat16")


def sample(dtype="float32", shape=SHAPE, seed=0):
    rng = np.random.default_rng(seed)
    if dtype.startswith("uint"):
        return rng.integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)
    return rng.standard_normal(shape).astype(numpy_type(dtype))


def expected_of(x, scale=0.4, **options):
    """What the reference makes of the same values in a plain array."""
    plain = np.array(as_numpy(x), order="C")
    plain = plain.astype(plain.dtype.newbyteorder("="))
    return aa_ref.downsample(plain, scale, backend="reference", **options)


def check_both_ways(x, backend, kind):
    """Forward, and back where the type is floating: right bits, right kind, input not written."""
    before = np.array(as_numpy(x), order="C")
    y = aa_ref.downsample(x, 0.4, boundary="reflect", backend=backend)
    assert isinstance(y, kind)
    assert y.dtype == x.dtype or not getattr(x.dtype, "isnative", True)
    expected = expected_of(x, boundary="reflect")
    assert_same_bits(y, expected)
    assert np.array(as_numpy(x), order="C").tobytes() == before.tobytes()
    if expected.dtype.name in FLOATING:
        plain = np.ascontiguousarray(before).astype(before.dtype.newbyteorder("="))
        lengths = tuple(2 * n for n in plain.shape[-2:])
        g = aa_ref.downsample_adjoint(x, 0.5, lengths, backend=backend)
        assert isinstance(g, kind)
        assert_same_bits(g, aa_ref.downsample_adjoint(plain, 0.5, lengths, backend="reference"))
    return y


# ------------------------------------------------------------------------------------- NumPy


def structured_field(x):
    """The values as a field of packed records: misaligned, with a stride of an odd size."""
    records = np.zeros(x.shape, np.dtype([("a", "u1"), ("x", x.dtype), ("b", "u2")]))
    records["x"] = x
    assert not records["x"].flags.aligned
    return records["x"]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "H×W×C in memory": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0),
    "every third": lambda x: np.repeat(x, 3, -1)[..., ::3],
    "rows of a larger one": lambda x: np.pad(x, [(1, 2), (3, 4), (5, 6)])[1:-2, 3:-4, 5:-6],
    "backwards": lambda x: np.array(x[::-1, ::-1, ::-1])[::-1, ::-1, ::-1],
    "rows backwards": lambda x: np.array(x[:, ::-1])[:, ::-1],
    "read-only": read_only,
}


@by_backend
@by_type
@pytest.mark.parametrize("layout", LAYOUTS)
def test_numpy_layouts(layout, dtype, backend):
    plain = sample(dtype)
    x = LAYOUTS[layout](plain)
    assert_same_bits(x, plain)
    check_both_ways(x, backend, np.ndarray)


@by_backend
@by_type
def test_misaligned_numpy(dtype, backend):
    if dtype == "bfloat16":
        buffer = b"\0" + sample(dtype).tobytes()
        x = np.ndarray(SHAPE, np.uint16, buffer, 1).view(BFLOAT16)
        assert not x.flags.aligned
    else:
        x = structured_field(sample(dtype)) if dtype != "uint8" else sample(dtype)
    check_both_ways(x, backend, np.ndarray)


@by_backend
@by_type
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_broadcast_numpy(axes, dtype, backend):
    one = sample(dtype)[tuple(slice(1) if d in axes else slice(None) for d in range(3))]
    x = np.broadcast_to(one, SHAPE)
    assert all(x.strides[d] == 0 for d in axes)
    check_both_ways(x, backend, np.ndarray)


@by_backend
@pytest.mark.parametrize("dtype", [t for t in TYPES if t not in ("bfloat16", "uint8")])
def test_byte_swapped_numpy(dtype, backend):
    plain = sample(dtype)
    x = plain.astype(plain.dtype.newbyteorder())
    assert not x.dtype.isnative
    y = check_both_ways(x, backend, np.ndarray)
    assert y.dtype.isnative
    assert y.dtype == plain.dtype


@by_backend
@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_memmap(tmp_path, mode, backend):
    plain = sample()
    path = tmp_path / "x.raw"
    plain.tofile(path)
    x = np.memmap(path, np.float32, mode, shape=SHAPE)
    y = check_both_ways(x, backend, np.ndarray)
    assert type(y) is np.ndarray
    assert path.read_bytes() == plain.tobytes()


@by_backend
def test_numpy_subclasses_give_plain_arrays(backend):
    class Own(np.ndarray):
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.matrix(sample(shape=(14, 9)))
    for x in (matrix, sample().view(Own), np.rec.array(sample())):
        y = aa_ref.downsample(x, 0.4, backend=backend)
        assert type(y) is np.ndarray
        assert_same_bits(y, expected_of(np.asarray(x)))


@st.composite
def laid_out(draw):
    """An array of any type with its axes in any order, steps and alignment in memory."""
    dtype = numpy_type(draw(st.sampled_from(TYPES)))
    shape = tuple(draw(st.lists(st.integers(1, 12), min_size=2, max_size=4)))
    steps = [draw(st.sampled_from([1, 1, -1, 2, 3, -2])) for _ in shape]
    order = draw(st.permutations(range(len(shape))))
    stored_shape = tuple(shape[d] * abs(steps[d]) for d in order)
    offset = draw(st.integers(0, dtype.itemsize))
    raw = np.uint16 if dtype == BFLOAT16 else dtype
    size = int(np.prod(stored_shape)) * dtype.itemsize
    stored = np.ndarray(stored_shape, raw, bytearray(size + offset), offset).view(dtype)
    x = stored.transpose(np.argsort(order))[tuple(slice(None, None, s) for s in steps)]
    x[...] = sample(dtype.name, shape, draw(st.integers(0, 1000)))
    if dtype != BFLOAT16 and draw(st.booleans()):
        x = x.astype(dtype.newbyteorder(), order="K")
    assert x.shape == shape
    return x


@by_backend
@given(
    x=laid_out(), scale=st.sampled_from([0.5, 0.3, 0.16]), dtype=st.none() | st.sampled_from(TYPES)
)
def test_any_numpy_layout(backend, x, scale, dtype):
    before = np.array(x)
    y = aa_ref.downsample(x, scale, dtype=dtype, boundary="circular", backend=backend)
    assert_same_bits(y, expected_of(x, scale, dtype=dtype, boundary="circular"))
    assert np.array(x).tobytes() == before.tobytes()


@by_backend
@pytest.mark.parametrize("x", [np.float32(1), np.array(1.0), np.array(7, np.uint8)], ids=repr)
def test_arrays_without_dimensions_have_no_axes(x, backend):
    with pytest.raises(aa_ref.errors.AxesError, match="0 dimension"):
        aa_ref.downsample(x, 0.5, backend=backend)


# ----------------------------------------------------------------------------- result layout


@by_backend
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1), (2, 0, 1)])
def test_the_result_lies_in_memory_as_the_input_does(order, dtype, backend):
    x = sample(dtype, (4, 14, 9))
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    for y in (
        aa_ref.downsample(x, 0.4, backend=backend),
        aa_ref.downsample(x, 0.4, dtype="float64", axes=(0, 2), backend=backend),
        aa_ref.downsample_adjoint(x.astype(np.float32), 0.5, (28, 18), backend=backend),
    ):
        assert y.transpose(order).flags.c_contiguous
        assert y.flags.owndata or y.base.size == y.size


@by_backend
def test_gaps_in_the_input_are_not_in_the_result(backend):
    x = np.repeat(sample(shape=(4, 14, 9)).transpose(2, 0, 1), 2, -1)[..., ::2]
    y = aa_ref.downsample(x, 0.4, backend=backend)
    assert y.flags.c_contiguous
    assert_same_bits(y, expected_of(x))


# ------------------------------------------------------------------------------------- torch


@pytest.fixture(params=["core", "plugin"])
def torch(request, monkeypatch):
    """Tensors taken by the core itself, and by the plugin."""
    torch = pytest.importorskip("torch")
    if request.param == "core":
        monkeypatch.setattr(aa_ref.api, "adapter_of", lambda x: None)
    else:
        pytest.importorskip("aa_ref_torch")
    return torch


core_alone = pytest.mark.parametrize("torch", ["core"], indirect=True)


def tensor_of(torch, x):
    if x.dtype == BFLOAT16:
        return torch.from_numpy(x.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(x)


TORCH_LAYOUTS = {
    "contiguous": lambda t: t,
    "transposed": lambda t: t.transpose(1, 2).contiguous().transpose(1, 2),
    "every other": lambda t: t.repeat_interleave(2, -1)[..., ::2],
    "expanded": lambda t: t[:1].expand(3, -1, -1),
    "offset": lambda t: t[1:],
}


@by_backend
@by_type
@pytest.mark.parametrize("layout", TORCH_LAYOUTS)
def test_torch(torch, layout, dtype, backend):
    if dtype == "uint16" and layout == "every other":  # torch repeats no uint16
        x = tensor_of(torch, sample(dtype, (3, 14, 18)))[..., ::2]
    else:
        x = TORCH_LAYOUTS[layout](tensor_of(torch, sample(dtype)))
    y = check_both_ways(x, backend, torch.Tensor)
    assert type(y) is torch.Tensor
    assert y.dtype == getattr(torch, dtype)
    assert y.device == x.device


@by_backend
def test_torch_channels_last(torch, backend):
    x = torch.from_numpy(sample(shape=(2, 3, 14, 9))).to(memory_format=torch.channels_last)
    y = aa_ref.downsample(x, 0.4, backend=backend)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert not y.is_contiguous()
    assert_same_bits(y, expected_of(x))


@pytest.mark.parametrize("result", TYPES)
def test_torch_result_types(torch, result):
    y = aa_ref.downsample(torch.from_numpy(sample()), 0.4, dtype=getattr(torch, result))
    assert y.dtype == getattr(torch, result)
    assert_same_bits(y, expected_of(sample(), dtype=result))


@core_alone
def test_torch_tensors_that_require_grad_are_refused_with_a_hint(torch):
    x = torch.ones(6, 4, requires_grad=True)
    with pytest.raises(ContainerError, match=r"detach\(\)"):
        aa_ref.downsample(x, 0.5)
    assert aa_ref.downsample(x.detach(), 0.5).shape == (3, 2)
    parameter = torch.nn.Parameter(torch.ones(6, 4), requires_grad=False)
    assert isinstance(aa_ref.downsample(parameter, 0.5), torch.Tensor)


def test_torch_negative_views_keep_their_sign(torch):
    # The imaginary part of a conjugate is the same memory with a "negative" mark.
    x = torch.complex(torch.zeros(6, 4), torch.ones(6, 4)).conj().imag
    assert x.is_neg()
    assert_same_bits(aa_ref.downsample(x, 0.5), expected_of(-np.ones((6, 4), np.float32), 0.5))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_torch_subclasses_give_tensors(torch, dtype):
    class Own(torch.Tensor):
        pass

    x = tensor_of(torch, sample(dtype))
    y = aa_ref.downsample(x.as_subclass(Own), 0.4)
    assert isinstance(y, torch.Tensor)
    assert_same_bits(y, expected_of(sample(dtype)))


@core_alone
def test_torch_tensors_elsewhere_are_refused(torch):
    for x in (torch.ones(6, 4, device="meta"), torch.ones(6, 4).to_sparse()):
        with pytest.raises((ContainerError, DeviceError), match=r"Tensor|device"):
            aa_ref.downsample(x, 0.5)


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool", "complex64", "float8_e4m3fn"])
def test_torch_tensors_of_other_types_are_refused(torch, dtype):
    with pytest.raises(DtypeError, match=f"torch.{dtype}"):
        aa_ref.downsample(torch.ones(6, 4).to(getattr(torch, dtype)), 0.5)


# --------------------------------------------------------------------------------------- JAX


@pytest.fixture(scope="module")
def jnp():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_platforms", "cpu")
    return jax.numpy


@by_backend
@pytest.mark.parametrize("dtype", [t for t in TYPES if t != "float64"])  # JAX has none by default
def test_jax(jnp, dtype, backend):
    x = jnp.asarray(sample(dtype))
    y = check_both_ways(x, backend, type(x))
    assert y.device == x.device
    assert (y + y).shape == y.shape  # JAX can go on with it


@pytest.mark.parametrize("result", TYPES)
def test_jax_result_types(jnp, result):
    x = jnp.asarray(sample())
    if result == "float64":
        with pytest.raises(DtypeError, match="float64"):
            aa_ref.downsample(x, 0.4, dtype=result)
    else:
        y = aa_ref.downsample(x, 0.4, dtype=result)
        assert isinstance(y, type(x))
        assert_same_bits(y, expected_of(sample(), dtype=result))


def test_jax_arrays_cannot_be_written_into(jnp):
    with pytest.raises(OutError, match="read-only"):
        aa_ref.downsample(sample(), 0.4, out=jnp.zeros(expected_of(sample()).shape))


# -------------------------------------------------------------------------- array-api-strict


@pytest.fixture(scope="module")
def strict():
    return pytest.importorskip("array_api_strict")


STRICT_TYPES = ["float64", "float32", "uint8", "uint16"]


@by_backend
@pytest.mark.parametrize("dtype", STRICT_TYPES)
def test_array_api_strict(strict, dtype, backend):
    x = strict.asarray(sample(dtype))
    y = check_both_ways(x, backend, type(x))
    assert y.dtype == getattr(strict, dtype)
    assert y.device == x.device


@pytest.mark.parametrize(
    "flags",
    [
        {"boolean_indexing": False, "data_dependent_shapes": False},
        {"enabled_extensions": ()},
        {"api_version": "2023.12"},
        {"api_version": "2024.12"},
    ],
    ids=str,
)
def test_array_api_strict_under_its_flags(strict, flags):
    with strict.ArrayAPIStrictFlags(**flags):
        check_both_ways(strict.asarray(sample("float64")), "numpy", type(strict.ones(1)))


@pytest.mark.parametrize("result", TYPES)
def test_array_api_strict_result_types(strict, result):
    x = strict.asarray(sample())
    if result in STRICT_TYPES:
        y = aa_ref.downsample(x, 0.4, dtype=getattr(strict, result))
        assert isinstance(y, type(x))
        assert_same_bits(y, expected_of(sample(), dtype=result))
    else:
        with pytest.raises(DtypeError, match=result):
            aa_ref.downsample(x, 0.4, dtype=result)


def test_array_api_strict_results_are_on_the_inputs_device(strict):
    # Devices of its own invention; all of them are the CPU's memory.
    x = strict.asarray(sample(), device=strict.Device("device1"))
    y = aa_ref.downsample(x, 0.4)
    assert y.device == x.device
    assert_same_bits(y._array, expected_of(sample()))


def test_array_api_strict_before_dlpack_had_versions(strict):
    # NumPy asks for a version and gets a ValueError; it cannot read such arrays itself.
    with (
        strict.ArrayAPIStrictFlags(api_version="2022.12"),
        pytest.raises(ContainerError, match=r"2023\.12"),
    ):
        aa_ref.downsample(strict.asarray(sample()), 0.4)


# ------------------------------------------------------------------------------- own classes


class WithArray:
    """NumPy's oldest protocol and nothing else."""

    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return np.array(self.x, dtype) if copy else np.asarray(self.x, dtype)


class WithInterface:
    def __init__(self, x):
        self.x = x  # kept alive
        self.__array_interface__ = x.__array_interface__


class WithDlpack:
    """The two methods that the array API asks for an exchange, no ``dtype``, no namespace."""

    def __init__(self, x, device=None):
        self.x, self.device = x, device

    def __dlpack__(self, **options):
        return self.x.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device or self.x.__dlpack_device__()


@by_backend
@pytest.mark.parametrize("kind", [WithArray, WithInterface, WithDlpack])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "uint8", "uint16"])
def test_objects_that_only_export_give_numpy(kind, dtype, backend):
    y = aa_ref.downsample(kind(sample(dtype)), 0.4, backend=backend)
    assert type(y) is np.ndarray
    assert_same_bits(y, expected_of(sample(dtype)))


def test_objects_whose_array_is_bfloat16():
    y = aa_ref.downsample(WithArray(sample("bfloat16")), 0.4)
    assert_same_bits(y, expected_of(sample("bfloat16")))


@pytest.mark.parametrize("kind", [WithArray, WithInterface, WithDlpack])
def test_objects_that_export_another_type_are_refused(kind):
    with pytest.raises(DtypeError, match="int32"):
        aa_ref.downsample(kind(np.ones((6, 4), np.int32)), 0.5)


@pytest.mark.parametrize(("device", "name"), [(10, "rocm"), (8, "metal"), (99, "99")])
def test_arrays_on_other_devices_are_refused(device, name):
    x = WithDlpack(sample(), (device, 0))
    for act in (
        lambda: aa_ref.downsample(x, 0.5),
        lambda: aa_ref.downsample_adjoint(x, 0.5, (28, 18)),
        lambda: aa_ref.downsample(sample(), 0.5, out=x),
    ):
        with pytest.raises(DeviceError, match=name):
            act()


@pytest.mark.parametrize("error", [BufferError("no"), RuntimeError("no"), ValueError("no"),
                                   AttributeError("no"), TypeError("no")], ids=repr)  # fmt: skip
@pytest.mark.parametrize("where", ["__dlpack__", "__dlpack_device__"])
def test_exports_that_fail(where, error):
    def fail(self, **options):
        raise error

    x = type("Failing", (WithDlpack,), {where: fail, "dtype": np.dtype(np.float32)})(sample())
    with pytest.raises(ContainerError, match="Failing cannot be read through DLPack: no"):
        aa_ref.downsample(x, 0.5)


@pytest.mark.parametrize(
    "x",
    [[[1.0, 2.0]], ((1.0, 2.0),), 1.0, 3, None, "text", b"bytes", memoryview(np.ones((6, 4))),
     standard_array("f", [1, 2]), {1: 2}, range(5), object()],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
def test_what_is_no_array_is_refused_with_a_hint(x):
    with pytest.raises(ContainerError, match=r"np\.asarray\(x, dtype=np\.float32\)"):
        aa_ref.downsample(x, 0.5, axes=0)


@pytest.mark.parametrize("x", [np.ndarray, WithArray, WithDlpack], ids=lambda x: x.__name__)
def test_a_class_is_no_array(x):
    with pytest.raises((ContainerError, DtypeError)):
        aa_ref.downsample(x, 0.5)


@pytest.mark.parametrize("mask", [False, np.eye(6, 4, dtype=bool)], ids=["no mask", "mask"])
def test_masked_arrays_are_refused_with_a_hint(mask):
    x = np.ma.masked_array(np.ones((6, 4)), mask)
    with pytest.raises(ContainerError, match=r"filled\(value\)"):
        aa_ref.downsample(x, 0.5)
    with pytest.raises(OutError):
        aa_ref.downsample(np.ones((12, 8)), 0.5, out=x)


@pytest.mark.parametrize("dtype", [object, bool, complex, np.int64, np.longdouble, "U3", "M8[s]",
                                   [("a", "f4")]], ids=str)  # fmt: skip
def test_numpy_arrays_of_other_types_are_refused(dtype):
    with pytest.raises(DtypeError, match=r"none of the types taken"):
        aa_ref.downsample(np.zeros((6, 4), dtype), 0.5)


# --------------------------------------------------------------------------------------- out


OUT_SHAPE = (3, 7, 5)  # of a sample at scale 0.4: every other one
OUT_LAYOUTS = {
    "C": lambda room: room[:, :7, :5].copy(),
    "F": lambda room: room[:, :7, :5].copy("F"),
    "H×W×C in memory": lambda room: room[:, :7, :5].transpose(1, 2, 0).copy().transpose(2, 0, 1),
    "gaps": lambda room: room[:, 1::2, 2:7],
    "backwards": lambda room: room[::-1, 7:0:-1, 9::-2],
}


@by_backend
@by_type
@pytest.mark.parametrize("layout", OUT_LAYOUTS)
def test_out_of_numpy(layout, dtype, backend):
    x = sample(dtype)
    room = np.full((3, 15, 10), 7, numpy_type(dtype))
    out = OUT_LAYOUTS[layout](room)
    assert out.shape == OUT_SHAPE
    result = aa_ref.downsample(x, 0.4, out=out, backend=backend)
    assert result is out
    assert_same_bits(out, expected_of(x))
    if np.shares_memory(out, room):  # and nothing around it was touched
        out[...] = 7
        assert (room == 7).all()


@by_backend
@pytest.mark.parametrize("dtype", FLOATING)
def test_out_of_the_adjoint(dtype, backend):
    g = sample(dtype)
    out = np.empty((3, 28, 18), numpy_type(dtype), "F")
    assert aa_ref.downsample_adjoint(g, 0.5, (28, 18), out=out, backend=backend) is out
    expected = aa_ref.downsample_adjoint(g, 0.5, (28, 18), backend="reference")
    assert_same_bits(out, expected)


@by_backend
def test_out_may_be_misaligned(backend):
    out = structured_field(np.zeros(OUT_SHAPE, np.float32))
    aa_ref.downsample(sample(), 0.4, out=out, backend=backend)
    assert_same_bits(np.array(out), expected_of(sample()))


@by_backend
def test_out_may_be_a_memmap(tmp_path, backend):
    out = np.memmap(tmp_path / "y.raw", np.float32, "w+", shape=OUT_SHAPE)
    assert aa_ref.downsample(sample(), 0.4, out=out, backend=backend) is out
    out.flush()
    written = np.fromfile(tmp_path / "y.raw", np.float32).reshape(OUT_SHAPE)
    assert_same_bits(written, expected_of(sample()))


@by_backend
@by_type
def test_out_of_torch(torch, dtype, backend):
    out = torch.zeros(7, 3, 5, dtype=getattr(torch, dtype)).transpose(0, 1)
    assert out.shape == OUT_SHAPE
    assert not out.is_contiguous()
    x = tensor_of(torch, sample(dtype))
    assert aa_ref.downsample(x, 0.4, out=out, backend=backend) is out
    assert_same_bits(out, expected_of(sample(dtype)))


@by_backend
def test_out_of_array_api_strict(strict, backend):
    out = strict.zeros(OUT_SHAPE, dtype=strict.float32)
    assert aa_ref.downsample(strict.asarray(sample()), 0.4, out=out, backend=backend) is out
    assert_same_bits(out, expected_of(sample()))


def test_out_may_be_of_another_kind_than_the_input(torch):
    out = torch.zeros(OUT_SHAPE)
    assert aa_ref.downsample(sample(), 0.4, out=out) is out
    assert_same_bits(out, expected_of(sample()))
    array = np.zeros(OUT_SHAPE, BFLOAT16)
    tensor = tensor_of(torch, sample("bfloat16"))
    assert aa_ref.downsample(tensor, 0.4, out=array) is array
    assert_same_bits(array, expected_of(sample("bfloat16")))


REFUSED = {
    "list": (lambda: [[0.0] * 5] * 7, "cannot be written into"),
    "nothing of an array": (lambda: 3, "cannot be written into"),
    "only __array__": (lambda: WithArray(np.zeros(OUT_SHAPE, "f4")), "cannot be written into"),
    "bytes": (lambda: bytearray(420), "cannot be written into"),
    "shape": (lambda: np.full((3, 5, 7), 9, "f4"), r"shape \(3, 5, 7\)"),
    "a broadcast shape": (lambda: np.full((1, *OUT_SHAPE), 9, "f4"), "shape"),
    "fewer dimensions": (lambda: np.full((7, 5), 9, "f4"), "shape"),
    "type": (lambda: np.full(OUT_SHAPE, 9, "f8"), "float64"),
    "a type that is none of the six": (lambda: np.full(OUT_SHAPE, 9, "i4"), "int32"),
    "byte order": (lambda: np.full(OUT_SHAPE, 9, np.dtype("f4").newbyteorder()), "native"),
    "read-only": (lambda: read_only(np.full(OUT_SHAPE, 9, "f4")), "read-only"),
    "overlapping itself": (
        lambda: as_strided(np.full((7, 5), 9, "f4"), OUT_SHAPE, (0, 20, 4)),
        "overlaps itself",
    ),
}


@by_backend
@pytest.mark.parametrize("case", REFUSED)
def test_out_that_is_refused_stays_as_it_is(case, backend):
    make, complaint = REFUSED[case]
    out = make()
    before = np.array(out) if isinstance(out, np.ndarray) else out
    with pytest.raises(OutError, match=complaint):
        aa_ref.downsample(sample(), 0.4, out=out, backend=backend)
    if isinstance(out, np.ndarray):
        assert np.array(out).tobytes() == before.tobytes()


def test_bfloat16_and_uint16_are_not_taken_for_one_another(torch):
    with pytest.raises(OutError, match="bfloat16"):
        aa_ref.downsample(sample("bfloat16"), 0.4, out=np.zeros(OUT_SHAPE, np.uint16))
    with pytest.raises(OutError, match="uint16"):
        aa_ref.downsample(sample("uint16"), 0.4, out=np.zeros(OUT_SHAPE, BFLOAT16))
    with pytest.raises(OutError, match="bfloat16"):
        aa_ref.downsample(sample("uint16"), 0.4, out=torch.zeros(OUT_SHAPE, dtype=torch.bfloat16))


def test_torch_outs_that_are_refused(torch):
    with pytest.raises(OutError, match="overlaps itself"):
        aa_ref.downsample(sample(), 0.4, out=torch.zeros(7, 5).expand(OUT_SHAPE))
    with pytest.raises(OutError, match="detach"):
        aa_ref.downsample(sample(), 0.4, out=torch.zeros(OUT_SHAPE, requires_grad=True))
    x = tensor_of(torch, sample())
    with pytest.raises(OutError, match="overlaps the input"):
        aa_ref.downsample(x, 0.4, out=x[:, :7, :5])


@by_backend
@pytest.mark.parametrize(
    "place",
    [lambda x: x[:, :7, :5], lambda x: x[::-1, 7:, 4:], lambda x: x[:, ::2, ::2],
     lambda x: x.reshape(-1)[-105:].reshape(OUT_SHAPE)],
    ids=["front", "backwards", "every other", "end"],
)  # fmt: skip
def test_out_within_the_input_is_refused(place, backend):
    x = sample()
    before = x.copy()
    with pytest.raises(OutError, match="overlaps the input"):
        aa_ref.downsample(x, 0.4, out=place(x), backend=backend)
    assert_same_bits(x, before)


@by_backend
def test_out_may_lie_between_the_inputs_samples(backend):
    room = np.zeros((3, 14, 20), np.float32)
    x, out = room[..., :18:2], room[:, ::2, 1:11:2]
    x[...] = sample()
    assert out.shape == OUT_SHAPE
    assert not np.shares_memory(x, out)
    assert np.may_share_memory(x, out)
    aa_ref.downsample(x, 0.4, out=out, backend=backend)
    assert_same_bits(np.array(out), expected_of(sample()))
    assert_same_bits(np.array(x), sample())


@by_backend
def test_out_may_be_another_channel_of_the_inputs_memory(backend):
    room = np.zeros((14, 9, 2), np.float32)
    x, out = room[..., 0], room[::2, ::2, 1]
    x[...] = sample()[0]
    aa_ref.downsample(x, 0.4, out=out, backend=backend)
    assert_same_bits(np.array(out), expected_of(sample()[0]))


@by_backend
@pytest.mark.parametrize(
    ("shape", "strides", "overlaps"),
    [
        ((3, 7, 5), (140, 20, 4), False),
        ((3, 7, 5), (4, 12, 84), False),
        ((3, 7, 5), (0, 20, 4), True),
        ((3, 7, 5), (20, 20, 4), True),
        ((1, 7, 5), (0, 20, 4), False),  # a stride along a single sample is never taken
        ((1, 7, 5), (4, 4, 28), False),
        ((1, 3, 2), (4, 8, 12), False),  # 0 2 4 and 3 5 7: interleaved, none twice
        ((1, 3, 2), (4, 8, 16), True),  # not so
        ((1, 3, 2), (4, 8, 8), True),
        ((1, 7, 5), (4, 20, 2), True),  # half of each sample
        ((1, 7, 5), (4, 6, 60), False),  # samples two bytes apart
    ],
)
def test_overlap_with_itself_is_told_exactly(shape, strides, overlaps, backend):
    out = as_strided(np.zeros(2000, np.float32), shape, strides)
    offsets = [
        sum(i * s for i, s in zip(index, strides, strict=True)) for index in np.ndindex(shape)
    ]
    used = [byte for offset in offsets for byte in range(offset, offset + 4)]
    assert (len(set(used)) < len(used)) == overlaps, "the table is wrong"
    x = sample(shape=(shape[0], 2 * shape[1], 2 * shape[2]))
    if overlaps:
        with pytest.raises(OutError, match="overlaps itself"):
            aa_ref.downsample(x, 0.5, out=out, backend=backend)
    else:
        aa_ref.downsample(x, 0.5, out=out, backend=backend)
        assert_same_bits(np.array(out), expected_of(x, 0.5))


@given(shape=st.tuples(*[st.integers(1, 4)] * 3), strides=st.tuples(*[st.integers(-20, 20)] * 3))
def test_overlap_of_any_strides(shape, strides):
    room = np.zeros(200, np.uint8)
    start = 100 - sum(s * (n // 2) for s, n in zip(strides, shape, strict=True))
    out = as_strided(room[start:].view(), shape, strides)
    offsets = {
        sum(i * s for i, s in zip(index, strides, strict=True)) for index in np.ndindex(shape)
    }
    x = sample("uint8", tuple(2 * n for n in shape))
    options = {"axes": (0, 1, 2), "backend": "numpy"}
    if len(offsets) < out.size:
        with pytest.raises(OutError, match="overlaps itself"):
            aa_ref.downsample(x, 0.5, out=out, **options)
        assert not room.any()
    else:
        aa_ref.downsample(x, 0.5, out=out, **options)
        assert_same_bits(np.array(out), expected_of(x, 0.5, axes=(0, 1, 2)))


@by_backend
def test_an_empty_batch_needs_no_memory(backend):
    x = np.zeros((0, 14, 9), np.float32)
    out = np.zeros((0, 7, 5), np.float32)
    assert aa_ref.downsample(x, 0.4, out=out, backend=backend) is out
    assert aa_ref.downsample(x, 0.4, backend=backend).shape == (0, 7, 5)
    assert aa_ref.downsample_adjoint(x, 0.5, (28, 18), backend=backend).shape == (0, 28, 18)
    with pytest.raises(OutError, match="read-only"):
        aa_ref.downsample(x, 0.4, out=read_only(out), backend=backend)


@by_backend
def test_the_outs_of_a_pyramid_lie_apart(backend):
    x = sample()
    outs = [np.empty_like(x), None, np.zeros((3, 4, 3), np.float32)]
    levels = aa_ref.pyramid(x, (1, 0.5, 0.25), out=outs, backend=backend)
    assert levels[0] is outs[0]
    assert levels[2] is outs[2]
    for level, scale in zip(levels, (1, 0.5, 0.25), strict=True):
        assert_same_bits(level, expected_of(x, scale))
    room = np.zeros((3, 14, 9), np.float32)
    with pytest.raises(OutError, match=r"out\[1\] overlaps"):
        aa_ref.pyramid(x, (1, 0.5), out=[room, room[:, :7, :5]], backend=backend)
    with pytest.raises(OutError, match="2 arrays for 1 scales"):
        aa_ref.pyramid(x, (1,), out=[room, None], backend=backend)
    assert not room.any()


@by_backend
def test_a_call_on_a_wrong_shape_leaves_out_alone(backend):
    p = aa_ref.plan(SHAPE, 0.4)
    out = np.full(OUT_SHAPE, 9, np.float32)
    with pytest.raises(ShapeError, match=r"\(3, 14, 9\)"):
        p(sample(shape=(3, 13, 9)), out=out, backend=backend)
    with pytest.raises(DtypeError, match="float64"):
        p(sample("float64"), out=out, backend=backend)
    assert (out == 9).all()


def test_out_may_not_overlap_an_input_that_is_converted_first(torch):
    swapped = np.random.default_rng(0).standard_normal((8, 12)).astype(">f4")
    before = swapped.copy()
    with pytest.raises(OutError, match="overlaps the input"):
        aa_ref.downsample(swapped, 0.5, out=swapped.view("<f4")[:4, :6])
    assert_same_bits(swapped.view("<f4"), before.view("<f4"))
    c = torch.complex(torch.zeros(8, 12), torch.ones(8, 12))
    with pytest.raises(OutError, match="overlaps the input"):
        aa_ref.downsample(c.conj().imag, 0.5, out=c.imag[:4, :6])
    assert (c.imag == 1).all()


def test_a_level_that_cannot_be_made_leaves_the_others_untouched(strict):
    out = np.zeros((64, 32), np.float16)
    with pytest.raises(DtypeError):
        aa_ref.pyramid(strict.ones((64, 32)), (1, 0.5), dtype="float16", out=[out, None])
    assert not out.any()
