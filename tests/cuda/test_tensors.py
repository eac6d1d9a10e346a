"""How PyTorch's tensors are read by their methods, which are the same on the CPU.

What becomes of them is in `simulated_arrays.py`.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support import TYPES

from aa_ref import device_arrays
from aa_ref.device_arrays import is_cuda_tensor, read_tensor
from aa_ref.errors import ContainerError, DtypeError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

VIEWS = {
    "whole": lambda x: x,
    "a part": lambda x: x[1:, 2:9:3, 1:],
    "transposed": lambda x: x.permute(2, 0, 1),
    "repeated": lambda x: x[:, :1].expand(4, 5, 6),
    "empty": lambda x: x[:0],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", TYPES)
def test_addresses_are_those_of_the_interface(dtype: str, view: str) -> None:
    x = VIEWS[view](torch.arange(240).reshape(4, 10, 6).to(getattr(torch, dtype)))
    told = read_tensor(x, 5)
    plain = x.view(torch.uint16) if dtype == "bfloat16" else x
    interface = plain.numpy().__array_interface__
    assert told.address == x.data_ptr()
    assert told.shape == interface["shape"]
    if x.numel():  # else NumPy has others
        assert told.address == interface["data"][0]
        assert told.strides == plain.numpy().strides
    assert (told.dtype, told.writeable, told.stream) == (dtype, True, 5)
    assert told.owner is x


def test_numbers_that_stand_negated_in_memory_are_resolved() -> None:
    x = torch.conj(torch.tensor([1 + 2j, 3 - 4j])).imag
    assert x.is_neg()
    told = read_tensor(x, 0)
    assert told.owner.data_ptr() == told.address
    assert not told.owner.is_neg()
    np.testing.assert_array_equal(told.owner.numpy(), [-2.0, 4.0])


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.ones(4, 4, requires_grad=True), ContainerError, r"gradient; pass x\.detach"),
        (torch.ones(4, 4).to_sparse(), ContainerError, "sparse_coo"),
        (torch.ones(4, 4, dtype=torch.int32), DtypeError, "int32"),
    ],
    ids=["gradient", "sparse", "int32"],
)
def test_what_cannot_be_read(x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_tensor(x, 0)


def test_memory_that_is_none() -> None:
    seen: list[Exception] = []

    def traced(x: Any) -> Any:
        with pytest.raises(ContainerError, match="has no memory") as raised:
            read_tensor(x, 0)
        seen.append(raised.value)
        return x

    torch.func.vmap(traced)(torch.ones(3, 4, 4))
    assert len(seen) == 1


def test_tensors_elsewhere_are_read_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(torch.Tensor):
        is_cuda = True

    x = torch.ones(4).as_subclass(Elsewhere)
    assert is_cuda_tensor(x)
    assert not is_cuda_tensor(torch.ones(4))
    assert not is_cuda_tensor(np.ones(4))
    monkeypatch.setattr(torch.version, "hip", "6.2")  # where is_cuda means an AMD GPU
    assert not is_cuda_tensor(x)


def test_both_ways_to_the_current_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    x, maker = torch.ones(4), device_arrays._MAKERS["torch"]
    stream = SimpleNamespace(cuda_stream=72)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.delattr(torch._C, "_cuda_getCurrentRawStream", raising=False)
    assert maker.stream(x) == 72
    raw = {None: 73}
    monkeypatch.setattr(torch._C, "_cuda_getCurrentRawStream", raw.__getitem__, raising=False)
    assert maker.stream(x) == 73


def test_odd_addresses_are_refused() -> None:
    x = SimpleNamespace(
        requires_grad=False, layout=torch.strided, is_neg=lambda: False, dtype=torch.float32,
        stride=lambda: (1,), shape=(4,), data_ptr=lambda: 4098, device=SimpleNamespace(index=0),
    )  # fmt: skip
    with pytest.raises(ContainerError, match="multiples of 4 bytes"):
        read_tensor(x, 0)
