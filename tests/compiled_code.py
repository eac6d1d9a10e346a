"""The functions that the Numba backend compiles, each compiled once for all tests of a run.

Numba keeps machine code on disk, but gives no assembly of what it finds there. So the names of the
instructions, which tests read, are kept beside it.
"""

import gc
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numba.core.registry import cpu_target

from aa_ref.backends.numba import caching
from aa_ref.backends.numba.caching import Special
from aa_ref.backends.numba.compiling import OUTER
from aa_ref.backends.numba.convert import FLOAT64, KINDS
from aa_ref.backends.numba.groups import Level
from aa_ref.backends.numba.levels import OCTAVES, Fused
from aa_ref.backends.numba.variants import GENERIC


def _fused(kind: str, width: int, *levels: tuple[int, ...]) -> Fused:
    return Fused(tuple(Level(*level) for level in levels), width, KINDS[kind])


_2, _4, _8 = (2, 5, 2, 5), (4, 13, 4, 13), (8, 29, 8, 29)
LEVELS = (
    *OCTAVES,
    _fused("float32", 1, _2, _4, _8),
    _fused("float32", 3, _8, _2),
    _fused("uint8", 3, _2),
    _fused("uint16", 4, _2, (3, 9, 3, 9)),
    _fused("float32", 0, _4, _2),
    _fused("float64", 1, _4),
    _fused("float64", 2, (5, 3, 2, 7)),  # strides longer than filters, and shorter
    _fused("float16", 2, (3, 1, 4, 13)),
    _fused("bfloat16", 1, (1, 1, 8, 29)),  # columns alone
    _fused("float32", 1, (2, 5, 1, 1)),  # rows alone
    _fused("float32", 1, (1, 13, 1, 13)),  # blurred only
    _fused("float32", 1, (10, 11, 10, 11, 3, 3)),  # uneven centres that come again
    _fused("uint8", 3, (5, 7, 5, 7, 2, 2), _2),
)
"""Constants of `levels`: all types, 1 to 4 channels and more, one or more levels and axes."""

GRADIENTS = (
    *OCTAVES,
    _fused("float32", 1, (3, 9, 3, 9)),
    _fused("float32", 2, (2, 5, 8, 29)),
    _fused("float32", 24, _4),
    _fused("float32", 0, _2),
    _fused("float32", 0, _8),
    _fused("float64", 1, _4),
    _fused("float64", 5, (5, 3, 2, 7)),  # strides longer than filters, and shorter
    _fused("float64", 0, (3, 1, 4, 13)),
    _fused("float16", 3, (1, 9, 2, 5)),
    _fused("bfloat16", 1, (1, 1, 8, 29)),  # columns alone
    _fused("float32", 1, (2, 5, 1, 1)),  # rows alone
    _fused("float32", 1, (1, 13, 1, 13)),  # blurred only
    _fused("float32", 1, (17, 5, 20, 77)),  # the longest stride
)
"""Constants of the adjoint, likewise."""

EVERY: list[tuple[str, type, Special]] = [
    *((name, t, GENERIC) for name in ("adjoint", "forward") for t in (np.float32, np.float64)),
    *(
        (name, np.float64 if f.kind == FLOAT64 else np.float32, f)
        for name, several in (("levels", LEVELS), ("adjoint", GRADIENTS))
        for f in several
    ),
]
"""All that tests compile, what takes longest first."""


def fill(say: Callable[[str], None]) -> None:
    """Compile on all cores, each in a process of its own, what is not on disk yet."""
    missing = [function for function in EVERY if not _kept(*function)]
    if missing:
        say(f"compiling {len(missing)} functions of the Numba backend, once for all tests")
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            list(pool.map(_compile, missing))


def instructions_of(name: str, compute: type, variant: Special) -> set[str]:
    """The names of all instructions in a function's machine code."""
    found = caching.compiled(name, compute, variant)
    path = _path_of(name, compute, variant)
    if not sum(found.call.stats.cache_hits.values()):
        return _keep(path, found.call) if found.cache_folder else _read(found.call)
    if not path.exists():
        fresh = njit(**OUTER)(caching._function(name, variant))
        fresh.compile(caching._signature(name, compute, variant))
        return _keep(path, fresh)
    return set(json.loads(path.read_text("utf-8")))


def copy_cached(name: str, compute: type, variant: Special, folder: Path) -> set[Path]:
    """Copy a function's machine code into what is to be NUMBA_CACHE_DIR, and give its files there.

    So a test of caches need not compile what the run has compiled.
    """
    cache = caching.compiled(name, compute, variant).call._cache
    locator = cache._impl.locator
    target = folder / locator.get_suitable_cache_subpath(locator._py_file)
    target.mkdir(parents=True, exist_ok=True)
    stem = cache._cache_file._index_name.removesuffix(".nbi")
    for path in Path(cache.cache_path).glob(f"{stem}.*"):
        shutil.copy2(path, target)
    return set(target.glob("*.nbc"))


def _compile(function: tuple[str, type, Special]) -> None:
    gc.disable()  # a tenth of the time, for memory that the process gives back anyway
    instructions_of(*function)


def _kept(name: str, compute: type, variant: Special) -> bool:
    return caching.is_cached(name, compute, variant) and _path_of(name, compute, variant).exists()


def _path_of(name: str, compute: type, variant: Special) -> Path:
    machine = cpu_target.target_context.codegen().magic_tuple()
    of = f"{name} {compute.__name__} {variant} {caching.fingerprint()} {machine}"
    digest = hashlib.sha256(of.encode()).hexdigest()[:16]
    return Path(caching.cache_folder()) / f"{name}-{digest}.instructions.json"


def _keep(path: Path, dispatcher: Any) -> set[str]:
    names = _read(dispatcher)
    path.write_text(json.dumps(sorted(names)), "utf-8")
    return names


def _read(dispatcher: Any) -> set[str]:
    (assembly,) = dispatcher.inspect_asm().values()
    return set(re.findall(r"^\s+([a-z]\w*)", assembly, re.MULTILINE))
