"""Adapters: packages that carry this library's functions into what a framework does with arrays.

An adapter is a module with `downsample`, `downsample_adjoint`, `pyramid` and `downsample_masked` of
the core's signatures, for arrays of one framework; for instance so that gradients flow through
them. It takes over every call with such an input or such an ``out``, and reaches the core's own
functions by `in_core`. Its `means_more` tells of an array whether its memory does not say all that
it means; plans are then carried out by the adapter's functions, too, and parts of plans refuse it.
An adapter stands in the entry-point group ``aa_ref.adapters`` under the name of the package that
its arrays' types come from. None is looked for before such an array comes by, when its framework is
loaded.
"""

import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["adapter_of", "folders", "in_core", "register"]

_GROUP = "aa_ref.adapters"
folders: list[str] = []
"""Those of the adapters' code, with a separator behind: where no warning is to point to."""

_by_type: dict[type, Any] = {np.ndarray: None, type(None): None}


def adapter_of(x: Any) -> Any:
    """The adapter for arrays of this type, None if there is none."""
    cls = type(x)
    if cls not in _by_type:
        _by_type[cls] = _find(cls)
    return _by_type[cls]


def in_core(function: Callable[..., Any]) -> Callable[..., Any]:
    """One of the public functions as the core does it, whatever the arrays: for adapters."""
    itself: Callable[..., Any] = function.__wrapped__  # type: ignore[attr-defined]
    return itself


def register(cls: type, adapter: ModuleType) -> None:
    """Tell of an adapter for arrays of just this type, before one comes by."""
    _by_type[cls] = adapter
    folder = os.path.dirname(adapter.__file__ or "") + os.sep  # noqa: PTH120 (as in `aa_ref.api`)
    if folder not in folders:
        folders.append(folder)


def _find(cls: type) -> Any:
    if sys.is_finalizing():  # nothing can be imported any more
        return None
    from importlib.metadata import entry_points  # takes longer than NumPy's import

    frameworks = {base.__module__.partition(".")[0] for base in cls.__mro__}
    for entry in entry_points(group=_GROUP):
        if entry.name in frameworks:
            return entry.load()
    return None
