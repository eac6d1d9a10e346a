"""The backend itself: runs the steps of a plan on the arrays' device and stream."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ...device_arrays import DeviceArray
from ...plans import Plan
from ..base import Backend
from .kernels import compiled, threads_of
from .memory import download, empty, upload
from .steps import steps_of
from .toolkit import SIMULATOR, check_device, cuda, device_number

__all__ = ["CudaBackend"]


class CudaBackend(Backend):
    """A fused kernel on the array's device and stream. Host arrays are copied there and back."""

    name = "cuda"
    devices = ("simulator",) if SIMULATOR else ("cuda", "cpu")

    def __init__(self) -> None:
        check_device()

    def details(self) -> dict[str, str]:
        """See `Backend.details`."""
        if SIMULATOR:
            return {"device": "simulator"}
        device = cuda.get_current_device()
        name = device.name.decode() if isinstance(device.name, bytes) else device.name
        major, minor = device.compute_capability
        return {"device": f"{name}, compute capability {major}.{minor}"}

    def forward(self, plan: Plan, x: Any, out: Any) -> None:
        """See `Backend.forward`; ``x`` and ``out`` may also be `DeviceArray`."""
        _run(plan, True, x, out)

    def adjoint(self, plan: Plan, g: Any, out: Any) -> None:
        """See `Backend.adjoint`; ``g`` and ``out`` may also be `DeviceArray`."""
        _run(plan, False, g, out)


def _run(plan: Plan, forward: bool, source: Any, out: Any) -> None:
    if isinstance(source, DeviceArray):
        if 0 not in out.shape:
            with _on_device(source.device):
                _launch(plan, forward, source, out)
        return
    result = empty(out.shape, plan.dtype)
    if out.size:
        _launch(plan, forward, upload(source, plan.input_dtype), result)
        download(result, out)


def _on_device(number: int | None) -> AbstractContextManager[Any]:
    """Make a device the current one for a while, unless it is."""
    if number is None or number == device_number():
        return nullcontext()
    context: AbstractContextManager[Any] = cuda.gpus[number]
    return context


def _launch(plan: Plan, forward: bool, source: DeviceArray, result: DeviceArray) -> None:
    stream = cuda.external_stream(source.stream) if source.stream else 0
    steps = steps_of(plan, forward, source.strides, result.strides, device_number())
    for step in steps:
        last = step is steps[-1]
        target = result if last else source.empty(step.shape, plan.compute_dtype.name)
        for offsets in step.offsets:
            begins = source.address + offsets[0], target.address + offsets[1]
            x, y = begins if step.kernel.direction == "forward" else reversed(begins)
            kernel = step.kernel_at(x)
            compiled(kernel)[step.blocks, threads_of(kernel), stream](x, y, step.geometry)
        source = target
