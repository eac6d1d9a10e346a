"""Where to look along an axis whose length a graph holds as a symbol: operators that tell.

======================  ==========================================================================
`extended`              the indices that stand for the positions of a signal and of its extension
`centres`               the indices under the middle taps
======================  ==========================================================================

Tracers keep them whole, so that the rules of the core find the indices of every length. Written in
torch's own functions they would tie a graph to the lengths that it was traced with.
"""

from typing import Any

import numpy as np
import torch

from aa_ref.boundary import fold

from .options import axes_of, axis_plan

__all__ = ["centres", "extended"]

_library = torch.library.Library("aa_ref", "FRAGMENT")
_library.define("extended(SymInt length, int radius, str boundary) -> Tensor")
_library.define("centres(SymInt length, str options) -> Tensor")

extended = torch.ops.aa_ref.extended.default
centres = torch.ops.aa_ref.centres.default


def _run_extended(length: int, radius: int, boundary: str) -> torch.Tensor:
    return torch.from_numpy(fold(np.arange(-radius, length + radius), length, boundary))


def _run_centres(length: int, text: str) -> torch.Tensor:
    (axis,) = axes_of(text)
    return torch.from_numpy(axis_plan(axis, length).centres.copy())


_library.impl("extended", _run_extended, "CompositeExplicitAutograd")
_library.impl("centres", _run_centres, "CompositeExplicitAutograd")


@torch.library.register_fake("aa_ref::extended", lib=_library)
def _shape_extended(length: Any, radius: int, boundary: str) -> torch.Tensor:
    return torch.empty(length + 2 * radius, dtype=torch.int64)


@torch.library.register_fake("aa_ref::centres", lib=_library)
def _shape_centres(length: Any, text: str) -> torch.Tensor:
    (axis,) = axes_of(text)
    return torch.empty(axis.out_length(length), dtype=torch.int64)
