"""The manifest of a folder of vectors: what each case asks and which file holds what, as JSON.

`docs/vectors.md` describes every field, `docs/vectors.schema.json` says the same to programs. A
folder is read back by it, and every byte has to be the one that was written.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ... import __version__
from ...dtypes import NAMES, STORAGE, narrow
from ...errors import AaRefError
from ...filters import Number
from ...plans import AxisPlan, Direction, Plan, plan
from ..errors import VectorsError
from ..probes.patterns import recipe
from .cases import VectorCase
from .files import decode_npy, encode_npy

__all__ = [
    "ARCHIVE", "MANIFEST", "RESULTS", "SCHEMA_VERSION", "File", "Vectors", "digest",
    "manifest_text", "precision_of", "read_vectors",
]  # fmt: skip

SCHEMA_VERSION = 2
MANIFEST = "manifest.json"
ARCHIVE = "vectors.safetensors"
_FORMAT = "aa_ref vectors"
_DAMAGE = (
    AaRefError, ArithmeticError, AttributeError, KeyError, TypeError, ValueError, RecursionError,
)  # fmt: skip
RESULTS: dict[str, Direction] = {"y": "forward", "gx": "adjoint"}
"""The arrays that an implementation computes, and by which direction of the operation."""


@dataclass(frozen=True)
class File:
    """One file: its name, the type and shape of its array, the SHA-256 of all its bytes.

    With the seed of a recipe there is no file; name and bytes are those that it would have.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    recipe: int | None = None


@dataclass(frozen=True)
class Vectors:
    """One case of a manifest: what it is called, what it asks; files and arrays by their role.

    Arrays are storage.
    """

    name: str
    label: str
    suggests: str
    plan: Plan
    precision: str
    files: Mapping[str, File]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def manifest_text(written: Iterable[tuple[VectorCase, Mapping[str, File]]], sha256: str) -> str:
    """Write the manifest of cases, each with its files; the hash is the archive's."""
    cases = [_case(case, files) for case, files in written]
    data = {
        "format": _FORMAT,
        "schema_version": SCHEMA_VERSION,
        "aa_ref": __version__,
        "archive": {"file": ARCHIVE, "sha256": sha256},
        "cases_sha256": _digest_of_cases(cases),
        "cases": cases,
    }
    text = json.dumps(data, indent=1, ensure_ascii=False)
    # A list of numbers on one line, and not each on a line of its own.
    return re.sub(r"\[\s+([-\d.,e\s]+?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n"


def _digest_of_cases(cases: Any) -> str:
    """SHA-256 of the table of cases as JSON: keys sorted, no spaces, ASCII."""
    text = json.dumps(cases, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return digest(text.encode("ascii"))


def _case(case: VectorCase, files: Mapping[str, File]) -> dict[str, Any]:
    p = case.plan
    return {
        "name": case.name,
        "label": case.label,
        "suggests": case.suggests,
        "shape": list(p.shape),
        "out_shape": list(p.out_shape),
        "input_dtype": p.input_dtype,
        "compute_dtype": p.compute_dtype.name,
        "dtype": p.dtype,
        "precision": precision_of(p.input_dtype),
        "axes": [_axis(case, k, a) for k, a in enumerate(p.axes)],
        "files": {
            role: {
                **({"file": f.name} if f.recipe is None else {"recipe": f.recipe}),
                "dtype": f.dtype,
                "shape": list(f.shape),
                "sha256": f.sha256,
            }
            for role, f in files.items()
        },
    }


def _axis(case: VectorCase, k: int, a: AxisPlan) -> dict[str, Any]:
    given = case.options.get("sigma")
    if isinstance(given, tuple):
        given = given[k]
    return {
        "axis": a.axis,
        "scale": _number(a.scale),
        "sigma": None if given is None else _number(a.sigma),
        "boundary": a.boundary,
        "sampling": a.sampling,
        "filter": {
            "sigma": _number(a.sigma),
            "radius": a.radius,
            "stride": a.stride,
            "centres": a.centres.tolist(),
        }
        if a.has_pass
        else None,
    }


def precision_of(input_dtype: str) -> str:
    """The one that the bounds of a case are for: that of the compute type."""
    return "binary64" if input_dtype == "float64" else "binary32"


def _number(value: Number) -> float | str:
    """A binary64 number as JSON writes it, which is exact; a rational one as text: "1/3"."""
    return str(value) if isinstance(value, Fraction) else value


def _read_manifest(text: str, name: str) -> tuple[str, list[Vectors]]:
    """Return the SHA-256 of the archive, and the cases; ``name`` is for messages."""
    try:
        data = json.loads(text)
        known = data["format"] == _FORMAT
    except (ValueError, TypeError, KeyError, RecursionError):
        known = False
    if not known:
        raise VectorsError(
            f"{name} is no manifest of vectors; name a folder that aa-ref vectors write made"
        )
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise VectorsError(
            f"{name} has schema version {version!r}, this aa_ref reads {SCHEMA_VERSION}; write the "
            "vectors again"
        )
    try:
        archive = str(data["archive"]["sha256"])
        cases = [_vectors(case) for case in data["cases"]]
        if data["cases_sha256"] != _digest_of_cases(data["cases"]):
            raise ValueError("the SHA-256 of its cases differs")
    except _DAMAGE as error:
        raise VectorsError(
            f"{name} is damaged ({type(error).__name__}: {error}); write the vectors again"
        ) from None
    return archive, cases


def _vectors(case: Mapping[str, Any]) -> Vectors:
    """Read all of a case but its arrays."""
    axes = case["axes"]
    p = plan(
        case["shape"],
        [_scale_or_sigma(a["scale"]) for a in axes],
        input_dtype=case["input_dtype"],
        dtype=case["dtype"],
        axes=[a["axis"] for a in axes],
        sigma=[None if a["sigma"] is None else _scale_or_sigma(a["sigma"]) for a in axes],
        boundary=[a["boundary"] for a in axes],
        sampling=[a["sampling"] for a in axes],
    )
    files = {
        role: _file(entry, f"{case['name']}.{role}.npy") for role, entry in case["files"].items()
    }
    _check_roles(p, files)
    if case["precision"] != precision_of(p.input_dtype):
        raise ValueError(f"precision {case['precision']!r}")
    name, label, suggests = (str(case[key]) for key in ("name", "label", "suggests"))
    return Vectors(name, label, suggests, p, str(case["precision"]), files)


def _check_roles(p: Plan, files: Mapping[str, File]) -> None:
    large, small = (p.shape, p.input_dtype), (p.out_shape, p.input_dtype)
    expected = {"x": large, "y": (p.out_shape, p.dtype)}
    if "g" in files or "gx" in files:
        expected |= {"g": small, "gx": large}
    for role, (shape, dtype) in expected.items():
        if (files[role].shape, files[role].dtype) != (shape, dtype):
            raise ValueError(f"{files[role].name} is not {dtype} {shape}")


def _scale_or_sigma(value: Any) -> Any:
    return Fraction(value) if isinstance(value, str) else value


def _file(entry: Mapping[str, Any], name: str) -> File:
    shape = tuple(int(n) for n in entry["shape"])
    if entry["dtype"] not in NAMES:
        raise ValueError(f"type {entry['dtype']!r}")
    recipe = int(entry["recipe"]) if "recipe" in entry else None
    name = _file_name(entry["file"]) if recipe is None else name
    return File(name, entry["dtype"], shape, str(entry["sha256"]), recipe)


def _file_name(name: Any) -> str:
    """A name in the folder itself: no path leads out of it."""
    if re.search(r"[/\\:]|^\.", name):
        raise ValueError(f"file {name!r} is not in the folder")
    return str(name)


def read_vectors(folder: str | os.PathLike[str]) -> list[Vectors]:
    """Return all cases of a folder that `write_vectors` wrote.

    `VectorsError` if it is none, or if any file is missing or is not the one that is named.
    """
    place = Path(folder)
    if not place.is_dir():
        raise VectorsError(f"there is no folder {place}; name one that aa-ref vectors write made")
    text = _read(place / MANIFEST).decode("utf-8", "replace")
    sha256, cases = _read_manifest(text, str(place / MANIFEST))
    _checked(place, ARCHIVE, sha256)
    return [
        replace(case, arrays={role: _array(place, file) for role, file in case.files.items()})
        for case in cases
    ]


def _array(place: Path, file: File) -> NDArray[Any]:
    if file.recipe is not None:
        made = narrow(recipe(file.shape, file.dtype, file.recipe), file.dtype)
        if digest(encode_npy(made)) != file.sha256:
            raise VectorsError(
                f"{file.name}, which is made by its recipe, has another SHA-256 than the manifest "
                "says; write the vectors again"
            )
        return made
    data = _checked(place, file.name, file.sha256)
    try:
        array = decode_npy(data)
    except VectorsError as error:
        raise VectorsError(f"{place / file.name} {error}") from None
    if array.dtype != STORAGE[file.dtype] or array.shape != file.shape:
        raise VectorsError(
            f"{place / file.name} holds {array.dtype} {array.shape}, the manifest says "
            f"{file.dtype} {file.shape}; write the vectors again"
        )
    return array


def _checked(place: Path, name: str, sha256: str) -> bytes:
    data = _read(place / name)
    if digest(data) != sha256:
        raise VectorsError(
            f"{place / name} is not the file that the manifest names: its SHA-256 differs; "
            "write the vectors again"
        )
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VectorsError(f"cannot read {path}: {error.strerror or error}") from None
