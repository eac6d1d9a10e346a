"""What a call asks of the driver. Run by `test_cuda_calls.py` with a stand-in, which runs nothing.

Everything up to the driver is as on a GPU: Numba compiles kernels for sm_90 and loads them.
"""

import ctypes
import importlib
import struct
import sys
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import aa_ref
from aa_ref import api, device_arrays, ready
from aa_ref import arrays as arrays_of_all_kinds
from aa_ref.backends.cuda import launch
from aa_ref.backends.cuda.kernels import compiled
from aa_ref.backends.cuda.memory import resident
from aa_ref.backends.cuda.steps import steps_of
from aa_ref.backends.cuda.toolkit import SIMULATOR, cuda
from aa_ref.errors import DeviceError

DRIVER = ctypes.CDLL("libcuda.so.1")
TRIPLE = ctypes.c_uint32 * 3
WATCHER = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(TRIPLE), ctypes.POINTER(TRIPLE),
    ctypes.c_uint32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p,
    ctypes.c_int,
)  # fmt: skip


class OnGpu:
    """An array on a device."""

    def __init__(self, values: Any, device: int = 0, **interface: Any) -> None:
        told = values.__array_interface__
        names = ("data", "shape", "strides", "typestr")
        self.__dict__["_told"] = {"version": 3, **{n: told[n] for n in names}, **interface}
        self.values, self.device = values, device

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return self._told

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self.device


class Launches:
    """What the driver was asked to launch."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.answer = 0
        self.watch = WATCHER(self._watch)
        DRIVER.stand_in_watch(self.watch)

    def _watch(
        self, kernel: bytes, grid: Any, block: Any, shared: int, stream: Any, arguments: Any,
        extra: Any, device: int,
    ) -> int:  # fmt: skip
        self.seen.append(
            {
                "kernel": kernel.decode(), "grid": tuple(grid[0]), "block": tuple(block[0]),
                "shared": shared, "stream": stream or 0, "extra": extra, "device": device,
                # How many there are, nobody tells. The pointers of 20 are within any array of them.
                "arguments": [ctypes.string_at(arguments[n], 8) for n in range(20)],
            }
        )  # fmt: skip
        return self.answer


@pytest.fixture
def launches() -> Iterator[Launches]:
    yield Launches()
    DRIVER.stand_in_watch(WATCHER(0))


def called() -> list[str]:
    """The driver's functions called since the last look."""
    text = ctypes.create_string_buffer(1 << 16)
    DRIVER.stand_in_called(text, ctypes.c_size_t(len(text)))
    return text.value.decode().split()


def arrays(device: int = 0, **interface: Any) -> tuple[aa_ref.Plan, OnGpu, OnGpu]:
    p = aa_ref.plan((3, 40, 64), 0.5)
    x, y = np.ones(p.shape, np.float32), np.ones(p.out_shape, np.float32)
    return p, OnGpu(x, device, **interface), OnGpu(y, device)


def test_this_is_not_the_simulator() -> None:
    assert not SIMULATOR
    (info,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
    assert info.available
    assert aa_ref.backends.get_backend("cuda").details()["device"].startswith("Stand-in")


def test_a_ready_call_launches_and_does_nothing_else(launches: Launches) -> None:
    p, x, y = arrays()
    p(x, out=y)
    p.adjoint(y, out=x)
    called()
    p(x, out=y)
    assert called() == ["cuCtxGetDevice", "cuLaunchKernel"]
    p.adjoint(y, out=x)
    assert called() == ["cuCtxGetDevice", "cuLaunchKernel"]
    p(x, out=y, stream=7)
    assert called() == ["cuCtxGetDevice", "cuLaunchKernel"]
    assert [seen["stream"] for seen in launches.seen] == [0, 0, 0, 0, 7]


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """PyTorch, whose tensors on the CPU pass for a GPU's, with stream 5 as the current one.

    Those of bfloat16: others become NumPy's arrays, on the CPU, before they come to the core.
    """
    package = pytest.importorskip("torch", reason="PyTorch is not installed")
    for module in (api, arrays_of_all_kinds, device_arrays):
        monkeypatch.setattr(module, "is_cuda_tensor", lambda x: isinstance(x, package.Tensor))
    monkeypatch.setattr(package._C, "_cuda_getCurrentRawStream", lambda number: 5, raising=False)
    monkeypatch.setattr(ready, "_calls", {})
    return package


@pytest.mark.parametrize(("by", "most"), [("plan", 27), ("name", 22)])
def test_a_ready_call_on_tensors_takes_little_of_python(
    torch: Any, launches: Launches, by: str, most: int
) -> None:
    p = aa_ref.plan((8, 3, 256, 256), 0.5, input_dtype="bfloat16")
    x, y = (torch.zeros(shape, dtype=torch.bfloat16) for shape in (p.shape, p.out_shape))
    call = p if by == "plan" else partial(aa_ref.downsample, scale=0.5)
    call(x, out=y)
    called()
    python: list[str] = []

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            python.append(frame.f_code.co_name)

    sys.setprofile(note)
    call(x, out=y)
    sys.setprofile(None)
    assert called() == ["cuCtxGetDevice", "cuLaunchKernel"]
    assert "read_out" not in python
    # What comes behind is the stand-in's.
    assert most - 5 < python.index("_watch") <= most, (python.index("_watch"), python)
    first, again = launches.seen
    assert again == first
    addresses = [struct.unpack("q", a)[0] for a in again["arguments"][:2]]
    assert addresses == [x.data_ptr(), y.data_ptr()]


@pytest.mark.parametrize("scale", [0.5, 0.2], ids=["strips", "tiles"])
def test_a_layers_forward_is_one_launch_for_a_graph_to_capture(
    torch: Any, launches: Launches, scale: float
) -> None:
    """Nothing that would end a capture, and all on the stream that is captured."""
    layer = importlib.import_module("aa_ref_torch").AntiAliasInterpolation2d(3, scale)
    x = torch.zeros((2, 3, 64, 96), dtype=torch.bfloat16)
    with torch.no_grad():
        layer(x)  # compiles, and brings taps to the device
        called()
        y = layer(x)
    assert called() == ["cuCtxGetDevice", "cuLaunchKernel"]
    seen = launches.seen[-1]
    assert seen["stream"] == 5
    addresses = [struct.unpack("q", a)[0] for a in seen["arguments"][:2]]
    assert addresses == [x.data_ptr(), y.data_ptr()]


def test_pyramids_too(launches: Launches) -> None:
    _, x, _ = arrays(stream=5)
    outs = [OnGpu(np.ones((3, 40 // s, 64 // s), np.float32)) for s in (2, 4, 8)]
    for _ in range(2):
        called()
        aa_ref.pyramid(x, (0.5, 0.25, 0.125), out=outs)
    assert called() == ["cuCtxGetDevice", "cuLaunchKernel"]
    seen = launches.seen[-1]
    assert "pyramid_float32_planar_aligned" in seen["kernel"]
    addresses = [struct.unpack("q", a)[0] for a in seen["arguments"][:4]]
    assert addresses == [a.values.ctypes.data for a in (x, *outs)]
    assert seen["stream"] == 5


def flat(values: Any) -> list[Any]:
    return [v for each in values for v in (flat(each) if isinstance(each, tuple) else [each])]


@pytest.mark.parametrize("beyond", [0, 4])
def test_arguments_are_what_the_kernel_takes(launches: Launches, beyond: int) -> None:
    p, x, y = arrays()
    address = x.values.ctypes.data // 16 * 16 + beyond  # nothing runs, so nothing is read there
    x = OnGpu(x.values, data=(address, False))
    p(x, out=y)
    (seen,) = launches.seen
    (step,) = steps_of(p, True, x.values.strides, y.values.strides, 0)
    call = step.call_at(address)
    assert call.kernel.aligned == (beyond == 0)
    assert call.kernel.name in seen["kernel"]
    assert (seen["grid"], seen["block"]) == ((call.blocks, 1, 1), (call.threads, 1, 1))
    assert call.threads in (32, 64, 96, 128)
    assert (seen["shared"], seen["extra"], seen["device"]) == (0, None, 0)
    expected = [address, y.values.ctypes.data, *flat(call.geometry)]
    assert any(isinstance(v, np.float32) for v in expected[:20])
    for told, value in zip(seen["arguments"], expected[:20], strict=True):
        form = "f" if isinstance(value, np.float32) else "q"
        assert struct.unpack_from(form, told)[0] == value


def test_a_steps_of_32_bits_goes_first_in_its_cell(launches: Launches) -> None:
    p = aa_ref.plan((8, 64), 0.3, sampling="nearest")
    p(OnGpu(np.ones(p.shape, np.float32)), out=OnGpu(np.ones(p.out_shape, np.float32)))
    steps = [struct.unpack_from("f", a)[0] for a in launches.seen[-1]["arguments"]]
    assert float(np.float32(1 / 0.3)) in steps


def test_the_arrays_device_is_used_and_the_callers_restored(launches: Launches) -> None:
    p, x, y = arrays(device=1)
    for _ in range(2):
        called()
        p(x, out=y)
        assert int(cuda.get_current_device().id) == 0
        assert launches.seen[-1]["device"] == 1
    assert not [name for name in called() if "Mem" in name or "Synchronize" in name]
    p, x, y = arrays(device=0)
    p(x, out=y)
    assert launches.seen[-1]["device"] == 0


def test_numbas_arrays_tell_their_device(launches: Launches) -> None:
    with cuda.gpus[1]:
        x = cuda.to_device(np.ones((3, 40, 64), np.float32))
    y = aa_ref.downsample(x, 0.5)
    assert (type(y), y.shape) == (type(x), (3, 20, 32))
    assert [int(a.gpu_data.context.device.id) for a in (x, y)] == [1, 1]
    assert launches.seen[-1]["device"] == 1
    assert int(cuda.get_current_device().id) == 0
    with pytest.raises(DeviceError, match="out is on cuda:0, but the input is on cuda:1"):
        aa_ref.downsample(x, 0.5, out=cuda.device_array((3, 20, 32), np.float32))


def test_a_thread_without_a_context_gets_one(launches: Launches) -> None:
    p, x, y = arrays()
    thread = threading.Thread(target=lambda: p(x, out=y))
    thread.start()
    thread.join()
    assert launches.seen[-1]["device"] == 0


def test_threads_do_not_mix_arguments_up(launches: Launches) -> None:
    every = [arrays() for _ in range(4)]
    every[0][0](every[0][1], out=every[0][2])
    launches.seen.clear()

    def work(p: aa_ref.Plan, x: OnGpu, y: OnGpu) -> None:
        for _ in range(200):
            p(x, out=y)

    threads = [threading.Thread(target=work, args=each) for each in every]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pairs = [tuple(struct.unpack("q", a)[0] for a in s["arguments"][:2]) for s in launches.seen]
    expected = [(x.values.ctypes.data, y.values.ctypes.data) for _, x, y in every]
    assert sorted(pairs) == sorted(expected * 200)


def test_what_the_driver_refuses_is_an_error(launches: Launches) -> None:
    p, x, y = arrays()
    launches.answer = 400
    with pytest.raises(RuntimeError, match=r"stream 7: CUDA_ERROR_INVALID_HANDLE"):
        p(x, out=y, stream=7)


def test_arrays_of_the_host_are_copied_on_the_stream_and_awaited(launches: Launches) -> None:
    x = np.ones((3, 40, 64), np.float32)
    aa_ref.downsample(x, 0.5, backend="cuda", stream=7)
    called()
    aa_ref.downsample(x, 0.5, backend="cuda", stream=7)
    copies = [n for n in called() if "cpy" in n or "Launch" in n or "Sync" in n]
    assert copies == [
        "cuMemcpyHtoDAsync_v2", "cuLaunchKernel", "cuMemcpyDtoHAsync_v2", "cuStreamSynchronize",
    ]  # fmt: skip


def test_what_is_copied_is_there_until_results_are(
    launches: Launches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that reads the host's pages itself may do so after the driver has returned."""
    memory = type(cuda.device_array(1, np.uint8))
    send, fetch = memory.copy_to_device, launch.download
    read: list[weakref.ref[Any]] = []
    alive: list[bool] = []

    def sending(owner: Any, x: Any, stream: Any) -> None:
        read.append(weakref.ref(x.base))
        send(owner, x, stream)

    def fetching(result: Any, out: Any) -> None:
        alive.append(read[-1]() is not None)
        fetch(result, out)

    monkeypatch.setattr(memory, "copy_to_device", sending)
    monkeypatch.setattr(launch, "download", fetching)
    aa_ref.downsample(np.ones((3, 40, 64), np.float32)[:, ::2], 0.5, backend="cuda", stream=7)
    assert alive == [True]


@pytest.mark.parametrize("name", ["downsample", "pyramid"])
def test_nothing_of_a_call_is_left_to_be_freed_in_a_capture(launches: Launches, name: str) -> None:
    scales = 0.5 if name == "downsample" else (0.5, 0.25, 0.125)
    for _ in range(2):  # the first also frees what was left before
        called()
        getattr(aa_ref, name)(np.ones((3, 40, 64), np.float32), scales, backend="cuda")
    seen = called()
    assert seen.count("cuMemFree_v2") == seen.count("cuMemAlloc_v2") > 0


def test_taps_are_there_before_any_stream_may_read_them(launches: Launches) -> None:
    called()
    p = aa_ref.plan((40, 64), 1 / 3, sigma=1.1875)
    p(OnGpu(np.ones(p.shape, np.float32)), out=OnGpu(np.ones(p.out_shape, np.float32)), stream=7)
    order = [n for n in called() if "HtoD" in n or "Launch" in n or "Sync" in n]
    assert order[:2] == ["cuMemcpyHtoD_v2", "cuStreamSynchronize"]
    assert order[-1] == "cuLaunchKernel"


def test_taps_stay_for_the_graphs_that_captured_them() -> None:
    """A graph reads them at each replay, when plans and steps may long be forgotten."""
    assert resident.cache_parameters()["maxsize"] is None


def test_kernels_are_compiled_once(launches: Launches) -> None:
    p, x, y = arrays()
    p(x, out=y)
    before = compiled.cache_info().misses
    p(x, out=y)
    assert compiled.cache_info().misses == before


def test_a_kernel_tells_how_much_of_it_is_left_in_memory(launches: Launches) -> None:
    """As the driver has it, of the machine code that is loaded: `test_gpu_kernels.py` asks."""
    p, x, y = arrays()
    p(x, out=y)
    (step,) = steps_of(p, True, x.values.strides, y.values.strides, 0)
    (loaded,) = compiled(step.call_at(x.values.ctypes.data).kernel).overloads.values()
    assert (loaded.local_mem_per_thread, loaded.regs_per_thread) == (0, 32)
