"""The backend itself: runs the steps of a plan on the arrays' device and stream."""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Self

import numpy as np

from ...device_arrays import DeviceArray
from ...plans import Direction, Plan
from ..base import Backend
from .memory import download, empty, release, upload
from .pyramid_strips import PYRAMID
from .steps import pyramid_step, steps_of
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
        self._on_device(_forward, (plan,), x, (out,))

    def adjoint(self, plan: Plan, g: Any, out: Any) -> None:
        """See `Backend.adjoint`; ``g`` and ``out`` may also be `DeviceArray`."""
        self._on_device(_adjoint, (plan,), g, (out,))

    def ready(
        self, plan: Plan, direction: Direction, source: Any, result: Any
    ) -> Callable[[int, int, int], bool] | None:
        """See `Backend.ready`; False where another device is the current one."""
        device = device_number() if source.device is None else source.device
        steps = steps_of(plan, direction == "forward", source.strides, result.strides, device)
        if len(steps) != 1 or steps[0].offsets != ((0, 0),) or 0 in result.shape:
            return None
        (step,) = steps
        x_first = step.call.kernel.direction == "forward"

        def launch(stream: int, source: int, result: int) -> bool:
            if device_number() != device:
                return False
            x, y = (source, result) if x_first else (result, source)
            step.call_at(x)(stream, x, y)
            return True

        return launch

    def pyramid(self, plans: Sequence[Plan], x: Any, outs: Sequence[Any]) -> None:
        """See `Backend.pyramid`: strides 2, 4 and 8 share a kernel that reads ``x`` once."""
        if plans:
            self._on_device(_pyramid, plans, x, outs)

    def _on_device(
        self, work: "_Work", plans: Sequence[Plan], source: Any, outs: Sequence[Any]
    ) -> None:
        """Work where the arrays are. Arrays of the host are copied there and back."""
        if not isinstance(source, DeviceArray):
            results = [empty(out.shape, plans[0].dtype, self._stream) for out in outs]
            # It is read until results are there.
            whole = np.ascontiguousarray(source).reshape(source.shape)
            copied = upload(whole, plans[0].input_dtype, self._stream)
            work(plans, copied, results, device_number())
            for result, out in zip(results, outs, strict=True):
                download(result, out)
            del result, results, copied
            release()
            return
        current = device_number()
        if source.device in (None, current):
            work(plans, source, outs, current)
        else:
            with cuda.gpus[source.device]:
                work(plans, source, outs, source.device)


_Work = Callable[[Sequence[Plan], DeviceArray, Sequence[DeviceArray], int], None]
"""Of plans, on a source, into results, on the device of that number."""


def _forward(
    plans: Sequence[Plan], source: DeviceArray, results: Sequence[DeviceArray], device: int
) -> None:
    _launch(plans[0], True, source, results[0], device)


def _adjoint(
    plans: Sequence[Plan], source: DeviceArray, results: Sequence[DeviceArray], device: int
) -> None:
    _launch(plans[0], False, source, results[0], device)


def _pyramid(
    plans: Sequence[Plan], source: DeviceArray, results: Sequence[DeviceArray], device: int
) -> None:
    alone = set(range(len(plans))) - _launch_pyramid(plans, source, results, device)
    for n in sorted(alone):
        _launch(plans[n], True, source, results[n], device)


def _launch(
    plan: Plan, forward: bool, source: DeviceArray, result: DeviceArray, device: int
) -> None:
    if 0 in result.shape:
        return
    stream = source.stream
    steps = steps_of(plan, forward, source.strides, result.strides, device)
    for step in steps:
        last = step is steps[-1]
        target = result if last else source.empty(step.shape, plan.compute_dtype.name)
        x_first = step.call.kernel.direction == "forward"
        for before, after in step.offsets:
            begins = source.address + before, target.address + after
            x, y = begins if x_first else reversed(begins)
            step.call_at(x)(stream, x, y)
        source = target


def _launch_pyramid(
    plans: Sequence[Plan], source: DeviceArray, results: Sequence[DeviceArray], device: int
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
    step = pyramid_step(chosen, source.strides, strides, device)
    if step is None:
        return set()
    addresses = [results[n].address for n in levels]
    step.call_at(source.address)(source.stream, source.address, *addresses)
    return set(levels)
