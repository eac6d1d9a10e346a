"""How the house is built: imports run one way, public names are documented, little is loaded."""

import ast
import doctest
import importlib
import importlib.metadata
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import aa_ref

PACKAGE = Path(aa_ref.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

CORE = {
    "errors", "dtypes", "filters", "boundary", "excerpts", "explanations", "options", "plans"
}  # fmt: skip
HOUSE = {
    # room: the rooms that it may import from
    "errors": set(),
    "dtypes": {"errors"},
    "filters": {"errors", "special"},
    "boundary": {"errors"},
    "options": {"errors", "filters", "special"},
    "excerpts": set(),
    "explanations": {"filters"},
    "special": {"errors"},
    "streams": {"errors"},
    "plans": CORE - {"plans"} | {"special"},
    "reference": CORE,
    "dlpack": set(),
    "device_arrays": {"errors", "dtypes", "dlpack"},
    "pages": set(),
    "arrays": {"errors", "dtypes", "device_arrays", "pages", "special"},
    "parts": CORE | {"arrays", "device_arrays", "backends"},
    "adapters": set(),
    "backends": CORE,  # what all backends share: the base class, the table
    "backends.reference": CORE | {"backends", "reference"},
    "backends.numpy": CORE | {"backends"},
    "backends.numba": CORE | {"backends", "pages"},
    "backends.cuda": CORE | {"backends", "device_arrays"},
    "ready": CORE | {"backends", "device_arrays", "pages"},
    "peers": CORE,
    "api": CORE
    | {"adapters", "arrays", "device_arrays", "parts", "ready", "special", "streams", "backends"},
    "normalised": CORE | {"api", "arrays", "backends", "device_arrays", "special"},
    "__init__": CORE | {"api", "backends", "backends.numba", "normalised"},
    "__main__": {"cli"},
    # backends.cuda: for the very driver whose events time what it did
    "bench": CORE | {"__init__", "api", "backends", "backends.numba", "backends.cuda", "peers"},
    "oracle": CORE | {"__init__", "api", "arrays", "backends", "peers"},
    "cli": CORE | {"__init__", "api", "arrays", "backends", "backends.numba", "bench", "oracle"},
}
OUTSIDE = {
    # room: the packages from outside the standard library that it may import, NumPy apart
    "arrays": {"ml_dtypes"},
    "backends.numba": {"numba", "llvmlite"},
    "backends.cuda": {"numba", "llvmlite", "cuda"},
    "oracle": {"ml_dtypes", "pytest"},
    "cli": {
        *("typer", "rich", "click", "pyvips", "tifffile", "av", "numba", "llvmlite"),
        *("aa_ref_dask", "dask", "distributed"),
    },
}
LAZY = {
    ("arrays", "ml_dtypes"), ("oracle", "ml_dtypes"), ("oracle", "pytest"), ("__init__", "cli"),
    ("cli", "aa_ref_dask"), ("cli", "dask"), ("cli", "distributed"),
}  # fmt: skip
"""What may be imported inside functions alone."""

IMPORTERS = {"backends", "bench", "cli", "oracle", "peers"}
"""The rooms that may import by a computed name."""


class Import(NamedTuple):
    """One name that a module imports: from a room of the house, or a package from outside."""

    name: str
    inside: bool
    at_top: bool
    line: int
    dotted: str


SHARED = (["base"], ["loading"])
"""What is all backends' own in ``backends``."""


def room_of(path: Path) -> str:
    """The room a module belongs to: the first folder or file, below ``backends`` the second."""
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts[:2] if parts[0] == "backends" and parts[1:] not in SHARED else parts[:1])


def room_named(dotted: str) -> str:
    """The room of an absolute dotted name such as ``aa_ref.backends.numba.crew``."""
    return room_of(module_named(dotted))


def module_named(dotted: str) -> Path:
    """The file of an absolute dotted name, which may be one within a module."""
    parts = dotted.split(".")[1:]
    while parts:
        path = PACKAGE.joinpath(*parts)
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.exists():
                return file
        parts.pop()
    return PACKAGE / "__init__.py"


def imports_of(path: Path, source: str) -> Iterator[Import]:
    """All that a module imports, at any depth."""
    tree = ast.parse(source)
    top = {node for statement in tree.body for node in at_top(statement)}
    package = ["aa_ref", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{stem}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first = name.partition(".")[0]
            inside = first == "aa_ref"
            room = room_named(name) if inside else first
            yield Import(room, inside, node in top, node.lineno, name)


def at_top(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement that run when the module is imported."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    yield statement
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield from at_top(child)


def faults_of(path: Path, source: str) -> list[str]:
    """What a module imports and should not."""
    room, found = room_of(path), []
    if room not in HOUSE:
        return [f"{room} has no row in HOUSE"]
    for name, inside, top, line, _ in imports_of(path, source):
        if inside:
            allowed = name == room or name in HOUSE[room]
        else:
            allowed = name in sys.stdlib_module_names or name in {"numpy", *OUTSIDE.get(room, ())}
        if not allowed:
            found.append(f"{room}, line {line}, imports {name}")
        if top and (room, name) in LAZY:
            found.append(f"{room}, line {line}, imports {name} outside a function")
    return found


def relative(value: Any) -> str:
    return str(value.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_run_one_way(path: Path) -> None:
    assert faults_of(path, path.read_text("utf-8")) == []


def test_no_module_imports_itself_in_a_circle() -> None:
    """Not inside functions either: nobody could say which of them comes first."""
    graph = {
        path: {
            module_named(found.dotted)
            for found in imports_of(path, path.read_text("utf-8")) if found.inside
        } - {path}
        for path in MODULES if room_of(path) != "cli" and path != PACKAGE / "__init__.py"
    }  # fmt: skip
    TopologicalSorter(graph).prepare()
    graph[PACKAGE / "errors.py"].add(PACKAGE / "oracle/report.py")
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("room", "source", "fault"),
    [
        ("errors.py", "from .dtypes import NAMES", "imports dtypes"),
        ("filters.py", "from . import boundary", "imports boundary"),
        ("filters.py", "import aa_ref.plans", "imports plans"),
        ("filters.py", "from aa_ref import plan", "imports __init__"),
        ("plans.py", "def f():\n    from .api import downsample", "imports api"),
        ("reference.py", "import numba", "imports numba"),
        ("reference.py", "def f():\n    from numba import njit", "imports numba"),
        ("reference.py", "from .backends.numpy import NumpyBackend", "imports backends.numpy"),
        ("backends/numpy.py", "from .. import reference", "imports reference"),
        ("backends/numpy.py", "from .numba.crew import run_pieces", "imports backends.numba"),
        ("backends/numba/launch.py", "from ..numpy import x", "imports backends.numpy"),
        ("backends/reference.py", "from . import numpy", "imports backends.numpy"),
        ("api.py", "def f():\n    import torch", "imports torch"),
        ("api.py", "if True:\n    from .cli import main", "imports cli"),
        ("arrays.py", "import ml_dtypes", "imports ml_dtypes outside a function"),
        ("arrays.py", "try:\n    import ml_dtypes\nfinally:\n    pass", "outside a function"),
        ("arrays.py", "def f():\n    import cupy", "imports cupy"),
        ("boundary.py", "import scipy.ndimage", "imports scipy"),
        ("news.py", "", "has no row"),
    ],
)
def test_a_wrong_import_is_seen(room: str, source: str, fault: str) -> None:
    (found,) = faults_of(PACKAGE / room, source)
    assert fault in found


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("backends/reference.py", "from .. import reference"),
        ("backends/reference.py", "from .base import Backend"),
        ("backends/numba/launch.py", "from . import threads\nfrom ...plans import Plan"),
        ("arrays.py", "def f():\n    import ml_dtypes"),
        ("api.py", "import numpy.typing, os.path"),
    ],
)
def test_a_right_import_is_not(room: str, source: str) -> None:
    assert faults_of(PACKAGE / room, source) == []


def test_imports_by_a_computed_name_are_in_few_places() -> None:
    """The syntax trees do not see through these."""
    for path in MODULES:
        used = set(re.findall(r"\b(?:import_module|__import__)\b", path.read_text("utf-8")))
        assert not used or room_of(path) in IMPORTERS, relative(path)


def test_the_import_loads_numpy_alone() -> None:
    code = """
import json, sys
import numpy, numpy.typing
before = set(sys.modules)
import aa_ref
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""
    paths = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, timeout=60
    )
    loaded = set(json.loads(done.stdout)) - set(sys.stdlib_module_names)
    assert loaded == {"aa_ref"}


def public_names(path: Path) -> tuple[set[str], set[str] | None]:
    """The functions and classes a module defines without an underscore, and its ``__all__``."""
    defined, listed = set(), None
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed = set(ast.literal_eval(node.value))
    return {name for name in defined if not name.startswith("_")}, listed


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_all_names_the_public_functions_and_classes(path: Path) -> None:
    defined, listed = public_names(path)
    assert listed is not None or not defined, f"no __all__, but {sorted(defined)}"
    assert defined <= (listed or set()), f"not in __all__: {sorted(defined - (listed or set()))}"


def module_at(path: Path) -> ModuleType:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    if "cli" in parts:
        for needed in ("typer", "rich", "pyvips", "tifffile"):
            pytest.importorskip(needed)
    if "videos" in parts:
        pytest.importorskip("av")
    if "numba" in parts:
        pytest.importorskip("numba")
    if "cuda" in parts:
        pytest.importorskip("numba_cuda")
    return importlib.import_module(".".join(parts).removesuffix(".__init__"))


@pytest.mark.parametrize("path", [p for p in MODULES if p.stem != "__main__"], ids=relative)
def test_names_in_all_are_there_and_documented(path: Path) -> None:
    module = module_at(path)
    names = getattr(module, "__all__", [])
    assert inspect.getdoc(module), "the module says nothing of itself"
    assert len(set(names)) == len(names)
    for name in names:
        assert hasattr(module, name)
    for name in public_names(path)[0]:
        assert inspect.getdoc(getattr(module, name)), f"{name} says nothing of itself"


@pytest.mark.parametrize("path", [p for p in MODULES if p.stem != "__main__"], ids=relative)
def test_examples_in_docstrings(path: Path) -> None:
    failed, _ = doctest.testmod(module_at(path))
    assert failed == 0


def test_there_are_examples_for_the_main_functions() -> None:
    for function in (aa_ref.downsample, aa_ref.downsample_adjoint, aa_ref.pyramid):
        assert ">>> " in (function.__doc__ or ""), function.__name__


FUNCTIONS = [
    getattr(aa_ref, name) for name in aa_ref.__all__ if inspect.isfunction(getattr(aa_ref, name))
]
NEVER_RAISE = {"list_backends"}


def section(doc: str, title: str) -> str | None:
    """The text of a numpydoc section."""
    found = re.search(
        rf"^{title}\n-{{{len(title)}}}\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", doc, re.M | re.S
    )
    return found and found[1]


def described(text: str) -> list[str]:
    """The names that stand at the left margin of a section, before a colon if there is one."""
    lines = [line.partition(" : ")[0] for line in text.splitlines() if line[:1].strip()]
    return [name.strip() for line in lines for name in line.split(",")]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_public_functions_document_what_they_take_give_and_raise(function: Any) -> None:
    doc = inspect.getdoc(function) or ""
    signature = inspect.signature(function)
    parameters = section(doc, "Parameters")
    assert sorted(described(parameters or "")) == sorted(signature.parameters)
    gives = signature.return_annotation not in (None, "None")
    assert (section(doc, "Returns") is not None) == gives
    raised = section(doc, "Raises")
    assert (raised is None) == (function.__name__ in NEVER_RAISE)
    for name in described(raised or ""):
        assert issubclass(getattr(aa_ref.errors, name), aa_ref.AaRefError)


@pytest.mark.parametrize("cls", [aa_ref.Plan, type(aa_ref.plan((8, 8), 0.5).axes[0])])
def test_plans_document_their_fields_and_members(cls: Any) -> None:
    attributes = described(section(inspect.getdoc(cls) or "", "Attributes") or "")
    assert set(cls.__dataclass_fields__) <= set(attributes)
    for name in attributes:
        assert name in cls.__dataclass_fields__ or hasattr(cls, name)
    for name, member in vars(cls).items():
        if not name.startswith("_") and name not in cls.__dataclass_fields__:
            assert inspect.getdoc(member), f"{cls.__name__}.{name}"


def test_no_module_bears_the_name_of_a_public_function() -> None:
    """Importing it would put the module in the function's place."""
    assert not {path.stem for path in PACKAGE.glob("*")} & {f.__name__ for f in FUNCTIONS}


def test_public_names() -> None:
    assert aa_ref.__all__ == sorted(aa_ref.__all__)
    assert all(hasattr(aa_ref, name) for name in aa_ref.__all__)
    assert set(FUNCTIONS) == {
        aa_ref.downsample, aa_ref.downsample_adjoint, aa_ref.downsample_masked, aa_ref.pyramid,
        aa_ref.plan, aa_ref.list_backends, aa_ref.get_num_threads, aa_ref.set_num_threads,
        aa_ref.limit_threads,
    }  # fmt: skip


def test_version_is_that_of_the_installed_distribution() -> None:
    try:
        installed = importlib.metadata.version("aa-ref")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout by its path
        installed = None
    assert re.fullmatch(r"\d+\.\d+\.\d+", aa_ref.__version__)
    assert installed in (None, aa_ref.__version__)
    assert (PACKAGE / "py.typed").exists()
