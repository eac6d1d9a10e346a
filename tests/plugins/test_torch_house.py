"""How the plugin is built into the house: public names alone, nothing loaded before its time."""

import ast
import doctest
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import aa_ref
import aa_ref_torch

FOLDER = Path(aa_ref_torch.__file__).parent
MODULES = sorted(FOLDER.glob("*.py"))
OUTSIDE = {"aa_ref", "numpy", "torch"}
LAZY = {"translation": {"onnxscript"}}
"""What is imported within functions alone, since it may be missing."""
ROOMS = {
    # module: those of the plugin that it may import from
    "memory": set(),
    "options": set(),
    "checkpoint": set(),
    "indices": {"options"},
    "convolution": {"indices", "options"},
    "operator": {"convolution", "memory", "options"},
    "translation": {"convolution", "operator", "options"},
    "functional": {"convolution", "memory", "operator", "options"},
    "modules": {"checkpoint", "convolution", "functional", "memory", "options"},
    "replacing": {"checkpoint", "modules"},
    "__init__": {"functional", "modules", "replacing", "translation"},
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_run_one_way_and_are_of_public_names(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            assert set(names) <= ROOMS[path.stem], names
        elif isinstance(node, ast.ImportFrom | ast.Import):
            stem = getattr(node, "module", None)
            names = [alias.name for alias in node.names]
            tops = {name.partition(".")[0] for name in ([stem] if stem else names)}
            allowed = set() if node.col_offset == 0 else LAZY.get(path.stem, set())
            assert tops <= OUTSIDE | allowed | set(sys.stdlib_module_names), tops
            if stem and tops == {"aa_ref"}:
                assert set(names) <= set(importlib.import_module(stem).__all__), names
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "aa_ref":
            assert node.attr in aa_ref.__all__, node.attr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_names_are_listed_and_documented_and_examples_run(path):
    module = importlib.import_module(f"aa_ref_torch.{path.stem}".removesuffix(".__init__"))
    assert inspect.getdoc(module)
    for name in module.__all__:
        assert hasattr(module, name)
        member = getattr(module, name)
        assert not inspect.isfunction(member) or inspect.getdoc(member)
    assert doctest.testmod(module).failed == 0


def test_functions_have_the_cores_signatures():
    for name in ("downsample", "downsample_adjoint", "pyramid"):
        ours, cores = (inspect.signature(getattr(of, name)) for of in (aa_ref_torch, aa_ref))
        assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
            (p.name, p.kind, p.default) for p in cores.parameters.values()
        ]


def loaded_after(code):
    code += "\nimport json, sys; print(json.dumps([m in sys.modules for m in WATCHED]))"
    watched = ["torch", "aa_ref_torch", "torch._dynamo", "numba"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"WATCHED = {watched}\n{code}"],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    values = json.loads(done.stdout.splitlines()[-1])
    return {name for name, value in zip(watched, values, strict=True) if value}


def test_each_is_loaded_in_its_time():
    arrays = "import aa_ref, numpy; aa_ref.downsample(numpy.ones((4, 4)), 0.5)"
    assert loaded_after(arrays) == set()
    assert loaded_after(f"import torch; {arrays}") == {"torch"}
    tensors = "import aa_ref, torch; aa_ref.downsample(torch.ones(4, 4), 0.5)"
    assert loaded_after(tensors) == {"torch", "aa_ref_torch"}
    layer = (
        "import aa_ref_torch as a, torch; a.AntiAliasInterpolation2d(3, 0.5)(torch.ones(3, 4, 4))"
    )
    assert loaded_after(layer) == {"torch", "aa_ref_torch"}
