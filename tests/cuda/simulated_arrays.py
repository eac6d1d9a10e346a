"""Arrays on a GPU, from the public functions down. Run in the simulator by `test_simulator.py`.

Stand-ins for CuPy's and PyTorch's arrays have their samples in the host's memory, which to the
simulator is the device's.
"""

import ctypes
import sys
from fractions import Fraction
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from support import TYPES, assert_same_bits, numpy_type

import aa_ref
from aa_ref import api, backends, ready
from aa_ref.backends.cuda import launch
from aa_ref.device_arrays import read_device_array
from aa_ref.errors import ContainerError, DeviceError, DtypeError, OutError


class OnGpu:
    """What both kinds of arrays have."""

    __module__ = "cupy"

    def __init__(self, values: Any, number: int = 0, **interface: Any) -> None:
        self.values, self.number, self.interface = values, number, interface

    @property
    def dtype(self) -> Any:
        return self.values.dtype

    @property
    def device(self) -> "Device":
        return Device(self.number)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self.number

    def __dlpack__(self, **_: Any) -> Any:
        raise AssertionError("the interface is read instead")

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        told = self.values.__array_interface__
        names = ("data", "shape", "strides", "typestr")
        return {"version": 3, **{name: told[name] for name in names}, **self.interface}

    def transpose(self, axes: Any) -> "OnGpu":
        return type(self)(self.values.transpose(axes), self.number)

    permute = transpose


class Device:
    def __init__(self, number: int) -> None:
        self.number = self.index = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.index == self.index

    def __hash__(self) -> int:
        return hash(self.index)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: Any) -> None: ...


class Tensor(OnGpu):
    """Read by its methods, not by its interface."""

    __module__ = "torch"
    is_cuda, requires_grad, layout = True, False, "strided"

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        raise AssertionError("it is made anew at each look")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def device(self) -> "Device":
        return Device(self.number)

    def stride(self) -> tuple[int, ...]:
        return tuple(n // self.values.itemsize for n in self.values.strides)

    def data_ptr(self) -> int:
        return self.values.ctypes.data

    def is_neg(self) -> bool:
        return False


class Current:
    """A stream that is made a package's current one."""

    handles: ClassVar[list[int | None]] = [None]

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __enter__(self) -> None:
        self.handles.append(self.handle)

    def __exit__(self, *_: Any) -> None:
        self.handles.pop()


allocated_on: list[int | None] = []
"""The streams that were current when arrays were made; None for the caller's."""


def empty_array(shape: Any, dtype: str) -> OnGpu:
    allocated_on.append(Current.handles[-1])
    return OnGpu(np.full(shape, 77, dtype))


def empty_tensor(shape: Any, dtype: str, device: Device) -> Tensor:
    allocated_on.append(Current.handles[-1])
    return Tensor(np.full(shape, 77, numpy_type(dtype)), device.number)


@pytest.fixture(autouse=True)
def streams(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Packages of those names; the handles of the streams that kernels were launched on."""
    used: list[Any] = []
    allocated_on.clear()
    cupy, torch = ModuleType("cupy"), ModuleType("torch")
    cupy.empty, torch.empty = empty_array, empty_tensor
    cupy.cuda = SimpleNamespace(
        get_current_stream=lambda device: SimpleNamespace(ptr=71 + device),
        Stream=SimpleNamespace(
            null=Current(0), from_external=lambda s: Current(s.__cuda_stream__()[1])
        ),
    )
    torch.Tensor, torch.strided = Tensor, "strided"
    torch.version, torch._C = SimpleNamespace(hip=None), SimpleNamespace()
    torch.cuda = SimpleNamespace(
        current_stream=lambda device: SimpleNamespace(cuda_stream=72),
        default_stream=lambda device: Current(0),
        ExternalStream=lambda handle, device: Current(handle),
        stream=lambda stream: stream,
    )
    for name in TYPES:
        setattr(torch, name, name)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(api, "adapter_of", lambda _: None)  # which is for the real packages

    def external_stream(handle: int) -> Any:  # the simulator has none
        used.append(handle)
        return SimpleNamespace(synchronize=lambda: used.append(f"{handle} awaited"))

    monkeypatch.setattr(launch.cuda, "external_stream", external_stream)
    return used


def sample(dtype: str = "float32", shape: tuple[int, ...] = (2, 13, 18)) -> Any:
    x = np.random.default_rng(0).standard_normal(shape)
    target = numpy_type(dtype)
    return (x * 60 + 128).clip(0, 255).astype(target) if target.kind == "u" else x.astype(target)


KINDS = pytest.mark.parametrize(
    ("kind", "stream"), [(OnGpu, 71), (Tensor, 72)], ids=["cupy", "torch"]
)


def test_cupys_stream_is_that_of_the_arrays_device() -> None:
    x = sample()
    assert read_device_array(OnGpu(x, 2)).stream == 73


@pytest.mark.parametrize("version", [13, 14])
@pytest.mark.parametrize("handle", [0, 9])
def test_cupys_memory_is_of_the_stream_given(
    monkeypatch: pytest.MonkeyPatch, version: int, handle: int
) -> None:
    made: list[Any] = []
    if version == 13:
        cuda = sys.modules["cupy"].cuda
        monkeypatch.delattr(cuda.Stream, "from_external")
        cuda.ExternalStream = lambda *told: made.append(told) or Current(told[0])
    read_device_array(OnGpu(sample(), 2), handle).empty((2, 3, 4), "float32")
    assert allocated_on == [handle]
    assert made == ([(9, 2)] if version == 13 and handle else [])


@KINDS
@pytest.mark.parametrize("dtype", TYPES)
def test_same_kind_out_on_the_current_stream(
    kind: Any, stream: int, dtype: str, streams: list[Any]
) -> None:
    x = sample(dtype)
    if dtype == "bfloat16" and kind is OnGpu:
        with pytest.raises(DtypeError, match="CuPy"):
            aa_ref.downsample(kind(x), 0.5)
        return
    y = aa_ref.downsample(kind(x), 0.5)
    assert type(y) is kind
    assert_same_bits(y.values, aa_ref.downsample(x, 0.5, backend="numpy"))
    assert streams == [stream]
    if not dtype.startswith("uint"):
        g = aa_ref.downsample_adjoint(y, 0.5, (13, 18))
        assert type(g) is kind
        expected = aa_ref.downsample_adjoint(y.values, 0.5, (13, 18), backend="numpy")
        assert_same_bits(g.values, expected)


@KINDS
def test_pyramids_plans_and_out(kind: Any, stream: int) -> None:
    x = sample()
    expected = aa_ref.pyramid(x, backend="numpy")
    for level, values in zip(aa_ref.pyramid(kind(x)), expected, strict=True):
        assert_same_bits(level.values, values)
    p, out = aa_ref.plan(x.shape, 0.5), kind(np.zeros_like(expected[1]))
    assert p(kind(x), out=out) is out
    assert_same_bits(out.values, expected[1])


@KINDS
@pytest.mark.parametrize("axes", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_memory_keeps_its_order(kind: Any, stream: int, axes: tuple[int, ...]) -> None:
    x = np.moveaxis(np.ascontiguousarray(np.moveaxis(sample(), 0, -1)), -1, 0)
    y = aa_ref.downsample(kind(x), 0.5, axes=axes)
    expected = aa_ref.downsample(x, 0.5, axes=axes, backend="numpy")
    assert_same_bits(y.values, expected)
    assert y.values.strides == expected.strides


def test_the_stream_that_an_array_names_goes_first(streams: list[Any]) -> None:
    aa_ref.downsample(OnGpu(sample(), stream=5), 0.5)
    assert streams == [5]


STREAMS = {
    "a handle": 9,
    "the protocol": SimpleNamespace(__cuda_stream__=lambda: (0, 9), ptr=1),
    "torch": SimpleNamespace(cuda_stream=9),
    "cupy": SimpleNamespace(ptr=9),
    "numba": SimpleNamespace(handle=ctypes.c_void_p(9)),
}


@KINDS
@pytest.mark.parametrize("given", STREAMS)
def test_the_stream_given_goes_before_all(
    kind: Any, stream: int, given: str, streams: list[Any]
) -> None:
    x, named = sample(), {"stream": STREAMS[given]}
    p, g = aa_ref.plan(x.shape, 0.5), out_for(x)
    for call in (
        lambda a: aa_ref.downsample(a, 0.5, **named),
        lambda a: p(a, **named),
        lambda a: aa_ref.downsample_adjoint(kind(g), 0.5, (13, 18), **named),
        lambda a: p.adjoint(kind(g), **named),
        lambda a: aa_ref.pyramid(a, (0.5,), **named),
    ):
        call(kind(x, stream=5))
        assert streams == [9]
        assert allocated_on == [9]
        streams.clear()
        allocated_on.clear()


@KINDS
def test_the_default_stream_may_be_asked_for(kind: Any, stream: int, streams: list[Any]) -> None:
    aa_ref.downsample(kind(sample()), 0.5, stream=0)
    assert streams == []
    assert allocated_on == [0]
    aa_ref.downsample(kind(sample()), 0.5)
    assert streams == [stream]
    assert allocated_on == [0, None]


def test_arrays_of_the_host_go_there_and_back_on_the_stream(streams: list[Any]) -> None:
    x = sample()
    y = aa_ref.downsample(x, 0.5, backend="cuda", stream=9)
    assert_same_bits(y, aa_ref.downsample(x, 0.5, backend="numpy"))
    assert set(streams) == {9, "9 awaited"}
    assert streams[-1] == "9 awaited"
    streams.clear()
    aa_ref.downsample(x, 0.5, backend="cuda")
    assert streams == []


def test_views_are_read_where_they_lie() -> None:
    room = np.zeros((5, 40, 50), np.float32)
    x = room[::-2, 1:27:2, 3:21]
    x[...] = sample(shape=x.shape)
    y = aa_ref.downsample(OnGpu(x), 0.25, boundary="reflect")
    assert_same_bits(y.values, aa_ref.downsample(x, 0.25, boundary="reflect", backend="numpy"))


class Capsuled:
    """An array that only exports DLPack, of a kind that nobody knows."""

    def __init__(self, values: Any, told: int = 1) -> None:
        self.values, self.told = values, told

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, *, stream: int) -> Any:
        assert stream == self.told
        return self.values.__dlpack__()


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba's device arrays export their addresses; the simulator's do not."""
    numba_cuda = SimpleNamespace(
        device_array=lambda shape, dtype: OnGpu(np.full(shape, 77, dtype)), gpus=[Device(0)]
    )
    monkeypatch.setitem(sys.modules, "numba.cuda", numba_cuda)  # type: ignore[arg-type]


@pytest.mark.usefixtures("readable")
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "uint8", "uint16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_other_objects_give_numbas_arrays(dtype: str, order: Any) -> None:
    x = np.array(sample(dtype), order=order)
    expected = aa_ref.downsample(x, 0.5, backend="numpy")
    other = type("Other", (OnGpu,), {"__module__": "other"})
    for kind in (Capsuled, other):
        y = aa_ref.downsample(kind(x), 0.5)
        assert type(y) is OnGpu
        assert_same_bits(y.values, expected)


@pytest.mark.usefixtures("readable")
@pytest.mark.parametrize(("stream", "told", "used"), [(9, 9, [9]), (0, 1, [])])
def test_who_exports_dlpack_is_told_the_stream(
    stream: int, told: int, used: list[int], streams: list[Any]
) -> None:
    aa_ref.downsample(Capsuled(sample(), told), 0.5, stream=stream)
    assert streams == used


class WithoutStreams(Capsuled, OnGpu):
    """An array whose interface is older than streams, as JAX's is."""

    __module__ = "other"

    def __init__(self, values: Any, told: int = 1) -> None:
        OnGpu.__init__(self, values, version=2)
        self.told, self.asked = told, 0

    def __dlpack__(self, *, stream: int) -> Any:
        self.asked += 1
        return Capsuled.__dlpack__(self, stream=stream)


@pytest.mark.usefixtures("readable")
@pytest.mark.parametrize(("stream", "told", "used"), [(None, 1, []), (9, 9, [9]), (0, 1, [])])
def test_where_an_interface_knows_no_streams_dlpack_orders_them(
    stream: int | None, told: int, used: list[int], streams: list[Any]
) -> None:
    """Its package may still have to write what is read, on a stream of its own."""
    x = WithoutStreams(sample(), told)
    out = WithoutStreams(np.zeros((2, 7, 9), np.float32), told)
    assert aa_ref.downsample(x, 0.5, out=out, stream=stream) is out
    assert (x.asked, out.asked, streams) == (1, 1, used)
    assert_same_bits(out.values, aa_ref.downsample(x.values, 0.5, backend="numpy"))


def test_what_dlpack_exports_is_not_written_to() -> None:
    x = sample()
    with pytest.raises(OutError, match="read-only"):
        aa_ref.downsample(OnGpu(x), 0.5, out=Capsuled(out_for(x), 71))


@pytest.mark.parametrize("values", [np.ones((6, 4), np.int32), np.ones((6, 4), bool)])
def test_other_types_in_dlpack_are_refused(values: Any) -> None:
    with pytest.raises(DtypeError, match=r"int32|bool8"):
        aa_ref.downsample(Capsuled(values), 0.5)


def out_for(x: Any) -> Any:
    return np.zeros(aa_ref.plan(x.shape, 0.5).out_shape, np.float32)


def odd_address(x: Any) -> Any:
    room = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    room[...] = x
    return room


@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        (OnGpu(sample()), {"backend": "numpy"}, DeviceError, "'numpy', which computes on the CPU"),
        (OnGpu(sample()), {"out": out_for(sample())}, DeviceError, "out is on the CPU"),
        (sample(), {"out": OnGpu(out_for(sample()))}, DeviceError, "out is on cuda:0"),
        (
            OnGpu(sample()),
            {"out": OnGpu(out_for(sample()), 1)},
            DeviceError,
            "out is on cuda:1, but the input is on cuda:0",
        ),
        (OnGpu(sample(), mask=0), {}, ContainerError, "masked"),
        (OnGpu(odd_address(sample())), {}, ContainerError, "multiples of 4 bytes"),
        (OnGpu(sample(), typestr=">f4"), {}, DtypeError, "foreign byte order"),
        (OnGpu(sample().astype(np.int32)), {}, DtypeError, "int32"),
        (OnGpu(sample(), data=None), {}, ContainerError, "cannot be read through"),
        (OnGpu(sample()), {"out": OnGpu(out_for(sample())[..., 1:])}, OutError, "shape"),
        (OnGpu(sample()), {"out": OnGpu(out_for(sample()).astype("f8"))}, OutError, "float64"),
        (
            OnGpu(sample()),
            {"out": OnGpu(out_for(sample()), data=(4096, True))},
            OutError,
            "read-only",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_cannot_be(x: Any, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        aa_ref.downsample(x, 0.5, **options)


def test_out_may_neither_overlap_the_input_nor_itself() -> None:
    room = np.ones((40, 40), np.float32)
    with pytest.raises(OutError, match="overlaps the input"):
        aa_ref.downsample(OnGpu(room), 0.5, out=OnGpu(room[::2, ::2]))
    twice = np.lib.stride_tricks.as_strided(np.ones(20, np.float32), (20, 20), (0, 4))
    with pytest.raises(OutError, match="overlaps itself"):
        aa_ref.downsample(OnGpu(room), 0.5, out=OnGpu(twice))


def test_the_command_tells_that_this_is_the_simulator(tmp_path: Any) -> None:
    typer_testing = pytest.importorskip("typer.testing")
    from aa_ref.cli.app import app

    run = typer_testing.CliRunner().invoke
    assert "cuda: device: simulator" in run(app, ["info"]).output
    done = run(app, ["demo", "--output", str(tmp_path / "demo.png")])
    assert done.exit_code == 0
    assert "cuda: not here: it would run in Numba's simulator" in done.output


class Watched(Tensor):
    """One of which everything can be changed."""

    def __init__(self, values: Any, number: int = 0, **interface: Any) -> None:
        super().__init__(values, number, **interface)
        self.negated = False

    def is_neg(self) -> bool:
        return self.negated

    def resolve_neg(self) -> Tensor:
        return Tensor(-self.values)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The arrays that were checked as ``out``, which a call like one before leaves out."""
    found: list[Any] = []
    read_out = api.read_out

    def noting(out: Any, *arguments: Any) -> Any:
        found.append(out)
        return read_out(out, *arguments)

    monkeypatch.setattr(api, "read_out", noting)
    monkeypatch.setattr(ready, "_calls", {})
    return found


BY = {"plan": lambda p: p, "name": lambda p: partial(aa_ref.downsample, scale=0.5)}
"""Ways to ask for a half."""
by_both = pytest.mark.parametrize("by", BY)


@by_both
@pytest.mark.parametrize("shape", [(2, 13, 18), (2, 12, 16)], ids=["at any address", "aligned"])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_call_like_one_before_is_not_checked_again(
    dtype: str, shape: tuple[int, ...], by: str, checks: list[Any], streams: list[Any]
) -> None:
    p = aa_ref.plan(shape, 0.5, input_dtype=dtype)
    call = BY[by](p)
    for n in range(3):
        x = sample(dtype, (shape[0] + 1, *shape[1:]))
        x = np.roll(x, n).reshape(-1)[n % 2 :][: 2 * shape[1] * shape[2]].reshape(shape)
        out = Tensor(np.full(p.out_shape, 7, numpy_type(dtype)))
        assert call(Tensor(x), out=out) is out
        assert_same_bits(out.values, aa_ref.downsample(x, 0.5, backend="numpy"))
    assert len(checks) == 1
    call(Tensor(x), out=out, stream=9)
    assert (len(checks), streams[-1]) == (1, 9)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"sampling": "slice"}, {"sampling": "nearest"}),
        ({"boundary": "zeros"}, {"boundary": "circular"}),
        ({"sigma": None}, {"sigma": 1}),
        ({"sigma": 1}, {"sigma": 1.5}),
        ({"axes": (-2, -1)}, {"axes": (-1, -2)}),
        ({"boundary": ("zeros", "reflect")}, {"boundary": ("reflect", "zeros")}),
        ({"scale": 0.5}, {"scale": Fraction(1, 2)}),
    ],
    ids=str,
)
def test_calls_with_other_options_are_not_taken_for_each_other(
    first: dict[str, Any], second: dict[str, Any], checks: list[Any]
) -> None:
    x = sample()
    for options in (first, second, first, second):
        options = {"scale": 0.5, **options}
        expected = aa_ref.downsample(x, **options, backend="numpy")
        out = Tensor(np.full(expected.shape, 7, np.float32))
        aa_ref.downsample(Tensor(x), **options, out=out)
        assert_same_bits(out.values, expected)
    assert len(checks) == 2


def test_options_that_change_are_looked_at_anew(checks: list[Any]) -> None:
    scales = [0.5, 0.5]
    x, out = sample(), Tensor(np.full((2, 7, 9), 7, np.float32))
    for _ in range(2):
        aa_ref.downsample(Tensor(x), scales, out=out)
        assert_same_bits(out.values, aa_ref.downsample(x, 0.5, backend="numpy"))
    assert len(checks) == 1
    scales[1] = 0.25
    out = Tensor(np.full((2, 7, 5), 7, np.float32))
    aa_ref.downsample(Tensor(x), scales, out=out)
    assert_same_bits(out.values, aa_ref.downsample(x, (0.5, 0.25), backend="numpy"))


def test_an_adjoint_like_one_before_is_not_checked_again(checks: list[Any]) -> None:
    p = aa_ref.plan((2, 13, 18), 0.5)
    for dtype in ("float32", "float64", "float32", "float64"):
        g = sample(dtype, p.out_shape)
        out = Tensor(np.full(p.shape, 7, dtype))
        p.adjoint(Tensor(g), out=out)
        assert_same_bits(out.values, aa_ref.downsample_adjoint(g, 0.5, (13, 18), backend="numpy"))
    assert len(checks) == 2


def _set(name: str, value: Any) -> Any:
    def change(x: Watched, out: Watched) -> None:
        setattr(x, name, value)

    return change


def _overlap(x: Watched, out: Watched) -> None:
    out.values = x.values.reshape(-1)[: out.values.size].reshape(out.values.shape)


def _at_an_odd_address(x: Watched, out: Watched) -> None:
    memory = np.zeros(x.values.nbytes + 4, np.uint8)[1:]
    x.values = memory[: x.values.nbytes].view(np.float32).reshape(x.values.shape)


def _other_shape(x: Watched, out: Watched) -> None:
    out.values = np.ones((2, 7, 10), np.float32)


def _on_another_device(x: Watched, out: Watched) -> None:
    out.number = 1


def _negate(x: Watched, out: Watched) -> None:
    out.negated = True


@by_both
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (_set("requires_grad", True), ContainerError, "requires a gradient"),
        (_set("layout", "sparse_coo"), ContainerError, "sparse_coo"),
        (_overlap, OutError, "overlaps the input"),
        (_at_an_odd_address, ContainerError, "no multiples of 4 bytes"),
        (_other_shape, OutError, r"has shape \(2, 7, 10\)"),
        (_on_another_device, DeviceError, "cuda:1"),
        (_negate, OutError, "negates"),
    ],
    ids=["gradient", "layout", "overlap", "odd address", "shape", "device", "negated"],
)
def test_what_is_not_like_before_is_checked(
    change: Any, error: type[Exception], message: str, by: str, checks: list[Any]
) -> None:
    p = aa_ref.plan((2, 13, 18), 0.5)
    call = BY[by](p)
    x, out = Watched(sample()), Watched(np.ones(p.out_shape, np.float32))
    for _ in range(2):
        call(x, out=out)
    assert len(checks) == 1
    change(x, out)
    with pytest.raises(error, match=message):
        call(x, out=out)


def test_a_call_that_warns_does_so_each_time(checks: list[Any]) -> None:
    p = aa_ref.plan((2, 13, 18), 0.75)
    for _ in range(3):
        with pytest.warns(UserWarning, match="keep all their samples"):
            p(Tensor(sample()), out=Tensor(np.ones(p.out_shape, np.float32)))
    assert len(checks) == 3


def test_a_backend_named_or_replaced_is_asked_itself(
    checks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    p = aa_ref.plan((2, 13, 18), 0.5)
    x, out = Tensor(sample()), Tensor(np.ones(p.out_shape, np.float32))
    p(x, out=out)
    p(x, out=out, backend="cuda")
    monkeypatch.setitem(backends._loaded, "cuda", launch.CudaBackend())
    p(x, out=out)
    assert len(checks) == 3


def test_no_more_calls_are_kept_than_a_program_has_shapes(
    checks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "_MOST", 3)
    for rows in range(4, 12):
        aa_ref.downsample(Tensor(sample(shape=(1, rows, 8))), 0.5, out=Tensor(
            np.ones((1, -(-rows // 2), 4), np.float32)
        ))  # fmt: skip
        assert 1 <= len(ready._calls) <= 3
