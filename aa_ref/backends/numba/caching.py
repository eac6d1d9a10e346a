"""Compiles the backend's functions, once a process, with Numba's cache on disk where that works.

Numba notices an edit of the file that a cached function is written in, but not of the helpers that
it calls from other files. So each cached function carries a fingerprint of all sources of this
package in a closure variable, and those are part of the cache's key.
"""

import gc
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from numba import from_dtype, njit, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from .adjoint import make_adjoint
from .compiling import OUTER
from .cuts import EACH, INPUT
from .forward import make_forward
from .geometry import GEOMETRY
from .gradients import make_gradients
from .levels import OCTAVES, Fused, make_levels
from .pipelines import TRIED
from .variants import GENERIC, Generic

__all__ = [
    "Compiled",
    "Function",
    "cache_folder",
    "compiled",
    "compiled_so_far",
    "fingerprint",
    "is_cached",
    "is_ready",
    "states",
    "usual",
]

Special = Fused | Generic
"""The constants that a function is compiled with."""

Function = tuple[str, type, Special]
"""A function by its name, for np.float32 or np.float64, with its constants."""

_MAKERS: dict[str, Callable[[int, Any], Any]] = {
    "forward": lambda fingerprint, _: make_forward(fingerprint),
    "adjoint": lambda fingerprint, fused: (
        make_gradients(fingerprint, fused) if fused else make_adjoint(fingerprint)
    ),
    "levels": make_levels,
}
_lock = RLock()


def _after_fork_in_parent() -> None:
    with suppress(RuntimeError):  # this module was imported while the fork waited for that
        _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    # A fork waits until nothing is being compiled: the child would find Numba's locks held for ever
    # by a thread that it does not have.
    os.register_at_fork(
        before=lambda: _lock.acquire(),
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Collect none meanwhile: compiling makes a million objects that live until its end."""
    collects = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if collects:
            gc.enable()


def _load(dispatcher: Any, signature: Any) -> bool:
    """Take the code from the cache, without all that Numba imports before it compiles or loads.

    That is a quarter of a second, of which SciPy's linear algebra takes half. Returns whether it
    was there; if anything is amiss, compiling meets it again.
    """
    if not TRIED:
        return False
    try:
        with global_compiler_lock:
            loaded = dispatcher._cache._load_overload(signature, dispatcher.targetctx)
        if loaded is not None:
            dispatcher.add_overload(loaded)
            dispatcher._cache_hits[signature] += 1
    except Exception:
        return False
    return loaded is not None


class Compiled:
    """One compiled function, and where its machine code is kept, or why it is not."""

    def __init__(self, name: str, compute: type, variant: Special) -> None:
        function, signature = _function(name, variant), _signature(name, compute, variant)
        self.cache_folder, self.not_cached = "", ""
        try:
            dispatcher = njit(cache=True, nogil=True, **OUTER)(function)
            if not _load(dispatcher, signature):
                with _no_garbage():
                    dispatcher.compile(signature)
            self.cache_folder = dispatcher.stats.cache_path
        except Exception as error:
            # No folder can be written, the disk is full, a file in it is damaged: whatever it is,
            # it is about the cache, or it will show again here.
            self.not_cached = f"{type(error).__name__}: {error}"
            dispatcher = njit(nogil=True, **OUTER)(function)
            with _no_garbage():
                dispatcher.compile(signature)
        dispatcher.disable_compile()  # a call that needs another signature is an error of ours
        self.call = dispatcher
        (result,) = dispatcher.overloads.values()
        # Where the machine code is, for other compiled functions to call it.
        self.address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)


_compiled: dict[Function, Compiled] = {}


def compiled(name: str, compute: type, variant: Special = GENERIC) -> Compiled:
    """A function by its name, for np.float32 or np.float64, compiled when first needed."""
    found = _compiled.get((name, compute, variant))
    if found is None:
        with _lock:
            found = _compiled.get((name, compute, variant))
            if found is None:
                found = _compiled[name, compute, variant] = Compiled(name, compute, variant)
    return found


def cache_folder() -> str:
    """Where compiled code is kept on disk, or why it cannot be; compiles nothing."""
    try:
        function = njit(cache=True, **OUTER)(_function("forward", GENERIC))
        return str(function.stats.cache_path)
    except RuntimeError as error:
        return f"none: {error}"


def is_ready(name: str, compute: type, variant: Special = GENERIC) -> bool:
    """Whether this process has a function already."""
    return (name, compute, variant) in _compiled


def compiled_so_far() -> dict[Function, Compiled]:
    """What this process has compiled or loaded."""
    return dict(_compiled)


def usual() -> list[Function]:
    """The functions that are asked for most."""
    return [
        *((name, t, GENERIC) for t in (np.float32, np.float64) for name in ("forward", "adjoint")),
        *((name, np.float32, fused) for name in ("levels", "adjoint") for fused in OCTAVES),
    ]


def states() -> Iterator[tuple[str, str]]:
    """The usual functions and those of this process, and whether each is compiled, or on disk."""
    every = usual()
    every += [which for which in _compiled if which not in every]
    for name, compute, variant in every:
        found = _compiled.get((name, compute, variant))
        if found is None:
            state = "in the cache" if is_cached(name, compute, variant) else "not compiled yet"
        else:
            state = f"compiled, not kept: {found.not_cached}" if found.not_cached else "compiled"
        yield f"{name}, {compute.__name__}, {variant}", state


def is_cached(name: str, compute: type, variant: Special = GENERIC) -> bool:
    """Whether the cache on disk has a function."""
    # Numba has no public way to ask without loading the code, which would take a second for all.
    try:
        cached = njit(cache=True, nogil=True, **OUTER)(_function(name, variant))._cache
        key = cached._index_key(
            _signature(name, compute, variant), cpu_target.target_context.codegen()
        )
        return key in cached._cache_file._load_index()
    except Exception:
        return False


def _function(name: str, variant: Special) -> Any:
    """The Python function to compile. Each has a name of its own, and so its own files."""
    return _MAKERS[name](fingerprint(), variant)


@cache
def fingerprint() -> int:
    """A number that stands for the text of all sources of this package."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return int.from_bytes(digest.digest()[:7])


def _signature(name: str, compute: type, variant: Special) -> Any:
    def read_only(element: Any, ndim: int = 1) -> Any:
        return types.Array(element, ndim, "C", readonly=True)

    sample, integer = from_dtype(np.dtype(compute)), types.int64
    inputs, result = read_only(types.uint8), types.Array(types.uint8, 1, "C")
    own = types.Array(sample, 1, "C"), types.Array(integer, 1, "C"), integer, integer
    if variant:
        many = len(variant.levels)
        ends = (
            (inputs, types.UniTuple(result, many))
            if name == "levels"
            else (result, types.UniTuple(inputs, many))
        )
        return integer(
            *ends, read_only(sample),
            read_only(from_dtype(INPUT)), read_only(from_dtype(EACH)), read_only(integer, 2),
            read_only(integer), *own,
        )  # fmt: skip
    memory = (inputs, result) if name == "forward" else (result, inputs)
    return integer(
        *memory, read_only(sample), read_only(sample), read_only(from_dtype(GEOMETRY)),
        read_only(integer, 2), *own,
    )  # fmt: skip
