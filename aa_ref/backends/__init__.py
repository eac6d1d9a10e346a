"""The backends by name, imported when first asked for."""

import sys
from importlib import import_module
from math import prod
from typing import NamedTuple

from ..dtypes import NAMES
from ..errors import BackendUnavailableError, UnknownBackendError
from ..plans import Direction, Plan
from .base import Backend
from .loading import worth_waiting

__all__ = ["Backend", "BackendInfo", "default_backend", "get_backend", "is_loaded", "list_backends"]

_CLASSES = {
    "reference": (".reference", "ReferenceBackend"),
    "numpy": (".numpy", "NumpyBackend"),
    "numba": (".numba", "NumbaBackend"),
    "cuda": (".cuda", "CudaBackend"),
}
_loaded: dict[str, Backend] = {}


class BackendInfo(NamedTuple):
    """One backend: whether it runs here and, if not, why.

    ``devices`` and ``dtypes`` name where its arrays live and which types it takes.
    """

    name: str
    available: bool
    reason: str
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]


def get_backend(name: str) -> Backend:
    """The backend of that name.

    Raises
    ------
    UnknownBackendError
        If there is none of that name.
    BackendUnavailableError
        If it cannot run here; the message says what is missing.
    """
    if not isinstance(name, str) or name not in _CLASSES:
        raise UnknownBackendError(
            f"backend is {name!r}; write one of {', '.join(map(repr, _CLASSES))}, or None"
        )
    try:
        return _load(name)
    except Exception as error:  # whatever its package raises on import, for instance on settings
        raise BackendUnavailableError(
            f"backend {name!r} cannot run here: {error}; install what is missing, or leave "
            "backend out for the fastest that runs"
        ) from error


def _load(name: str) -> Backend:
    if name not in _loaded:
        module, cls = _CLASSES[name]
        _loaded.setdefault(name, getattr(import_module(module, __name__), cls)())
    return _loaded[name]


def is_loaded(backend: Backend) -> bool:
    """Whether a backend is still the one of its name."""
    return _loaded.get(backend.name) is backend


def default_backend(*plans: Plan, direction: Direction = "forward") -> Backend:
    """What ``backend=None`` means: Numba, or NumPy where that is missing or not ready yet.

    No call waits for the compiler where NumPy would be done sooner: it serves, with the same bits,
    while Numba is loaded beside it, and its functions are loaded or compiled. Without a plan: what
    serves in the end. When the interpreter exits, always NumPy.
    """
    if sys.is_finalizing():  # nothing can be imported any more, and no thread be started
        return get_backend("numpy")
    if plans and "numba" not in _loaded:
        work = sum(plan.multiplications + prod(plan.out_shape) for plan in plans)
        if not worth_waiting(work, lambda: _load("numba")):
            return get_backend("numpy")
    try:
        return get_backend("numba").at_hand(plans, direction) or get_backend("numpy")
    except BackendUnavailableError:
        return get_backend("numpy")


def list_backends() -> tuple[BackendInfo, ...]:
    """All backends of this version, each with the reason if it cannot run here.

    Returns
    -------
    tuple of BackendInfo
        With fields ``name``, ``available``, ``reason``, ``devices`` and ``dtypes``.
    """
    found = []
    for name in _CLASSES:
        try:
            backend = get_backend(name)
        except BackendUnavailableError as error:
            found.append(BackendInfo(name, False, str(error.__cause__), (), ()))
        else:
            found.append(BackendInfo(name, True, "", backend.devices, NAMES))
    return tuple(found)
