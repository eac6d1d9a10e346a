"""The layer ``AntiAliasInterpolation2d`` as its users have it: see `docs/spec.md`, part 7.

A K×K table of binary32 weights, zeros around the picture, a grouped convolution at full
resolution; then all but every stride-th sample of every stride-th row is thrown away.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import NotOfferedError
from .task import Prepared, Task
from .torch_tensors import array_of, tensor_of

__all__ = ["backward", "forward", "levels", "roundings"]


def forward(torch: Any, task: Task) -> Prepared:
    """The layer's ``forward``."""
    x = tensor_of(torch, task)
    if not x.is_floating_point():
        raise NotOfferedError("it takes floating-point arrays")
    layer = _filtering(torch, task, x)
    return Prepared(lambda: layer(x), lambda y: array_of(task, y), roundings(task))


def backward(torch: Any, task: Task) -> Prepared:
    """Its gradient, by autograd; the forward call is not timed."""
    g = tensor_of(torch, task)
    x = torch.zeros(task.batch, task.channels, *task.lengths, dtype=g.dtype, device=g.device)
    if task.layout == "HWC":
        x = x.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    y = _filtering(torch, task, x)(x)
    return Prepared(
        lambda: torch.autograd.grad(y, x, g, retain_graph=True)[0],
        lambda gx: array_of(task, gx),
        roundings(task),
    )


def levels(torch: Any, tasks: Sequence[Task], like: Any) -> Callable[[Any], list[Any]]:
    """A layer for each task, all of one input, as in the original's ``ImagePyramide``.

    They take tensors of the type and on the device of ``like``.
    """
    layers = [_layer(torch, task, like) for task in tasks]
    return lambda x: [layer(x) for layer in layers]


def roundings(task: Task) -> int:
    """How many a term of its sums passes at most, its weight's apart: a product, K² sums."""
    return len(task.taps) ** 2 + 1


def _layer(torch: Any, task: Task, like: Any) -> Callable[[Any], Any]:
    """At scale 1 it returns its input."""
    return _filtering(torch, task, like) if task.plan.passes else lambda x: x


def _filtering(torch: Any, task: Task, like: Any) -> Callable[[Any], Any]:
    weight = _weight(torch, task).to(like)
    r, s = task.axis.radius, task.stride

    def layer(x: Any) -> Any:
        padded = torch.nn.functional.pad(x, (r, r, r, r))
        blurred = torch.nn.functional.conv2d(padded, weight, groups=task.channels)
        return blurred[:, :, ::s, ::s]

    return layer


def _weight(torch: Any, task: Task) -> Any:
    """(C, 1, K, K): a product of two exponentials in binary32, divided by their sum."""
    sigma, radius = float(task.axis.sigma), task.axis.radius
    if sigma == 0:
        raise NotOfferedError("at scale 1 it returns its input")
    weight = torch.tensor(1.0)
    for positions in torch.meshgrid(*[torch.arange(-radius, radius + 1.0)] * 2, indexing="ij"):
        weight = weight * torch.exp(-(positions**2) / (2 * sigma**2))
    weight = weight / weight.sum()
    return weight[None, None].repeat(task.channels, 1, 1, 1)
