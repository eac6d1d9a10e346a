"""Kernels that serve every plan: a thread for each element of the result, one or two axes at once.

A sum over two axes is a sum of sums, each the contract's: the inner one is made again for each term
of the outer one, so nothing is written between. Where that is too often, `tiles` has others.
"""

from typing import Any, NamedTuple

import numpy as np

from .instructions import ADD, MULTIPLY, make_load, make_store
from .positions import Axis, Free, centre, first_output, fold
from .toolkit import cuda, device_function

__all__ = [
    "Elements",
    "make_adjoint",
    "make_convert",
    "make_folded_sum",
    "make_forward",
    "make_gathered_sum",
    "make_sample",
    "make_weighted_sum",
]


class Elements(NamedTuple):
    """The elements of x and y: two dimensions above the filtered ones, one below.

    Where one axis is filtered it is ``columns``, and ``rows`` has a single element.
    """

    outer: Free
    middle: Free
    rows: Axis
    columns: Axis
    inner: Free


def make_forward(kind: str, result: str, compute: str, axes: int) -> Any:
    """The kernel for ``axes`` (1 or 2) axes, from a type to a type."""
    sample, store = make_sample(kind), make_store(result, compute)
    along_rows = make_weighted_sum(sample, compute)
    along_columns = make_weighted_sum(along_rows if axes == 2 else sample, compute)

    def forward(x: int, y: int, g: Any) -> None:
        lines = g.outer.length * g.middle.length * g.rows.outputs
        total = lines * g.columns.outputs * g.inner.length
        element = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
        while element < total:
            rest, inner = element // g.inner.length, element % g.inner.length
            rest, column = rest // g.columns.outputs, rest % g.columns.outputs
            rest, row = rest // g.rows.outputs, rest % g.rows.outputs
            outer, middle = rest // g.middle.length, rest % g.middle.length
            source = x + outer * g.outer.x + middle * g.middle.x + inner * g.inner.x
            target = y + outer * g.outer.y + middle * g.middle.y + inner * g.inner.y
            value = along_columns(source, g.columns, column, g.rows, row)
            store(target + row * g.rows.y + column * g.columns.y, value)
            element += np.int64(cuda.gridDim.x) * cuda.blockDim.x

    return forward


def make_adjoint(kind: str, result: str, compute: str, axes: int) -> Any:
    """The transpose of `make_forward`'s, from y to x: columns first, then rows."""
    sample, store = make_sample(kind), make_store(result, compute)
    along_columns = make_gathered_sum(sample, compute)
    along_rows = make_gathered_sum(along_columns, compute)

    def adjoint(x: int, y: int, g: Any) -> None:
        lines = g.outer.length * g.middle.length * g.rows.length
        total = lines * g.columns.length * g.inner.length
        element = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
        while element < total:
            rest, inner = element // g.inner.length, element % g.inner.length
            rest, column = rest // g.columns.length, rest % g.columns.length
            rest, row = rest // g.rows.length, rest % g.rows.length
            outer, middle = rest // g.middle.length, rest % g.middle.length
            source = y + outer * g.outer.y + middle * g.middle.y + inner * g.inner.y
            target = x + outer * g.outer.x + middle * g.middle.x + inner * g.inner.x
            if axes == 2:
                value = along_rows(source, g.rows, row, g.columns, column)
            else:
                value = along_columns(source, g.columns, column, g.rows, row)
            store(target + row * g.rows.x + column * g.columns.x, value)
            element += np.int64(cuda.gridDim.x) * cuda.blockDim.x

    return adjoint


def make_convert(kind: str, result: str, compute: str) -> Any:
    """The kernel for a plan without a pass: each element converted, nothing added."""
    load, store = make_load(kind), make_store(result, compute)

    def convert(x: int, y: int, g: Any) -> None:
        total = g.outer.length * g.middle.length * g.inner.length
        element = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
        while element < total:
            rest, inner = element // g.inner.length, element % g.inner.length
            outer, middle = rest // g.middle.length, rest % g.middle.length
            source = x + outer * g.outer.x + middle * g.middle.x + inner * g.inner.x
            target = y + outer * g.outer.y + middle * g.middle.y + inner * g.inner.y
            store(target, load(source))
            element += np.int64(cuda.gridDim.x) * cuda.blockDim.x

    return convert


def make_sample(kind: str) -> Any:
    """What stands at an address, as the innermost ``value`` of sums of sums."""
    load = make_load(kind)

    @device_function
    def sample(address: int, axis: Any, i: int, then: Any, j: int) -> Any:
        return load(address)

    return sample


def make_weighted_sum(value: Any, compute: str) -> Any:
    """One output of one axis. ``value`` is what stands at an input: a sample, or another sum."""
    add, multiply, load_tap = ADD[compute], MULTIPLY[compute], make_load(compute)
    size, zero = np.dtype(compute).itemsize, np.dtype(compute).type(0)

    @device_function
    def weighted_sum(address: int, axis: Any, i: int, then: Any, j: int) -> Any:
        total = zero
        first = centre(axis, i) - axis.radius
        for k in range(2 * axis.radius + 1):
            e = fold(axis, first + k)
            if e >= 0:
                term = value(address + e * axis.x, then, j, then, j)
                total = add(total, multiply(load_tap(axis.taps + k * size), term))
        return total

    return weighted_sum


def make_gathered_sum(value: Any, compute: str) -> Any:
    """One input of one axis' transpose, the boundary folded in."""
    folded_sum = make_folded_sum(value, compute)

    @device_function
    def gathered_sum(address: int, axis: Any, at: int, then: Any, j: int) -> Any:
        return folded_sum(address, address, address, axis, at, then, j)

    return gathered_sum


def make_folded_sum(value: Any, compute: str) -> Any:
    """`make_gathered_sum` from three addresses: for what lies within, before and behind the axis.

    At each begins what the outputs have that reach such positions.
    """
    add, multiply, load_tap = ADD[compute], MULTIPLY[compute], make_load(compute)
    size, zero = np.dtype(compute).itemsize, np.dtype(compute).type(0)

    @device_function
    def gathered(address: int, axis: Any, e: int, then: Any, j: int) -> Any:
        """What all outputs that reach the extended position ``e`` give it."""
        total = zero
        for i in range(first_output(axis, e - axis.radius), axis.outputs):
            k = e - centre(axis, i) + axis.radius
            if k < 0:
                break
            term = value(address + i * axis.y, then, j, then, j)
            total = add(total, multiply(load_tap(axis.taps + k * size), term))
        return total

    @device_function
    def folded_sum(
        address: int, before: int, behind: int, axis: Any, at: int, then: Any, j: int
    ) -> Any:
        total = gathered(address, axis, at, then, j)
        n, radius = axis.length, axis.radius
        if radius < at and at < n - 1 - radius:
            return total  # no boundary folds so far in
        for e in range(-radius, 0):
            if fold(axis, e) == at:
                total = add(total, gathered(before, axis, e, then, j))
        for e in range(n, n + radius):
            if fold(axis, e) == at:
                total = add(total, gathered(behind, axis, e, then, j))
        return total

    return folded_sum
