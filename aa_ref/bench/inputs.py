"""A case's arrays: random samples, the same ones each time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cases import Case

__all__ = ["input_of", "samples"]


def input_of(case: Case) -> NDArray[Any]:
    """What the case's calls take: at full resolution, or for the adjoint what came of it."""
    shape = case.plans[0].out_shape if case.direction == "adjoint" else case.shape
    return samples(shape, case.dtype)


def samples(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Standard normal samples, or integers over the type's whole range."""
    rng = np.random.default_rng(0)
    target = np.dtype(dtype)
    if target.kind == "f":
        return rng.standard_normal(shape, np.float32).astype(target, copy=False)
    return rng.integers(0, np.iinfo(target).max, shape, target, endpoint=True)
