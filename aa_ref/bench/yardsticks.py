"""Parts of our own work, timed alone: what a call costs beyond its loops, and the loops at best.

*Compiled function alone* is the very call that the Numba backend makes, with the same arguments,
without what surrounds it. *Specialised loops* are what one would write for one stride, one layout
and one type by hand, taps and stride compiled in: rows of the result one by one, on one thread.
"""

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..peers import NotOfferedError
from ..plans import Plan
from .cases import Case
from .contenders import Contender, threads_setter

__all__ = ["COMPILED", "LOOPS", "yardsticks_of"]

COMPILED = "compiled function alone"
LOOPS = "specialised loops"
_MOST = 3 * 512 * 512
"""Samples above which neither tells anything new."""


def yardsticks_of(case: Case, x: NDArray[Any], left_out: dict[str, str]) -> list[Contender]:
    """Those that the case has a use for."""
    if case.direction != "forward" or case.samples > _MOST:
        return []
    found = []
    for name, make in ((COMPILED, _compiled_alone), (LOOPS, _specialised)):
        try:
            call = make(case, x)
        except (NotOfferedError, ImportError, AttributeError) as error:
            left_out[name] = str(error)
        else:
            found.append(Contender(name, "yardstick", 1, call, threads_setter(1)))
    return found


def _compiled_alone(case: Case, x: NDArray[Any]) -> Callable[[], Any]:
    """Make one call, remember what the compiled function was given, and give just that again."""
    launch: Any = import_module("aa_ref.backends.numba.launch")
    plan = case.plans[0]
    out = np.empty(plan.out_shape, plan.dtype)
    seen: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
    original = launch.compiled

    def noting(*which: Any) -> Any:
        real = original(*which)

        def call(*arguments: Any) -> Any:
            seen.append((real.call, arguments))
            return real.call(*arguments)

        return SimpleNamespace(call=call)

    threads_setter(1)()
    launch.compiled = noting
    try:
        plan(x, out=out, backend="numba")
    finally:
        launch.compiled = original
    if len(seen) != 1:
        raise NotOfferedError(f"a call runs {len(seen)} compiled functions here")
    function, arguments = seen[0]
    return lambda: function(*arguments)


def _specialised(case: Case, x: NDArray[Any]) -> Callable[[], Any]:
    if (case.layout, case.dtype) != ("CHW", "float32"):
        raise NotOfferedError("written for C×H×W float32")
    plan = case.plans[0]
    axis = plan.axes[0]
    rows = _compile(axis.stride, len(axis.taps))
    out = np.empty(plan.out_shape, np.float32)
    count = out.shape[0] * out.shape[1]

    def call() -> NDArray[Any]:
        rows(x, axis.taps, out, 0, count)
        return out

    _check(plan, x, call())
    return call


def _check(plan: Plan, x: NDArray[Any], result: NDArray[Any]) -> None:
    if not np.array_equal(plan(x), result):
        raise NotOfferedError("its bits differ from the library's")


def _compile(stride: int, length: int) -> Any:
    """Loops over rows of the result: a column pass, a split by phase, a row pass."""
    numba: Any = import_module("numba")
    s, K = stride, length  # noqa: N806 (K as in the spec)
    R = K // 2  # noqa: N806

    def rows(x: Any, g: Any, out: Any, lo: int, hi: int) -> None:
        _, height, width = x.shape
        kept, outputs = out.shape[1:]
        length = (width + 2 * R + s - 1) // s + 1
        line, phase = np.zeros(s * length, x.dtype), np.empty((s, length), x.dtype)
        zero = np.zeros(width, x.dtype)
        middle = line[R : R + width]
        for n in range(lo, hi):
            plane, top = x[n // kept], (n % kept) * s - R
            if top >= 0 and top + K <= height:
                for j in range(width):
                    a = g[0] * plane[top, j]
                    for k in range(1, K):
                        a += g[k] * plane[top + k, j]
                    middle[j] = a
            else:
                for k in range(K):
                    row = plane[top + k] if 0 <= top + k < height else zero
                    for j in range(width):
                        middle[j] = g[0] * row[j] if k == 0 else middle[j] + g[k] * row[j]
            for q in range(s):
                for j in range(length):
                    phase[q, j] = line[j * s + q]
            o = out[n // kept, n % kept]
            for j in range(outputs):
                a = g[0] * phase[0, j]
                for k in range(1, K):
                    a += g[k] * phase[k % s, j + k // s]
                o[j] = a

    return numba.njit(rows, nogil=True, error_model="numpy")
