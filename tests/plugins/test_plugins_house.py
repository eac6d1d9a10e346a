"""How the plugins are built into the house: public names alone, imports one way, documented."""

import ast
import doctest
import importlib
import inspect
import sys
from pathlib import Path

import pytest

import aa_ref
import aa_ref_dask
import aa_ref_torch
import aa_ref_xarray

OUTSIDE = {
    # plugin: the packages from outside the standard library that it may import
    "aa_ref_dask": {
        *("aa_ref", "dask", "distributed", "numpy"),
        *("ome_zarr_models", "pydantic", "tifffile", "zarr"),
    },
    "aa_ref_torch": {"aa_ref", "numpy", "torch"},
    "aa_ref_xarray": {"aa_ref", "numpy", "xarray"},
}
LAZY = {
    "aa_ref_dask.blockwise": {"distributed"},
    "aa_ref_dask.functional": {"ml_dtypes"},
    "aa_ref_torch.translation": {"onnxscript"},
}
"""What is imported within functions alone, since it may be missing."""
TENSORS = {"convolution", "errors", "memory", "options"}
ROOMS = {
    # module: those of its plugin that it may import from
    "aa_ref_dask.chunking": set(),
    "aa_ref_dask.tasks": {"chunking"},
    "aa_ref_dask.graph": {"chunking", "tasks"},
    "aa_ref_dask.normalised": set(),
    "aa_ref_dask.functional": {"chunking", "graph", "normalised", "tasks"},
    "aa_ref_dask.errors": set(),
    "aa_ref_dask.calibration": set(),
    "aa_ref_dask.folders": set(),
    "aa_ref_dask.ngff": {"calibration", "errors"},
    "aa_ref_dask.labels": {"ngff"},
    "aa_ref_dask.tiff": {"calibration", "errors"},
    "aa_ref_dask.sources": {"calibration", "errors", "ngff", "tiff"},
    "aa_ref_dask.pools": set(),
    "aa_ref_dask.blockwise": {"errors", "functional", "pools", "sources"},
    "aa_ref_dask.writing": {
        *("calibration", "folders", "functional", "labels", "ngff", "pools", "sources"),
    },
    "aa_ref_dask.__init__": {"functional", "writing"},
    "aa_ref_torch.memory": set(),
    "aa_ref_torch.errors": set(),
    "aa_ref_torch.options": {"errors"},
    "aa_ref_torch.indices": {"options"},
    "aa_ref_torch.standard": {"options"},
    "aa_ref_torch.convolution": {"errors", "indices", "options"},
    "aa_ref_torch.checkpoint": {"convolution", "options"},
    "aa_ref_torch.operator": {"convolution", "errors", "memory", "options"},
    "aa_ref_torch.flops": {"operator", "options"},
    "aa_ref_torch.translation": {"convolution", "operator", "options"},
    "aa_ref_torch.normalised": {"convolution", "errors", "operator", "options"},
    "aa_ref_torch.functional": {"operator", "normalised"} | TENSORS,
    "aa_ref_torch.modules": {"checkpoint", "functional", "standard"} | TENSORS,
    "aa_ref_torch.pyramide": {"functional", "modules", "options"},
    "aa_ref_torch.recognising": {"modules"},
    "aa_ref_torch.probing": {"checkpoint", "convolution", "modules", "options"},
    "aa_ref_torch.carrying": set(),
    "aa_ref_torch.replacing": {"carrying", "options", "probing", "recognising"},
    "aa_ref_torch.__init__": {
        "flops",
        "functional",
        "modules",
        "pyramide",
        "replacing",
        "translation",
    },
    "aa_ref_xarray.functional": set(),
    "aa_ref_xarray.__init__": {"functional"},
}
PLUGINS = (aa_ref_dask, aa_ref_torch, aa_ref_xarray)
MODULES = {
    f"{plugin.__name__}.{path.stem}": path
    for plugin in PLUGINS
    for path in sorted(Path(plugin.__file__).parent.glob("*.py"))
}


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_one_way_and_are_of_public_names(name):
    outside = OUTSIDE[name.partition(".")[0]] | set(sys.stdlib_module_names)
    for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            assert set(names) <= ROOMS[name], names
        elif isinstance(node, ast.ImportFrom | ast.Import):
            stem = getattr(node, "module", None)
            names = [alias.name for alias in node.names]
            tops = {name.partition(".")[0] for name in ([stem] if stem else names)}
            allowed = set() if node.col_offset == 0 else LAZY.get(name, set())
            assert tops <= outside | allowed, tops
            if stem and tops == {"aa_ref"}:
                assert set(names) <= set(importlib.import_module(stem).__all__), names
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "aa_ref":
            assert node.attr in {*aa_ref.__all__, "__version__"}, node.attr


@pytest.mark.parametrize("name", MODULES)
def test_names_are_listed_and_documented_and_examples_run(name):
    module = importlib.import_module(name.removesuffix(".__init__"))
    assert inspect.getdoc(module)
    for public in module.__all__:
        assert hasattr(module, public)
        member = getattr(module, public)
        assert not inspect.isfunction(member) or inspect.getdoc(member)
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.__name__)
def test_functions_have_the_cores_signatures(plugin):
    for name in ("downsample", "downsample_adjoint", "pyramid"):
        ours, cores = (inspect.signature(getattr(of, name)) for of in (plugin, aa_ref))
        assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
            (p.name, p.kind, p.default) for p in cores.parameters.values()
        ]
