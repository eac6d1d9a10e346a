"""The manifest of a folder of vectors: what each case asks and which file holds what, as JSON.

`docs/vectors.md` describes every field, `docs/vectors.schema.json` says the same to programs.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ... import __version__
from ...dtypes import NAMES
from ...errors import AaRefError
from ...filters import Number
from ...plans import AxisPlan, Direction, Plan, plan
from .cases import VectorCase
from .errors import VectorsError

__all__ = [
    "ARCHIVE",
    "MANIFEST",
    "RESULTS",
    "SCHEMA_VERSION",
    "Entry",
    "File",
    "digest",
    "manifest_text",
    "precision_of",
    "read_manifest",
]

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
class Entry:
    """One case of a manifest: what it is called, what it asks, and its files by role."""

    name: str
    label: str
    suggests: str
    plan: Plan
    precision: str
    files: Mapping[str, File]


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def manifest_text(
    written: Iterable[tuple[VectorCase, str, Mapping[str, File]]], sha256: str
) -> str:
    """The manifest of cases, each with its precision and files; the hash is the archive's."""
    cases = [_case(*row) for row in written]
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


def _case(case: VectorCase, precision: str, files: Mapping[str, File]) -> dict[str, Any]:
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
        "precision": precision,
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


def read_manifest(text: str, name: str) -> tuple[str, list[Entry]]:
    """The SHA-256 of the archive, and the cases; ``name`` is for messages.

    Raises
    ------
    VectorsError
        If the text is something else, of another schema version, or damaged.
    """
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
        cases = [_entry(case) for case in data["cases"]]
        if data["cases_sha256"] != _digest_of_cases(data["cases"]):
            raise ValueError("the SHA-256 of its cases differs")
    except _DAMAGE as error:
        raise VectorsError(
            f"{name} is damaged ({type(error).__name__}: {error}); write the vectors again"
        ) from None
    return archive, cases


def _entry(case: Mapping[str, Any]) -> Entry:
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
    return Entry(
        str(case["name"]),
        str(case["label"]),
        str(case["suggests"]),
        p,
        str(case["precision"]),
        files,
    )


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
