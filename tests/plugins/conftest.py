"""What the tests of the torch plugin share."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")

HERE = Path(__file__).parent

TORCHS_OWN = [
    # works, but is to be replaced; torch itself scripts its formulas for forward mode
    r"ignore:`torch\.jit\.\w+` is deprecated:DeprecationWarning",
    r"ignore:.*isinstance\(treespec, LeafSpec\):FutureWarning",  # torch.onnx.export copies a tree
    "ignore:.*legacy TorchScript-based ONNX export:DeprecationWarning",
    "ignore:Constant folding - Only steps=1:UserWarning",
    "ignore:The feature will be removed:DeprecationWarning",
    "ignore:The PyTorch API of nested tensors is in prototype stage:UserWarning",
    r"ignore:torch\.quantize_per_tensor, .*:UserWarning",
    # that constants are constants
    "ignore:torch.from_numpy results are registered as constants",
    # the compiler, of its own modules
    "ignore:.*lru_cache.*:UserWarning:torch",
]
"""Warnings that torch gives of itself, whatever is done with it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore these in this folder alone; all others stay errors."""
    for item in items:
        if HERE in item.path.parents:
            for line in reversed(TORCHS_OWN):
                item.add_marker(pytest.mark.filterwarnings(line), append=False)


@pytest.fixture
def fresh_compiler():
    """No graphs of other tests, whose number would count against a limit of recompiling."""
    import torch

    torch.compiler.reset()
    yield
    torch.compiler.reset()
