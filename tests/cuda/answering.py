"""NumPy's results in the place of a kernel's, for the stand-in for the driver, which runs none.

A plugin for pytest (``-p answering``), so that tests that need a GPU are run from beginning to end
without one. Calls are cut into launches as ever, which then are not asked for, as compiling some
two hundred kernels takes minutes; tests of the modules in `COMPILED` compile and launch theirs.
Memory is the host's, so results are put where kernels would have put them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from aa_ref.backends import get_backend
from aa_ref.backends.cuda import calls, launch
from aa_ref.device_arrays import DeviceArray, as_addresses
from aa_ref.plans import Plan

COMPILED = ("first_calls",)
"""Modules whose kernels are compiled and launched."""


class _NotLaunched:
    """In the place of what packs a launch and asks the driver for it."""

    def __init__(self, kernel: Any, shape: tuple[int, int], geometry: Any) -> None:
        assert min(shape) > 0

    def launch(self, stream: int, addresses: tuple[int, ...]) -> None:
        assert all(addresses)


def _answering(act: Callable[..., None]) -> Callable[..., None]:
    def answered(
        plan: Plan, forward: bool, source: DeviceArray, result: DeviceArray, device: int
    ) -> None:
        act(plan, forward, source, result, device)
        host = get_backend("numpy")
        (host.forward if forward else host.adjoint)(
            plan, as_addresses(source), as_addresses(result)
        )

    return answered


def _answering_pyramids(act: Callable[..., set[int]]) -> Callable[..., set[int]]:
    def answered(
        plans: Sequence[Plan], source: DeviceArray, results: Sequence[DeviceArray], device: int
    ) -> set[int]:
        made = act(plans, source, results, device)
        for n in made:
            get_backend("numpy").forward(plans[n], as_addresses(source), as_addresses(results[n]))
        return made

    return answered


def _answering_ready(act: Callable[..., Any]) -> Callable[..., Any]:
    def ready(backend: Any, plan: Plan, direction: str, x: DeviceArray, y: DeviceArray) -> Any:
        launch = act(backend, plan, direction, x, y)
        if launch is None:
            return None

        def answered(stream: int, source: int, result: int) -> Any:
            done = launch(stream, source, result)
            ends = x._replace(address=source), y._replace(address=result)
            getattr(get_backend("numpy"), direction)(plan, *map(as_addresses, ends))
            return done

        return answered

    return ready


launch.CudaBackend.ready = _answering_ready(launch.CudaBackend.ready)  # type: ignore[method-assign]
launch._launch = _answering(launch._launch)
launch._launch_pyramid = _answering_pyramids(launch._launch_pyramid)
_PACKED = calls._Packed


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Launch what the tests of some modules ask for."""
    real = item.path.stem in COMPILED
    calls._Packed = _PACKED if real else _NotLaunched
