"""A case's arrays as torch has them, and what layers do with them.

A function of a tensor that gives a list of tensors, one for each scale, is called *levels* here.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...peers import Task
from ...peers.torch import array_of, tensor_of
from ..agreement import Agreement, compare, same_bits
from ..cases import Case
from ..inputs import samples

__all__ = ["Tensors"]

Levels = Callable[[Any], list[Any]]


class Tensors:
    """The input of a case, (N, C, H, W), and for training a gradient for each result.

    Attributes
    ----------
    x : Tensor
        In the memory of the array that was given.
    tasks : list of Task
        One for each scale.
    """

    def __init__(self, torch: Any, case: Case, x: NDArray[Any]) -> None:
        self._torch, self._trains = torch, case.direction != "layer"
        self.tasks = [
            Task(plan, x, case.layout, "forward", batch=case.pictures) for plan in case.plans
        ]
        self.x = tensor_of(torch, self.tasks[0])
        self._ways_back = [
            replace(t, x=samples(t.plan.out_shape, case.dtype), direction="adjoint")
            for t in self.tasks
        ]
        self._gradients = [tensor_of(torch, t) for t in self._ways_back]
        self.x.requires_grad_(self._trains)

    def call_of(self, levels: Levels) -> Callable[[], Any]:
        """One call: where no gradients are asked for, or in training there and back."""
        return partial(self._train if self._trains else self._infer, levels)

    def has_our_bits(self, levels: Levels) -> bool:
        """Whether results and gradients are the core's, bit by bit."""
        return all(same_bits(found, _of_core(t)) for t, found in self._all_of(levels))

    def worst_agreement(self, levels: Levels, roundings: Callable[[Task], int]) -> Agreement:
        """Of results and gradients of all levels, what is furthest from its bound."""
        found = [
            compare(t.plan, t.direction, t.x, array, roundings(t))
            for t, array in self._all_of(levels)
        ]
        return max(found, key=lambda a: a.of_bound)

    def _infer(self, levels: Levels) -> Any:
        with self._torch.no_grad():
            return levels(self.x)

    def _train(self, levels: Levels) -> Any:
        return self._torch.autograd.grad(levels(self.x), self.x, self._gradients)

    def _all_of(self, levels: Levels) -> Iterator[tuple[Task, NDArray[Any]]]:
        """Each level's result, and in training what comes back of its gradient alone."""
        results = levels(self.x)
        for task, y in zip(self.tasks, results, strict=True):
            yield task, array_of(task, y)
        if self._trains:
            for task, y, g in zip(self._ways_back, results, self._gradients, strict=True):
                back = self._torch.autograd.grad(y, self.x, g, retain_graph=True)[0]
                yield task, array_of(task, back)


def _of_core(task: Task) -> NDArray[Any]:
    act = task.plan if task.direction == "forward" else task.plan.adjoint
    return np.asarray(act(task.x))
