"""The backend itself: runs the steps of a plan on the arrays' device and stream."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, Self

from ...device_arrays import DeviceArray
from ...plans import Plan
from ..base import Backend
from .kernels import compiled, threads_of
from .memory import download, empty, upload
from .pyramid_strips import PYRAMID
from .steps import pyramid_step, steps_of
from .streams import stream_of
from .toolkit import SIMULATOR, check_device, cuda, device_number

__all__ = ["CudaBackend"]


class CudaBackend(Backend):
    """A fused kernel on the array's device and stream. Host arrays are copied there and back."""

    name = "cuda"
    devices = ("simulator",) if SIMULATOR else ("cuda", "cpu")

    def __init__(self) -> None:
        check_device()
        self._stream = 0  # for arrays of the host

    def on_stream(self, handle: int) -> Self:
        """See `Backend.on_stream`. A `DeviceArray` names its stream itself."""
        other = copy(self)
        other._stream = handle
        return other

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
        with self._on_device(plan, x, [out]) as (source, results):
            _launch(plan, True, source, results[0])

    def adjoint(self, plan: Plan, g: Any, out: Any) -> None:
        """See `Backend.adjoint`; ``g`` and ``out`` may also be `DeviceArray`."""
        with self._on_device(plan, g, [out]) as (source, results):
            _launch(plan, False, source, results[0])

    def pyramid(self, plans: Sequence[Plan], x: Any, outs: Sequence[Any]) -> None:
        """See `Backend.pyramid`: strides 2, 4 and 8 share a kernel that reads ``x`` once."""
        if not plans:
            return
        with self._on_device(plans[0], x, outs) as (source, results):
            alone = set(range(len(plans))) - _launch_pyramid(plans, source, results)
            for n in sorted(alone):
                _launch(plans[n], True, source, results[n])

    @contextmanager
    def _on_device(
        self, plan: Plan, source: Any, outs: Sequence[Any]
    ) -> Iterator[tuple[DeviceArray, Sequence[DeviceArray]]]:
        """Make the arrays' device the current one. Arrays of the host are copied there and back."""
        if not isinstance(source, DeviceArray):
            results = [empty(out.shape, plan.dtype, self._stream) for out in outs]
            yield upload(source, plan.input_dtype, self._stream), results
            for result, out in zip(results, outs, strict=True):
                download(result, out)
        elif source.device in (None, device_number()):
            yield source, outs
        else:
            with cuda.gpus[source.device]:
                yield source, outs


def _launch(plan: Plan, forward: bool, source: DeviceArray, result: DeviceArray) -> None:
    if 0 in result.shape:
        return
    stream = stream_of(source.stream)
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


def _launch_pyramid(
    plans: Sequence[Plan], source: DeviceArray, results: Sequence[DeviceArray]
) -> set[int]:
    """Make the levels that share a kernel, if there are any; tell which."""
    by_stride: dict[int | None, int] = {}
    for n, plan in enumerate(plans):
        if len({a.spacing for a in plan.passes}) == 1:
            by_stride.setdefault(plan.passes[0].spacing, n)
    if 0 in source.shape or not set(PYRAMID) <= set(by_stride):
        return set()
    levels = [by_stride[stride] for stride in PYRAMID]
    strides = tuple(results[n].strides for n in levels)
    chosen = tuple(plans[n] for n in levels)
    step = pyramid_step(chosen, source.strides, strides, device_number())
    if step is None:
        return set()
    geometry = step.geometry.at([results[n].address for n in levels])
    kernel = step.kernel_at(source.address)
    launch = compiled(kernel)[step.blocks, threads_of(kernel), stream_of(source.stream)]
    launch(source.address, 0, geometry)
    return set(levels)
