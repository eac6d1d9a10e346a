"""Vectors for programs in other languages: labelled cases written, results judged.

A folder of vectors is written whole or not at all, and with the same bytes each time.
"""

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import __version__
from ...arrays import Source
from ...plans import Direction, Plan
from ..errors import VectorsError
from ..numerics.bounds import allowance
from ..numerics.formats import as_precision
from ..numerics.inputs import as_samples, contract
from ..numerics.truth import spread, truth_of
from .cases import CASES, VectorCase
from .files import Tensor, encode_npy, encode_safetensors
from .judging import Judgement, Verdict, judge_vectors
from .manifest import ARCHIVE, MANIFEST, SCHEMA_VERSION, File, digest, manifest_text, precision_of

__all__ = ["Judgement", "VectorsError", "Verdict", "judge_vectors", "write_vectors"]


def write_vectors(folder: str | os.PathLike[str], cases: Iterable[VectorCase] = CASES) -> int:
    """Write the cases into a new folder, for programs in any language; see ``docs/vectors.md``.

    Parameters
    ----------
    folder : path
        Does not exist yet, or is empty.
    cases : iterable of VectorCase

    Returns
    -------
    int
        How many cases there are.

    Raises
    ------
    VectorsError
        If the folder cannot be made, or is there and not empty. Nothing is then left behind.
    """
    target = Path(folder).resolve()  # through a link, as opening it would
    _check_target(target)
    temporary = target.with_name(f".aa_ref-{secrets.token_hex(8)}.tmp")
    try:
        temporary.mkdir()
        try:
            count = _write_files(temporary, cases)
            if target.exists():  # and is empty
                target.rmdir()
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise VectorsError(f"cannot write {folder}: {error.strerror or error}") from None
    return count


def _check_target(target: Path) -> None:
    if target.is_dir():
        if any(target.iterdir()):
            raise VectorsError(
                f"{target} is not empty; name a new folder, or remove this one first"
            )
    elif target.exists():
        raise VectorsError(f"{target} is a file; name a new folder")
    elif not target.parent.is_dir():
        raise VectorsError(f"cannot write {target}: there is no folder {target.parent}")


def _write_files(folder: Path, cases: Iterable[VectorCase]) -> int:
    rows, everything = [], {}
    for case in cases:
        files = {}
        for role, tensor in _tensors(case):
            key = f"{case.name}.{role}"
            data = encode_npy(tensor.storage)
            recipe = case.recipe if role == "x" else None
            shape = tensor.storage.shape
            files[role] = File(f"{key}.npy", tensor.dtype, shape, digest(data), recipe)
            if recipe is None:
                (folder / f"{key}.npy").write_bytes(data)
                everything[key] = tensor
        rows.append((case, files))
    metadata = {"aa_ref": __version__, "schema_version": str(SCHEMA_VERSION)}
    archive = encode_safetensors(everything, metadata)
    (folder / ARCHIVE).write_bytes(archive)
    text = manifest_text(rows, digest(archive))
    (folder / MANIFEST).write_text(text, "utf-8", newline="\n")
    return len(rows)


def _tensors(case: VectorCase) -> Iterator[tuple[str, Tensor]]:
    """The arrays of a case by role, in the order of the manifest."""
    p, x = case.plan, case.input()
    yield "x", Tensor(x, p.input_dtype)
    for a in p.passes:
        yield f"taps{a.axis}", Tensor(a.taps, a.compute_dtype.name)
    yield "y", Tensor(contract(p, x, "forward", "reference"), p.dtype)
    yield from _expected(case, "y", x, p, "forward")
    if case.has_adjoint:
        p, g = p.replace_input_dtype(p.input_dtype), case.gradient()  # gradients keep their type
        yield "g", Tensor(g, p.input_dtype)
        yield "gx", Tensor(contract(p, g, "adjoint", "reference"), p.dtype)
        yield from _expected(case, "gx", g, p, "adjoint")


def _expected(
    case: VectorCase, role: str, x: NDArray[Any], p: Plan, direction: Direction
) -> Iterator[tuple[str, Tensor]]:
    """Truth and bound of a result: where NaN or infinity must show, it and a bound of 0."""
    samples = as_samples(Source(x, p.input_dtype, x, None), p, direction)
    precision = as_precision(precision_of(case.input_dtype))
    certain = spread(samples, precision, "any").certain
    known = samples._replace(values=np.where(np.isfinite(samples.values), samples.values, 0))
    truth = truth_of(known)
    bound = allowance(known, truth, precision, "any", "recomputed").total
    yield f"{role}_truth", Tensor(np.where(certain != 0, certain, truth), "float64")
    yield f"{role}_bound", Tensor(np.where(certain != 0, 0.0, bound), "float64")
