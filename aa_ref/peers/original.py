"""The layer ``AntiAliasInterpolation2d`` as its users have it: see `docs/spec.md`, part 7.

A K×K table of binary32 weights, zeros around the picture, a grouped convolution at full
resolution; then all but every stride-th sample of every stride-th row is thrown away.
"""

from collections.abc import Callable, Sequence
from typing import Any

from .task import NotOfferedError, Prepared, Task
from .torch import floating, prepared, tensor_of

__all__ = ["backward", "first_published", "forward", "levels", "roundings", "timed"]


def forward(torch: Any, task: Task) -> Prepared:
    """The layer's ``forward``."""
    x = floating(torch, task)
    layer = _layer(torch, task, x)
    return prepared(task, lambda: layer(x), roundings(task))


def timed(torch: Any, task: Task) -> Prepared:
    """The layer's ``forward``, where it does something."""
    _require_a_filter(task)
    return forward(torch, task)


def first_published(torch: Any, task: Task) -> Prepared:
    """The same filter, then ``interpolate``, which picks nearest samples: as in 2019."""
    x, factors = floating(torch, task), (task.scale,) * 2
    blur, interpolate = _blur(torch, task, x), torch.nn.functional.interpolate
    return prepared(task, lambda: interpolate(blur(x), scale_factor=factors))


def backward(torch: Any, task: Task) -> Prepared:
    """Its gradient, by autograd; the forward call is not timed."""
    _require_a_filter(task)
    g = tensor_of(torch, task)
    x = torch.zeros(task.batch, task.channels, *task.lengths, dtype=g.dtype, device=g.device)
    if task.layout == "HWC":
        x = x.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    y = _layer(torch, task, x)(x)
    return prepared(
        task, lambda: torch.autograd.grad(y, x, g, retain_graph=True)[0], roundings(task)
    )


def levels(torch: Any, tasks: Sequence[Task], like: Any) -> Callable[[Any], list[Any]]:
    """Make a layer for each task, all of one input, as in the original's ``ImagePyramide``.

    They take tensors of the type and on the device of ``like``.
    """
    layers = [_layer(torch, task, like) for task in tasks]
    return lambda x: [layer(x) for layer in layers]


def roundings(task: Task) -> int:
    """How many a term of its sums passes at most, its weight's apart: a product, K² sums."""
    return len(task.taps) ** 2 + 1


def _require_a_filter(task: Task) -> None:
    if not task.plan.passes:
        raise NotOfferedError("at scale 1 it returns its input")


def _layer(torch: Any, task: Task, like: Any) -> Callable[[Any], Any]:
    blur, s = _blur(torch, task, like), task.stride
    return lambda x: blur(x)[:, :, ::s, ::s]


def _blur(torch: Any, task: Task, like: Any) -> Callable[[Any], Any]:
    """The filter at full resolution; at scale 1 the layer returns its input."""
    if not task.plan.passes:
        return lambda x: x
    weight, r = _weight(torch, task).to(like), task.axis.radius

    def blur(x: Any) -> Any:
        padded = torch.nn.functional.pad(x, (r, r, r, r))
        return torch.nn.functional.conv2d(padded, weight, groups=task.channels)

    return blur


def _weight(torch: Any, task: Task) -> Any:
    """(C, 1, K, K): a product of two exponentials in binary32, divided by their sum."""
    radius, weight = task.axis.radius, torch.tensor(1.0)
    for positions in torch.meshgrid(*[torch.arange(-radius, radius + 1.0)] * 2, indexing="ij"):
        weight = weight * torch.exp(-(positions**2) / (2 * task.sigma**2))
    weight = weight / weight.sum()
    return weight[None, None].repeat(task.channels, 1, 1, 1)
