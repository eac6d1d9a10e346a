"""Views of arrays, as they may lie in a GPU's memory, and what is checked with them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import assert_same_bits

import aa_ref

__all__ = ["VIEWS", "check_view"]


def _place(x: NDArray[Any], before: int, behind: int, step: int, axis: int) -> NDArray[Any]:
    """The same samples, in a larger array along an axis."""
    within = [slice(None)] * x.ndim
    within[axis] = slice(before, before + x.shape[axis] * abs(step), abs(step))
    shape = list(x.shape)
    shape[axis] = before + x.shape[axis] * abs(step) + behind
    view = np.full(shape, 77, x.dtype)[tuple(within)]
    view = np.flip(view, axis) if step < 0 else view
    view[...] = x
    return view


VIEWS: dict[str, Any] = {
    "aligned crop": lambda x: _place(x, 16, 16, 1, 1 if x.shape[-1] < 16 else -1),
    "crop": lambda x: _place(x, 1, 2, 1, -1),
    **{
        f"{what} along {axis}": lambda x, axis=axis, how=how: how(x, axis)
        for axis in range(3)
        for what, how in {
            "spaced": lambda x, axis: _place(x, 0, 0, 2, axis),
            "backwards": lambda x, axis: _place(x, 0, 0, -1, axis),
            "repeated": lambda x, axis: np.broadcast_to(np.split(x, [1], axis)[0], x.shape),
            "first in memory": lambda x, axis: np.moveaxis(
                np.ascontiguousarray(np.moveaxis(x, axis, 0)), 0, axis
            ),
        }.items()
    },
}
"""Of an array of three dimensions, by how they lie: views of the same shape."""


def check_view(shape: tuple[int, ...], scale: float, options: dict[str, Any], view: str) -> None:
    """See that the CUDA backend, in the place of which `WhereTheyLie` stands, has NumPy's bits."""
    p = aa_ref.plan(shape, scale, **options)
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(s).astype(np.float32) for s in (p.shape, p.out_shape))
    for act, source, result in ((p, x, y), (p.adjoint, y, x)):
        laid = VIEWS[view](source)
        expected = act(laid, backend="numpy")
        assert_same_bits(act(laid, backend="cuda"), expected)
        if "repeated" not in view:
            out = VIEWS[view](result)
            act(source, out=out, backend="cuda")
            assert_same_bits(out, act(source, backend="numpy"))
